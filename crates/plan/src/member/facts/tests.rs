//! What is kept of a member that says too much.

use serde_json::{Map, json};

use super::*;

fn counted(nodes: &[Value], pods: &[Value]) -> Facts {
    let (mut census, mut facts) = (Census::default(), Facts::default());
    nodes.iter().for_each(|node| census.node(node));
    pods.iter().for_each(|pod| census.pod(pod));
    census.into_facts(&mut facts);
    facts
}

fn node(region: Option<&str>, allocatable: Value) -> Value {
    let labels = region.map(|region| json!({"topology.kubernetes.io/region": region}));
    json!({"metadata": {"labels": labels}, "status": {"allocatable": allocatable,
        "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn pod(node: &str, requests: Value) -> Value {
    json!({"spec": {"nodeName": node, "containers": [{"resources": {"requests": requests}}]}})
}

#[test]
fn sums_are_by_name_and_pods_without_a_node_are_apart() {
    let nodes = [node(None, json!({"cpu": "4", "nvidia.com/gpu": "1"})), node(None, json!({"cpu": "500m"}))];
    let pods = [pod("n", json!({"cpu": "1"})), pod("n", json!({"cpu": "1"})), pod("", json!({"memory": "1Gi"}))];
    let facts = counted(&nodes, &pods);
    let ResourceSummary { allocatable, allocating, allocated, .. } = facts.resources.unwrap();
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, amount)| ((*name).to_owned(), (*amount).to_owned())).collect()
    };
    assert_eq!(allocatable, map(&[("cpu", "4500m"), ("nvidia.com/gpu", "1")]));
    assert_eq!((allocated, allocating), (map(&[("cpu", "2")]), map(&[("memory", "1Gi")])));
    assert_eq!((facts.nodes.unwrap(), facts.left_out), (NodeSummary { total_num: 2, ready_num: 2 }, 0));
}

#[test]
fn only_well_formed_names_are_kept_and_not_too_many_of_them() {
    let many: Map<String, Value> = (0..40_000).map(|n| (format!("x{n:05}"), json!("1"))).collect();
    let long = "y".repeat(30_000);
    for (resources, kept, left_out) in [
        (json!({"cpu": "1", long.as_str(): "1"}), 1, 1),
        (json!({"cpu\u{1b}[2J": "1", "example.com/x": "1"}), 1, 1),
        (json!({"": "1", "/x": "1", "x/": "1", "a/b/c": "1"}), 0, 4),
        // No amount: it is not a resource.
        (json!({"cpu": 1, "memory": "a lot"}), 0, 0),
        (Value::Object(many), RESOURCES_MAX, 40_000 - RESOURCES_MAX as u64),
    ] {
        let facts = counted(&[node(None, resources.clone())], &[pod("n", resources.clone()), pod("", resources)]);
        let ResourceSummary { allocatable, allocating, allocated, .. } = facts.resources.unwrap();
        assert_eq!([allocatable.len(), allocating.len(), allocated.len()], [kept; 3]);
        assert_eq!(facts.left_out, 3 * left_out);
    }
}

#[test]
fn what_is_kept_grows_neither_with_nodes_nor_with_pods() {
    let odd = |n: usize| json!({format!("x{n}-{}", "y".repeat(50)): "1"});
    let nodes: Vec<Value> = (0..2_000).map(|n| node(Some(&format!("r{n}")), odd(n))).collect();
    let pods: Vec<Value> = (0..2_000).map(|n| pod("n", odd(n))).collect();
    let facts = counted(&nodes, &pods);
    let ResourceSummary { allocatable, allocated, .. } = facts.resources.unwrap();
    assert_eq!((allocatable.len(), allocated.len()), (RESOURCES_MAX, RESOURCES_MAX));
    assert_eq!((facts.region, facts.left_out), (None, 2 * (2_000 - RESOURCES_MAX as u64)));
}

#[test]
fn pods_that_are_too_many_leave_nothing() {
    let (mut census, mut facts) = (Census::default(), Facts::default());
    census.pod(&pod("n", json!({"cpu": "1", "": "1"})));
    census.forget_pods();
    census.into_facts(&mut facts);
    assert_eq!((facts.resources.unwrap().allocated.len(), facts.left_out), (0, 0));
}

#[test]
fn a_region_is_that_of_all_nodes_and_a_label_value() {
    let long = "z".repeat(64);
    for (regions, shared) in [
        (&[][..], None),
        (&[Some("north")], Some("north")),
        (&[Some("north"), Some("north")], Some("north")),
        (&[Some("north"), Some("south"), Some("north")], None),
        (&[Some("north"), None], None),
        (&[None, Some("north")], None),
        (&[Some(long.as_str())], None),
        (&[Some("r\u{1b}[2J")], None),
        (&[Some("")], None),
    ] {
        let nodes: Vec<Value> = regions.iter().map(|region| node(*region, json!({}))).collect();
        assert_eq!(counted(&nodes, &[]).region.as_deref(), shared, "{regions:?}");
    }
}

#[test]
fn an_identity_and_a_version_are_short_plain_words() {
    let (long, longest) = ("u".repeat(UID_MAX + 1), "u".repeat(UID_MAX));
    for (uid, kept) in [
        ("7f9c5f6e-2b1d-4a3e-9d7b-0c1f2e3d4a5b", true),
        (longest.as_str(), true),
        (long.as_str(), false),
        ("", false),
        ("u\u{202e}1", false),
        ("a b", false),
    ] {
        let system = json!({"metadata": {"name": "kube-system", "uid": uid}});
        assert_eq!(uid_of(&system).as_deref(), kept.then_some(uid), "{uid:?}");
    }
    assert_eq!(uid_of(&json!({"metadata": {"name": "kube-system"}})), None);
    let endless = format!("v1.{}", "3".repeat(100));
    for (said, kept) in [
        ("v1.33.1-eks-595af52", Some("v1.33.1-eks-595af52")),
        ("v1.33.1+k3s1", Some("v1.33.1+k3s1")),
        ("v1.37.1\u{1b}]0;owned\u{7}", Some("v1.37.1")),
        (endless.as_str(), Some(&endless[..VERSION_MAX])),
        ("\u{1b}[2J", None),
        ("", None),
    ] {
        assert_eq!(version_of(&json!({"gitVersion": said})).as_deref(), kept, "{said:?}");
    }
}
