//! Evictions, and the budgets that refuse them.

use serde_json::{Value, json};

use crate::lab::{DEPLOYMENTS, Lab, PODS};

const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";

fn eviction(pod: &str) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "default"}})
}

#[tokio::test(start_paused = true)]
async fn an_eviction_waits_for_the_budget() {
    let lab = Lab::start().await;
    lab.deploy("web", 2, "nginx:1").await;
    lab.until_available("web", 2).await;
    let budget = json!({"metadata": {"name": "b"}, "spec": {
        "minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}});
    lab.create(BUDGETS, budget).await;
    let path = format!("{BUDGETS}/b");
    let ready =
        lab.until(&path, |b| b["status"]["observedGeneration"] == 1 && b["status"]["currentHealthy"] == 2).await;
    assert_eq!((&ready["status"]["disruptionsAllowed"], &ready["status"]["expectedPods"]), (&json!(0), &json!(2)));
    let first = lab.pods().await[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let evict = async || lab.api.create(&format!("{PODS}/{first}/eviction"), &eviction(&first)).await;
    let refused = evict().await.unwrap_err();
    assert_eq!(refused.code(), Some(429), "{refused}");

    lab.api.merge(&path, &json!({"spec": {"minAvailable": 1}})).await.unwrap();
    lab.until(&path, |b| b["status"]["disruptionsAllowed"] == 1 && b["status"]["observedGeneration"] == 2).await;
    evict().await.unwrap();
    lab.until_gone(&format!("{PODS}/{first}")).await;
    lab.until_available("web", 2).await;
    // It is replaced, and the budget counts as before.
    let back = lab.until(&path, |b| b["status"]["disruptionsAllowed"] == 1 && b["status"]["currentHealthy"] == 2).await;
    assert!(back["status"]["disruptedPods"].as_object().is_none_or(serde_json::Map::is_empty), "{back}");
    lab.api.merge(&format!("{DEPLOYMENTS}/web/scale"), &json!({"spec": {"replicas": 1}})).await.unwrap();
    let condition = |b: &Value| b["status"]["conditions"][0]["reason"] == "InsufficientPods";
    lab.until(&path, |b| b["status"]["disruptionsAllowed"] == 0 && condition(b)).await;
    lab.until_settled(std::time::Duration::from_secs(150)).await;
}
