//! WorkloadRebalancer: a request to schedule workloads again as if for the first time (karmada.md 1.5).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::karmada::is_zero;

/// The workloads that are to be scheduled again, and how long the request is kept.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "apps.karmada.io",
    version = "v1alpha1",
    kind = "WorkloadRebalancer",
    status = "WorkloadRebalancerStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRebalancerSpec {
    /// The workloads; at least one.
    pub workloads: Vec<ObjectReference>,
    /// Seconds after which the finished request is deleted. Absent: it stays. 0: it is deleted at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i32>,
}

/// An object of the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Group and version, such as `apps/v1`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; absent for a kind without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// What became of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRebalancerStatus {
    /// What became of each workload, in order of API version, kind, namespace and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_workloads: Vec<ObservedWorkload>,
    /// Generation of the spec that the status speaks of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// When the last workload was dealt with, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_time: Option<String>,
}

/// What became of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedWorkload {
    /// The workload.
    pub workload: ObjectReference,
    /// Whether its binding was triggered; absent while that is still to be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<RebalanceResult>,
    /// Why it failed: [`RebalanceFailedReason`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RebalanceFailedReason>,
}

/// Whether a workload's binding was triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RebalanceResult {
    /// It was not, and is not tried again.
    Failed,
    /// It was.
    Successful,
}

/// Why a workload's binding could not be triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RebalanceFailedReason {
    /// The workload has no binding.
    ReferencedBindingNotFound,
}
