//! Field specifications: which field of which kinds a step changes (`kustomize/api/types/fieldspec.go`,
//! `kustomize/api/filters/fieldspec`).

use model::{GroupVersionKind, limit};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::budget::Budget;
use crate::error::RenderError;

/// A field of some kinds. An empty group, version or kind means any.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "Written")]
pub(crate) struct Spec {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    /// As it is written, for errors and to compare.
    pub(crate) path: String,
    /// Whether mappings that are missing on the way are added.
    pub(crate) create: bool,
    /// The path, taken apart. Lists on the way are walked through.
    parts: Vec<String>,
}

/// A field specification as a file has it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    group: String,
    version: String,
    kind: String,
    path: String,
    create: bool,
}

impl From<Written> for Spec {
    fn from(written: Written) -> Self {
        let Written { group, version, kind, path, create } = written;
        // A path that is refused is not taken apart: it may be long.
        let parts = if refusal(&path).is_none() { split(&path, '/') } else { Vec::new() };
        Self { group, version, kind, path, create, parts }
    }
}

impl Spec {
    pub(crate) fn new(group: &str, kind: &str, path: &str, create: bool) -> Self {
        let (group, kind, path) = (group.to_owned(), kind.to_owned(), path.to_owned());
        Written { group, version: String::new(), kind, path, create }.into()
    }

    /// How long its texts are.
    pub(crate) fn text_bytes(&self) -> usize {
        self.group.len() + self.version.len() + self.kind.len() + self.path.len()
    }

    /// Whether it is for objects of this kind.
    pub(crate) fn selects(&self, gvk: &GroupVersionKind) -> bool {
        selects(&self.group, &gvk.group) && selects(&self.version, &gvk.version) && selects(&self.kind, &gvk.kind)
    }

    /// Whether another one, which is added after this one, is for the same field, in which case it is left out. Kinds that
    /// are not named are any kinds only in the other one.
    fn covers(&self, other: &Self) -> bool {
        let same = selects(&other.group, &self.group)
            && selects(&other.version, &self.version)
            && selects(&other.kind, &self.kind);
        same && self.path == other.path
    }

    /// Calls `change` with every value that is at the path already.
    ///
    /// # Errors
    /// The budget is spent, or the first one of `change`; the values after it are left as they are.
    pub(crate) fn each_there(&self, value: &mut Value, budget: &Budget, change: Change<'_>) -> Result<(), RenderError> {
        walk(value, &self.parts, false, budget, change)
    }

    /// Calls `change` with every value at the path, after adding a `null` where the specification says so.
    ///
    /// # Errors
    /// The budget is spent, or the first one of `change`; the values after it are left as they are.
    pub(crate) fn each(&self, value: &mut Value, budget: &Budget, change: Change<'_>) -> Result<(), RenderError> {
        walk(value, &self.parts, self.create, budget, change)
    }
}

fn selects(wanted: &str, is: &str) -> bool {
    wanted.is_empty() || wanted == is
}

/// Adds a specification to others, unless one of them is for the same field.
///
/// # Errors
/// They disagree on whether the field is added where it is missing.
pub(crate) fn add<'a>(
    mut before: impl Iterator<Item = &'a Spec>,
    more: Spec,
    to: &mut Vec<Spec>,
) -> Result<(), String> {
    match before.find(|spec| spec.covers(&more)).or_else(|| to.iter().find(|spec| spec.covers(&more))) {
        Some(other) if other.create != more.create => {
            let kind = if more.kind.is_empty() { "all kinds" } else { &more.kind };
            Err(format!(
                "path {:?} of {kind} is there with create: {}, and here it has create: {}",
                limit::cut(&more.path),
                other.create,
                more.create
            ))
        }
        Some(_) => Ok(()),
        None => {
            to.push(more);
            Ok(())
        }
    }
}

/// Most parts of a path. A deeper one would make an object that nests deeper than any that is read.
const PARTS_MAX: usize = limit::NESTING_MAX;

/// Longest path, in bytes: longer than any field of a real object is deep, and each object of a layer may get it.
const PATH_BYTES_MAX: usize = 4096;

/// Why a path that a file gives is not used, if so.
pub(crate) fn refusal(path: &str) -> Option<String> {
    let parts = path.split('/').count();
    match path.len() {
        0 => Some("it is missing".into()),
        PATH_BYTES_MAX.. => Some(format!("it has {PATH_BYTES_MAX} bytes or more")),
        _ if parts > PARTS_MAX => Some(format!("it has {parts} parts, and {PARTS_MAX} are the most")),
        _ => None,
    }
}

/// Work of looking at one value on the way. A path may lead through each item of a list, and a file may have many paths.
const VISIT_BYTES: usize = 16;

/// What is done with each value at a path.
pub(crate) type Change<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), RenderError>;

/// The parts of a path. A separator within a part is written after a backslash; one at the beginning says nothing.
pub(crate) fn split(path: &str, separator: char) -> Vec<String> {
    let path = path.strip_prefix(separator).unwrap_or(path);
    let mut parts: Vec<String> = Vec::new();
    let mut open = false;
    for part in path.split(separator) {
        let (text, escaped) = part.strip_suffix('\\').map_or((part, false), |text| (text, true));
        match parts.last_mut() {
            Some(last) if open => {
                last.push(separator);
                last.push_str(text);
            }
            _ => parts.push(text.to_owned()),
        }
        open = escaped;
    }
    if let (true, Some(last)) = (open, parts.last_mut()) {
        last.push('\\');
    }
    parts
}

/// Recursion ends: `parts` has at most `PARTS_MAX` entries, and lists in `value` nest no deeper than what was read.
fn walk(
    value: &mut Value,
    parts: &[String],
    create: bool,
    budget: &Budget,
    change: Change<'_>,
) -> Result<(), RenderError> {
    budget.spend(VISIT_BYTES)?;
    let Some((name, rest)) = parts.split_first() else { return change(value) };
    if let Value::Array(items) = value {
        return items.iter_mut().try_for_each(|item| walk(item, parts, create, budget, change));
    }
    let (name, list) = name.strip_suffix("[]").map_or((name.as_str(), false), |name| (name, true));
    let Value::Object(map) = value else { return Ok(()) };
    match map.get_mut(name) {
        // A path that says that there is a list makes an empty one of a list that is written without items.
        Some(inner) if list && inner.is_null() => {
            *inner = Value::Array(Vec::new());
            Ok(())
        }
        Some(inner) if !inner.is_null() => walk(inner, rest, create, budget, change),
        // A missing list is not added: it would have no item to change.
        _ if list || !create => Ok(()),
        _ => {
            let inner = map.entry(name).or_insert(Value::Null);
            *inner = if rest.is_empty() { Value::Null } else { Value::Object(Map::new()) };
            walk(inner, rest, create, budget, change)
        }
    }
}

#[cfg(test)]
mod tests;
