use api::karmada::policy::v1alpha1::FieldOverrider;
use serde_json::{Value, from_value, json};

use super::change;

/// Texts, operations on them, and what `evanphx/json-patch` 5.9.11 and `sigs.k8s.io/yaml` 1.6.0 made of them, as Karmada
/// calls them: nothing when they refuse.
const CASES: &str = include_str!("cases.json");

#[test]
fn texts_are_changed_as_by_karmada() {
    let cases: Vec<(String, String, Value, Option<String>)> = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 200);
    for (form, text, operations, expect) in cases {
        let overrider: FieldOverrider = from_value(json!({"fieldPath": "/t", &form: operations})).unwrap();
        let mut object = json!({"t": text});
        let got = change(&mut object, &overrider);
        let fault = got.as_ref().err().map(|fault| fault.why.clone());
        let got = got.is_ok().then(|| object["t"].as_str().unwrap().to_owned());
        assert_eq!(got, expect, "{form} {text:?} {operations}: {fault:?}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let check = |text: Value, overrider: Value, expect: &str| {
        let overrider: FieldOverrider = from_value(overrider).unwrap();
        let fault = change(&mut json!({"t": text}), &overrider).err().unwrap();
        assert!(fault.why.contains(expect), "{overrider:?}: {}", fault.why);
    };
    let set = |sub_path: &str| json!([{"subPath": sub_path, "operator": "replace", "value": 1}]);
    check(json!("a: 1"), json!({"fieldPath": "/x", "yaml": set("/a")}), "there is no /x");
    check(json!(1), json!({"fieldPath": "/t", "yaml": set("/a")}), "it is no text");
    check(json!("a: 1\nb: ["), json!({"fieldPath": "/t", "yaml": set("/a")}), "the text is not valid YAML: line ");
    check(json!("{\n1"), json!({"fieldPath": "/t", "json": set("/a")}), "not JSON at line 2 column 1");
    check(json!("a: 1\n---\nb: 2"), json!({"fieldPath": "/t", "yaml": set("/a")}), "the text is not valid YAML");
    check(json!("a: 1"), json!({"fieldPath": "/t", "yaml": set("/b/c")}), "inside the text: there is no /b");
    check(json!("text"), json!({"fieldPath": "/t", "yaml": set("/b")}), "neither an object nor a list");
    check(json!("a: 1"), json!({"fieldPath": "t", "yaml": set("/a")}), "does not begin with '/'");
}

#[test]
fn an_overrider_without_operations_changes_nothing() {
    // Karmada would empty the text; its webhook refuses such a policy.
    let overrider: FieldOverrider = from_value(json!({"fieldPath": "/t"})).unwrap();
    let mut object = json!({"t": "a"});
    assert!(change(&mut object, &overrider).unwrap().is_none());
    assert_eq!(object, json!({"t": "a"}));
}

#[test]
fn a_text_that_stands_for_more_than_an_object_may_have_is_refused() {
    let check = |text: String, expect: &str| {
        let overrider = json!({"fieldPath": "/t", "yaml": [{"subPath": "/b", "operator": "add", "value": 1}]});
        let fault = change(&mut json!({"t": text}), &from_value(overrider).unwrap()).err().unwrap();
        assert!(fault.why.contains(expect), "{}", fault.why);
    };
    let mut text = format!("a0: &a0 [{}]\n", ["x"; 10].join(","));
    for level in 1..6 {
        text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
    }
    check(text, "the text is not valid YAML");
    check(format!("a: &a {}\nl: [{}]\n", "x".repeat(400_000), ["*a"; 8].join(",")), "more than 3145728 bytes");
}
