//! Dropping fields that a schema does not know.

use model::FieldPath;
use serde_json::Value;

use super::trail::Trail;
use kinds::schema::{Schema, Type};

/// Drops every field that the schema does not know and returns their paths, sorted. Fields below
/// `x-kubernetes-preserve-unknown-fields` stay, except inside known fields there that do not preserve.
///
/// A value whose JSON type is not the schema's is left as it is: [`super::validate`] reports it.
pub fn prune(object: &mut Value, schema: &Schema) -> Vec<FieldPath> {
    let mut dropped = Vec::new();
    visit(object, schema, false, &Trail::ROOT, &mut dropped);
    dropped.sort();
    dropped
}

/// The paths that [`prune`] would drop, sorted.
pub fn unknown_fields(object: &Value, schema: &Schema) -> Vec<FieldPath> {
    prune(&mut object.clone(), schema)
}

fn visit(value: &mut Value, schema: &Schema, inherited: bool, trail: &Trail<'_>, dropped: &mut Vec<FieldPath>) {
    if trail.too_deep() {
        return;
    }
    let node = schema.resolve();
    let preserve = inherited || node.preserve_unknown || schema.preserve_unknown || node.ty == Type::Any;
    match value {
        Value::Object(map) if matches!(node.ty, Type::Object | Type::Any) => {
            map.retain(|name, child| {
                let here = trail.field(name);
                match schema.field(name) {
                    Some(known) => visit(child, known, false, &here, dropped),
                    None if preserve => {}
                    None => {
                        dropped.push(here.path());
                        return false;
                    }
                }
                true
            });
        }
        Value::Array(items) if matches!(node.ty, Type::Array | Type::Any) => {
            let Some(known) = schema.items() else { return };
            for (index, item) in items.iter_mut().enumerate() {
                // A list that preserves lets its items preserve too; a field of an object does not inherit it.
                visit(item, known, preserve, &trail.index(index), dropped);
            }
        }
        _ => {}
    }
}
