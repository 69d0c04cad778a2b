//! What is not said of Secrets.

use model::{ObjectKey, object};
use serde_json::Value;

use crate::difference::hidden::may_hold_an_object;
use crate::prepare;

/// Stands for a value of a Secret.
pub const HIDDEN: &str = "(hidden)";

/// Is the object a Secret, whatever its version? It may have been one before overrides, or have become one.
pub(super) fn is_kind(object: &Value) -> bool {
    prepare::is_secret(&ObjectKey::of(object)) || object::get_str(object, &["kind"]) == Some("Secret")
}

/// Is a value at this place of a Secret secret? What is not known to be open is.
pub(super) fn is_secret(path: &str, value: &Value) -> bool {
    let mut names = path.split('/').skip(1);
    let is_open = match names.next() {
        Some("apiVersion" | "kind" | "type" | "immutable") => true,
        Some("metadata") => names.next().is_some(),
        _ => false,
    };
    !is_open || value.is_object() || value.is_array() || may_hold_an_object(value) && value.is_string()
}
