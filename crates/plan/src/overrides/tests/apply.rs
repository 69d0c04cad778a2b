use serde_json::{Value, json};

use super::{changed, containers, policy, workload};
use crate::overrides::Policies;

fn fault(object: &Value, overriders: Value) -> String {
    changed(object, &overriders).unwrap_err().to_string()
}

#[test]
fn an_error_names_policy_overrider_field_fault_and_remedy() {
    let object =
        workload("Deployment", json!([{"name": "a", "image": "Nginx"}, {"name": "b"}, {"name": "c", "args": [1]}]));
    let rule = "ClusterOverridePolicy p, spec.overrideRules[0].overriders";
    let remedy = "; correct the overrider, or narrow resourceSelectors or targetCluster of the policy to what it fits";
    let at = "/spec/template/spec/containers";
    let image = |path: Value| {
        json!({"imageOverrider": [{
            "predicate": path, "component": "Tag", "operator": "replace", "value": "v1",
        }]})
    };
    let path = |path: &str| image(json!({"path": path}));
    let words = |name: &str| json!({"argsOverrider": [{"containerName": name, "operator": "add", "value": ["x"]}]});
    for (overriders, expect) in [
        (
            image(Value::Null),
            format!(
                "{rule}.imageOverrider[0] ({at}/0/image): \"Nginx\" is no image reference: a repository is in lower case"
            ),
        ),
        (path(&format!("{at}/1/image")), format!("{rule}.imageOverrider[0] ({at}/1/image): there is no {at}/1/image")),
        (
            path(&format!("{at}/7/image")),
            format!("{rule}.imageOverrider[0] ({at}/7/image): the list has 3 items, and no place 7"),
        ),
        (path("/spec"), format!("{rule}.imageOverrider[0] (/spec): it is no text")),
        (words("c"), format!("{rule}.argsOverrider[0] ({at}/2/args): it is no list of texts")),
        (
            json!({"plaintext": [
                {"path": "/spec/replicas", "operator": "add", "value": 1},
                {"path": "/spec/paused", "operator": "remove"},
            ]}),
            format!("{rule}.plaintext[1] (/spec/paused): there is no paused to remove"),
        ),
        (
            json!({"plaintext": [{"path": "/spec/paused", "operator": "replace", "value": true}]}),
            format!("{rule}.plaintext[0] (/spec/paused): there is no paused to replace; `add` sets it"),
        ),
        (
            json!({"plaintext": [{"path": "/kind", "operator": "remove"}]}),
            format!("{rule}.plaintext[0]: the object has no kind after this override"),
        ),
        (
            json!({"fieldOverrider": [{"fieldPath": "/metadata/name", "json": [{"subPath": "/a", "operator": "remove"}]}]}),
            format!("{rule}.fieldOverrider[0] (/metadata/name): the text is not JSON at line 1 column 1"),
        ),
    ] {
        assert_eq!(fault(&object, overriders), expect + remedy);
    }
}

#[test]
fn objects_of_odd_shapes_are_refused_or_left_alone() {
    let labels = |operator: &str| json!({"labelsOverrider": [{"operator": operator, "value": {"a": "b"}}]});
    let image = json!({"imageOverrider": [{"component": "Tag", "operator": "replace", "value": "v1"}]});
    let words = json!({"commandOverrider": [{"containerName": "a", "operator": "add", "value": ["x"]}]});
    for (object, overriders, expect) in [
        (json!({"kind": "A", "metadata": {"labels": "x"}}), labels("add"), Err("/metadata/labels): it has no keys")),
        (json!({"kind": "A", "metadata": {"labels": null}}), labels("remove"), Ok(true)),
        (json!({"kind": "A", "metadata": {"labels": null}}), labels("add"), Ok(false)),
        (json!({"kind": "A"}), labels("add"), Err("there is no /metadata")),
        (json!({"kind": "A"}), labels("replace"), Ok(true)),
        (json!({"kind": "Pod", "spec": {"containers": {}}}), image.clone(), Err("it is no list of containers")),
        (json!({"kind": "Pod", "spec": {"containers": null}}), image.clone(), Ok(true)),
        (json!({"kind": "Pod", "spec": {"containers": [1]}}), image.clone(), Err("has no fields")),
        (json!({"kind": "Pod", "spec": 1}), image.clone(), Ok(true)),
        (json!({"kind": "CronJob", "spec": {}}), image, Ok(true)),
        (json!({"kind": "Pod", "spec": {"containers": [1, null, {"name": "b"}]}}), words.clone(), Ok(true)),
        (
            json!({"kind": "Pod", "spec": {"containers": [{"name": "a", "command": "x"}]}}),
            words,
            Err("it is no list of texts"),
        ),
        (json!({}), json!({"argsOverrider": [{"containerName": "a", "operator": "add"}]}), Err("no kind")),
        (json!([]), labels("remove"), Err("no kind")),
    ] {
        let outcome = changed(&object, &overriders);
        match expect {
            Ok(stays) => {
                let outcome = outcome.unwrap();
                assert_eq!((outcome.object == object, outcome.idle.len()), (stays, usize::from(stays)), "{object}");
            }
            Err(why) => {
                let error = outcome.unwrap_err().to_string();
                assert!(error.contains(why), "{object}: {error}");
            }
        }
    }
}

