//! What a unit's inputs were at one moment.

use std::collections::BTreeMap;

use kube::CustomResource;
use model::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::UnitId;
use crate::kurator::apps::v1alpha1::KustomizeInputs;

/// An immutable fetched tree of manifests, and how to fetch it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Digest of the content; the same content has the same digest wherever it came from.
    pub digest: Digest,
    /// What the source calls it, such as `main@sha1:3f2c1a…`.
    pub revision: String,
    /// Where it was fetched from.
    pub url: String,
    /// Name of the Secret, in the unit's namespace, with the credentials of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Files that were left out, in `.gitignore` syntax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// The files of submodules are in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub submodules: bool,
}

impl Artifact {
    /// Is it the same content from the same place? How it is fetched again does not count.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.digest, &self.revision, &self.url) == (other.digest, &other.revision, &other.url)
    }
}

/// What a unit is rendered from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::large_enum_variant, reason = "nearly all revisions have the largest variant, and each has one")]
pub enum Inputs {
    /// A fetched tree and how to render it.
    Artifact(ArtifactInputs),
    /// Objects of the hub.
    Objects(ObjectInputs),
    /// A Helm chart with values.
    Chart(ChartInputs),
}

impl Inputs {
    /// Do both render to the same, with the same renderer?
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Artifact(a), Self::Artifact(b)) => a.is_same_but_remotes(b) && a.remotes == b.remotes,
            (a, b) => a.is_current(b),
        }
    }

    /// Do these inputs render to what `known` would render to? Of what is on other machines `known` says only what has been
    /// asked for already; the rest is as it is here.
    pub fn is_current(&self, known: &Self) -> bool {
        match (self, known) {
            (Self::Artifact(a), Self::Artifact(b)) => {
                let moved = |(id, fetched): (&String, &RemoteInput)| {
                    b.remotes.get(id).is_some_and(|known| known.digest != fetched.digest)
                };
                a.is_same_but_remotes(b) && !a.remotes.iter().any(moved)
            }
            // The digest is of the bodies; how they are compressed may differ between versions.
            (Self::Objects(a), Self::Objects(b)) => a.digest == b.digest,
            (Self::Chart(a), Self::Chart(b)) => a == b,
            _ => false,
        }
    }

    /// What the source calls it, for people; empty when there is no source.
    pub fn source_revision(&self) -> &str {
        match self {
            Self::Artifact(inputs) => &inputs.artifact.revision,
            Self::Objects(_) => "",
            Self::Chart(inputs) => &inputs.version,
        }
    }
}

/// A fetched tree and how to render it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactInputs {
    /// The manifests.
    pub artifact: Artifact,
    /// What of the sync policy decides the rendered objects.
    #[serde(default)]
    #[schemars(schema_with = "crate::delivery::crd::free_object")]
    pub kustomize: KustomizeInputs,
    /// What it uses of other machines, as it was then, by its URL: remote bases and remote resources of Kustomize.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remotes: BTreeMap<String, RemoteInput>,
}

impl ArtifactInputs {
    fn is_same_but_remotes(&self, other: &Self) -> bool {
        self.artifact.is_same(&other.artifact) && self.kustomize == other.kustomize
    }
}

/// What was fetched of another machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteInput {
    /// Digest of the content.
    pub digest: Digest,
    /// What a repository calls it, such as `v1@sha1:3f2c1a…`; a file has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// Bodies of hub objects. A rollback needs them, since the hub keeps only the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectInputs {
    /// Digest of all bodies. Keyed by the hub when Secrets are among them, so that it says nothing of their values.
    pub digest: Digest,
    /// Bodies without what a server adds, as base64 of gzip of a JSON array. No Secret is among them.
    pub data: String,
    /// Name of the Secret beside the Revision that holds the bodies of Secrets, in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

impl ObjectInputs {
    /// Most bytes of all bodies together, before they are compressed (DESIGN 6). What is compressed and encoded of that
    /// stays below the 1.5 MiB that etcd takes, also when nothing compresses.
    pub const BYTES_MAX: usize = 256 * 1000;

    /// Type of the Secret that holds sealed bodies or answers.
    pub const SEALED_TYPE: &str = "kurator.dev/sealed";

    /// Key in that Secret under which the bodies are.
    pub const SEALED_KEY: &str = "objects";
}

/// A Helm chart with values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartInputs {
    /// Digest of the chart.
    pub digest: Digest,
    /// Name of the chart.
    pub name: String,
    /// Version of the chart.
    pub version: String,
    /// Where it was fetched from.
    pub url: String,
    /// The values, merged.
    #[serde(default)]
    #[schemars(schema_with = "crate::delivery::crd::free_object")]
    pub values: serde_json::Map<String, Value>,
}

/// What rendering was answered when it asked for something of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The answer, where everybody may read it.
    #[schemars(schema_with = "crate::delivery::crd::free_value")]
    Value(Value),
    /// The answer is secret.
    Sealed(SealedAnswer),
}

/// Where a secret answer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealedAnswer {
    /// Name of a Secret in the namespace of the Revision.
    pub secret: String,
    /// Key in it.
    pub key: String,
}

/// The inputs of one rendering of a unit. Immutable: a changed input makes a new Revision with the next epoch.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "delivery.kurator.dev", version = "v1alpha1", kind = "Revision", namespaced)]
#[kube(derive = "PartialEq", category = "kurator", doc = "What the inputs of a unit were at one moment.")]
#[kube(printcolumn(name = "Unit", type_ = "string", json_path = ".spec.unit"))]
#[kube(printcolumn(name = "Epoch", type_ = "integer", json_path = ".spec.epoch"))]
#[kube(printcolumn(name = "Source", type_ = "string", json_path = ".spec.inputs.artifact.artifact.revision"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct RevisionSpec {
    /// The unit whose inputs these are.
    pub unit: UnitId,
    /// The unit's own sequence of revisions, from 1. Members refuse to delete for an epoch behind the one that they
    /// have seen.
    pub epoch: u64,
    /// What the unit is rendered from: one of these.
    pub inputs: Inputs,
    /// Digests of the overrides that are applied after rendering, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, Digest>,
    /// Answers to what rendering asked of the world, by question.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, Answer>,
    /// Version of the renderer, since another one may render differently.
    pub renderer: String,
    /// What `now` means while rendering.
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub time: Timestamp,
}

impl RevisionSpec {
    /// The name of a unit's revision.
    pub fn object_name(short: &crate::delivery::ShortId, epoch: u64) -> String {
        format!("{short}-{epoch}")
    }
}
