//! Reading objects that are JSON values.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kind::{GroupKind, GroupVersion, GroupVersionKind};
use crate::name::{KIND_MAX, LABEL_MAX, SUBDOMAIN_MAX};

/// What an object is called within one cluster, whatever the version it is read in. The namespace is empty for
/// cluster-scoped objects. In the order of group, kind, namespace and name.
///
/// A hub compares keys more often than it does anything else: each of a thousand members has tables of them, with keys
/// that all members share. So the same key is told by its place, and what differs most is compared first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ObjectKey {
    /// API group, empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind in CamelCase.
    pub kind: String,
    /// Namespace, empty for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl PartialEq for ObjectKey {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.name == other.name
                && self.namespace == other.namespace
                && self.kind == other.kind
                && self.group == other.group)
    }
}

impl Eq for ObjectKey {}

impl Hash for ObjectKey {
    /// Keys that differ in their group alone are rare.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.namespace.hash(state);
        self.kind.hash(state);
    }
}

impl Ord for ObjectKey {
    fn cmp(&self, other: &Self) -> Ordering {
        if std::ptr::eq(self, other) {
            return Ordering::Equal;
        }
        let order = self.group.cmp(&other.group).then_with(|| self.kind.cmp(&other.kind));
        order.then_with(|| self.namespace.cmp(&other.namespace)).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for ObjectKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ObjectKey {
    /// Longest key in words, in characters: as `Display` writes one whose parts are as long as Kubernetes lets them be.
    pub const CHARS_MAX: usize = KIND_MAX + 1 + SUBDOMAIN_MAX + 1 + LABEL_MAX + 1 + SUBDOMAIN_MAX;

    /// The key of an object, as far as it says. A missing kind or name is an empty string.
    pub fn of(object: &Value) -> Self {
        let gvk = gvk(object).unwrap_or_default();
        Self {
            group: gvk.group,
            kind: gvk.kind,
            namespace: namespace(object).unwrap_or_default().to_owned(),
            name: name(object).unwrap_or_default().to_owned(),
        }
    }

    /// Is the object of this group and kind?
    pub fn is_of(&self, kind: &GroupKind) -> bool {
        self.kind == kind.kind && self.group == kind.group
    }

    /// Group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.group.clone(), self.kind.clone())
    }
}

impl fmt::Display for ObjectKey {
    /// `Deployment.apps shop/web`; cluster-scoped objects have no namespace part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.group_kind())?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// The group, version and kind that an object says it has; `None` when `apiVersion` or `kind` is missing or malformed.
pub fn gvk(object: &Value) -> Option<GroupVersionKind> {
    let version: GroupVersion = object.get("apiVersion")?.as_str()?.parse().ok()?;
    let kind = object.get("kind")?.as_str().filter(|k| !k.is_empty())?;
    Some(version.kind(kind))
}

/// Follows field names from the object inward.
pub fn get<'a>(object: &'a Value, fields: &[&str]) -> Option<&'a Value> {
    fields.iter().try_fold(object, |value, field| value.get(field))
}

/// Follows field names to a string.
pub fn get_str<'a>(object: &'a Value, fields: &[&str]) -> Option<&'a str> {
    get(object, fields)?.as_str()
}

/// Follows field names to an integer.
pub fn get_i64(object: &Value, fields: &[&str]) -> Option<i64> {
    get(object, fields)?.as_i64()
}

/// Follows field names, making objects on the way, and returns the place to write. Anything on the way that is not an
/// object is replaced by one.
pub fn slot<'a>(object: &'a mut Value, fields: &[&str]) -> &'a mut Value {
    let mut place = object;
    for field in fields {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(map) = place else { unreachable!("made an object above") };
        place = map.entry((*field).to_owned()).or_insert(Value::Null);
    }
    place
}

