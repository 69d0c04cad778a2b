//! PropagationPolicy and ClusterPropagationPolicy: which objects of the hub go where (karmada.md 1.1).

use std::ops::{Deref, DerefMut};

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FailoverBehavior, Placement};
use crate::karmada::is_false;
use crate::karmada::selector::LabelSelector;

/// Which objects of the hub go to which members.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "policy.karmada.io", version = "v1alpha1", kind = "PropagationPolicy", namespaced, derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct PropagationSpec {
    /// The objects; at least one selector. A PropagationPolicy selects in its own namespace only.
    #[schemars(length(min = 1))]
    pub resource_selectors: Vec<ResourceSelector>,
    /// Deprecated; nothing reads it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub association: bool,
    /// What the objects depend on (ConfigMaps, Secrets, ServiceAccounts, PersistentVolumeClaims …) goes along.
    #[serde(default, skip_serializing_if = "is_false")]
    pub propagate_deps: bool,
    /// The members.
    #[serde(default)]
    pub placement: Placement,
    /// Of several policies that select an object the one with the highest number wins; 0 when absent.
    #[serde(default)]
    pub priority: i32,
    /// Whether the policy takes over objects that a policy of lower priority has. The API server fills in `Never`.
    #[serde(default)]
    pub preemption: PreemptionBehavior,
    /// Names of override policies that must exist before anything is propagated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependent_overrides: Vec<String>,
    /// Name of the scheduler; `default-scheduler` when absent, which is this hub. It never changes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scheduler_name: String,
    /// When an object leaves a member that does not serve it well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverBehavior>,
    /// What is done about an object that a member has already, and which is not ours. The API server fills in `Abort`.
    #[serde(default)]
    pub conflict_resolution: ConflictResolution,
    /// `Lazy`: edits of the policy wait until the object is edited. Absent: they take effect at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_preference: Option<ActivationPreference>,
    /// Propagation stands still, everywhere or to some members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Objects stay in members when the hub's object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
    /// In which order bindings are scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_priority: Option<SchedulePriority>,
}

/// Which objects of the hub, of any namespace or none, go to which members.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "policy.karmada.io", version = "v1alpha1", kind = "ClusterPropagationPolicy", derive = "PartialEq")]
#[serde(transparent)]
pub struct ClusterPropagationSpec(pub PropagationSpec);

impl Deref for ClusterPropagationSpec {
    type Target = PropagationSpec;

    fn deref(&self) -> &PropagationSpec {
        &self.0
    }
}

impl DerefMut for ClusterPropagationSpec {
    fn deref_mut(&mut self) -> &mut PropagationSpec {
        &mut self.0
    }
}

/// Objects of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSelector {
    /// Group and version, such as `apps/v1`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; absent: the policy's own, or every one for a policy without a namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name; absent: every one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Labels; not read when there is a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
}

/// Whether a policy takes over objects that another one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PreemptionBehavior {
    /// Those of policies that are lower in priority.
    Always,
    /// None.
    #[default]
    Never,
}

/// What is done about an object that a member has already, and which is not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConflictResolution {
    /// Nothing: it stays as it is, and that is reported.
    #[default]
    Abort,
    /// It becomes ours.
    Overwrite,
}

/// When an edit of a policy takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ActivationPreference {
    /// For each object when it is next edited.
    Lazy,
}

/// Where propagation stands still; one of the two is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// Everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatching: Option<bool>,
    /// To these members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatching_on_clusters: Option<SuspendClusters>,
}

/// Members to which propagation stands still.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspendClusters {
    /// Their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_names: Vec<String>,
}

/// In which order bindings are scheduled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePriority {
    /// `KubePriorityClass`.
    pub priority_class_source: String,
    /// Name of the class, whose value is the priority.
    pub priority_class_name: String,
}
