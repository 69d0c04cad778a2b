//! One fleet per Application, and not too many policies.

use model::limit::SYNC_POLICIES_MAX;
use model::{FieldError, FieldErrorKind, FieldPath};
use serde_json::Value;

/// The number of policies has a limit, and they agree on a fleet.
pub(crate) fn validate(application: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let policies = |of: &Value| of["spec"]["syncPolicies"].as_array().map_or(0, Vec::len);
    let (new, old) = (policies(application), old.map_or(0, policies));
    // One that is stored with more, from before there was a limit, can still be changed in other ways and shortened.
    if new > SYNC_POLICIES_MAX.max(old) {
        let detail = format!(
            "an Application has at most {SYNC_POLICIES_MAX} policies, and this one has {new}: make several Applications of it"
        );
        let path = FieldPath::of("spec.syncPolicies");
        return vec![FieldError { path, kind: FieldErrorKind::TooMany, value: None, detail }];
    }
    one_fleet(application)
}

/// The policies agree with the default destination's fleet, or, without a default, all name the same fleet, or none.
fn one_fleet(application: &Value) -> Vec<FieldError> {
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
