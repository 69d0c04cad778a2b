//! The cluster itself: nodes, namespaces, configuration, events, access.

use std::collections::BTreeSet;

use model::object;
use serde_json::Value;

use super::cell::{NONE, Row, UNKNOWN, condition, get, or, text};
use super::duration;

pub(super) fn node(row: &Row<'_>) -> Vec<Value> {
    let ready = row.list("status.conditions").iter().find(|c| text(c, "type") == "Ready");
    let mut status = match ready.map(|c| text(c, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if row.flag("spec.unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    let roles: BTreeSet<String> = object::labels(row.object)
        .into_iter()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role.to_owned()),
            None => (key == "kubernetes.io/role").then_some(value),
        })
        .filter(|role| !role.is_empty())
        .collect();
    let address = |ty: &str| {
        let found = row.list("status.addresses").iter().find(|a| text(a, "type") == ty);
        found.map_or(NONE, |a| text(a, "address"))
    };
    let mut kernel = row.text_or("status.nodeInfo.kernelVersion", UNKNOWN).to_owned();
    let architecture = row.text("status.nodeInfo.architecture");
    if !architecture.is_empty() {
        kernel = format!("{kernel} ({architecture})");
    }
    vec![
        row.name().into(),
        status.into(),
        or(roles.into_iter().collect::<Vec<_>>().join(","), NONE).into(),
        row.age().into(),
        row.text("status.nodeInfo.kubeletVersion").into(),
        address("InternalIP").into(),
        address("ExternalIP").into(),
        row.text_or("status.nodeInfo.osImage", UNKNOWN).into(),
        kernel.into(),
        row.text_or("status.nodeInfo.containerRuntimeVersion", UNKNOWN).into(),
    ]
}

pub(super) fn namespace(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.text("status.phase").into(), row.age().into()]
}

fn entries(row: &Row<'_>, path: &str) -> usize {
    row.get(path).and_then(Value::as_object).map_or(0, serde_json::Map::len)
}

pub(super) fn config_map(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), (entries(row, "data") + entries(row, "binaryData")).into(), row.age().into()]
}

pub(super) fn secret(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.text("type").into(), entries(row, "data").into(), row.age().into()]
}

pub(super) fn name_and_age(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.age().into()]
}

/// For kinds without columns: the time itself, which kubectl turns into an age.
pub(super) fn name_and_time(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.text("metadata.creationTimestamp").into()]
}

pub(super) fn event(row: &Row<'_>) -> Vec<Value> {
    // The two APIs name their fields differently: core/v1 first, events.k8s.io/v1 second.
    let either = |core: &str, events: &str| or(row.text(core).to_owned(), row.text(events));
    let time = |core: &str, events: &str| either(core, events);
    let first = time("firstTimestamp", "deprecatedFirstTimestamp");
    let first = row.since_text(if first.is_empty() { row.text("eventTime") } else { &first });
    let last = time("lastTimestamp", "deprecatedLastTimestamp");
    let mut last = if last.is_empty() { first.clone() } else { row.since_text(&last) };
    let mut count = row.int("count").max(row.int("deprecatedCount"));
    if row.get("series").is_some() {
        last = row.since("series.lastObservedTime");
        count = row.int("series.count");
    } else if count == 0 {
        count = 1;
    }
    let kind = either("involvedObject.kind", "regarding.kind").to_lowercase();
    let name = either("involvedObject.name", "regarding.name");
    let target = if name.is_empty() { kind } else { format!("{kind}/{name}") };
    let component = or(
        either("source.component", "deprecatedSource.component"),
        &either("reportingComponent", "reportingController"),
    );
    let instance = or(either("source.host", "deprecatedSource.host"), row.text("reportingInstance"));
    let source = if instance.is_empty() { component } else { format!("{component}, {instance}") };
    vec![
        last.into(),
        row.text("type").into(),
        row.text("reason").into(),
        target.into(),
        either("involvedObject.fieldPath", "regarding.fieldPath").into(),
        source.into(),
        either("message", "note").trim().into(),
        first.into(),
        count.into(),
        row.name().into(),
    ]
}

pub(super) fn role_binding(row: &Row<'_>) -> Vec<Value> {
    let (mut users, mut groups, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
    for subject in row.list("subjects") {
        let name = text(subject, "name").to_owned();
        match text(subject, "kind") {
            "ServiceAccount" => accounts.push(format!("{}/{name}", text(subject, "namespace"))),
            "User" => users.push(name),
            "Group" => groups.push(name),
            _ => {}
        }
    }
    vec![
        row.name().into(),
        format!("{}/{}", row.text("roleRef.kind"), row.text("roleRef.name")).into(),
        row.age().into(),
        users.join(", ").into(),
        groups.join(", ").into(),
        accounts.join(", ").into(),
    ]
}

pub(super) fn lease(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.text("spec.holderIdentity").into(), row.age().into()]
}

pub(super) fn runtime_class(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.text("handler").into(), row.age().into()]
}

pub(super) fn signing_request(row: &Row<'_>) -> Vec<Value> {
    let has = |ty: &str| row.list("status.conditions").iter().any(|c| text(c, "type") == ty);
    let mut status = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (_, true) => "Approved",
        _ => "Pending",
    }
    .to_owned();
    if has("Failed") {
        status.push_str(",Failed");
    }
    if !row.text("status.certificate").is_empty() {
        status.push_str(",Issued");
    }
    let requested = row.get("spec.expirationSeconds").and_then(Value::as_i64);
    let requested = requested
        .and_then(|secs| model::Timestamp::from_second(secs).ok())
        .map_or_else(|| NONE.to_owned(), |end| duration::human(model::Timestamp::UNIX_EPOCH, end));
    vec![
        row.name().into(),
        row.age().into(),
        row.text_or("spec.signerName", NONE).into(),
        row.text("spec.username").into(),
        requested.into(),
        status.into(),
    ]
}

pub(super) fn custom_kind(row: &Row<'_>) -> Vec<Value> {
    let served = row.list("spec.versions").iter().filter(|v| get(v, "served") == Some(&Value::Bool(true)));
    let label = |version: &Value| {
        let storage = get(version, "storage") == Some(&Value::Bool(true));
        format!("{}{}", text(version, "name"), if storage { "(storage)" } else { "" })
    };
    let versions: BTreeSet<String> = served.map(label).collect();
    let short_names: Vec<&str> = row.list("spec.names.shortNames").iter().filter_map(Value::as_str).collect();
    vec![
        row.name().into(),
        row.text("spec.scope").into(),
        versions.into_iter().collect::<Vec<_>>().join(",").into(),
        row.text("metadata.creationTimestamp").into(),
        row.text("spec.group").into(),
        row.text("spec.names.kind").into(),
        short_names.join(",").into(),
        condition(row.object, "status.conditions", "Established").into(),
    ]
}

pub(super) fn api_service(row: &Row<'_>) -> Vec<Value> {
    let service = match row.get("spec.service") {
        Some(_) => format!("{}/{}", row.text("spec.service.namespace"), row.text("spec.service.name")),
        None => "Local".to_owned(),
    };
    let available = row.list("status.conditions").iter().find(|c| text(c, "type") == "Available");
    let available = match available {
        Some(c) if text(c, "status") == "True" => "True".to_owned(),
        Some(c) => format!("{} ({})", text(c, "status"), text(c, "reason")),
        None => "Unknown".to_owned(),
    };
    vec![row.name().into(), service.into(), available.into(), row.age().into()]
}
