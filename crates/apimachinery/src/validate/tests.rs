mod cluster;
mod metadata;
mod workload;

use model::GroupVersion;
use serde_json::{Value, json};

use kinds::{Kind, find};

fn kind_of(name: &str) -> &'static Kind {
    let (api_version, name) = name.rsplit_once('/').unwrap();
    find(&api_version.parse::<GroupVersion>().unwrap().kind(name)).unwrap()
}

fn object(kind: &Kind, text: &str) -> Value {
    let mut object = model::yaml::parse(text).unwrap();
    let meta = model::object::slot(&mut object, &["metadata"]);
    if meta.is_null() {
        *meta = json!({});
    }
    if meta.get("name").is_none() {
        meta["name"] = json!("x");
    }
    if kind.namespaced {
        meta["namespace"] = json!("ns");
    }
    object
}

fn lines(errors: &[model::FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// All errors of a new object.
fn check(kind: &str, text: &str, expect: &[&str]) {
    let kind = kind_of(kind);
    assert_eq!(lines(&super::builtin(kind, &object(kind, text), None)), expect, "{text}");
}

/// All errors of an update.
fn check_update(kind: &str, old: &str, new: &str, expect: &[&str]) {
    let kind = kind_of(kind);
    let errors = super::builtin(kind, &object(kind, new), Some(&object(kind, old)));
    assert_eq!(lines(&errors), expect, "{old} -> {new}");
}

#[test]
fn anything_is_taken() {
    for kind in kinds::all() {
        for value in [
            json!(null),
            json!([]),
            json!({"metadata": 1, "spec": "x"}),
            json!({"metadata": {"labels": [], "ownerReferences": {}}, "spec": {"ports": [1], "template": 2, "rules": [null], "selector": []}}),
            json!({"spec": {"template": {"spec": {"containers": [1, {"ports": [null], "env": [3], "resources": []}]}}}, "rules": {}, "data": []}),
        ] {
            super::builtin(kind, &value, None);
            super::builtin(kind, &value, Some(&value));
        }
    }
}
