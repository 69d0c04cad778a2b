//! Which fields differ between two objects.

use std::cmp::Ordering;

use serde_json::Value;

use super::collect::{Group, Paths, below, grouped};
use super::shape::{Items, Shape, TypeRef};
use crate::fieldset::{FieldSet, PathElement, compare_numbers};

/// The fields that differ. A path is in at most one of the sets.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

impl Comparison {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// What the new object sets.
    pub(super) fn written(&self) -> FieldSet {
        if self.added.is_empty() { self.modified.clone() } else { self.modified.union(&self.added) }
    }

    /// Leaves out fields and all below them.
    pub(super) fn without(self, reset: &FieldSet) -> Self {
        Self {
            added: self.added.difference_recursive(reset),
            modified: self.modified.difference_recursive(reset),
            removed: self.removed.difference_recursive(reset),
        }
    }
}

/// Compares two objects of one type.
pub(super) fn compare(old: &Value, new: &Value, ty: TypeRef<'_>) -> Comparison {
    let mut walk = Walk { out: Comparison::default(), path: Vec::new() };
    walk.both(old, new, ty);
    walk.out
}

/// Are leaves the same? Numbers are compared as numbers.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        (a, b) => a == b,
    }
}

struct Walk {
    out: Comparison,
    path: Vec<PathElement>,
}

impl Walk {
    fn within(&mut self, element: PathElement, visit: impl FnOnce(&mut Self)) {
        self.path.push(element);
        visit(self);
        self.path.pop();
    }

    fn both(&mut self, old: &Value, new: &Value, ty: TypeRef<'_>) {
        if old == new {
            return;
        }
        match (ty.shape(old), ty.shape(new)) {
            (Shape::Map(a), Shape::Map(b)) if !(a.is_empty() && b.is_empty()) => {
                for (name, old) in a.iter().filter(|(name, _)| !ty.ignores(name)) {
                    let below = ty.field_or_deduced(name);
                    match b.get(name) {
                        Some(new) if old == new => {}
                        Some(new) => self.within(PathElement::field(name.as_str()), |walk| walk.both(old, new, below)),
                        None => self.within(PathElement::field(name.as_str()), |walk| walk.gone(old, below)),
                    }
                }
                for (name, new) in b.iter().filter(|(name, _)| !ty.ignores(name) && !a.contains_key(*name)) {
                    let below = ty.field_or_deduced(name);
                    self.within(PathElement::field(name.as_str()), |walk| walk.came(new, below));
                }
            }
            (Shape::List(a, of), Shape::List(b, _)) if !(a.is_empty() && b.is_empty()) => self.lists(a, b, of),
            _ => self.unlike(old, new, ty),
        }
    }

    /// Values that cannot be compared part by part. A leaf that differs is modified; the parts of something that was
    /// taken apart before are removed, those of something that is taken apart now are added.
    fn unlike(&mut self, old: &Value, new: &Value, ty: TypeRef<'_>) {
        let (_, gone) = below(old, ty, Paths::Every);
        let (_, came) = below(new, ty, Paths::Every);
        let was_taken_apart = !gone.is_empty();
        let is_taken_apart = !came.is_empty();
        self.subtree(gone, |out| &mut out.removed);
        self.subtree(came, |out| &mut out.added);
        let leaf_changed = match (was_taken_apart, is_taken_apart) {
            (true, true) => false,
            // `null` in the place of something that is taken apart stands for "empty".
            (true, false) => !new.is_null(),
            (false, true) => !old.is_null(),
            (false, false) => !same(old, new),
        };
        if leaf_changed {
            self.out.modified.insert(&self.path);
        }
    }

    fn lists(&mut self, old: &[Value], new: &[Value], of: Items<'_>) {
        let mut old = grouped(old, of).into_iter().peekable();
        let mut new = grouped(new, of).into_iter().peekable();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            let (before, after) = match (before, after) {
                (Some((element, before)), after) => {
                    self.path.push(element);
                    (Some(before), after.map(|(_, after)| after))
                }
                (None, Some((element, after))) => {
                    self.path.push(element);
                    (None, Some(after))
                }
                (None, None) => continue,
            };
            self.group(before, after, of.ty);
            self.path.pop();
        }
    }

    /// Compares the items of one identity, which the path ends with. Several of one identity are one thing.
    fn group(&mut self, before: Option<Group<'_>>, after: Option<Group<'_>>, ty: TypeRef<'_>) {
        match (before, after) {
            (Some(Group::One(old)), Some(Group::One(new))) => self.both(old, new, ty),
            (Some(Group::Several(old)), Some(Group::Several(new))) => {
                if old.len() != new.len() || !old.iter().zip(&new).all(|(old, new)| same(old, new)) {
                    self.out.modified.insert(&self.path);
                }
            }
            (before, after) => {
                match before {
                    None => {}
                    Some(Group::One(old)) => self.gone(old, ty),
                    Some(Group::Several(_)) => self.out.removed.insert(&self.path),
                }
                match after {
                    None => {}
                    Some(Group::One(new)) => self.came(new, ty),
                    Some(Group::Several(_)) => self.out.added.insert(&self.path),
                }
            }
        }
    }

    fn gone(&mut self, old: &Value, ty: TypeRef<'_>) {
        let (_, set) = below(old, ty, Paths::Every);
        self.out.removed.insert(&self.path);
        self.subtree(set, |out| &mut out.removed);
    }

    fn came(&mut self, new: &Value, ty: TypeRef<'_>) {
        let (_, set) = below(new, ty, Paths::Every);
        self.out.added.insert(&self.path);
        self.subtree(set, |out| &mut out.added);
    }

    /// Adds what is below the current path.
    fn subtree(&mut self, set: FieldSet, into: impl FnOnce(&mut Comparison) -> &mut FieldSet) {
        if !set.is_empty() {
            into(&mut self.out).graft_at(&self.path, set);
        }
    }
}
