use api::karmada::policy::v1alpha1::OverriderOperator;
use serde_json::json;

use super::{Document, escaped};
use crate::overrides::patch;

#[test]
fn what_is_not_changed_stays_as_it_is_written() {
    let text = r#"{ "z": 1.10, "a": { "k": 1e3, "b" : [ "\u00e9" , null ] }, "q": "a < b" }"#;
    let mut document = Document::parse(text).unwrap();
    patch::apply(&mut document, OverriderOperator::Replace, "/a/b/1", Some(&json!({"y": 1, "x": 2}))).unwrap();
    assert_eq!(
        document.to_string(),
        r#"{"z":1.10,"a":{"k":1e3,"b":["\u00e9",{"x":2,"y":1}]},"q":"a \u003c b"}"#,
        "order, numbers and escapes; values of a policy have their fields by name"
    );
}

#[test]
fn of_two_fields_with_one_name_the_last_counts() {
    let mut document = Document::parse(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap();
    patch::apply(&mut document, OverriderOperator::Add, "/c", Some(&json!(4))).unwrap();
    assert_eq!(document.to_string(), r#"{"a":3,"b":2,"c":4}"#);
}

#[test]
fn depth_is_no_danger() {
    let text = "[".repeat(100_000) + &"]".repeat(100_000);
    let mut document = Document::parse(&text).unwrap();
    patch::apply(&mut document, OverriderOperator::Add, "/0/0/0/-", Some(&json!(1))).unwrap();
    assert!(document.to_string().ends_with(&(",1".to_owned() + &"]".repeat(4))));
}

#[test]
fn texts_end_at_their_quote() {
    for (json, expect) in [
        (r#"{"a\"": " b \\" , "c": "\\\" " }"#, r#"{"a\"":" b \\","c":"\\\" "}"#),
        (r#"[ "<\\>" ]"#, r#"["\u003c\\\u003e"]"#),
    ] {
        assert_eq!(escaped(json), expect);
    }
}
