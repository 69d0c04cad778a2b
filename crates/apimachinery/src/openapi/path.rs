//! Paths and operations of a kind.

use std::collections::BTreeMap;

use model::GroupVersionKind;
use serde_json::{Map, Value, json};

use super::described::{Described, gvk_value, reference};
use super::schema::{Components, PATCH, list_name};

/// Query parameters of an operation: name and type.
type Query = &'static [(&'static str, &'static str)];

const WRITE: Query = &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const PATCHING: Query =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];
const DELETE: Query = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];
const LIST: Query = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];

/// One operation: verb in HTTP, verb in Kubernetes, and what goes in and out.
struct Operation<'a> {
    method: &'static str,
    action: &'a str,
    query: Query,
    takes: Option<(&'a str, &'a str)>,
    gives: &'a str,
}

/// Adds the paths of a kind and of its subresources.
pub(super) fn add(kind: &Described<'_>, components: &mut Components, paths: &mut BTreeMap<String, Value>) {
    let gv = kind.gvk.group_version();
    let root = if gv.group.is_empty() { format!("/api/{gv}") } else { format!("/apis/{gv}") };
    let plural = kind.plural;
    let scope = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{scope}/{plural}");
    let item = format!("{collection}/{{name}}");
    components.special(PATCH, json!({"type": "object"}));
    let (options, status) = (components.named("meta.v1.DeleteOptions"), components.named("meta.v1.Status"));
    let (options, status) = (target(&options), target(&status));
    let list = list_name(kind);
    let verb = |name: &str| kind.verbs.contains(&name);

    let one = |method, action, query, takes| Operation { method, action, query, takes, gives: &kind.schema };
    let body = Some(("application/json", kind.schema.as_str()));
    let mut on_collection = Vec::new();
    if verb("list") {
        on_collection.push(Operation { method: "get", action: "list", query: LIST, takes: None, gives: &list });
    }
    if verb("create") {
        on_collection.push(one("post", "post", WRITE, body));
    }
    if verb("deletecollection") {
        let takes = Some(("application/json", options.as_str()));
        on_collection.push(Operation {
            method: "delete",
            action: "deletecollection",
            query: DELETE,
            takes,
            gives: &status,
        });
    }
    insert_path(paths, collection.clone(), kind, &kind.gvk, &on_collection);
    if kind.namespaced && verb("list") {
        let operation = Operation { method: "get", action: "list", query: LIST, takes: None, gives: &list };
        insert_path(paths, format!("{root}/{plural}"), kind, &kind.gvk, &[operation]);
    }

    let mut on_item = Vec::new();
    if verb("get") {
        on_item.push(one("get", "get", &[], None));
    }
    if verb("update") {
        on_item.push(one("put", "put", WRITE, body));
    }
    if verb("patch") {
        on_item.push(one("patch", "patch", PATCHING, Some(("", PATCH))));
    }
    if verb("delete") {
        let takes = Some(("application/json", options.as_str()));
        on_item.push(Operation { method: "delete", action: "delete", query: DELETE, takes, gives: &status });
    }
    insert_path(paths, item.clone(), kind, &kind.gvk, &on_item);
    if kind.status {
        subresource(paths, kind, &kind.gvk, &format!("{item}/status"), &kind.schema);
    }
    if kind.scale {
        let scale = target(&components.named("autoscaling.v1.Scale"));
        let gvk = GroupVersionKind::new("autoscaling", "v1", "Scale");
        subresource(paths, kind, &gvk, &format!("{item}/scale"), &scale);
    }
    for sub in kind.subresources {
        let schema = if sub.version.is_empty() {
            kind.schema.clone()
        } else {
            let package = sub.group.split('.').next().unwrap_or_default();
            target(&components.named(&format!("{package}.{}.{}", sub.version, sub.kind)))
        };
        let known = [
            ("get", "get", &[] as Query),
            ("create", "post", WRITE),
            ("update", "put", WRITE),
            ("patch", "patch", PATCHING),
        ];
        let operations: Vec<Operation<'_>> = known
            .into_iter()
            .filter(|(verb, ..)| sub.verbs.contains(verb))
            .map(|(verb, method, query)| {
                let takes = match verb {
                    "get" => None,
                    "patch" => Some(("", PATCH)),
                    _ => Some(("application/json", schema.as_str())),
                };
                Operation { method, action: method, query, takes, gives: &schema }
            })
            .collect();
        let (group, version) = match sub.version {
            "" => (kind.gvk.group.as_str(), kind.gvk.version.as_str()),
            version => (sub.group, version),
        };
        let gvk = GroupVersionKind::new(group, version, sub.kind);
        insert_path(paths, format!("{item}/{}", sub.name), kind, &gvk, &operations);
    }
}

