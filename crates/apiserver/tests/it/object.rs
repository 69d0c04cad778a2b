//! Create, read, update, patch, delete.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{client, config_map, get, post, send_request, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn an_object_lives_through_all_verbs() {
    let server = server().await;
    let api: Api<ConfigMap> = Api::namespaced(client(&server), "default");
    let made = api.create(&PostParams::default(), &config_map("a", "k", "1")).await.expect("creates");
    assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());
    let mut read = api.get("a").await.expect("reads");
    assert_eq!(read, made);
    read.data.get_or_insert_default().insert("k".into(), "2".into());
    let updated = api.replace("a", &PostParams::default(), &read).await.expect("updates");
    assert_ne!(updated.metadata.resource_version, made.metadata.resource_version);
    let stale = api.replace("a", &PostParams::default(), &read).await.expect_err("is stale");
    assert!(matches!(stale, kube::Error::Api(e) if e.code == 409 && e.reason == "Conflict"));
    let patch = json!({"data": {"k": null, "l": "3"}});
    let patched = api.patch("a", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("patches");
    assert_eq!(patched.data.expect("data").into_iter().collect::<Vec<_>>(), [("l".to_owned(), "3".to_owned())]);
    assert_eq!(api.list(&ListParams::default()).await.expect("lists").items.len(), 1);
    api.delete("a", &DeleteParams::default()).await.expect("deletes");
    assert!(api.get_opt("a").await.expect("reads").is_none());
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_not_a_write() {
    let server = server().await;
    let (_, made) = post(&server, MAPS, &json!({"metadata": {"name": "a"}, "data": {"k": "v"}})).await;
    let (before, asked) = (server.counters().writes(), server.counters().mutations());
    let path = format!("{MAPS}/a");
    for (method, kind, body) in [
        ("PUT", "application/json", json!({"metadata": {"name": "a"}, "data": {"k": "v"}})),
        ("PATCH", "application/merge-patch+json", json!({"data": {"k": "v"}})),
        ("PATCH", "application/strategic-merge-patch+json", json!({"data": {"k": "v"}})),
        ("PATCH", "application/json-patch+json", json!([{"op": "test", "path": "/data/k", "value": "v"}])),
    ] {
        let (code, answer) = send_request(&server, method, &path, kind, &body.to_string()).await;
        assert_eq!(
            (code, &answer["metadata"]["resourceVersion"]),
            (200, &made["metadata"]["resourceVersion"]),
            "{kind}"
        );
        assert_eq!(answer, made, "{kind}");
    }
    assert_eq!(server.counters().writes(), before);
    assert_eq!(server.counters().mutations() - asked, 4, "no-op requests count as mutating requests");
}

#[tokio::test]
async fn apply_creates_owns_conflicts_and_settles() {
    let server = server().await;
    let path = format!("{MAPS}/a?fieldManager=one");
    let body =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}).to_string();
    let (code, made) = send_request(&server, "PATCH", &path, "application/apply-patch+yaml", &body).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(made["metadata"]["managedFields"][0]["operation"], "Apply");
    let (code, again) = send_request(&server, "PATCH", &path, "application/apply-patch+yaml", &body).await;
    assert_eq!((code, &again), (200, &made), "a second apply is a no-op");
    let other = "apiVersion: v1\nkind: ConfigMap\ndata:\n  k: w\n";
    let path = format!("{MAPS}/a?fieldManager=two");
    let (code, refused) = send_request(&server, "PATCH", &path, "application/apply-patch+yaml", other).await;
    assert_eq!((code, refused["reason"].as_str()), (409, Some("Conflict")), "{refused}");
    assert_eq!(refused["details"]["causes"][0]["reason"], "FieldManagerConflict");
    let (code, forced) =
        send_request(&server, "PATCH", &format!("{path}&force=true"), "application/apply-patch+yaml", other).await;
    assert_eq!((code, forced["data"]["k"].as_str()), (200, Some("w")));
}

#[tokio::test]
async fn a_deployment_keeps_status_apart_and_counts_generations() {
    let server = server().await;
    let api: Api<Deployment> = Api::namespaced(client(&server), "default");
    let wanted: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"}, "status": {"replicas": 9},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
    }))
    .expect("a Deployment");
    let made = api.create(&PostParams::default(), &wanted).await.expect("creates");
    assert_eq!((made.metadata.generation, made.status.and_then(|s| s.replicas)), (Some(1), None));
    let scale = Patch::Merge(json!({"spec": {"replicas": 5}}));
    let scaled = api.patch_scale("web", &PatchParams::default(), &scale).await.expect("scales");
    assert_eq!(scaled.spec.and_then(|s| s.replicas), Some(5));
    let status = Patch::Merge(json!({"status": {"replicas": 5}, "spec": {"replicas": 1}}));
    let told = api.patch_status("web", &PatchParams::default(), &status).await.expect("reports");
    assert_eq!(told.metadata.generation, Some(2), "scale counts, status does not");
    assert_eq!(told.spec.replicas, Some(5), "status changes status only");
    let shown = api.get_scale("web").await.expect("shows");
    assert_eq!(shown.status.map(|s| (s.replicas, s.selector)), Some((5, Some("a=b".into()))));
}

