//! The rules that make a schema structural, checked on its JSON.
//!
//! Source: `pkg/apiserver/schema/validation.go` and `pkg/apis/apiextensions/validation/validation.go`.

use model::{FieldError, FieldPath};
use serde_json::{Map, Value, json};

use super::parse::{Findings, strings};
use super::pattern;

/// Where in the schema a node is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Root,
    Item,
    Field,
}

/// Keywords that structural schemas do not have, wherever they are.
const REFUSED: [&str; 7] =
    ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref", "uniqueItems"];

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// What a keyword must be in JSON.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Flag,
    Number,
    Count,
    List,
    Object,
}

const SHAPES: [(&str, Shape); 29] = [
    ("type", Shape::Text),
    ("format", Shape::Text),
    ("title", Shape::Text),
    ("description", Shape::Text),
    ("pattern", Shape::Text),
    ("nullable", Shape::Flag),
    ("exclusiveMinimum", Shape::Flag),
    ("exclusiveMaximum", Shape::Flag),
    ("x-kubernetes-int-or-string", Shape::Flag),
    ("x-kubernetes-embedded-resource", Shape::Flag),
    ("x-kubernetes-preserve-unknown-fields", Shape::Flag),
    ("x-kubernetes-list-type", Shape::Text),
    ("x-kubernetes-map-type", Shape::Text),
    ("x-kubernetes-list-map-keys", Shape::List),
    ("x-kubernetes-validations", Shape::List),
    ("minimum", Shape::Number),
    ("maximum", Shape::Number),
    ("multipleOf", Shape::Number),
    ("minLength", Shape::Count),
    ("maxLength", Shape::Count),
    ("minItems", Shape::Count),
    ("maxItems", Shape::Count),
    ("minProperties", Shape::Count),
    ("maxProperties", Shape::Count),
    ("required", Shape::List),
    ("enum", Shape::List),
    ("allOf", Shape::List),
    ("anyOf", Shape::List),
    ("oneOf", Shape::List),
];

/// Is this list exactly "an integer or a string"?
pub(super) fn is_int_or_string(any_of: &[Value]) -> bool {
    matches!(any_of, [a, b] if *a == json!({"type": "integer"}) && *b == json!({"type": "string"}))
}

/// Rules for both structure and value rules.
fn check_common(node: &Map<String, Value>, path: &FieldPath, found: &mut Findings) {
    for (keyword, shape) in SHAPES.into_iter().chain([("properties", Shape::Object), ("not", Shape::Object)]) {
        let Some(value) = node.get(keyword).filter(|v| !v.is_null()) else { continue };
        let (fits, words) = match shape {
            Shape::Text => (value.is_string(), "a string"),
            Shape::Flag => (value.is_boolean(), "a boolean"),
            Shape::Number => (value.is_number(), "a number"),
            Shape::Count => (value.as_i64().is_some(), "an integer"),
            Shape::List => (value.is_array(), "an array"),
            Shape::Object => (value.is_object(), "an object"),
        };
        if !fits {
            found.push(FieldError::invalid(path.field(keyword), value.clone(), format!("must be {words}")));
        }
    }
    for keyword in REFUSED {
        match node.get(keyword) {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(_) if keyword == "uniqueItems" => {
                let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
                found.push(FieldError::forbidden(path.field(keyword), why));
            }
            Some(_) => {
                found.push(FieldError::forbidden(path.field(keyword), format!("{keyword} is not supported")));
            }
        }
    }
    if node.get("items").is_some_and(Value::is_array) {
        found.push(FieldError::forbidden(path.field("items"), "items must be a schema object and not an array"));
    }
    if let Some(text) = node.get("pattern").and_then(Value::as_str)
        && let Err(why) = pattern::check(text)
    {
        let detail = format!("must be a valid regular expression, but isn't: {why}");
        found.push(FieldError::invalid(path.field("pattern"), text, detail));
    }
}

/// Rules for a node below `allOf`, `anyOf`, `oneOf` or `not`.
pub(super) fn check_nested(node: &Map<String, Value>, path: &FieldPath, found: &mut Findings) {
    check_common(node, path, found);
    let set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    for (keyword, must) in [
        ("type", "be empty"),
        ("title", "be empty"),
        ("description", "be empty"),
        ("nullable", "be false"),
        ("default", "be undefined"),
        ("externalDocs", "be undefined"),
        ("additionalProperties", "be undefined"),
        ("x-kubernetes-preserve-unknown-fields", "be false"),
        ("x-kubernetes-embedded-resource", "be false"),
        ("x-kubernetes-int-or-string", "be false"),
        ("x-kubernetes-list-map-keys", "be empty"),
        ("x-kubernetes-list-type", "be undefined"),
        ("x-kubernetes-map-type", "be undefined"),
        ("x-kubernetes-validations", "be empty"),
    ] {
        if node.get(keyword).is_some_and(set) {
            found.push(FieldError::forbidden(path.field(keyword), format!("must {must} to be structural")));
        }
    }
    if node.get("properties").and_then(|p| p.get("metadata")).is_some() {
        let place = path.field("properties").key("metadata");
        found.push(FieldError::forbidden(place, "must not be specified in a nested context"));
    }
}

