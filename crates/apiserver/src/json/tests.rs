use serde_json::json;

use super::parse;

fn check(text: &str, expect: serde_json::Value, twice: &[&str]) {
    let (value, found) = parse(text.as_bytes()).expect("JSON");
    assert_eq!((value, found), (expect, twice.iter().map(|s| (*s).to_owned()).collect()), "{text}");
}

#[test]
fn keys_that_come_twice_are_named_and_the_last_one_counts() {
    check(r#"{"a":1,"b":[{"c":null,"d":1.5}]}"#, json!({"a": 1, "b": [{"c": null, "d": 1.5}]}), &[]);
    check(r#"{"a":1,"a":2}"#, json!({"a": 2}), &["a"]);
    check(r#"{"s":{"l":[0,{"x":1,"x":2}]}}"#, json!({"s": {"l": [0, {"x": 2}]}}), &["s.l[1].x"]);
    assert!(parse(b"{} x").is_err() && parse(b"").is_err());
}

#[test]
fn findings_come_as_they_are_in_the_text() {
    let check = |text: &str, found: &[&str], expect: &[&str]| {
        let found = found.iter().map(|s| (*s).to_owned()).collect();
        assert_eq!(super::in_order(text.as_bytes(), found), expect, "{text}");
    };
    let (twice, unknown) = (r#"duplicate field "spec.replicas""#, r#"unknown field "spec.other""#);
    let body = r#"{"spec": {"other": 1, "replicas": 2, "replicas": 3}}"#;
    check(body, &[twice, unknown], &[unknown, twice]);
    let body = r#"{"spec": {"replicas": 2, "replicas": 3, "other": 1}}"#;
    check(body, &[twice, unknown], &[twice, unknown]);
    let (item, first) = (r#"unknown field "l[1].x""#, r#"unknown field "a""#);
    check(r#"{"a": {"l": []}, "l": [{"x": 1}, {"x": null}]}"#, &[item, first], &[first, item]);
    // What is not in the text, or is no JSON, stays as it was.
    check("a: 1", &[twice, unknown], &[twice, unknown]);
}

#[test]
fn of_many_findings_the_first_ones_are_named() {
    let fields = 200_000;
    let text: Vec<String> = (0..fields).map(|n| format!("\"f{n}\":0")).collect();
    let text = format!("{{{}}}", text.join(","));
    let found = || (0..fields).rev().map(|n| format!("unknown field \"f{n}\"")).collect::<Vec<_>>();
    let ordered = super::in_order(text.as_bytes(), found());
    assert_eq!((ordered.len(), ordered[0].as_str()), (fields, "unknown field \"f0\""));
    // None of them is in the text.
    assert_eq!(super::in_order(b"{}", found()), found());
    for bytes in [None, Some(text.as_bytes())] {
        let first = super::first(bytes, found());
        assert_eq!((first.len(), first[100].as_str()), (101, "and 199900 more"));
    }
    assert_eq!(super::first(Some(b"{}"), found()[..100].to_vec()).len(), 100);
}
