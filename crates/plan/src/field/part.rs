//! The part of an object that a manager owns, written out without making it: of each object of each list one is digested.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};

use super::{Element, Tree};

/// What [`Tree::project`] gives for the tree that a FieldsV1 value holds, as far as it is written.
pub(super) struct Part<'a> {
    /// A FieldsV1 value, or what stands in it at this place.
    pub(super) fields: &'a Value,
    /// What stands in the object at this place.
    pub(super) value: &'a Value,
    /// A path from here that is left out; empty for none.
    pub(super) without: &'a [&'a str],
}

/// The steps that lead on from a place, as `f:NAME` and the like.
fn steps<'a>(fields: &'a Value, without: &'a [&'a str]) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let steps = fields.as_object().into_iter().flat_map(Map::iter);
    steps.filter(move |(step, below)| is_step(step) && !is_left_out(step, below, without))
}

fn is_step(text: &str) -> bool {
    text.starts_with("f:") || (text != "." && Element::parse(text).is_some())
}

fn is_itself(fields: &Value) -> bool {
    fields.get(".").is_some()
}

/// Is a step the path that is left out, or does it lead to nothing else?
fn is_left_out(step: &str, below: &Value, without: &[&str]) -> bool {
    let Some((first, rest)) = without.split_first() else { return false };
    if step.strip_prefix("f:") != Some(*first) {
        return false;
    }
    rest.is_empty() || (!is_itself(below) && steps(below, rest).next().is_none())
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if steps(self.fields, self.without).next().is_none() {
            return match self.value {
                Value::Object(_) if is_itself(self.fields) => Map::new().serialize(to),
                Value::Array(_) if is_itself(self.fields) => to.collect_seq::<[Value; 0]>([]),
                whole => whole.serialize(to),
            };
        }
        match self.value {
            Value::Object(map) => {
                let mut out = to.serialize_map(None)?;
                // In the order of their names, as the map would be.
                for (step, fields) in steps(self.fields, self.without) {
                    if let Some(name) = step.strip_prefix("f:") {
                        let value = map.get(name).unwrap_or(&Value::Null);
                        let without = match self.without.split_first() {
                            Some((first, rest)) if *first == name => rest,
                            _ => &[],
                        };
                        out.serialize_entry(name, &Part { fields, value, without })?;
                    }
                }
                out.end()
            }
            // Items are found by their keys and come in their order: that takes the tree.
            list @ Value::Array(_) => Tree::parse(self.fields).project(list).serialize(to),
            scalar => scalar.serialize(to),
        }
    }
}