/// Rules for a node that gives structure.
pub(super) fn check(node: &Map<String, Value>, path: &FieldPath, level: Level, found: &mut Findings) {
    check_common(node, path, found);
    let flag = |name: &str| node.get(name).and_then(Value::as_bool).unwrap_or(false);
    let ty = node.get("type").and_then(Value::as_str).unwrap_or_default();
    let embedded = flag("x-kubernetes-embedded-resource");
    let preserve = flag("x-kubernetes-preserve-unknown-fields");
    let int_or_string = flag("x-kubernetes-int-or-string");
    let at_type = path.field("type");

    if ty == "null" {
        found.push(FieldError::forbidden(at_type, "type cannot be set to null, use nullable as an alternative"));
    } else if !ty.is_empty() && !TYPES.contains(&ty) {
        found.push(FieldError::not_supported(at_type, ty, &TYPES));
    } else if embedded && ty != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        found.push(wrong(at_type, ty, why));
    } else if ty.is_empty() && !int_or_string && !preserve {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        found.push(FieldError::required(at_type, why));
    } else if level == Level::Root && !ty.is_empty() && ty != "object" {
        found.push(FieldError::invalid(at_type, ty, "must be object at the root"));
    }
    if level == Level::Root && flag("nullable") {
        found.push(FieldError::forbidden(path.field("nullable"), "nullable cannot be true at the root"));
    }
    if node.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let place = path.field("x-kubernetes-preserve-unknown-fields");
        found.push(FieldError::invalid(place, false, "must be true or undefined"));
    }
    for (name, set) in
        [("x-kubernetes-preserve-unknown-fields", preserve), ("x-kubernetes-embedded-resource", embedded)]
    {
        if int_or_string && set {
            let why = "must be false if x-kubernetes-int-or-string is true";
            found.push(FieldError::invalid(path.field(name), true, why));
        }
    }
    let no_fields = node.get("properties").and_then(Value::as_object).is_none_or(Map::is_empty);
    if embedded && !preserve && no_fields {
        let why =
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        found.push(FieldError::required(path.field("properties"), why));
    }
    if ty == "array" && node.get("items").is_none() {
        found.push(FieldError::required(path.field("items"), "must be specified"));
    }
    check_map(node, path, level, embedded, no_fields, found);
    check_list(node, path, ty, found);
    if level == Level::Root || embedded {
        check_object_fields(node, path, level, found);
    }
}

fn wrong(path: FieldPath, value: &str, why: &str) -> FieldError {
    if value.is_empty() { FieldError::required(path, why) } else { FieldError::invalid(path, value, why) }
}

fn check_map(
    node: &Map<String, Value>,
    path: &FieldPath,
    level: Level,
    embedded: bool,
    no_fields: bool,
    found: &mut Findings,
) {
    let place = path.field("additionalProperties");
    match node.get("additionalProperties").filter(|v| !v.is_null()) {
        None => {}
        Some(Value::Bool(false)) => {
            found.push(FieldError::forbidden(place, "additionalProperties cannot be set to false"));
        }
        Some(Value::Bool(true) | Value::Object(_)) => {
            if !no_fields {
                let why = "additionalProperties and properties are mutual exclusive";
                found.push(FieldError::forbidden(place.clone(), why));
            }
            if level == Level::Root {
                found.push(FieldError::forbidden(place.clone(), "must not be used at the root"));
            }
            if embedded {
                let why = "must not be used if x-kubernetes-embedded-resource is set";
                found.push(FieldError::forbidden(place, why));
            }
        }
        Some(other) => found.push(FieldError::invalid(place, other.clone(), "must be a schema object or a boolean")),
    }
    if let Some(map_type) = node.get("x-kubernetes-map-type").and_then(Value::as_str) {
        let ty = node.get("type").and_then(Value::as_str).unwrap_or_default();
        if ty != "object" {
            found.push(wrong(path.field("type"), ty, "must be object if x-kubernetes-map-type is specified"));
        }
        if !["atomic", "granular"].contains(&map_type) {
            let place = path.field("x-kubernetes-map-type");
            found.push(FieldError::not_supported(place, map_type, &["atomic", "granular"]));
        }
    }
}

