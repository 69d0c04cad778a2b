//! JSON into [`Value`], within a budget of memory.
//!
//! A limit on bytes alone is none on memory: `[{"":0},{"":0},…]` takes eighty times its length. What a server sends is
//! therefore weighed while it is parsed, and refused when it becomes too heavy.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::failure::{Error, words};

/// What a value takes wherever it stands.
const VALUE: usize = size_of::<Value>();
/// What the first entry of a map takes: a node of the B-tree behind it has room for eleven.
const NODE: usize = 11 * (size_of::<String>() + VALUE) + 16;
/// What a further entry takes, its share of a node that is two thirds full.
const ENTRY: usize = (size_of::<String>() + VALUE) * 3 / 2;

/// Memory that may still be used, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    max: usize,
    exceeded: bool,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self { left: max, max, exceeded: false }
    }

    fn charge<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        let Some(left) = self.left.checked_sub(bytes) else {
            self.exceeded = true;
            return Err(E::custom("too heavy"));
        };
        self.left = left;
        Ok(())
    }

    /// Gives all of it back, since what was parsed is no longer kept.
    fn refill(&mut self) {
        self.left = self.max;
    }

    /// What a parser's error means.
    pub(crate) fn judge(&self, error: &serde_json::Error) -> Error {
        if self.exceeded {
            return Error::TooLarge { max: self.max, of: "bytes in memory" };
        }
        // Parsing into a Value fails by the form only: the message has a place and no content.
        Error::Malformed(words(&error.to_string()))
    }
}

/// Parses a document.
pub(crate) fn parse(bytes: &[u8], memory_max: usize) -> Result<Value, Error> {
    parse_within(bytes, &mut Budget::new(memory_max))
}

/// Parses a document within a budget that others use too.
pub(crate) fn parse_within(bytes: &[u8], budget: &mut Budget) -> Result<Value, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = Weighed(budget).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    parsed.map_err(|error| budget.judge(&error))
}

/// Makes a typed object of a parsed one. Its error names no content: that may be a Secret's.
pub(crate) fn typed<T: kinds::Wire>(value: Value, what: &str) -> Result<T, Error> {
    T::from_json(value).map_err(|_| Error::Malformed(format!("a field of this {what} has the wrong type")))
}

/// Parses one value within a budget.
pub(crate) struct Weighed<'b>(pub(crate) &'b mut Budget);

impl<'de> DeserializeSeed<'de> for Weighed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Weighed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.0.charge(VALUE)?;
        Ok(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.0.charge(VALUE)?;
        Ok(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.0.charge(VALUE)?;
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.0.charge(VALUE)?;
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.charge(VALUE + value.len())?;
        Ok(value.into())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.0.charge(VALUE)?;
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.0.charge(VALUE)?;
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(Weighed(&mut *self.0))? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.0.charge(VALUE)?;
        let mut out = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.0.charge(key.len() + if out.is_empty() { NODE } else { ENTRY })?;
            out.insert(key, entries.next_value_seed(Weighed(&mut *self.0))?);
        }
        Ok(Value::Object(out))
    }
}

/// A page of a list: the text of each object is handed over as it is read, so that at most one of them is parsed at a time.
pub(crate) struct Page<'b, F> {
    pub(crate) budget: &'b mut Budget,
    /// Are the objects kept? If not, each may use the whole budget.
    pub(crate) kept: bool,
    /// Takes the text of an object, to be parsed within the budget. An error ends the page.
    pub(crate) take: F,
}

/// What a page says beside its objects.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) metadata: Value,
    /// It has items, also when there are none.
    pub(crate) has_items: bool,
}

impl<'de, F: FnMut(&str, &mut Budget) -> Result<(), Error>> DeserializeSeed<'de> for Page<'_, &mut F> {
    type Value = Envelope;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &mut Budget) -> Result<(), Error>> Visitor<'de> for Page<'_, &mut F> {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Envelope, A::Error> {
        let mut out = Envelope::default();
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "apiVersion" => out.api_version = entries.next_value()?,
                "kind" => out.kind = entries.next_value()?,
                "metadata" => out.metadata = entries.next_value_seed(Weighed(&mut *self.budget))?,
                "items" => {
                    out.has_items = true;
                    let items = Items { budget: &mut *self.budget, kept: self.kept, take: &mut *self.take };
                    entries.next_value_seed(items)?;
                }
                _ => drop(entries.next_value::<serde::de::IgnoredAny>()?),
            }
        }
        Ok(out)
    }
}

struct Items<'b, F> {
    budget: &'b mut Budget,
    kept: bool,
    take: F,
}

impl<'de, F: FnMut(&str, &mut Budget) -> Result<(), Error>> DeserializeSeed<'de> for Items<'_, &mut F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // `null` is how Go writes a list without elements.
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&str, &mut Budget) -> Result<(), Error>> Visitor<'de> for Items<'_, &mut F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("items")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            // The caller keeps the error itself; this one only ends the parsing.
            (self.take)(item.get(), self.budget).map_err(A::Error::custom)?;
            if !self.kept {
                self.budget.refill();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
