//! Field specifications: which field of which kinds a transformer changes (`kustomize/api/types/fieldspec.go`).

use model::{GroupVersionKind, limit};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::RenderError;

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

/// Most parts of a path. A deeper one would make an object that nests deeper than any that is read.
const PARTS_MAX: usize = limit::NESTING_MAX;

/// Longest path, in bytes: longer than any field of a real object is deep, and each object of a layer may get it.
const PATH_BYTES_MAX: usize = 4096;

/// Why a path that a kustomization file gives is not used, if so.
pub(crate) fn refusal(path: &str) -> Option<String> {
    let parts = path.split('/').count();
    match path.len() {
        0 => Some("it is missing".into()),
        PATH_BYTES_MAX.. => Some(format!("it has {PATH_BYTES_MAX} bytes or more")),
        _ if parts > PARTS_MAX => Some(format!("it has {parts} parts, and {PARTS_MAX} are the most")),
        _ => None,
    }
}

/// Calls `change` with every value at a path. Lists are walked through, with or without `[]` after the name.
///
/// # Errors
/// The first one of `change`; the values after it are left as they are.
pub(crate) fn each(value: &mut Value, path: &str, create: bool, change: Change<'_>) -> Result<(), RenderError> {
    let parts: Vec<String> = split(path);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    walk(value, &parts, create, change)
}

/// What is done with each value at a path.
pub(crate) type Change<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), RenderError>;

/// A `/` in a name is written `\/`.
fn split(path: &str) -> Vec<String> {
    path.replace("\\/", "\u{0}").split('/').map(|p| p.replace('\u{0}', "/")).collect()
}

/// Recursion ends: `parts` has at most `PARTS_MAX` entries, and lists in `value` nest no deeper than what was read.
fn walk(value: &mut Value, parts: &[&str], create: bool, change: Change<'_>) -> Result<(), RenderError> {
    if let Value::Array(items) = value {
        return items.iter_mut().try_for_each(|item| walk(item, parts, create, change));
    }
    let Some((name, rest)) = parts.split_first() else { return change(value) };
    let (name, list) = name.strip_suffix("[]").map_or((*name, false), |name| (name, true));
    let Value::Object(map) = value else { return Ok(()) };
    let missing = map.get(name).is_none_or(Value::is_null);
    if missing {
        // A missing list is not added: it would have no item to change.
        if !create || list {
            return Ok(());
        }
        map.insert(name.to_owned(), if rest.is_empty() { Value::Null } else { Value::Object(Map::new()) });
    }
    match map.get_mut(name) {
        Some(inner) => walk(inner, rest, create, change),
        None => Ok(()),
    }
}
