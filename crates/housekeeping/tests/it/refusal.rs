//! What a role or an admission webhook refuses is tried again: nothing says when that has changed.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::sleep;

use crate::support::{Cluster, path};

const SPACES: &str = "/api/v1/namespaces";

#[tokio::test(start_paused = true)]
async fn a_dependent_whose_deletion_was_refused_goes_when_it_is_no_longer() {
    let cluster = Cluster::start().await;
    let root = cluster.map("root", &[]).await;
    cluster.map("child", &[&root]).await;
    cluster.refusal.begin(|method, path| method == Method::DELETE && path.ends_with("/child"));
    cluster.delete(&path("root"), "Background").await;
    // time: longer than the longest back-off, so that it has been refused more than once.
    sleep(Duration::from_secs(90)).await;
    assert!(cluster.get(&path("child")).await.is_some(), "its deletion is refused");
    cluster.refusal.end();
    cluster.until_gone(&path("child")).await;
    cluster.until_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_listed_is_said_in_the_namespace_until_it_may() {
    let cluster = Cluster::start().await;
    cluster.create(SPACES, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})).await;
    cluster.refusal.begin(|method, path| method == Method::GET && path.ends_with("/shop/secrets"));
    cluster.delete(&format!("{SPACES}/shop"), "Background").await;
    let stuck =
        cluster.until(&format!("{SPACES}/shop"), |o| o.is_some_and(|o| o["status"]["conditions"].is_array())).await;
    let stuck = stuck.unwrap();
    let conditions = stuck["status"]["conditions"].as_array().unwrap();
    let failure = conditions.iter().find(|c| c["type"] == "NamespaceDeletionContentFailure").unwrap();
    assert_eq!(failure["status"], "True");
    assert_eq!(failure["message"], "Failed to delete all resource types, secrets: somebody refuses it");
    cluster.until_settled().await;
    cluster.refusal.end();
    cluster.until_gone(&format!("{SPACES}/shop")).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_deletion_is_refused_keeps_no_other() {
    let cluster = Cluster::start().await;
    let events = "/api/v1/namespaces/default/events";
    let event = |name: &str, last: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "default"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "default"},
            "reason": "Started", "message": "m", "type": "Normal", "lastTimestamp": last, "firstTimestamp": last})
    };
    cluster.refusal.begin(|method, path| method == Method::DELETE && path.contains("/stuck-"));
    // As many as are deleted at the same time, and older than the other.
    for n in 0..8 {
        cluster.create(events, event(&format!("stuck-{n}"), "2020-01-01T00:00:00Z")).await;
    }
    cluster.create(events, event("free", "2020-01-02T00:00:00Z")).await;
    // time: they are kept for this long, and looked at now and then.
    sleep(housekeeping::expiry::EVENT_TTL + housekeeping::expiry::LOOK_EVERY).await;
    cluster.until_gone(&format!("{events}/free")).await;
    assert!(cluster.get(&format!("{events}/stuck-0")).await.is_some(), "its deletion is refused");
}
