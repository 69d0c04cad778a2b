//! A kind as documents describe it, and the references that they use.

use model::GroupVersionKind;
use serde_json::{Value, json};

/// The version that documents carry in `info`: whose API this is.
pub(super) const KUBERNETES: &str = "1.37";

/// What the paths and schemas of a kind need to know about it.
pub(super) struct Described<'a> {
    pub(super) gvk: GroupVersionKind,
    pub(super) plural: &'a str,
    pub(super) list_kind: String,
    pub(super) namespaced: bool,
    pub(super) status: bool,
    pub(super) scale: bool,
    pub(super) verbs: &'a [&'a str],
    pub(super) subresources: &'a [kinds::Subresource],
    /// Strategic merge patches are for built-in kinds only.
    pub(super) strategic: bool,
    /// Name of its schema in the document.
    pub(super) schema: String,
}

pub(super) fn gvk_value(gvk: &GroupVersionKind) -> Value {
    json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind})
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
