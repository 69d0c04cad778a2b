use serde_json::json;

use super::*;

fn object(api: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "n"}})
}

#[test]
fn namespaces_and_definitions_come_first_and_interceptors_last() {
    let objects = vec![
        object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "w"),
        object("apps/v1", "Deployment", "b"),
        object("apps/v1", "Deployment", "a"),
        object("v1", "ConfigMap", "c"),
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "d"),
        object("v1", "Namespace", "n"),
        object("example.com/v1", "Thing", "t"),
    ];
    let (payload, report) = plan(objects.clone());
    assert_eq!(report, Report::default());
    let names: Vec<(&str, Vec<&str>)> = payload
        .phases
        .iter()
        .map(|p| (p.name.as_str(), p.objects.iter().map(|o| model::object::name(o).unwrap()).collect()))
        .collect();
    assert_eq!(
        names,
        [
            ("namespaces", vec!["n"]),
            ("definitions", vec!["d"]),
            ("settings", vec!["c"]),
            ("workloads", vec!["a", "b", "t"]),
            ("interceptors", vec!["w"])
        ]
    );
    assert_eq!(payload.phases[1].wait, Wait::Established);
    let reversed = plan(objects.into_iter().rev().collect()).0;
    assert_eq!(reversed.digest(), payload.digest());
}

#[test]
fn objects_without_a_name_and_doubles_are_refused() {
    let unnamed = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}});
    let twice = object("v1", "ConfigMap", "c");
    let (payload, report) = plan(vec![unnamed, twice.clone(), twice]);
    assert_eq!(payload.objects().count(), 1);
    let text: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
    assert_eq!(text[1], "ConfigMap n/c is in the unit twice; remove one");
    assert!(text[0].contains("generateName cannot be delivered"));
}

#[test]
fn objects_are_put_where_their_kind_lives() {
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Thing"}}});
    let homeless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    let objects = vec![
        definition,
        homeless,
        object("example.com/v1", "Thing", "t"),
        object("v1", "Namespace", "n"),
        object("x.io/v1", "X", "x"),
    ];
    let (payload, _) = plan(objects);
    let place = |kind: &str| {
        let object = payload.objects().find(|o| o["kind"] == kind).unwrap();
        model::object::namespace(object).map(str::to_owned)
    };
    assert_eq!(place("ConfigMap").as_deref(), Some("default"));
    assert_eq!((place("Thing"), place("Namespace")), (None, None));
    assert_eq!(place("X").as_deref(), Some("n"));
}

#[test]
fn a_name_that_no_server_takes_is_refused_and_shown_in_part() {
    let long = |n: usize| "n".repeat(n);
    let object = |version: &str, kind: &str, namespace: &str, name: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    let check = |object: Value, expect: Option<&str>| {
        let (payload, report) = plan(vec![object]);
        let said: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
        match expect {
            None => assert_eq!((said, payload.objects().count()), (Vec::new(), 1)),
            Some(expect) => {
                assert!(said[0].starts_with(expect) && said[0].len() < 400, "{said:?}");
                assert_eq!(payload.objects().count(), 0);
            }
        }
    };
    check(object("v1", "ConfigMap", &long(63), &long(253)), None);
    check(object(&format!("{}/{}", long(253), long(63)), &long(63), "a", "a"), None);
    check(object("v1", "ConfigMap", "a", &long(254)), Some("metadata.name \"nnnn"));
    check(object("v1", "ConfigMap", "a", &long(3_300_000)), Some("metadata.name \"nnnn"));
    check(object("v1", "ConfigMap", &long(64), "a"), Some("metadata.namespace \"nnnn"));
    check(object("v1", &long(64), "a", "a"), Some("kind \"nnnn"));
    check(object(&format!("{}/v1", long(254)), "X", "a", "a"), Some("the group of apiVersion \"nnnn"));
    check(object(&format!("g/{}", long(64)), "X", "a", "a"), Some("the version of apiVersion \"nnnn"));
    check(object("v1", "ConfigMap", "a", "c\u{1b}[2J"), Some("metadata.name \"c\u{fffd}[2J\" has control characters"));
    // 127 characters of two bytes each.
    check(object("v1", "ConfigMap", "a", &"é".repeat(127)), Some(&format!("metadata.name \"{}", "é".repeat(3))));
    let bytes = check_name(&object("v1", "ConfigMap", "a", &"é".repeat(127))).unwrap_err().to_string();
    assert!(bytes.contains("has 254 bytes, and Kubernetes takes 253"), "{bytes}");
    // Each is one segment of a path, also after a server has decoded it.
    for namespace in ["payments/services", "team-a/../kube-system", "kube%2Dsystem", "..", "Kube-System", "a.b"] {
        check(
            object("v1", "Event", namespace, "a"),
            Some(&format!("metadata.namespace \"{namespace}\" cannot be used")),
        );
    }
    for name in ["proxy/admin", "../x", "%2e%2e", ".", ".."] {
        check(object("v1", "Event", "a", name), Some(&format!("metadata.name \"{name}\" cannot be used")));
    }
    check(object("../v1", "Event", "a", "a"), Some("the group of apiVersion \"..\" cannot be used"));
    check(object("x.io/..", "Event", "a", "a"), Some("the version of apiVersion \"..\" cannot be used"));
    check(object("x.io/v1/namespaces", "Event", "a", "a"), Some("the version of apiVersion \"v1/namespaces\""));
    check(object("v1", "Pods/../Event", "a", "a"), Some("kind \"Pods/../Event\" cannot be used"));
    check(object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:node"), None);
    // What else is wrong with a name is the server's to say.
    check(object("v1", "ConfigMap", "a", "Not A Name"), None);
}

#[test]
fn our_own_records_cannot_be_delivered() {
    let object = |kind: &str, namespace: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    let refused = |object: Value| plan(vec![object]).1.refused.iter().any(|r| matches!(r, Refusal::Reserved(_)));
    assert!(refused(object("Secret", "kurator-system", "kurator-abc")));
    assert!(refused(object("Namespace", "", "kurator-system")));
    for fine in [
        object("Secret", "kurator-system", "mine"),
        object("ConfigMap", "kurator-system", "kurator-abc"),
        object("Secret", "shop", "kurator-abc"),
        object("Namespace", "", "shop"),
    ] {
        assert!(!refused(fine));
    }
}
