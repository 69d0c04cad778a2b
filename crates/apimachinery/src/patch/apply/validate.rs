//! Does an applied configuration fit the schema, as far as merging needs it to?

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value};

use super::conflict::Invalid;
use super::shape::{Items, Place, Shape, TypeRef};
use crate::fieldset::PathElement;
use kinds::schema::Type;

/// Everything that is wrong: unknown fields, values of the wrong type, items without identity, and items that say the
/// same identity twice.
pub(super) fn validate(value: &Value, ty: TypeRef<'_>) -> Vec<Invalid> {
    let mut errors = Vec::new();
    walk(value, ty, &mut errors);
    errors
}

/// Reports what `check` finds as being below an element. The path is only made when there is something to report.
fn below(errors: &mut Vec<Invalid>, element: impl Fn() -> PathElement, check: impl FnOnce(&mut Vec<Invalid>)) {
    let mut found = Vec::new();
    check(&mut found);
    errors.extend(found.into_iter().map(|error| error.within(element())));
}

fn walk(value: &Value, ty: TypeRef<'_>, errors: &mut Vec<Invalid>) {
    if let Some(expected) = misfit(value, ty) {
        return errors.push(Invalid::here(format!("expected {expected}, got {}", name(value))));
    }
    match (ty.shape(value), value) {
        (Shape::Map(map), _) => fields(map, ty, errors),
        (Shape::List(list, of), _) => items(list, of, errors),
        // What has one owner may still be of the wrong type inside.
        (Shape::Leaf, Value::Object(map)) => fields(map, ty, errors),
        (Shape::Leaf, Value::Array(list)) => {
            let TypeRef::Known { schema, preserve, .. } = ty else { return };
            let Some(schema) = schema.items() else { return };
            for (index, item) in (0..).zip(list) {
                let of = TypeRef::Known { schema, place: Place::Inside, preserve };
                below(errors, || PathElement::Index(index), |errors| walk(item, of, errors));
            }
        }
        (Shape::Leaf, _) => {}
    }
}

fn fields(map: &Map<String, Value>, ty: TypeRef<'_>, errors: &mut Vec<Invalid>) {
    for (name, value) in map {
        below(
            errors,
            || PathElement::field(name.as_str()),
            |errors| match ty.field(name) {
                Some(ty) => walk(value, ty, errors),
                None => errors.push(Invalid::here("field not declared in schema".to_owned())),
            },
        );
    }
}

fn items(list: &[Value], of: Items<'_>, errors: &mut Vec<Invalid>) {
    let mut seen = BTreeMap::new();
    for (index, item) in list.iter().enumerate() {
        match of.element(item) {
            Err(why) => errors.push(Invalid::here(format!("element {index}: {why}"))),
            Ok(element) => match seen.entry(element) {
                Entry::Occupied(other) => {
                    errors.push(Invalid::here(format!("duplicate entries for key {}", other.key())));
                }
                Entry::Vacant(place) => drop(place.insert(item)),
            },
        }
    }
    for (element, item) in seen {
        below(errors, || element.clone(), |errors| walk(item, of.ty, errors));
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
