//! Controllers of pods, and what steers them.

use serde_json::Value;

use crate::health::{Health, State};
use crate::read::{Condition, condition, flag, get, int, text};

/// Replicas wanted; 1 when the spec does not say.
pub(crate) fn wanted(object: &Value) -> i64 {
    get(object, "spec.replicas").and_then(Value::as_i64).unwrap_or(1)
}

/// Has the controller looked at the object at all? Before that every count is 0 by accident.
fn unseen(object: &Value) -> Option<Health> {
    let has_generation = int(object, "metadata.generation") != 0;
    (has_generation && get(object, "status.observedGeneration").is_none())
        .then(|| Health::progressing("GenerationNotObserved", "the controller has not looked at it yet"))
}

/// The first count that is short of what is wanted.
fn short(counts: &[(&str, i64, i64)]) -> Option<Health> {
    let (what, have, want) = counts.iter().find(|(_, have, want)| have < want)?;
    Some(Health::progressing(&format!("{what}Short"), format!("{have} of {want} {}", what.to_lowercase())))
}

/// `n of n ready`.
fn all_ready(count: i64) -> Health {
    Health::new(State::Healthy, "", format!("{count} of {count} ready"))
}

/// A pause stops the rollout, and neither pods that fail nor a newer template: those are seen behind it.
pub(crate) fn deployment(object: &Value) -> Health {
    let health = rollout(object);
    if flag(object, "spec.paused") { health.while_suspended("the rollout is paused") } else { health }
}

/// How far a Deployment is, as if nobody had paused it.
fn rollout(object: &Value) -> Health {
    if let Some(health) = unseen(object) {
        return health;
    }
    if let Some(failed) = condition(object, "Progressing").filter(|c| c.reason == "ProgressDeadlineExceeded") {
        return Health::of(State::Degraded, failed, "");
    }
    if let Some(failed) = condition(object, "ReplicaFailure").filter(|c| c.is_true()) {
        return Health::of(State::Degraded, failed, "ReplicaFailure");
    }
    let count = |field: &str| int(object, &format!("status.{field}"));
    let (want, all, updated) = (wanted(object), count("replicas"), count("updatedReplicas"));
    if let Some(health) = short(&[("Created", all, want), ("Updated", updated, want)]) {
        return health;
    }
    if all > updated {
        return Health::progressing("OldReplicas", format!("{} old replicas still to end", all - updated));
    }
    let rest = [("Available", count("availableReplicas"), updated), ("Ready", count("readyReplicas"), want)];
    if let Some(health) = short(&rest) {
        return health;
    }
    match condition(object, "Available").filter(|c| c.is_false()) {
        Some(found) => Health::of(State::Progressing, found, "NotAvailable"),
        None => all_ready(want),
    }
}

pub(crate) fn replica_set(object: &Value) -> Health {
    if let Some(health) = unseen(object) {
        return health;
    }
    if let Some(failed) = condition(object, "ReplicaFailure").filter(|c| c.is_true()) {
        return Health::of(State::Degraded, failed, "ReplicaFailure");
    }
    let count = |field: &str| int(object, &format!("status.{field}"));
    let (want, all) = (wanted(object), count("replicas"));
    let counts = [
        ("Created", all, want),
        ("Available", count("availableReplicas"), want),
        ("Ready", count("readyReplicas"), want),
    ];
    if let Some(health) = short(&counts) {
        return health;
    }
    if all > want {
        return Health::progressing("ExtraReplicas", format!("{} replicas still to end", all - want));
    }
    all_ready(want)
}

pub(crate) fn stateful_set(object: &Value) -> Health {
    if let Some(health) = unseen(object) {
        return health;
    }
    let count = |field: &str| int(object, &format!("status.{field}"));
    let (want, all) = (wanted(object), count("replicas"));
    if let Some(health) = short(&[("Created", all, want), ("Ready", count("readyReplicas"), want)]) {
        return health;
    }
    if all > want {
        return Health::progressing("ExtraReplicas", format!("{} replicas still to end", all - want));
    }
    // Pods of an OnDelete set change when somebody deletes them: nothing is under way.
    if text(object, "spec.updateStrategy.type") == "OnDelete" {
        return all_ready(want);
    }
    let to_update = (want - int(object, "spec.updateStrategy.rollingUpdate.partition")).max(0);
    let (current, update) = (text(object, "status.currentRevision"), text(object, "status.updateRevision"));
    if current != update
        && let Some(health) = short(&[("Updated", count("updatedReplicas"), to_update)])
    {
        return health;
    }
    all_ready(want)
}

pub(crate) fn daemon_set(object: &Value) -> Health {
    if let Some(health) = unseen(object) {
        return health;
    }
    if get(object, "status.desiredNumberScheduled").is_none() {
        return Health::progressing("NoStatus", "the controller has not looked at it yet");
    }
    let count = |field: &str| int(object, &format!("status.{field}"));
    let want = count("desiredNumberScheduled");
    let updated = match text(object, "spec.updateStrategy.type") {
        "OnDelete" => want,
        _ => count("updatedNumberScheduled"),
    };
    let counts = [
        ("Scheduled", count("currentNumberScheduled"), want),
        ("Updated", updated, want),
        ("Available", count("numberAvailable"), want),
        ("Ready", count("numberReady"), want),
    ];
    short(&counts).unwrap_or_else(|| all_ready(want))
}

pub(crate) fn job(object: &Value) -> Health {
    if let Some(failed) = condition(object, "Failed").filter(|c| c.is_true()) {
        return Health::of(State::Degraded, failed, "Failed");
    }
    let succeeded = int(object, "status.succeeded");
    if condition(object, "Complete").is_some_and(|c| c.is_true()) {
        return Health::new(State::Healthy, "", format!("{succeeded} succeeded"));
    }
    if flag(object, "spec.suspend") {
        return Health::suspended("the job is suspended");
    }
    if get(object, "status.startTime").is_none() {
        return Health::progressing("NotStarted", "the job has not started");
    }
    let (active, failed) = (int(object, "status.active"), int(object, "status.failed"));
    Health::progressing("Running", format!("{active} active, {succeeded} succeeded, {failed} failed"))
}

pub(crate) fn cron_job(object: &Value) -> Health {
    if flag(object, "spec.suspend") {
        return Health::suspended("the schedule is suspended");
    }
    Health::healthy()
}

pub(crate) fn autoscaler(object: &Value) -> Health {
    let active = condition(object, "ScalingActive");
    let is_off = |c: &Condition<'_>| c.is_false() && c.reason == "ScalingDisabled";
    // A target that cannot be read leaves behind what was said of it last, also that scaling is off.
    for found in [condition(object, "AbleToScale"), active.filter(|c| !is_off(c))].into_iter().flatten() {
        if found.is_false() {
            return Health::of(State::Degraded, found, "NotScaling");
        }
    }
    match active {
        Some(found) if is_off(&found) => Health::suspended("scaling is off while the target has no replicas"),
        Some(_) => Health::healthy(),
        // autoscaling/v1 has its conditions in an annotation, and the count only.
        None if get(object, "status.currentReplicas").is_some() => Health::healthy(),
        None => Health::progressing("NoStatus", "the autoscaler has not looked at it yet"),
    }
}

pub(crate) fn disruption_budget(object: &Value) -> Health {
    if let Some(health) = unseen(object) {
        return health;
    }
    let (healthy, want) = (int(object, "status.currentHealthy"), int(object, "status.desiredHealthy"));
    if healthy < want {
        return Health::progressing("BudgetNotMet", format!("{healthy} of {want} pods healthy"));
    }
    Health::healthy()
}
