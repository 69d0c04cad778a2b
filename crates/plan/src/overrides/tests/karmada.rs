//! Karmada's cases (`pkg/util/overridemanager/*_test.go`), as inputs and outputs.

use serde_json::{Value, json};

use super::{changed, containers, workload};

const SHA: &str = "sha256:dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9c";

#[test]
fn images() {
    let old = "fictional.registry.example/imagename:v1.0.0";
    let digest = format!("fictional.registry.example/imagename@{SHA}");
    let nginx = "fictional.registry.example/nginx:v1.0.0";
    // Kind, images, the container that is named, component, operator, value; images then.
    let cases = json!([
        ["Job", ["perl:5.34.0"], null, "Registry", "add", "registry.k8s.io", ["registry.k8s.io/perl:5.34.0"]],
        ["Job", ["perl:5.34.0"], 0, "Registry", "add", "registry.k8s.io", ["registry.k8s.io/perl:5.34.0"]],
        ["Deployment", [old], null, "Registry", "add", ".test", ["fictional.registry.example.test/imagename:v1.0.0"]],
        [
            "Deployment",
            [old],
            null,
            "Registry",
            "replace",
            "fictional.registry.us",
            ["fictional.registry.us/imagename:v1.0.0"]
        ],
        ["Deployment", [old], null, "Registry", "remove", "fictional.registry.us", ["imagename:v1.0.0"]],
        [
            "Deployment",
            [old],
            null,
            "Repository",
            "add",
            "/nginx",
            ["fictional.registry.example/imagename/nginx:v1.0.0"]
        ],
        ["Deployment", [old], null, "Repository", "replace", "nginx", [nginx]],
        ["Deployment", [old], null, "Repository", "remove", "nginx", ["fictional.registry.example/:v1.0.0"]],
        ["Deployment", [old], null, "Tag", "add", SHA, [old]],
        ["Deployment", [old], null, "Tag", "replace", SHA, [digest]],
        ["Deployment", [old], null, "Tag", "remove", SHA, ["fictional.registry.example/imagename"]],
        ["Pod", [old], null, "Repository", "replace", "nginx", [nginx]],
        ["StatefulSet", [old], null, "Repository", "replace", "nginx", [nginx]],
        ["ReplicaSet", [old], null, "Repository", "replace", "nginx", [nginx]],
        ["DaemonSet", [old], null, "Repository", "replace", "nginx", [nginx]],
        [
            "Deployment",
            [old, "registry.k8s.io/nginx-slim:0.8"],
            null,
            "Repository",
            "replace",
            "nginx",
            [nginx, "registry.k8s.io/nginx:0.8"]
        ],
        ["Deployment", [old], 0, "Repository", "replace", "nginx", [nginx]],
        [
            "Deployment",
            [old, "registry.k8s.io/nginx-slim:0.8"],
            1,
            "Repository",
            "replace",
            "nginx",
            [old, "registry.k8s.io/nginx:0.8"]
        ],
    ]);
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let images = case[1].as_array().unwrap().iter().map(|image| json!({"name": "nginx", "image": image}));
        let mut overrider = json!({"component": case[3], "operator": case[4], "value": case[5]});
        if let Some(index) = case[2].as_u64() {
            overrider["predicate"] = json!({"path": format!("/spec/template/spec/containers/{index}/image")});
        }
        let object = workload(case[0].as_str().unwrap(), images.collect());
        let outcome = changed(&object, &json!({"imageOverrider": [overrider]})).unwrap();
        let got: Value = containers(&outcome.object)
            .as_array()
            .unwrap()
            .iter()
            .map(|container| container["image"].clone())
            .collect();
        assert_eq!(got, case[6], "{case}");
    }
}

