use serde_json::{Value, json};

use super::{apply, cluster_policy, one_rule, policy, replay, workload};
use crate::overrides::{Change, ChangeKind, Outcome, Policies, Write};

/// Applies rules one after the other, each by a policy of its own: `p0`, `p1`, …
fn outcome(object: &Value, rules: &[Value]) -> Outcome {
    let policies: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(n, overriders)| cluster_policy(&format!("p{n}"), one_rule(overriders)))
        .collect();
    let outcome = apply(&Policies::new(&policies, []), object, "m").unwrap();
    assert_eq!(replay(object, &outcome.provenance.changes), outcome.object, "{:#?}", outcome.provenance);
    outcome
}

fn words(change: &Change) -> String {
    let kind = match change.kind {
        ChangeKind::Set => "=",
        ChangeKind::Inserted => "+",
        ChangeKind::Removed => "-",
    };
    let text = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
    let lost: Vec<String> = change.lost.iter().map(lost).collect();
    let lost = if lost.is_empty() { String::new() } else { format!("; lost: {}", lost.join(", ")) };
    let (before, after) = (text(&change.before), text(&change.after));
    format!("{kind} {}: {before} -> {after} by {}{lost}", change.path, change.by.policy.name)
}

fn lost(write: &Write) -> String {
    let after = write.after.as_ref().map_or("nothing".to_owned(), Value::to_string);
    format!("{} {after} by {}", write.path, write.by.policy.name)
}

fn check(object: &Value, rules: &[Value], expect: &[&str], undone: &[&str]) {
    let outcome = outcome(object, rules);
    let got: Vec<String> = outcome.provenance.changes.iter().map(words).collect();
    assert_eq!(got, expect);
    let got: Vec<String> = outcome.provenance.undone.iter().map(lost).collect();
    assert_eq!(got, undone);
}

/// An object with these fields, and overriders of paths.
fn object(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}, "data": data})
}

fn set(path: &str, value: Value) -> Value {
    json!({"path": format!("/data{path}"), "operator": "add", "value": value})
}

fn remove(path: &str) -> Value {
    json!({"path": format!("/data{path}"), "operator": "remove"})
}

fn rule(operations: &[Value]) -> Value {
    json!({"plaintext": operations})
}

