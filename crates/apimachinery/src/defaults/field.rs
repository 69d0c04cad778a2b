//! Reading and setting fields of objects in place.

use serde_json::{Map, Value};

/// An object's fields.
pub(super) type Fields = Map<String, Value>;

/// Sets a field that is not there or empty text.
pub(super) fn set(map: &mut Fields, name: &str, value: impl Into<Value>) {
    if map.get(name).is_none_or(|v| v.is_null() || v == "") {
        map.insert(name.to_owned(), value.into());
    }
}

/// Sets a number that is not there or zero, for fields where Go cannot tell these apart.
pub(super) fn set_number(map: &mut Fields, name: &str, value: i32) {
    if map.get(name).is_none_or(|v| v.is_null() || v == 0) {
        map.insert(name.to_owned(), value.into());
    }
}

/// The fields of a struct inside, which is made when it is not there; `None` when something else is in its place.
pub(super) fn inside<'a>(map: &'a mut Fields, name: &str) -> Option<&'a mut Fields> {
    map.entry(name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// The text of a field; empty when it is not there.
pub(super) fn text<'a>(map: &'a Fields, name: &str) -> &'a str {
    map.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Has this field something in it?
pub(super) fn filled(map: &Fields, name: &str) -> bool {
    match map.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

/// The objects of a list.
pub(super) fn items<'a>(map: &'a mut Fields, name: &str) -> impl Iterator<Item = &'a mut Fields> {
    map.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}
