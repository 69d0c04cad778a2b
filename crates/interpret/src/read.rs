//! Reading fields that may be missing or have any type.

use serde_json::Value;

use crate::fault::Fault;

pub(crate) fn get<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |at, name| at.get(name)).filter(|found| !found.is_null())
}

pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    get(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// A number; 0 when there is none, as in Go's structs.
pub(crate) fn int(object: &Value, path: &str) -> i64 {
    get(object, path).and_then(Value::as_i64).unwrap_or(0)
}

/// A whole number; `None` when the field is missing, an error when it is something else, or lies in what is no object.
pub(crate) fn whole(object: &Value, path: &str) -> Result<Option<i64>, Fault> {
    let wrong = || Fault::field(path, "a whole number");
    let mut found = object;
    for name in path.split('.') {
        found = match found {
            Value::Object(fields) => fields.get(name).unwrap_or(&Value::Null),
            Value::Null => return Ok(None),
            _ => return Err(wrong()),
        };
    }
    if found.is_null() { Ok(None) } else { found.as_i64().map(Some).ok_or_else(wrong) }
}

pub(crate) fn flag(object: &Value, path: &str) -> bool {
    get(object, path).and_then(Value::as_bool).unwrap_or(false)
}

pub(crate) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    get(object, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// One entry of `status.conditions`.
#[derive(Clone, Copy)]
pub(crate) struct Condition<'a> {
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

impl Condition<'_> {
    pub(crate) fn is_true(self) -> bool {
        self.status == "True"
    }

    pub(crate) fn is_false(self) -> bool {
        self.status == "False"
    }
}

pub(crate) fn condition<'a>(object: &'a Value, ty: &str) -> Option<Condition<'a>> {
    let found = list(object, "status.conditions").iter().find(|c| text(c, "type") == ty)?;
    Some(Condition { status: text(found, "status"), reason: text(found, "reason"), message: text(found, "message") })
}
