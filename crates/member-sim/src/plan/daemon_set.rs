//! A DaemonSet: one pod on each node that takes it.
//!
//! Follows `pkg/controller/daemon`. The pods are bound by the scheduler, which their affinity leaves one node. Not here:
//! ControllerRevisions, `maxSurge`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::Timestamp;
use serde_json::{Value, json};

use super::{count, pod_from, pod_names, replica_set, schedule, template_hash};
use crate::object::{DaemonSet, Node, Object, Pod};
use crate::plan::replica_set::Plan;

/// Label with the revision of a pod.
const REVISION: &str = "controller-revision-hash";

/// Taints that every daemon pod tolerates (`pkg/controller/daemon/util`).
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// The node that a pod is on, or is meant for.
fn home(pod: &Pod) -> Option<String> {
    if !pod.node.is_empty() {
        return Some(pod.node.clone());
    }
    let name = pod.node_affinity.as_ref()?.pointer("/nodeSelectorTerms/0/matchFields/0/values/0")?;
    name.as_str().map(str::to_owned)
}

fn make_pod(set: &DaemonSet, name: &str, node: &str) -> Value {
    let mut pod = pod_from(&set.template, &set.meta.namespace, name, set.meta.own("apps/v1", "DaemonSet"));
    *model::object::slot(&mut pod, &["metadata", "labels", REVISION]) = json!(template_hash(&set.template, 0));
    let tolerations = model::object::slot(&mut pod, &["spec", "tolerations"]);
    let mut list = tolerations.as_array().cloned().unwrap_or_default();
    list.extend(TOLERATED.iter().map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect})));
    *tolerations = Value::Array(list);
    let terms = model::object::slot(
        &mut pod,
        &["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"],
    );
    let mut list = terms.as_array().cloned().unwrap_or_default();
    if list.is_empty() {
        list.push(json!({}));
    }
    for term in &mut list {
        term["matchFields"] = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
    }
    *terms = Value::Array(list);
    pod
}

/// Decides. `pods` are those that the DaemonSet controls, `nodes` all nodes.
pub fn plan(set: &DaemonSet, pods: &[Arc<Pod>], nodes: &[Arc<Node>], now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut homes: BTreeMap<String, Vec<&Pod>> = BTreeMap::new();
    for pod in pods {
        homes.entry(home(pod).unwrap_or_default()).or_default().push(pod);
    }
    let takes = |node: &Node| {
        let mut trial = make_pod(set, "trial", &node.meta.name);
        trial["metadata"]["uid"] = json!("trial");
        Pod::read(&trial).is_some_and(|pod| schedule::admits(&pod, node))
    };
    let eligible: BTreeSet<&str> =
        nodes.iter().filter(|node| takes(node)).map(|node| node.meta.name.as_str()).collect();
    let hash = template_hash(&set.template, 0);
    let is_new = |pod: &Pod| pod.meta.labels.get(REVISION) == Some(&hash);
    if !set.meta.deleting() {
        act(&mut plan, set, &homes, &eligible, &is_new, now);
    }
    let all: Vec<&Pod> = pods.iter().map(AsRef::as_ref).collect();
    plan.again = replica_set::next_available(&all, set.min_ready_secs, now);
    let on = |test: &dyn Fn(&Pod) -> bool| {
        let hit = |node: &&&str| homes.get(**node).is_some_and(|pods| pods.iter().any(|pod| pod.active() && test(pod)));
        i64::try_from(eligible.iter().filter(hit).count()).unwrap_or(i64::MAX)
    };
    let desired = i64::try_from(eligible.len()).unwrap_or(i64::MAX);
    let available = on(&|pod| pod.available(set.min_ready_secs, now));
    let astray =
        homes.iter().filter(|(node, pods)| !eligible.contains(node.as_str()) && pods.iter().any(|p| p.active()));
    let status = json!({
        "observedGeneration": count(set.meta.generation),
        "desiredNumberScheduled": desired,
        "currentNumberScheduled": on(&|_| true),
        "numberMisscheduled": astray.count(),
        "numberReady": on(&Pod::ready),
        "numberAvailable": count(available),
        "numberUnavailable": count(desired - available),
        "updatedNumberScheduled": count(on(&is_new)),
    });
    let old = |field: &str| set.status.get(field).cloned().unwrap_or_default();
    if status.as_object().is_some_and(|fields| fields.iter().any(|(field, value)| old(field) != *value)) {
        plan.status = Some(json!({"metadata": {"uid": &*set.meta.uid}, "status": status}));
    }
    plan
}

