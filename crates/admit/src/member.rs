//! Members' records, as Karmada validates its Cluster (`pkg/apis/cluster/validation`).

use model::{FieldError, FieldPath, name, object};
use serde_json::Value;

/// Longest member name: names derived from it (leases, slices, namespaces) add up to 15 characters and must stay DNS
/// labels of 63.
const NAME_MAX: usize = 48;

pub(crate) fn check_name(text: &str) -> Result<(), String> {
    if text.len() > NAME_MAX {
        return Err(format!("must be no more than {NAME_MAX} characters"));
    }
    name::check_dns_label(text)
}

pub(crate) fn validate(member: &Value, _old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let given = object::name(member).unwrap_or_default();
    if let Err(why) = check_name(given) {
        errors.push(FieldError::invalid(FieldPath::of("metadata.name"), given, why));
    }
    let spec = &member["spec"];
    let has = |field: &str| spec.get(field).is_some_and(|v| !v.is_null() && v.as_array().is_none_or(|a| !a.is_empty()));
    if has("zone") && has("zones") {
        errors.push(FieldError::forbidden(FieldPath::of("spec.zone"), "may not be set together with zones"));
    }
    errors
}
