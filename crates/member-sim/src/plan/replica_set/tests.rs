use serde_json::json;

use super::*;
use crate::object::Object;

fn set(replicas: i64) -> ReplicaSet {
    ReplicaSet::read(&json!({
        "metadata": {"name": "web", "namespace": "a", "uid": "s", "generation": 1, "resourceVersion": "1"},
        "spec": {"replicas": replicas, "minReadySeconds": 5, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {}}},
    }))
    .unwrap()
}

fn pod(name: &str, change: impl FnOnce(&mut Value)) -> Arc<Pod> {
    let mut object = json!({
        "metadata": {"name": name, "namespace": "a", "uid": name, "labels": {"app": "web"}, "resourceVersion": "1"},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]},
    });
    change(&mut object);
    Arc::new(Pod::read(&object).unwrap())
}

fn at(secs: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + std::time::Duration::from_secs(secs.unsigned_abs())
}

#[test]
fn missing_pods_are_made_with_names_of_their_own() {
    let plan = plan(&set(3), &[pod("web-aaaaa", |_| {})], at(60));
    let names: BTreeSet<&str> = plan.create.iter().map(|p| p["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(plan.create[0]["metadata"]["ownerReferences"][0]["uid"], "s");
    assert_eq!(plan.create[0]["metadata"]["labels"]["app"], "web");
}

#[test]
fn pods_on_their_way_out_and_finished_ones_are_replaced() {
    let leaving = pod("a", |p| p["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    let failed = pod("b", |p| p["status"]["phase"] = json!("Failed"));
    let plan = plan(&set(1), &[leaving, failed], at(60));
    assert_eq!(plan.create.len(), 1);
    assert_eq!(plan.status.unwrap()["status"]["terminatingReplicas"], 1);
}

#[test]
fn the_least_useful_pod_goes_first() {
    let pods = [
        pod("ready", |_| {}),
        pod("cheap", |p| p["metadata"]["annotations"] = json!({"controller.kubernetes.io/pod-deletion-cost": "-1"})),
        pod("unready", |p| p["status"]["conditions"][0]["status"] = json!("False")),
        pod("pending", |p| p["status"]["phase"] = json!("Pending")),
        pod("unbound", |p| p["spec"] = json!({})),
    ];
    let order = victims(&pods.iter().map(AsRef::as_ref).collect::<Vec<_>>(), 5);
    let order: Vec<&str> = order.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(order, ["unbound", "pending", "unready", "cheap", "ready"]);
}

#[test]
fn a_pod_becomes_available_by_waiting() {
    let ready = [pod("a", |_| {})];
    let early = plan(&set(1), &ready, at(2));
    assert_eq!(early.again, Some(Duration::from_secs(3)));
    assert_eq!(early.status.unwrap()["status"]["availableReplicas"], Value::Null);
    let late = plan(&set(1), &ready, at(5));
    assert_eq!((late.again, late.status.unwrap()["status"]["availableReplicas"].clone()), (None, json!(1)));
}
