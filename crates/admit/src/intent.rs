//! What is accepted, and probably not what was meant.

use std::time::Duration;

use api::delivery::label;
use api::kurator::annotation::{
    ADOPT, APPROVE, APPROVE_IDENTITY, APPROVE_TAKE_OVER, CONSENT, CREDENTIAL_KEY, NAMESPACES, ON_DELETE, ON_DETACH,
    ORIGIN, PREFIX, RECONCILE, RELEASE, REMOVALS, REMOVE, SHOWN, SYNC, TAKE_OVER, is_mistaken,
};
use model::{FieldPath, duration};
use serde_json::Value;

/// Kind of the entries of a Fleet that make members so far.
const FLEET_ENTRY_KIND: &str = "AttachedCluster";

/// Kinds of Kurator's that a Fleet may list and that make no members yet.
const LATER_KINDS: [&str; 2] = ["Cluster", "CustomCluster"];

/// An annotation whose values are known: its name, these, and what another one means.
type Values = (&'static str, &'static [&'static str], &'static str);

/// Which annotations do something on an object of a kind.
struct Annotations {
    /// With its article, for sentences.
    kind: &'static str,
    /// Those that people write.
    written: &'static [&'static str],
    /// Those that commands and controllers write.
    made: &'static [&'static str],
    /// What the values of some of them can be.
    values: &'static [Values],
}

const OF_APPLICATION: Annotations = Annotations {
    kind: "an Application",
    written: &[ADOPT, ON_DELETE, REMOVALS, SYNC],
    made: &[APPROVE, CONSENT, SHOWN],
    values: &[
        (ON_DELETE, &["orphan", "prune"], "what it placed is left behind when it is deleted"),
        (ADOPT, &["overwrite"], "it does nothing"),
    ],
};

const OF_ATTACHED_CLUSTER: Annotations = Annotations {
    kind: "an AttachedCluster",
    written: &[APPROVE_TAKE_OVER, ON_DETACH],
    made: &[],
    values: &[(ON_DETACH, &[RELEASE, REMOVE], "what was delivered stays as it is when it is deleted")],
};

const OF_FLEET: Annotations = Annotations { kind: "a Fleet", written: &[REMOVALS], made: &[], values: &[] };

const OF_MEMBER: Annotations = Annotations {
    kind: "a Cluster",
    written: &[APPROVE_IDENTITY],
    made: &[APPROVE_TAKE_OVER, CREDENTIAL_KEY, NAMESPACES, ON_DETACH, ORIGIN, TAKE_OVER],
    values: &[],
};

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
    out.extend(removals(application));
    out.extend(OF_APPLICATION.warnings(application));
    out
}

/// A number of members that is none, as it counts.
fn removals(object: &Value) -> Option<String> {
    let value = model::object::annotation(object, REMOVALS).filter(|value| value.trim().parse::<u32>().is_err())?;
    Some(format!("{REMOVALS} is {:?}, which is no number of members, and counts as 0", model::words::cut(value)))
}

impl Annotations {
    /// What is said of an object's annotations under our prefix: names that mean nothing, names that do nothing on this kind, and
    /// values that say nothing.
    fn warnings(&self, object: &Value) -> Vec<String> {
        let all = object.pointer("/metadata/annotations").and_then(Value::as_object);
        let names = all.into_iter().flat_map(|all| all.keys()).filter(|name| name.starts_with(PREFIX));
        // On what another hub delivers here they say to that hub what becomes of the object.
        let is_delivered = model::object::label(object, label::HUB).is_some();
        let mut out: Vec<String> = names.filter_map(|name| self.name(name, is_delivered)).collect();
        out.extend(self.values.iter().filter_map(|(name, known, means)| {
            let value = model::object::annotation(object, name).filter(|value| !known.contains(value))?;
            let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
            let are = if known.len() == 1 { "is" } else { "are" };
            Some(format!("{name} is {:?}: known {are} {}; {means}", model::words::cut(value), known.join(", ")))
        }));
        out
    }

    fn name(&self, name: &str, is_delivered: bool) -> Option<String> {
        let known = self.written.join(", ");
        if is_mistaken(name) {
            return Some(format!("{} means nothing: known here are {known}", model::words::cut(name)));
        }
        if is_delivered || self.written.contains(&name) || self.made.contains(&name) {
            return None;
        }
        let instead = match name {
            RECONCILE => "it is for delivered objects, and a whole policy has `suspend: true` in its kustomization; ",
            _ => "",
        };
        Some(format!("{name} does nothing on {}: {instead}known here are {known}", self.kind))
    }
}

/// Warnings for the writer of an AttachedCluster.
pub(crate) fn of_attached_cluster(attached: &Value) -> Vec<String> {
    OF_ATTACHED_CLUSTER.warnings(attached)
}

/// Warnings for the writer of a member's Cluster.
pub(crate) fn of_member(cluster: &Value) -> Vec<String> {
    OF_MEMBER.warnings(cluster)
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
    out.extend(OF_FLEET.warnings(fleet));
    out
}
