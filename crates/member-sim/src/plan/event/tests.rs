use serde_json::{Value, json};

use super::*;
use crate::object::Object as _;

fn pod_of(extra: Value) -> Pod {
    let mut value = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "web", "image": "example/web:1"}]},
    });
    for (field, part) in extra.as_object().unwrap() {
        let at = value[field].as_object_mut();
        match at {
            Some(at) => at.extend(part.as_object().unwrap().clone()),
            None => value[field] = part.clone(),
        }
    }
    Pod::read(&value).unwrap()
}

/// `component reason: message`.
fn words(said: Vec<Said>) -> Vec<String> {
    let one = |s: Said| format!("{}{} {}: {}", if s.warns { "! " } else { "" }, s.component, s.reason, s.message);
    said.into_iter().map(one).collect()
}

#[test]
fn a_pod_is_said_to_be_made_placed_started_and_stopped() {
    let fresh = pod_of(json!({}));
    let bound = Pod { node: "n1".into(), progress: Progress::Bound, ..fresh.clone() };
    let ready = Pod { progress: Progress::Ready, ..bound.clone() };
    let crashed = |restarts| Pod {
        progress: Progress::Crashed { restarts },
        containers: vec![crate::object::Container { image: "example/fail:1".into(), ..ready.containers[0].clone() }],
        ..ready.clone()
    };
    let going = {
        let mut pod = ready.clone();
        pod.meta.deletion = Some("2026-01-01T00:01:00Z".parse().unwrap());
        pod
    };
    let refused = pod_of(json!({"status": {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"},
    ]}}));
    let set = fresh.meta.clone();
    let owner = Owner { api_version: "apps/v1", kind: "ReplicaSet", component: "replicaset-controller", meta: &set };
    let stateful = Owner { kind: "StatefulSet", component: "statefulset-controller", ..owner };
    let started = [
        "kubelet Pulled: Container image \"example/web:1\" already present on machine",
        "kubelet Created: Container created: web",
        "kubelet Started: Container started: web",
    ];
    for (old, new, owner, expect) in [
        (None, Some(&fresh), Some(&owner), vec!["replicaset-controller SuccessfulCreate: Created pod: web-1"]),
        (
            None,
            Some(&fresh),
            Some(&stateful),
            vec!["statefulset-controller SuccessfulCreate: create Pod web-1 in StatefulSet web-1 successful"],
        ),
        (None, Some(&fresh), None, vec![]),
        (
            Some(&fresh),
            Some(&bound),
            Some(&owner),
            vec!["default-scheduler Scheduled: Successfully assigned shop/web-1 to n1"],
        ),
        (Some(&fresh), Some(&refused), None, vec!["! default-scheduler FailedScheduling: 0/1 nodes are available"]),
        (Some(&refused), Some(&refused), None, vec![]),
        (Some(&bound), Some(&ready), None, started.to_vec()),
        (Some(&ready), Some(&ready), None, vec![]),
        (
            Some(&ready),
            Some(&crashed(1)),
            None,
            vec!["! kubelet BackOff: Back-off restarting failed container web in pod web-1_shop(u)"],
        ),
        (Some(&crashed(1)), Some(&crashed(1)), None, vec![]),
        (
            Some(&ready),
            Some(&going),
            Some(&owner),
            vec![
                "kubelet Killing: Stopping container web",
                "replicaset-controller SuccessfulDelete: Deleted pod: web-1",
            ],
        ),
        (Some(&going), None, Some(&owner), vec![]),
        (Some(&bound), None, Some(&owner), vec!["replicaset-controller SuccessfulDelete: Deleted pod: web-1"]),
    ] {
        assert_eq!(words(pod(old, new, owner)), expect);
    }
}

#[test]
fn a_deployment_says_how_it_scales() {
    let set = |replicas: i64| {
        let value = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web-abc", "namespace": "shop", "uid": "s", "resourceVersion": "1",
                "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": {}}});
        ReplicaSet::read(&value).unwrap()
    };
    let meta = set(0).meta;
    let owner = Owner { api_version: "apps/v1", kind: "Deployment", component: "deployment-controller", meta: &meta };
    for (old, new, expect) in [
        (None, 2, vec!["deployment-controller ScalingReplicaSet: Scaled up replica set web-abc from 0 to 2"]),
        (Some(2), 2, vec![]),
        (Some(2), 0, vec!["deployment-controller ScalingReplicaSet: Scaled down replica set web-abc from 2 to 0"]),
    ] {
        assert_eq!(words(replica_set(old.map(set).as_ref(), Some(&set(new)), Some(&owner))), expect);
    }
    assert_eq!(replica_set(None, Some(&set(2)), None), []);
}
