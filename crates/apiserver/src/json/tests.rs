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
