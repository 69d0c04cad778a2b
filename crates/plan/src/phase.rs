//! The order in which a unit's objects are applied.
//!
//! Namespaces first, then definitions (waited for until Established), then what workloads read, then workloads, and last
//! what intercepts requests: a webhook configuration that arrives before its backend would block everything else.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use api::delivery::label;
use api::feed::{Payload, Phase, Wait};
use model::name::{
    KIND_MAX, LABEL_MAX, SUBDOMAIN_MAX, check_dns_1035_label, check_dns_label, check_dns_subdomain, check_path_segment,
};
use model::{GroupKind, ObjectKey, words};
use serde_json::Value;

use crate::inventory;

/// Seconds for a CustomResourceDefinition to become Established. A real API server needs below two; a loaded one ten.
pub const ESTABLISHED_TIMEOUT_SECS: u32 = 60;
/// Seconds for a namespace to be usable.
pub const ACCEPTED_TIMEOUT_SECS: u32 = 60;

/// The phases, in order, with what each waits for.
const PHASES: [(&str, Wait, u32); 5] = [
    ("namespaces", Wait::Accepted, ACCEPTED_TIMEOUT_SECS),
    ("definitions", Wait::Established, ESTABLISHED_TIMEOUT_SECS),
    ("settings", Wait::Accepted, ACCEPTED_TIMEOUT_SECS),
    ("workloads", Wait::Accepted, ACCEPTED_TIMEOUT_SECS),
    ("interceptors", Wait::Accepted, ACCEPTED_TIMEOUT_SECS),
];

/// In which phase an object belongs, from 0. Deletion goes the other way.
pub fn rank(key: &ObjectKey) -> usize {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => 1,
        (
            "",
            "ConfigMap"
            | "Secret"
            | "ServiceAccount"
            | "ResourceQuota"
            | "LimitRange"
            | "PersistentVolume"
            | "PersistentVolumeClaim",
        )
        | ("rbac.authorization.k8s.io" | "scheduling.k8s.io" | "storage.k8s.io" | "node.k8s.io", _)
        | ("networking.k8s.io", "NetworkPolicy" | "IngressClass") => 2,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 4,
        _ => 3,
    }
}

/// Is it a Namespace?
pub fn is_namespace(key: &ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "Namespace"
}

/// Kinds whose deletion takes other objects with it.
pub fn is_container(key: &ObjectKey) -> bool {
    rank(key) <= 1
}

/// Kinds that no source may delete without a person's approval: they hold other objects, or data.
pub fn is_guarded(key: &ObjectKey) -> bool {
    is_container(key)
        || (key.group.is_empty() && matches!(key.kind.as_str(), "PersistentVolume" | "PersistentVolumeClaim"))
}

/// Why an object cannot be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No `apiVersion`, `kind` or `metadata.name`.
    Incomplete(ObjectKey),
    /// The unit has the object twice.
    Duplicate(ObjectKey),
    /// It is where this hub keeps its own records in the member.
    Reserved(ObjectKey),
    /// No server takes such a name.
    Name(BadName),
}

/// Longest part of a name that is shown, in characters: enough to find it in a file.
const SHOWN_MAX: usize = 60;

/// A part of an object's name that no server takes, or that would be a path of its own in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    /// Which field it is.
    field: &'static str,
    /// How it begins.
    shown: String,
    /// What is wrong.
    problem: String,
}

impl std::fmt::Display for BadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, shown, problem } = self;
        write!(f, "{field} {shown:?} {problem}; give it another one")
    }
}

