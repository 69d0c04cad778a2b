use super::*;

/// Checked with `kubectl kustomize`; the fixtures do so for larger ones.
#[test]
fn suffixes_are_those_of_kustomize() {
    for (object, expect) in [
        (json!({"kind": "ConfigMap", "data": {}}), "42745tchd9"),
        (json!({"kind": "ConfigMap"}), "6ct58987ht"),
        (json!({"kind": "ConfigMap", "data": {"one": ""}}), "9g67k2htb6"),
        (json!({"kind": "ConfigMap", "data": {"two": "2", "one": "", "three": "3"}}), "f5h7t85m9b"),
    ] {
        assert_eq!(suffix(&object).as_deref(), Some(expect), "{object}");
    }
    assert_eq!(suffix(&json!({"kind": "Pod"})), None);
}
