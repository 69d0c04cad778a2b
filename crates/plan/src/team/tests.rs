use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{is_restricted, refusals};

fn object(api_version: &str, kind: &str, namespace: Option<&str>) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

/// What is said of one object, up to the sentence that is the same for all.
fn check(api_version: &str, kind: &str, namespace: Option<&str>, expect: Option<&str>) {
    let (payload, report) = crate::phase::plan(vec![object(api_version, kind, namespace)]);
    assert!(report.refused.is_empty(), "{report:?}");
    let refused = refusals(&payload);
    let what = format!("{api_version} {kind} {namespace:?}");
    assert_eq!(refused.is_empty(), expect.is_none(), "{what}");
    if let Some(expect) = expect {
        let sentence = refused.sentence("team");
        let (object, rest) = sentence.split_once(": namespace team is restricted").unwrap();
        assert!(object.ends_with(expect), "{what}: {sentence}");
        assert!(rest.contains("label kurator.dev/restricted"), "{what}: {sentence}");
    }
}

#[test]
fn a_restricted_namespace_delivers_into_namespaces_only() {
    let rbac = "rbac.authorization.k8s.io/v1";
    let cluster = Some(" x is cluster-scoped");
    let unknown = Some("has no metadata.namespace, and its kind may be cluster-scoped");
    let system = Some("is in a namespace that the cluster itself runs in");
    let table = [
        // Rights, and what gives the same.
        (rbac, "ClusterRole", None, cluster),
        (rbac, "ClusterRoleBinding", None, cluster),
        // A namespace on it changes nothing: `plan::phase` takes it off.
        (rbac, "ClusterRole", Some("shop"), cluster),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", None, cluster),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", None, cluster),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", None, cluster),
        ("apiregistration.k8s.io/v1", "APIService", None, cluster),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, cluster),
        ("certificates.k8s.io/v1", "CertificateSigningRequest", None, cluster),
        ("v1", "Namespace", None, cluster),
        ("v1", "PersistentVolume", None, cluster),
        ("v1", "Node", None, cluster),
        ("storage.k8s.io/v1", "StorageClass", None, cluster),
        ("scheduling.k8s.io/v1", "PriorityClass", None, cluster),
        // Kinds that nobody here knows.
        ("kyverno.io/v1", "ClusterPolicy", None, unknown),
        ("cert-manager.io/v1", "Certificate", Some("shop"), None),
        ("cert-manager.io/v1", "Certificate", Some("kube-system"), system),
        // In a version of a known kind that does not exist, it is not known.
        (rbac.trim_end_matches('1'), "ClusterRole", None, unknown),
        // Where the cluster itself runs.
        (rbac, "RoleBinding", Some("kube-system"), system),
        (rbac, "Role", Some("kurator-system"), system),
        ("v1", "Secret", Some("kube-system"), system),
        ("v1", "ServiceAccount", Some("kube-public"), system),
        ("apps/v1", "Deployment", Some("kube-node-lease"), system),
        // What teams deliver.
        (rbac, "RoleBinding", Some("shop"), None),
        (rbac, "Role", Some("shop"), None),
        ("v1", "Secret", Some("shop"), None),
        ("v1", "ServiceAccount", Some("shop"), None),
        ("apps/v1", "Deployment", Some("shop"), None),
        // Without a namespace it goes to `default`.
        ("v1", "ConfigMap", None, None),
        ("v1", "PersistentVolumeClaim", Some("shop"), None),
    ];
    for (api_version, kind, namespace, expect) in table {
        check(api_version, kind, namespace, expect);
    }
}

#[test]
fn a_kind_that_the_unit_defines_itself_is_refused_with_its_definition() {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "as.x.io"},
        "spec": {"group": "x.io", "names": {"kind": "A", "plural": "as"}, "scope": "Cluster"},
    });
    let (payload, _) = crate::phase::plan(vec![definition, object("x.io/v1", "A", Some("shop"))]);
    let sentence = refusals(&payload).sentence("team");
    assert!(
        sentence
            .starts_with("CustomResourceDefinition.apiextensions.k8s.io as.x.io is cluster-scoped; A.x.io x has no"),
        "{sentence}"
    );
}

#[test]
fn many_refusals_are_one_message() {
    let roles = (0..8).map(|n| {
        let mut role = object("rbac.authorization.k8s.io/v1", "ClusterRole", None);
        role["metadata"]["name"] = format!("r{n}").into();
        role
    });
    let (payload, _) = crate::phase::plan(roles.collect());
    let sentence = refusals(&payload).sentence("team");
    assert!(sentence.contains(" r4 is cluster-scoped; and 3 more objects: namespace team"), "{sentence}");
    assert!(refusals(&crate::phase::plan(Vec::new()).0).is_empty());
}

#[test]
fn a_label_with_any_value_but_false_restricts() {
    let labels = |value: &str| BTreeMap::from([("kurator.dev/restricted".to_owned(), value.to_owned())]);
    for (value, expect) in [("true", true), ("True", true), ("yes", true), ("", true), ("false", false)] {
        assert_eq!(is_restricted(Some(&labels(value))), expect, "{value:?}");
    }
    assert!(!is_restricted(None) && !is_restricted(Some(&BTreeMap::new())));
}
