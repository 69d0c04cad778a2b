//! What steers the number of pods.

use serde_json::{Map, Value};

use super::collect::{At, FieldErrors, get, text};

pub(super) fn autoscaler(new: &Value, found: &mut FieldErrors) {
    let at = At::from("spec");
    let empty = Value::Object(Map::new());
    let spec = new.get("spec").unwrap_or(&empty);
    let number = |field: &str| get(spec, field).and_then(Value::as_i64);
    let (min, max) = (number("minReplicas"), number("maxReplicas").unwrap_or(0));
    if let Some(min) = min.filter(|min| *min < 1) {
        found.invalid(at.field("minReplicas"), min, "must be greater than or equal to 1");
    }
    match max {
        0 => found.required(at.field("maxReplicas"), "must be set and greater than 0"),
        ..0 => found.invalid(at.field("maxReplicas"), max, "must be greater than or equal to 1"),
        _ => {}
    }
    if min.is_some_and(|min| max < min) {
        found.invalid(at.field("maxReplicas"), max, "must be greater than or equal to `minReplicas`");
    }
    for field in ["kind", "name"] {
        if text(spec, &format!("scaleTargetRef.{field}")).is_empty() {
            found.required(at.field("scaleTargetRef").field(field), "");
        }
    }
    // Only ReplicationControllers are of the core group and can be scaled.
    let api_version = text(spec, "scaleTargetRef.apiVersion");
    if !api_version.contains('/') && text(spec, "scaleTargetRef.kind") != "ReplicationController" {
        found.invalid(at.field("scaleTargetRef.apiVersion"), api_version, "apiVersion must specify API group");
    }
}

pub(super) fn disruption_budget(new: &Value, found: &mut FieldErrors) {
    let at = At::from("spec");
    let Some(spec) = get(new, "spec") else { return };
    let (min, max) = (get(spec, "minAvailable"), get(spec, "maxUnavailable"));
    if min.is_some() && max.is_some() {
        found.invalid(at.clone(), spec.clone(), "minAvailable and maxUnavailable cannot be both set");
    }
    for (field, value) in [("minAvailable", min), ("maxUnavailable", max)] {
        if let Some(value) = value {
            found.count_or_percent(value, at.field(field));
        }
    }
    if let Some(selector) = get(spec, "selector") {
        found.selector(selector, &at.field("selector"));
    }
    found.one_of(spec, "unhealthyPodEvictionPolicy", &at, &["AlwaysAllow", "IfHealthyBudget"]);
}
