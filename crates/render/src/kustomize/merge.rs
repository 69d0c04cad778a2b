//! Strategic merge as kustomize does it.
//!
//! It differs from the API server's (`apimachinery::patch::strategic`) in the order of merged lists: what the patch
//! names comes first, which people rely on for init containers and environment variables. Directives inside lists and
//! maps are `$patch: delete|replace|merge`; the API server's list directives do not exist in kustomize.

use std::collections::{HashMap, HashSet, VecDeque};

use kinds::schema::{ListType, Schema};
use serde_json::{Map, Value};

/// What becomes of the value that was patched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is kept.
    Keep,
    /// It is removed by the caller.
    Delete,
}

/// Merges a patch into a value. `schema` describes the value; without one, lists are replaced.
///
/// # Errors
/// A directive that is not known, or a list item without its key.
pub(crate) fn merge(value: &mut Value, patch: &Value, schema: Option<&Schema>) -> Result<Outcome, String> {
    let Value::Object(fields) = patch else {
        *value = strip(patch);
        return Ok(Outcome::Keep);
    };
    match directive(fields)? {
        Some("delete") => return Ok(Outcome::Delete),
        Some("replace") => {
            *value = strip(patch);
            return Ok(Outcome::Keep);
        }
        _ => {}
    }
    if !value.is_object() {
        *value = strip(patch);
        return Ok(Outcome::Keep);
    }
    let Value::Object(target) = value else { return Ok(Outcome::Keep) };
    for (name, change) in fields.iter().filter(|(name, _)| *name != "$patch") {
        let below = schema.and_then(|s| s.field(name));
        let gone = match (target.get_mut(name), change) {
            (_, Value::Null) => true,
            (Some(Value::Array(items)), Value::Array(changes)) => {
                list(items, changes, below).map_err(|e| below_field(name, e))?;
                false
            }
            (Some(old), change) => merge(old, change, below).map_err(|e| below_field(name, e))? == Outcome::Delete,
            (None, Value::Object(map)) if directive(map)? == Some("delete") => true,
            (None, change) => {
                let mut fresh = if change.is_array() { Value::Array(Vec::new()) } else { Value::Null };
                if let (Value::Array(items), Value::Array(changes)) = (&mut fresh, change) {
                    list(items, changes, below).map_err(|e| below_field(name, e))?;
                } else {
                    fresh = strip(change);
                }
                target.insert(name.clone(), fresh);
                false
            }
        };
        if gone {
            target.remove(name);
        }
    }
    Ok(Outcome::Keep)
}

fn below_field(name: &str, why: String) -> String {
    format!("{name}: {why}")
}

/// The value of `$patch`; other directives are errors.
fn directive(fields: &Map<String, Value>) -> Result<Option<&str>, String> {
    if let Some(name) = fields.keys().find(|k| k.starts_with('$') && *k != "$patch") {
        return Err(format!("{name} is not supported in patches; use $patch, or a JSON 6902 patch"));
    }
    match fields.get("$patch") {
        None => Ok(None),
        Some(Value::String(text)) if matches!(text.as_str(), "delete" | "replace" | "merge") => Ok(Some(text)),
        Some(other) => Err(format!("$patch: {other} is none of delete, replace, merge")),
    }
}

/// The value without directives, and without the nulls that would have deleted something.
fn strip(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(name, v)| *name != "$patch" && !v.is_null());
            Value::Object(kept.map(|(name, v)| (name.clone(), strip(v))).collect())
        }
        Value::Array(items) => {
            let is_directive = |item: &Value| item.get("$patch").is_some_and(|d| d == "delete" || item_is_only(item));
            Value::Array(items.iter().filter(|i| !is_directive(i)).map(strip).collect())
        }
        other => other.clone(),
    }
}

fn item_is_only(item: &Value) -> bool {
    item.as_object().is_some_and(|map| map.len() == 1)
}

/// Merges a list when its schema says so; replaces it otherwise.
fn list(items: &mut Vec<Value>, changes: &[Value], schema: Option<&Schema>) -> Result<(), String> {
    let strategy = schema.and_then(|s| s.patch.as_ref()).filter(|p| p.merge);
    let Some(strategy) = strategy else {
        *items = plain(changes);
        return Ok(());
    };
    if changes.iter().any(|c| item_is_only(c) && c.get("$patch").is_some_and(|d| d == "replace")) {
        *items = plain(changes);
        return Ok(());
    }
    let keys = match schema.map(|s| &s.list) {
        Some(ListType::Map(keys)) if !keys.is_empty() => keys.clone(),
        _ => strategy.merge_key.iter().cloned().collect(),
    };
    let below = schema.and_then(Schema::items);
    if keys.is_empty() {
        let mut merged: Vec<Value> = plain(changes);
        let named: HashSet<&Value> = changes.iter().collect();
        merged.extend(items.iter().filter(|item| !named.contains(item)).cloned());
        *items = merged;
        return Ok(());
    }
    let mut rest: Vec<Option<Value>> = std::mem::take(items).into_iter().map(Some).collect();
    // A merge keeps the keys of an item, so the places hold until an item is taken.
    let mut places: HashMap<Vec<Value>, VecDeque<usize>> = HashMap::new();
    for (place, item) in rest.iter().enumerate() {
        places.entry(key_of(item.as_ref().unwrap_or(&Value::Null), &keys)).or_default().push_back(place);
    }
    let (mut first, one_key) = (Vec::new(), keys.len() == 1);
    for change in changes {
        let fields = change.as_object().ok_or("a list item is not a mapping")?;
        if !keys.iter().any(|k| fields.contains_key(k)) {
            return Err(format!("a list item has no {}", keys.join(" and no ")));
        }
        let key = key_of(change, &keys);
        let Some(place) = places.get(&key).and_then(|places| places.front().copied()) else {
            if directive(fields)? != Some("delete") {
                let mut fresh = Value::Object(Map::new());
                merge(&mut fresh, change, below)?;
                first.push(fresh);
            }
            continue;
        };
        let Some(item) = rest[place].as_mut() else { continue };
        let outcome = merge(item, change, below)?;
        // With one key, the patch's order counts; with several, items stay where they are.
        if outcome == Outcome::Keep && !one_key {
            continue;
        }
        let taken = rest[place].take();
        first.extend(taken.filter(|_| outcome == Outcome::Keep));
        places.entry(key).or_default().pop_front();
    }
    first.extend(rest.into_iter().flatten());
    *items = first;
    Ok(())
}

fn plain(changes: &[Value]) -> Vec<Value> {
    match strip(&Value::Array(changes.to_vec())) {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// The keys of an item. Items that leave the same one out are equal in it; a protocol that is left out is TCP.
fn key_of(item: &Value, keys: &[String]) -> Vec<Value> {
    let read = |key: &String| match item.get(key) {
        None if key == "protocol" => Value::from("TCP"),
        None => Value::Null,
        Some(value) => value.clone(),
    };
    keys.iter().map(read).collect()
}

#[cfg(test)]
mod tests;
