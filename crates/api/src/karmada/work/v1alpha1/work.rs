//! Work: what one member gets of one object (karmada.md 1.3). Nothing stores it: it is a view of what is delivered.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::Condition;
use crate::delivery::crd::{free_object, free_value};
use crate::karmada::work::v1alpha2::ResourceHealth;

/// What a member gets.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "work.karmada.io",
    version = "v1alpha1",
    kind = "Work",
    namespaced,
    status = "WorkStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct WorkSpec {
    /// The objects.
    #[serde(default)]
    pub workload: WorkloadTemplate,
    /// Propagation stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend_dispatching: Option<bool>,
    /// The objects stay when the Work is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
}

/// The objects of a Work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadTemplate {
    /// The objects, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Manifest>,
}

/// An object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Manifest(#[schemars(schema_with = "free_value")] pub Value);

/// How the objects are in the member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkStatus {
    /// [`APPLIED`], [`PROGRESSING`], [`AVAILABLE`], [`DEGRADED`] and [`DISPATCHING`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// How each object is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifest_statuses: Vec<ManifestStatus>,
}

/// How one object is in the member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestStatus {
    /// The object.
    pub identifier: ResourceIdentifier,
    /// What of its status counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub status: Option<Value>,
    /// Whether it does what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<ResourceHealth>,
}

/// An object of a Work.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ResourceIdentifier {
    /// Its place in `manifests`, from 0.
    pub ordinal: i64,
    /// Its group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// The plural name of its kind.
    pub resource: String,
    /// Its namespace; absent for a kind without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Condition: the member has every object as it is wanted.
pub const APPLIED: &str = "Applied";
/// Condition: objects are being brought to the member.
pub const PROGRESSING: &str = "Progressing";
/// Condition: every object is in the member.
pub const AVAILABLE: &str = "Available";
/// Condition: an object in the member is not as it is wanted.
pub const DEGRADED: &str = "Degraded";
/// Condition: propagation does not stand still.
pub const DISPATCHING: &str = "Dispatching";
