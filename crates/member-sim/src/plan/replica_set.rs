//! A ReplicaSet: which pods are to be made or deleted, and what the status says.
//!
//! Follows `pkg/controller/replicaset/replica_set.go`; which pods go first is `ActivePodsWithRanks` in
//! `pkg/controller/controller_utils.go`; which pods are its own is [`super::claim`].

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use serde_json::{Value, json};

use super::{count, pod_from, pod_names};
use crate::object::{Meta, Phase, Pod, ReplicaSet, SetStatus};

/// Most pods made or deleted in one pass: kube-controller-manager's burst.
const BURST: usize = 500;

/// What a pass wants written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Pods to create.
    pub create: Vec<Value>,
    /// Pods to delete: name and UID.
    pub delete: Vec<(String, String)>,
    /// A merge patch of the status.
    pub status: Option<Value>,
    /// Look again then: a pod becomes available by waiting.
    pub again: Option<Duration>,
}

/// Decides. `pods` are those that the ReplicaSet controls.
pub fn plan(set: &ReplicaSet, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let active: Vec<&Pod> = pods.iter().map(AsRef::as_ref).filter(|pod| pod.active()).collect();
    let wanted = usize::try_from(set.replicas).unwrap_or_default();
    if !set.meta.deleting() {
        if active.len() < wanted {
            let taken: BTreeSet<&str> = pods.iter().map(|pod| pod.meta.name.as_str()).collect();
            let names = pod_names(&set.meta, &taken, (wanted - active.len()).min(BURST), now);
            let make = |name: &String| {
                pod_from(&set.template, &set.meta.namespace, name, set.meta.own("apps/v1", "ReplicaSet"))
            };
            plan.create = names.iter().map(make).collect();
        } else {
            plan.delete = victims(&active, active.len() - wanted);
        }
    }
    plan.again = next_available(&active, set.min_ready_secs, now);
    let template_labels = model::object::string_map(set.template.pointer("/metadata/labels"));
    let labeled = |pod: &&&Pod| template_labels.iter().all(|(key, value)| pod.meta.labels.get(key) == Some(value));
    let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let status = SetStatus {
        observed_generation: set.meta.generation,
        replicas: size(active.len()),
        labeled: size(active.iter().filter(labeled).count()),
        ready: size(active.iter().filter(|pod| pod.ready()).count()),
        available: size(active.iter().filter(|pod| pod.available(set.min_ready_secs, now)).count()),
        terminating: size(pods.iter().filter(|pod| pod.meta.deleting() && !pod.finished()).count()),
    };
    if status != set.status {
        plan.status = Some(json!({"metadata": {"uid": &*set.meta.uid}, "status": render(&status)}));
    }
    plan
}

/// When the next ready pod will have been ready for long enough.
pub(super) fn next_available(pods: &[&Pod], min_ready_secs: i64, now: Timestamp) -> Option<Duration> {
    let waiting = pods.iter().filter(|pod| pod.ready() && !pod.available(min_ready_secs, now));
    let left = |pod: &&Pod| min_ready_secs - (now.as_second() - pod.ready_since().unwrap_or(now).as_second());
    let soonest = waiting.map(left).min()?;
    Some(Duration::from_secs(u64::try_from(soonest.max(1)).unwrap_or(1)))
}

/// The pods that matter least, in the order in which they go.
pub(super) fn victims(active: &[&Pod], surplus: usize) -> Vec<(String, String)> {
    let mut neighbours: HashMap<&str, usize> = HashMap::new();
    for pod in active {
        *neighbours.entry(pod.node.as_str()).or_default() += 1;
    }
    let cost = |meta: &Meta| {
        let text = meta.annotations.get("controller.kubernetes.io/pod-deletion-cost");
        text.and_then(|cost| cost.parse::<i64>().ok()).unwrap_or_default()
    };
    let mut order: Vec<&Pod> = active.to_vec();
    order.sort_by_key(|pod| {
        let phase = match pod.phase {
            Phase::Pending => 0,
            Phase::Unknown => 1,
            _ => 2,
        };
        (
            !pod.node.is_empty(),
            phase,
            pod.ready(),
            cost(&pod.meta),
            Reverse(neighbours.get(pod.node.as_str()).copied().unwrap_or_default()),
            Reverse(pod.ready_since()),
            Reverse(pod.restarts),
            Reverse(pod.meta.created),
            pod.meta.name.clone(),
        )
    });
    order.into_iter().take(surplus.min(BURST)).map(|pod| (pod.meta.name.clone(), pod.meta.uid.to_string())).collect()
}

fn render(status: &SetStatus) -> Value {
    json!({
        "observedGeneration": count(status.observed_generation),
        "replicas": status.replicas,
        "fullyLabeledReplicas": count(status.labeled),
        "readyReplicas": count(status.ready),
        "availableReplicas": count(status.available),
        "terminatingReplicas": count(status.terminating),
    })
}

#[cfg(test)]
mod tests;
