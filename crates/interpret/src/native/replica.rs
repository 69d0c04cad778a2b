//! How many replicas a workload wants, and setting their number.

use model::{GroupVersionKind, object};
use serde_json::{Value, json};

use super::{A_COUNT, COUNT_MAX, count, requirement};
use crate::fault::Fault;
use crate::interpreter::Demand;
use crate::read::whole;

/// The number of replicas and what each needs (Karmada's `native/replica.go`). A missing number is 0: the API server has filled
/// it in before anybody asks.
pub(super) fn demand(kind: &GroupVersionKind, workload: &Value) -> Result<Demand, Fault> {
    let (replicas, spec) = match kind.kind.as_str() {
        "Pod" => (1, "spec"),
        "Job" => (parallel(workload)?, "spec.template.spec"),
        _ => (count(workload, "spec.replicas")?.unwrap_or(0), "spec.template.spec"),
    };
    let mut requirements = requirement::of_pod(workload, spec)?;
    object::namespace(workload).unwrap_or_default().clone_into(&mut requirements.namespace);
    Ok(Demand { replicas, requirements })
}

/// Pods of a Job that run at the same time: never more than it has to complete.
fn parallel(job: &Value) -> Result<i64, Fault> {
    let parallelism = count(job, "spec.parallelism")?.unwrap_or(0);
    let completions = count(job, "spec.completions")?.unwrap_or(parallelism);
    Ok(parallelism.min(completions))
}

/// Sets the number of replicas (Karmada's `native/revisereplica.go`). An object whose template does not say a number keeps
/// none, as in Karmada.
pub(super) fn revise(kind: &GroupVersionKind, object: &mut Value, replicas: i64) -> Result<(), Fault> {
    set(object, if kind.kind == "Job" { "parallelism" } else { "replicas" }, replicas)
}

/// Sets a number of the spec, if it is there.
///
/// # Errors
/// The field is there and is no number, or the new number is out of range.
pub(crate) fn set(object: &mut Value, field: &str, number: i64) -> Result<(), Fault> {
    let path = format!("spec.{field}");
    if !(0..=COUNT_MAX).contains(&number) {
        return Err(Fault::field(&path, A_COUNT));
    }
    if whole(object, &path)?.is_some()
        && let Some(place) = object.get_mut("spec").and_then(|spec| spec.get_mut(field))
    {
        *place = json!(number);
    }
    Ok(())
}
