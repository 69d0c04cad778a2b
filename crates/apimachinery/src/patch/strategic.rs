//! Strategic merge patch: a merge patch that knows from the schema which lists merge, and by which key.
//!
//! | Directive | Where | Effect |
//! |---|---|---|
//! | `$patch: replace` | object | the object becomes what the patch holds |
//! | `$patch: delete` | object | the object becomes empty |
//! | `$patch: merge` | object | the default, said aloud (upstream refuses it, kustomize writes it) |
//! | `$patch: delete` + merge key | item of a merged list | the item goes |
//! | `$patch: replace` | item of a merged list | the list becomes the other items of the patch |
//! | `$retainKeys: [..]` | object | fields of the live object that are not listed go |
//! | `$setElementOrder/list: [..]` | beside a merged list | the order of the items it names |
//! | `$deleteFromPrimitiveList/list: [..]` | beside a list of scalars | these items go |
//!
//! Rules from `apimachinery/pkg/util/strategicpatch`. Where upstream leaves directives or nulls in the merged JSON and
//! drops them when it decodes into Go types, they are dropped here. Fields that the schema does not know merge as
//! objects do, and their lists are replaced.

mod order;

use std::collections::BTreeSet;

use model::FieldPath;
use serde_json::{Map, Value};

use self::order::{arrange, identity};
use super::error::PatchError;
use crate::fieldset::Scalar;
use kinds::schema::{PatchStrategy, Schema};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

/// Applies the patch and returns the new document.
///
/// # Errors
/// [`PatchError::Malformed`] when either side is not an object; [`PatchError::Directive`], [`PatchError::MergeKey`] and
/// [`PatchError::Items`] with the path of the field at fault.
pub fn strategic(doc: &Value, patch: &Value, schema: &Schema) -> Result<Value, PatchError> {
    let (Value::Object(doc), Value::Object(patch)) = (doc, patch) else {
        let why = "the patch and the object it applies to must be JSON objects".to_owned();
        return Err(PatchError::Malformed { patch: "strategic merge patch", why });
    };
    merge_map(doc.clone(), patch, Some(schema), &FieldPath::root()).map(Value::Object)
}

/// The strategy of a list field; the field's own word wins over its type's.
fn strategy(schema: Option<&Schema>) -> Option<&PatchStrategy> {
    let schema = schema?;
    schema.patch.as_ref().or_else(|| schema.resolve().patch.as_ref())
}

fn merge_map(
    mut live: Map<String, Value>,
    patch: &Map<String, Value>,
    schema: Option<&Schema>,
    at: &FieldPath,
) -> Result<Map<String, Value>, PatchError> {
    match patch.get(PATCH) {
        None => {}
        Some(Value::String(word)) if word == "merge" => {}
        Some(Value::String(word)) if word == "replace" => {
            return Ok(patch.iter().filter_map(|(k, v)| Some((k.clone(), plain(k, v)?))).collect());
        }
        Some(Value::String(word)) if word == "delete" => return Ok(Map::new()),
        Some(other) => {
            return Err(directive(at, PATCH, format!("must be replace, delete or merge, not {other}")));
        }
    }
    if let Some(keys) = patch.get(RETAIN_KEYS) {
        retain(&mut live, patch, keys, at)?;
    }
    let mut done = Vec::new();
    for (key, order) in patch {
        if let Some(field) = key.strip_prefix(SET_ELEMENT_ORDER) {
            set_order(&mut live, patch, field, order, schema, at)?;
            done.push(field);
        }
    }
    for (key, value) in patch {
        if key == PATCH || key == RETAIN_KEYS || key.starts_with(SET_ELEMENT_ORDER) || done.contains(&key.as_str()) {
            continue;
        }
        if let Some(field) = key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            let Value::Array(gone) = value else {
                return Err(directive(at, key, "must be a list".to_owned()));
            };
            if let Some(Value::Array(items)) = live.get_mut(field) {
                let gone: BTreeSet<Scalar> = gone.iter().filter_map(Scalar::from_value).collect();
                items.retain(|item| Scalar::from_value(item).is_none_or(|item| !gone.contains(&item)));
            }
            continue;
        }
        merge_field(&mut live, key, value, schema.and_then(|s| s.field(key)), at)?;
    }
    Ok(live)
}

