//! What a unit's inputs were at one moment.

use std::collections::BTreeMap;

use kube::CustomResource;
use model::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::UnitId;

/// An immutable fetched tree of manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Digest of the content; the same content has the same digest wherever it came from.
    pub digest: Digest,
    /// What the source calls it, such as `main@sha1:3f2c1a…`.
    pub revision: String,
    /// Where it was fetched from.
    pub url: String,
}

/// The inputs of one rendering of a unit. Immutable: a changed input makes a new Revision with the next epoch.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "delivery.kurator.dev", version = "v1alpha1", kind = "Revision", namespaced)]
#[kube(derive = "PartialEq", category = "kurator", doc = "What the inputs of a unit were at one moment.")]
#[kube(printcolumn(name = "Unit", type_ = "string", json_path = ".spec.unit"))]
#[kube(printcolumn(name = "Epoch", type_ = "integer", json_path = ".spec.epoch"))]
#[kube(printcolumn(name = "Source", type_ = "string", json_path = ".spec.artifact.revision"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct RevisionSpec {
    /// The unit whose inputs these are.
    pub unit: UnitId,
    /// The unit's own sequence of revisions, from 1. Members refuse to delete for an epoch behind the one that they
    /// have seen.
    pub epoch: u64,
    /// The manifests.
    pub artifact: Artifact,
    /// The sync policy as it was.
    #[schemars(schema_with = "crate::delivery::crd::free_object")]
    pub policy: Value,
    /// Version of the renderer, since another one may render differently.
    pub renderer: String,
    /// What `now` means while rendering.
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub time: Timestamp,
    /// Seed of the random functions of templates, in hexadecimal.
    pub seed: String,
    /// Answers to what rendering asked of the world, by question.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::delivery::crd::free_object")]
    pub facts: BTreeMap<String, Value>,
    /// Digests of further inputs (overrides, values), by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Digest>,
}

impl RevisionSpec {
    /// The name of a unit's revision.
    pub fn object_name(short: &crate::delivery::ShortId, epoch: u64) -> String {
        format!("{short}-{epoch}")
    }
}
