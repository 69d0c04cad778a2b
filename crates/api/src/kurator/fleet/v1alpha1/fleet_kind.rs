//! Fleet: a set of members of one namespace.

use kube::CustomResource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::Condition;

/// Desired state (reference/kurator.md 1.5).
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "fleet.kurator.dev",
    version = "v1alpha1",
    kind = "Fleet",
    namespaced,
    status = "FleetStatus",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct FleetSpec {
    /// The members, each by the object that made it, in the Fleet's own namespace.
    #[serde(default)]
    pub clusters: Vec<ClusterRef>,
    /// Plugins; read by their own controllers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Value>,
}

/// An `ObjectReference` of which Kurator uses name and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterRef {
    /// Name of the object.
    #[serde(default)]
    pub name: String,
    /// `AttachedCluster` or `Cluster`; empty means `Cluster`, as in Kurator.
    #[serde(default)]
    pub kind: String,
}

/// Observed state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetStatus {
    /// `Pending`, `Running`, `Failed`, `Ready`, `Terminating`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why, in CamelCase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members that answer.
    #[serde(default)]
    pub ready_clusters: i32,
    /// Members that do not, or are not there.
    #[serde(default)]
    pub un_ready_clusters: i32,
    /// `Ready`, `NotImplemented`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
