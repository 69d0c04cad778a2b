//! Where objects are in the store: `/<group>/<resource>/<namespace>/<name>`.
//!
//! The group of the core group and the namespace of cluster-scoped objects are empty. Group, resource and namespace
//! hold no slash (they are DNS names), so a key reads back without doubt, and all objects of a kind, or of a kind in a
//! namespace, are one range.

use std::ops::Bound;
use std::sync::Arc;

use store::{Key, Range};

/// The key of an object.
pub(crate) fn object(group: &str, resource: &str, namespace: &str, name: &str) -> Key {
    Arc::from(format!("/{group}/{resource}/{namespace}/{name}").into_bytes())
}

/// What all keys of a kind, or of a kind in one namespace, begin with.
pub(crate) fn prefix(group: &str, resource: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("/{group}/{resource}/{namespace}/"),
        None => format!("/{group}/{resource}/"),
    }
}

/// Everything below a prefix that ends with a slash, from a given key on.
pub(crate) fn below(prefix: &str, from: Bound<Key>) -> Range {
    let mut end = prefix.as_bytes().to_vec();
    // '/' + 1: the first key that no longer has the prefix.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    let start = match from {
        Bound::Unbounded => Bound::Included(Arc::from(prefix.as_bytes())),
        other => other,
    };
    Range { start, end: Bound::Excluded(Arc::from(end)) }
}

/// The parts of a key: group, resource, namespace, name.
pub(crate) fn split(key: &[u8]) -> Option<(&str, &str, &str, &str)> {
    let mut parts = std::str::from_utf8(key).ok()?.strip_prefix('/')?.splitn(4, '/');
    Some((parts.next()?, parts.next()?, parts.next()?, parts.next()?))
}
