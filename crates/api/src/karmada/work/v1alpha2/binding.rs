//! ResourceBinding and ClusterResourceBinding: where one object goes, and who decided that (karmada.md 1.3).

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BindingStatus, Component, ReplicaRequirements};
use crate::karmada::policy::v1alpha1::{
    ConflictResolution, FailoverBehavior, Placement, PurgeMode, Suspension as PolicySuspension,
};
use crate::karmada::{is_false, is_zero};

/// Where an object of a namespace goes.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "work.karmada.io",
    version = "v1alpha2",
    kind = "ResourceBinding",
    namespaced,
    status = "BindingStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct BindingSpec {
    /// The object.
    pub resource: ObjectReference,
    /// What the object depends on goes along.
    #[serde(default, skip_serializing_if = "is_false")]
    pub propagate_deps: bool,
    /// What one replica asks for; absent for an object without replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_requirements: Option<ReplicaRequirements>,
    /// How many replicas the object wants.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replicas: i32,
    /// Parts of the workload that have replicas of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// The members, with their shares: what the scheduler, another scheduler or a person decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<TargetCluster>,
    /// The policy's placement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Members that the object leaves, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub graceful_eviction_tasks: Vec<GracefulEvictionTask>,
    /// Bindings of objects that depend on this one: it goes where they go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_by: Vec<BindingSnapshot>,
    /// The policy's scheduler.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scheduler_name: String,
    /// The policy's failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverBehavior>,
    /// The policy's way with objects that are there already.
    #[serde(default)]
    pub conflict_resolution: ConflictResolution,
    /// When scheduling as if for the first time was asked for, RFC 3339. It is done when this is later than
    /// `status.lastScheduledTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reschedule_triggered_at: Option<String>,
    /// Where propagation stands still, and whether scheduling does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Objects stay in members when the hub's object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
    /// In which order bindings are scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_priority: Option<SchedulePriority>,
    /// The groups of workloads that the object belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_affinity_groups: Option<WorkloadAffinityGroups>,
}

/// Where an object without a namespace goes.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "work.karmada.io",
    version = "v1alpha2",
    kind = "ClusterResourceBinding",
    status = "BindingStatus",
    derive = "PartialEq"
)]
#[serde(transparent)]
pub struct ClusterBindingSpec(pub BindingSpec);

impl Deref for ClusterBindingSpec {
    type Target = BindingSpec;

    fn deref(&self) -> &BindingSpec {
        &self.0
    }
}

impl DerefMut for ClusterBindingSpec {
    fn deref_mut(&mut self) -> &mut BindingSpec {
        &mut self.0
    }
}

/// An object of the hub, as it was when the binding was last written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Group and version, such as `apps/v1`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; absent for a kind without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Resource version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
}

/// A member, and its share.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TargetCluster {
    /// Name of the member.
    pub name: String,
    /// Replicas that it gets; 0 for an object without replicas.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replicas: i32,
    /// Replicas of components that it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<TargetComponent>,
}

/// A member's share of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TargetComponent {
    /// Name of the component.
    pub name: String,
    /// Replicas that the member gets.
    pub replicas: i32,
}

/// A member that the object leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GracefulEvictionTask {
    /// Name of the member.
    pub from_cluster: String,
    /// What becomes of the object there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_mode: Option<PurgeMode>,
    /// Replicas that the member had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Why, in CamelCase, of 1 to 32 characters.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, for people; up to 1,024 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
    /// The controller that asked for it.
    pub producer: String,
    /// Longest time that is waited for the object to be healthy elsewhere, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i32>,
    /// The object stays until this is unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_deletion: Option<bool>,
    /// Labels that the object gets in the next member.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub preserved_label_state: BTreeMap<String, String>,
    /// When it was asked for, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// The members that the object was in before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters_before_failover: Vec<String>,
}

/// A binding of an object that depends on this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct BindingSnapshot {
    /// Its namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<TargetCluster>,
}

/// Where propagation of a binding stands still, and whether scheduling does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspension {
    /// Where propagation stands still.
    #[serde(flatten)]
    pub propagation: PolicySuspension,
    /// Whether scheduling stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<bool>,
}

/// In which order bindings are scheduled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulePriority {
    /// The value of the policy's priority class: the highest goes first.
    #[serde(default)]
    pub priority: i32,
}

/// The groups of workloads that an object belongs to, each as `key=value` of its label.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadAffinityGroups {
    /// The group whose workloads are to be in the same members.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub affinity_group: String,
    /// The group whose workloads are to be in different members.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub anti_affinity_group: String,
}

/// Why an object leaves a member: a taint there that it does not tolerate.
pub const EVICTION_TAINT_UNTOLERATED: &str = "TaintUntolerated";
/// Why an object leaves a member: it is not healthy there.
pub const EVICTION_APPLICATION_FAILURE: &str = "ApplicationFailure";
