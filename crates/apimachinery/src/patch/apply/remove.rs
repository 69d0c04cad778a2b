//! Taking fields out of a value.

use serde_json::{Map, Value};

use super::shape::{Items, Shape, TypeRef};
use crate::fieldset::{FieldSet, PathElement};

/// Removes the fields and items of the set, with all below them. A field that is not in the set itself but loses its
/// last part becomes `null`: it is still a field of the object, which who owns what depends on. [`tidy_emptied`] then
/// finishes the work.
pub(super) fn remove(value: &mut Value, set: &FieldSet, ty: TypeRef<'_>) {
    if set.is_empty() {
        return;
    }
    let is_emptied = match ty.shape(value) {
        // A set that reaches into something that has one owner was about all of it.
        Shape::Leaf => value.is_object() || value.is_array(),
        Shape::Map(_) => {
            let Value::Object(map) = value else { return };
            map.retain(|name, value| match set.find_field(name) {
                None => true,
                Some(node) if node.member => false,
                Some(node) => {
                    remove(value, &node.children, ty.field_or_deduced(name));
                    true
                }
            });
            map.is_empty()
        }
        Shape::List(_, of) => {
            let Value::Array(items) = value else { return };
            remove_items(items, set, of);
            items.is_empty()
        }
    };
    if is_emptied {
        *value = Value::Null;
    }
}

fn remove_items(items: &mut Vec<Value>, set: &FieldSet, of: Items<'_>) {
    items.retain_mut(|item| {
        let Ok(element) = of.element(item) else { return true };
        match set.find(&element) {
            None => true,
            Some(node) if node.member => false,
            Some(node) => {
                remove(item, &node.children, of.ty);
                !item.is_null()
            }
        }
    });
}

/// Makes an empty list or object of what [`remove`] emptied with the same set: another manager still owns these fields.
/// (Upstream leaves `null` in custom objects; of built-in ones its Go types, as our canonical form, drop empty maps and
/// lists.)
pub(super) fn tidy_emptied(value: &mut Value, set: &FieldSet, ty: TypeRef<'_>) {
    match value {
        Value::Object(map) => {
            for node in set.nodes().iter().filter(|node| !node.member) {
                let PathElement::Field(name) = &node.element else { continue };
                let Some(value) = map.get_mut(&**name) else { continue };
                if value.is_null() {
                    let was_object = node.children.nodes().iter().all(|n| matches!(n.element, PathElement::Field(_)));
                    *value = if was_object { Value::Object(Map::new()) } else { Value::Array(Vec::new()) };
                }
                tidy_emptied(value, &node.children, ty.field_or_deduced(name));
            }
        }
        Value::Array(items) => {
            let Some(of) = ty.items() else { return };
            for item in items {
                let Ok(element) = of.element(item) else { continue };
                tidy_emptied(item, set.below(&element), of.ty);
            }
        }
        _ => {}
    }
}

/// Drops each `null` that says "not set", which is every one that the schema does not allow.
pub(super) fn drop_nulls(value: &mut Value, ty: TypeRef<'_>) {
    match ty.shape(value) {
        Shape::Leaf => {}
        Shape::Map(_) => {
            let Value::Object(map) = value else { return };
            map.retain(|name, value| {
                let below = ty.field_or_deduced(name);
                drop_nulls(value, below);
                !value.is_null() || below.keeps_null()
            });
        }
        Shape::List(_, of) => {
            let Value::Array(items) = value else { return };
            items.iter_mut().for_each(|item| drop_nulls(item, of.ty));
        }
    }
}

/// Is there a `null` anywhere in it?
pub(super) fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(has_null),
        Value::Array(items) => items.iter().any(has_null),
        _ => false,
    }
}