/// Removes a field and returns it.
pub fn remove(object: &mut Value, fields: &[&str]) -> Option<Value> {
    let (last, parents) = fields.split_last()?;
    let parent = parents.iter().try_fold(object, |value, field| value.get_mut(field))?;
    parent.as_object_mut()?.remove(*last)
}

/// How many lists and objects lie inside each other: 0 for a scalar, 1 for a list or object of scalars.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// About how many bytes a value takes as JSON, without writing it: for limits, not for lengths.
pub fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => 2 + map.iter().map(|(name, value)| name.len() + 4 + weight(value)).sum::<usize>(),
    }
}

/// `metadata.name`.
pub fn name(object: &Value) -> Option<&str> {
    get_str(object, &["metadata", "name"])
}

/// `metadata.namespace`; empty counts as none.
pub fn namespace(object: &Value) -> Option<&str> {
    get_str(object, &["metadata", "namespace"]).filter(|n| !n.is_empty())
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> Option<&str> {
    get_str(object, &["metadata", "uid"])
}

/// `metadata.resourceVersion`.
pub fn resource_version(object: &Value) -> Option<&str> {
    get_str(object, &["metadata", "resourceVersion"])
}

/// A string map such as labels, annotations or match labels. Values that are not strings are left out.
pub fn string_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let Some(Value::Object(map)) = value else { return BTreeMap::new() };
    map.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

/// `metadata.labels`.
pub fn labels(object: &Value) -> BTreeMap<String, String> {
    string_map(get(object, &["metadata", "labels"]))
}

/// One label.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    get_str(object, &["metadata", "labels", key])
}

/// `metadata.annotations`.
pub fn annotations(object: &Value) -> BTreeMap<String, String> {
    string_map(get(object, &["metadata", "annotations"]))
}

/// One annotation.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    get_str(object, &["metadata", "annotations", key])
}

/// Is the object being deleted?
pub fn is_deleting(object: &Value) -> bool {
    get(object, &["metadata", "deletionTimestamp"]).is_some_and(|t| !t.is_null())
}

/// Does `live` say everything that `wanted` says? Maps may have more; lists must have the same items, each of which may
/// have more. Numbers compare by value: a typed client reads 1.0 as 1.
pub fn holds(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| live.get(key).is_some_and(|l| holds(l, value)))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(l, w)| holds(l, w))
        }
        (Value::Number(live), Value::Number(wanted)) => live.as_f64() == wanted.as_f64(),
        _ => live == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_equal_ordered_and_hashed_by_what_they_say() {
        let parts = ["", "a", "b"];
        let mut keys = Vec::new();
        for group in parts {
            for kind in parts {
                for namespace in parts {
                    for name in parts {
                        let [group, kind, namespace, name] = [group, kind, namespace, name].map(str::to_owned);
                        keys.push(ObjectKey { group, kind, namespace, name });
                    }
                }
            }
        }
        assert!(keys.is_sorted(), "by group, kind, namespace and name");
        for (at, key) in keys.iter().enumerate() {
            let copy = key.clone();
            assert_eq!((&copy, key.cmp(&copy)), (key, Ordering::Equal));
            assert_eq!(keys.iter().filter(|other| **other == copy).count(), 1);
            assert!(keys.iter().enumerate().all(|(n, other)| key.cmp(other) == at.cmp(&n)));
        }
        let distinct: std::collections::HashSet<ObjectKey> = keys.iter().chain(&keys).cloned().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn what_holds_may_say_more_and_never_less() {
        let live = json!({"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "n": 1.0});
        for wanted in [json!({"a": {"b": 1}}), json!({"l": [{"x": 1}]}), json!({"n": 1}), json!({})] {
            assert!(holds(&live, &wanted), "{wanted}");
        }
        for wanted in [json!({"a": {"b": 2}}), json!({"l": []}), json!({"l": [{"x": 1}, {}]}), json!({"z": null})] {
            assert!(!holds(&live, &wanted), "{wanted}");
        }
    }
}
