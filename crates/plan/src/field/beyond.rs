//! Whether FieldsV1 names something that a value does not have.

use serde_json::{Map, Value};

use super::Items;

/// Lists up to so long are walked for each of their keys; of longer ones an index is made, which does not know keys that a
/// server defaulted.
const WALKED_MAX: usize = 64;

/// Does a FieldsV1 value name a field or an item that the value does not have?
pub(super) fn goes_beyond(fields: &Value, value: &Value) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    match value {
        Value::Object(map) => fields.iter().any(|(step, below)| {
            step.strip_prefix("f:").is_some_and(|name| map.get(name).is_none_or(|inner| goes_beyond(below, inner)))
        }),
        Value::Array(items) => in_list(fields, items),
        _ => false,
    }
}

fn in_list(fields: &Map<String, Value>, items: &[Value]) -> bool {
    if fields.keys().filter(|step| step.starts_with("k:") || step.starts_with("v:")).count() > items.len() {
        return true;
    }
    let mut index = (items.len() > WALKED_MAX).then(|| Items::new(items));
    fields.iter().any(|(step, below)| {
        let Some(keys) = step.strip_prefix("k:").and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok())
        else {
            return false;
        };
        let found = match &mut index {
            Some(index) => index.with_keys(&keys),
            None => items.iter().find(|item| has_keys(item, &keys)),
        };
        // The names of the keys are in the step, whether they were sent or defaulted.
        found.is_none_or(|item| item_goes_beyond(below, item, &keys))
    })
}

/// Is it the item, as far as it says? A key that was not sent was defaulted by the server.
fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    item.is_object() && keys.iter().all(|(name, value)| item.get(name).is_none_or(|own| own == value))
}

fn item_goes_beyond(fields: &Value, item: &Value, keys: &Map<String, Value>) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    fields.iter().any(|(step, below)| {
        let Some(name) = step.strip_prefix("f:") else { return false };
        match item.get(name) {
            Some(inner) => goes_beyond(below, inner),
            None => !keys.contains_key(name),
        }
    })
}
