//! One owner per name: a definition neither shadows a kind that the server has, nor shares its storage.

use serde_json::{Value, json};

use crate::extension::Things;
use crate::support::{config, get, post, send_request, send_request_as, server};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const RBAC: &str = "/apis/rbac.authorization.k8s.io";

fn definition(plural: &str, group: &str, kind: &str, version: &str, scope: &str) -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}"), "annotations": {"api-approved.kubernetes.io": "https://x"}},
        "spec": {"group": group, "scope": scope,
            "names": {"plural": plural, "kind": kind, "singular": kind.to_lowercase()},
            "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]},
    })
}

#[tokio::test]
async fn a_definition_of_a_kind_that_the_server_has_is_refused() {
    let mut config = config();
    config.resources.push(std::sync::Arc::new(Things));
    let server = apiserver::ApiServer::start(config).await.expect("starts");
    for (plural, group, kind, version, scope) in [
        // The attack: objects of `v9` would be bindings, and nothing would check what they grant.
        ("clusterrolebindings", "rbac.authorization.k8s.io", "Foo", "v9", "Cluster"),
        ("clusterrolebindings", "rbac.authorization.k8s.io", "ClusterRoleBinding", "v9", "Cluster"),
        ("clusterrolebindings", "rbac.authorization.k8s.io", "ClusterRoleBinding", "v1", "Namespaced"),
        ("customresourcedefinitions", "apiextensions.k8s.io", "Foo", "v1", "Cluster"),
        ("deployments", "apps", "Foo", "v1", "Namespaced"),
        ("things", "view.x.io", "Evil", "v1", "Namespaced"),
    ] {
        let body = definition(plural, group, kind, version, scope);
        let (code, answer) = post(&server, CRDS, &body).await;
        assert_eq!(code, 422, "{plural}.{group} {kind} {version}: {answer}");
        if group != "apps" {
            let message = answer["message"].as_str().expect("a message");
            assert!(message.contains("is served by this API server without a definition"), "{message}");
        }
        let apply = format!("{CRDS}/{plural}.{group}?fieldManager=x&force=true");
        let (code, answer) =
            send_request(&server, "PATCH", &apply, "application/apply-patch+yaml", &body.to_string()).await;
        assert_eq!(code, 422, "applied: {answer}");
        assert_eq!(get(&server, &format!("{CRDS}/{plural}.{group}")).await.0, 404);
    }
    assert_eq!(get(&server, &format!("{RBAC}/v9/clusterrolebindings")).await.0, 404);
}

#[tokio::test]
async fn a_published_definition_of_such_a_kind_is_stored_and_changes_nothing() {
    let server = server().await;
    let kind = "ClusterRoleBinding";
    let mut body = definition("clusterrolebindings", "rbac.authorization.k8s.io", kind, "v1", "Cluster");
    let mut newer = body["spec"]["versions"][0].clone();
    newer["name"] = json!("v9");
    newer["storage"] = json!(false);
    body["spec"]["versions"].as_array_mut().expect("a list").push(newer);
    let user = apiserver::UserInfo::master("admin");
    let (code, headers, made) =
        send_request_as(&server, user, "POST", CRDS, &[("content-type", "application/json")], &body.to_string()).await;
    assert_eq!(code, 201, "{made}");
    let warnings: Vec<&str> = headers.get_all("warning").iter().filter_map(|w| w.to_str().ok()).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("is stored and changes nothing"), "{warnings:?}");
    let conditions = made["status"]["conditions"].as_array().expect("conditions");
    assert!(conditions.iter().all(|c| c["status"] == "True"), "who waits for Established goes on: {conditions:?}");
    assert_eq!(get(&server, &format!("{RBAC}/v9/clusterrolebindings")).await.0, 404, "no version comes of it");
    let (_, before) = get(&server, &format!("{RBAC}/v1/clusterrolebindings")).await;

    // Its end takes no object of the kind along.
    let path = format!("{CRDS}/clusterrolebindings.rbac.authorization.k8s.io");
    assert_eq!(send_request(&server, "DELETE", &path, "", "").await.0, 200);
    let gone = async {
        while get(&server, &path).await.0 != 404 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.expect("the definition goes");
    let (_, after) = get(&server, &format!("{RBAC}/v1/clusterrolebindings")).await;
    assert_eq!(after["items"], before["items"]);
    assert!(after["items"].as_array().is_some_and(|items| items.len() >= 4), "{after}");
}

#[tokio::test]
async fn a_definition_that_an_older_server_stored_does_nothing_and_can_be_deleted() {
    let config = config();
    let store = config.store.clone();
    let mut body = definition("roles", "rbac.authorization.k8s.io", "Foo", "v9", "Namespaced");
    let established = json!({"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": ""});
    body["metadata"]["uid"] = json!("u");
    body["status"] = json!({"conditions": [established], "storedVersions": ["v9"]});
    let key = b"/apiextensions.k8s.io/customresourcedefinitions//roles.rbac.authorization.k8s.io";
    let value = bytes::Bytes::from(body.to_string());
    let write = store::Write { key: key.as_slice().into(), expect: store::Expect::Absent, value: Some(value) };
    store.write(write).await.expect("writes");
    let server = apiserver::ApiServer::start(config).await.expect("starts");
    let path = format!("{CRDS}/roles.rbac.authorization.k8s.io");
    assert_eq!(get(&server, &path).await.0, 200, "the key is the one that the server reads");
    assert_eq!(get(&server, &format!("{RBAC}/v9/roles")).await.0, 404);
    let role = json!({"metadata": {"name": "r"}, "rules": []});
    assert_eq!(post(&server, &format!("{RBAC}/v1/namespaces/default/roles"), &role).await.0, 201);
    send_request(&server, "DELETE", &path, "", "").await;
    let gone = async {
        while get(&server, &path).await.0 != 404 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.expect("the definition goes");
    assert_eq!(get(&server, &format!("{RBAC}/v1/namespaces/default/roles/r")).await.0, 200);
}
