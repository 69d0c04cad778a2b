use serde_json::{Value, json};

use super::lines;
use crate::validate::{NameRule, object_meta};

fn check(meta: Value, expect: &[&str]) {
    assert_eq!(lines(&object_meta(&json!({"metadata": meta}), None, true, NameRule::Subdomain)), expect, "{meta}");
}

#[test]
fn names() {
    check(json!({"name": "a.b", "namespace": "n"}), &[]);
    check(
        json!({}),
        &["metadata.name: Required value: name or generateName is required", "metadata.namespace: Required value"],
    );
    let errors = object_meta(&json!({"metadata": {"name": "A", "namespace": "n"}}), None, true, NameRule::Subdomain);
    assert!(errors[0].to_string().starts_with("metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain"));
    let errors = object_meta(&json!({"metadata": {"name": "a", "namespace": "n"}}), None, false, NameRule::Label);
    assert_eq!(lines(&errors), ["metadata.namespace: Forbidden: not allowed on this type"]);
    let roles = NameRule::for_kind("rbac.authorization.k8s.io", "Role");
    let errors = object_meta(&json!({"metadata": {"name": "system:x", "namespace": "n"}}), None, true, roles);
    assert!(errors.is_empty());
    check(json!({"name": "web-x", "generateName": "web-", "namespace": "n"}), &[]);
}

#[test]
fn labels_and_annotations() {
    let meta = json!({"name": "a", "namespace": "n", "labels": {"a": "not ok!"}, "annotations": {"/x": "y"}});
    let errors = object_meta(&json!({"metadata": meta}), None, true, NameRule::Subdomain);
    assert_eq!(errors.len(), 2);
    assert!(errors[0].to_string().starts_with("metadata.labels: Invalid value: \"not ok!\": a valid label"));
    assert_eq!(errors[1].to_string(), "metadata.annotations: Invalid value: \"/x\": prefix part must be non-empty");
    check(
        json!({"name": "a", "namespace": "n", "annotations": {"big": "x".repeat(256 * 1024)}}),
        &["metadata.annotations: Too long: may not be more than 262144 bytes"],
    );
}

#[test]
fn owners_and_finalizers() {
    check(
        json!({"name": "a", "namespace": "n", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod"}]}),
        &[
            "metadata.ownerReferences[0].name: Required value: must not be empty",
            "metadata.ownerReferences[0].uid: Required value: must not be empty",
        ],
    );
    let owner = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": "u", "controller": true});
    let errors = object_meta(
        &json!({"metadata": {"name": "a", "namespace": "n", "ownerReferences": [owner("b"), owner("c")]}}),
        None,
        true,
        NameRule::Subdomain,
    );
    assert!(errors[0].detail.ends_with("references for Pod/b and Pod/c"), "{errors:?}");
    check(
        json!({"name": "a", "namespace": "n", "finalizers": ["foregroundDeletion", "orphan"]}),
        &[
            r#"metadata.finalizers: Invalid value: ["foregroundDeletion","orphan"]: finalizer orphan and foregroundDeletion cannot be both set"#,
        ],
    );
}

#[test]
fn updates() {
    let check = |old: Value, new: Value, expect: &[&str]| {
        let errors = object_meta(&json!({"metadata": new}), Some(&json!({"metadata": old})), true, NameRule::Subdomain);
        assert_eq!(lines(&errors), expect);
    };
    check(
        json!({"name": "a", "uid": "1"}),
        json!({"name": "a", "uid": "2"}),
        &[r#"metadata.uid: Invalid value: "2": field is immutable"#],
    );
    check(
        json!({"name": "a", "deletionTimestamp": "t", "finalizers": ["a/b"]}),
        json!({"name": "a", "deletionTimestamp": "t", "finalizers": ["a/b", "c/d"]}),
        &[
            r#"metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"c/d"}"#,
        ],
    );
}