fn merge_field(
    live: &mut Map<String, Value>,
    key: &str,
    value: &Value,
    schema: Option<&Schema>,
    at: &FieldPath,
) -> Result<(), PatchError> {
    let merged = match (live.remove(key), value) {
        (_, Value::Null) => None,
        (Some(Value::Object(old)), Value::Object(new)) => {
            Some(Value::Object(merge_map(old, new, schema, &at.field(key))?))
        }
        (Some(Value::Array(old)), Value::Array(new)) if strategy(schema).is_some_and(|s| s.merge) => {
            Some(Value::Array(merge_list(old, new, schema, &at.field(key))?))
        }
        (_, new) => plain(key, new),
    };
    if let Some(merged) = merged {
        live.insert(key.to_owned(), merged);
    }
    Ok(())
}

/// The value as it stands where nothing is there to merge with: without directives and nulls. An object that says
/// `$patch: replace` is kept (upstream loses it).
fn plain(key: &str, value: &Value) -> Option<Value> {
    let is_directive = key == PATCH
        || key == RETAIN_KEYS
        || key.starts_with(SET_ELEMENT_ORDER)
        || key.starts_with(DELETE_FROM_PRIMITIVE_LIST);
    if is_directive || value.is_null() {
        return None;
    }
    match value {
        Value::Object(map) if map.get(PATCH).is_none_or(|word| word != "delete") => Some(plain_map(map)),
        other => plain_item(other),
    }
}

fn plain_map(map: &Map<String, Value>) -> Value {
    Value::Object(map.iter().filter_map(|(k, v)| Some((k.clone(), plain(k, v)?))).collect())
}

fn plain_item(value: &Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.get(PATCH).is_some_and(|word| word != "merge") => None,
        Value::Object(map) => Some(plain_map(map)),
        Value::Array(items) => Some(Value::Array(items.iter().filter_map(plain_item).collect())),
        other => Some(other.clone()),
    }
}

fn merge_list(
    live: Vec<Value>,
    patch: &[Value],
    schema: Option<&Schema>,
    at: &FieldPath,
) -> Result<Vec<Value>, PatchError> {
    if !of_objects(&live, patch, at)? {
        let mut seen = BTreeSet::new();
        let mut merged: Vec<Value> = Vec::with_capacity(live.len() + patch.len());
        for item in live.iter().chain(patch) {
            if seen.insert(identity(item, None, at)?) {
                merged.push(item.clone());
            }
        }
        return arrange(merged, patch, &live, None, at);
    }
    let Some(key) = strategy(schema).and_then(|s| s.merge_key.as_deref()) else {
        return Err(PatchError::Items {
            path: at.clone(),
            why: "a list of objects without a merge key cannot be merged",
        });
    };
    let (mut merged, items) = special_items(live, patch, key, at)?;
    let order = merged.clone();
    let mut places = order::places(&merged, Some(key), at)?;
    let item_schema = schema.and_then(Schema::items);
    for &(index, item) in &items {
        let here = at.index(index);
        let id = identity(item, Some(key), &here)?;
        let place = *places.entry(id).or_insert(merged.len());
        match (merged.get_mut(place).map(Value::take), item) {
            (Some(Value::Object(old)), Value::Object(fields)) => {
                merged[place] = Value::Object(merge_map(old, fields, item_schema, &here)?);
            }
            _ => merged.extend(plain_item(item)),
        }
    }
    let items: Vec<Value> = items.into_iter().map(|(_, item)| item.clone()).collect();
    arrange(merged, &items, &order, Some(key), at)
}

/// An item of a patch with its place.
type Placed<'a> = (usize, &'a Value);

