//! What a kustomization file does to every object: namespace, names, labels, annotations, images, replicas.
//!
//! The field specifications are facts of `kustomize/api/internal/konfig/builtinpluginconsts`.

use std::collections::BTreeMap;

use model::object;
use serde_json::{Map, Value};

use super::field::{self, Spec};
use super::file::{Kustomization, Labels, Scalar};
use super::generate::pairs_weight;
use super::image;
use super::layer::STEP_BYTES;
use super::resource::Resources;
use crate::budget::Budget;
use crate::error::RenderError;

const METADATA_LABELS: Spec = Spec::new("", "", "metadata/labels", true);
const METADATA_ANNOTATIONS: Spec = Spec::new("", "", "metadata/annotations", true);

/// Where `<pod template>/metadata` is. `/labels` or `/annotations` follows.
const TEMPLATES: [Spec; 8] = [
    Spec::new("", "ReplicationController", "spec/template/metadata", true),
    Spec::new("", "Deployment", "spec/template/metadata", true),
    Spec::new("", "ReplicaSet", "spec/template/metadata", true),
    Spec::new("", "DaemonSet", "spec/template/metadata", true),
    Spec::new("", "StatefulSet", "spec/template/metadata", true),
    Spec::new("batch", "Job", "spec/template/metadata", true),
    Spec::new("batch", "CronJob", "spec/jobTemplate/metadata", true),
    Spec::new("batch", "CronJob", "spec/jobTemplate/spec/template/metadata", true),
];

/// Label maps that only labels change, besides the templates.
const CLAIM_TEMPLATES: Spec = Spec::new("apps", "StatefulSet", "spec/volumeClaimTemplates[]/metadata/labels", true);

const SELECTORS: [Spec; 12] = [
    Spec::new("", "Service", "spec/selector", true),
    Spec::new("", "ReplicationController", "spec/selector", true),
    Spec::new("", "Deployment", "spec/selector/matchLabels", true),
    Spec::new("", "ReplicaSet", "spec/selector/matchLabels", true),
    Spec::new("", "DaemonSet", "spec/selector/matchLabels", true),
    Spec::new("apps", "StatefulSet", "spec/selector/matchLabels", true),
    Spec::new("batch", "Job", "spec/selector/matchLabels", false),
    Spec::new("batch", "CronJob", "spec/jobTemplate/spec/selector/matchLabels", false),
    Spec::new("policy", "PodDisruptionBudget", "spec/selector/matchLabels", false),
    Spec::new("networking.k8s.io", "NetworkPolicy", "spec/podSelector/matchLabels", false),
    Spec::new("networking.k8s.io", "NetworkPolicy", "spec/ingress/from/podSelector/matchLabels", false),
    Spec::new("networking.k8s.io", "NetworkPolicy", "spec/egress/to/podSelector/matchLabels", false),
];

/// Selectors in the pod template of Deployments and StatefulSets of `apps`.
const POD_SELECTORS: [&str; 5] = [
    "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "topologySpreadConstraints/labelSelector/matchLabels",
];

