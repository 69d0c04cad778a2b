//! The OpenAPI v2 document of a whole server, made from the v3 documents of its groups and versions.
//!
//! kubectl 1.37 still asks for it to learn whether the server validates fields when a file holds a `kind: List`; older
//! clients read kinds and merge keys from it. What v2 cannot say (`oneOf`, `anyOf`, `not`, `nullable`) is left out.

use serde_json::{Map, Value, json};

/// Keys of schemas that v2 knows; extensions come on top.
const SCHEMA_KEYS: [&str; 20] = [
    "additionalProperties",
    "allOf",
    "default",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "required",
    "type",
];

/// Methods that paths have operations for.
const METHODS: [&str; 5] = ["delete", "get", "patch", "post", "put"];

/// Puts v3 documents together into one v2 document. Of schemas that several documents have the first one counts: they are
/// the same.
pub fn v2(documents: impl IntoIterator<Item = Value>) -> Value {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for mut document in documents {
        if let Some(Value::Object(found)) = document.get_mut("paths").map(Value::take) {
            paths.extend(found.into_iter().map(|(path, item)| (path, path_item(&item))));
        }
        if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas").map(Value::take) {
            for (name, found) in schemas {
                definitions.entry(name).or_insert_with(|| schema(&found));
            }
        }
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": super::described::KUBERNETES},
        "paths": paths,
        "definitions": definitions,
    })
}

fn extensions(map: &Map<String, Value>) -> impl Iterator<Item = (String, Value)> + '_ {
    map.iter().filter(|(key, _)| key.starts_with("x-")).map(|(key, value)| (key.clone(), value.clone()))
}

fn path_item(item: &Value) -> Value {
    let mut out = Map::new();
    for method in METHODS {
        if let Some(Value::Object(found)) = item.get(method) {
            out.insert(method.to_owned(), operation(found));
        }
    }
    if let Some(found) = item.get("parameters") {
        out.insert("parameters".to_owned(), parameters(found).into());
    }
    Value::Object(out)
}

fn operation(found: &Map<String, Value>) -> Value {
    let mut out: Map<String, Value> = extensions(found).collect();
    if let Some(id) = found.get("operationId") {
        out.insert("operationId".to_owned(), id.clone());
    }
    let mut all = found.get("parameters").map(parameters).unwrap_or_default();
    if let Some(body) = found.get("requestBody") {
        let content = body.get("content").and_then(Value::as_object);
        let media: Vec<&String> = content.into_iter().flat_map(Map::keys).collect();
        out.insert("consumes".to_owned(), json!(media));
        let taken = content.and_then(|content| content.values().next()).and_then(|one| one.get("schema"));
        let required = body.get("required") == Some(&Value::Bool(true));
        let taken = taken.map(schema).unwrap_or_else(|| json!({"type": "object"}));
        all.push(json!({"name": "body", "in": "body", "required": required, "schema": taken}));
    }
    if !all.is_empty() {
        out.insert("parameters".to_owned(), all.into());
    }
    out.insert("produces".to_owned(), json!(["application/json"]));
    let answers = found.get("responses").and_then(Value::as_object).into_iter().flatten();
    let answers: Map<String, Value> = answers
        .map(|(code, answer)| {
            let mut response = json!({"description": answer.get("description").cloned().unwrap_or_default()});
            if let Some(given) = answer.pointer("/content/application~1json/schema") {
                response["schema"] = schema(given);
            }
            (code.clone(), response)
        })
        .collect();
    out.insert("responses".to_owned(), Value::Object(answers));
    Value::Object(out)
}

/// Parameters in a query or a path: what v3 says of their schema stands beside their name in v2.
fn parameters(found: &Value) -> Vec<Value> {
    let list = found.as_array().into_iter().flatten().filter_map(Value::as_object);
    list.map(|parameter| {
        let mut out: Map<String, Value> =
            parameter.iter().filter(|(key, _)| *key != "schema").map(|(k, v)| (k.clone(), v.clone())).collect();
        for key in ["type", "uniqueItems"] {
            if let Some(value) = parameter.get("schema").and_then(|schema| schema.get(key)) {
                out.insert(key.to_owned(), value.clone());
            }
        }
        Value::Object(out)
    })
    .collect()
}

/// A schema in v2's words.
fn schema(found: &Value) -> Value {
    let Value::Object(map) = found else { return json!({}) };
    let mut out: Map<String, Value> = extensions(map).collect();
    let reference = |value: &Value| {
        let text = value.get("$ref")?.as_str()?;
        Some(json!(text.replace("#/components/schemas/", "#/definitions/")))
    };
    // v3 wraps a reference that has a text or default beside it.
    let wrapped = map.get("allOf").and_then(Value::as_array).filter(|all| all.len() == 1).and_then(|all| all.first());
    if let Some(target) = reference(found).or_else(|| wrapped.and_then(reference)) {
        out.insert("$ref".to_owned(), target);
        for key in ["description", "default"] {
            if let Some(value) = map.get(key) {
                out.insert(key.to_owned(), value.clone());
            }
        }
        return Value::Object(out);
    }
    for (key, value) in map.iter().filter(|(key, _)| SCHEMA_KEYS.contains(&key.as_str())) {
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(fields)) => fields.iter().map(|(k, v)| (k.clone(), schema(v))).collect(),
            ("items", item) => schema(item),
            ("additionalProperties", Value::Object(_)) => schema(value),
            ("allOf", Value::Array(all)) => all.iter().map(schema).collect(),
            (_, value) => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    if !out.contains_key("type") && (map.contains_key("oneOf") || map.contains_key("anyOf")) {
        // Numbers that may be text, such as quantities and ports: text in v2, as kube-apiserver publishes them.
        let or_string = out.get("format").is_some_and(|format| format == "int-or-string")
            || [map.get("oneOf"), map.get("anyOf")].into_iter().flatten().any(|alternatives| {
                alternatives
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one.get("type") == Some(&json!("string"))))
            });
        if or_string && !out.contains_key("x-kubernetes-int-or-string") {
            out.insert("type".to_owned(), json!("string"));
        }
    }
    if out.get("type") == Some(&json!("array")) && !out.contains_key("items") {
        out.insert("items".to_owned(), json!({}));
    }
    Value::Object(out)
}
