//! Which objects an object needs beside it.

use std::collections::{BTreeMap, BTreeSet};

use model::{GroupVersionKind, object};
use serde_json::Value;

use crate::fault::Fault;
use crate::interpreter::{Dependency, Which};
use crate::read::{get, list, text};

/// What the object needs (Karmada's `native/dependencies.go`), in its namespace. Without repetition; ordered by kind and
/// name, where Karmada's order is that of a map.
pub(super) fn dependencies(kind: &GroupVersionKind, object: &Value) -> Result<Vec<Dependency>, Fault> {
    let names = match kind.kind.as_str() {
        "Ingress" => certificates(object),
        "ServiceImport" => return imported(object),
        "Pod" => of_pod(object, "spec"),
        "CronJob" => of_pod(object, "spec.jobTemplate.spec.template.spec"),
        "StatefulSet" => {
            let mut names = of_pod(object, "spec.template.spec");
            // Claims of its templates are made in the member.
            for template in list(object, "spec.volumeClaimTemplates") {
                names.remove(&("PersistentVolumeClaim", text(template, "metadata.name")));
            }
            names
        }
        _ => of_pod(object, "spec.template.spec"),
    };
    let namespace = object::namespace(object).unwrap_or_default();
    let named = |(kind, name): (&str, &str)| Dependency {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        which: Which::Named(name.to_owned()),
    };
    Ok(names.into_iter().map(named).collect())
}

/// Kinds of the core group, with names. Empty names stand for nothing.
type Names<'a> = BTreeSet<(&'static str, &'a str)>;

fn add<'a>(names: &mut Names<'a>, kind: &'static str, name: &'a str) {
    if !name.is_empty() {
        names.insert((kind, name));
    }
}

/// Secrets with certificates. An entry without a Secret is served with the controller's own certificate.
fn certificates(ingress: &Value) -> Names<'_> {
    let mut names = Names::new();
    for entry in list(ingress, "spec.tls") {
        add(&mut names, "Secret", text(entry, "secretName"));
    }
    names
}

/// The Service that is made for an import, and its endpoints.
fn imported(import: &Value) -> Result<Vec<Dependency>, Fault> {
    let name = object::name(import).filter(|name| !name.is_empty()).ok_or_else(|| Fault::missing("metadata.name"))?;
    let service = format!("derived-{name}");
    let namespace = object::namespace(import).unwrap_or_default();
    let labels = BTreeMap::from([("kubernetes.io/service-name".to_owned(), service.clone())]);
    let one = |api_version: &str, kind: &str, which| Dependency {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        which,
    };
    Ok(vec![
        one("v1", "Service", Which::Named(service)),
        one("discovery.k8s.io/v1", "EndpointSlice", Which::Labelled(labels)),
    ])
}

/// Where a volume names a Secret, and in which field.
const VOLUME_SECRETS: [(&str, &str); 10] = [
    ("azureFile", "secretName"),
    ("cephfs", "secretRef.name"),
    ("cinder", "secretRef.name"),
    ("flexVolume", "secretRef.name"),
    ("rbd", "secretRef.name"),
    ("secret", "secretName"),
    ("scaleIO", "secretRef.name"),
    ("iscsi", "secretRef.name"),
    ("storageos", "secretRef.name"),
    ("csi", "nodePublishSecretRef.name"),
];

/// What a pod of the spec at `path` needs: ConfigMaps, Secrets, its own ServiceAccount, claims.
fn of_pod<'a>(object: &'a Value, path: &str) -> Names<'a> {
    let mut names = Names::new();
    let Some(spec) = get(object, path) else { return names };
    for reference in list(spec, "imagePullSecrets") {
        add(&mut names, "Secret", text(reference, "name"));
    }
    let containers = ["initContainers", "containers", "ephemeralContainers"];
    for container in containers.into_iter().flat_map(|field| list(spec, field)) {
        for source in list(container, "envFrom") {
            add(&mut names, "ConfigMap", text(source, "configMapRef.name"));
            add(&mut names, "Secret", text(source, "secretRef.name"));
        }
        for variable in list(container, "env") {
            add(&mut names, "ConfigMap", text(variable, "valueFrom.configMapKeyRef.name"));
            add(&mut names, "Secret", text(variable, "valueFrom.secretKeyRef.name"));
        }
    }
    let account = text(spec, "serviceAccountName");
    if account != "default" {
        add(&mut names, "ServiceAccount", account);
    }
    for volume in list(spec, "volumes") {
        for (source, field) in VOLUME_SECRETS {
            add(&mut names, "Secret", get(volume, source).map_or("", |found| text(found, field)));
        }
        add(&mut names, "ConfigMap", text(volume, "configMap.name"));
        for source in list(volume, "projected.sources") {
            add(&mut names, "ConfigMap", text(source, "configMap.name"));
            add(&mut names, "Secret", text(source, "secret.name"));
        }
        add(&mut names, "PersistentVolumeClaim", text(volume, "persistentVolumeClaim.claimName"));
    }
    names
}
