use api::karmada::policy::v1alpha1::OverriderOperator::{self, Add, Remove, Replace};
use model::limit;
use serde_json::{Value, json};

use super::{EffectKind, apply};
use crate::overrides::pointer::Pointer;

#[test]
fn operations() {
    let document = json!({"l": ["a", "b"], "m": {"x": 1}, "n": null});
    let with = |field: &str, value: Value| {
        let mut document = document.clone();
        document[field] = value;
        Some(document)
    };
    let without = |field: &str| {
        let mut document = document.clone();
        document.as_object_mut().unwrap().remove(field);
        Some(document)
    };
    let cases: &[(OverriderOperator, &str, Value, Option<Value>)] = &[
        (Add, "/m/y", json!(2), with("m", json!({"x": 1, "y": 2}))),
        (Add, "/m/x", json!(2), with("m", json!({"x": 2}))),
        (Add, "/a~1b~0", json!(2), with("a/b~", json!(2))),
        (Add, "/l/0", json!("c"), with("l", json!(["c", "a", "b"]))),
        (Add, "/l/2", json!("c"), with("l", json!(["a", "b", "c"]))),
        (Add, "/l/-", json!("c"), with("l", json!(["a", "b", "c"]))),
        (Add, "/l/-1", json!("c"), with("l", json!(["a", "b", "c"]))),
        (Add, "/l/-3", json!("c"), with("l", json!(["c", "a", "b"]))),
        (Add, "/l/3", json!("c"), None),
        (Add, "/l/-4", json!("c"), None),
        (Add, "/l/x", json!("c"), None),
        (Add, "/x/y", json!("c"), None),
        (Add, "/n/y", json!("c"), None),
        (Add, "/m/x/y", json!("c"), None),
        (Add, "m", json!("c"), None),
        (Replace, "/m/x", json!(2), with("m", json!({"x": 2}))),
        (Replace, "/n", json!(2), with("n", json!(2))),
        (Replace, "/m/y", json!(2), None),
        (Replace, "/l/-1", json!("c"), with("l", json!(["a", "c"]))),
        (Replace, "/l/2", json!("c"), None),
        (Replace, "/l/-", json!("c"), None),
        (Replace, "", json!({"a": 1}), Some(json!({"a": 1}))),
        (Replace, "", json!(1), None),
        (Remove, "/m", Value::Null, without("m")),
        (Remove, "/n", Value::Null, without("n")),
        (Remove, "/l/0", Value::Null, with("l", json!(["b"]))),
        (Remove, "/l/-2", Value::Null, with("l", json!(["b"]))),
        (Remove, "/l/2", Value::Null, None),
        (Remove, "/q", Value::Null, None),
        (Remove, "", Value::Null, None),
    ];
    for (operator, path, value, expect) in cases {
        let mut changed = document.clone();
        let result = apply(&mut changed, *operator, path, Some(value));
        assert_eq!(result.is_ok(), expect.is_some(), "{operator:?} {path}: {result:?}");
        assert_eq!(changed, expect.clone().unwrap_or_else(|| document.clone()), "{operator:?} {path}");
    }
}

#[test]
fn an_effect_says_what_stood_there_and_where() {
    let document = json!({"l": ["a", "b"], "m": {"x": 1}});
    let check = |operator, path, value: Value, expect: Option<(&str, EffectKind, Option<Value>, Option<Value>)>| {
        let effect = apply(&mut document.clone(), operator, path, Some(&value)).unwrap();
        let got = effect.map(|e| (Pointer(&e.path).to_string(), e.kind, e.before, e.after));
        assert_eq!(got, expect.map(|(path, kind, before, after)| (path.to_owned(), kind, before, after)));
    };
    check(Add, "/m/x", json!(2), Some(("/m/x", EffectKind::Set, Some(json!(1)), Some(json!(2)))));
    check(Add, "/m/y", json!(2), Some(("/m/y", EffectKind::Set, None, Some(json!(2)))));
    check(Add, "/m/x", json!(1), None);
    check(Replace, "/l/-1", json!("b"), None);
    check(Add, "/l/-", json!("b"), Some(("/l/2", EffectKind::Inserted, None, Some(json!("b")))));
    check(Remove, "/l/-2", json!(7), Some(("/l/0", EffectKind::Removed, Some(json!("a")), None)));
}

#[test]
fn nothing_nests_deeper_than_a_document_may() {
    let deep = (0..limit::NESTING_MAX).fold(json!(1), |inner, _| json!([inner]));
    let why = apply(&mut json!({}), Add, "/a", Some(&deep)).unwrap_err();
    assert!(why.contains("deeper than 120 levels"), "{why}");
    let path = "/a".repeat(limit::NESTING_MAX + 1);
    assert!(apply(&mut json!({}), Add, &path, Some(&json!(1))).is_err());
}