/// A subresource that is read and written like an object.
fn subresource(
    paths: &mut BTreeMap<String, Value>,
    kind: &Described<'_>,
    gvk: &GroupVersionKind,
    path: &str,
    schema: &str,
) {
    let operation = |method, query, takes| Operation { method, action: method, query, takes, gives: schema };
    let operations = [
        operation("get", &[], None),
        operation("put", WRITE, Some(("application/json", schema))),
        operation("patch", PATCHING, Some(("", PATCH))),
    ];
    insert_path(paths, path.to_owned(), kind, gvk, &operations);
}

fn insert_path(
    paths: &mut BTreeMap<String, Value>,
    path: String,
    kind: &Described<'_>,
    gvk: &GroupVersionKind,
    operations: &[Operation<'_>],
) {
    if operations.is_empty() {
        return;
    }
    let text = json!({"type": "string", "uniqueItems": true});
    let in_path = |name: &str| json!({"name": name, "in": "path", "required": true, "schema": text});
    let variables: Vec<Value> =
        ["name", "namespace"].into_iter().filter(|n| path.contains(&format!("{{{n}}}"))).map(in_path).collect();
    let mut item = Map::new();
    for operation in operations {
        item.insert(operation.method.to_owned(), self::operation(operation, &path, kind, gvk));
    }
    if !variables.is_empty() {
        item.insert("parameters".to_owned(), variables.into());
    }
    paths.insert(path, Value::Object(item));
}

fn operation(operation: &Operation<'_>, path: &str, kind: &Described<'_>, gvk: &GroupVersionKind) -> Value {
    let query: Vec<Value> = operation
        .query
        .iter()
        .map(|(name, ty)| json!({"name": name, "in": "query", "schema": {"type": ty, "uniqueItems": true}}))
        .collect();
    let mut responses = Map::new();
    let answer = json!({"description": "OK", "content": {"application/json": {"schema": reference(operation.gives)}}});
    if matches!(operation.method, "post" | "put" | "patch") {
        responses.insert("201".to_owned(), answer.clone());
    }
    responses.insert("200".to_owned(), answer);
    let mut out = json!({
        "operationId": operation_id(operation, path),
        "responses": responses,
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": gvk_value(gvk),
    });
    if !query.is_empty() {
        out["parameters"] = query.into();
    }
    if let Some((media, schema)) = operation.takes {
        let content = json!({"schema": reference(schema)});
        let content: Map<String, Value> = match media {
            "" => patch_types(kind).map(|media| (media.to_owned(), content.clone())).collect(),
            media => [(media.to_owned(), content)].into_iter().collect(),
        };
        out["requestBody"] = json!({"content": content, "required": operation.method != "delete"});
    }
    out
}

/// The ways to patch a kind.
fn patch_types(kind: &Described<'_>) -> impl Iterator<Item = &'static str> {
    let all = ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
    all.into_iter().chain(kind.strategic.then_some("application/strategic-merge-patch+json"))
}

/// Unique in the document, and stable: the action and the words of the path.
fn operation_id(operation: &Operation<'_>, path: &str) -> String {
    let words = path.split(['/', '.', '{', '}', '-']).filter(|word| !word.is_empty());
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    std::iter::once(operation.action.to_owned()).chain(words.map(capital)).collect()
}

/// The schema that a reference names.
fn target(reference: &Value) -> String {
    reference["$ref"].as_str().and_then(|r| r.rsplit('/').next()).unwrap_or_default().to_owned()
}