/// Acts on the items that carry `$patch`; returns what is left of the live list, and the patch's other items.
fn special_items<'a>(
    mut live: Vec<Value>,
    patch: &'a [Value],
    key: &str,
    at: &FieldPath,
) -> Result<(Vec<Value>, Vec<Placed<'a>>), PatchError> {
    let mut items = Vec::with_capacity(patch.len());
    let mut gone = BTreeSet::new();
    let mut replace = false;
    for (index, item) in patch.iter().enumerate() {
        match item.get(PATCH) {
            None => items.push((index, item)),
            Some(Value::String(word)) if word == "merge" => items.push((index, item)),
            Some(Value::String(word)) if word == "replace" => replace = true,
            Some(Value::String(word)) if word == "delete" => {
                gone.insert(identity(item, Some(key), &at.index(index))?);
            }
            Some(other) => {
                let why = format!("must be replace, delete or merge, not {other}");
                return Err(directive(&at.index(index), PATCH, why));
            }
        }
    }
    if replace {
        live.clear();
    }
    live.retain(|old| old.get(key).and_then(Scalar::from_value).is_none_or(|id| !gone.contains(&id)));
    Ok((live, items))
}

/// Are the items objects? All must be alike, and none a list.
fn of_objects(live: &[Value], patch: &[Value], at: &FieldPath) -> Result<bool, PatchError> {
    let mut objects = None;
    for item in live.iter().chain(patch) {
        if item.is_array() {
            return Err(PatchError::Items { path: at.clone(), why: "lists of lists cannot be merged" });
        }
        let is_object = item.is_object();
        if *objects.get_or_insert(is_object) != is_object {
            return Err(PatchError::Items { path: at.clone(), why: "items must be either all objects or all scalars" });
        }
    }
    Ok(objects.unwrap_or(false))
}

/// `$retainKeys`: the patch may not name fields that it does not retain; the live object loses all others.
fn retain(
    live: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    keys: &Value,
    at: &FieldPath,
) -> Result<(), PatchError> {
    let Value::Array(keys) = keys else {
        return Err(directive(at, RETAIN_KEYS, "must be a list of field names".to_owned()));
    };
    let kept = |field: &str| keys.iter().any(|key| key == field);
    for (key, value) in patch {
        if !value.is_null() && !key.starts_with('$') && !kept(key) {
            return Err(directive(at, RETAIN_KEYS, format!("does not list {key:?}, which the patch sets: add it")));
        }
    }
    live.retain(|field, _| kept(field));
    Ok(())
}

/// `$setElementOrder/field`: merges the list and then puts the items that the directive names into its order.
fn set_order(
    live: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    field: &str,
    order: &Value,
    schema: Option<&Schema>,
    at: &FieldPath,
) -> Result<(), PatchError> {
    let here = at.field(field);
    let name = || format!("{SET_ELEMENT_ORDER}{field}");
    let Value::Array(order) = order else {
        return Err(directive(at, &name(), "must be a list".to_owned()));
    };
    let schema = schema.and_then(|s| s.field(field));
    let key = strategy(schema).and_then(|s| s.merge_key.as_deref());
    let items = match patch.get(field) {
        None => None,
        Some(Value::Array(items)) => Some(items),
        Some(_) => return Err(directive(at, &name(), format!("needs {field:?} to be a list"))),
    };
    order::check(items.map_or(&[], Vec::as_slice), order, key, &here)?;
    let old = match live.remove(field) {
        None => None,
        Some(Value::Array(old)) => Some(old),
        Some(_) => return Err(directive(at, &name(), format!("needs {field:?} of the live object to be a list"))),
    };
    let (merged, old) = match (old, items) {
        (None, None) => return Ok(()),
        (Some(old), None) => (old.clone(), old),
        (None, Some(new)) => (new.iter().filter_map(plain_item).collect(), Vec::new()),
        (Some(old), Some(new)) if strategy(schema).is_some_and(|s| s.merge) => {
            let merged = merge_list(old.clone(), new, schema, &here)?;
            (merged, order::after_deletes(old, new, key, &here)?)
        }
        (Some(old), Some(new)) => (new.iter().filter_map(plain_item).collect(), old),
    };
    let arranged = arrange(merged, order, &old, key, &here)?;
    live.insert(field.to_owned(), Value::Array(arranged));
    Ok(())
}

fn directive(at: &FieldPath, directive: &str, why: String) -> PatchError {
    PatchError::Directive { path: at.clone(), directive: directive.to_owned(), why }
}
