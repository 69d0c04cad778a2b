//! Reading ownership off an object: what a manager owns, who owns a field, and the part of an object that a set names.

use model::Timestamp;
use serde_json::{Map, Value};

use super::{Managed, Operation};
use crate::fieldset::{FieldSet, Node, Path, PathElement, Scalar};
use crate::patch::apply::shape::{Shape, TypeRef};
use kinds::schema::Schema;

/// Who owns a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The manager's name.
    pub manager: String,
    /// How it came to own the field.
    pub operation: Operation,
    /// The subresource it wrote; empty for the object itself.
    pub subresource: String,
    /// When it last wrote anything, to the second.
    pub time: Option<Timestamp>,
}

/// Everything that a manager owns on an object, by whatever operation. Empty when nothing is recorded or readable.
pub fn owned_by(object: &Value, manager: &str) -> FieldSet {
    let managed = Managed::from_object(object).unwrap_or_default();
    let mut owned = managed.entries.iter().filter(|entry| entry.manager == manager);
    let Some(first) = owned.next() else { return FieldSet::new() };
    owned.fold(first.fields().clone(), |all, entry| all.union(entry.fields()))
}

/// Who owns a field: directly, or by owning as a whole something that the field is in. Latest writer first.
pub fn owners_of(object: &Value, path: &[PathElement]) -> Vec<Owner> {
    let managed = Managed::from_object(object).unwrap_or_default();
    let mut owners: Vec<Owner> = managed
        .entries
        .iter()
        .filter(|entry| owns(entry.fields(), path))
        .map(|entry| Owner {
            manager: entry.manager.clone(),
            operation: entry.operation,
            subresource: entry.subresource.clone(),
            time: entry.time.as_deref().and_then(|time| time.parse().ok()),
        })
        .collect();
    owners.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.manager.cmp(&b.manager)));
    owners
}

fn owns(set: &FieldSet, path: &[PathElement]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let Some(node) = set.find(first) else { return false };
    if rest.is_empty() { node.member } else { node.member && node.children.is_empty() || owns(&node.children, rest) }
}

/// The part of an object that a set names: its leaves with what leads to them. Items of lists keep their key fields, so
/// that they can be told apart, and the order they have in the object. What the set names and the object lacks is
/// left out.
///
/// A leaf of the set that is an object or a list comes whole. With the schema, one that is merged part by part comes
/// empty, because the set then owns that it is there and nothing in it. Without the schema, list items are found by the
/// keys in the set; a key that an item lacks counts as equal, since it may stand for a default.
pub fn project(object: &Value, set: &FieldSet, schema: Option<&Schema>) -> Value {
    let part = part(object, set, schema.map(TypeRef::root));
    part.unwrap_or_else(|| Value::Object(Map::new()))
}

fn part(value: &Value, set: &FieldSet, ty: Option<TypeRef<'_>>) -> Option<Value> {
    match value {
        Value::Object(map) => {
            let mut out = Map::new();
            for node in set.nodes() {
                let PathElement::Field(name) = &node.element else { continue };
                let Some(value) = map.get(&**name) else { continue };
                let below = ty.map(|ty| ty.field_or_deduced(name));
                let kept =
                    if node.children.is_empty() { leaf(value, below) } else { part(value, &node.children, below) };
                out.extend(kept.map(|kept| (name.to_string(), kept)));
            }
            (!out.is_empty()).then_some(Value::Object(out))
        }
        Value::Array(items) => {
            let of = ty.and_then(TypeRef::item_type);
            let mut out = Vec::new();
            for (index, item) in (0..).zip(items) {
                let Some(node) = node_of(item, index, set) else { continue };
                if node.children.is_empty() {
                    out.extend(leaf(item, of));
                    continue;
                }
                let mut kept = part(item, &node.children, of).unwrap_or_else(|| Value::Object(Map::new()));
                if let (PathElement::Key(keys), Value::Object(kept)) = (&node.element, &mut kept) {
                    for (key, value) in keys.iter().filter(|(key, _)| item.get(&**key).is_some()) {
                        kept.insert(key.to_string(), value.to_value());
                    }
                }
                out.push(kept);
            }
            (!out.is_empty()).then_some(Value::Array(out))
        }
        // The set knows parts of what is a scalar by now.
        scalar => Some(scalar.clone()),
    }
}

fn leaf(value: &Value, ty: Option<TypeRef<'_>>) -> Option<Value> {
    Some(match ty.map(|ty| ty.shape(value)) {
        Some(Shape::Map(_)) => Value::Object(Map::new()),
        Some(Shape::List(..)) => Value::Array(Vec::new()),
        Some(Shape::Leaf) | None => value.clone(),
    })
}

/// What a set says about a list item.
fn node_of<'s>(item: &Value, index: i64, set: &'s FieldSet) -> Option<&'s Node> {
    if let Some(scalar) = Scalar::from_value(item)
        && let Some(node) = set.find(&PathElement::Value(scalar))
    {
        return Some(node);
    }
    if let Some(node) = set.find(&PathElement::Index(index)) {
        return Some(node);
    }
    // All items of a list have the same key fields, save those that are left out.
    let keys = |node: &'s Node| match &node.element {
        PathElement::Key(keys) => Some(keys),
        _ => None,
    };
    let names = set.nodes().iter().find_map(keys)?.iter().map(|(name, _)| name.clone());
    let values: Option<Vec<_>> =
        names.map(|name| Some((name.clone(), Scalar::from_value(item.get(&*name)?)?))).collect();
    if let Some(values) = values
        && let Some(node) = set.find(&PathElement::key(values))
    {
        return Some(node);
    }
    set.nodes().iter().find(|node| keys(node).is_some_and(|keys| has_keys(item, keys)))
}

fn has_keys(item: &Value, keys: &[(Box<str>, Scalar)]) -> bool {
    let Value::Object(item) = item else { return false };
    let mut found = false;
    let all = keys.iter().all(|(key, value)| match item.get(&**key) {
        Some(own) => {
            found = true;
            value.is(own)
        }
        None => true,
    });
    all && found
}

/// A path as conflicts and blame print it.
impl From<&[PathElement]> for Path {
    fn from(elements: &[PathElement]) -> Self {
        Self(elements.to_vec())
    }
}
