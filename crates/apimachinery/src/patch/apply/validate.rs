//! Does an applied configuration fit the schema, as far as merging needs it to?

use serde_json::Value;

use super::shape::{Place, Shape, TypeRef};
use super::{Invalid, at};
use crate::fieldset::PathElement;
use crate::schema::Type;

/// Everything that is wrong: unknown fields, values of the wrong type, items without identity, and items that say the
/// same identity twice.
pub(super) fn validate(value: &Value, ty: TypeRef<'_>) -> Vec<Invalid> {
    let mut errors = Vec::new();
    walk(value, ty, &mut Vec::new(), &mut errors);
    errors
}

fn walk(value: &Value, ty: TypeRef<'_>, path: &mut Vec<PathElement>, errors: &mut Vec<Invalid>) {
    let mut fail = |path: &[PathElement], why: String| errors.push(Invalid { path: at(path), why });
    if let Some(expected) = misfit(value, ty) {
        return fail(path, format!("expected {expected}, got {}", name(value)));
    }
    match ty.shape(value) {
        Shape::Map(map) => {
            for (field, value) in map {
                path.push(PathElement::field(field.as_str()));
                match ty.field(field) {
                    Some(below) => walk(value, below, path, errors),
                    None => errors.push(Invalid { path: at(path), why: "field not declared in schema".to_owned() }),
                }
                path.pop();
            }
        }
        Shape::List(items, of) => {
            let mut seen: Vec<(PathElement, &Value)> = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                match of.element(item) {
                    Err(why) => fail(path, format!("element {index}: {why}")),
                    Ok(element) if seen.iter().any(|(other, _)| *other == element) => {
                        fail(path, format!("duplicate entries for key {element}"));
                    }
                    Ok(element) => seen.push((element, item)),
                }
            }
            for (element, item) in seen {
                path.push(element);
                walk(item, of.ty, path, errors);
                path.pop();
            }
        }
        Shape::Leaf => parts_of_leaf(value, ty, path, errors),
    }
}

/// What has one owner may still be of the wrong type inside.
fn parts_of_leaf(value: &Value, ty: TypeRef<'_>, path: &mut Vec<PathElement>, errors: &mut Vec<Invalid>) {
    let TypeRef::Known { schema, preserve, .. } = ty else { return };
    match value {
        Value::Object(map) => {
            for (field, value) in map {
                path.push(PathElement::field(field.as_str()));
                match ty.field(field) {
                    Some(below) => walk(value, below, path, errors),
                    None => errors.push(Invalid { path: at(path), why: "field not declared in schema".to_owned() }),
                }
                path.pop();
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.items() else { return };
            for (index, item) in (0..).zip(items) {
                path.push(PathElement::Index(index));
                walk(item, TypeRef::Known { schema, place: Place::Inside, preserve }, path, errors);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The type that was expected, when the value is of another. `null` fits everywhere. Any scalar passes for text: some
/// text may be written in other ways (a quantity as a number), which decoding or validation decides.
fn misfit(value: &Value, ty: TypeRef<'_>) -> Option<&'static str> {
    let TypeRef::Known { schema, .. } = ty else { return None };
    let expected = schema.kind();
    let fits = match expected {
        _ if value.is_null() => true,
        Type::Any | Type::IntOrString => true,
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::Integer | Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::String => !value.is_object() && !value.is_array(),
    };
    (!fits).then_some(match expected {
        Type::Object => "a map",
        Type::Array => "a list",
        Type::Integer | Type::Number => "a number",
        Type::Boolean => "a boolean",
        Type::Any | Type::IntOrString | Type::String => "text",
    })
}

fn name(value: &Value) -> String {
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        scalar => scalar.to_string(),
    }
}
