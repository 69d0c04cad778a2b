//! A StatefulSet: pods with names that stay, made and replaced in order.
//!
//! Follows `pkg/controller/statefulset/stateful_set_control.go`. Not here: ControllerRevisions (an ordinal below the
//! partition that is lost comes back with the new template), volume claims, adoption.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use serde_json::{Value, json};

use super::{count, pod_from, replica_set, template_hash};
use crate::object::{Pod, StatefulSet};
use crate::plan::replica_set::Plan;

/// Label with the revision of a pod.
pub const REVISION: &str = "controller-revision-hash";

fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i64> {
    let (stem, number) = pod.meta.name.rsplit_once('-')?;
    number.parse().ok().filter(|_| stem == set.meta.name)
}

/// The revision that new pods have.
pub fn revision(set: &StatefulSet) -> String {
    format!("{}-{}", set.meta.name, template_hash(&set.template, 0))
}

/// Decides. `pods` are those that the StatefulSet controls.
pub fn plan(set: &StatefulSet, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let by_ordinal: BTreeMap<i64, &Pod> =
        pods.iter().filter_map(|pod| Some((ordinal(set, pod)?, pod.as_ref()))).collect();
    let wanted = set.first..set.first + set.replicas;
    if !set.meta.deleting() {
        act(&mut plan, set, &by_ordinal, wanted, now);
    }
    let all: Vec<&Pod> = by_ordinal.values().copied().collect();
    plan.again = replica_set::next_available(&all, set.min_ready_secs, now);
    let status = status(set, &all, now);
    let old = |field: &str| set.status.get(field).cloned().unwrap_or_default();
    if status.as_object().is_some_and(|fields| fields.iter().any(|(field, value)| old(field) != *value)) {
        plan.status = Some(json!({"metadata": {"uid": &*set.meta.uid}, "status": status}));
    }
    plan
}

fn act(plan: &mut Plan, set: &StatefulSet, pods: &BTreeMap<i64, &Pod>, wanted: std::ops::Range<i64>, now: Timestamp) {
    let healthy = |pod: &Pod| pod.active() && pod.available(set.min_ready_secs, now);
    let gone = |pod: &Pod| (pod.meta.name.clone(), pod.meta.uid.to_string());
    for index in wanted.clone() {
        match pods.get(&index) {
            None => plan.create.push(make_pod(set, index)),
            // One that ended is replaced under its own name.
            Some(pod) if pod.finished() && !pod.meta.deleting() => plan.delete.push(gone(pod)),
            Some(_) => {}
        }
        let waits = pods.get(&index).is_none_or(|pod| !healthy(pod));
        if waits && !set.parallel {
            return;
        }
    }
    if set.parallel && !(plan.create.is_empty() && plan.delete.is_empty()) {
        return;
    }
    // Too many: the highest goes first, one at a time.
    for (_, pod) in pods.iter().rev().filter(|(index, _)| !wanted.contains(index)) {
        if !pod.meta.deleting() {
            plan.delete.push(gone(pod));
        }
        if !set.parallel {
            return;
        }
    }
    if set.on_delete || pods.values().any(|pod| pod.meta.deleting()) {
        return;
    }
    let revision = revision(set);
    for (_, pod) in pods.iter().rev().filter(|(index, _)| **index >= set.partition.max(set.first)) {
        if pod.meta.labels.get(REVISION) != Some(&revision) {
            plan.delete.push(gone(pod));
            return;
        }
        if !healthy(pod) {
            return;
        }
    }
}

fn make_pod(set: &StatefulSet, index: i64) -> Value {
    let name = format!("{}-{index}", set.meta.name);
    let mut pod = pod_from(&set.template, &set.meta.namespace, &name, set.meta.own("apps/v1", "StatefulSet"));
    let labels = model::object::slot(&mut pod, &["metadata", "labels"]);
    labels["statefulset.kubernetes.io/pod-name"] = json!(name);
    labels["apps.kubernetes.io/pod-index"] = json!(index.to_string());
    labels[REVISION] = json!(revision(set));
    *model::object::slot(&mut pod, &["spec", "hostname"]) = json!(name);
    if !set.service.is_empty() {
        *model::object::slot(&mut pod, &["spec", "subdomain"]) = json!(set.service);
    }
    pod
}