#[test]
fn words_that_are_not_there_are_not_taken_out_of_nothing() {
    let object = workload("Job", json!([{"name": "a"}, {"name": "b", "command": ["x"]}]));
    let overriders = |name: &str, operator: &str, value: Value| json!({"commandOverrider": [{"containerName": name, "operator": operator, "value": value}]});
    for (name, operator, value, expect) in [
        ("a", "remove", json!(["x"]), json!([{"name": "a"}, {"name": "b", "command": ["x"]}])),
        ("a", "add", json!([]), json!([{"name": "a"}, {"name": "b", "command": ["x"]}])),
        ("b", "replace", json!(["y"]), json!([{"name": "a"}, {"name": "b", "command": ["x"]}])),
        ("b", "remove", json!(["x"]), json!([{"name": "a"}, {"name": "b", "command": []}])),
        ("no", "add", json!(["x"]), json!([{"name": "a"}, {"name": "b", "command": ["x"]}])),
    ] {
        let outcome = changed(&object, &overriders(name, operator, value)).unwrap();
        assert_eq!(*containers(&outcome.object), expect, "{name} {operator}");
    }
}

#[test]
fn images_are_changed_wherever_a_path_leads() {
    let object = json!({
        "apiVersion": "example.org/v1", "kind": "Database", "metadata": {"name": "d"},
        "spec": {"images": ["a:1", "b:1"], "by/name": {"c": "c:1"}},
    });
    for (path, pointer, expect) in [
        ("/spec/images/1", "/spec/images/1", "b:v2"),
        ("/spec/by~1name/c", "/spec/by~1name/c", "c:v2"),
        ("/spec/images/-1", "/spec/images/1", "b:v2"),
    ] {
        let overriders = json!({"imageOverrider": [{
            "predicate": {"path": path}, "component": "Tag", "operator": "replace", "value": "v2",
        }]});
        assert_eq!(changed(&object, &overriders).unwrap().object.pointer(pointer), Some(&json!(expect)));
    }
}

#[test]
fn errors_about_secrets_repeat_no_value() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "stringData": {"image": "HUNTER2!", "yaml": "HUNTER2: [", "json": "HUNTER2", "list": "- HUNTER2"},
    });
    let image = json!({"imageOverrider": [{
        "predicate": {"path": "/stringData/image"}, "component": "Tag", "operator": "replace", "value": "v1",
    }]});
    let text = |field: &str, form: &str| {
        json!({"fieldOverrider": [{
            "fieldPath": format!("/stringData/{field}"), form: [{"subPath": "/a/b", "operator": "remove"}],
        }]})
    };
    let deep = json!({"plaintext": [{"path": "/stringData/image/x", "operator": "add", "value": 1}]});
    for overriders in [image, text("yaml", "yaml"), text("json", "json"), text("list", "yaml"), deep] {
        let error = fault(&secret, overriders);
        assert!(!error.contains("HUNTER"), "{error}");
    }
}

#[test]
fn an_object_that_grows_too_large_is_refused() {
    let object = workload("Deployment", json!([]));
    let big = "x".repeat(2 << 20);
    let overriders = json!({"annotationsOverrider": [{"operator": "add", "value": {"a": big, "b": big}}]});
    let error = fault(&object, overriders);
    assert!(error.contains("annotationsOverrider[0]: the object has more than 3145728 bytes"), "{error}");
}

#[test]
fn a_bad_overrider_stops_only_the_members_that_it_is_for() {
    let object = workload("Deployment", json!([{"name": "a", "image": "a:1"}]));
    let spec = json!({"overrideRules": [
        {"targetCluster": {"clusterNames": ["bad"]}, "overriders": {"plaintext": [{"path": "/nowhere/a", "operator": "add", "value": 1}]}},
        {"overriders": {"imageOverrider": [{"component": "Tag", "operator": "replace", "value": "v2"}]}},
    ]});
    let policies = Policies::new([], [&policy("default", "p", spec)]);
    assert!(super::apply(&policies, &object, "bad").is_err());
    let outcome = super::apply(&policies, &object, "good").unwrap();
    assert_eq!(containers(&outcome.object)[0]["image"], json!("a:v2"));
}

#[test]
fn lists_and_policies_of_any_length_take_bounded_time() {
    let list: Vec<usize> = (0..300_000).collect();
    let object = json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "list": list});
    let first = json!({"path": "/list/0", "operator": "add", "value": 7});
    let last = json!({"path": "/list/-1", "operator": "replace", "value": 7});
    let outcome = changed(&object, &json!({"plaintext": [last, first, last, first]})).unwrap();
    let paths: Vec<&str> = outcome.provenance.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["/list/0", "/list/1", "/list/300001"]);
    let error = changed(&object, &json!({"plaintext": vec![first; 10_001]})).unwrap_err().to_string();
    assert!(
        error.contains("plaintext[10000]: up to here 10001 operations change the object, and 10000 are the most"),
        "{error}"
    );
}