fn act(
    plan: &mut Plan,
    set: &DaemonSet,
    homes: &BTreeMap<String, Vec<&Pod>>,
    eligible: &BTreeSet<&str>,
    is_new: &dyn Fn(&Pod) -> bool,
    now: Timestamp,
) {
    let gone = |pod: &Pod| (pod.meta.name.clone(), pod.meta.uid.to_string());
    let mut bare = Vec::new();
    for node in eligible {
        let pods = homes.get(*node).map(Vec::as_slice).unwrap_or_default();
        let active: Vec<&&Pod> = pods.iter().filter(|pod| pod.active()).collect();
        // Failed pods make room for another try; of two, the older stays.
        plan.delete.extend(pods.iter().filter(|pod| pod.finished() && !pod.meta.deleting()).map(|pod| gone(pod)));
        plan.delete.extend(active.iter().skip(1).map(|pod| gone(pod)));
        if active.is_empty() && !pods.iter().any(|pod| pod.meta.deleting()) {
            bare.push(*node);
        }
    }
    for (node, pods) in homes {
        if !eligible.contains(node.as_str()) {
            plan.delete.extend(pods.iter().filter(|pod| pod.active()).map(|pod| gone(pod)));
        }
    }
    let taken: BTreeSet<&str> = homes.values().flatten().map(|pod| pod.meta.name.as_str()).collect();
    let names = pod_names(&set.meta, &taken, bare.len(), now);
    plan.create.extend(names.iter().zip(&bare).map(|(name, node)| make_pod(set, name, node)));
    if set.on_delete {
        return;
    }
    let total = i64::try_from(eligible.len()).unwrap_or(i64::MAX);
    let allowed = set.unavailable.up(total).max(1);
    let fine = |node: &&str| {
        homes.get(*node).is_some_and(|pods| pods.iter().any(|p| p.active() && p.available(set.min_ready_secs, now)))
    };
    let mut spare = allowed - i64::try_from(eligible.iter().filter(|node| !fine(node)).count()).unwrap_or_default();
    for node in eligible {
        let old = homes.get(*node).into_iter().flatten().find(|pod| pod.active() && !is_new(pod));
        let Some(pod) = old else { continue };
        // One that is not available costs nothing.
        if fine(node) {
            if spare <= 0 {
                continue;
            }
            spare -= 1;
        }
        plan.delete.push(gone(pod));
    }
    plan.delete.sort();
    plan.delete.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Arc<Node> {
        Arc::new(
            Node::read(&json!({"metadata": {"name": name, "uid": name}, "status": {"allocatable": {"pods": "9"}}}))
                .unwrap(),
        )
    }

    fn set(image: &str) -> DaemonSet {
        DaemonSet::read(&json!({
            "metadata": {"name": "log", "namespace": "a", "uid": "s", "generation": 1},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        }))
        .unwrap()
    }

    fn pods_of(plan: Plan, pods: &mut Vec<Arc<Pod>>, ready: bool) {
        pods.retain(|pod| !plan.delete.iter().any(|(name, _)| *name == pod.meta.name));
        for mut pod in plan.create {
            pod["metadata"]["uid"] = pod["metadata"]["name"].clone();
            let status = if ready { "True" } else { "False" };
            pod["status"] = json!({"phase": "Running", "conditions": [
                {"type": "Ready", "status": status, "lastTransitionTime": "1970-01-01T00:00:00Z"}]});
            pods.push(Arc::new(Pod::read(&pod).unwrap()));
        }
    }

    #[test]
    fn each_node_gets_one_and_old_ones_go_one_by_one() {
        let nodes = [node("n1"), node("n2"), node("n3")];
        let mut pods = Vec::new();
        let now = Timestamp::UNIX_EPOCH;
        pods_of(plan(&set("a:1"), &pods, &nodes, now), &mut pods, true);
        assert_eq!(pods.len(), 3);
        let quiet = plan(&set("a:1"), &pods, &nodes, now);
        assert!(quiet.create.is_empty() && quiet.delete.is_empty());
        for _ in 0..3 {
            let step = plan(&set("a:2"), &pods, &nodes, now);
            assert_eq!((step.delete.len(), step.create.len()), (1, 0));
            pods_of(step, &mut pods, true);
            pods_of(plan(&set("a:2"), &pods, &nodes, now), &mut pods, true);
        }
        assert!(plan(&set("a:2"), &pods, &nodes, now).delete.is_empty());
        let fewer = plan(&set("a:2"), &pods, &nodes[..2], now);
        assert_eq!(fewer.delete.len(), 1, "a node that went takes its pod along");
    }
}