#[test]
fn commands_and_arguments() {
    let old = ["nginx", "-v", "-t"];
    let (hello, and) = ("echo 'hello karmada'", "&& echo 'hello karmada'");
    // Field, kind, names of containers, operator, value; words of the first then.
    let cases = json!([
        ["command", "Deployment", ["nginx"], "add", [and], ["nginx", "-v", "-t", and]],
        ["command", "Deployment", ["nginx"], "remove", ["-t"], ["nginx", "-v"]],
        ["command", "Deployment", ["nginx"], "remove", [], ["nginx", "-v", "-t"]],
        ["command", "Deployment", ["nginx", "nginx1"], "add", [hello], ["nginx", "-v", "-t", hello]],
        ["command", "Deployment", ["nginx", "nginx1"], "remove", ["-t"], ["nginx", "-v"]],
        ["command", "Pod", ["nginx"], "add", [hello], ["nginx", "-v", "-t", hello]],
        ["command", "StatefulSet", ["nginx"], "add", [hello], ["nginx", "-v", "-t", hello]],
        ["command", "ReplicaSet", ["nginx"], "remove", ["-t"], ["nginx", "-v"]],
        ["command", "DaemonSet", ["nginx"], "remove", ["-t"], ["nginx", "-v"]],
        ["args", "Deployment", ["nginx"], "add", [and], ["nginx", "-v", "-t", and]],
        ["args", "Deployment", ["nginx"], "remove", ["-t"], ["nginx", "-v"]],
    ]);
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 9 + 3 - 1);
    for case in cases {
        let field = case[0].as_str().unwrap();
        let names = case[2].as_array().unwrap();
        let list = names.iter().map(|name| json!({"name": name, field: old})).collect();
        let overrider = json!({"containerName": "nginx", "operator": case[3], "value": case[4]});
        let object = workload(case[1].as_str().unwrap(), list);
        let outcome = changed(&object, &json!({format!("{field}Overrider"): [overrider]})).unwrap();
        let containers = containers(&outcome.object);
        assert_eq!(containers[0][field], case[5], "{case}");
        assert!(names.len() == 1 || containers[1][field] == json!(old), "others stay");
    }
    // The twelfth: a container without arguments gets them, and keeps its command.
    let object = workload("Deployment", json!([{"name": "nginx", "command": old}]));
    let overriders = json!({"argsOverrider": [{"containerName": "nginx", "operator": "add", "value": ["-t"]}]});
    let outcome = changed(&object, &overriders).unwrap();
    assert_eq!(containers(&outcome.object)[0], json!({"name": "nginx", "command": old, "args": ["-t"]}));
}

#[test]
fn labels_and_annotations() {
    let two = json!({"foo": "foo", "bar": "bar"});
    let composed = json!({"foo": "foo", "testannotation/projectId": "c-m-lfx9lk92:p-v86cf"});
    let added = json!({"testannotation/projectId": "c-m-lfx9lk92:p-v86cf"});
    let both = [
        (Value::Null, "add", json!({"test2": "test2"}), json!({"test2": "test2"})),
        (
            two.clone(),
            "replace",
            json!({"foo": "exist", "non-exist": "non-exist"}),
            json!({"foo": "exist", "bar": "bar"}),
        ),
        (two.clone(), "add", json!({"test": "test"}), json!({"test": "test", "foo": "foo", "bar": "bar"})),
        (two.clone(), "remove", json!({"foo": "foo", "non-exist": "non-exist"}), json!({"bar": "bar"})),
    ];
    let annotations = [
        (two.clone(), "remove", json!({}), two.clone()),
        (two.clone(), "replace", json!({"test": "test"}), two.clone()),
        (two.clone(), "remove", json!({"test": "test"}), two.clone()),
        (
            two,
            "add",
            added.clone(),
            json!({"foo": "foo", "bar": "bar", "testannotation/projectId": "c-m-lfx9lk92:p-v86cf"}),
        ),
        (composed, "remove", added, json!({"foo": "foo"})),
    ];
    let cases = both
        .iter()
        .map(|case| ("labels", case))
        .chain(both.iter().chain(&annotations).map(|case| ("annotations", case)));
    let mut count = 0;
    for (field, (old, operator, value, expect)) in cases {
        let mut object = workload("Deployment", json!([]));
        object["metadata"][field] = old.clone();
        let overriders = json!({format!("{field}Overrider"): [{"operator": operator, "value": value}]});
        let outcome = changed(&object, &overriders).unwrap();
        assert_eq!(outcome.object["metadata"][field], *expect, "{field} {operator} {value}");
        count += 1;
    }
    assert_eq!(count, 4 + 9);
}

#[test]
fn texts() {
    let check = |key: &str, text: &str, form: &str, expect: &str| {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "test1", "namespace": "default"}, "data": {key: text},
        });
        let operation = json!({"subPath": "/key/key1", "operator": "replace", "value": "updated_value"});
        let overriders = json!({"fieldOverrider": [{"fieldPath": format!("/data/{key}"), form: [operation]}]});
        assert_eq!(changed(&object, &overriders).unwrap().object["data"], json!({key: expect}));
    };
    check("test.yaml", "\nkey: \n  key1: value\n", "yaml", "key:\n  key1: updated_value\n");
    check("test.json", r#"{"key":{"key1":"value"}}"#, "json", r#"{"key":{"key1":"updated_value"}}"#);
}
