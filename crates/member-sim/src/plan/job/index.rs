//! Indexes of an Indexed Job: each has to end well once.
//!
//! Follows `pkg/controller/job/indexed_job_utils.go` and `success_policy.go`.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Timestamp;
use serde_json::{Value, json};

use super::super::{hash, pod_from, suffix};
use crate::object::{Job, Phase, Pod};

/// Annotation and label of a pod that say its index.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// The same for the program in the pod.
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

fn index(pod: &Pod) -> Option<i64> {
    pod.meta.annotations.get(INDEX)?.parse().ok()
}

/// The indexes below the number of completions that have ended well.
pub(super) fn completed(job: &Job, pods: &[Arc<Pod>]) -> BTreeSet<i64> {
    let wanted = 0..job.completions.unwrap_or_default();
    let ended = pods.iter().filter(|pod| pod.phase == Phase::Succeeded);
    ended.filter_map(|pod| index(pod)).filter(|index| wanted.contains(index)).collect()
}

/// Indexes as Kubernetes writes them: `0-2,4`.
pub(super) fn text(indexes: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    let range = |(first, last): &(i64, i64)| match last - first {
        0 => first.to_string(),
        // Two are listed, three and more are a range.
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

fn parse(text: &str) -> BTreeSet<i64> {
    let range = |part: &str| -> Option<std::ops::RangeInclusive<i64>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    // Of a range that is longer than any Job nothing is kept.
    text.split(',').filter_map(range).flat_map(|range| range.take(INDEXES_MAX)).collect()
}

/// Most indexes of a Job (`completions` of an Indexed Job may be 10^5 when its parallelism is as large).
const INDEXES_MAX: usize = 100_000;

/// The first rule of the success policy that the completed indexes fulfil.
pub(super) fn fulfilled(job: &Job, completed: &BTreeSet<i64>) -> Option<usize> {
    let rules = job.success.as_array()?;
    rules.iter().position(|rule| {
        let count = rule["succeededCount"].as_u64().and_then(|count| usize::try_from(count).ok());
        match rule["succeededIndexes"].as_str().map(parse) {
            Some(named) => completed.intersection(&named).count() >= count.unwrap_or(named.len()),
            None => count.is_some_and(|count| completed.len() >= count),
        }
    })
}

/// The pods to make: for the lowest indexes that have neither ended well nor a pod that runs.
pub(super) fn create(job: &Job, pods: &[Arc<Pod>], missing: usize, now: Timestamp) -> Vec<Value> {
    let busy: BTreeSet<i64> = pods.iter().filter(|pod| pod.active()).filter_map(|pod| index(pod)).collect();
    let done = completed(job, pods);
    let open = (0..job.completions.unwrap_or_default()).filter(|index| !busy.contains(index) && !done.contains(index));
    open.take(missing).map(|index| make_pod(job, index, now)).collect()
}

fn make_pod(job: &Job, index: i64, now: Timestamp) -> Value {
    let moment = now.as_nanosecond().to_be_bytes();
    let unique = suffix(hash(&[job.meta.uid.as_bytes(), &moment, &index.to_be_bytes()]), 5);
    let hostname = format!("{}-{index}", job.meta.name);
    let owner = job.meta.own("batch/v1", "Job");
    let mut pod = pod_from(&job.template, &job.meta.namespace, &format!("{hostname}-{unique}"), owner);
    for place in ["annotations", "labels"] {
        *model::object::slot(&mut pod, &["metadata", place, INDEX]) = json!(index.to_string());
    }
    *model::object::slot(&mut pod, &["spec", "hostname"]) = json!(hostname);
    let variable = json!({"name": VARIABLE, "valueFrom": {"fieldRef": {
        "fieldPath": format!("metadata.labels['{INDEX}']")}}});
    for list in ["initContainers", "containers"] {
        let containers = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let env = model::object::slot(container, &["env"]);
            let mut all = env.as_array().cloned().unwrap_or_default();
            if !all.iter().any(|known| known["name"] == VARIABLE) {
                all.push(variable.clone());
            }
            *env = Value::Array(all);
        }
    }
    pod
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    fn job(success: Value) -> Job {
        Job::read(&json!({"metadata": {"name": "j", "namespace": "a", "uid": "j"}, "spec": {
            "completions": 5, "completionMode": "Indexed", "successPolicy": {"rules": success},
            "template": {"spec": {"containers": [{"name": "c"}]}}}}))
        .unwrap()
    }

    fn pod(index: i64, phase: &str) -> Arc<Pod> {
        let name = format!("p{index}{phase}");
        let pod = json!({"metadata": {"name": name, "namespace": "a", "uid": name,
            "annotations": {INDEX: index.to_string()}}, "status": {"phase": phase}});
        Arc::new(Pod::read(&pod).unwrap())
    }

    #[test]
    fn indexes_are_written_as_ranges() {
        let check = |indexes: &[i64], expect: &str| {
            let set: BTreeSet<i64> = indexes.iter().copied().collect();
            assert_eq!(text(&set), expect);
            assert_eq!(parse(expect), set);
        };
        check(&[], "");
        check(&[3], "3");
        check(&[0, 1], "0,1");
        check(&[0, 1, 2, 4, 6, 7, 8], "0-2,4,6-8");
    }

    #[test]
    fn each_index_runs_until_it_has_ended_well_once() {
        let job = job(json!([]));
        let pods = [pod(0, "Succeeded"), pod(1, "Running"), pod(2, "Failed"), pod(9, "Succeeded")];
        assert_eq!(text(&completed(&job, &pods)), "0");
        let made = create(&job, &pods, 2, Timestamp::UNIX_EPOCH);
        let hosts: Vec<&str> = made.iter().map(|pod| pod["spec"]["hostname"].as_str().unwrap()).collect();
        assert_eq!(hosts, ["j-2", "j-3"]);
        assert_eq!(made[0]["metadata"]["annotations"][INDEX], "2");
        assert_eq!(made[0]["spec"]["containers"][0]["env"][0]["name"], VARIABLE);
    }

    #[test]
    fn a_success_policy_is_met_by_its_first_rule_that_holds() {
        let check = |rules: Value, indexes: &[i64], expect: Option<usize>| {
            let completed: BTreeSet<i64> = indexes.iter().copied().collect();
            assert_eq!(fulfilled(&job(rules.clone()), &completed), expect, "{rules} {indexes:?}");
        };
        check(json!([{"succeededIndexes": "0-2"}]), &[0, 1], None);
        check(json!([{"succeededIndexes": "0-2"}]), &[0, 1, 2], Some(0));
        check(json!([{"succeededIndexes": "0-2", "succeededCount": 1}]), &[2], Some(0));
        check(json!([{"succeededCount": 3}, {"succeededIndexes": "4"}]), &[4], Some(1));
        check(json!([{"succeededCount": 2}]), &[1, 4], Some(0));
        check(Value::Null, &[0, 1, 2, 3, 4], None);
    }
}
