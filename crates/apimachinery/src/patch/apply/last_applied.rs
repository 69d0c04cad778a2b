//! Moving from client-side to server-side apply: `kubectl apply --server-side` on an object that `kubectl apply` made.
//!
//! Client-side apply keeps its last configuration in an annotation. What that says and the live object still has may be
//! taken over by manager `kubectl` without a conflict, and the annotation follows what `kubectl` applies, so that one
//! can go back.

use model::object;
use serde_json::{Map, Value};

use super::Change;
use super::collect::{Paths, paths};
use super::compare::compare;
use crate::fieldset::FieldSet;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How large all annotations of an object may be together, in bytes (`apimachinery/pkg/api/validation`). One that
/// would exceed it is dropped, as upstream does.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// What the last client-side configuration says and the live object still has. `None` without a usable annotation.
pub(super) fn owned(change: &Change<'_>) -> Option<FieldSet> {
    let live = change.live?;
    let last: Value = serde_json::from_str(object::annotation(live, ANNOTATION)?).ok()?;
    if last.get("apiVersion")? != change.api_version {
        return None;
    }
    let differs = compare(&last, live, change.ty());
    let said = paths(&last, change.ty(), Paths::Owned);
    Some(said.difference(&differs.written()).difference(&differs.removed))
}

/// Brings the annotation, where there is one, up to date with what was applied.
pub(super) fn refresh(object: &mut Value, applied: &Value) {
    if object::annotation(object, ANNOTATION).is_none_or(str::is_empty) {
        return;
    }
    let mut applied = applied.clone();
    object::remove(&mut applied, &["metadata", "annotations", ANNOTATION]);
    let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") else { return };
    annotations.insert(ANNOTATION.to_owned(), Value::String(format!("{applied}\n")));
    if bytes(annotations) > ANNOTATIONS_BYTES_MAX {
        annotations.remove(ANNOTATION);
    }
}

fn bytes(annotations: &Map<String, Value>) -> usize {
    annotations.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum()
}
