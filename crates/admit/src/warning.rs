//! What a client is told when it writes an object that does not do what it says, or does nothing at all.

use model::{GroupKind, GroupResource};
use serde_json::Value;

use crate::honour::{HUB_DELIVERY, not_implemented};
use crate::intent;

/// Most warnings of one write: a list of two hundred clusters with the same mistake is one mistake.
const WARNINGS_MAX: usize = 10;

/// The kinds of Kurator and Karmada that something acts on.
const ACTED_ON: [(&str, &str); 4] = [
    ("apps.kurator.dev", "Application"),
    ("cluster.karmada.io", "Cluster"),
    ("cluster.kurator.dev", "AttachedCluster"),
    ("fleet.kurator.dev", "Fleet"),
];
/// Groups of our own, whose kinds controllers write.
const OWN: [&str; 2] = ["delivery.kurator.dev", "view.kurator.dev"];
/// Ends of the groups whose published CRDs people install.
const VENDORS: [&str; 2] = [".kurator.dev", ".karmada.io"];
/// Kinds that make pods, in a cluster that runs some.
const WORKLOADS: [(&str, &str, &str); 8] = [
    ("", "pods", "Pod"),
    ("", "replicationcontrollers", "ReplicationController"),
    ("apps", "daemonsets", "DaemonSet"),
    ("apps", "deployments", "Deployment"),
    ("apps", "replicasets", "ReplicaSet"),
    ("apps", "statefulsets", "StatefulSet"),
    ("batch", "cronjobs", "CronJob"),
    ("batch", "jobs", "Job"),
];

/// Warnings for the writer of an object. `old` is what is stored.
pub fn warnings(kind: &GroupKind, new: &Value, old: Option<&Value>) -> Vec<String> {
    if WORKLOADS.iter().any(|(group, _, name)| kind.group == *group && kind.kind == *name) {
        // Said once: who changes it has seen that nothing runs.
        let why = "this hub runs nothing: the object is stored, and no pod starts from it; an Application delivers it to \
                   the members of a fleet";
        return if old.is_none() { vec![why.to_owned()] } else { Vec::new() };
    }
    if is_stored_only(kind) {
        let GroupKind { group, kind } = kind;
        return vec![format!("nothing acts on {kind} of {group} yet: the object is stored, and that is all")];
    }
    let unhonoured = not_implemented(kind, new);
    let say = |path: &model::FieldPath| match path.as_str() {
        HUB_DELIVERY => {
            "spec.destination.fleet is not set: delivery to the hub itself is accepted, but not done yet; name \
                         a fleet of this namespace"
                .to_owned()
        }
        path => format!("{path} is accepted, but not honoured yet"),
    };
    let meant = match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps.kurator.dev", "Application") => intent::of_application(new),
        ("cluster.karmada.io", "Cluster") => intent::of_member(new),
        ("cluster.kurator.dev", "AttachedCluster") => intent::of_attached_cluster(new),
        ("fleet.kurator.dev", "Fleet") => intent::of_fleet(new),
        _ => Vec::new(),
    };
    let mut all: Vec<String> = unhonoured.iter().map(say).chain(meant).collect();
    if all.len() > WARNINGS_MAX {
        let more = all.len() - (WARNINGS_MAX - 1);
        all.truncate(WARNINGS_MAX - 1);
        all.push(format!("and {more} more of this kind"));
    }
    all
}

/// Is this a resource whose writers may have to be told something?
pub fn may_warn(resource: &GroupResource) -> bool {
    let workload = |(group, plural, _): &(&str, &str, &str)| resource.group == *group && resource.resource == *plural;
    is_published(&resource.group) || WORKLOADS.iter().any(workload)
}

/// Are objects of this kind stored, and that is all? It is one of Kurator or Karmada that nothing acts on yet.
pub fn is_stored_only(kind: &GroupKind) -> bool {
    is_published(&kind.group) && !ACTED_ON.contains(&(&kind.group, &kind.kind))
}

fn is_published(group: &str) -> bool {
    VENDORS.iter().any(|end| group.ends_with(end)) && !OWN.contains(&group)
}
