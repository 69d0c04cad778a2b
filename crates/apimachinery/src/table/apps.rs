//! Workloads and what belongs to them.

use model::GroupKind;
use serde_json::Value;

use super::cell::{NONE, Row, UNKNOWN, UNSET, condition, get, int, list, plain, text};
use super::duration;

const POD: &str = "spec.template.spec";

pub(super) fn deployment(row: &Row<'_>) -> Vec<Value> {
    let (names, images) = row.containers(POD);
    vec![
        row.name().into(),
        format!("{}/{}", row.int("status.readyReplicas"), row.int("spec.replicas")).into(),
        row.int("status.updatedReplicas").into(),
        row.int("status.availableReplicas").into(),
        row.age().into(),
        names.into(),
        images.into(),
        row.selector("spec.selector").into(),
    ]
}

pub(super) fn replica_set(row: &Row<'_>) -> Vec<Value> {
    replicas(row, row.selector("spec.selector"))
}

pub(super) fn replication_controller(row: &Row<'_>) -> Vec<Value> {
    replicas(row, row.labels("spec.selector"))
}

fn replicas(row: &Row<'_>, selector: String) -> Vec<Value> {
    let (names, images) = row.containers(POD);
    vec![
        row.name().into(),
        row.int("spec.replicas").into(),
        row.int("status.replicas").into(),
        row.int("status.readyReplicas").into(),
        row.age().into(),
        names.into(),
        images.into(),
        selector.into(),
    ]
}

pub(super) fn stateful_set(row: &Row<'_>) -> Vec<Value> {
    let (names, images) = row.containers(POD);
    vec![
        row.name().into(),
        format!("{}/{}", row.int("status.readyReplicas"), row.int("spec.replicas")).into(),
        row.age().into(),
        names.into(),
        images.into(),
    ]
}

pub(super) fn daemon_set(row: &Row<'_>) -> Vec<Value> {
    let (names, images) = row.containers(POD);
    vec![
        row.name().into(),
        row.int("status.desiredNumberScheduled").into(),
        row.int("status.currentNumberScheduled").into(),
        row.int("status.numberReady").into(),
        row.int("status.updatedNumberScheduled").into(),
        row.int("status.numberAvailable").into(),
        row.labels("spec.template.spec.nodeSelector").into(),
        row.age().into(),
        names.into(),
        images.into(),
        row.selector("spec.selector").into(),
    ]
}

pub(super) fn job(row: &Row<'_>) -> Vec<Value> {
    let succeeded = row.int("status.succeeded");
    let completions = match (row.get("spec.completions").and_then(Value::as_i64), row.int("spec.parallelism")) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallel @ 2..) => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let started = row.text("status.startTime").parse().ok();
    let ended = row.text("status.completionTime").parse().unwrap_or(row.now);
    let took = started.map_or_else(String::new, |at| duration::human(at, ended));
    let is = |ty: &str| condition(row.object, "status.conditions", ty);
    let status = if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if row.is_deleting() {
        "Terminating"
    } else {
        ["Suspended", "FailureTarget", "SuccessCriteriaMet"].into_iter().find(|ty| is(ty)).unwrap_or("Running")
    };
    let (names, images) = row.containers(POD);
    vec![
        row.name().into(),
        status.into(),
        completions.into(),
        took.into(),
        row.age().into(),
        names.into(),
        images.into(),
        row.selector("spec.selector").into(),
    ]
}

pub(super) fn cron_job(row: &Row<'_>) -> Vec<Value> {
    let suspend = row.get("spec.suspend").and_then(Value::as_bool);
    let suspend = suspend.map_or(UNSET, |on| if on { "True" } else { "False" });
    let last = if row.get("status.lastScheduleTime").is_some() {
        row.since("status.lastScheduleTime")
    } else {
        NONE.to_owned()
    };
    let (names, images) = row.containers("spec.jobTemplate.spec.template.spec");
    vec![
        row.name().into(),
        row.text("spec.schedule").into(),
        row.text_or("spec.timeZone", NONE).into(),
        suspend.into(),
        row.list("status.active").len().into(),
        last.into(),
        row.age().into(),
        names.into(),
        images.into(),
        row.selector("spec.jobTemplate.spec.selector").into(),
    ]
}

pub(super) fn controller_revision(row: &Row<'_>) -> Vec<Value> {
    let owners = row.list("metadata.ownerReferences");
    let owner = owners.iter().find(|o| get(o, "controller") == Some(&Value::Bool(true)));
    let owner = owner.map_or_else(
        || NONE.to_owned(),
        |owner| {
            let group = text(owner, "apiVersion").split_once('/').map_or("", |(group, _)| group);
            let kind = GroupKind::new(group, text(owner, "kind")).to_string().to_lowercase();
            format!("{kind}/{}", text(owner, "name"))
        },
    );
    vec![row.name().into(), owner.into(), row.int("revision").into(), row.age().into()]
}

