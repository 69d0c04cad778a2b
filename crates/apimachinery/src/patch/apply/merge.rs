//! Laying an applied configuration over a live object.

use serde_json::{Map, Value};

use super::conflict::Invalid;
use super::shape::{Items, Shape, TypeRef};
use crate::fieldset::PathElement;

/// The live value with the applied one laid over it. Nothing is removed; where both say something, the applied value
/// wins. Lists come in the live order when the applied list adds nothing to it, else in the applied order with the
/// other live items woven in.
///
/// `null` is a value, except over a list or object that is merged part by part: there it says nothing.
///
/// # Errors
/// When an item of a live list has no identity.
pub(super) fn merge(live: &Value, applied: &Value, ty: TypeRef<'_>) -> Result<Value, Invalid> {
    match (ty.shape(live), ty.shape(applied)) {
        (Shape::Map(a), Shape::Map(b)) if !(a.is_empty() && b.is_empty()) => Ok(Value::Object(merge_maps(a, b, ty)?)),
        (Shape::List(a, of), Shape::List(b, _)) if !(a.is_empty() && b.is_empty()) => {
            Ok(Value::Array(merge_lists(a, b, of)?))
        }
        (Shape::Map(map), Shape::Leaf) if applied.is_null() && !map.is_empty() => Ok(live.clone()),
        (Shape::List(items, _), Shape::Leaf) if applied.is_null() && !items.is_empty() => Ok(live.clone()),
        _ => Ok(applied.clone()),
    }
}

fn merge_maps(
    live: &Map<String, Value>,
    applied: &Map<String, Value>,
    ty: TypeRef<'_>,
) -> Result<Map<String, Value>, Invalid> {
    let mut out = Map::new();
    for (name, old) in live.iter().filter(|(name, _)| !ty.ignores(name)) {
        let merged = match applied.get(name) {
            Some(new) => {
                merge(old, new, ty.field_or_deduced(name)).map_err(|e| e.within(PathElement::field(name.as_str())))?
            }
            None => old.clone(),
        };
        out.insert(name.clone(), merged);
    }
    for (name, new) in applied.iter().filter(|(name, _)| !ty.ignores(name) && !live.contains_key(*name)) {
        out.insert(name.clone(), new.clone());
    }
    Ok(out)
}

/// One side's items with their identities.
struct Side<'v> {
    elements: Vec<PathElement>,
    items: &'v [Value],
    /// Places in the order of their identities, so that long lists do not cost the square of their length.
    sorted: Vec<usize>,
}

impl<'v> Side<'v> {
    fn new(items: &'v [Value], of: Items<'_>) -> Result<Self, Invalid> {
        let element = |(index, item)| of.element(item).map_err(|why| Invalid::here(format!("element {index}: {why}")));
        let elements: Vec<PathElement> = items.iter().enumerate().map(element).collect::<Result<_, _>>()?;
        let mut sorted: Vec<usize> = (0..elements.len()).collect();
        sorted.sort_by(|a, b| elements[*a].cmp(&elements[*b]));
        Ok(Self { elements, items, sorted })
    }

    /// The places of an identity, in order.
    fn places(&self, element: &PathElement) -> &[usize] {
        let start = self.sorted.partition_point(|place| self.elements[*place] < *element);
        let rest = &self.sorted[start..];
        let count = rest.iter().take_while(|place| self.elements[**place] == *element).count();
        &rest[..count]
    }

    fn has(&self, element: &PathElement) -> bool {
        !self.places(element).is_empty()
    }

    /// The one item of that identity; `None` when there is none or more than one.
    fn only(&self, element: &PathElement) -> Option<&'v Value> {
        match self.places(element) {
            [place] => Some(&self.items[*place]),
            _ => None,
        }
    }
}

/// Weaves both lists together: applied items come in the applied order, items that only the live list has keep their
/// place before the item that they stood before, unless that would disturb the applied order.
fn merge_lists(live: &[Value], applied: &[Value], of: Items<'_>) -> Result<Vec<Value>, Invalid> {
    let live = Side::new(live, of)?;
    let applied = Side::new(applied, of)?;
    // Items of both sides that are not in the result yet; the first is the next one due.
    let mut shared = applied.elements.iter().filter(|element| live.has(element)).peekable();
    let mut out = Vec::with_capacity(live.items.len().max(applied.items.len()));

    let (mut l, mut a) = (0, 0);
    while l < live.items.len() || a < applied.items.len() {
        let due = applied.elements.get(a);
        if let Some(element) = live.elements.get(l) {
            let Some(&place) = applied.places(element).first() else {
                out.push(live.items[l].clone());
                l += 1;
                continue;
            };
            if Some(element) == due {
                l += 1;
            } else if due.is_some() && shared.peek().is_some_and(|next| *next != element) {
                // It is there already, or comes when its turn comes.
                l += 1;
                continue;
            } else if place < a {
                l += 1;
            }
        }
        if let Some(element) = due {
            out.push(match live.only(element) {
                Some(old) => merge(old, &applied.items[a], of.ty).map_err(|e| e.within(element.clone()))?,
                None => applied.items[a].clone(),
            });
            if shared.peek() == Some(&element) {
                shared.next();
            }
            a += 1;
        }
    }
    Ok(out)
}
