//! The order of a merged list: first what the patch says, then what the live list said.

use std::collections::{BTreeMap, BTreeSet};

use model::FieldPath;
use serde_json::Value;

use super::{PATCH, SET_ELEMENT_ORDER, directive};
use crate::fieldset::Scalar;
use crate::patch::error::PatchError;

/// What an item is known by: its merge key's value, or itself.
pub(super) fn identity(item: &Value, key: Option<&str>, at: &FieldPath) -> Result<Scalar, PatchError> {
    let value = match key {
        None => item,
        Some(key) => item.get(key).ok_or_else(|| PatchError::MergeKey { path: at.clone(), key: key.to_owned() })?,
    };
    let why = "items of a merged list must be scalars, or objects whose merge key is a scalar";
    Scalar::from_value(value).ok_or_else(|| PatchError::Items { path: at.clone(), why })
}

fn identities(items: &[Value], key: Option<&str>, at: &FieldPath) -> Result<Vec<Scalar>, PatchError> {
    items.iter().enumerate().map(|(index, item)| identity(item, key, &at.index(index))).collect()
}

/// Where each identity comes first.
pub(super) fn places(
    items: &[Value],
    key: Option<&str>,
    at: &FieldPath,
) -> Result<BTreeMap<Scalar, usize>, PatchError> {
    let mut out = BTreeMap::new();
    for (place, id) in identities(items, key, at)?.into_iter().enumerate() {
        out.entry(id).or_insert(place);
    }
    Ok(out)
}

/// Orders `merged`: items that `wanted` names come in its order; the others keep the order of `live`; both are woven
/// together so that an untouched item stays before the first wanted item that it stood before in `live`.
pub(super) fn arrange(
    merged: Vec<Value>,
    wanted: &[Value],
    live: &[Value],
    key: Option<&str>,
    at: &FieldPath,
) -> Result<Vec<Value>, PatchError> {
    let wanted = places(wanted, key, at)?;
    let live = places(live, key, at)?;

    let mut named = Vec::new();
    let mut others = Vec::new();
    for item in merged {
        let id = identity(&item, key, at)?;
        let in_live = live.get(&id).copied();
        match wanted.get(&id).copied() {
            Some(rank) => named.push((rank, in_live, item)),
            None => others.push((in_live.unwrap_or(usize::MAX), in_live, item)),
        }
    }
    named.sort_by_key(|(rank, ..)| *rank);
    others.sort_by_key(|(rank, ..)| *rank);

    let mut out = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (_, in_live, item) in named {
        while let Some((_, other_in_live, _)) = others.peek() {
            let stands_before = matches!((other_in_live, in_live), (Some(other), Some(own)) if *other < own);
            if !stands_before {
                break;
            }
            out.extend(others.next().map(|(.., other)| other));
        }
        out.push(item);
    }
    out.extend(others.map(|(.., other)| other));
    Ok(out)
}

/// The live list as upstream compares with it once the patch is merged: its deletes make room, and new items of the
/// patch take it. (There the lists share memory. When an item is replaced, the new one takes its place.)
pub(super) fn after_deletes(
    live: Vec<Value>,
    patch: &[Value],
    key: Option<&str>,
    at: &FieldPath,
) -> Result<Vec<Value>, PatchError> {
    let Some(key) = key else { return Ok(live) };
    let id = |item: &Value| identity(item, Some(key), at);
    let room = live.len();
    let mut gone = BTreeSet::new();
    for item in patch.iter().filter(|item| item.get(PATCH).is_some_and(|word| word == "delete")) {
        gone.insert(id(item)?);
    }
    let mut out = Vec::with_capacity(room);
    let mut seen = BTreeSet::new();
    for item in live {
        let id = id(&item)?;
        if !gone.contains(&id) {
            seen.insert(id);
            out.push(item);
        }
    }
    for item in patch.iter().filter(|item| item.get(PATCH).is_none()) {
        if out.len() < room && seen.insert(id(item)?) {
            out.push(item.clone());
        }
    }
    Ok(out)
}

/// Checks that a patch's items appear in the order directive, in the same relative order.
pub(super) fn check(items: &[Value], order: &[Value], key: Option<&str>, at: &FieldPath) -> Result<(), PatchError> {
    if items.is_empty() || order.is_empty() {
        return Ok(());
    }
    let order = identities(order, key, at)?;
    let mut rest = order.iter();
    for (index, item) in items.iter().enumerate() {
        if item.get(PATCH).is_some() {
            continue;
        }
        let id = identity(item, key, &at.index(index))?;
        if !rest.any(|other| *other == id) {
            let why =
                format!("does not name the items of the patch in the patch's order: {id} is missing or misplaced");
            return Err(directive(at, SET_ELEMENT_ORDER.trim_end_matches('/'), why));
        }
    }
    Ok(())
}
