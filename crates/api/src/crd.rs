//! The CustomResourceDefinitions that the hub installs.
//!
//! Kurator's are the published schemas (`crds/*.json`, described in our words) plus the optional fields that
//! `docs/adr/0003-optional-fields.md` and `docs/adr/0029-edits-are-held.md` list, plus short names, and plus limits that no manifest in use
//! reaches (`docs/adr/0035-limits-in-published-kinds.md`): a text that the hub reads has one. Ours and Karmada's Cluster come from the types.

use kube::CustomResourceExt;
use model::limit;
use serde_json::{Value, json};

use crate::description;
use crate::karmada::cluster::v1alpha1::Cluster;
use crate::kurator::cluster::v1alpha1::AttachedClusterSpec;

const ATTACHED_CLUSTERS: &str = include_str!("../crds/cluster.kurator.dev_attachedclusters.json");
const FLEETS: &str = include_str!("../crds/fleet.kurator.dev_fleets.json");
const APPLICATIONS: &str = include_str!("../crds/apps.kurator.dev_applications.json");

/// Every CRD of the hub, in the order of their names.
pub fn all() -> Vec<Value> {
    let mut published = [attached_clusters(), fleets(), applications()];
    published.iter_mut().for_each(description::describe);
    let mut out = Vec::from(published);
    out.push(members());
    out.extend(crate::delivery::crds());
    out.sort_by(|a, b| model::object::name(a).cmp(&model::object::name(b)));
    out
}

fn published(text: &str) -> Value {
    serde_json::from_str(text).expect("the committed CRD is JSON: a test reads it")
}

/// Adds optional properties to an object schema inside the first version of a CRD.
fn add(crd: &mut Value, path: &[&str], properties: Value) {
    let mut at = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for field in path {
        at = &mut at["properties"][*field];
    }
    let (Value::Object(into), Value::Object(from)) = (&mut at["properties"], properties) else {
        unreachable!("object schemas have properties: a test walks this")
    };
    into.extend(from);
}

/// Adds a rule to the schema of a field of the first version of a CRD. Below a list, `*` stands for its items.
fn limited(crd: &mut Value, path: &str, rule: &str, most: usize) {
    let mut at = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for field in path.split('.') {
        at = if field == "*" { &mut at["items"] } else { &mut at["properties"][field] };
    }
    at[rule] = most.into();
}

/// Longest texts of an Application.
const APPLICATION_TEXTS: [(&str, usize); 13] = [
    ("spec.source.gitRepository.url", limit::URL_BYTES_MAX),
    ("spec.source.gitRepository.interval", limit::DURATION_BYTES_MAX),
    ("spec.source.gitRepository.timeout", limit::DURATION_BYTES_MAX),
    ("spec.source.gitRepository.ignore", limit::IGNORE_BYTES_MAX),
    ("spec.source.gitRepository.ref.branch", limit::REFERENCE_BYTES_MAX),
    ("spec.source.gitRepository.ref.tag", limit::REFERENCE_BYTES_MAX),
    ("spec.source.gitRepository.ref.name", limit::REFERENCE_BYTES_MAX),
    ("spec.source.gitRepository.ref.semver", limit::RANGE_BYTES_MAX),
    ("spec.source.gitRepository.ref.commit", limit::REFERENCE_BYTES_MAX),
    ("spec.syncPolicies.*.kustomization.path", limit::PATH_BYTES_MAX),
    ("spec.syncPolicies.*.kustomization.interval", limit::DURATION_BYTES_MAX),
    ("spec.syncPolicies.*.kustomization.retryInterval", limit::DURATION_BYTES_MAX),
    ("spec.syncPolicies.*.kustomization.timeout", limit::DURATION_BYTES_MAX),
];

fn condition_list() -> Value {
    json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "lastTransitionTime"],
            "properties": {
                "type": {"type": "string"}, "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "reason": {"type": "string"}, "message": {"type": "string"},
                "observedGeneration": {"type": "integer", "format": "int64"},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
            },
        },
    })
}

/// Adds a short name for kubectl. Names that other projects' kinds have, such as `app` and `fl`, would hide one of the two.
fn shortened(crd: &mut Value, name: &str) {
    crd["spec"]["names"]["shortNames"] = json!([name]);
}

