//! A Job: pods until enough have ended well, or too many have not.
//!
//! Follows `pkg/controller/job/job_controller.go`. Counts come from the pods that are there: a finished pod that
//! a client deletes is run again. Indexes are in `index`. Not here: failure policies, back-off per index, tracking by
//! finalizers.

mod index;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, clock};
use serde_json::{Value, json};

use super::{count, pod_from, pod_names};
use crate::object::{Condition, Job, Phase, Pod, find_condition};

/// What a pass wants written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Pods to create.
    pub create: Vec<Value>,
    /// Pods to delete: name and UID.
    pub delete: Vec<(String, String)>,
    /// A merge patch of the status.
    pub status: Option<Value>,
    /// The Job itself is to be deleted: its time after the end has passed.
    pub expire: bool,
    /// Look again then.
    pub again: Option<Duration>,
}

/// When it ended, if it did.
fn ended(job: &Job) -> Option<Timestamp> {
    let done = |kind| find_condition(&job.conditions, kind).filter(|c| c.status == "True");
    done("Complete").or_else(|| done("Failed"))?.changed
}

/// Decides. `pods` are those that the Job controls.
pub fn plan(job: &Job, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    if job.meta.deleting() {
        return plan;
    }
    if let Some(end) = ended(job) {
        if let Some(ttl) = job.ttl_secs {
            let left = end.as_second() + ttl - now.as_second();
            plan.expire = left <= 0;
            plan.again = (left > 0).then(|| Duration::from_secs(left.unsigned_abs()));
        }
        return plan;
    }
    let size =
        |test: &dyn Fn(&Pod) -> bool| i64::try_from(pods.iter().filter(|pod| test(pod)).count()).unwrap_or(i64::MAX);
    let active: Vec<&Arc<Pod>> = pods.iter().filter(|pod| pod.active()).collect();
    let indexes = job.indexed.then(|| index::completed(job, pods));
    let succeeded = match &indexes {
        Some(indexes) => i64::try_from(indexes.len()).unwrap_or(i64::MAX),
        None => size(&|pod| pod.phase == Phase::Succeeded),
    };
    let rule = indexes.as_ref().and_then(|indexes| index::fulfilled(job, indexes));
    let failed = size(&|pod| pod.phase == Phase::Failed);
    let running = i64::try_from(active.len()).unwrap_or(i64::MAX);
    let restarts: i64 = active.iter().map(|pod| pod.restarts).sum();
    let exhausted = failed > job.backoff_limit || (restarts > 0 && restarts >= job.backoff_limit.max(1));
    let complete = match job.completions {
        Some(wanted) => succeeded >= wanted,
        None => succeeded > 0 && running == 0,
    };
    let mut conditions = job.conditions.clone();
    let mut completed = None;
    let mut wanted = match job.completions {
        Some(wanted) => (wanted - succeeded).clamp(0, job.parallelism),
        None if succeeded > 0 => running,
        None => job.parallelism,
    };
    if let Some(rule) = rule {
        wanted = 0;
        let message = format!("Matched rules at index {rule}");
        if find_condition(&conditions, "SuccessCriteriaMet").is_none() {
            conditions.push(condition("SuccessCriteriaMet", "SuccessPolicy", &message, now));
        }
        // Complete when what still ran has stopped.
        if running == 0 && size(&|pod| pod.meta.deleting() && !pod.finished()) == 0 {
            completed = Some(now);
            conditions.push(condition("Complete", "SuccessPolicy", &message, now));
        }
    } else if complete {
        completed = Some(now);
        let message = "Reached expected number of succeeded pods";
        conditions.push(condition("SuccessCriteriaMet", "CompletionsReached", message, now));
        conditions.push(condition("Complete", "CompletionsReached", message, now));
        wanted = 0;
    } else if exhausted {
        let message = "Job has reached the specified backoff limit";
        conditions.push(condition("FailureTarget", "BackoffLimitExceeded", message, now));
        conditions.push(condition("Failed", "BackoffLimitExceeded", message, now));
        wanted = 0;
    } else if job.suspended {
        wanted = 0;
    }
    suspension(&mut conditions, job, now);
    let missing = usize::try_from(wanted - running).unwrap_or_default();
    plan.create = if job.indexed {
        index::create(job, pods, missing, now).into_iter().map(|pod| labelled(job, pod)).collect()
    } else {
        let taken: BTreeSet<&str> = pods.iter().map(|pod| pod.meta.name.as_str()).collect();
        pod_names(&job.meta, &taken, missing, now).iter().map(|name| make_pod(job, name)).collect()
    };
    let surplus = usize::try_from(running - wanted).unwrap_or_default();
    plan.delete = active.iter().rev().take(surplus).map(|p| (p.meta.name.clone(), p.meta.uid.to_string())).collect();
    let started = if job.suspended { None } else { Some(job.started.unwrap_or(now)) };
    let status = json!({
        "startTime": started.map(clock::format_seconds),
        "completionTime": completed.map(clock::format_seconds),
        "active": count(running),
        "ready": size(&|pod| pod.active() && pod.ready()),
        "succeeded": count(succeeded),
        "failed": count(failed),
        "completedIndexes": indexes.filter(|indexes| !indexes.is_empty()).map(|indexes| index::text(&indexes)),
        "terminating": size(&|pod| pod.meta.deleting() && !pod.finished()),
        "uncountedTerminatedPods": {},
        "conditions": if conditions.is_empty() { Value::Null } else { conditions.iter().map(Condition::to_value).collect() },
    });
    let old = |field: &str| job.status.get(field).cloned().unwrap_or_default();
    if status.as_object().is_some_and(|fields| fields.iter().any(|(field, value)| old(field) != *value)) {
        plan.status = Some(json!({"metadata": {"uid": &*job.meta.uid}, "status": status}));
    }
    plan
}

