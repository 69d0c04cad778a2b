//! What a hub has of its own: it cannot be taken away, is described, and can be given to others.

use http::{Method, Request};
use http_body_util::BodyExt;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use kube::client::Body;
use serde_json::{Value, json};

use crate::stage::{Stage, until};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const SYSTEM: &str = "/api/v1/namespaces/kurator-system";

/// One request of the administrator: code, warnings, and the JSON of the answer.
pub(crate) async fn ask(
    stage: &Stage,
    method: Method,
    path: &str,
    kind: &str,
    body: Value,
) -> (u16, Vec<String>, Value) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    let answer = stage.client().send(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let warnings = parts.headers.get_all("warning").iter().map(|w| w.to_str().unwrap().to_owned()).collect();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), warnings, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn delete(stage: &Stage, path: &str) -> (u16, String) {
    let (code, _, answer) = ask(stage, Method::DELETE, path, "application/json", Value::Null).await;
    (code, answer["message"].as_str().unwrap_or_default().to_owned())
}

async fn merge(stage: &Stage, path: &str, patch: Value) -> (u16, Value) {
    let (code, _, answer) = ask(stage, Method::PATCH, path, "application/merge-patch+json", patch).await;
    (code, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_hub_decides_by_cannot_be_taken_from_it() {
    let stage = Stage::without_controllers(&[]).await;
    for crd in api::crd::all() {
        let name = model::object::name(&crd).unwrap();
        let (code, why) = delete(&stage, &format!("{CRDS}/{name}")).await;
        assert!(code == 403 && why.contains("one by one"), "{name}: {code} {why}");
    }
    let (code, why) = delete(&stage, SYSTEM).await;
    assert!(code == 403 && why.contains("stop it"), "{code} {why}");
    for secret in ["kurator-hub-id", "kurator-hub-key"] {
        let path = format!("{SYSTEM}/secrets/{secret}");
        assert_eq!(delete(&stage, &path).await.0, 403);
        let (code, answer) = merge(&stage, &path, json!({"data": {"id": "eA==", "key": "eA=="}})).await;
        assert_eq!(code, 403, "{answer}");
        let (code, answer) = merge(&stage, &path, json!({"metadata": {"labels": {"team": "ops"}}})).await;
        assert_eq!(code, 200, "what it holds stays as it is: {answer}");
    }
    let (code, _) = delete(&stage, &format!("{SYSTEM}/secrets")).await;
    assert_eq!(code, 403, "nor all at once");
    let still = ask(&stage, Method::GET, &format!("{SYSTEM}/secrets/kurator-hub-id"), "", Value::Null).await;
    assert_eq!(still.0, 200);
    let crd = format!("{CRDS}/applications.apps.kurator.dev");
    let (_, _, stored) = ask(&stage, Method::GET, &crd, "", Value::Null).await;
    let mut versions = stored["spec"]["versions"].clone();
    versions[0]["served"] = json!(false);
    let (code, answer) = merge(&stage, &crd, json!({"spec": {"versions": versions}})).await;
    assert_eq!((code, &answer["details"]["causes"][0]["field"]), (422, &json!("spec.versions[0].served")), "{answer}");
    // A definition that is not one of the hub's can be deleted.
    let other = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.apps.kurator.dev"},
        "spec": {"group": "apps.kurator.dev", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    });
    let (code, _, made) = ask(&stage, Method::POST, CRDS, "application/json", other).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(delete(&stage, &format!("{CRDS}/widgets.apps.kurator.dev")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_usual_roles_have_the_hubs_kinds() {
    let stage = Stage::without_controllers(&[]).await;
    for role in ["view", "edit", "kurator-edit"] {
        stage
            .apply(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": role, "namespace": "default"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}]}))
            .await
            .unwrap();
    }
    let reviews: Api<SubjectAccessReview> = Api::all(stage.client());
    let may = async |user: &str, verb: &str, group: &str, resource: &str, namespace: &str| {
        let review = json!({"spec": {"user": user, "resourceAttributes": {
            "verb": verb, "group": group, "resource": resource, "namespace": namespace}}});
        let review: SubjectAccessReview = serde_json::from_value(review).unwrap();
        reviews.create(&PostParams::default(), &review).await.unwrap().status.is_some_and(|status| status.allowed)
    };
    // A moment after the first start the roles have gathered their rules.
    until("edit and view to allow applications", async || {
        // Each role is written by itself, and `view` comes last.
        let allowed = may("edit", "create", "apps.kurator.dev", "applications", "default").await
            && may("edit", "list", "delivery.kurator.dev", "decisions", "default").await
            && may("view", "list", "apps.kurator.dev", "applications", "default").await;
        if allowed { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    for (user, verb, group, resource, namespace, expect) in [
        ("view", "list", "apps.kurator.dev", "applications", "default", true),
        ("view", "get", "view.kurator.dev", "trees", "default", true),
        ("view", "watch", "", "configmaps", "default", true),
        ("view", "get", "", "secrets", "default", false),
        ("view", "patch", "apps.kurator.dev", "applications", "default", false),
        ("view", "list", "apps.kurator.dev", "applications", "other", false),
        ("edit", "patch", "apps.kurator.dev", "applications", "default", true),
        ("edit", "delete", "cluster.kurator.dev", "attachedclusters", "default", true),
        ("edit", "get", "", "secrets", "default", true),
        ("edit", "list", "fleet.kurator.dev", "fleets", "default", true),
        ("edit", "patch", "delivery.kurator.dev", "decisions", "default", false),
        ("edit", "update", "apps.kurator.dev", "applications/status", "default", false),
        ("edit", "create", "rbac.authorization.k8s.io", "rolebindings", "default", false),
        ("edit", "create", "apps.kurator.dev", "applications", "other", false),
        ("kurator-edit", "create", "apps.kurator.dev", "applications", "default", true),
        ("kurator-edit", "patch", "fleet.kurator.dev", "fleets", "default", true),
        ("kurator-edit", "get", "view.kurator.dev", "trees", "default", true),
        ("kurator-edit", "create", "view.kurator.dev", "previews", "default", true),
        ("kurator-edit", "list", "delivery.kurator.dev", "decisions", "default", true),
        ("kurator-edit", "list", "", "events", "default", true),
        ("kurator-edit", "list", "events.k8s.io", "events", "default", true),
        ("view", "watch", "events.k8s.io", "events", "default", true),
        ("kurator-edit", "get", "", "secrets", "default", false),
        ("kurator-edit", "create", "", "secrets", "default", false),
        ("kurator-edit", "create", "", "serviceaccounts/token", "default", false),
        ("kurator-edit", "impersonate", "", "serviceaccounts", "default", false),
        ("kurator-edit", "patch", "cluster.kurator.dev", "attachedclusters", "default", false),
        ("kurator-edit", "create", "apps.kurator.dev", "applications", "other", false),
    ] {
        assert_eq!(may(user, verb, group, resource, namespace).await, expect, "{user} {verb} {group} {resource}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_what_does_nothing_here_is_warned() {
    let stage = Stage::without_controllers(&[]).await;
    let deployment = json!({"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let (code, warnings, made) = ask(&stage, Method::POST, path, "application/json", deployment).await;
    assert_eq!(code, 201, "{made}");
    assert!(warnings.len() == 1 && warnings[0].contains("this hub runs nothing"), "{warnings:?}");
    let mut application = stage.application();
    application["spec"]["destination"] = Value::Null;
    let path = "/apis/apps.kurator.dev/v1alpha1/namespaces/default/applications/app?fieldManager=t";
    let (code, warnings, made) = ask(&stage, Method::PATCH, path, "application/apply-patch+yaml", application).await;
    assert_eq!(code, 201, "{made}");
    assert!(warnings.iter().any(|w| w.contains("spec.destination.fleet is not set")), "{warnings:?}");
    let backups = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "backups.backup.kurator.dev"},
        "spec": {"group": "backup.kurator.dev", "scope": "Namespaced", "names": {"plural": "backups", "kind": "Backup"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
    });
    assert_eq!(ask(&stage, Method::POST, CRDS, "application/json", backups).await.0, 201);
    let backup = json!({"apiVersion": "backup.kurator.dev/v1alpha1", "kind": "Backup", "metadata": {"name": "b"}});
    let path = "/apis/backup.kurator.dev/v1alpha1/namespaces/default/backups";
    let (code, warnings, made) = ask(&stage, Method::POST, path, "application/json", backup).await;
    assert_eq!(code, 201, "{made}");
    assert!(warnings.iter().any(|w| w.contains("nothing acts on Backup of backup.kurator.dev yet")), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kinds_are_described_and_the_hub_says_where_it_is() {
    let stage = Stage::without_controllers(&[]).await;
    let (_, _, document) =
        ask(&stage, Method::GET, "/openapi/v3/apis/apps.kurator.dev/v1alpha1", "", Value::Null).await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let application = schemas.iter().find(|(name, _)| name.ends_with(".Application")).unwrap().1;
    let described = |path: &str| application.pointer(path).and_then(|node| node["description"].as_str()).unwrap_or("");
    assert!(described("").starts_with("An Application delivers"), "{application}");
    assert!(described("/properties/spec/properties/destination/properties/fleet").contains("Fleet"));
    let slice = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";
    let port = stage.hub.address().port();
    until("the endpoints of the hub", async || {
        let (_, _, slice) = ask(&stage, Method::GET, slice, "", Value::Null).await;
        let right = slice["endpoints"][0]["addresses"][0] == "127.0.0.1" && slice["ports"][0]["port"] == port;
        if right { Ok(()) } else { Err(slice.to_string()) }
    })
    .await;
}
