use super::*;
use crate::object::Object;

fn at(secs: u64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + Duration::from_secs(secs)
}

/// A node as it is after its kubelet registered it.
fn registered() -> Value {
    let spec = NodeSpec::new("n1");
    let mut object = object(&spec, 0);
    object["metadata"]["uid"] = json!("n");
    let patch = report(&spec, 0, "v1", &Node::read(&object).unwrap(), at(0)).unwrap();
    object["status"] = patch["status"].clone();
    object
}

fn read(object: &Value) -> Node {
    Node::read(object).unwrap()
}

#[test]
fn a_node_reports_once() {
    let node = read(&registered());
    assert!(node.ready() && node.pods == 110);
    assert_eq!(report(&NodeSpec::new("n1"), 0, "v1", &node, at(60)), None);
    assert_eq!(lifecycle(&node, None, &Pace::default(), at(60)), Lifecycle::default());
}

#[test]
fn a_silent_node_is_unknown_after_its_grace_and_tainted_until_it_is_back() {
    let mut object = registered();
    let pace = Pace::default();
    let early = lifecycle(&read(&object), Some(at(0)), &pace, at(20));
    assert_eq!((early.status, early.again), (None, Some(Duration::from_secs(30))));
    let late = lifecycle(&read(&object), Some(at(0)), &pace, at(50));
    object["status"]["conditions"] = late.status.unwrap()["status"]["conditions"].clone();
    object["spec"]["taints"] = late.taints.unwrap()["spec"]["taints"].clone();
    assert_eq!(lifecycle(&read(&object), Some(at(0)), &pace, at(60)), Lifecycle::default());
    assert!(!read(&object).ready());
    assert_eq!(read(&object).taints.len(), 2);
    let back = report(&NodeSpec::new("n1"), 0, "v1", &read(&object), at(90)).unwrap();
    object["status"] = back["status"].clone();
    let cleared = lifecycle(&read(&object), None, &pace, at(90)).taints.unwrap();
    assert_eq!(cleared["spec"]["taints"], Value::Null);
}

#[test]
fn pods_leave_when_their_toleration_runs_out() {
    let mut object = registered();
    object["spec"]["taints"] =
        json!([{"key": UNREACHABLE, "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}]);
    let node = read(&object);
    let pod = |tolerations: Value| {
        Pod::read(
            &json!({"metadata": {"name": "p", "uid": "p"}, "spec": {"nodeName": "n1", "tolerations": tolerations}}),
        )
        .unwrap()
    };
    let check = |tolerations: Value, secs: u64, expect: Eviction| {
        assert_eq!(evict(&pod(tolerations), &node, &Pace::default(), at(secs)), expect);
    };
    check(json!([]), 0, Eviction::Later(Duration::from_secs(300)));
    check(json!([]), 300, Eviction::Now);
    check(json!([{"operator": "Exists"}]), 9999, Eviction::Stay);
    check(
        json!([{"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": 5}]),
        4,
        Eviction::Later(Duration::from_secs(1)),
    );
    check(json!([{"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": 5}]), 5, Eviction::Now);
}
