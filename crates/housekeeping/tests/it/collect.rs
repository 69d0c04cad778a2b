use serde_json::json;

use crate::support::{Cluster, own, path};

#[tokio::test(start_paused = true)]
async fn what_a_deleted_object_owned_goes_and_what_else_stays() {
    let cluster = Cluster::start().await;
    let root = cluster.map("root", &[]).await;
    let child = cluster.map("child", &[&root]).await;
    cluster.map("grandchild", &[&child]).await;
    let other = cluster.map("other", &[]).await;
    cluster.map("shared", &[&root, &other]).await;
    cluster.delete(&path("root"), "Background").await;
    cluster.until_gone(&path("child")).await;
    cluster.until_gone(&path("grandchild")).await;
    let shared = cluster
        .until(&path("shared"), |o| {
            o.is_some_and(|o| o["metadata"]["ownerReferences"].as_array().is_some_and(|l| l.len() == 1))
        })
        .await;
    assert_eq!(shared.unwrap()["metadata"]["ownerReferences"][0]["name"], "other");
    cluster.until_settled().await;
    assert!(cluster.get(&path("other")).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_goes_last() {
    let cluster = Cluster::start().await;
    let root = cluster.map("root", &[]).await;
    let held = cluster.map("held", &[&root]).await;
    cluster.api.merge(&path("held"), &json!({"metadata": {"finalizers": ["test.io/hold"]}})).await.unwrap();
    cluster.map("leaf", &[&held]).await;
    cluster.delete(&path("root"), "Foreground").await;
    cluster.until(&path("held"), |o| o.is_some_and(|o| !o["metadata"]["deletionTimestamp"].is_null())).await;
    cluster.until_gone(&path("leaf")).await;
    cluster.until_settled().await;
    assert!(cluster.get(&path("root")).await.is_some(), "a dependent still blocks it");
    cluster.api.merge(&path("held"), &json!({"metadata": {"finalizers": null}})).await.unwrap();
    cluster.until_gone(&path("held")).await;
    cluster.until_gone(&path("root")).await;
}

#[tokio::test(start_paused = true)]
async fn orphans_lose_their_owner_and_stay() {
    let cluster = Cluster::start().await;
    let root = cluster.map("root", &[]).await;
    cluster.map("child", &[&root]).await;
    cluster.delete(&path("root"), "Orphan").await;
    cluster.until_gone(&path("root")).await;
    cluster.until_settled().await;
    assert!(cluster.get(&path("child")).await.unwrap()["metadata"]["ownerReferences"].is_null());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_was_counts_as_gone_but_one_of_an_unknown_kind_does_not() {
    let cluster = Cluster::start().await;
    let ghost = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "no-such"}});
    let alien = json!({"apiVersion": "example.com/v1", "kind": "Alien", "metadata": {"name": "x", "uid": "unknown"}});
    cluster.map("a", &[&ghost]).await;
    cluster.map("b", &[&alien]).await;
    cluster.until_gone(&path("a")).await;
    cluster.until_settled().await;
    assert!(cluster.get(&path("b")).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn kinds_that_come_with_a_crd_own_and_are_owned() {
    let cluster = Cluster::start().await;
    cluster.until_settled().await;
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "boxes.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"plural": "boxes", "singular": "box", "kind": "Box", "listKind": "BoxList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
    });
    cluster.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd).await;
    let boxes = "/apis/example.com/v1/boxes";
    cluster.until(boxes, |list| list.is_some()).await;
    let root = cluster
        .create(boxes, json!({"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "root"}}))
        .await;
    cluster.map("inside", &[&root]).await;
    let nested = json!({"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "nested", "ownerReferences": [own(&root)]}});
    cluster.create(boxes, nested).await;
    cluster.until_settled().await;
    assert!(cluster.get(&path("inside")).await.is_some());
    cluster.delete(&format!("{boxes}/root"), "Background").await;
    cluster.until_gone(&path("inside")).await;
    cluster.until_gone(&format!("{boxes}/nested")).await;
}
