//! Objects between versions.
//!
//! Kinds of CRDs convert by changing `apiVersion` (strategy None). Two built-in kinds are shown in two shapes over one
//! storage: Event (`v1`, `events.k8s.io/v1`) and HorizontalPodAutoscaler (`autoscaling/v2`, `autoscaling/v1`).

use model::object;
use serde_json::{Map, Value, json};

/// Pairs of names of the same field: core, events.k8s.io (`pkg/apis/events/v1/conversion.go`).
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// Where the parts of a v2 autoscaler that v1 has no field for are kept.
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";

/// Changes the shape of an object from one `apiVersion` to another.
type Reshape = fn(&mut Value, &str, &str);

/// Changes an object to another version of its kind.
pub(crate) fn convert(object: &mut Value, api_version: &str, reshape: Option<Reshape>) {
    let from = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if from == api_version {
        return;
    }
    if let Some(reshape) = reshape {
        let from = from.to_owned();
        reshape(object, &from, api_version);
    }
    object["apiVersion"] = json!(api_version);
}

/// An Event between the core group and `events.k8s.io`.
pub(crate) fn event(object: &mut Value, from: &str, to: &str) {
    match (from, to) {
        ("v1", "events.k8s.io/v1") => rename(object, |(core, new)| (core, new)),
        ("events.k8s.io/v1", "v1") => rename(object, |(core, new)| (new, core)),
        _ => {}
    }
}

/// The name in the core group of a field of an Event in `events.k8s.io`, from outside in (`regarding.name`).
pub(crate) fn event_field(path: &str) -> String {
    let (first, rest) = path.split_once('.').map_or((path, ""), |(first, rest)| (first, rest));
    let core = EVENT_FIELDS.iter().find(|(_, new)| *new == first).map_or(first, |(core, _)| core);
    if rest.is_empty() { core.to_owned() } else { format!("{core}.{rest}") }
}

/// A HorizontalPodAutoscaler between `autoscaling/v1` and `autoscaling/v2`.
pub(crate) fn autoscaler(object: &mut Value, from: &str, to: &str) {
    match (from, to) {
        ("autoscaling/v2", "autoscaling/v1") => to_v1(object),
        ("autoscaling/v1", "autoscaling/v2") => to_v2(object),
        _ => {}
    }
}

fn rename(object: &mut Value, direction: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    let Some(map) = object.as_object_mut() else { return };
    for (from, to) in EVENT_FIELDS.map(direction) {
        if let Some(value) = map.remove(from) {
            map.insert(to.to_owned(), value);
        }
    }
}

/// The v1 form: a target for CPU alone; other metrics go to an annotation.
fn to_v1(object: &mut Value) {
    let metrics = object::remove(object, &["spec", "metrics"]).and_then(|m| m.as_array().cloned()).unwrap_or_default();
    let cpu = |metric: &&Value| object::get_str(metric, &["resource", "name"]) == Some("cpu");
    let target = |metric: &Value| object::get_i64(metric, &["resource", "target", "averageUtilization"]);
    if let Some(percent) = metrics.iter().find(cpu).and_then(target) {
        *object::slot(object, &["spec", "targetCPUUtilizationPercentage"]) = json!(percent);
    }
    let others: Vec<Value> = metrics.iter().filter(|m| !(cpu(m) && target(m).is_some())).cloned().collect();
    if !others.is_empty() {
        *object::slot(object, &["metadata", "annotations", METRICS]) = json!(Value::Array(others).to_string());
    }
    let current = object::remove(object, &["status", "currentMetrics"]);
    let current = current.as_ref().and_then(Value::as_array).and_then(|list| list.iter().find(cpu));
    let percent = current.and_then(|m| object::get_i64(m, &["resource", "current", "averageUtilization"]));
    if let Some(percent) = percent {
        *object::slot(object, &["status", "currentCPUUtilizationPercentage"]) = json!(percent);
    }
    object::remove(object, &["status", "conditions"]);
    object::remove(object, &["spec", "behavior"]);
}

fn to_v2(object: &mut Value) {
    let kept = object::remove(object, &["metadata", "annotations", METRICS]);
    let kept = kept.and_then(|text| serde_json::from_str::<Vec<Value>>(text.as_str()?).ok());
    let mut metrics = kept.unwrap_or_default();
    if let Some(percent) = object::remove(object, &["spec", "targetCPUUtilizationPercentage"]) {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        metrics.insert(0, json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    if !metrics.is_empty() {
        *object::slot(object, &["spec", "metrics"]) = Value::Array(metrics);
    }
    if object::get(object, &["metadata", "annotations"]).and_then(Value::as_object).is_some_and(Map::is_empty) {
        object::remove(object, &["metadata", "annotations"]);
    }
    if let Some(percent) = object::remove(object, &["status", "currentCPUUtilizationPercentage"]) {
        let current = json!({"averageUtilization": percent});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "current": current}});
        *object::slot(object, &["status", "currentMetrics"]) = json!([metric]);
    }
}

#[cfg(test)]
mod tests;
