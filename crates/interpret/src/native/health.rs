//! Is an object in a member healthy? Karmada's answer.

use model::GroupVersionKind;
use serde_json::Value;

use super::count;
use crate::fault::Fault;
use crate::read::{condition, list, text, whole};

/// Karmada's rules (`native/healthy.go`), which are simpler than [`crate::health`]: yes or no, and no reason.
pub(super) fn is_healthy(kind: &GroupVersionKind, live: &Value) -> Result<bool, Fault> {
    Ok(match kind.kind.as_str() {
        "Deployment" | "StatefulSet" => {
            let updated = number(live, "status.updatedReplicas")?;
            is_observed(live)? && wants(live)? <= updated && number(live, "status.availableReplicas")? >= updated
        }
        "ReplicaSet" => is_observed(live)? && number(live, "status.availableReplicas")? >= wants(live)?,
        "DaemonSet" => {
            let updated = number(live, "status.updatedNumberScheduled")?;
            is_observed(live)?
                && updated >= number(live, "status.desiredNumberScheduled")?
                && number(live, "status.numberAvailable")? >= updated
        }
        "Service" => text(live, "spec.type") != "LoadBalancer" || has_address(live),
        "Ingress" => has_address(live),
        "PersistentVolumeClaim" => text(live, "status.phase") == "Bound",
        "Pod" => match text(live, "status.phase") {
            "Succeeded" => true,
            "Running" => condition(live, "Ready").is_some_and(|ready| ready.is_true()),
            _ => false,
        },
        // What is left is a PodDisruptionBudget.
        _ => number(live, "status.currentHealthy")? >= number(live, "status.desiredHealthy")?,
    })
}

/// Has the member's controller seen the latest generation?
fn is_observed(live: &Value) -> Result<bool, Fault> {
    let seen = whole(live, "status.observedGeneration")?.unwrap_or(0);
    Ok(seen == whole(live, "metadata.generation")?.unwrap_or(0))
}

/// Replicas wanted. Without a number any number will do: 0.
fn wants(live: &Value) -> Result<i64, Fault> {
    number(live, "spec.replicas")
}

fn number(live: &Value, path: &str) -> Result<i64, Fault> {
    Ok(count(live, path)?.unwrap_or(0))
}

/// Has a load balancer given it an address?
fn has_address(live: &Value) -> bool {
    let given = list(live, "status.loadBalancer.ingress");
    given.iter().any(|entry| !text(entry, "hostname").is_empty() || !text(entry, "ip").is_empty())
}
