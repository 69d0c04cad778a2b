//! Field specifications: which field of which kinds a transformer changes (`kustomize/api/types/fieldspec.go`).

use model::GroupVersionKind;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A field of some kinds. Empty group, version or kind matches any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
    /// Field names separated by `/`; lists on the way are walked through.
    pub(crate) path: &'static str,
    /// Whether mappings that are missing on the way are added.
    pub(crate) create: bool,
}

impl Spec {
    pub(crate) const fn new(group: &'static str, kind: &'static str, path: &'static str, create: bool) -> Self {
        Self { group, kind, path, create }
    }

    /// Whether it is for this kind.
    pub(crate) fn selects(&self, gvk: &GroupVersionKind) -> bool {
        (self.group.is_empty() || self.group == gvk.group) && (self.kind.is_empty() || self.kind == gvk.kind)
    }
}

/// A field specification that a kustomization file gives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct OwnedSpec {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) create: bool,
}

impl OwnedSpec {
    pub(crate) fn selects(&self, gvk: &GroupVersionKind) -> bool {
        (self.group.is_empty() || self.group == gvk.group)
            && (self.version.is_empty() || self.version == gvk.version)
            && (self.kind.is_empty() || self.kind == gvk.kind)
    }
}

/// Calls `change` with every value at a path. Lists are walked through, with or without `[]` after the name.
pub(crate) fn each(value: &mut Value, path: &str, create: bool, change: &mut dyn FnMut(&mut Value)) {
    let parts: Vec<String> = split(path);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    walk(value, &parts, create, change);
}

/// A `/` in a name is written `\/`.
fn split(path: &str) -> Vec<String> {
    path.replace("\\/", "\u{0}").split('/').map(|p| p.replace('\u{0}', "/")).collect()
}

fn walk(value: &mut Value, parts: &[&str], create: bool, change: &mut dyn FnMut(&mut Value)) {
    if let Value::Array(items) = value {
        items.iter_mut().for_each(|item| walk(item, parts, create, change));
        return;
    }
    let Some((name, rest)) = parts.split_first() else { return change(value) };
    let (name, list) = name.strip_suffix("[]").map_or((*name, false), |name| (name, true));
    let Value::Object(map) = value else { return };
    let missing = map.get(name).is_none_or(Value::is_null);
    if missing {
        // A missing list is not added: it would have no item to change.
        if !create || list {
            return;
        }
        map.insert(name.to_owned(), if rest.is_empty() { Value::Null } else { Value::Object(Map::new()) });
    }
    if let Some(inner) = map.get_mut(name) {
        walk(inner, rest, create, change);
    }
}
