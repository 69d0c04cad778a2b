//! What is accepted, and probably not what was meant.

use std::time::Duration;

use api::kurator::annotation::{ADOPT, APPROVE_TAKE_OVER, ON_DELETE, ON_DETACH, REMOVALS, SYNC, is_mistaken};
use model::{FieldPath, duration};
use serde_json::Value;

/// Kind of the entries of a Fleet that make members so far.
const FLEET_ENTRY_KIND: &str = "AttachedCluster";

/// Kinds of Kurator's that a Fleet may list and that make no members yet.
const LATER_KINDS: [&str; 2] = ["Cluster", "CustomCluster"];

/// Annotations of an Application whose values are known, and what another one means.
const ANNOTATIONS: [(&str, &[&str], &str); 2] = [
    (ON_DELETE, &["orphan", "prune"], "what it placed is left behind when it is deleted"),
    (ADOPT, &["overwrite"], "it does nothing"),
];

/// Shortest interval between two polls of one source. Asking more often than once a second only wears the server.
pub const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Warnings for the writer of an Application.
pub(crate) fn of_application(application: &Value) -> Vec<String> {
    let source = &application["spec"]["source"];
    let mut out = Vec::new();
    // Sources of other kinds are not asked at all, which is said by itself.
    if let Some(text) = source["gitRepository"]["interval"].as_str()
        && duration::parse(text).is_some_and(|interval| interval < INTERVAL_MIN)
    {
        let path = FieldPath::of("spec.source.gitRepository.interval");
        let least = INTERVAL_MIN.as_secs();
        out.push(format!("{path}: {text:?} is shorter than {least} s, and the source is asked every {least} s"));
    }
    out.extend(ANNOTATIONS.iter().filter_map(|(name, known, means)| {
        let value = model::object::annotation(application, name).filter(|value| !known.contains(value))?;
        let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        let are = if known.len() == 1 { "is" } else { "are" };
        Some(format!("{name} is {:?}: known {are} {}; {means}", model::words::cut(value), known.join(", ")))
    }));
    out.extend(removals(application));
    out.extend(mistaken(application, &[ADOPT, ON_DELETE, REMOVALS, SYNC]));
    out
}

/// A number of members that is none, as it counts.
fn removals(object: &Value) -> Option<String> {
    let value = model::object::annotation(object, REMOVALS).filter(|value| value.trim().parse::<u32>().is_err())?;
    Some(format!("{REMOVALS} is {:?}, which is no number of members, and counts as 0", model::words::cut(value)))
}

/// Annotations under our prefix that mean nothing. `known`: what people write on such an object.
fn mistaken(object: &Value, known: &[&str]) -> Option<String> {
    let all = object.pointer("/metadata/annotations")?.as_object()?;
    let name = all.keys().find(|name| is_mistaken(name))?;
    Some(format!("{} means nothing: known here are {}", model::words::cut(name), known.join(", ")))
}

/// Warnings for the writer of an AttachedCluster.
pub(crate) fn of_attached_cluster(attached: &Value) -> Vec<String> {
    mistaken(attached, &[APPROVE_TAKE_OVER, ON_DETACH]).into_iter().collect()
}

/// Warnings for the writer of a Fleet.
pub(crate) fn of_fleet(fleet: &Value) -> Vec<String> {
    let entries = fleet["spec"]["clusters"].as_array().into_iter().flatten().enumerate();
    let mut out = Vec::new();
    for (index, entry) in entries {
        let kind = entry["kind"].as_str().unwrap_or_default();
        if kind == FLEET_ENTRY_KIND {
            continue;
        }
        let path = FieldPath::of("spec.clusters").index(index).field("kind");
        let why = if LATER_KINDS.contains(&kind) {
            format!("{kind} is accepted, and makes no members yet")
        } else {
            let kind = model::words::cut(kind);
            format!("{kind:?} is no kind of clusters; {FLEET_ENTRY_KIND} is the one that makes members")
        };
        out.push(format!("{path}: {why}"));
    }
    out.extend(removals(fleet));
    out.extend(mistaken(fleet, &[REMOVALS]));
    out
}
