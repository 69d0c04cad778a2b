//! What one replica asks of a node.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::karmada::quantity::{self, ResourceList};
use crate::karmada::selector::{NodeSelector, Toleration};

/// What one replica asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaRequirements {
    /// Which nodes it may run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_claim: Option<NodeClaim>,
    /// Resources, such as `cpu` and `memory`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "quantity::amounts")]
    #[schemars(schema_with = "quantity::amounts_schema")]
    pub resource_request: ResourceList,
    /// Namespace, for quotas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Priority class, for quotas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub priority_class_name: String,
}

/// Which nodes a replica may run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeClaim {
    /// By node affinity, as far as it is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_node_affinity: Option<NodeSelector>,
    /// By labels that must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that are put up with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
}

/// A part of a workload that has replicas of its own, such as the workers of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Name, unique in the workload, of up to 32 characters.
    #[schemars(length(max = 32))]
    pub name: String,
    /// How many replicas.
    pub replicas: i32,
    /// What one of them asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_requirements: Option<ComponentReplicaRequirements>,
}

/// What one replica of a component asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentReplicaRequirements {
    /// Which nodes it may run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_claim: Option<NodeClaim>,
    /// Resources, such as `cpu` and `memory`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "quantity::amounts")]
    #[schemars(schema_with = "quantity::amounts_schema")]
    pub resource_request: ResourceList,
    /// Priority class, for quotas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub priority_class_name: String,
}
