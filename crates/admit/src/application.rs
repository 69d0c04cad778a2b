//! One fleet per Application; namespaces that can exist.

use model::{FieldError, FieldPath, name};
use serde_json::Value;

/// The policies agree with the default destination's fleet, or, without a default, all name the same fleet, or none.
pub(crate) fn validate(application: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let fleet_of =
        |at: &Value| at.get("destination").and_then(|d| d.get("fleet")).and_then(Value::as_str).map(str::to_owned);
    let spec = &application["spec"];
    let policies = spec["syncPolicies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path = |index: usize| FieldPath::of("spec.syncPolicies").index(index).field("destination").field("fleet");
    let default = fleet_of(spec);
    let first = policies.first().and_then(fleet_of);
    let mut errors = target_namespaces(application, old);
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

/// Where a policy puts objects without a namespace, as it says. What is stored already is not refused, so that such an Application can
/// still be written to and deleted.
fn target_namespaces(application: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let named = |application: &Value, index: usize| {
        let policy = &application["spec"]["syncPolicies"][index];
        policy["kustomization"]["targetNamespace"].as_str().filter(|name| !name.is_empty()).map(str::to_owned)
    };
    let policies = application["spec"]["syncPolicies"].as_array().map(Vec::len).unwrap_or_default();
    let mut errors = Vec::new();
    for index in 0..policies {
        let Some(wanted) = named(application, index) else { continue };
        if let Err(why) = name::check_dns_label(&wanted)
            && old.and_then(|old| named(old, index)).as_ref() != Some(&wanted)
        {
            let path = FieldPath::of("spec.syncPolicies").index(index).field("kustomization").field("targetNamespace");
            errors.push(FieldError::invalid(path, wanted, format!("must be the name of a namespace: {why}")));
        }
    }
    errors
}
