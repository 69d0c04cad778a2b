//! CustomResourceDefinitions.

use serde_json::{Value, json};

use crate::support::{get, post, send_request, server};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/x.io/v1/namespaces/default/widgets";

pub(crate) fn widget_crd() -> Value {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1}, "color": {"type": "string", "default": "red"},
            "replicas": {"type": "integer"}}},
        "status": {"type": "object", "properties": {"ready": {"type": "integer"}, "replicas": {"type": "integer"}}},
    }});
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}, "scale": {
                "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
            "selectableFields": [{"jsonPath": ".spec.color"}],
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.x.io"},
        "spec": {"group": "x.io", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [version("v1", true), version("v1beta1", false)]},
    })
}

fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn a_kind_is_served_as_soon_as_its_definition_is_made() {
    let server = server().await;
    assert_eq!(get(&server, WIDGETS).await.0, 404);
    let (code, crd) = post(&server, CRDS, &widget_crd()).await;
    assert_eq!(code, 201, "{crd}");
    assert_eq!(crd["status"]["storedVersions"], json!(["v1"]));
    let established = crd["status"]["conditions"].as_array().expect("conditions").iter();
    assert!(established.clone().any(|c| c["type"] == "Established" && c["status"] == "True"), "{crd}");
    let (code, made) = post(&server, WIDGETS, &widget("a", json!({"size": 2, "bogus": 1}))).await;
    assert_eq!((code, &made["spec"]), (201, &json!({"size": 2, "color": "red"})), "pruned and defaulted: {made}");
    let (code, wrong) = post(&server, WIDGETS, &widget("b", json!({"size": 0}))).await;
    assert_eq!((code, wrong["details"]["causes"][0]["field"].as_str()), (422, Some("spec.size")), "{wrong}");
    let (_, beta) = get(&server, "/apis/x.io/v1beta1/namespaces/default/widgets/a").await;
    assert_eq!(beta["apiVersion"], "x.io/v1beta1");
    let (_, list) = get(&server, "/apis/x.io/v1beta1/widgets").await;
    assert_eq!(list["items"][0]["apiVersion"], "x.io/v1beta1");
    let (_, none) = get(&server, &format!("{WIDGETS}?fieldSelector=spec.color%3Dblue")).await;
    assert_eq!(none["items"], json!([]));
    let (_, one) = get(&server, &format!("{WIDGETS}?fieldSelector=spec.color%3Dred")).await;
    assert_eq!(one["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn strict_validation_refuses_what_it_would_prune() {
    let server = server().await;
    post(&server, CRDS, &widget_crd()).await;
    let body = widget("a", json!({"size": 2, "bogus": 1}));
    let (code, refused) = post(&server, &format!("{WIDGETS}?fieldValidation=Strict"), &body).await;
    assert_eq!(code, 400);
    let message = refused["message"].as_str().expect("a message");
    assert!(message.ends_with("strict decoding error: unknown field \"spec.bogus\""), "{message}");
}

#[tokio::test]
async fn a_definition_takes_its_objects_with_it() {
    let server = server().await;
    post(&server, CRDS, &widget_crd()).await;
    post(&server, WIDGETS, &widget("a", json!({"size": 2}))).await;
    let path = format!("{CRDS}/widgets.x.io");
    let (code, going) = send_request(&server, "DELETE", &path, "", "").await;
    assert_eq!(code, 200, "{going}");
    let gone = async {
        while get(&server, &path).await.0 != 404 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.expect("the definition goes");
    assert_eq!(get(&server, WIDGETS).await.0, 404);
}

#[tokio::test]
async fn definitions_are_there_after_a_restart_and_nothing_is_written() {
    let mut config = crate::support::config();
    let store = config.store.clone();
    let server = apiserver::ApiServer::start(config).await.expect("starts");
    post(&server, CRDS, &widget_crd()).await;
    let revision = store.revision();
    config = crate::support::config();
    config.store = store.clone();
    let again = apiserver::ApiServer::start(config).await.expect("starts again");
    assert_eq!(get(&again, WIDGETS).await.0, 200);
    assert_eq!((store.revision(), again.counters().writes()), (revision, 0));
}

#[tokio::test]
async fn a_default_that_comes_later_shows_in_objects_that_were_there_before() {
    let server = server().await;
    post(&server, CRDS, &widget_crd()).await;
    post(&server, WIDGETS, &widget("a", json!({"size": 2}))).await;
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/replicas/default";
    let patch = json!([{"op": "add", "path": path, "value": 3}]).to_string();
    let (code, answer) =
        send_request(&server, "PATCH", &format!("{CRDS}/widgets.x.io"), "application/json-patch+json", &patch).await;
    assert_eq!(code, 200, "{answer}");
    let (_, one) = get(&server, &format!("{WIDGETS}/a")).await;
    let (_, list) = get(&server, WIDGETS).await;
    assert_eq!((&one["spec"]["replicas"], &list["items"][0]), (&json!(3), &one));
}
