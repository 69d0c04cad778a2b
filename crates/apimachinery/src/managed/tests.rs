use serde_json::{Value, json};

use super::{owned_by, owners_of, project};
use crate::fieldset::{FieldSet, Path, PathElement, Scalar};
use crate::patch::apply::tests::schema;

fn entry(manager: &str, operation: &str, minute: u32, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
        "time": format!("2026-01-01T00:{minute:02}:00Z"), "fieldsV1": fields})
}

fn object() -> Value {
    json!({
        "metadata": {"labels": {"a": "1", "b": "2"}, "managedFields": [
            entry("app", "Apply", 1, json!({"f:spec": {"f:selector": {}, "f:replicas": {}, "f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}}}}})),
            entry("app", "Update", 3, json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}})),
            entry("hpa", "Update", 2, json!({"f:spec": {"f:replicas": {}}})),
        ]},
        "spec": {"replicas": 3, "selector": {"x": "1", "y": "2"}, "args": ["b", "a"], "extra": {},
            "ports": [{"port": 443, "name": "tls"}, {"port": 80, "name": "web", "target": 8080}]},
    })
}

fn set(fields: Value) -> FieldSet {
    FieldSet::from_fields_v1(&fields).unwrap()
}

#[test]
fn a_manager_owns_what_any_of_its_entries_says() {
    let owned = owned_by(&object(), "app");
    assert!(owned.contains(&Path::fields(["spec", "replicas"])));
    assert!(owned.contains(&Path::fields(["metadata", "labels", "a"])));
    assert!(owned_by(&object(), "nobody").is_empty());
    assert!(owned_by(&json!({}), "app").is_empty());
    assert!(owned_by(&json!({"metadata": {"managedFields": [{"manager": "app"}]}}), "app").is_empty());
}

#[test]
fn blame_names_the_latest_writer_first() {
    let names = |path: &[PathElement]| -> Vec<String> {
        owners_of(&object(), path)
            .into_iter()
            .map(|o| format!("{} {} {}", o.manager, o.operation, o.time.unwrap().as_second() / 60 % 60))
            .collect()
    };
    assert_eq!(names(&Path::fields(["spec", "replicas"])), ["hpa Update 2", "app Apply 1"]);
    // A field of something that has one owner.
    assert_eq!(names(&Path::fields(["spec", "selector", "x"])), ["app Apply 1"]);
    assert_eq!(names(&Path::fields(["metadata", "labels"])), ["app Update 3"]);
    assert!(names(&Path::fields(["metadata", "labels", "b"])).is_empty());
    assert!(names(&Path::fields(["spec"])).is_empty());
    let number = |n: i64| Scalar::Number(n.into());
    let port = PathElement::key([("protocol", Scalar::String("TCP".into())), ("port", number(80))]);
    let path = [PathElement::field("spec"), PathElement::field("ports"), port, PathElement::field("name")];
    assert_eq!(names(&path), ["app Apply 1"]);
}

#[test]
fn a_projection_is_what_the_set_names() {
    // The port's protocol is a default that the object does not say.
    let owned = owned_by(&object(), "app");
    assert_eq!(
        project(&object(), &owned, None),
        json!({"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 3, "selector": {"x": "1", "y": "2"},
            "ports": [{"port": 80, "name": "web"}]}})
    );
    assert_eq!(project(&object(), &FieldSet::new(), None), json!({}));
    assert_eq!(
        project(&object(), &set(json!({"f:spec": {"f:gone": {}, "f:ports": {"k:{\"port\":1}": {}}}})), None),
        json!({})
    );
    assert_eq!(
        project(
            &object(),
            &set(json!({"f:spec": {"f:args": {"v:\"a\"": {}}, "f:ports": {"i:0": {"f:name": {}}}}})),
            None
        ),
        json!({"spec": {"args": ["a"], "ports": [{"name": "tls"}]}})
    );
}

#[test]
fn the_schema_tells_an_empty_map_from_an_atomic_one() {
    let schema = schema(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "selector": {"type": "object", "map": "atomic", "values": {"type": "string"}},
        "labels": {"type": "object", "values": {"type": "string"}},
        "set": {"type": "array", "list": "set", "items": {"type": "string"}},
        "args": {"type": "array", "items": {"type": "string"}}}}}}));
    let object = json!({"spec": {"selector": {"x": "1"}, "labels": {"x": "1"}, "set": ["x"], "args": ["x"]}});
    let owned = set(json!({"f:spec": {"f:selector": {}, "f:labels": {}, "f:set": {}, "f:args": {}}}));
    assert_eq!(project(&object, &owned, None), object);
    assert_eq!(
        project(&object, &owned, Some(&schema)),
        json!({"spec": {"selector": {"x": "1"}, "labels": {}, "set": [], "args": ["x"]}})
    );
}
