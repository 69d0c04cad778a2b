//! What clients of a real kube-apiserver expect: selectors, words, forms, subresources. Most are sentences of Kubernetes'
//! conformance suite.

use std::time::Duration;

use apiserver::UserInfo;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, WatchEvent, WatchParams};
use serde_json::{Value, json};

use crate::custom::widget_crd;
use crate::support::{client, get, post, send_request, send_request_as, server};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const EVENTS: &str = "/api/v1/namespaces/default/events";
const NEW_EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// Names of the objects of a list.
async fn names(server: &apiserver::ApiServer, path: &str) -> Vec<String> {
    let (code, list) = get(server, path).await;
    assert_eq!(code, 200, "{path}: {list}");
    let items = list["items"].as_array().expect("items").iter();
    items.map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_field_that_was_not_set_reads_as_the_zero_of_its_type() {
    let server = server().await;
    for (name, spec) in [("plain", json!({})), ("cordoned", json!({"unschedulable": true}))] {
        let (code, made) = post(&server, "/api/v1/nodes", &json!({"metadata": {"name": name}, "spec": spec})).await;
        assert_eq!(code, 201, "{made}");
    }
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(post(&server, "/api/v1/namespaces/default/pods", &pod).await.0, 201);
    for (path, expect) in [
        ("/api/v1/nodes?fieldSelector=spec.unschedulable%3Dfalse", &["plain"][..]),
        ("/api/v1/nodes?fieldSelector=spec.unschedulable!%3Dtrue", &["plain"]),
        ("/api/v1/nodes?fieldSelector=spec.unschedulable%3Dtrue", &["cordoned"]),
        ("/api/v1/pods?fieldSelector=spec.nodeName%3D", &["p"]),
        ("/api/v1/pods?fieldSelector=spec.hostNetwork%3Dfalse", &["p"]),
        ("/api/v1/pods?fieldSelector=spec.hostNetwork!%3Dfalse", &[]),
        ("/api/v1/pods?fieldSelector=status.podIP!%3D", &[]),
    ] {
        assert_eq!(names(&server, path).await, expect, "{path}");
    }
}

#[tokio::test]
async fn events_of_both_groups_are_the_same_and_are_found_by_the_fields_of_either() {
    let server = server().await;
    let event = json!({
        "metadata": {"name": "e"}, "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "test-controller", "type": "Normal",
        "reportingInstance": "i", "action": "Do", "reason": "Test", "note": "said",
    });
    let (code, made) = post(&server, NEW_EVENTS, &event).await;
    assert_eq!(code, 201, "{made}");
    let old = json!({"metadata": {"name": "o"}, "involvedObject": {"kind": "Node", "name": "n", "namespace": "default"},
        "source": {"component": "kubelet"}, "type": "Warning", "reason": "Test"});
    let (code, made) = post(&server, EVENTS, &old).await;
    assert_eq!(code, 201, "{made}");
    for (path, expect) in [
        (format!("{EVENTS}?fieldSelector=source%3Dtest-controller"), &["e"][..]),
        (format!("{EVENTS}?fieldSelector=source%3Dkubelet"), &["o"]),
        (format!("{EVENTS}?fieldSelector=reportingComponent%3Dtest-controller"), &["e"]),
        (format!("{EVENTS}?fieldSelector=involvedObject.name%3Dn"), &["o"]),
        (format!("{NEW_EVENTS}?fieldSelector=reportingController%3Dtest-controller"), &["e"]),
        (format!("{NEW_EVENTS}?fieldSelector=regarding.kind%3DPod,type%3DNormal"), &["e"]),
        (format!("{NEW_EVENTS}?fieldSelector=regarding.name%3Dn"), &["o"]),
        (format!("{NEW_EVENTS}?fieldSelector=reason%3DTest"), &["e", "o"]),
    ] {
        assert_eq!(names(&server, &path).await, expect, "{path}");
    }
    let (_, core) = get(&server, &format!("{EVENTS}/e")).await;
    assert_eq!((&core["message"], &core["involvedObject"]["name"]), (&json!("said"), &json!("p")));
}

#[tokio::test]
async fn a_watch_by_a_selectable_field_of_a_definition_shows_what_comes_and_goes() {
    let server = server().await;
    post(&server, CRDS, &widget_crd()).await;
    let resource = ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk("x.io", "v1", "Widget"));
    let api: Api<DynamicObject> = Api::namespaced_with(client(&server), "default", &resource);
    let mut events = api.watch(&WatchParams::default().fields("spec.color=blue"), "0").await.expect("watches").boxed();
    let path = "/apis/x.io/v1/namespaces/default/widgets";
    let widget = |name: &str, color: &str| json!({"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1, "color": color}});
    for (name, color) in [("a", "red"), ("b", "blue"), ("c", "blue")] {
        assert_eq!(post(&server, path, &widget(name, color)).await.0, 201);
    }
    for (name, color) in [("a", "blue"), ("b", "red")] {
        let patch = json!({"spec": {"color": color}}).to_string();
        send_request(&server, "PATCH", &format!("{path}/{name}"), "application/merge-patch+json", &patch).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let next = tokio::time::timeout(Duration::from_secs(10), events.try_next()).await.expect("in time");
        seen.push(match next.expect("an event") {
            Some(WatchEvent::Added(o)) => format!("+{}", o.metadata.name.unwrap_or_default()),
            Some(WatchEvent::Deleted(o)) => format!("-{}", o.metadata.name.unwrap_or_default()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, ["+b", "+c", "+a", "-b"]);
}

fn deployment(spec: &str) -> String {
    format!(
        r#"{{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{"name": "d"}}, "spec": {{{spec},
        "selector": {{"matchLabels": {{"a": "b"}}}}, "template": {{"metadata": {{"labels": {{"a": "b"}}}},
        "spec": {{"containers": [{{"name": "c", "image": "i"}}]}}}}}}}}"#
    )
}

#[tokio::test]
async fn strict_decoding_says_what_is_wrong_in_the_words_and_order_of_kubernetes() {
    let server = server().await;
    let check = async |method: &str, path: &str, ty: &str, body: &str, expect: &str| {
        let path = format!("{path}?fieldValidation=Strict&fieldManager=x");
        let (code, answer) = send_request(&server, method, &path, ty, body).await;
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(code == 400 && message.contains(expect), "{code} {message:?} should say {expect:?}");
    };
    let unknown_first = deployment(r#""unknownField": "foo", "replicas": 2, "replicas": 3"#);
    let twice_first = deployment(r#""replicas": 2, "replicas": 3, "unknownField": "foo""#);
    let json = "application/json";
    let expect = r#"strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas""#;
    check("POST", DEPLOYMENTS, json, &unknown_first, expect).await;
    let expect = r#"strict decoding error: duplicate field "spec.replicas", unknown field "spec.unknownField""#;
    check("POST", DEPLOYMENTS, json, &twice_first, expect).await;
    let yaml = "\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\ndata:\n  foo: a\n  foo: b\n";
    let maps = "/api/v1/namespaces/default/configmaps";
    check("POST", maps, "application/yaml", yaml, r#"line 8: key "foo" already set in map"#).await;
    let apply = "application/apply-patch+yaml";
    let expect =
        "error strict decoding patch: error converting YAML to JSON: yaml: unmarshal errors:\n  line 8: key \"foo\"";
    check("PATCH", &format!("{maps}/m"), apply, yaml, expect).await;
    let same = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": "1", "k": "2"}}"#;
    check("PATCH", &format!("{maps}/m"), apply, same, r#"line 1: key "k" already set in map"#).await;
}

#[tokio::test]
async fn a_key_that_comes_twice_is_a_warning_unless_asked_otherwise() {
    let server = server().await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  foo: a\n  foo: b\n";
    for (mode, warned) in [("", true), ("&fieldValidation=Warn", true), ("&fieldValidation=Ignore", false)] {
        let path = format!("/api/v1/namespaces/default/configmaps/m?fieldManager=x{mode}");
        let kind = [("content-type", "application/apply-patch+yaml")];
        let (code, headers, map) = send_request_as(&server, UserInfo::master("a"), "PATCH", &path, &kind, yaml).await;
        assert!(code < 300 && map["data"]["foo"] == "b", "the last value counts: {code} {map}");
        let warning = headers.get("warning").and_then(|w| w.to_str().ok()).unwrap_or_default();
        assert_eq!(warning.contains("already set in map"), warned, "{mode}: {warning}");
    }
}

#[tokio::test]
async fn an_answer_without_metadata_is_no_table() {
    let server = server().await;
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let body = json!({"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}).to_string();
    let ask = async |accept: &str| {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        send_request_as(&server, UserInfo::master("a"), "POST", path, &headers, &body).await.0
    };
    assert_eq!(ask("application/json;as=Table;v=v1;g=meta.k8s.io").await, 406);
    assert_eq!(ask("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").await, 201, "what kubectl sends");
    assert_eq!(ask("application/json").await, 201);
}

#[tokio::test]
async fn approval_and_status_of_a_certificate_request_take_metadata_along() {
    let server = server().await;
    let all = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let csr = json!({"metadata": {"name": "c"}, "spec": {
        "request": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==",
        "signerName": "example.com/e2e", "usages": ["digital signature", "client auth"]}});
    let (code, made) = post(&server, all, &csr).await;
    assert_eq!(code, 201, "{made}");
    for part in ["approval", "status"] {
        let patch = json!({"metadata": {"annotations": {format!("patched{part}"): "true"}}, "spec": {"signerName": "x.io/y"},
            "status": {"conditions": [{"type": "Approved", "status": "True", "reason": "Test", "message": "m"}]}});
        let path = format!("{all}/c/{part}");
        let (code, answer) =
            send_request(&server, "PATCH", &path, "application/merge-patch+json", &patch.to_string()).await;
        assert_eq!(
            (code, &answer["metadata"]["annotations"][format!("patched{part}")]),
            (200, &json!("true")),
            "{answer}"
        );
        assert_eq!(answer["spec"]["signerName"], "example.com/e2e", "only its own part: {answer}");
    }
}

#[tokio::test]
async fn a_page_that_is_asked_for_again_and_again_ages_all_the_same() {
    let mut config = crate::support::config();
    // The clock moves a second with each look.
    config.limits.list_snapshot_age = Duration::from_secs(40);
    let server = apiserver::ApiServer::start(config).await.expect("starts");
    let maps = "/api/v1/namespaces/default/configmaps";
    for name in ["a", "b", "c", "d"] {
        post(&server, maps, &json!({"metadata": {"name": name}})).await;
    }
    let (_, first) = get(&server, &format!("{maps}?limit=1")).await;
    let token = |list: &Value| list["metadata"]["continue"].as_str().expect("a token").to_owned();
    post(&server, maps, &json!({"metadata": {"name": "e"}})).await;
    let again = format!("{maps}?limit=1&continue={}", token(&first));
    let expired = async {
        loop {
            match get(&server, &again).await {
                (200, page) => assert_eq!(page["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]),
                other => return other,
            }
        }
    };
    let (code, gone) = tokio::time::timeout(Duration::from_secs(10), expired).await.expect("it expires");
    assert_eq!((code, &gone["reason"]), (410, &json!("Expired")), "{gone}");
    // The token that comes with it goes on, at another revision, and says so.
    let (code, next) = get(&server, &format!("{maps}?limit=1&continue={}", token(&gone))).await;
    assert_eq!((code, &next["items"][0]["metadata"]["name"]), (200, &json!("b")), "{next}");
    assert_ne!(next["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let (_, last) = get(&server, &format!("{maps}?continue={}", token(&next))).await;
    assert_eq!(last["items"].as_array().map(Vec::len), Some(3), "{last}");
    assert_eq!(last["metadata"]["resourceVersion"], next["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn containers_get_the_token_of_the_account_unless_one_says_no() {
    let server = server().await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    for (name, wish) in [("yes", json!(true)), ("no", json!(false)), ("default", Value::Null)] {
        let body = json!({"metadata": {"name": name}, "automountServiceAccountToken": wish});
        let (code, made) = post(&server, accounts, &body).await;
        assert_eq!(code, 201, "{made}");
    }
    for (account, pod_wish, expect) in [
        ("default", None, true),
        ("default", Some(false), false),
        ("yes", None, true),
        ("yes", Some(false), false),
        ("no", None, false),
        ("no", Some(true), true),
        ("absent", None, false),
    ] {
        let mut spec = json!({"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}],
            "initContainers": [{"name": "i", "image": "i"}]});
        if let Some(wish) = pod_wish {
            spec["automountServiceAccountToken"] = json!(wish);
        }
        let body = json!({"metadata": {"generateName": "p-"}, "spec": spec});
        let (code, pod) = post(&server, "/api/v1/namespaces/default/pods", &body).await;
        assert_eq!(code, 201, "{pod}");
        let volume = pod.pointer("/spec/volumes/0/name").and_then(Value::as_str);
        assert_eq!(volume.is_some_and(|name| name.starts_with("kube-api-access-")), expect, "{account} {pod_wish:?}");
        for list in ["containers", "initContainers"] {
            let mount = pod.pointer(&format!("/spec/{list}/0/volumeMounts/0"));
            let wanted = volume.map(|name| {
                json!({"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": name, "readOnly": true})
            });
            assert_eq!(mount, wanted.as_ref(), "{account} {pod_wish:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_kubernetes_service_says_where_the_server_is_and_comes_back() {
    let server = server().await;
    let paths = [
        "/api/v1/namespaces/default/services/kubernetes",
        "/api/v1/namespaces/default/endpoints/kubernetes",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
    ];
    let until = async |path: &str, pointer: &str, expect: Value| {
        let wait = async {
            while get(&server, path).await.1.pointer(pointer) != Some(&expect) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
        assert!(waited.is_ok(), "{path}{pointer} is not {expect}: {}", get(&server, path).await.1);
    };
    server.publish("192.0.2.7:6443".parse().expect("an address"));
    let right = async || {
        until(paths[0], "/spec/clusterIP", json!("10.96.0.1")).await;
        until(paths[0], "/spec/ports/0/targetPort", json!(6443)).await;
        until(paths[1], "/subsets/0/addresses/0/ip", json!("192.0.2.7")).await;
        until(paths[2], "/endpoints/0/addresses/0", json!("192.0.2.7")).await;
        until(paths[2], "/ports/0/port", json!(6443)).await;
    };
    right().await;
    let writes = server.counters().writes();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(server.counters().writes(), writes, "what is right is left alone");
    for path in paths {
        assert_eq!(send_request(&server, "DELETE", path, "", "").await.0, 200);
    }
    right().await;
    let patch = json!({"endpoints": [{"addresses": ["192.0.2.9"]}]}).to_string();
    send_request(&server, "PATCH", paths[2], "application/merge-patch+json", &patch).await;
    until(paths[2], "/endpoints/0/addresses/0", json!("192.0.2.7")).await;
}