fn check_list(node: &Map<String, Value>, path: &FieldPath, ty: &str, found: &mut Findings) {
    let keys = strings(node, "x-kubernetes-list-map-keys");
    let at_list_type = path.field("x-kubernetes-list-type");
    let at_keys = path.field("x-kubernetes-list-map-keys");
    let Some(list_type) = node.get("x-kubernetes-list-type").and_then(Value::as_str) else {
        if !keys.is_empty() {
            let why = "must be map if x-kubernetes-list-map-keys is non-empty";
            found.push(FieldError::required(at_list_type, why));
        }
        return;
    };
    if ty != "array" {
        found.push(wrong(path.field("type"), ty, "must be array if x-kubernetes-list-type is specified"));
    }
    let item = node.get("items").and_then(Value::as_object);
    let at_items = path.field("items");
    let item_nullable = item.and_then(|i| i.get("nullable")) == Some(&Value::Bool(true));
    if list_type != "atomic" && item_nullable {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        found.push(FieldError::forbidden(at_items.field("nullable"), why));
    }
    match list_type {
        "atomic" => {}
        "set" => check_set(item, &at_items, found),
        "map" => check_list_map(item, &at_items, &keys, &at_keys, found),
        other => found.push(FieldError::not_supported(at_list_type.clone(), other, &["atomic", "set", "map"])),
    }
    if list_type != "map" && !keys.is_empty() {
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        found.push(FieldError::invalid(at_list_type, list_type, why));
    }
}

/// Items of a set are compared whole, so they must be owned whole.
fn check_set(item: Option<&Map<String, Value>>, at_items: &FieldPath, found: &mut Findings) {
    let Some(item) = item else { return };
    let keyword = match item.get("type").and_then(Value::as_str) {
        Some("array") => "x-kubernetes-list-type",
        Some("object") => "x-kubernetes-map-type",
        _ => return,
    };
    let given = item.get(keyword).and_then(Value::as_str);
    // Lists are atomic when nothing is said; objects are granular.
    if given != Some("atomic") && !(keyword == "x-kubernetes-list-type" && given.is_none()) {
        let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
        found.push(FieldError::invalid(at_items.field(keyword), given, why));
    }
}

fn check_list_map(
    item: Option<&Map<String, Value>>,
    at_items: &FieldPath,
    keys: &[String],
    at_keys: &FieldPath,
    found: &mut Findings,
) {
    if keys.is_empty() {
        found.push(FieldError::required(at_keys.clone(), "must not be empty if x-kubernetes-list-type is map"));
    }
    let Some(item) = item else {
        let why = "must have a schema if x-kubernetes-list-type is map";
        found.push(FieldError::required(at_items.clone(), why));
        return;
    };
    let ty = item.get("type").and_then(Value::as_str).unwrap_or_default();
    if ty != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        found.push(FieldError::invalid(at_items.field("type"), ty, why));
    }
    let required = strings(item, "required");
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].contains(key) {
            found.push(FieldError::invalid(at_keys.clone(), keys, "must not contain duplicate entries"));
            continue;
        }
        let Some(field) = item.get("properties").and_then(|p| p.get(key)) else {
            found.push(FieldError::invalid(at_keys.clone(), keys, "entries must all be names of item properties"));
            continue;
        };
        let place = at_items.field("properties").key(key);
        if let Some(ty @ ("array" | "object")) = field.get("type").and_then(Value::as_str) {
            let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            found.push(FieldError::invalid(place.field("type"), ty, why));
        }
        if !required.contains(key) && field.get("default").is_none() {
            let why =
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            found.push(FieldError::required(place.field("default"), why));
        }
        if field.get("nullable") == Some(&Value::Bool(true)) {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            found.push(FieldError::forbidden(place.field("nullable"), why));
        }
    }
}

/// `apiVersion`, `kind` and `metadata` of an object are given; a schema may only narrow the name.
fn check_object_fields(node: &Map<String, Value>, path: &FieldPath, level: Level, found: &mut Findings) {
    let Some(Value::Object(fields)) = node.get("properties") else { return };
    for (name, must) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
        let Some(field) = fields.get(name) else { continue };
        let ty = field.get("type").and_then(Value::as_str).unwrap_or_default();
        if ty != must {
            let place = path.field("properties").key(name).field("type");
            found.push(FieldError::invalid(place, ty, format!("must be {must}")));
        }
    }
    if level != Level::Root {
        return;
    }
    let Some(Value::Object(metadata)) = fields.get("metadata") else { return };
    let only_names = metadata
        .get("properties")
        .and_then(Value::as_object)
        .is_none_or(|p| p.keys().all(|k| k == "name" || k == "generateName"));
    // Not even a description: the schema of metadata is the server's.
    let allowed = ["type", "properties", "default"];
    if !only_names || metadata.keys().any(|key| !allowed.contains(&key.as_str())) {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        found.push(FieldError::forbidden(path.field("properties").key("metadata"), why));
    }
}
