//! One fleet per Application.

use model::{FieldError, FieldPath};
use serde_json::Value;

/// The policies agree with the default destination's fleet, or, without a default, all name the same fleet, or none.
pub(crate) fn validate(application: &Value) -> Vec<FieldError> {
    let fleet_of =
        |at: &Value| at.get("destination").and_then(|d| d.get("fleet")).and_then(Value::as_str).map(str::to_owned);
    let spec = &application["spec"];
    let policies = spec["syncPolicies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path = |index: usize| FieldPath::of("spec.syncPolicies").index(index).field("destination").field("fleet");
    let default = fleet_of(spec);
    let first = policies.first().and_then(fleet_of);
    let mut errors = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        match (&default, &first, fleet_of(policy)) {
            (Some(default), _, Some(own)) if own != *default => errors.push(FieldError::invalid(
                path(index),
                own,
                format!(
                    "must be the same fleet as spec.destination.fleet ({default:?}): an Application uses one fleet"
                ),
            )),
            (None, Some(first), Some(own)) if own != *first => errors.push(FieldError::invalid(
                path(index),
                own,
                format!(
                    "must be the same fleet in every policy (the first says {first:?}): an Application uses one fleet"
                ),
            )),
            (None, Some(first), None) => errors.push(FieldError::required(
                path(index),
                format!("without spec.destination every policy must name the fleet, as the first does ({first:?})"),
            )),
            (None, None, Some(own)) => errors.push(FieldError::invalid(
                path(index),
                own,
                "without spec.destination either every policy names the fleet or none does; the first names none",
            )),
            _ => {}
        }
    }
    errors
}
