//! Filling in defaults.

use serde_json::Value;

use super::trail::Trail;
use kinds::schema::Schema;

/// Fills in the defaults of missing fields, also inside lists and maps and inside what a default just filled in.
///
/// A `null` where the schema is not nullable counts as missing: it becomes the default, and is removed when there is
/// none. In a list, where nothing can be removed without moving its neighbours, it stays for validation to report.
pub fn default(object: &mut Value, schema: &Schema) {
    fill(object, schema, &Trail::ROOT);
}

/// The field's own default wins over its type's: in Go it sits on the field.
fn default_of(schema: &Schema) -> Option<&Value> {
    schema.default.as_ref().or(schema.resolve().default.as_ref())
}

fn is_nullable(schema: &Schema) -> bool {
    schema.nullable || schema.resolve().nullable
}

/// Is this a null that stands for "not set"?
fn is_missing(value: &Value, schema: &Schema) -> bool {
    value.is_null() && !is_nullable(schema)
}

fn fill(value: &mut Value, schema: &Schema, trail: &Trail<'_>) {
    if trail.too_deep() {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, field) in &schema.resolve().fields {
                if let Some(default) = default_of(field)
                    && map.get(name).is_none_or(|there| is_missing(there, field))
                {
                    map.insert(name.clone(), default.clone());
                }
            }
            map.retain(|name, child| {
                let Some(known) = schema.field(name) else { return true };
                if is_missing(child, known) {
                    match default_of(known) {
                        Some(default) => *child = default.clone(),
                        None => return false,
                    }
                }
                fill(child, known, &trail.field(name));
                true
            });
        }
        Value::Array(items) => {
            let Some(known) = schema.items() else { return };
            for (index, item) in items.iter_mut().enumerate() {
                if is_missing(item, known)
                    && let Some(default) = default_of(known)
                {
                    *item = default.clone();
                }
                fill(item, known, &trail.index(index));
            }
        }
        _ => {}
    }
}
