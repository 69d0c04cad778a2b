//! Failover: when an object leaves a member that does not serve it well (karmada.md 1.1, 3). Accepted and kept; nothing acts on it
//! yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When an object leaves a member, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailoverBehavior {
    /// When the object itself is not healthy there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationFailoverBehavior>,
    /// When the member is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterFailoverBehavior>,
}

/// When an object that is not healthy leaves a member, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationFailoverBehavior {
    /// When.
    pub decision_conditions: DecisionConditions,
    /// What becomes of the object in the member that it leaves. The API server fills in `Gracefully`.
    #[serde(default)]
    pub purge_mode: PurgeMode,
    /// Longest time that `Gracefully` waits, in seconds; 600 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i32>,
    /// What of its status goes along to the next member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// What becomes of an object when its member is not healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFailoverBehavior {
    /// What becomes of the object in the member that it leaves: `Directly` or `Gracefully`. The API server fills in `Gracefully`.
    #[serde(default)]
    pub purge_mode: PurgeMode,
    /// What of its status goes along to the next member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// When an object leaves a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionConditions {
    /// Seconds for which the object may be unhealthy. The API server fills in 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i32>,
}

/// What becomes of an object in a member that it leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PurgeMode {
    /// It is deleted at once.
    Directly,
    /// It is deleted when it is healthy elsewhere, or when the grace period is over.
    #[default]
    Gracefully,
    /// It stays.
    Never,
}

/// What of an object's status goes along to the next member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatePreservation {
    /// Values, one each.
    pub rules: Vec<StatePreservationRule>,
}

/// One value that goes along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatePreservationRule {
    /// Key of the label that the object gets in the next member.
    pub alias_label_name: String,
    /// Where in the status the label's value is, as a JSONPath in braces.
    #[serde(rename = "jsonPath")]
    pub json_path: String,
}
