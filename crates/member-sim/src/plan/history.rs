//! Revisions of a Deployment, kept in annotations of its ReplicaSets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rollout;
use crate::object::{Deployment, ReplicaSet};

/// Which revision a ReplicaSet is.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// Which revisions it was before.
pub const REVISIONS: &str = "deployment.kubernetes.io/revision-history";
/// The Deployment's `replicas` when the ReplicaSet was scaled last.
pub const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The most pods that there might be then.
pub const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// Annotations that a ReplicaSet does not take from its Deployment.
const OWN: [&str; 4] = [REVISION, REVISIONS, DESIRED, MAX];

/// A number in an annotation.
pub fn number(set: &ReplicaSet, annotation: &str) -> Option<i64> {
    set.meta.annotations.get(annotation)?.parse().ok()
}

fn next_revision(old: &[&ReplicaSet]) -> i64 {
    old.iter().filter_map(|set| number(set, REVISION)).max().unwrap_or_default() + 1
}

fn inherited(deployment: &Deployment) -> BTreeMap<String, String> {
    let own = |key: &String| OWN.contains(&key.as_str());
    deployment.meta.annotations.iter().filter(|(key, _)| !own(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Annotations of a new ReplicaSet.
pub fn of_new(deployment: &Deployment, old: &[&ReplicaSet]) -> BTreeMap<String, String> {
    let mut out = inherited(deployment);
    out.insert(REVISION.to_owned(), next_revision(old).to_string());
    out.insert(DESIRED.to_owned(), deployment.replicas.to_string());
    out.insert(MAX.to_owned(), (deployment.replicas + rollout::surge(deployment)).to_string());
    out
}

/// The patch that makes an existing ReplicaSet the newest revision: after a rollback it gets a new number.
pub fn refresh(deployment: &Deployment, newest: Option<&ReplicaSet>, old: &[&ReplicaSet]) -> Option<(String, Value)> {
    let set = newest?;
    let mut wanted = set.meta.annotations.clone();
    wanted.extend(inherited(deployment));
    let (have, next) = (number(set, REVISION).unwrap_or_default(), next_revision(old));
    if have < next {
        wanted.insert(REVISION.to_owned(), next.to_string());
        if have > 0 {
            let before = wanted.entry(REVISIONS.to_owned()).or_default();
            *before = if before.is_empty() { have.to_string() } else { format!("{before},{have}") };
        }
    }
    let slow = set.min_ready_secs != deployment.min_ready_secs;
    if wanted == set.meta.annotations && !slow {
        return None;
    }
    let mut patch = json!({"metadata": {"uid": &*set.meta.uid, "annotations": wanted}});
    if slow {
        patch["spec"] = json!({"minReadySeconds": deployment.min_ready_secs});
    }
    Some((set.meta.name.clone(), patch))
}

/// The patch that gives the Deployment the revision of its newest ReplicaSet, if it says another.
pub fn annotate(deployment: &Deployment, annotations: &Value) -> Option<Value> {
    let revision = annotations.get(REVISION)?.as_str()?;
    let known = deployment.meta.annotations.get(REVISION).map(String::as_str);
    (known != Some(revision))
        .then(|| json!({"metadata": {"uid": &*deployment.meta.uid, "annotations": {REVISION: revision}}}))
}

/// Old ReplicaSets beyond the history limit: empty ones, the lowest revisions first.
pub fn surplus(deployment: &Deployment, old: &[&ReplicaSet]) -> Vec<(String, String)> {
    let idle = |set: &&&ReplicaSet| set.replicas == 0 && set.status.replicas == 0 && !set.meta.deleting();
    let mut idle: Vec<&ReplicaSet> = old.iter().filter(idle).copied().collect();
    let excess = idle.len().saturating_sub(usize::try_from(deployment.history).unwrap_or_default());
    idle.sort_by_key(|set| (number(set, REVISION).unwrap_or_default(), set.meta.name.clone()));
    let settled = |set: &&ReplicaSet| set.status.observed_generation >= set.meta.generation;
    idle.into_iter().take(excess).filter(settled).map(|set| (set.meta.name.clone(), set.meta.uid.to_string())).collect()
}
