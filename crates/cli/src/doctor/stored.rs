//! Objects of kinds that nothing acts on: they were accepted with a warning that a pipeline may have swallowed.

use kube::Client;
use model::{GroupKind, object};
use serde_json::Value;

use super::observe::answer;

/// Kinds that are looked at: those that Kurator and Karmada publish are half as many.
const KINDS_MAX: usize = 60;

/// A kind, and how many objects of it the hub stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) kind: GroupKind,
    pub(super) count: u64,
}

/// Counts the objects of all kinds of which the hub does no more than store them. What may not be listed is not counted.
pub(super) async fn count(client: &Client) -> Vec<Stored> {
    let texts = |value: &'_ Value, field: &str| -> Vec<Value> {
        value.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let groups = read(client, "/apis").await.unwrap_or_default();
    let mut lists = Vec::new();
    for group in texts(&groups, "groups") {
        let (name, version) = (text(&group, "name"), text(&group["preferredVersion"], "groupVersion"));
        if !hub::is_stored_only(&GroupKind::new(name.clone(), String::new())) {
            continue;
        }
        let kinds = read(client, &format!("/apis/{version}")).await.unwrap_or_default();
        for kind in texts(&kinds, "resources") {
            let (plural, kind) = (text(&kind, "name"), GroupKind::new(name.clone(), text(&kind, "kind")));
            if !plural.contains('/') && hub::is_stored_only(&kind) {
                lists.push((kind, format!("/apis/{version}/{plural}?limit=1")));
            }
        }
    }
    let mut out = Vec::new();
    for (kind, path) in lists.into_iter().take(KINDS_MAX) {
        let Some(list) = read(client, &path).await else { continue };
        let rest = object::get(&list, &["metadata", "remainingItemCount"]).and_then(Value::as_u64).unwrap_or_default();
        let count = texts(&list, "items").len() as u64 + rest;
        if count > 0 {
            out.push(Stored { kind, count });
        }
    }
    out
}

async fn read(client: &Client, path: &str) -> Option<Value> {
    let (body, _) = answer(client, path).await.ok()?;
    serde_json::from_slice(&body).ok()
}
