use model::{GroupVersion, GroupVersionKind};
use serde_json::json;

use super::*;
use kinds::{all, find};

use crate::normal::normalize;

fn gvk(object: &Value) -> GroupVersionKind {
    let api_version: GroupVersion = object["apiVersion"].as_str().unwrap().parse().unwrap();
    api_version.kind(object["kind"].as_str().unwrap())
}

/// Minimal manifests and what kube-apiserver 1.37.2 answered to their creation (admission plugins that change objects
/// off; without identity, and what its registry strategies add: a Service's addresses, a Job's selector, a Pod's
/// status, a Namespace's finalizers).
#[test]
fn defaults_are_what_kube_apiserver_answers() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let kind = find(&gvk(&case["given"])).unwrap();
        let mut object = case["given"].clone();
        normalize(kind, &mut object).unwrap();
        builtin(kind, &mut object);
        normalize(kind, &mut object).unwrap();
        if object != case["answer"] {
            let patch = json_patch::diff(&case["answer"], &object);
            wrong.push(format!("{} {}: {patch}", kind.kind, case["given"]["metadata"]["name"]));
        }
        let once = object.clone();
        builtin(kind, &mut object);
        assert_eq!(object, once, "{}: defaults are not stable", kind.kind);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn nothing_that_is_set_is_changed_and_nothing_panics() {
    for kind in all() {
        for odd in [
            json!({}),
            json!([]),
            json!({"spec": 1, "metadata": "x"}),
            json!({"spec": {"template": []}, "webhooks": {}}),
        ] {
            let mut object = odd.clone();
            builtin(kind, &mut object);
        }
    }
}
