use proptest::prelude::*;
use serde_json::{Value, json};

use super::canonical;
use crate::yaml::parse;

/// Values, and what `sigs.k8s.io/yaml` 1.6.0 made of them: words that need quotes, and random ones.
const CASES: &str = include_str!("cases.json");

#[test]
fn values_are_written_as_the_tools_of_kubernetes_write_them() {
    let cases: Vec<(Value, String)> = serde_json::from_str(CASES).unwrap();
    assert!(cases.len() > 300);
    for (value, expect) in cases {
        assert_eq!(canonical(&value), expect, "{value}");
    }
}

#[test]
fn line_ends_of_other_kinds_stay_what_they_are() {
    // Tools of Kubernetes read U+0085 as a line end, and write a space.
    assert_eq!(canonical(&json!("a\u{85}b")), "\"a\\Nb\"\n");
}

#[test]
fn keys_whose_order_is_a_circle_are_written_all_the_same() {
    let value = json!({"a10": 1, "a1b": 2, "a9": 3});
    let text = canonical(&value);
    assert_eq!(text.lines().count(), 3, "{text}");
    let many: serde_json::Map<String, Value> =
        (0..2_000).map(|n| (format!("a{}{}", n % 97, ["", "b", "c"][n % 3].repeat(n % 5)), json!(n))).collect();
    assert_eq!(canonical(&Value::Object(many.clone())).lines().count(), many.len());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9 .:#'\"\n,_e+{}|\t-]{0,12}", "\\PC{0,8}", "(yes|no|[0-9_]{1,6}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|float: f64| json!(float)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let fields = proptest::collection::btree_map(text(), inner.clone(), 0..5);
        let items = proptest::collection::vec(inner, 0..5).prop_map(Value::from);
        prop_oneof![fields.prop_map(|fields| Value::Object(fields.into_iter().collect())), items]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in value()) {
        let text = canonical(&value);
        prop_assert_eq!(same(&parse(&text).unwrap()), same(&value), "{}", text);
    }
}

/// Numbers by what they count: whole ones are written without a point.
fn same(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, |float| json!(float)),
        Value::Array(items) => items.iter().map(same).collect(),
        Value::Object(fields) => Value::Object(fields.iter().map(|(key, value)| (key.clone(), same(value))).collect()),
        other => other.clone(),
    }
}
