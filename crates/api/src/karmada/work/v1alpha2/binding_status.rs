//! How a binding stands: whether it is scheduled, and how the object is in each member.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::Condition;
use crate::delivery::crd::free_object;
use crate::karmada::{is_false, is_zero};

/// How a binding stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// Generation of the spec that was last scheduled.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub scheduler_observed_generation: i64,
    /// Which of `clusterAffinities` was taken.
    #[serde(default, rename = "schedulerObservingAffinityName", skip_serializing_if = "String::is_empty")]
    pub scheduler_observed_affinity_name: String,
    /// When it was last scheduled, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scheduled_time: Option<String>,
    /// [`SCHEDULED`] and [`FULLY_APPLIED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// How the object is in each member, in order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<AggregatedStatusItem>,
}

/// How the object is in one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AggregatedStatusItem {
    /// Name of the member.
    pub cluster_name: String,
    /// What of the object's status counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub status: Option<Value>,
    /// The member has the object as it is wanted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub applied: bool,
    /// Why it has not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub applied_message: String,
    /// Whether the object does what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<ResourceHealth>,
}

/// Whether an object does what it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceHealth {
    /// It does.
    Healthy,
    /// It does not.
    Unhealthy,
    /// That cannot be said.
    #[default]
    Unknown,
}

/// Condition: members were chosen.
pub const SCHEDULED: &str = "Scheduled";
/// Condition: every member that counts has the object as it is wanted.
pub const FULLY_APPLIED: &str = "FullyApplied";
/// Reason of [`SCHEDULED`]: they were.
pub const REASON_SUCCESS: &str = "Success";
/// Reason of [`SCHEDULED`]: scheduling failed.
pub const REASON_SCHEDULER_ERROR: &str = "SchedulerError";
/// Reason of [`SCHEDULED`]: no member passes every filter.
pub const REASON_NO_CLUSTER_FIT: &str = "NoClusterFit";
/// Reason of [`SCHEDULED`]: members pass, and have too little room.
pub const REASON_UNSCHEDULABLE: &str = "Unschedulable";
/// Reason of [`SCHEDULED`]: a quota would be exceeded.
pub const REASON_QUOTA_EXCEEDED: &str = "QuotaExceeded";
/// Reason of [`FULLY_APPLIED`] while it is true.
pub const REASON_FULLY_APPLIED_SUCCESS: &str = "FullyAppliedSuccess";
/// Reason of [`FULLY_APPLIED`] while it is false.
pub const REASON_FULLY_APPLIED_FAILED: &str = "FullyAppliedFailed";
