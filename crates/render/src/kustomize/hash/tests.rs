use super::*;

/// Checked with `kubectl kustomize`; the fixtures do so for larger ones.
#[test]
fn suffixes_are_those_of_kustomize() {
    for (object, expect) in [
        (json!({"kind": "ConfigMap", "data": {}}), "42745tchd9"),
        (json!({"kind": "ConfigMap"}), "6ct58987ht"),
        (json!({"kind": "ConfigMap", "data": {"one": ""}}), "9g67k2htb6"),
        (json!({"kind": "ConfigMap", "data": {"two": "2", "one": "", "three": "3"}}), "f5h7t85m9b"),
        (json!({"kind": "ConfigMap", "data": {"a": "C:\\bin\\files\\<x>"}}), "hftb2b52t8"),
        (json!({"kind": "ConfigMap", "data": {"a.txt": "x\u{8}\u{c}y"}}), "k6d2hk7644"),
    ] {
        assert_eq!(suffix(&object).as_deref(), Some(expect), "{object}");
    }
    assert_eq!(suffix(&json!({"kind": "Pod"})), None);
}

#[test]
fn texts_are_written_as_go_writes_them() {
    for (value, expect) in [
        (json!("C:\\bin\\files"), r#""C:\\bin\\files""#),
        (json!("\u{8}\u{c}"), r#""\b\f""#),
        (json!("\\\u{8}"), r#""\\\b""#),
        (json!("\"<\n"), r#""\"\u003c\n""#),
    ] {
        assert_eq!(go_json(&value), expect, "{value}");
    }
}
