//! Fields that name other objects follow when those are renamed or moved (`nameReference` in kustomize's configuration).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use model::{GroupVersionKind, ObjectKey, object};
use serde_json::Value;

use super::field;
use super::generate::ENTRY_BYTES;
use super::resource::{ClusterKinds, Resource, Resources, effective_namespace};
use crate::budget::Budget;
use crate::error::RenderError;
use crate::object::Location;

/// How a field names an object.
#[derive(Clone, Copy)]
enum Form {
    /// The field is the name of an object of this kind.
    Name(&'static str),
    /// The field is a mapping that names an object of this kind: with `name`, and `namespace` when it may be another one.
    Mapping(&'static str),
    /// The field is a mapping with `kind` and `name`.
    Kinded,
}

/// Where pod specifications are.
const POD_SPECS: [(&str, &str); 9] = [
    ("Pod", "spec"),
    ("ReplicationController", "spec/template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
    ("PodTemplate", "template/spec"),
];

const IN_POD_SPECS: [(&str, Form); 24] = [
    ("volumes/configMap/name", Form::Name("ConfigMap")),
    ("volumes/projected/sources/configMap/name", Form::Name("ConfigMap")),
    ("containers/env/valueFrom/configMapKeyRef/name", Form::Name("ConfigMap")),
    ("initContainers/env/valueFrom/configMapKeyRef/name", Form::Name("ConfigMap")),
    ("containers/envFrom/configMapRef/name", Form::Name("ConfigMap")),
    ("initContainers/envFrom/configMapRef/name", Form::Name("ConfigMap")),
    ("volumes/secret/secretName", Form::Name("Secret")),
    ("volumes/projected/sources/secret/name", Form::Name("Secret")),
    ("containers/env/valueFrom/secretKeyRef/name", Form::Name("Secret")),
    ("initContainers/env/valueFrom/secretKeyRef/name", Form::Name("Secret")),
    ("containers/envFrom/secretRef/name", Form::Name("Secret")),
    ("initContainers/envFrom/secretRef/name", Form::Name("Secret")),
    ("imagePullSecrets/name", Form::Name("Secret")),
    ("volumes/azureFile/secretName", Form::Name("Secret")),
    ("volumes/cephfs/secretRef/name", Form::Name("Secret")),
    ("volumes/csi/nodePublishSecretRef/name", Form::Name("Secret")),
    ("volumes/flexVolume/secretRef/name", Form::Name("Secret")),
    ("volumes/iscsi/secretRef/name", Form::Name("Secret")),
    ("volumes/rbd/secretRef/name", Form::Name("Secret")),
    ("volumes/scaleIO/secretRef/name", Form::Name("Secret")),
    ("volumes/storageos/secretRef/name", Form::Name("Secret")),
    ("serviceAccountName", Form::Name("ServiceAccount")),
    ("volumes/persistentVolumeClaim/claimName", Form::Name("PersistentVolumeClaim")),
    ("priorityClassName", Form::Name("PriorityClass")),
];

const ELSEWHERE: [(&str, &str, Form); 33] = [
    ("HorizontalPodAutoscaler", "spec/scaleTargetRef", Form::Kinded),
    ("RoleBinding", "roleRef", Form::Kinded),
    ("ClusterRoleBinding", "roleRef", Form::Kinded),
    ("RoleBinding", "subjects", Form::Mapping("ServiceAccount")),
    ("ClusterRoleBinding", "subjects", Form::Mapping("ServiceAccount")),
    ("Role", "rules/resourceNames", Form::Name("ConfigMap")),
    ("Role", "rules/resourceNames", Form::Name("Secret")),
    ("ClusterRole", "rules/resourceNames", Form::Name("ConfigMap")),
    ("ClusterRole", "rules/resourceNames", Form::Name("Secret")),
    ("ServiceAccount", "imagePullSecrets/name", Form::Name("Secret")),
    ("Ingress", "spec/tls/secretName", Form::Name("Secret")),
    ("Ingress", "metadata/annotations/ingress.kubernetes.io\\/auth-secret", Form::Name("Secret")),
    ("Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret", Form::Name("Secret")),
    ("Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret", Form::Name("Secret")),
    ("Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap", Form::Name("ConfigMap")),
    ("Ingress", "spec/rules/http/paths/backend/service/name", Form::Name("Service")),
    ("Ingress", "spec/defaultBackend/service/name", Form::Name("Service")),
    ("Ingress", "spec/rules/http/paths/backend/serviceName", Form::Name("Service")),
    ("Ingress", "spec/backend/serviceName", Form::Name("Service")),
    ("StatefulSet", "spec/serviceName", Form::Name("Service")),
    ("StatefulSet", "spec/volumeClaimTemplates/spec/storageClassName", Form::Name("StorageClass")),
    ("APIService", "spec/service", Form::Mapping("Service")),
    ("ValidatingWebhookConfiguration", "webhooks/clientConfig/service", Form::Mapping("Service")),
    ("MutatingWebhookConfiguration", "webhooks/clientConfig/service", Form::Mapping("Service")),
    ("CustomResourceDefinition", "spec/conversion/webhook/clientConfig/service", Form::Mapping("Service")),
    ("ValidatingAdmissionPolicyBinding", "spec/policyName", Form::Name("ValidatingAdmissionPolicy")),
    ("PersistentVolumeClaim", "spec/volumeName", Form::Name("PersistentVolume")),
    ("PersistentVolumeClaim", "spec/storageClassName", Form::Name("StorageClass")),
    ("PersistentVolume", "spec/storageClassName", Form::Name("StorageClass")),
    ("StorageClass", "parameters/secretName", Form::Name("Secret")),
    ("StorageClass", "parameters/adminSecretName", Form::Name("Secret")),
    ("StorageClass", "parameters/userSecretName", Form::Name("Secret")),
    ("StorageClass", "parameters/secretRef", Form::Name("Secret")),
];

/// Kinds without a namespace: a name of theirs means the same object in every namespace.
const CLUSTER_SCOPED: [&str; 6] =
    ["ClusterRole", "PersistentVolume", "StorageClass", "PriorityClass", "ValidatingAdmissionPolicy", "Namespace"];

/// Work of entering a name into the index: about the bytes of its kind, name and namespace.
const NAME_BYTES: usize = 128;

/// Updates every field that names an object which was renamed or moved.
///
/// # Errors
/// A name is ambiguous: more than one object had it. The budget is spent.
pub(crate) fn update(all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    if all.0.iter().all(|r| r.earlier.is_empty()) {
        return Ok(());
    }
    let mut index = Index { budget, former: HashMap::new(), current: HashMap::new(), objects: Vec::new() };
    for (at, resource) in all.0.iter().enumerate() {
        index.add(at, resource)?;
    }
    for at in 0..all.0.len() {
        let resource = &mut all.0[at];
        let mut object = std::mem::take(&mut resource.object);
        let done = index.update(at, &mut object);
        resource.object = object;
        done?;
    }
    Ok(())
}

/// Objects that one name may mean: the first one, and the first one of these that now has another name. References to
/// both cannot be told apart.
#[derive(Clone, Copy)]
struct Meant {
    first: usize,
    other: Option<usize>,
}

/// Objects of one kind that had one name.
#[derive(Default)]
struct Former {
    all: Option<Meant>,
    /// By the namespace that they are in now.
    now: HashMap<String, Meant>,
    /// By each namespace in which they had the name.
    then: HashMap<String, Meant>,
}

/// Namespaces in which there is an object of one kind and name.
type Places = HashSet<String>;

/// What is known of an object while its fields change.
struct ObjectFacts {
    key: ObjectKey,
    location: Location,
    namespaced: bool,
}

struct Index<'a> {
    budget: &'a Budget,
    /// By kind and name.
    former: HashMap<(String, String), Former>,
    /// By kind and name.
    current: HashMap<(String, String), Places>,
    objects: Vec<ObjectFacts>,
}

impl Index<'_> {
    /// Enters the names that an object has and had.
    fn add(&mut self, at: usize, resource: &Resource) -> Result<(), RenderError> {
        let key = resource.key();
        let here = effective_namespace(&key.namespace).to_owned();
        self.budget.spend(NAME_BYTES)?;
        self.current.entry((key.kind.clone(), key.name.clone())).or_default().insert(here.clone());
        let (location, namespaced) = (resource.location.clone(), resource.namespaced(&ClusterKinds::new()));
        self.objects.push(ObjectFacts { key, location, namespaced });
        // It had a name in each of these namespaces, whatever its kind was then.
        let mut namespaces: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for key in resource.keys() {
            let then = effective_namespace(&key.namespace).to_owned();
            namespaces.entry(key.name).or_default().insert(then);
        }
        let names: BTreeSet<(String, String)> =
            resource.earlier.iter().map(|key| (key.kind.clone(), key.name.clone())).collect();
        for (kind, name) in names {
            let then = namespaces.get(&name).into_iter().flatten();
            let former = self.former.entry((kind, name)).or_default();
            let name_of = |at: usize| self.objects[at].key.name.as_str();
            enter(&mut former.all, at, &name_of);
            enter_into(&mut former.now, &here, at, &name_of);
            for namespace in then {
                self.budget.spend(NAME_BYTES)?;
                enter_into(&mut former.then, namespace, at, &name_of);
            }
        }
        Ok(())
    }

    fn update(&self, at: usize, object: &mut Value) -> Result<(), RenderError> {
        let gvk: GroupVersionKind = object::gvk(object).unwrap_or_default();
        let mut run =
            |path: &str, form: Form| field::each(object, path, false, &mut |value| self.change(at, path, form, value));
        for (_, prefix) in POD_SPECS.iter().filter(|(kind, _)| *kind == gvk.kind) {
            IN_POD_SPECS.iter().try_for_each(|(path, form)| run(&format!("{prefix}/{path}"), *form))?;
        }
        ELSEWHERE.iter().filter(|(kind, ..)| *kind == gvk.kind).try_for_each(|(_, path, form)| run(path, *form))
    }

    fn change(&self, at: usize, path: &str, form: Form, value: &mut Value) -> Result<(), RenderError> {
        match form {
            Form::Name(kind) => {
                let Some(name) = value.as_str() else { return Ok(()) };
                if let Some(found) = self.find(at, path, kind, name, None)? {
                    self.budget.spend_made(found.name.len())?;
                    *value = found.name.clone().into();
                }
            }
            Form::Kinded => {
                let (kind, name) = (value["kind"].as_str(), value["name"].as_str());
                let (Some(kind), Some(name)) = (kind, name) else { return Ok(()) };
                if let Some(found) = self.find(at, path, kind, name, None)? {
                    self.budget.spend_made(found.name.len())?;
                    value["name"] = found.name.clone().into();
                }
            }
            Form::Mapping(kind) => {
                if value.get("kind").is_some_and(|k| k != kind) {
                    return Ok(());
                }
                let Some(name) = value["name"].as_str() else { return Ok(()) };
                let written = value.get("namespace").and_then(Value::as_str).unwrap_or_default();
                let Some(found) = self.find(at, path, kind, name, Some(written))? else { return Ok(()) };
                self.budget.spend_made(found.name.len() + found.namespace.len() + ENTRY_BYTES)?;
                value["name"] = found.name.clone().into();
                // An object without a namespace goes into the namespace that it is applied to, so the reference keeps its
                // own.
                if !found.namespace.is_empty() {
                    value["namespace"] = found.namespace.clone().into();
                }
            }
        }
        Ok(())
    }

    /// The present key of the object that a name meant before renames. `None` when the name is still right, or names
    /// nothing among these objects.
    fn find(
        &self,
        at: usize,
        path: &str,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
    ) -> Result<Option<&ObjectKey>, RenderError> {
        let wanted = (kind.to_owned(), name.to_owned());
        let Some(former) = self.former.get(&wanted) else { return Ok(None) };
        let referrer = &self.objects[at];
        // A reference in a cluster-scoped object may mean any namespace, unless it names one.
        let anywhere = CLUSTER_SCOPED.contains(&kind) || !referrer.namespaced;
        // A name without a namespace means an object in the referrer's present namespace. An object that was moved to
        // another namespace is not meant.
        let here = effective_namespace(&referrer.key.namespace);
        // A name that is right now stays. One with a namespace may still have to follow a move.
        let places = self.current.get(&wanted);
        let stays = namespace.is_none() && places.is_some_and(|places| anywhere || places.contains(here));
        if stays {
            return Ok(None);
        }
        let meant = match namespace {
            Some(written) => former.then.get(effective_namespace(written)).copied(),
            None if anywhere => former.all,
            None => former.now.get(here).copied(),
        };
        let Some(Meant { first, other }) = meant else { return Ok(None) };
        let Some(other) = other else { return Ok(Some(&self.objects[first].key)) };
        let (target, field) = (format!("{kind} {name:?}"), path.replace('/', "."));
        let (first, other) = (&self.objects[first].location, &self.objects[other].location);
        Err(RenderError::ambiguous(&referrer.location.file, &field, target, first, other))
    }
}

fn enter_into<'a>(places: &mut HashMap<String, Meant>, namespace: &str, at: usize, name_of: &dyn Fn(usize) -> &'a str) {
    let mut meant = places.get(namespace).copied();
    enter(&mut meant, at, name_of);
    places.extend(meant.map(|meant| (namespace.to_owned(), meant)));
}

fn enter<'a>(meant: &mut Option<Meant>, at: usize, name_of: &dyn Fn(usize) -> &'a str) {
    match meant {
        None => *meant = Some(Meant { first: at, other: None }),
        Some(Meant { first, other }) if other.is_none() && name_of(*first) != name_of(at) => *other = Some(at),
        Some(_) => {}
    }
}
