//! Workloads take what their selectors select, and let go what they no longer do.

use serde_json::{Value, json};

use crate::lab::{DEPLOYMENTS, Lab, PODS, deployment};

const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";

fn controller(object: &Value) -> Option<&str> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)?["name"].as_str()
}

fn set(name: &str, replicas: i64, image: &str) -> Value {
    let mut set = deployment(name, replicas, image);
    set["kind"] = json!("ReplicaSet");
    set
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_adopts_a_pod_that_fits_and_releases_it_when_it_does_not() {
    let lab = Lab::start().await;
    let mut pod = deployment("web", 1, "nginx:1")["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("first");
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "no-uid", "controller": false}]);
    lab.create("/api/v1/namespaces/default/configmaps", json!({"metadata": {"name": "other"}})).await;
    let other = lab.get("/api/v1/namespaces/default/configmaps/other").await;
    pod["metadata"]["ownerReferences"][0]["uid"] = other["metadata"]["uid"].clone();
    lab.create(PODS, pod).await;
    lab.create(SETS, set("web", 1, "nginx:1")).await;
    let first = format!("{PODS}/first");
    let adopted = lab.until(&first, |pod| controller(pod) == Some("web")).await;
    assert_eq!(adopted["metadata"]["ownerReferences"].as_array().map(Vec::len), Some(2), "the other owner stays");
    lab.until(&format!("{SETS}/web"), |set| set["status"]["readyReplicas"] == 1).await;
    assert_eq!(lab.pods().await.len(), 1, "none is made beside it");

    lab.api.merge(&first, &json!({"metadata": {"labels": {"app": "debug"}}})).await.unwrap();
    let released = lab.until(&first, |pod| controller(pod).is_none()).await;
    assert_eq!(released["metadata"]["ownerReferences"].as_array().map(Vec::len), Some(1));
    lab.until(PODS, |list| list["items"].as_array().is_some_and(|pods| pods.len() == 2)).await;
    lab.until_settled(std::time::Duration::from_secs(120)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_adopts_a_replica_set_and_replaces_its_pods() {
    let lab = Lab::start().await;
    let mut old = set("old", 2, "nginx:1");
    old["spec"]["selector"]["matchLabels"] = json!({"app": "web"});
    old["spec"]["template"]["metadata"]["labels"] = json!({"app": "web"});
    old["metadata"]["labels"] = json!({"app": "web"});
    lab.create(SETS, old).await;
    lab.until(&format!("{SETS}/old"), |set| set["status"]["readyReplicas"] == 2).await;
    lab.create(DEPLOYMENTS, deployment("web", 2, "nginx:2")).await;
    lab.until(&format!("{SETS}/old"), |set| controller(set) == Some("web")).await;
    lab.until_available("web", 2).await;
    let gone = |list: &Value| {
        let pods = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        pods.len() == 2 && pods.iter().all(|pod| pod["spec"]["containers"][0]["image"] == "nginx:2")
    };
    lab.until(PODS, gone).await;
    lab.until_settled(std::time::Duration::from_secs(120)).await;
}
