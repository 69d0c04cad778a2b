//! Fields that name other objects follow when those are renamed or moved (`nameReference` in kustomize's configuration).

use std::collections::HashMap;

use model::{GroupVersionKind, ObjectKey, object};
use serde_json::Value;

use super::field;
use super::resource::{Resource, Resources, same_namespace};
use crate::error::RenderError;

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

/// Updates every field that names an object which was renamed or moved.
///
/// # Errors
/// A name is ambiguous: more than one object had it.
pub(crate) fn update(all: &mut Resources) -> Result<(), RenderError> {
    if all.0.iter().all(|r| r.earlier.is_empty()) {
        return Ok(());
    }
    let (mut former, mut current) = (Places::new(), Places::new());
    for (at, resource) in all.0.iter().enumerate() {
        let key = resource.key();
        current.entry((key.kind, key.name)).or_default().push(at);
        for key in &resource.earlier {
            let places = former.entry((key.kind.clone(), key.name.clone())).or_default();
            if places.last() != Some(&at) {
                places.push(at);
            }
        }
    }
    // Names are looked up in a copy of the keys, because this loop changes the objects themselves.
    let index = Index { former, current, resources: all.0.iter().map(keys_only).collect() };
    for at in 0..all.0.len() {
        let mut object = std::mem::take(&mut all.0[at].object);
        let done = index.resource(at, &mut object);
        all.0[at].object = object;
        done?;
    }
    Ok(())
}

/// A resource with its keys only.
fn keys_only(resource: &Resource) -> Resource {
    let fields = ["apiVersion", "kind"].map(|name| (name.to_owned(), resource.object[name].clone()));
    let mut object = Value::Object(fields.into_iter().collect());
    for name in ["name", "namespace"] {
        if let Some(value) = resource.object["metadata"].get(name) {
            object["metadata"][name] = value.clone();
        }
    }
    Resource { object, location: resource.location.clone(), earlier: resource.earlier.clone(), hashed: false }
}

/// Resources by kind and name.
type Places = HashMap<(String, String), Vec<usize>>;

struct Index {
    former: Places,
    current: Places,
    resources: Vec<Resource>,
}

impl Index {
    fn resource(&self, at: usize, object: &mut Value) -> Result<(), RenderError> {
        let gvk: GroupVersionKind = object::gvk(object).unwrap_or_default();
        let mut result = Ok(());
        let mut run = |path: &str, form: Form| {
            field::each(object, path, false, &mut |value| {
                if result.is_ok() {
                    result = self.change(at, path, form, value);
                }
            });
        };
        for (_, prefix) in POD_SPECS.iter().filter(|(kind, _)| *kind == gvk.kind) {
            IN_POD_SPECS.iter().for_each(|(path, form)| run(&format!("{prefix}/{path}"), *form));
        }
        ELSEWHERE.iter().filter(|(kind, ..)| *kind == gvk.kind).for_each(|(_, path, form)| run(path, *form));
        result
    }

    fn change(&self, at: usize, path: &str, form: Form, value: &mut Value) -> Result<(), RenderError> {
        match form {
            Form::Name(kind) => {
                let Some(name) = value.as_str() else { return Ok(()) };
                if let Some(found) = self.find(at, path, kind, name, None)? {
                    *value = found.key().name.into();
                }
            }
            Form::Kinded => {
                let (kind, name) = (value["kind"].as_str(), value["name"].as_str());
                let (Some(kind), Some(name)) = (kind, name) else { return Ok(()) };
                if let Some(found) = self.find(at, path, kind, name, None)? {
                    value["name"] = found.key().name.into();
                }
            }
            Form::Mapping(kind) => {
                if value.get("kind").is_some_and(|k| k != kind) {
                    return Ok(());
                }
                let Some(name) = value["name"].as_str() else { return Ok(()) };
                let written = value.get("namespace").and_then(Value::as_str).unwrap_or_default();
                let Some(key) = self.find(at, path, kind, name, Some(written))?.map(Resource::key) else {
                    return Ok(());
                };
                value["name"] = key.name.into();
                // An object without a namespace goes into the namespace that it is applied to, so the reference keeps its
                // own.
                if !key.namespace.is_empty() {
                    value["namespace"] = key.namespace.into();
                }
            }
        }
        Ok(())
    }

    /// The object that a name meant before renames. `None` when the name is still right, or names nothing among these
    /// objects.
    fn find(
        &self,
        at: usize,
        path: &str,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
    ) -> Result<Option<&Resource>, RenderError> {
        let wanted = (kind.to_owned(), name.to_owned());
        let Some(places) = self.former.get(&wanted) else { return Ok(None) };
        let referrer = &self.resources[at];
        // A reference in a cluster-scoped object may mean any namespace, unless it names one.
        let anywhere = CLUSTER_SCOPED.contains(&kind) || namespace.is_none() && !referrer.namespaced(&[]);
        let here = referrer.key().namespace;
        // A name without a namespace means an object in the referrer's present namespace. An object that was moved to
        // another namespace is not meant.
        let near = |key: &ObjectKey, r: &Resource| match namespace {
            Some(written) => same_namespace(written, &key.namespace),
            None => anywhere || same_namespace(&here, &r.key().namespace),
        };
        // A name that is right now stays. One with a namespace may still have to follow a move.
        let is_now = |&p: &usize| near(&self.resources[p].key(), &self.resources[p]);
        if namespace.is_none() && self.current.get(&wanted).is_some_and(|places| places.iter().any(is_now)) {
            return Ok(None);
        }
        let had = |r: &Resource| r.keys().any(|key| key.name == name && near(&key, r));
        let found: Vec<&Resource> = places.iter().map(|&p| &self.resources[p]).filter(|r| had(r)).collect();
        match found.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] => match rest.iter().find(|r| r.key().name != first.key().name) {
                None => Ok(Some(first)),
                Some(second) => {
                    let target = format!("{kind} {name:?}");
                    let field = path.replace('/', ".");
                    Err(RenderError::ambiguous(
                        &referrer.location.file,
                        &field,
                        target,
                        &first.location,
                        &second.location,
                    ))
                }
            },
        }
    }
}
