//! A Deployment: which ReplicaSet is to be made, scaled or forgotten next, and what the status says.
//!
//! One pass makes at most one kind of scaling; the next pass sees its effect. Follows `pkg/controller/deployment`
//! (`sync.go`, `rolling.go`, `recreate.go`, `progress.go`). Not here: adoption of ReplicaSets without an owner.
//!
//! | when | then |
//! |---|---|
//! | being deleted | status only |
//! | paused, or `replicas` changed | all ReplicaSets are scaled in proportion |
//! | Recreate | old ones to zero; when their pods are gone, the new one to full |
//! | rolling | the new one up as `maxSurge` allows, else old ones down as `maxUnavailable` allows |

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use serde_json::{Value, json};

use super::history::{self, DESIRED, MAX};
use super::rollout::{self, Scale};
use super::{count, template_hash};
use crate::object::{Condition, Deployment, DeploymentStatus, ReplicaSet, Strategy, find_condition, set_condition};

/// Label with the template's hash.
pub const HASH_LABEL: &str = "pod-template-hash";

/// What a pass looks at.
pub struct Observed<'a> {
    /// The Deployment.
    pub deployment: &'a Deployment,
    /// The ReplicaSets that it controls, in any order.
    pub sets: &'a [Arc<ReplicaSet>],
    /// Pods of old ReplicaSets that have not ended, those on their way out too: what Recreate waits for.
    pub old_pods: &'a dyn Fn(&ReplicaSet) -> usize,
}

/// What a pass wants written, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// A ReplicaSet to create.
    pub create: Option<Value>,
    /// ReplicaSets to patch: name and merge patch.
    pub patch: Vec<(String, Value)>,
    /// ReplicaSets to delete: name and UID.
    pub delete: Vec<(String, String)>,
    /// A merge patch of the Deployment's `status` subresource: its status, and its revision, which is an annotation.
    pub report: Option<Value>,
    /// Look again after this time even if nothing happens: a deadline.
    pub again: Option<Duration>,
}

/// Is this the ReplicaSet of that template? The hash label and nothing else may differ.
pub(crate) fn is_of(set: &ReplicaSet, template: &Value) -> bool {
    let bare = |template: &Value| {
        let mut out = template.clone();
        if let Some(labels) = out.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove(HASH_LABEL);
        }
        out
    };
    bare(&set.template) == bare(template)
}

/// Decides.
pub fn plan(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let deployment = observed.deployment;
    let mut sets: Vec<&ReplicaSet> = observed.sets.iter().map(AsRef::as_ref).collect();
    sets.sort_by(|a, b| (a.meta.created, &a.meta.name).cmp(&(b.meta.created, &b.meta.name)));
    let newest = sets.iter().copied().find(|set| is_of(set, &deployment.template));
    let old: Vec<&ReplicaSet> =
        sets.iter().copied().filter(|set| newest.is_none_or(|new| new.meta.uid != set.meta.uid)).collect();
    let mut plan = Plan::default();
    let mut conditions = deployment.status.conditions.clone();
    if deployment.meta.deleting() {
        status(&mut plan, deployment, &sets, newest, conditions, now);
        return plan;
    }
    pause_condition(&mut conditions, deployment, now);
    if deployment.paused || is_scaling(deployment, &sets) {
        plan.patch.extend(history::refresh(deployment, newest, &old));
        let scale = rollout::proportional(deployment, newest, &old);
        plan.patch.extend(scale.iter().filter_map(|scale| scale_patch(deployment, scale)));
        if deployment.paused && scale.iter().all(|scale| scale.set.replicas == scale.to) {
            plan.delete = history::surplus(deployment, &old);
        }
        status(&mut plan, deployment, &sets, newest, conditions, now);
        return plan;
    }
    let recreate = deployment.strategy == Strategy::Recreate;
    let blocked = recreate && old.iter().any(|set| set.replicas > 0 || (observed.old_pods)(set) > 0);
    match newest {
        None if !blocked => {
            let set = new_set(deployment, &old);
            let name = set["metadata"]["name"].as_str().unwrap_or_default();
            if deployment.deadline_secs.is_some() {
                let message = format!("Created new replica set \"{name}\"");
                set_condition(
                    &mut conditions,
                    Condition::new("Progressing", "True", "NewReplicaSetCreated", message, now),
                );
            }
            plan.report = history::annotate(deployment, &set["metadata"]["annotations"]);
            plan.create = Some(set);
        }
        Some(new) if !blocked => {
            if deployment.deadline_secs.is_some() && find_condition(&conditions, "Progressing").is_none() {
                let message = format!("Found new replica set \"{}\"", new.meta.name);
                set_condition(
                    &mut conditions,
                    Condition::new("Progressing", "True", "FoundNewReplicaSet", message, now),
                );
            }
            plan.patch.extend(history::refresh(deployment, newest, &old));
            let revision = plan
                .patch
                .first()
                .map_or_else(|| json!(new.meta.annotations), |(_, p)| p["metadata"]["annotations"].clone());
            plan.report = history::annotate(deployment, &revision);
        }
        _ => {}
    }
    let scale = if recreate {
        recreate_step(deployment, newest, &old, blocked)
    } else {
        rollout::rolling(deployment, newest, &old)
    };
    plan.patch.extend(scale.iter().filter_map(|scale| scale_patch(deployment, scale)));
    if scale.is_empty() && rollout::is_complete(deployment, &counts(deployment, &sets, newest)) {
        plan.delete = history::surplus(deployment, &old);
    }
    status(&mut plan, deployment, &sets, newest, conditions, now);
    plan
}