#[test]
fn the_later_write_wins_and_the_earlier_is_lost() {
    check(
        &object(json!({"a": "0"})),
        &[rule(&[set("/a", json!("1")), set("/b", json!("x"))]), rule(&[set("/a", json!("2"))])],
        &[r#"= /data/a: "1" -> "2" by p1; lost: /data/a "1" by p0"#, r#"= /data/b: nothing -> "x" by p0"#],
        &[],
    );
}

#[test]
fn parts_and_wholes() {
    // A part of what was set as a whole.
    check(
        &object(json!({})),
        &[rule(&[set("/a", json!({"x": 1, "y": 2}))]), rule(&[set("/a/x", json!(3)), set("/a/z", json!(4))])],
        &[
            r#"= /data/a: nothing -> {"x":1,"y":2} by p0"#,
            r#"= /data/a/x: 1 -> 3 by p1; lost: /data/a/x 1 by p0"#,
            r#"= /data/a/z: nothing -> 4 by p1"#,
        ],
        &[],
    );
    // The whole after a part.
    check(
        &object(json!({"a": {"x": 0}})),
        &[rule(&[set("/a/x", json!(1))]), rule(&[set("/a", json!({}))])],
        &[r#"= /data/a: {"x":1} -> {} by p1; lost: /data/a/x 1 by p0"#],
        &[],
    );
}

#[test]
fn what_is_taken_away_again_leaves_nothing() {
    check(
        &object(json!({"k": "v"})),
        &[rule(&[set("/a", json!(1))]), rule(&[remove("/a")])],
        &[],
        &["/data/a 1 by p0", "/data/a nothing by p1"],
    );
    // What was there is missed.
    check(
        &object(json!({"a": 0})),
        &[rule(&[set("/a", json!(1))]), rule(&[remove("/a")])],
        &[r#"- /data/a: 1 -> nothing by p1; lost: /data/a 1 by p0"#],
        &[],
    );
    // And set again.
    check(
        &object(json!({"a": 0})),
        &[rule(&[remove("/a")]), rule(&[set("/a", json!(2))])],
        &[r#"= /data/a: nothing -> 2 by p1; lost: /data/a nothing by p0"#],
        &[],
    );
}

#[test]
fn items_of_lists_keep_who_changed_them_when_they_move() {
    let list = object(json!({"l": [{"n": "a"}, {"n": "b"}, {"n": "c"}]}));
    check(
        &list,
        &[
            rule(&[set("/l/1/v", json!(1))]),
            rule(&[set("/l/0", json!({"n": "new"}))]),
            rule(&[remove("/l/1"), set("/l/-", json!({"n": "last"}))]),
            rule(&[set("/l/0/v", json!(2)), set("/l/2/v", json!(3))]),
        ],
        &[
            r#"- /data/l/0: {"n":"a"} -> nothing by p2"#,
            r#"+ /data/l/0: nothing -> {"n":"new"} by p1"#,
            r#"+ /data/l/3: nothing -> {"n":"last"} by p2"#,
            r#"= /data/l/0/v: nothing -> 2 by p3"#,
            r#"= /data/l/1/v: nothing -> 1 by p0"#,
            r#"= /data/l/2/v: nothing -> 3 by p3"#,
        ],
        &[],
    );
    // An item that an override put in, changed as a whole, and taken out by another one.
    let replace = json!({"path": "/data/l/0", "operator": "replace", "value": "z"});
    check(
        &object(json!({"l": ["a"]})),
        &[rule(&[set("/l/0", json!("new"))]), rule(&[replace])],
        &[r#"+ /data/l/0: "new" -> "z" by p1; lost: /data/l/0 "new" by p0"#],
        &[],
    );
    check(
        &object(json!({"l": ["a"]})),
        &[rule(&[set("/l/0", json!("new"))]), rule(&[remove("/l/0")]), rule(&[remove("/l/0")])],
        &[r#"- /data/l/0: "a" -> nothing by p2"#],
        &[r#"/data/l/0 "new" by p0"#, "/data/l/0 nothing by p1"],
    );
}

#[test]
fn inside_a_text_each_field_has_its_overrider() {
    let yaml = |sub_path: &str, value: Value| {
        json!({
            "fieldOverrider": [{"fieldPath": "/data/c", "yaml": [{"subPath": sub_path, "operator": "add", "value": value}]}],
        })
    };
    let object = object(json!({"c": "a: 1\nb: 1\n"}));
    let rules = [yaml("/a", json!(2)), yaml("/b", json!(3)), yaml("/a", json!(4))];
    let outcome = outcome(&object, &rules);
    assert_eq!(outcome.object["data"]["c"], json!("a: 4\nb: 3\n"));
    let [change] = &*outcome.provenance.changes else { panic!("{:#?}", outcome.provenance) };
    assert_eq!((change.path.as_str(), &*change.by.policy.name, change.lost.len()), ("/data/c", "p2", 2));
    let inside: Vec<String> = change.inside.iter().map(words).collect();
    assert_eq!(inside, [r#"= /a: 2 -> 4 by p2; lost: /a 2 by p0"#, r#"= /b: 1 -> 3 by p1"#]);
    // Another text in its place: what was inside is lost.
    let rules = [yaml("/a", json!(2)), rule(&[set("/c", json!("b: 9"))]), yaml("/b", json!(3))];
    let outcome = self::outcome(&object, &rules);
    let [change] = &*outcome.provenance.changes else { panic!("{:#?}", outcome.provenance) };
    let inside: Vec<String> = change.inside.iter().map(words).collect();
    assert_eq!(inside, [r#"= /b: 9 -> 3 by p2"#]);
}

#[test]
fn an_overrider_is_named_with_policy_rule_list_and_place() {
    let image = |value: &str| json!({"component": "Tag", "operator": "replace", "value": value});
    let rules = json!({"overrideRules": [
        {"overriders": {}},
        {"overriders": {"imageOverrider": [image("v1"), image("v2")]}},
    ]});
    let namespaced = policy("default", "p", rules);
    let cluster = cluster_policy("c", json!({"overriders": {"imageOverrider": [image("v0")]}}));
    let object = workload("Deployment", json!([{"name": "a", "image": "nginx:1"}]));
    let outcome = apply(&Policies::new([&cluster], [&namespaced]), &object, "m").unwrap();
    let [change] = &*outcome.provenance.changes else { panic!() };
    assert_eq!(change.path, "/spec/template/spec/containers/0/image");
    let by = "OverridePolicy default/p, spec.overrideRules[1].overriders.imageOverrider";
    assert_eq!(change.by.to_string(), format!("{by}[1]"));
    let lost: Vec<String> = change.lost.iter().map(|write| write.by.to_string()).collect();
    assert_eq!(lost, ["ClusterOverridePolicy c, spec.overriders.imageOverrider[0]".to_owned(), format!("{by}[0]")]);
    let policies: Vec<String> = outcome.policies().map(ToString::to_string).collect();
    assert_eq!(policies, ["ClusterOverridePolicy c", "OverridePolicy default/p", "OverridePolicy default/p"]);
    let of = |path: &str| outcome.provenance.of_field(path).count();
    assert_eq!((of("/spec"), of("/spec/template/spec/containers/0/image/x"), of("/spec/templ")), (1, 1, 0));
}

#[test]
fn values_of_secrets_are_never_said() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": "s", "namespace": "default",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"a\":\"hunter2\"}}", "note": "open"},
        },
        "data": {"a": "hunter2"}, "stringData": {"c": "pass: hunter2\n"},
    });
    let operation =
        |path: &str, operator: &str, value: Value| json!({"path": path, "operator": operator, "value": value});
    let rules = [
        json!({
            "plaintext": [
                operation("/data/a", "replace", json!("hunter3")),
                operation("/stringData/d", "add", json!("hunter4")),
                operation("/data", "add", json!({"b": "hunter5"})),
                operation("/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", "remove", Value::Null),
            ],
            "labelsOverrider": [{"operator": "add", "value": {"l": "label"}}],
            "annotationsOverrider": [{"operator": "replace", "value": {"note": "said"}}],
        }),
        json!({"fieldOverrider": [{"fieldPath": "/stringData/c", "yaml": [{"subPath": "/pass", "operator": "replace", "value": "hunter6"}]}]}),
        json!({"plaintext": [operation("/stringData/e", "add", json!("hunter7"))]}),
        json!({"plaintext": [operation("/stringData/e", "remove", Value::Null)]}),
    ];
    let policies: Vec<_> =
        rules.iter().enumerate().map(|(n, r)| cluster_policy(&format!("p{n}"), one_rule(r))).collect();
    let outcome = apply(&Policies::new(&policies, []), &secret, "m").unwrap();
    assert_eq!(outcome.object["data"], json!({"b": "hunter5"}), "it is applied all the same");
    let said = format!("{:?}", outcome.provenance);
    assert!(!said.contains("hunter"), "{said}");
    assert!(said.contains("said") && said.contains("label") && said.contains("open"), "{said}");
    assert!(outcome.provenance.changes.iter().any(|change| change.path == "/data"));
    // An object that becomes one, or was one.
    let to = json!({"plaintext": [operation("/kind", "replace", json!("Secret")), operation("/data/a", "replace", json!("hunter3"))]});
    let from = json!({"plaintext": [operation("/kind", "replace", json!("ConfigMap")), operation("/data/a", "replace", json!("hunter3"))]});
    let mut open = secret.clone();
    open["kind"] = json!("ConfigMap");
    for (object, overriders) in [(open, to), (secret, from)] {
        let outcome = apply(&Policies::new([&cluster_policy("p", one_rule(&overriders))], []), &object, "m").unwrap();
        assert!(!format!("{:?}", outcome.provenance).contains("hunter"));
    }
}