pub(super) fn pod_template(row: &Row<'_>) -> Vec<Value> {
    let (names, images) = row.containers("template.spec");
    vec![row.name().into(), names.into(), images.into(), row.labels("template.metadata.labels").into()]
}

pub(super) fn pod_disruption_budget(row: &Row<'_>) -> Vec<Value> {
    let bound = |path: &str| row.get(path).map_or_else(|| "N/A".to_owned(), plain);
    vec![
        row.name().into(),
        bound("spec.minAvailable").into(),
        bound("spec.maxUnavailable").into(),
        row.int("status.disruptionsAllowed").into(),
        row.age().into(),
    ]
}

pub(super) fn autoscaler(row: &Row<'_>) -> Vec<Value> {
    let reference = format!("{}/{}", row.text("spec.scaleTargetRef.kind"), row.text("spec.scaleTargetRef.name"));
    let min = row.get("spec.minReplicas").map_or_else(|| UNSET.to_owned(), plain);
    vec![
        row.name().into(),
        reference.into(),
        metrics(row).into(),
        min.into(),
        row.int("spec.maxReplicas").into(),
        row.int("status.currentReplicas").into(),
        row.age().into(),
    ]
}

/// Current and wanted values of the first two metrics. autoscaling/v1 knows only CPU, in fields of its own.
fn metrics(row: &Row<'_>) -> String {
    let percent = |value: Option<&Value>| value.and_then(Value::as_i64).map(|p| format!("{p}%"));
    let unknown = || UNKNOWN.to_owned();
    if row.get("spec.targetCPUUtilizationPercentage").is_some() {
        let current = percent(row.get("status.currentCPUUtilizationPercentage")).unwrap_or_else(unknown);
        let target = percent(row.get("spec.targetCPUUtilizationPercentage")).unwrap_or_else(unknown);
        return format!("cpu: {current}/{target}");
    }
    let specs = row.list("spec.metrics");
    let statuses = row.list("status.currentMetrics");
    let cells: Vec<String> = specs.iter().enumerate().map(|(i, spec)| metric(spec, statuses.get(i))).collect();
    match cells.len() {
        0 => NONE.to_owned(),
        1 | 2 => cells.join(", "),
        all => format!("{} + {} more...", cells[..2].join(", "), all - 2),
    }
}

fn metric(spec: &Value, status: Option<&Value>) -> String {
    let (source, shows_name) = match text(spec, "type") {
        "External" => ("external", false),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        _ => return "<unknown type>".to_owned(),
    };
    let current = |field: &str| status.and_then(|s| get(s, &format!("{source}.current.{field}")));
    let target = |field: &str| get(spec, &format!("{source}.target.{field}"));
    let or_unknown = |value: Option<&Value>| value.map_or_else(|| UNKNOWN.to_owned(), plain);
    let name = if shows_name { format!("{}: ", text(spec, &format!("{source}.name"))) } else { String::new() };
    if let Some(wanted) = target("averageValue") {
        let avg = if matches!(source, "external" | "object") { " (avg)" } else { "" };
        return format!("{name}{}/{}{avg}", or_unknown(current("averageValue")), plain(wanted));
    }
    if shows_name {
        let percent = |value: Option<&Value>, or: &str| match value.and_then(Value::as_i64) {
            Some(p) => format!("{p}%"),
            None => or.to_owned(),
        };
        let (now, wanted) = (current("averageUtilization"), target("averageUtilization"));
        return format!("{name}{}/{}", percent(now, UNKNOWN), percent(wanted, "<auto>"));
    }
    format!("{}/{}", or_unknown(current("value")), or_unknown(target("value")))
}

pub(super) fn resource_quota(row: &Row<'_>) -> Vec<Value> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    if let Some(Value::Object(hard)) = row.get("status.hard") {
        for (name, most) in hard {
            let used = row.get("status.used").and_then(|u| u.get(name)).map_or_else(|| "0".to_owned(), plain);
            let list = if name.starts_with("limits.") { &mut limits } else { &mut requests };
            list.push(format!("{name}: {used}/{}", plain(most)));
        }
    }
    vec![row.name().into(), requests.join(", ").into(), limits.join(", ").into(), row.age().into()]
}

pub(super) fn priority_class(row: &Row<'_>) -> Vec<Value> {
    vec![
        row.name().into(),
        int(row.object, "value").into(),
        row.flag("globalDefault").into(),
        row.age().into(),
        row.text("preemptionPolicy").into(),
    ]
}

pub(super) fn webhooks(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), list(row.object, "webhooks").len().into(), row.age().into()]
}