fn recreate_step<'a>(
    deployment: &Deployment,
    newest: Option<&'a ReplicaSet>,
    old: &[&'a ReplicaSet],
    blocked: bool,
) -> Vec<Scale<'a>> {
    let down: Vec<Scale<'a>> = old.iter().filter(|set| set.replicas > 0).map(|set| Scale { set, to: 0 }).collect();
    match newest {
        _ if !down.is_empty() => down,
        Some(set) if !blocked && set.replicas != deployment.replicas => vec![Scale { set, to: deployment.replicas }],
        _ => Vec::new(),
    }
}

/// Did somebody change `replicas`? Each active ReplicaSet remembers what it was scaled for.
fn is_scaling(deployment: &Deployment, sets: &[&ReplicaSet]) -> bool {
    sets.iter()
        .filter(|set| set.replicas > 0)
        .filter_map(|set| history::number(set, DESIRED))
        .any(|desired| desired != deployment.replicas)
}

fn pause_condition(conditions: &mut Vec<Condition>, deployment: &Deployment, now: Timestamp) {
    if deployment.deadline_secs.is_none() {
        return;
    }
    let reason = find_condition(conditions, "Progressing").map(|c| c.reason.as_str());
    if reason == Some("ProgressDeadlineExceeded") {
        return;
    }
    let paused = reason == Some("DeploymentPaused");
    if deployment.paused && !paused {
        set_condition(
            conditions,
            Condition::new("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now),
        );
    } else if !deployment.paused && paused {
        set_condition(
            conditions,
            Condition::new("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now),
        );
    }
}

fn new_set(deployment: &Deployment, old: &[&ReplicaSet]) -> Value {
    let hash = template_hash(&deployment.template, deployment.status.collisions);
    let mut template = (*deployment.template).clone();
    *model::object::slot(&mut template, &["metadata", "labels", HASH_LABEL]) = json!(hash);
    let mut selector = (*deployment.selector).clone();
    *model::object::slot(&mut selector, &["matchLabels", HASH_LABEL]) = json!(hash);
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", deployment.meta.name),
            "namespace": deployment.meta.namespace,
            "labels": template["metadata"]["labels"],
            "annotations": history::of_new(deployment, old),
            "ownerReferences": [deployment.meta.own("apps/v1", "Deployment")],
        },
        "spec": {
            "replicas": rollout::new_size(deployment, None, old),
            "minReadySeconds": deployment.min_ready_secs,
            "selector": selector,
            "template": template,
        },
    })
}

/// The patch that scales a ReplicaSet and notes what for; `None` when that is how it is.
fn scale_patch(deployment: &Deployment, scale: &Scale<'_>) -> Option<(String, Value)> {
    let (desired, max) = (deployment.replicas, deployment.replicas + rollout::surge(deployment));
    let set = scale.set;
    let noted = history::number(set, DESIRED) == Some(desired) && history::number(set, MAX) == Some(max);
    if set.replicas == scale.to && noted {
        return None;
    }
    let patch = json!({
        "metadata": {"uid": &*set.meta.uid, "annotations": {DESIRED: desired.to_string(), MAX: max.to_string()}},
        "spec": {"replicas": scale.to},
    });
    Some((set.meta.name.clone(), patch))
}

