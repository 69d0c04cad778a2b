//! Edited objects, as they would be when they were applied.

use std::collections::{BTreeMap, BTreeSet};

use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{NamespacedName, Resource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kinds::Wire;
use model::object;
use serde_json::Value;

use super::{InspectError, Inspector};
use crate::application::Edited;

/// Most edited objects in one question: a person's edit, not a repository.
pub(super) const OBJECTS_MAX: usize = 20;
/// Field manager of what is tried and not written.
const FIELD_MANAGER: &str = "kurator-preview";
/// Where kubectl notes what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Kinds whose edits can be previewed: group, kind, plural.
const KINDS: [(&str, &str, &str); 3] = [
    ("apps.kurator.dev", "Application", "applications"),
    ("fleet.kurator.dev", "Fleet", "fleets"),
    ("cluster.kurator.dev", "AttachedCluster", "attachedclusters"),
];
const VERSION: &str = "v1alpha1";

/// What is edited.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) applications: BTreeMap<NamespacedName, Application>,
    pub(super) others: Edited,
}

/// An edited object as a question names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// API group.
    pub group: &'static str,
    /// Plural.
    pub plural: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Name.
    pub name: String,
}

/// Which objects a question edits.
///
/// # Errors
/// An object is of another kind or namespace, or has no name; there are too many.
pub fn named(namespace: &str, objects: &[Value]) -> Result<Vec<Named>, InspectError> {
    let invalid = |path: &str, why: String| Err(InspectError::Invalid(path.to_owned(), why));
    if objects.len() > OBJECTS_MAX {
        return invalid(
            "spec.objects",
            format!("has {} objects; at most {OBJECTS_MAX} are previewed at once", objects.len()),
        );
    }
    let mut out = Vec::new();
    for (index, value) in objects.iter().enumerate() {
        let at = |field: &str| format!("spec.objects[{index}].{field}");
        let gvk = object::gvk(value).unwrap_or_default();
        let known = KINDS.iter().find(|(group, kind, _)| *group == gvk.group && *kind == gvk.kind);
        let Some((group, kind, plural)) = known.filter(|_| gvk.version == VERSION) else {
            let why = "only an Application, a Fleet or an AttachedCluster (v1alpha1) can be previewed";
            return invalid(&at("kind"), format!("is {:?}: {why}", model::words::cut(&gvk.kind)));
        };
        let name = object::name(value).unwrap_or_default();
        if model::name::check_dns_subdomain(name).is_err() {
            return invalid(&at("metadata.name"), "is no name of an object".to_owned());
        }
        if let Some(other) = object::namespace(value).filter(|other| *other != namespace) {
            let why = format!(
                "is {:?}; one namespace is previewed at a time, and this is {namespace:?}",
                model::words::cut(other)
            );
            return invalid(&at("metadata.namespace"), why);
        }
        out.push(Named { group, plural, kind, name: name.to_owned() });
    }
    Ok(out)
}

impl Inspector {
    /// Reads edited objects, and has the hub check each as if it was applied. Nothing is written.
    pub(super) async fn edits(&self, namespace: &str, objects: &[Value]) -> Result<Edits, InspectError> {
        let mut out = Edits::default();
        let api = self.api.with_manager(FIELD_MANAGER);
        for (index, (named, value)) in named(namespace, objects)?.into_iter().zip(objects).enumerate() {
            let path = format!("spec.objects[{index}]");
            let mut value = value.clone();
            *object::slot(&mut value, &["metadata", "namespace"]) = namespace.into();
            for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
                object::remove(&mut value, &["metadata", field]);
            }
            object::remove(&mut value, &["status"]);
            let resource = Resource::new(named.group, VERSION, named.kind, named.plural, true);
            match api.apply_dry_run(&resource.target(namespace, &named.name), &value).await {
                Ok(_) => {}
                Err(error) if matches!(error.code(), Some(400 | 413 | 422)) => {
                    return Err(InspectError::Invalid(path, error.to_string()));
                }
                Err(error) => return Err(InspectError::Hub(model::cause::chain(&error))),
            }
            let key = NamespacedName::new(namespace, &named.name);
            let stores = &self.stores;
            match named.kind {
                "Application" => {
                    let stored = stores.applications.get(&key).map(|stored| stored.metadata.clone());
                    let mut edited: Application = read(&path, value)?;
                    edited.metadata = merged(edited.metadata, stored);
                    out.applications.insert(key, edited);
                }
                "Fleet" => {
                    let stored = stores.fleets.get(&key).map(|stored| stored.metadata.clone());
                    let mut edited: Fleet = read(&path, value)?;
                    edited.metadata = merged(edited.metadata, stored);
                    out.others.fleets.insert(key, edited);
                }
                _ => {
                    let stored = stores.attached.get(&key);
                    let mut edited: AttachedCluster = read(&path, value)?;
                    edited.metadata = merged(edited.metadata, stored.as_ref().map(|stored| stored.metadata.clone()));
                    edited.status = stored.and_then(|stored| stored.status.clone());
                    out.others.attached.insert(key, edited);
                }
            }
        }
        Ok(out)
    }
}

fn read<K: Wire>(path: &str, value: Value) -> Result<K, InspectError> {
    K::from_json(value).map_err(|error| InspectError::Invalid(path.to_owned(), error.to_string()))
}

/// The metadata that an apply leaves: labels and annotations of the file, and those of others. What an earlier apply set and
/// the file does not have goes.
pub(super) fn merged(file: ObjectMeta, stored: Option<ObjectMeta>) -> ObjectMeta {
    let Some(stored) = stored else { return file };
    let (labels, annotations) = applied_before(&stored);
    ObjectMeta {
        labels: Some(merged_map(file.labels, stored.labels, &labels)),
        annotations: Some(merged_map(file.annotations, stored.annotations, &annotations)),
        ..stored
    }
}

type Map = BTreeMap<String, String>;

fn merged_map(file: Option<Map>, stored: Option<Map>, applied: &BTreeSet<String>) -> Map {
    let mut out: Map = stored.unwrap_or_default().into_iter().filter(|(key, _)| !applied.contains(key)).collect();
    out.extend(file.unwrap_or_default());
    out
}

/// Names of the labels and annotations that an apply set before: as kubectl noted it, or as the server did.
fn applied_before(stored: &ObjectMeta) -> (BTreeSet<String>, BTreeSet<String>) {
    let noted = stored.annotations.as_ref().and_then(|all| all.get(LAST_APPLIED));
    let noted = noted.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let keys = |value: Option<&Value>, prefix: &str| -> BTreeSet<String> {
        let keys = value.and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys);
        keys.filter_map(|key| key.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    if let Some(noted) = noted {
        let at = |field: &str| keys(noted.pointer(&format!("/metadata/{field}")), "");
        return (at("labels"), at("annotations"));
    }
    let is_apply = |entry: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
        let ours = entry.manager.as_deref().is_some_and(|manager| manager.starts_with("kurator"));
        entry.operation.as_deref() == Some("Apply") && !ours
    };
    let (mut labels, mut annotations) = (BTreeSet::new(), BTreeSet::new());
    for entry in stored.managed_fields.iter().flatten().filter(is_apply) {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        let at = |field: &str| keys(fields.and_then(|f| f.pointer(&format!("/f:metadata/f:{field}"))), "f:");
        labels.extend(at("labels"));
        annotations.extend(at("annotations"));
    }
    (labels, annotations)
}
