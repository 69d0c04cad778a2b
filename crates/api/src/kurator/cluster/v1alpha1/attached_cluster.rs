//! AttachedCluster: a cluster that exists already joins the hub.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;

/// Desired state (reference/kurator.md 1.2), plus the optional `memberName`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "cluster.kurator.dev",
    version = "v1alpha1",
    kind = "AttachedCluster",
    namespaced,
    status = "AttachedClusterStatus",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct AttachedClusterSpec {
    /// The Secret, in the same namespace, that holds a kubeconfig.
    #[serde(default)]
    pub kubeconfig: KubeconfigRef,
    /// Name of the member, unique over the hub; the object's own name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_name: Option<String>,
    /// The namespaces of the cluster in which the credential has rights, and nowhere else, as `kurator attach --namespaces` makes
    /// one. Nothing else is asked for there. None: it has rights in the whole cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// The hub whose inventories and labels in the cluster this hub may take over, once a person has approved the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_over: Option<TakeOverFrom>,
}

impl AttachedClusterSpec {
    /// Most namespaces of a member that are named: each is a list and a watch for every kind that is delivered there, some 20.
    /// Who needs more gives rights in the whole cluster.
    pub const NAMESPACES_MAX: usize = 64;
}

/// From which hub a cluster is taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeOverFrom {
    /// Its id, as on the objects in the cluster (label `kurator.dev/hub`).
    #[serde(default)]
    pub hub: String,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeconfigRef {
    /// Name of the Secret.
    #[serde(default)]
    pub name: String,
    /// Key in the Secret.
    #[serde(default = "default_key")]
    pub key: String,
}

fn default_key() -> String {
    "value".to_owned()
}

/// Observed state: `ready` as Kurator has it, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedClusterStatus {
    /// The member answered its last probe, and what delivers to it gets through.
    #[serde(default)]
    pub ready: bool,
    /// Name of the member that this object made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The resourceVersion of the Secret that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_secret_version: Option<String>,
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, with a reason such as `NameTaken`, `SameCluster`, `KubeconfigRefused`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
