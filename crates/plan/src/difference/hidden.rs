//! Objects as people may see them: of a Secret no value, but its length and a digest.
//!
//! The digest is keyed by the hub and bound to the owner, the object and the field. The same value in the same place has the
//! same one, so that a change is seen; a value cannot be found by trying others in another place.

use api::delivery::Owner;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ObjectKey;
use serde_json::{Map, Value};

use crate::authenticator::HubKey;
use crate::prepare::is_secret;

/// Hexadecimal digits that are shown of a digest: two values are seldom alike by chance (one in four billion), and no value is
/// found from it.
const DIGEST_SHOWN: usize = 8;

/// Longest annotation of a Secret that is shown: tools keep whole objects in longer ones, values included.
const ANNOTATION_SHOWN_MAX: usize = 128;

/// Fields of a Secret that hold no value of it.
const OPEN: [&str; 5] = ["apiVersion", "kind", "metadata", "type", "immutable"];

/// Hides what is secret in the objects of one owner.
#[derive(Clone, Copy, Debug)]
pub struct Hider<'a> {
    /// The hub's key.
    pub key: &'a HubKey,
    /// Whose objects they are.
    pub owner: &'a Owner,
}

impl Hider<'_> {
    /// An object without values of Secrets. Others stay as they are.
    pub fn hide(&self, object: &Value) -> Value {
        let key = ObjectKey::of(object);
        let mut out = object.clone();
        if !is_secret(&key) {
            return out;
        }
        let Some(fields) = out.as_object_mut() else { return out };
        for (name, value) in fields.iter_mut().filter(|(name, _)| !OPEN.contains(&name.as_str())) {
            match value {
                Value::Object(values) => self.hide_values(&key, name, values),
                Value::Null => {}
                other => *other = self.words(&key, name, "", other),
            }
        }
        if let Some(Value::Object(annotations)) = fields.get_mut("metadata").and_then(|m| m.get_mut("annotations")) {
            for (name, value) in annotations.iter_mut().filter(|(_, value)| may_hold_an_object(value)) {
                *value = self.words(&key, "annotations", name, value);
            }
        }
        out
    }

    fn hide_values(&self, key: &ObjectKey, field: &str, values: &mut Map<String, Value>) {
        for (name, value) in values.iter_mut().filter(|(_, value)| !value.is_null()) {
            *value = self.words(key, field, name, value);
        }
    }

    fn words(&self, key: &ObjectKey, field: &str, name: &str, value: &Value) -> Value {
        let bytes = match value {
            Value::String(text) if field == "data" => {
                STANDARD.decode(text).unwrap_or_else(|_| text.clone().into_bytes())
            }
            Value::String(text) => text.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        };
        // What is written as text is kept as data.
        let field = if field == "stringData" { "data" } else { field };
        let place = [self.owner.to_string(), key.to_string(), field.to_owned(), name.to_owned()];
        let digest = self.key.digest_shown(&place, &bytes);
        let digest: String = digest.hex().chars().take(DIGEST_SHOWN).collect();
        let plural = if bytes.len() == 1 { "byte" } else { "bytes" };
        Value::String(format!("(hidden: {} {plural}, {digest})", bytes.len()))
    }
}

/// Tools note a whole object in an annotation, as kubectl's `last-applied-configuration` does.
pub(crate) fn may_hold_an_object(annotation: &Value) -> bool {
    annotation
        .as_str()
        .is_none_or(|text| text.len() > ANNOTATION_SHOWN_MAX || text.trim_start().starts_with(['{', '[']))
}
