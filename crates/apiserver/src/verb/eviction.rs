//! `pods/eviction`: a delete that a PodDisruptionBudget may refuse.
//!
//! Follows `pkg/registry/core/pod/storage/eviction.go`. The budget's status, which a controller computes, decides.

use model::{GroupResource, LabelSelector, Reason, Status, Timestamp, clock, object};
use serde_json::{Value, json};
use store::{Expect, Write, WriteError};

use super::delete::{DeleteOptions, delete_object};
use super::write::TRIES;
use crate::call::Call;
use crate::reply::{self, Answer};
use crate::state::{Current, write_failure};
use crate::{key, semantics};

const GROUP: &str = "policy";
const BUDGETS: &str = "poddisruptionbudgets";
/// Kind of the causes of a refusal.
const CAUSE: &str = "DisruptionBudget";
/// Evictions that the controller has yet to see: beyond this none is allowed (upstream's MaxDisruptedPodSize).
const DISRUPTED_MAX: usize = 2_000;
/// Seconds after which a client may ask again while the budget's status is not of its newest version.
const RETRY_SECS: u32 = 10;

/// Evicts the pod of the path.
pub(super) async fn evict(call: &mut Call) -> Result<Answer, Status> {
    let (eviction, _) = call.decode()?;
    let dry_run = call.query.dry_run("CreateOptions")?;
    let text = |path: &[&str]| object::get_str(&eviction, path).map(str::to_owned);
    let asked = DeleteOptions {
        uid: text(&["deleteOptions", "preconditions", "uid"]),
        resource_version: text(&["deleteOptions", "preconditions", "resourceVersion"]),
        grace_secs: object::get_i64(&eviction, &["deleteOptions", "gracePeriodSeconds"]),
        dry_run,
        ..DeleteOptions::default()
    };
    for _ in 0..TRIES {
        let pod = call.state.current(&call.served, call.namespace(), call.name())?.ok_or_else(|| call.not_found())?;
        let mut budgets = budgets(call, &pod.object)?;
        let only_this = match decide(&pod.object, budgets.iter().map(|b| &b.object), call.state.now())? {
            Verdict::Delete => false,
            Verdict::DeleteAsItIs => true,
            Verdict::Spend(spent) => {
                if !dry_run && !spend(call, budgets.remove(0), spent).await? {
                    continue;
                }
                false
            }
        };
        let mut options = asked.clone();
        if only_this && options.resource_version.is_none() {
            options.resource_version = object::resource_version(&pod.object).map(str::to_owned);
        }
        match delete_object(call, call.name(), &options).await {
            // It may have become healthy meanwhile, and then counts.
            Err(status) if only_this && asked.resource_version.is_none() && status.is(Reason::Conflict) => continue,
            other => drop(other?),
        }
        let success = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        return Ok(reply::value(201, &success));
    }
    Err(Status::new(Reason::Timeout, "the pod or its disruption budget changed again and again; try again"))
}

/// The budgets that guard a pod.
fn budgets(call: &Call, pod: &Value) -> Result<Vec<Current>, Status> {
    let registry = call.state.registry();
    let Some(served) = registry.find(GROUP, "v1", BUDGETS) else { return Ok(Vec::new()) };
    let labels = object::labels(pod);
    let mut out = Vec::new();
    for entry in call.state.entries(&key::prefix(GROUP, BUDGETS, call.namespace())) {
        let (bytes, budget) = call.state.parse(served, &entry)?;
        let selector = budget["spec"].get("selector").filter(|selector| selector.is_object());
        let selects = |selector| LabelSelector::from_object(selector).is_ok_and(|s| s.matches(&labels));
        if selector.is_some_and(selects) {
            out.push(Current { entry, bytes, object: budget });
        }
    }
    Ok(out)
}

/// Stores a budget from which an eviction was taken; false when it has changed since it was read.
async fn spend(call: &Call, read: Current, mut spent: Value) -> Result<bool, Status> {
    let registry = call.state.registry();
    let served = registry.find(GROUP, "v1", BUDGETS).ok_or_else(Status::no_such_path)?.clone();
    drop(registry);
    let value = Some(semantics::encode(&served, &mut spent)?);
    let write = Write { key: read.entry.key.clone(), expect: Expect::At(read.entry.modified), value };
    match call.state.write(write).await {
        Ok(_) => Ok(true),
        Err(WriteError::Unexpected { .. } | WriteError::Absent) => Ok(false),
        Err(error) => Err(write_failure(&error)),
    }
}

/// What becomes of an eviction.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// No budget has a say.
    Delete,
    /// The pod does not count as long as it is as it was read.
    DeleteAsItIs,
    /// It is taken from the budget, which then looks like this.
    Spend(Value),
}

fn decide<'a>(pod: &Value, mut budgets: impl Iterator<Item = &'a Value>, now: Timestamp) -> Result<Verdict, Status> {
    let phase = object::get_str(pod, &["status", "phase"]).unwrap_or_default();
    if object::is_deleting(pod) || matches!(phase, "Succeeded" | "Failed" | "Pending") {
        return Ok(Verdict::Delete);
    }
    let Some(budget) = budgets.next() else { return Ok(Verdict::Delete) };
    if budgets.next().is_some() {
        let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Status::internal(why));
    }
    let number = |field: &str| object::get_i64(budget, &["status", field]).unwrap_or_default();
    let (healthy, wanted, allowed) = (number("currentHealthy"), number("desiredHealthy"), number("disruptionsAllowed"));
    if !is_ready(pod) {
        let always = object::get_str(budget, &["spec", "unhealthyPodEvictionPolicy"]) == Some("AlwaysAllow");
        if always || healthy >= wanted && wanted > 0 {
            return Ok(Verdict::DeleteAsItIs);
        }
    }
    let name = object::name(budget).unwrap_or_default();
    if number("observedGeneration") < object::get_i64(budget, &["metadata", "generation"]).unwrap_or_default() {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refused(&why).retry_after(RETRY_SECS));
    }
    let disrupted = object::get(budget, &["status", "disruptedPods"]).and_then(Value::as_object).map_or(0, |m| m.len());
    if allowed < 0 || disrupted > DISRUPTED_MAX {
        let why = if allowed < 0 {
            "pdb disruptions allowed is negative"
        } else {
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        };
        let resource = GroupResource { group: GROUP.to_owned(), resource: "poddisruptionbudget".to_owned() };
        let mut status = Status::forbidden(&resource, name, why);
        let message = format!("The disruption budget {name} does not allow evicting pods currently: {why}");
        status.details["causes"] = json!([{"reason": CAUSE, "message": message}]);
        return Err(status);
    }
    if allowed == 0 {
        return Err(refused(&if healthy <= wanted {
            format!("The disruption budget {name} needs {wanted} healthy pods and has {healthy} currently")
        } else {
            format!("The disruption budget {name} does not allow evicting pods currently")
        }));
    }
    let mut spent = budget.clone();
    spent["status"]["disruptionsAllowed"] = json!(allowed - 1);
    let evicted = object::name(pod).unwrap_or_default();
    *object::slot(&mut spent, &["status", "disruptedPods", evicted]) = json!(clock::format_seconds(now));
    Ok(Verdict::Spend(spent))
}

fn is_ready(pod: &Value) -> bool {
    let conditions = object::get(pod, &["status", "conditions"]).and_then(Value::as_array);
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

fn refused(why: &str) -> Status {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut status = Status::new(Reason::TooManyRequests, message);
    status.details["causes"] = json!([{"reason": CAUSE, "message": why}]);
    status
}

#[cfg(test)]
mod tests;