fn condition(kind: &str, reason: &str, message: &str, now: Timestamp) -> Condition {
    Condition { updated: None, ..Condition::new(kind, "True", reason, message, now) }
}

fn suspension(conditions: &mut Vec<Condition>, job: &Job, now: Timestamp) {
    let before = find_condition(conditions, "Suspended").map(|c| c.status == "True");
    let (status, reason, message) = match (job.suspended, before) {
        (true, None | Some(false)) => ("True", "JobSuspended", "Job suspended"),
        (false, Some(true)) => ("False", "JobResumed", "Job resumed"),
        _ => return,
    };
    conditions.retain(|c| c.kind != "Suspended");
    conditions.push(Condition { status: status.to_owned(), ..condition("Suspended", reason, message, now) });
}

fn make_pod(job: &Job, name: &str) -> Value {
    labelled(job, pod_from(&job.template, &job.meta.namespace, name, job.meta.own("batch/v1", "Job")))
}

/// Says which Job a pod is of.
fn labelled(job: &Job, mut pod: Value) -> Value {
    let labels = model::object::slot(&mut pod, &["metadata", "labels"]);
    for prefix in ["batch.kubernetes.io/", ""] {
        labels[format!("{prefix}controller-uid")] = json!(&*job.meta.uid);
        labels[format!("{prefix}job-name")] = json!(job.meta.name);
    }
    pod
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    fn job(spec: Value) -> Job {
        let mut object = json!({"metadata": {"name": "once", "namespace": "a", "uid": "j"}, "spec": spec});
        object["spec"]["template"] = json!({"spec": {"restartPolicy": "Never", "containers": []}});
        Job::read(&object).unwrap()
    }

    fn pod(name: &str, phase: &str) -> Arc<Pod> {
        Arc::new(
            Pod::read(&json!({"metadata": {"name": name, "namespace": "a", "uid": name}, "status": {"phase": phase}}))
                .unwrap(),
        )
    }

    fn kinds(plan: &Plan) -> Vec<String> {
        let list = plan.status.as_ref().and_then(|s| s["status"]["conditions"].as_array().cloned()).unwrap_or_default();
        list.iter().map(|c| c["type"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn pods_run_until_enough_have_ended_well() {
        let now = Timestamp::UNIX_EPOCH;
        let job = job(json!({"completions": 3, "parallelism": 2}));
        assert_eq!(plan(&job, &[], now).create.len(), 2);
        let half = [pod("a", "Succeeded"), pod("b", "Running")];
        assert_eq!(plan(&job, &half, now).create.len(), 1);
        let done = plan(&job, &[pod("a", "Succeeded"), pod("b", "Succeeded"), pod("c", "Succeeded")], now);
        assert!(done.create.is_empty());
        assert_eq!(kinds(&done), ["SuccessCriteriaMet", "Complete"]);
    }

    #[test]
    fn too_many_failures_end_it() {
        let job = job(json!({"completions": 1, "backoffLimit": 1}));
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(plan(&job, &[pod("a", "Failed")], now).create.len(), 1);
        let over = plan(&job, &[pod("a", "Failed"), pod("b", "Failed")], now);
        assert!(over.create.is_empty());
        assert_eq!(kinds(&over), ["FailureTarget", "Failed"]);
    }

    #[test]
    fn a_suspended_job_runs_nothing_and_a_finished_one_expires() {
        let now = Timestamp::UNIX_EPOCH;
        let held = plan(&job(json!({"suspend": true, "completions": 1})), &[pod("a", "Running")], now);
        assert_eq!((held.create.len(), held.delete.len()), (0, 1));
        let mut done = job(json!({"ttlSecondsAfterFinished": 5}));
        done.conditions = vec![condition("Complete", "", "", now)];
        assert_eq!(plan(&done, &[], now).again, Some(Duration::from_secs(5)));
        assert!(plan(&done, &[], now + Duration::from_secs(5)).expire);
    }
}
