//! JSON merge patch (RFC 7386).

use serde_json::Value;

/// Lays the patch over the document: objects merge field by field, `null` removes, everything else replaces.
pub fn merge(doc: &Value, patch: &Value) -> Value {
    let mut out = doc.clone();
    json_patch::merge(&mut out, patch);
    out
}
