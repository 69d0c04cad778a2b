//! Workloads: a selector that matches the template's labels and never changes.

use model::{LabelSelector, object};
use serde_json::Value;

use super::collect::{At, FieldErrors, get, list, percent, text};
use super::pod;

const MISMATCH: &str = "`selector` does not match template `labels`";

pub(super) fn deployment(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    workload(new, "deployment", found);
    let at = At::from("spec");
    let Some(spec) = get(new, "spec") else { return };
    strategy(spec, &at, found);
    found.non_negative(spec, "revisionHistoryLimit", &at);
    found.non_negative(spec, "progressDeadlineSeconds", &at);
    let number = |field: &str| get(spec, field).and_then(Value::as_i64);
    if let Some(deadline) = number("progressDeadlineSeconds")
        && deadline <= number("minReadySeconds").unwrap_or(0)
    {
        found.invalid(at.field("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds");
    }
    if let Some(old) = old {
        found.immutable(new, old, "spec.selector");
    }
}

fn strategy(spec: &Value, at: &At, found: &mut FieldErrors) {
    let Some(strategy) = get(spec, "strategy") else { return };
    let at = at.field("strategy");
    let rolling = get(strategy, "rollingUpdate");
    match text(strategy, "type") {
        "Recreate" if rolling.is_some() => {
            let why = "may not be specified when strategy `type` is 'Recreate'";
            found.forbidden(at.field("rollingUpdate"), why);
        }
        "Recreate" | "" => {}
        "RollingUpdate" => rolling_update(rolling, &at.field("rollingUpdate"), found),
        other => {
            let kinds = ["Recreate", "RollingUpdate"];
            found.push(model::FieldError::not_supported(at.path(), other, &kinds));
        }
    }
}

fn rolling_update(rolling: Option<&Value>, at: &At, found: &mut FieldErrors) {
    let Some(rolling) = rolling else { return };
    let is_zero = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => number.as_i64() == Some(0),
        Some(Value::String(text)) => percent(text) == Some(0),
        _ => false,
    };
    let (unavailable, surge) = (get(rolling, "maxUnavailable"), get(rolling, "maxSurge"));
    for (field, value) in [("maxUnavailable", unavailable), ("maxSurge", surge)] {
        if let Some(value) = value {
            found.count_or_percent(value, at.field(field));
        }
    }
    let place = at.field("maxUnavailable");
    if let Some(value) = unavailable {
        if is_zero(unavailable) && is_zero(surge) {
            found.invalid(place.clone(), value.clone(), "may not be 0 when `maxSurge` is 0");
        }
        if value.as_str().and_then(percent).is_some_and(|p| p > 100) {
            found.invalid(place, value.clone(), "must not be greater than 100%");
        }
    }
}

pub(super) fn replica_set(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    workload(new, "deployment", found);
    if let Some(old) = old {
        found.immutable(new, old, "spec.selector");
    }
}

pub(super) fn replication_controller(new: &Value, found: &mut FieldErrors) {
    let at = At::from("spec");
    let selector = object::string_map(get(new, "spec.selector"));
    if selector.is_empty() {
        found.required(at.field("selector"), "");
    }
    let labels = object::string_map(get(new, "spec.template.metadata.labels"));
    if selector.iter().any(|(key, value)| labels.get(key) != Some(value)) {
        let given = get(new, "spec.template.metadata.labels").cloned().unwrap_or(Value::Null);
        found.invalid(at.field("template.metadata.labels"), given, MISMATCH);
    }
    if let Some(spec) = get(new, "spec") {
        found.non_negative(spec, "replicas", &at);
    }
    pod::template(get(new, "spec.template"), &at.field("template"), found);
}

pub(super) fn daemon_set(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    workload(new, "daemonset", found);
    if let Some(strategy) = get(new, "spec.updateStrategy") {
        found.one_of(strategy, "type", &"spec.updateStrategy".into(), &["RollingUpdate", "OnDelete"]);
    }
    if let Some(old) = old {
        found.immutable(new, old, "spec.selector");
    }
}

/// What an update of a StatefulSet may change.
const STATEFUL_MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub(super) fn stateful_set(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    workload(new, "statefulset", found);
    let at = At::from("spec");
    for (field, allowed) in
        [("podManagementPolicy", ["OrderedReady", "Parallel"]), ("updateStrategy.type", ["RollingUpdate", "OnDelete"])]
    {
        let value = text(new, &format!("spec.{field}"));
        if !value.is_empty() && !allowed.contains(&value) {
            let why = format!("must be '{}' or '{}'", allowed[0], allowed[1]);
            let place = at.field(field.trim_end_matches(".type"));
            found.invalid(place, value, why);
        }
    }
    let Some(old) = old else { return };
    for field in ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"] {
        found.immutable(new, old, &format!("spec.{field}"));
    }
    let rest = |set: &Value| {
        let mut spec = set.get("spec").cloned().unwrap_or_default();
        let named = ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"];
        for field in STATEFUL_MUTABLE.iter().chain(&named) {
            object::remove(&mut spec, &[field]);
        }
        spec
    };
    if rest(new) != rest(old) {
        let (last, first) = STATEFUL_MUTABLE.split_last().unwrap_or((&"", &[]));
        let first = first.iter().map(|f| format!("'{f}'")).collect::<Vec<_>>().join(", ");
        let why = format!("updates to statefulset spec for fields other than {first} and '{last}' are forbidden");
        found.forbidden(at, why);
    }
}

/// Replicas, selector and template.
fn workload(new: &Value, word: &str, found: &mut FieldErrors) {
    let at = At::from("spec");
    let spec = new.get("spec").cloned().unwrap_or_default();
    found.non_negative(&spec, "replicas", &at);
    found.non_negative(&spec, "minReadySeconds", &at);
    match get(&spec, "selector") {
        None => {
            found.required(at.field("selector"), "");
            // A missing selector selects nothing.
            let labels = get(&spec, "template.metadata.labels").cloned().unwrap_or(Value::Null);
            found.invalid(at.field("template.metadata.labels"), labels, MISMATCH);
        }
        Some(selector) => {
            let place = at.field("selector");
            found.selector(selector, &place);
            match LabelSelector::from_object(selector) {
                Err(_) => found.invalid(place, selector.clone(), "invalid label selector"),
                Ok(parsed) if parsed.is_everything() => {
                    found.invalid(place, selector.clone(), format!("empty selector is invalid for {word}"));
                }
                Ok(parsed) => {
                    let labels = get(&spec, "template.metadata.labels");
                    if !parsed.matches(&object::string_map(labels)) {
                        let given = labels.cloned().unwrap_or(Value::Null);
                        found.invalid(at.field("template.metadata.labels"), given, MISMATCH);
                    }
                }
            }
        }
    }
    let claims = list(&spec, "volumeClaimTemplates");
    pod::template_with(get(&spec, "template"), claims, &at.field("template"), found);
    let policy = text(&spec, "template.spec.restartPolicy");
    if !policy.is_empty() && policy != "Always" {
        let path = at.field("template.spec.restartPolicy").path();
        found.push(model::FieldError::not_supported(path, policy, &["Always"]));
    }
    if get(&spec, "template.spec.activeDeadlineSeconds").is_some() {
        let kind = match word {
            "daemonset" => "DaemonSet",
            "statefulset" => "StatefulSet",
            _ => "ReplicaSet",
        };
        let why = format!("activeDeadlineSeconds in {kind} is not Supported");
        found.forbidden(at.field("template.spec.activeDeadlineSeconds"), why);
    }
}