#[tokio::test]
async fn namespaces_hold_and_refuse() {
    let server = server().await;
    let map = json!({"metadata": {"name": "a"}});
    let (code, missing) = post(&server, "/api/v1/namespaces/nope/configmaps", &map).await;
    assert_eq!((code, missing["message"].as_str()), (404, Some("namespaces \"nope\" not found")));
    post(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).await;
    let (code, going) = send_request(&server, "DELETE", "/api/v1/namespaces/n", "", "").await;
    assert_eq!((code, going["status"]["phase"].as_str()), (200, Some("Terminating")));
    let (code, closed) = post(&server, "/api/v1/namespaces/n/configmaps", &map).await;
    assert_eq!((code, closed["details"]["causes"][0]["reason"].as_str()), (403, Some("NamespaceTerminating")));
    let (_, mut finished) = get(&server, "/api/v1/namespaces/n").await;
    finished["spec"]["finalizers"] = json!([]);
    let body = finished.to_string();
    let (code, _) = send_request(&server, "PUT", "/api/v1/namespaces/n/finalize", "application/json", &body).await;
    assert_eq!((code, get(&server, "/api/v1/namespaces/n").await.0), (200, 404));
    let (code, refused) = send_request(&server, "DELETE", "/api/v1/namespaces/default", "", "").await;
    assert_eq!(code, 403);
    assert_eq!(refused["message"], "namespaces \"default\" is forbidden: this namespace may not be deleted");
    let all: Api<Namespace> = Api::all(client(&server));
    assert_eq!(all.list(&ListParams::default()).await.expect("lists").items.len(), 4);
}

#[tokio::test]
async fn a_finalizer_holds_an_object_until_it_goes() {
    let server = server().await;
    post(&server, MAPS, &json!({"metadata": {"name": "a", "finalizers": ["x.io/y"]}})).await;
    let path = format!("{MAPS}/a");
    let (code, held) = send_request(&server, "DELETE", &path, "", "").await;
    assert_eq!(code, 200);
    assert!(held["metadata"]["deletionTimestamp"].is_string(), "{held}");
    let before = server.counters().writes();
    send_request(&server, "DELETE", &path, "", "").await;
    assert_eq!(server.counters().writes(), before, "deleting again writes nothing");
    let more = json!({"metadata": {"finalizers": ["x.io/y", "x.io/z"]}}).to_string();
    let (code, refused) = send_request(&server, "PATCH", &path, "application/merge-patch+json", &more).await;
    assert_eq!(code, 422, "{refused}");
    let none = json!({"metadata": {"finalizers": null}}).to_string();
    let (code, gone) = send_request(&server, "PATCH", &path, "application/merge-patch+json", &none).await;
    assert_eq!((code, get(&server, &path).await.0), (200, 404), "{gone}");
}

#[tokio::test]
async fn pages_of_a_list_show_one_revision() {
    let server = server().await;
    for index in 0..7 {
        post(&server, MAPS, &json!({"metadata": {"name": format!("m{index}")}})).await;
    }
    let (_, first) = get(&server, &format!("{MAPS}?limit=3")).await;
    assert_eq!(first["metadata"]["remainingItemCount"], 4);
    send_request(&server, "DELETE", &format!("{MAPS}/m5"), "", "").await;
    let token = first["metadata"]["continue"].as_str().expect("a token").to_owned();
    let (_, second) = get(&server, &format!("{MAPS}?limit=10&continue={token}")).await;
    let names: Vec<&str> =
        second["items"].as_array().expect("items").iter().filter_map(|o| o["metadata"]["name"].as_str()).collect();
    assert_eq!(names, ["m3", "m4", "m5", "m6"], "what was deleted meanwhile is still there");
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let (code, refused) = get(&server, &format!("{MAPS}?continue=x")).await;
    assert_eq!((code, refused["reason"].as_str()), (400, Some("BadRequest")));
}

