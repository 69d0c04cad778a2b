//! JSON patch (RFC 6902).

use json_patch::PatchOperation;
use model::{limit, object};
use serde_json::Value;

use super::error::PatchError;

/// How many operations one patch may have. As kube-apiserver (`maxJSONPatchOperations`): each may copy the document, so
/// that the bound on the body alone does not bound the work.
pub const OPERATIONS_MAX: usize = 10_000;

/// Bytes that the copies of one patch may add up to. As kube-apiserver (`AccumulatedCopySizeLimit`): a copy of a parent
/// into its child doubles it, so that forty short operations would ask for a terabyte.
const COPIED_BYTES_MAX: usize = limit::OBJECT_BYTES_MAX;

/// Bytes that the moves of one patch may add up to. A move costs nothing by itself, but how deep it nests has to be looked
/// at: sixteen moves of the largest object take some 100 ms, ten thousand would take a minute.
const MOVED_BYTES_MAX: usize = 16 * limit::OBJECT_BYTES_MAX;

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
    let mut bounds = Bounds::default();
    for (index, operation) in operations.iter().enumerate() {
        let failed = |pointer: &str, why: String| PatchError::Operation { index, pointer: pointer.to_owned(), why };
        bounds.admit(&out, operation).map_err(|why| failed(operation.path().as_str(), why))?;
        json_patch::patch_unsafe(&mut out, std::slice::from_ref(operation))
            .map_err(|e| failed(e.path.as_str(), e.kind.to_string()))?;
    }
    Ok(out)
}

/// What the operations so far have copied and moved.
#[derive(Default)]
struct Bounds {
    copied: usize,
    moved: usize,
}

impl Bounds {
    /// Refuses an operation after which the document would be too large or nest too deep to be handled at all: both are
    /// judged before anything is copied.
    fn admit(&mut self, doc: &Value, operation: &PatchOperation) -> Result<(), String> {
        let place = operation.path().tokens().count();
        let nested = match operation {
            PatchOperation::Add(add) => object::depth(&add.value),
            PatchOperation::Replace(replace) => object::depth(&replace.value),
            PatchOperation::Copy(copy) => {
                let source = doc.pointer(copy.from.as_str()).unwrap_or(&Value::Null);
                self.copied += object::weight(source);
                if self.copied > COPIED_BYTES_MAX {
                    return Err(format!("the copies of this patch exceed {COPIED_BYTES_MAX} bytes: split the patch"));
                }
                object::depth(source)
            }
            PatchOperation::Move(mov) => {
                let source = doc.pointer(mov.from.as_str()).unwrap_or(&Value::Null);
                self.moved += object::weight(source);
                if self.moved > MOVED_BYTES_MAX {
                    return Err(format!("the moves of this patch exceed {MOVED_BYTES_MAX} bytes: split the patch"));
                }
                object::depth(source)
            }
            PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
        };
        if place + nested > limit::NESTING_MAX {
            return Err(format!("the result would nest deeper than {} levels", limit::NESTING_MAX));
        }
        Ok(())
    }
}
