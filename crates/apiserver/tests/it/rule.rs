//! Rules of single kinds, and of writes that change less than they seem to.

use serde_json::{Value, json};

use crate::custom::widget_crd;
use crate::support::{get, post, send_request, server};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/x.io/v1/namespaces/default/widgets";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

#[tokio::test]
async fn an_apply_in_another_spelling_changes_nothing() {
    let server = server().await;
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
        "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
            {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}}}]}}}});
    let path = "/apis/apps/v1/namespaces/default/deployments/d?fieldManager=m";
    let apply = async || send_request(&server, "PATCH", path, "application/apply-patch+yaml", &body.to_string()).await;
    let (code, made) = apply().await;
    assert_eq!(
        (code, &made["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"]),
        (201, &json!("1"))
    );
    let before = server.counters().writes();
    for _ in 0..3 {
        assert_eq!(apply().await, (200, made.clone()));
    }
    assert_eq!(server.counters().writes(), before);
}

#[tokio::test]
async fn what_was_valid_and_does_not_change_stays_valid() {
    let server = server().await;
    post(&server, CRDS, &widget_crd()).await;
    let widget = json!({"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 2}});
    assert_eq!(post(&server, WIDGETS, &widget).await.0, 201);
    let stricter = json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size/minimum", "value": 5}]);
    let crd = format!("{CRDS}/widgets.x.io");
    let (code, answer) =
        send_request(&server, "PATCH", &crd, "application/json-patch+json", &stricter.to_string()).await;
    assert_eq!(code, 200, "{answer}");
    let path = format!("{WIDGETS}/a");
    let patch = async |spec: Value| {
        send_request(&server, "PATCH", &path, "application/merge-patch+json", &json!({"spec": spec}).to_string()).await
    };
    let (code, answer) = patch(json!({"color": "blue"})).await;
    assert_eq!((code, &answer["spec"]["size"]), (200, &json!(2)), "{answer}");
    let (code, answer) = patch(json!({"size": 3})).await;
    assert_eq!((code, &answer["details"]["causes"][0]["field"]), (422, &json!("spec.size")), "{answer}");
    assert_eq!(patch(json!({"size": 6})).await.0, 200);
}

#[tokio::test]
async fn a_node_registers_with_its_status() {
    let server = server().await;
    let node = json!({"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "4"}}});
    let (code, made) = post(&server, "/api/v1/nodes", &node).await;
    assert_eq!((code, &made["status"]["capacity"]["cpu"]), (201, &json!("4")), "{made}");
}

fn job(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"template": {"spec": {"restartPolicy": "Never",
        "containers": [{"name": "c", "image": "i"}]}}}})
}

#[tokio::test]
async fn a_job_finds_its_pods_by_a_selector_of_its_own() {
    let server = server().await;
    let (code, made) = post(&server, JOBS, &job("j")).await;
    let uid = &made["metadata"]["uid"];
    assert_eq!(
        (code, &made["spec"]["selector"]),
        (201, &json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}))
    );
    let labels = json!({"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": "j", "controller-uid": uid, "job-name": "j"});
    assert_eq!(made["spec"]["template"]["metadata"]["labels"], labels);

    let mut own = job("own");
    own["spec"]["manualSelector"] = json!(true);
    own["spec"]["selector"] = json!({"matchLabels": {"a": "b"}});
    own["spec"]["template"]["metadata"] = json!({"labels": {"a": "b"}});
    let (code, made) = post(&server, JOBS, &own).await;
    assert_eq!((code, &made["spec"]["template"]["metadata"]["labels"]), (201, &json!({"a": "b"})), "{made}");

    let mut odd = job("odd");
    odd["spec"]["selector"] = json!({"matchLabels": {"a": "b"}});
    odd["spec"]["template"]["metadata"] = json!({"labels": {"a": "b"}});
    let (code, refused) = post(&server, JOBS, &odd).await;
    assert_eq!(code, 422);
    assert!(refused["message"].as_str().unwrap().contains("`selector` not auto-generated"), "{refused}");
    let mut taken = job("taken");
    taken["spec"]["template"]["metadata"] = json!({"labels": {"job-name": "other"}});
    let (code, refused) = post(&server, JOBS, &taken).await;
    assert_eq!(
        (code, &refused["details"]["causes"][0]["field"]),
        (422, &json!("spec.template.metadata.labels[job-name]")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_version_that_objects_are_stored_in_stays() {
    let server = server().await;
    post(&server, CRDS, &widget_crd()).await;
    let (_, mut crd) = get(&server, &format!("{CRDS}/widgets.x.io")).await;
    let mut second = crd["spec"]["versions"][1].clone();
    second["storage"] = json!(true);
    crd["spec"]["versions"] = json!([second]);
    let (code, answer) =
        send_request(&server, "PUT", &format!("{CRDS}/widgets.x.io"), "application/json", &crd.to_string()).await;
    assert_eq!((code, &answer["details"]["causes"][0]["field"]), (422, &json!("status.storedVersions[0]")), "{answer}");
}

#[tokio::test]
async fn a_status_takes_metadata_along_where_upstream_does() {
    let server = server().await;
    let patch = json!({"status": {"replicas": 2}, "spec": {"replicas": 7},
        "metadata": {"labels": {"x": "y"}, "annotations": {"n": "m"}, "finalizers": ["a.b/c"]}});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    for (plural, labels) in [("replicasets", json!({"x": "y"})), ("deployments", Value::Null)] {
        let path = format!("/apis/apps/v1/namespaces/default/{plural}");
        assert_eq!(post(&server, &path, &json!({"metadata": {"name": "s"}, "spec": spec})).await.0, 201);
        let status = format!("{path}/s/status");
        let (code, after) =
            send_request(&server, "PATCH", &status, "application/merge-patch+json", &patch.to_string()).await;
        assert_eq!(
            (code, &after["spec"]["replicas"], &after["status"]["replicas"]),
            (200, &json!(1), &json!(2)),
            "{after}"
        );
        let metadata = &after["metadata"];
        assert_eq!((&metadata["labels"], &metadata["annotations"]["n"]), (&labels, &json!("m")), "{plural}");
        assert_eq!((&metadata["finalizers"], &metadata["generation"]), (&json!(["a.b/c"]), &metadata["generation"]));
        let owned =
            metadata["managedFields"].as_array().expect("entries").iter().find(|e| e["subresource"] == "status");
        assert!(owned.expect("an entry")["fieldsV1"]["f:metadata"]["f:finalizers"].is_object(), "{metadata}");
    }
    post(&server, CRDS, &widget_crd()).await;
    let widget = json!({"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 2}});
    post(&server, WIDGETS, &widget).await;
    let status = format!("{WIDGETS}/a/status");
    let (code, after) =
        send_request(&server, "PATCH", &status, "application/merge-patch+json", &patch.to_string()).await;
    assert_eq!(
        (code, &after["metadata"]["labels"], &after["metadata"]["finalizers"]),
        (200, &Value::Null, &Value::Null)
    );
    let (code, refused) = send_request(&server, "PUT", &status, "application/json", &widget.to_string()).await;
    assert_eq!(code, 422);
    assert_eq!(
        refused["message"],
        "widgets.x.io \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    );
}

#[tokio::test]
async fn nobody_deletes_the_objects_of_all_namespaces_at_once() {
    let server = server().await;
    post(&server, "/api/v1/namespaces/default/configmaps", &json!({"metadata": {"name": "a"}})).await;
    let (code, refused) = send_request(&server, "DELETE", "/api/v1/configmaps", "", "").await;
    assert_eq!((code, &refused["reason"], &refused["details"]), (405, &json!("MethodNotAllowed"), &json!({})));
    assert_eq!(get(&server, "/api/v1/namespaces/default/configmaps/a").await.0, 200);
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused() {
    let server = server().await;
    let maps = "/api/v1/namespaces/default/configmaps";
    post(&server, maps, &json!({"metadata": {"name": "a"}})).await;
    let both = json!({"propagationPolicy": "Orphan", "orphanDependents": true}).to_string();
    let delete =
        async |body: &str| send_request(&server, "DELETE", &format!("{maps}/a"), "application/json", body).await.0;
    assert_eq!(delete(&both).await, 422);
    assert_eq!(delete(&json!({"dryRun": ["None"]}).to_string()).await, 422);
    assert_eq!(get(&server, &format!("{maps}?sendInitialEvents=true")).await.0, 422);
    let scale = json!({"metadata": {"name": "other"}, "spec": {"replicas": 1}});
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]}}});
    let apps = "/apis/apps/v1/namespaces/default/deployments";
    post(&server, apps, &json!({"metadata": {"name": "d"}, "spec": spec})).await;
    let (code, _) =
        send_request(&server, "PUT", &format!("{apps}/d/scale"), "application/json", &scale.to_string()).await;
    assert_eq!(code, 400);
    assert_eq!(delete(&json!({"gracePeriodSeconds": -1}).to_string()).await, 200);
}
