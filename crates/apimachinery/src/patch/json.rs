//! JSON patch (RFC 6902).

use json_patch::PatchOperation;
use serde_json::Value;

use super::PatchError;

/// How many operations one patch may have. As kube-apiserver (`maxJSONPatchOperations`): each may copy the document, so
/// that the bound on the body alone does not bound the work.
pub const OPERATIONS_MAX: usize = 10_000;

/// Applies the operations in order, all or none, and returns the new document.
///
/// Stricter than kube-apiserver in two places that RFC 6902 decides: list indices are not negative, and `test` of a
/// missing field against `null` fails.
///
/// # Errors
/// [`PatchError::Malformed`], [`PatchError::TooManyOperations`], [`PatchError::Operation`] with index and pointer of the
/// first operation that failed.
pub fn json(doc: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Array(items) = patch else {
        return Err(PatchError::Malformed { patch: "JSON patch", why: "it must be a list of operations".to_owned() });
    };
    if items.len() > OPERATIONS_MAX {
        return Err(PatchError::TooManyOperations { got: items.len(), max: OPERATIONS_MAX });
    }
    let mut operations = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let operation: PatchOperation = serde_json::from_value(item.clone())
            .map_err(|e| PatchError::Malformed { patch: "JSON patch", why: format!("operation {index}: {e}") })?;
        operations.push(operation);
    }
    let mut out = doc.clone();
    json_patch::patch_unsafe(&mut out, &operations).map_err(|e| PatchError::Operation {
        index: e.operation,
        pointer: e.path.to_string(),
        why: e.kind.to_string(),
    })?;
    Ok(out)
}
