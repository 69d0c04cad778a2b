//! Cases of Karmada's `pkg/util/names/names_test.go`.

use std::collections::BTreeSet;

use super::*;

#[test]
fn execution_namespaces_and_members() {
    assert_eq!(execution_namespace("member-cluster-normal"), "karmada-es-member-cluster-normal");
    for (namespace, expect) in
        [("karmada-es-member-cluster-normal", Some("member-cluster-normal")), ("invalid", None), ("", None)]
    {
        assert_eq!(member_of_execution_namespace(namespace), expect, "{namespace}");
    }
}

#[test]
fn reserved_namespaces() {
    for (namespace, expect) in
        [("karmada-system", true), ("karmada-cluster", true), ("karmada-es-", true), ("test-A", false)]
    {
        assert_eq!(is_reserved_namespace(namespace), expect, "{namespace}");
    }
}

#[test]
fn bindings() {
    for (kind, name, expect) in [
        ("Pods", "pod", "pod-pods"),
        ("pods", "Pod", "pod-pods"),
        ("Role", "system:controller:tom", "system.controller.tom-role"),
        ("ClusterRole", "system::tom", "system..tom-clusterrole"),
        ("RoleBinding", "system::tt:tom", "system..tt.tom-rolebinding"),
        ("ClusterRoleBinding", "system:tt:tom", "system.tt.tom-clusterrolebinding"),
    ] {
        assert_eq!(binding(kind, name), expect, "{kind} {name}");
    }
}

#[test]
fn binding_keys_differ() {
    let cases = [
        ("prod-xxx", "mytest-deployment"),
        ("qa-xxx", "mytest-deployment"),
        ("", "mytest-deployment"),
        ("a", "b-c"),
        ("a-b", "c"),
    ];
    let keys: BTreeSet<String> = cases.iter().map(|(namespace, name)| binding_key(namespace, name)).collect();
    assert_eq!(keys.len(), cases.len(), "{keys:?}");
}

/// The key that Karmada's tests of dependencies have for this binding.
#[test]
fn a_binding_key_is_karmadas() {
    assert_eq!(
        super::super::label::depended_by("test", "test-binding"),
        "resourcebinding.karmada.io/depended-by-5dbb6dc9c8"
    );
}

#[test]
fn works() {
    for (kind, name, namespace, prefix, hashed) in [
        ("Pod", "pod", "", "pod", "pod-pod"),
        ("pods", "Pod", "default", "pod", "default-pod-pods"),
        ("Pods", "work:pod", "default", "work.pod", "default-work.pod-pods"),
    ] {
        assert_eq!(work(kind, name, namespace), format!("{prefix}-{}", hash(hashed)), "{kind} {namespace}/{name}");
    }
    // The name in Karmada's public documents.
    assert_eq!(work("Deployment", "nginx", "default"), "nginx-687f7fb96f");
}

/// The only hash that the file spells out, in the case of a policy's name: of namespace `ns-foo` and kind `rand`.
#[test]
fn the_hash_is_karmadas() {
    assert_eq!(hash("ns-foorand"), "b4978784");
}
