//! How many replicas an object wants and has.

use model::object;
use serde_json::Value;

use crate::read::{condition, flag, get, int, text};
use crate::workload::wanted;

/// Counts of replicas, as the object's own status tells them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// Wanted.
    pub desired: i64,
    /// Created.
    pub current: i64,
    /// Of the latest revision.
    pub updated: i64,
    /// Ready.
    pub ready: i64,
    /// Ready for long enough.
    pub available: i64,
}

/// The replicas of a workload, or of any object that has a `spec.replicas`; `None` for everything else.
pub fn replicas(object: &Value) -> Option<Replicas> {
    let gvk = object::gvk(object)?;
    let count = |field: &str| int(object, &format!("status.{field}"));
    let usual = |desired: i64| Replicas {
        desired,
        current: count("replicas"),
        updated: count("updatedReplicas"),
        ready: count("readyReplicas"),
        available: count("availableReplicas"),
    };
    Some(match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet") => usual(wanted(object)),
        // Their pods are all of one revision.
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            Replicas { updated: count("replicas"), ..usual(wanted(object)) }
        }
        ("apps", "DaemonSet") => Replicas {
            desired: count("desiredNumberScheduled"),
            current: count("currentNumberScheduled"),
            updated: count("updatedNumberScheduled"),
            ready: count("numberReady"),
            available: count("numberAvailable"),
        },
        ("batch", "Job") => {
            let number = |field: &str| get(object, field).and_then(Value::as_i64);
            let is_idle = condition(object, "Complete").is_some_and(|c| c.is_true()) || flag(object, "spec.suspend");
            let left = number("spec.completions").map(|all| (all - count("succeeded")).max(0));
            let parallelism = number("spec.parallelism").unwrap_or(1);
            let desired = if is_idle { 0 } else { left.map_or(parallelism, |left| left.min(parallelism)) };
            let (active, ready) = (count("active"), count("ready"));
            Replicas { desired, current: active, updated: active, ready, available: ready }
        }
        ("", "Pod") => {
            let ready = i64::from(condition(object, "Ready").is_some_and(|c| c.is_true()));
            // One that has completed is not to be ready again.
            let desired = i64::from(text(object, "status.phase") != "Succeeded");
            Replicas { desired, current: desired, updated: desired, ready, available: ready }
        }
        _ => usual(get(object, "spec.replicas")?.as_i64()?),
    })
}
