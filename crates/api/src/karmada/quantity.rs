//! Amounts of resources as manifests have them: a string such as `500m`, or a number. Both are kept as text, and
//! [`model::Quantity`] is what it means.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// The texts that Kubernetes' schemas of quantities admit.
pub const PATTERN: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// Amounts by name of a resource (`corev1.ResourceList`).
pub type ResourceList = BTreeMap<String, String>;

/// Reads one amount.
///
/// # Errors
/// It is neither a string nor a number.
pub fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Amount::deserialize(from).map(|amount| amount.0)
}

/// Reads amounts by name.
///
/// # Errors
/// One of them is neither a string nor a number.
pub fn amounts<'de, D: Deserializer<'de>>(from: D) -> Result<ResourceList, D::Error> {
    let read: BTreeMap<String, Amount> = BTreeMap::deserialize(from)?;
    Ok(read.into_iter().map(|(name, amount)| (name, amount.0)).collect())
}

/// The schema of one amount.
pub fn amount_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": PATTERN, "x-kubernetes-int-or-string": true,
    })
}

/// The schema of amounts by name.
pub fn amounts_schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": amount_schema(generator)})
}

struct Amount(String);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity: a string or a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
                Ok(Amount(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }
        }
        from.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_is_a_string_or_a_number() {
        let read = |value| amounts(value).ok();
        let expect = [("cpu", "2"), ("memory", "4Gi"), ("half", "0.5")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(read(json!({"cpu": 2, "memory": "4Gi", "half": 0.5})), Some(BTreeMap::from(expect)));
        assert_eq!(read(json!({"cpu": true})), None);
        assert_eq!(amount(json!(-3)).ok().as_deref(), Some("-3"));
    }
}
