//! Objects that run to an end, and are of no more use then.

use serde_json::Value;

use crate::read::{condition, text};

/// Did the object run to its end, and did it fail? `None` while it may still do something, and for kinds without an end.
///
/// A Job ends with one of two conditions; a Pod that nothing controls ends well with its phase. A Pod that failed may have
/// been evicted, which is no end of what it was to do.
pub fn ended(object: &Value) -> Option<bool> {
    let is_of = |version: &str, kind: &str| text(object, "apiVersion") == version && text(object, "kind") == kind;
    if is_of("batch/v1", "Job") {
        let is = |ty: &str| condition(object, ty).is_some_and(|found| found.is_true());
        return if is("Failed") { Some(true) } else { is("Complete").then_some(false) };
    }
    (is_of("v1", "Pod") && text(object, "status.phase") == "Succeeded").then_some(false)
}