/// Kinds whose names carry meaning and get neither prefix nor suffix.
const NAMES_KEPT: [(&str, &str); 3] =
    [("apiextensions.k8s.io", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService"), ("", "Namespace")];

const REPLICAS: [Spec; 4] = [
    Spec::new("", "Deployment", "spec/replicas", true),
    Spec::new("", "ReplicationController", "spec/replicas", true),
    Spec::new("", "ReplicaSet", "spec/replicas", true),
    Spec::new("", "StatefulSet", "spec/replicas", true),
];

/// Sets the namespace of every namespaced object, and the fields in which some kinds repeat it.
pub(crate) fn namespace(namespace: &str, all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    if namespace.is_empty() {
        return Ok(());
    }
    // Each object has it once, and a binding or a service again.
    budget.spend_made(namespace.len().saturating_mul(2 * all.0.len()))?;
    let cluster = all.cluster_kinds();
    for resource in &mut all.0 {
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        if resource.namespaced(&cluster) {
            resource.remember(budget)?;
            resource.object["metadata"]["namespace"] = namespace.into();
        }
        match (gvk.group.as_str(), gvk.kind.as_str()) {
            ("", "Namespace") => {
                resource.remember(budget)?;
                resource.object["metadata"]["name"] = namespace.into();
            }
            ("apiregistration.k8s.io", "APIService") => {
                let location = &resource.location;
                field::each(&mut resource.object, "spec/service", false, &mut |service| {
                    let Value::Object(service) = service else {
                        return Err(RenderError::field(&location.to_string(), "spec.service", "it is not a mapping"));
                    };
                    service.insert("namespace".into(), namespace.into());
                    Ok(())
                })?;
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                let path = "spec/conversion/webhook/clientConfig/service/namespace";
                field::each(&mut resource.object, path, false, &mut |v| {
                    *v = namespace.into();
                    Ok(())
                })?;
            }
            (_, "RoleBinding" | "ClusterRoleBinding") => {
                // Only the service account that every namespace has. `reference` updates the subjects that name an object.
                for subject in resource.object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
                    if subject["kind"] == "ServiceAccount" && subject["name"] == "default" {
                        subject["namespace"] = namespace.into();
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Adds a prefix and a suffix to names.
pub(crate) fn names(prefix: &str, suffix: &str, all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    if prefix.is_empty() && suffix.is_empty() {
        return Ok(());
    }
    budget.spend_made((prefix.len() + suffix.len()).saturating_mul(all.0.len()))?;
    for resource in &mut all.0 {
        let key = resource.key();
        if !NAMES_KEPT.contains(&(key.group.as_str(), key.kind.as_str())) {
            resource.remember(budget)?;
            resource.object["metadata"]["name"] = format!("{prefix}{}{suffix}", key.name).into();
        }
    }
    Ok(())
}

/// `labels` and `commonLabels`.
pub(crate) fn labels(file: &Kustomization, all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    for (at, entry) in file.labels.iter().enumerate() {
        one_labels(entry, all, budget)?;
        for (number, spec) in entry.fields.iter().enumerate() {
            if let Some(why) = field::refusal(&spec.path) {
                let field = format!("labels[{at}].fields[{number}].path");
                return Err(RenderError::field(&file.file, field, why));
            }
            // The path is taken apart for each object.
            budget.spend(spec.path.len().saturating_mul(all.0.len()))?;
            for resource in &mut all.0 {
                let gvk = object::gvk(&resource.object).unwrap_or_default();
                if spec.selects(&gvk) {
                    set_pairs(&mut resource.object, &spec.path, spec.create, &entry.pairs, budget)?;
                }
            }
        }
    }
    let common = Labels { pairs: file.common_labels.clone(), include_selectors: true, ..Labels::default() };
    one_labels(&common, all, budget)
}

fn one_labels(entry: &Labels, all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    if entry.pairs.is_empty() {
        return Ok(());
    }
    for resource in &mut all.0 {
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        let object = &mut resource.object;
        set_pairs(object, METADATA_LABELS.path, true, &entry.pairs, budget)?;
        if entry.include_selectors || entry.include_templates {
            for spec in TEMPLATES.iter().filter(|s| s.selects(&gvk)) {
                set_pairs(object, &format!("{}/labels", spec.path), spec.create, &entry.pairs, budget)?;
            }
            if CLAIM_TEMPLATES.selects(&gvk) {
                set_pairs(object, CLAIM_TEMPLATES.path, CLAIM_TEMPLATES.create, &entry.pairs, budget)?;
            }
        }
        if !entry.include_selectors {
            continue;
        }
        for spec in SELECTORS.iter().filter(|s| s.selects(&gvk)) {
            set_pairs(object, spec.path, spec.create, &entry.pairs, budget)?;
        }
        if gvk.group == "apps" && matches!(gvk.kind.as_str(), "Deployment" | "StatefulSet") {
            for path in POD_SELECTORS {
                set_pairs(object, &format!("spec/template/spec/{path}"), false, &entry.pairs, budget)?;
            }
        }
    }
    Ok(())
}

/// `commonAnnotations`.
pub(crate) fn annotations(
    pairs: &BTreeMap<String, Scalar>,
    all: &mut Resources,
    budget: &Budget,
) -> Result<(), RenderError> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in &mut all.0 {
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        set_pairs(&mut resource.object, METADATA_ANNOTATIONS.path, true, pairs, budget)?;
        for spec in TEMPLATES.iter().filter(|s| s.selects(&gvk)) {
            set_pairs(&mut resource.object, &format!("{}/annotations", spec.path), spec.create, pairs, budget)?;
        }
    }
    Ok(())
}

/// Sets entries of the map at a path.
fn set_pairs(
    object: &mut Value,
    path: &str,
    create: bool,
    pairs: &BTreeMap<String, Scalar>,
    budget: &Budget,
) -> Result<(), RenderError> {
    let weight = pairs_weight(pairs) + if create { path.len() } else { 0 };
    field::each(object, path, create, &mut |value| {
        budget.spend_made(weight)?;
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        if let Value::Object(map) = value {
            map.extend(pairs.iter().map(|(k, v)| (k.clone(), Value::from(v.0.clone()))));
        }
        Ok(())
    })
}

/// `images`.
pub(crate) fn images(file: &Kustomization, all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    if file.images.is_empty() {
        return Ok(());
    }
    // Each walks over all of every object, with what the steps before this one added.
    budget.spend(file.images.len().saturating_mul(all.weight() + STEP_BYTES))?;
    for (at, change) in file.images.iter().enumerate() {
        let compiled = image::Compiled::new(change, budget)?;
        let compiled = compiled.map_err(|why| RenderError::field(&file.file, format!("images[{at}]"), why))?;
        for resource in &mut all.0 {
            // A CRD's schema may have a field named `containers`.
            if resource.object["kind"] != "CustomResourceDefinition" {
                compiled.apply(&mut resource.object, budget)?;
            }
        }
    }
    Ok(())
}

/// `replicas`.
pub(crate) fn replicas(file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    for (at, change) in file.replicas.iter().enumerate() {
        let mut found = false;
        for resource in &mut all.0 {
            let gvk = object::gvk(&resource.object).unwrap_or_default();
            let named = resource.keys().any(|key| key.name == change.name);
            for spec in REPLICAS.iter().filter(|s| named && s.selects(&gvk)) {
                field::each(&mut resource.object, spec.path, spec.create, &mut |v| {
                    *v = change.count.into();
                    Ok(())
                })?;
                found = true;
            }
        }
        if !found {
            let target =
                format!("name {:?} of a Deployment, ReplicaSet, ReplicationController or StatefulSet", change.name);
            return Err(RenderError::NoTarget { file: file.file.clone(), field: format!("replicas[{at}]"), target });
        }
    }
    Ok(())
}
