//! Whether FieldsV1 names something that a value does not have.

use serde_json::{Map, Value};

use super::Items;

/// Lists up to so long are walked for each of their keys; of longer ones an index is made, which does not know keys that a
/// server defaulted: what names one is then taken for more than was sent.
const WALKED_MAX: usize = 64;

/// The keys of lists that servers add where they are not sent, with their value: of built-in kinds, the protocol of a
/// container's and a Service's port. Custom kinds may have others; one with such a key is taken for more than was sent.
const DEFAULTED: [(&str, &str); 1] = [("protocol", "TCP")];

/// A place in the object of which FieldsV1 speaks. It is looked up only where it is asked for, which is hardly ever.
pub(super) enum Place<'a> {
    /// The object itself.
    Object(&'a Value),
    /// A field of what is at a place.
    Field(&'a Place<'a>, &'a str),
    /// The item of a list that has these keys.
    Item(&'a Place<'a>, &'a Map<String, Value>),
}

impl<'a> Place<'a> {
    fn value(&self) -> Option<&'a Value> {
        match self {
            Self::Object(object) => Some(object),
            Self::Field(above, name) => above.value()?.get(name),
            Self::Item(above, keys) => {
                let is_it = |item: &&Value| keys.iter().all(|(name, value)| item.get(name) == Some(value));
                above.value()?.as_array()?.iter().find(is_it)
            }
        }
    }

    fn is_set(&self) -> bool {
        self.value().is_some_and(|value| !value.is_null())
    }
}

/// Does a FieldsV1 value name a field or an item that what was sent does not have? `null` sets nothing; the server says that
/// it is ours, so that only a value that is there tells whether another client has set one under our name.
pub(super) fn goes_beyond(fields: &Value, sent: &Value, live: &Place<'_>) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    match sent {
        Value::Object(map) => fields.iter().any(|(step, below)| {
            let Some(name) = step.strip_prefix("f:") else { return false };
            map.get(name).is_none_or(|inner| field_goes_beyond(below, inner, &Place::Field(live, name)))
        }),
        Value::Array(items) => in_list(fields, items, live),
        _ => false,
    }
}

fn field_goes_beyond(fields: &Value, sent: &Value, live: &Place<'_>) -> bool {
    if sent.is_null() { live.is_set() } else { goes_beyond(fields, sent, live) }
}

fn in_list(fields: &Map<String, Value>, items: &[Value], live: &Place<'_>) -> bool {
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
        found.is_none_or(|item| item_goes_beyond(below, item, &keys, live))
    })
}

/// Is it the item, as far as it says? A key that was not sent is the one that servers add.
fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    let is_default = |name: &str, value: &Value| DEFAULTED.iter().any(|(key, text)| *key == name && value == text);
    item.is_object()
        && keys.iter().all(|(name, value)| match item.get(name) {
            None | Some(Value::Null) => is_default(name, value),
            Some(own) => own == value,
        })
}

/// The names of the keys are in the step, whether they were sent or defaulted.
fn item_goes_beyond(fields: &Value, item: &Value, keys: &Map<String, Value>, live: &Place<'_>) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    let place = Place::Item(live, keys);
    fields.iter().any(|(step, below)| {
        let Some(name) = step.strip_prefix("f:").filter(|name| !keys.contains_key(*name)) else { return false };
        item.get(name).is_none_or(|inner| field_goes_beyond(below, inner, &Place::Field(&place, name)))
    })
}

#[cfg(test)]
mod tests;
