//! `FieldsV1`: a set as JSON.

use serde_json::{Map, Value};

use super::{FieldSet, FieldSetError, Node, PathElement};

impl FieldSet {
    /// Reads `fieldsV1`. Elements of unknown type are skipped; `null` is the empty set.
    ///
    /// # Errors
    /// When it is not made of objects, or an element cannot be read.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, FieldSetError> {
        Ok(read("", fields)?.0)
    }

    /// Writes `fieldsV1`.
    pub fn to_fields_v1(&self) -> Value {
        Value::Object(write(self, false))
    }
}

/// What is below a node, and whether the node itself is a member: it says so by `.`, or by having nothing below it.
fn read(name: &str, fields: &Value) -> Result<(FieldSet, bool), FieldSetError> {
    let entries = match fields {
        Value::Null => return Ok((FieldSet::new(), true)),
        Value::Object(entries) => entries,
        _ => return Err(FieldSetError { element: name.to_owned(), why: "it must hold an object".to_owned() }),
    };
    let mut nodes = Vec::with_capacity(entries.len());
    let mut member = false;
    for (name, below) in entries {
        if name == "." {
            member = true;
        } else if let Some(element) = PathElement::from_key_text(name)? {
            let (children, is_member) = read(name, below)?;
            nodes.push(Node { element, member: is_member, children });
        }
    }
    let member = member || nodes.is_empty();
    Ok((FieldSet::of_nodes(nodes), member))
}

fn write(set: &FieldSet, member: bool) -> Map<String, Value> {
    let mut out = Map::new();
    if member && !set.is_empty() {
        out.insert(".".to_owned(), Value::Object(Map::new()));
    }
    for node in set.nodes() {
        out.insert(node.element.to_key_text(), Value::Object(write(&node.children, node.member)));
    }
    out
}
