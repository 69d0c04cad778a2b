//! From values to sets: what an applied configuration owns, and every field there is.

use serde_json::Value;

use super::shape::{Items, Shape, TypeRef};
use crate::fieldset::{FieldSet, PathElement};

/// What counts as a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Paths {
    /// What applying the value makes one own: leaves, list items, map entries, empty objects; not the fields in between
    /// that exist because something is in them, and not empty lists.
    Owned,
    /// Every field, item and entry.
    Every,
}

/// The paths of a whole object.
pub(super) fn paths(value: &Value, ty: TypeRef<'_>, which: Paths) -> FieldSet {
    below(value, ty, which).1
}

/// The paths below a value, and whether the value's own path counts.
pub(super) fn below(value: &Value, ty: TypeRef<'_>, which: Paths) -> (bool, FieldSet) {
    let mut set = FieldSet::new();
    match ty.shape(value) {
        Shape::Leaf => (true, set),
        Shape::Map(map) => {
            for (name, value) in map.iter().filter(|(name, _)| !ty.ignores(name)) {
                let (own, children) = below(value, ty.field_or_deduced(name), which);
                let member = own || which == Paths::Every || !ty.names(name);
                set.graft(PathElement::field(name.as_str()), member, children);
            }
            (map.is_empty() || which == Paths::Every, set)
        }
        Shape::List(items, of) => {
            for (element, found) in grouped(items, of) {
                // Items that share an identity cannot be told apart: their identity is owned, their fields are not.
                let children = found.only().map_or(FieldSet::new(), |item| below(item, of.ty, which).1);
                set.graft(element, true, children);
            }
            (which == Paths::Every, set)
        }
    }
}

/// The items of one identity.
pub(super) enum Group<'v> {
    One(&'v Value),
    Several(Vec<&'v Value>),
}

impl<'v> Group<'v> {
    fn only(&self) -> Option<&'v Value> {
        match self {
            Self::One(item) => Some(item),
            Self::Several(_) => None,
        }
    }
}

/// The items by identity, sorted. Items without identity are left out.
pub(super) fn grouped<'v>(items: &'v [Value], of: Items<'_>) -> Vec<(PathElement, Group<'v>)> {
    let mut sorted: Vec<(PathElement, &Value)> =
        items.iter().filter_map(|item| Some((of.element(item).ok()?, item))).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out: Vec<(PathElement, Group<'_>)> = Vec::with_capacity(sorted.len());
    for (element, item) in sorted {
        match out.last_mut().filter(|(last, _)| *last == element) {
            None => out.push((element, Group::One(item))),
            Some((_, Group::Several(items))) => items.push(item),
            Some((_, group @ Group::One(_))) => {
                let items = group.only().into_iter().chain([item]).collect();
                *group = Group::Several(items);
            }
        }
    }
    out
}

/// The set with the schema's fields in between made members: `a.b.c` also has `a`, when `a` is a field of a struct and
/// not the entry of a map. Only with them does removing an empty parent go right.
pub(super) fn with_named_parents(set: &FieldSet, ty: Option<TypeRef<'_>>) -> FieldSet {
    let mut out = FieldSet::new();
    for node in set.nodes() {
        let named = match &node.element {
            PathElement::Field(name) => !node.children.is_empty() && ty.is_some_and(|ty| ty.names(name)),
            _ => false,
        };
        let children = with_named_parents(&node.children, ty.and_then(|ty| ty.step(&node.element)));
        out.graft(node.element.clone(), node.member || named, children);
    }
    out
}

/// Adapts a recorded set to a schema that changed since: what is now under one owner is owned as one. The other
/// direction needs nothing. Returns whether anything changed.
pub(super) fn follow_schema(set: &mut FieldSet, ty: TypeRef<'_>) -> bool {
    let mut changed = false;
    for node in set.nodes_mut() {
        if node.children.is_empty() {
            continue;
        }
        let Some(below) = ty.step(&node.element) else { continue };
        if below.is_atomic_map() || below.is_atomic_list() {
            node.member = true;
            node.children = FieldSet::new();
            changed = true;
        } else {
            changed |= follow_schema(&mut node.children, below);
        }
    }
    changed
}