fn status(set: &StatefulSet, pods: &[&Pod], now: Timestamp) -> Value {
    let size =
        |test: &dyn Fn(&Pod) -> bool| i64::try_from(pods.iter().filter(|pod| test(pod)).count()).unwrap_or(i64::MAX);
    let update = revision(set);
    let is_new = |pod: &Pod| pod.meta.labels.get(REVISION) == Some(&update);
    let updated = size(&|pod| pod.active() && is_new(pod));
    let rolled = updated == set.replicas && size(&|pod| pod.active() && !is_new(pod)) == 0;
    let before = set.status.get("currentRevision").and_then(Value::as_str).unwrap_or(&update);
    let current = if rolled { update.as_str() } else { before };
    let is_current = |pod: &Pod| pod.meta.labels.get(REVISION).map(String::as_str) == Some(current);
    json!({
        "observedGeneration": count(set.meta.generation),
        "replicas": size(&|pod| !pod.finished()),
        "readyReplicas": count(size(&|pod| pod.active() && pod.ready())),
        "availableReplicas": size(&|pod| pod.active() && pod.available(set.min_ready_secs, now)),
        "currentReplicas": count(size(&|pod| pod.active() && is_current(pod))),
        "updatedReplicas": count(updated),
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    fn set(replicas: i64, image: &str) -> StatefulSet {
        StatefulSet::read(&json!({
            "metadata": {"name": "db", "namespace": "a", "uid": "s", "generation": 1},
            "spec": {"replicas": replicas, "serviceName": "db", "template": {"spec": {"containers": [{"image": image}]}}},
        }))
        .unwrap()
    }

    /// Plays until nothing more happens; each pod made is ready in the next pass. Returns what happened.
    fn play(set: &StatefulSet, pods: &mut Vec<Arc<Pod>>) -> Vec<String> {
        let mut log = Vec::new();
        loop {
            let plan = plan(set, pods, Timestamp::UNIX_EPOCH);
            if plan.create.is_empty() && plan.delete.is_empty() {
                return log;
            }
            for (name, _) in plan.delete {
                pods.retain(|pod| pod.meta.name != name);
                log.push(format!("-{name}"));
            }
            for mut pod in plan.create {
                pod["metadata"]["uid"] = pod["metadata"]["name"].clone();
                pod["status"] = json!({"phase": "Running", "conditions": [
                    {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z"}]});
                log.push(format!("+{}", pod["metadata"]["name"].as_str().unwrap()));
                pods.push(Arc::new(Pod::read(&pod).unwrap()));
            }
        }
    }

    #[test]
    fn pods_come_in_order_are_replaced_from_the_top_and_go_from_the_top() {
        let mut pods = Vec::new();
        assert_eq!(play(&set(3, "a:1"), &mut pods), ["+db-0", "+db-1", "+db-2"]);
        assert_eq!(play(&set(3, "a:2"), &mut pods), ["-db-2", "+db-2", "-db-1", "+db-1", "-db-0", "+db-0"]);
        assert_eq!(play(&set(1, "a:2"), &mut pods), ["-db-2", "-db-1"]);
    }

    #[test]
    fn the_status_is_written_once() {
        let mut set = set(1, "a:1");
        let mut pods = Vec::new();
        play(&set, &mut pods);
        let status = plan(&set, &pods, Timestamp::UNIX_EPOCH).status.unwrap()["status"].clone();
        assert_eq!((&status["readyReplicas"], &status["updatedReplicas"]), (&json!(1), &json!(1)));
        set.status = Arc::new(status);
        assert_eq!(plan(&set, &pods, Timestamp::UNIX_EPOCH), Plan::default());
    }
}
