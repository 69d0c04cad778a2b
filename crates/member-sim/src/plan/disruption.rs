//! A PodDisruptionBudget: how many of its pods may be evicted now.
//!
//! Follows `pkg/controller/disruption/disruption.go`. The API server takes evictions from the number that is written here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, clock};
use serde_json::{Map, Value, json};

use super::count;
use crate::object::{Bound, Budget, IntOrPercent, Pod, Uid};

/// For so long an evicted pod counts as gone, although it is still there.
const DELETION_TIMEOUT: Duration = Duration::from_secs(120);

/// What is to be written, and when to look again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// A merge patch of the status.
    pub status: Option<Value>,
    /// An eviction that did not delete its pod is forgotten then.
    pub again: Option<Duration>,
}

/// Decides. `pods` are those that the budget guards; `scale` says which workload a controller stands for, and how many pods
/// that wants.
pub fn plan(budget: &Budget, pods: &[Arc<Pod>], scale: &dyn Fn(&Uid) -> Option<(Uid, i64)>, now: Timestamp) -> Plan {
    let (expected, wanted) = expect(budget, pods, scale);
    let mut disrupted: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let mut again = None;
    for pod in pods.iter().filter(|pod| !pod.meta.deleting()) {
        let Some(since) = budget.disrupted.get(&pod.meta.name) else { continue };
        let left = DELETION_TIMEOUT.checked_sub(now.duration_since(*since).unsigned_abs());
        if let Some(left) = left {
            disrupted.insert(&pod.meta.name, *since);
            again = Some(again.map_or(left, |again: Duration| again.min(left)));
        }
    }
    let is_healthy =
        |pod: &&Arc<Pod>| !pod.meta.deleting() && pod.ready() && !disrupted.contains_key(pod.meta.name.as_str());
    let healthy = i64::try_from(pods.iter().filter(is_healthy).count()).unwrap_or(i64::MAX);
    let allowed = if expected > 0 { (healthy - wanted).max(0) } else { 0 };
    let mut status = json!({
        "observedGeneration": count(budget.meta.generation), "currentHealthy": healthy, "desiredHealthy": wanted,
        "expectedPods": expected, "disruptionsAllowed": allowed,
    });
    let old = |field: &str| budget.status.get(field).cloned().unwrap_or_default();
    let mut changed = status.as_object().is_some_and(|all| all.iter().any(|(field, value)| old(field) != *value));
    // A merge patch takes out what is named with null.
    let mut entries: Map<String, Value> = budget.disrupted.keys().map(|name| (name.clone(), Value::Null)).collect();
    for (name, since) in &disrupted {
        entries.insert((*name).to_owned(), json!(clock::format_seconds(*since)));
    }
    changed |= disrupted.len() != budget.disrupted.len();
    status["disruptedPods"] = Value::Object(entries);
    let (word, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let known = budget.conditions.iter().find(|c| c.kind == "DisruptionAllowed");
    let same = known.is_some_and(|c| c.status == word && c.reason == reason);
    changed |= !same;
    let since = known.filter(|c| c.status == word).and_then(|c| c.changed).unwrap_or(now);
    status["conditions"] = json!([{
        "type": "DisruptionAllowed", "status": word, "reason": reason, "message": "",
        "observedGeneration": budget.meta.generation, "lastTransitionTime": clock::format_seconds(since),
    }]);
    let patch = json!({"metadata": {"uid": &*budget.meta.uid}, "status": status});
    Plan { status: changed.then_some(patch), again }
}

/// How many pods there should be, and how many of them have to be healthy.
fn expect(budget: &Budget, pods: &[Arc<Pod>], scale: &dyn Fn(&Uid) -> Option<(Uid, i64)>) -> (i64, i64) {
    let here = i64::try_from(pods.len()).unwrap_or(i64::MAX);
    let scales = || {
        let controllers = pods.iter().filter_map(|pod| scale(pod.meta.controller.as_ref()?));
        controllers.collect::<BTreeMap<Uid, i64>>().values().sum::<i64>()
    };
    match budget.bound {
        None => (0, 0),
        Some(Bound::MaxUnavailable(most)) => {
            let expected = scales();
            (expected, (expected - most.up(expected)).max(0))
        }
        Some(Bound::MinAvailable(IntOrPercent::Int(least))) => (here, least),
        Some(Bound::MinAvailable(least)) => {
            let expected = scales();
            (expected, least.up(expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    fn pods(ready: usize, all: usize) -> Vec<Arc<Pod>> {
        let pod = |index: usize| {
            let status = if index < ready { "True" } else { "False" };
            json!({"metadata": {"name": format!("p{index}"), "namespace": "a", "uid": format!("p{index}"),
                    "ownerReferences": [{"controller": true, "uid": "set"}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]}})
        };
        (0..all).map(|index| Arc::new(Pod::read(&pod(index)).unwrap())).collect()
    }

    fn budget(spec: Value, status: Value) -> Budget {
        let object = json!({"metadata": {"name": "b", "namespace": "a", "uid": "b", "generation": 1}, "spec": spec,
            "status": status});
        Budget::read(&object).unwrap()
    }

    fn run(budget: &Budget, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
        plan(budget, pods, &|uid| Some((uid.clone(), 4)), now)
    }

    /// Expected, wanted, healthy and allowed.
    fn check(spec: Value, ready: usize, all: usize, expect: [i64; 4]) {
        let status = run(&budget(spec.clone(), json!({})), &pods(ready, all), Timestamp::UNIX_EPOCH).status.unwrap();
        let number = |field: &str| status["status"][field].as_i64().unwrap();
        let got = ["expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed"].map(number);
        assert_eq!(got, expect, "{spec}");
    }

    #[test]
    fn the_bound_is_of_pods_that_are_there_or_of_those_that_are_wanted() {
        check(json!({"minAvailable": 2}), 3, 4, [4, 2, 3, 1]);
        check(json!({"minAvailable": 2}), 1, 4, [4, 2, 1, 0]);
        check(json!({"minAvailable": 0}), 0, 0, [0, 0, 0, 0]);
        check(json!({"minAvailable": "50%"}), 3, 3, [4, 2, 3, 1]);
        check(json!({"minAvailable": "51%"}), 3, 3, [4, 3, 3, 0]);
        check(json!({"maxUnavailable": 1}), 4, 4, [4, 3, 4, 1]);
        check(json!({"maxUnavailable": "50%"}), 4, 4, [4, 2, 4, 2]);
        check(json!({"maxUnavailable": 9}), 4, 4, [4, 0, 4, 4]);
    }

    #[test]
    fn an_evicted_pod_counts_as_gone_for_a_while_and_a_settled_budget_writes_nothing() {
        let now = Timestamp::from_second(1_000).unwrap();
        let spec = json!({"minAvailable": 1});
        let evicted = json!({"disruptedPods": {"p0": clock::format_seconds(now), "gone": clock::format_seconds(now)}});
        let fresh = run(&budget(spec.clone(), evicted.clone()), &pods(2, 2), now);
        let status = &fresh.status.as_ref().unwrap()["status"];
        assert_eq!((&status["currentHealthy"], &status["disruptionsAllowed"]), (&json!(1), &json!(0)));
        assert_eq!(status["disruptedPods"], json!({"p0": clock::format_seconds(now), "gone": null}));
        assert_eq!(fresh.again, Some(DELETION_TIMEOUT));
        let late = run(&budget(spec.clone(), evicted), &pods(2, 2), now + Duration::from_secs(121));
        let mut status = late.status.unwrap()["status"].clone();
        assert_eq!(status["disruptionsAllowed"], 1);
        status["disruptedPods"] = json!({});
        assert_eq!(run(&budget(spec, status), &pods(2, 2), now + Duration::from_secs(300)), Plan::default());
    }
}
