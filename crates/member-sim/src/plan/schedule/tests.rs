use serde_json::json;

use super::*;
use crate::object::Object;

fn node(name: &str, cpu: &str, change: impl FnOnce(&mut Value)) -> Arc<Node> {
    let mut object = json!({
        "metadata": {"name": name, "uid": name, "labels": {"disk": "ssd", "kubernetes.io/hostname": name}},
        "status": {"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "3"}},
    });
    change(&mut object);
    Arc::new(Node::read(&object).unwrap())
}

fn pod(name: &str, spec: Value) -> Arc<Pod> {
    Arc::new(Pod::read(&json!({"metadata": {"name": name, "namespace": "a", "uid": name}, "spec": spec})).unwrap())
}

fn requesting_cpu(cpu: &str) -> Value {
    json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]})
}

fn check(nodes: &[Arc<Node>], pods: &[Arc<Pod>], expect: &[&str]) {
    let results = plan(nodes, pods);
    let shown: Vec<String> = results
        .into_iter()
        .map(|(pod, result)| match result {
            Scheduling::Bind(node) => format!("{} -> {node}", pod.meta.name),
            Scheduling::Unschedulable(why) => format!("{}: {why}", pod.meta.name),
        })
        .collect();
    assert_eq!(shown, expect);
}

#[test]
fn pods_spread_and_do_not_get_what_another_took() {
    let nodes = [node("n1", "1", |_| {}), node("n2", "1", |_| {})];
    let full = "c: 0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are \
                available: 2 No preemption victims found for incoming pod.";
    check(
        &nodes,
        &[pod("a", requesting_cpu("600m")), pod("b", requesting_cpu("600m")), pod("c", requesting_cpu("600m"))],
        &["a -> n1", "b -> n2", full],
    );
}

#[test]
fn what_never_fits_is_not_helped_by_preemption() {
    let why = "a: 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are \
               available: 1 Preemption is not helpful for scheduling.";
    check(&[node("n1", "1", |_| {})], &[pod("a", requesting_cpu("2"))], &[why]);
    check(&[], &[pod("a", requesting_cpu("2"))], &["a: no nodes available to schedule pods"]);
}

#[test]
fn selectors_affinity_taints_and_cordons_are_honoured() {
    let nodes = [
        node("n1", "1", |n| n["spec"] = json!({"unschedulable": true})),
        node("n2", "1", |n| n["spec"] = json!({"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]})),
        node("n3", "1", |n| n["metadata"]["labels"]["disk"] = json!("hdd")),
    ];
    let all = "a: 0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated \
               taint(s), 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/3 nodes are available: 3 \
               Preemption is not helpful for scheduling.";
    check(&nodes, &[pod("a", json!({"nodeSelector": {"disk": "ssd"}}))], &[all]);
    let tolerant =
        json!({"tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes"}], "nodeSelector": {"disk": "ssd"}});
    check(&nodes, &[pod("b", tolerant)], &["b -> n2"]);
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "NotIn", "values": ["ssd"]}]}],
    }}}});
    check(&nodes, &[pod("c", affinity)], &["c -> n3"]);
}

#[test]
fn finished_pods_take_no_room_and_priority_goes_first() {
    let done = Arc::new(
        Pod::read(&json!({"metadata": {"name": "done", "namespace": "a", "uid": "done"},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
            "status": {"phase": "Succeeded"}}))
        .unwrap(),
    );
    let mut urgent = requesting_cpu("1");
    urgent["priority"] = json!(10);
    let results = plan(&[node("n1", "1", |_| {})], &[done, pod("a", requesting_cpu("1")), pod("b", urgent)]);
    assert_eq!(results[0].0.meta.name, "b");
    assert_eq!(results[0].1, Scheduling::Bind("n1".to_owned()));
    assert!(matches!(results[1].1, Scheduling::Unschedulable(_)));
}

#[test]
fn more_pods_than_a_node_takes_stay_out() {
    let nodes = [node("n1", "8", |_| {})];
    let pods: Vec<_> = ["a", "b", "c", "d"].iter().map(|n| pod(n, requesting_cpu("1m"))).collect();
    let results = plan(&nodes, &pods);
    let Scheduling::Unschedulable(why) = &results[3].1 else { panic!("it fits") };
    assert!(why.starts_with("0/1 nodes are available: 1 Too many pods."), "{why}");
}