/// Looks at what an object is called, before that is kept anywhere: it becomes part of inventories, reports and logs, which
/// many units share. What else a server asks of names is the server's to say.
///
/// All parts become segments of a request's path. A server takes a path apart after it has decoded it: with `/` in a namespace
/// an author would choose what is asked with the rights of the hub, such as a service's `proxy` in a namespace of others.
///
/// # Errors
/// The first part that is too long, has control characters, or is no single segment of a path.
pub fn check_name(object: &Value) -> Result<(), BadName> {
    let text = |path: &[&str]| model::object::get_str(object, path).unwrap_or_default();
    let api_version = text(&["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    type Check = fn(&str) -> Result<(), String>;
    let parts: [(&'static str, &str, usize, Check); 5] = [
        ("the group of apiVersion", group, SUBDOMAIN_MAX, check_dns_subdomain),
        ("the version of apiVersion", version, KIND_MAX, check_dns_1035_label),
        ("kind", text(&["kind"]), KIND_MAX, check_path_segment),
        ("metadata.namespace", text(&["metadata", "namespace"]), LABEL_MAX, check_dns_label),
        ("metadata.name", text(&["metadata", "name"]), SUBDOMAIN_MAX, check_path_segment),
    ];
    for (field, text, max, check) in parts {
        let problem = if text.len() > max {
            // Kubernetes counts bytes: one character may be several.
            format!("has {} bytes, and Kubernetes takes {max}", text.len())
        } else if text.chars().any(char::is_control) {
            "has control characters".to_owned()
        } else {
            // What is missing is somebody else's to say.
            match check(text) {
                Err(why) if !text.is_empty() => format!("cannot be used: {why}"),
                _ => continue,
            }
        };
        return Err(BadName { field, shown: words::bounded(text, SHOWN_MAX), problem });
    }
    Ok(())
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Incomplete(key) => {
                write!(f, "{key}: apiVersion, kind and metadata.name are required; generateName cannot be delivered")
            }
            Self::Reserved(key) => {
                write!(
                    f,
                    "{key} is where Kurator keeps its own records in the member; give it another name or namespace"
                )
            }
            Self::Name(why) => write!(f, "{why}"),
            Self::Duplicate(key) => write!(f, "{key} is in the unit twice; remove one"),
        }
    }
}

/// What there is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Objects that cannot be delivered. With any, the unit did not resolve and nothing may be pruned.
    pub refused: Vec<Refusal>,
}

/// Is it an inventory, or what inventories are in?
fn is_reserved(key: &ObjectKey) -> bool {
    let inventory = key.namespace == label::SYSTEM_NAMESPACE && key.name.starts_with(inventory::SECRET_PREFIX);
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => key.name == label::SYSTEM_NAMESPACE,
        ("", "Secret") => inventory,
        _ => false,
    }
}

/// Kinds whose scope the unit itself says, by its CustomResourceDefinitions.
fn scopes(objects: &[Value]) -> BTreeMap<GroupKind, bool> {
    let defined = |object: &Value| {
        let text = |path: &[&str]| Some(model::object::get_str(object, path)?.to_owned());
        let is_definition = object.get("kind")?.as_str()? == "CustomResourceDefinition";
        let kind = GroupKind::new(text(&["spec", "group"])?, text(&["spec", "names", "kind"])?);
        is_definition.then_some((kind, text(&["spec", "scope"])? == "Namespaced"))
    };
    objects.iter().filter_map(defined).collect()
}

/// Gives a namespaced object the namespace `default` when it has none, as kubectl does, and takes the namespace from one
/// that cannot have it, as kustomizations put it everywhere. Kinds that nobody here knows stay as they are.
fn place(object: &mut Value, scopes: &BTreeMap<GroupKind, bool>) {
    let Some(gvk) = model::object::gvk(object) else { return };
    let known = kinds::find(&gvk).map(|kind| kind.namespaced);
    match known.or_else(|| scopes.get(&gvk.group_kind()).copied()) {
        Some(true) if model::object::namespace(object).is_none() => {
            *model::object::slot(object, &["metadata", "namespace"]) = "default".into();
        }
        Some(false) => {
            model::object::remove(object, &["metadata", "namespace"]);
        }
        _ => {}
    }
}

/// Orders a unit's objects. Within a phase they are in order of their keys, so that the same objects make the same
/// payload, whatever the order of files.
pub fn plan(objects: Vec<Value>) -> (Payload, Report) {
    let mut report = Report::default();
    let mut sorted: BTreeMap<(usize, ObjectKey), Arc<Value>> = BTreeMap::new();
    let scopes = scopes(&objects);
    for mut object in objects {
        if let Err(why) = check_name(&object) {
            report.refused.push(Refusal::Name(why));
            continue;
        }
        place(&mut object, &scopes);
        let key = ObjectKey::of(&object);
        if key.kind.is_empty() || key.name.is_empty() {
            report.refused.push(Refusal::Incomplete(key));
            continue;
        }
        if is_reserved(&key) {
            report.refused.push(Refusal::Reserved(key));
            continue;
        }
        match sorted.entry((rank(&key), key)) {
            Entry::Occupied(twice) => report.refused.push(Refusal::Duplicate(twice.key().1.clone())),
            Entry::Vacant(place) => {
                place.insert(Arc::new(object));
            }
        }
    }
    let mut payload = Payload::default();
    for (index, (name, wait, timeout_secs)) in PHASES.into_iter().enumerate() {
        let objects: Vec<Arc<Value>> =
            sorted.iter().filter(|((rank, _), _)| *rank == index).map(|(_, object)| Arc::clone(object)).collect();
        if !objects.is_empty() {
            payload.phases.push(Phase { name: name.to_owned(), objects, wait, timeout_secs, hook: None });
        }
    }
    (payload, report)
}

#[cfg(test)]
mod tests;