fn attached_clusters() -> Value {
    let mut crd = published(ATTACHED_CLUSTERS);
    shortened(&mut crd, "kuac");
    let name = "Name of the member, unique over the hub; the object's own name when absent.";
    add(&mut crd, &["spec"], json!({"memberName": {"type": "string", "maxLength": 48, "description": name}}));
    let namespaces = "The namespaces of the cluster in which the credential has rights, and nowhere else; nothing else is asked for there. \
                      Absent: it has rights in the whole cluster.";
    let namespace = json!({"type": "string", "minLength": 1, "maxLength": model::name::LABEL_MAX});
    let namespaces = json!({"type": "array", "description": namespaces, "items": namespace, "x-kubernetes-list-type": "set",
        "minItems": 1, "maxItems": AttachedClusterSpec::NAMESPACES_MAX});
    add(&mut crd, &["spec"], json!({"namespaces": namespaces}));
    // A label's value: the id is one.
    let hub = json!({"type": "string", "maxLength": model::name::LABEL_MAX});
    let take_over = json!({"type": "object", "required": ["hub"], "properties": {"hub": hub}});
    add(&mut crd, &["spec"], json!({"takeOver": take_over}));
    add(
        &mut crd,
        &["status"],
        json!({
            "conditions": condition_list(), "member": {"type": "string"}, "observedSecretVersion": {"type": "string"},
            "observedGeneration": {"type": "integer", "format": "int64"},
        }),
    );
    // The published column reads a boolean, in which Unknown is `false`.
    crd["spec"]["versions"][0]["additionalPrinterColumns"] =
        json!([ready("Ready", "status"), ready("Reason", "reason"), namespaces_column(), age()]);
    crd
}

/// The column that says in which namespaces the hub has rights; empty for the whole cluster. Shown with `-o wide`.
fn namespaces_column() -> Value {
    json!({"name": "Namespaces", "type": "string", "jsonPath": ".spec.namespaces", "priority": 1})
}

/// A column that shows a field of the `Ready` condition.
fn ready(name: &str, field: &str) -> Value {
    json!({"name": name, "type": "string", "jsonPath": format!(".status.conditions[?(@.type==\"Ready\")].{field}")})
}

fn age() -> Value {
    json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
}

fn fleets() -> Value {
    let mut crd = published(FLEETS);
    shortened(&mut crd, "kufleet");
    let generation = json!({"type": "integer", "format": "int64"});
    add(&mut crd, &["status"], json!({"conditions": condition_list(), "observedGeneration": generation}));
    let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array_mut();
    let columns = columns.expect("the published kind has columns: a test reads them");
    columns.extend([ready("Reason", "reason"), age()]);
    crd
}

fn applications() -> Value {
    let mut crd = published(APPLICATIONS);
    shortened(&mut crd, "kuapp");
    let count = || json!({"type": "integer", "format": "int32"});
    add(
        &mut crd,
        &["status"],
        json!({
            "conditions": condition_list(),
            "observedGeneration": {"type": "integer", "format": "int64"},
            "lastHandledSync": {"type": "string"},
            "truncated": count(),
            "summary": {
                "type": "object",
                "properties": {"placed": count(), "ready": count(), "objects": count(), "held": count()},
            },
            "held": {
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["policy", "digest"],
                "items": {
                    "type": "object",
                    "required": ["policy", "digest", "count"],
                    "properties": {
                        "policy": {"type": "string"}, "digest": {"type": "string"}, "count": count(),
                        "reason": {"type": "string"},
                        "memberCount": count(), "objectCount": count(),
                        "causes": {"type": "array", "items": {
                            "type": "object",
                            "properties": {
                                "cause": {"type": "string"}, "message": {"type": "string"},
                                "members": count(), "objects": count(),
                            },
                        }},
                        "members": {"type": "array", "items": {"type": "string"}},
                        "waitingOn": {"type": "array", "items": {"type": "string"}},
                        "away": {"type": "array", "items": {"type": "string"}},
                        "awayCount": count(),
                    },
                },
            },
        }),
    );
    for (path, bytes) in APPLICATION_TEXTS {
        limited(&mut crd, path, "maxLength", bytes);
    }
    limited(&mut crd, "spec.syncPolicies", "maxItems", limit::SYNC_POLICIES_MAX);
    let revision = ".status.sourceStatus.gitRepoStatus.artifact.revision";
    crd["spec"]["versions"][0]["additionalPrinterColumns"] = json!([
        ready("Ready", "status"),
        ready("Reason", "reason"),
        json!({"name": "Revision", "type": "string", "jsonPath": revision}),
        age(),
    ]);
    crd
}

fn members() -> Value {
    let mut crd = serde_json::to_value(Cluster::crd()).expect("a derived CRD serializes");
    crd["spec"]["names"]["categories"] = json!(["karmada-io"]);
    crd
}

#[cfg(test)]
mod tests;