/// Each row is a request and the failure that Kubernetes answers it with.
#[tokio::test]
async fn failures_say_what_kubernetes_says() {
    let server = server().await;
    post(&server, MAPS, &json!({"metadata": {"name": "a"}})).await;
    let rows: [(&str, &str, Value, u16, &str); 12] = [
        ("GET", "/api/v1/namespaces/default/configmaps/none", Value::Null, 404, "configmaps \"none\" not found"),
        ("GET", "/apis/nope/v1/things", Value::Null, 404, "the server could not find the requested resource"),
        ("POST", MAPS, json!({"metadata": {"name": "a"}}), 409, "configmaps \"a\" already exists"),
        (
            "POST",
            MAPS,
            json!({"metadata": {}}),
            422,
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        (
            "POST",
            MAPS,
            json!({"metadata": {"name": "b", "namespace": "other"}}),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "POST",
            MAPS,
            json!({"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "b"}}),
            400,
            "the API version in the data (v2) does not match the expected API version (v1)",
        ),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/a",
            json!({"metadata": {"name": "b"}}),
            400,
            "the name of the object (b) does not match the name on the URL (a)",
        ),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/a",
            json!({"metadata": {"name": "a", "resourceVersion": "1"}}),
            409,
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again",
        ),
        (
            "DELETE",
            "/api/v1/namespaces/default/configmaps/a",
            json!({"preconditions": {"uid": "x"}}),
            409,
            "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (x) does not match the UID in record (00000000-0000-4000-8000-000000000018). The object might have been deleted and then recreated",
        ),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps?fieldSelector=data.x%3D1",
            Value::Null,
            400,
            "\"data.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps?resourceVersionMatch=Exact",
            Value::Null,
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            "PATCH",
            "/api/v1/namespaces/default/configmaps/a",
            json!({}),
            415,
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml",
        ),
    ];
    for (method, path, body, code, message) in rows {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (got, answer) = send_request(&server, method, path, "application/json", &body).await;
        assert_eq!((got, answer["message"].as_str()), (code, Some(message)), "{method} {path}");
        assert_eq!((&answer["kind"], &answer["status"]), (&json!("Status"), &json!("Failure")));
    }
}

/// Clients believe that an object is gone only of an answer that names it, and that a kind is not served only of one for the path.
#[tokio::test]
async fn a_404_names_what_is_not_there() {
    let server = server().await;
    let none = format!("{MAPS}/none");
    let (map, web) =
        (json!({"name": "none", "kind": "configmaps"}), json!({"name": "web", "kind": "deployments", "group": "apps"}));
    let deployment = "/apis/apps/v1/namespaces/default/deployments/web";
    let status = format!("{deployment}/status");
    let namespace = json!({"name": "nope", "kind": "namespaces"});
    let role = json!({"name": "r", "kind": "roles", "group": "rbac.authorization.k8s.io"});
    let merge = "application/merge-patch+json";
    let named = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}).to_string();
    let rows = [
        ("GET", none.as_str(), "", "", map.clone()),
        ("DELETE", &none, "", "", map.clone()),
        ("PATCH", &none, merge, "{}", map),
        ("GET", deployment, "", "", web.clone()),
        ("DELETE", deployment, "", "", web.clone()),
        ("PATCH", &status, merge, "{}", web),
        ("DELETE", "/api/v1/namespaces/nope", "", "", namespace.clone()),
        ("GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/nope/roles/r", "", "", role),
        ("POST", "/api/v1/namespaces/nope/configmaps", "application/json", &named, namespace.clone()),
        (
            "PATCH",
            "/api/v1/namespaces/nope/configmaps/a?fieldManager=m",
            "application/apply-patch+yaml",
            &named,
            namespace,
        ),
        ("GET", "/apis/nope/v1", "", "", json!({})),
        ("GET", "/apis/nope", "", "", json!({})),
        ("GET", "/apis/nope/v1/things", "", "", json!({})),
        ("GET", "/api/v1/namespaces/default/things/none", "", "", json!({})),
        ("DELETE", "/apis/apps/v1/namespaces/default/things/none", "", "", json!({})),
        ("DELETE", "/apis/apps/v1/namespaces/default/things", "", "", json!({})),
    ];
    for (method, path, kind, body, details) in rows {
        let (code, said) = send_request(&server, method, path, kind, body).await;
        assert_eq!(
            (code, &said["kind"], &said["reason"]),
            (404, &json!("Status"), &json!("NotFound")),
            "{method} {path}"
        );
        assert_eq!(said["details"], details, "{method} {path}: {said}");
        let is_path = said["message"] == "the server could not find the requested resource";
        assert_eq!(is_path, details == json!({}), "{method} {path}: {said}");
    }
}