/// The counts that the ReplicaSets add up to.
fn counts(deployment: &Deployment, sets: &[&ReplicaSet], newest: Option<&ReplicaSet>) -> DeploymentStatus {
    let sum = |of: fn(&ReplicaSet) -> i64| sets.iter().map(|set| of(set)).sum::<i64>();
    let available = sum(|s| s.status.available);
    DeploymentStatus {
        observed_generation: deployment.meta.generation,
        replicas: sum(|s| s.status.replicas),
        updated: newest.map_or(0, |s| s.status.replicas),
        ready: sum(|s| s.status.ready),
        available,
        unavailable: (sum(|s| s.replicas) - available).max(0),
        terminating: sum(|s| s.status.terminating),
        collisions: deployment.status.collisions,
        conditions: Vec::new(),
    }
}

fn status(
    plan: &mut Plan,
    deployment: &Deployment,
    sets: &[&ReplicaSet],
    newest: Option<&ReplicaSet>,
    mut conditions: Vec<Condition>,
    now: Timestamp,
) {
    let mut new = counts(deployment, sets, newest);
    let wanted = deployment.replicas - rollout::unavailable(deployment);
    let (status, reason, message) = if new.available >= wanted {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    set_condition(&mut conditions, Condition::new("Available", status, reason, message, now));
    if !deployment.paused {
        plan.again = progress(&mut conditions, deployment, &new, newest, now);
    }
    new.conditions = conditions;
    if new != deployment.status {
        let report = plan.report.get_or_insert_with(|| json!({"metadata": {"uid": &*deployment.meta.uid}}));
        report["status"] = render(&new);
    }
}

/// Keeps the Progressing condition; returns when its deadline is, if it runs.
fn progress(
    conditions: &mut Vec<Condition>,
    deployment: &Deployment,
    new: &DeploymentStatus,
    newest: Option<&ReplicaSet>,
    now: Timestamp,
) -> Option<Duration> {
    let Some(deadline) = deployment.deadline_secs else {
        conditions.retain(|c| c.kind != "Progressing");
        return None;
    };
    let current = find_condition(conditions, "Progressing").cloned();
    let was_done = current.as_ref().is_some_and(|c| c.reason == "NewReplicaSetAvailable");
    if was_done && new.replicas == new.updated {
        return None;
    }
    let name = newest.map_or_else(
        || format!("Deployment \"{}\"", deployment.meta.name),
        |s| format!("ReplicaSet \"{}\"", s.meta.name),
    );
    let old = &deployment.status;
    if rollout::is_complete(deployment, new) {
        let message = format!("{name} has successfully progressed.");
        set_condition(conditions, Condition::new("Progressing", "True", "NewReplicaSetAvailable", message, now));
        return None;
    }
    let moved = new.updated > old.updated
        || new.replicas - new.updated < old.replicas - old.updated
        || new.ready > old.ready
        || new.available > old.available;
    if moved {
        let mut next =
            Condition::new("Progressing", "True", "ReplicaSetUpdated", format!("{name} is progressing."), now);
        if let Some(current) = current.filter(|c| c.status == "True") {
            next.changed = current.changed;
        }
        conditions.retain(|c| c.kind != "Progressing");
        conditions.push(next);
        return Some(secs(deadline));
    }
    let current = current.filter(|c| c.reason != "NewReplicaSetAvailable" && c.reason != "ProgressDeadlineExceeded")?;
    let spent = now.as_second() - current.updated.unwrap_or(now).as_second();
    if spent > deadline {
        let message = format!("{name} has timed out progressing.");
        set_condition(conditions, Condition::new("Progressing", "False", "ProgressDeadlineExceeded", message, now));
        return None;
    }
    Some(secs(deadline - spent))
}

/// A second more than said, since times in objects have whole seconds.
fn secs(n: i64) -> Duration {
    Duration::from_secs(u64::try_from(n + 1).unwrap_or_default())
}

fn render(status: &DeploymentStatus) -> Value {
    json!({
        "observedGeneration": count(status.observed_generation),
        "replicas": count(status.replicas),
        "updatedReplicas": count(status.updated),
        "readyReplicas": count(status.ready),
        "availableReplicas": count(status.available),
        "unavailableReplicas": count(status.unavailable),
        "terminatingReplicas": count(status.terminating),
        "collisionCount": count(status.collisions),
        "conditions": status.conditions.iter().map(Condition::to_value).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
