//! Cluster: the record of a member (reference/karmada.md 1.4, DESIGN 6).

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::karmada::quantity::{self, ResourceList};

/// How a member is reached and what it is.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cluster.karmada.io",
    version = "v1alpha1",
    kind = "Cluster",
    status = "ClusterStatus",
    printcolumn = r#"{"name":"Version","type":"string","jsonPath":".status.kubernetesVersion"}"#,
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.syncMode"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Region","type":"string","jsonPath":".spec.region","priority":1}"#,
    printcolumn = r#"{"name":"APIEndpoint","type":"string","jsonPath":".spec.apiEndpoint","priority":1}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// UID of the member's kube-system namespace, recorded when it joined. Another UID behind the same address holds
    /// delivery until approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128_000))]
    pub id: Option<String>,
    /// `Push`: the hub applies; `Pull`: an agent in the member does.
    pub sync_mode: SyncMode,
    /// URL of the member's API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_endpoint: Option<String>,
    /// The Secret with the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalSecretReference>,
    /// The Secret with the credential that may impersonate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonator_secret_ref: Option<LocalSecretReference>,
    /// The member's serving certificate is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "insecureSkipTLSVerification")]
    pub insecure_skip_tls_verification: Option<bool>,
    /// Proxy to reach the member through: http, https or socks5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "proxyURL")]
    pub proxy_url: Option<String>,
    /// Headers for the proxy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxy_header: BTreeMap<String, String>,
    /// Cloud provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Zone; deprecated by `zones`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Zones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Taints that placements must tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Grades of node sizes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_models: Vec<ResourceModel>,
}

/// How objects get into a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SyncMode {
    /// The hub applies.
    #[default]
    Push,
    /// An agent applies.
    Pull,
}

/// A Secret by namespace and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalSecretReference {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A taint, as on nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
    /// When a `NoExecute` taint was added, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_added: Option<String>,
}

/// One grade of node sizes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceModel {
    /// Grade, from 0.
    pub grade: u32,
    /// What a node of this grade has.
    pub ranges: Vec<ResourceModelRange>,
}

/// A half-open range of one resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceModelRange {
    /// `cpu`, `memory`, `storage` or `ephemeral-storage`.
    pub name: String,
    /// From.
    #[serde(deserialize_with = "quantity::amount")]
    #[schemars(schema_with = "quantity::amount_schema")]
    pub min: String,
    /// To, not included. In the last grade it is as good as infinite: [`MAX_INT64`].
    #[serde(deserialize_with = "quantity::amount")]
    #[schemars(schema_with = "quantity::amount_schema")]
    pub max: String,
}

/// What the last probes saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Version of the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// What the member serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_enablements: Vec<ApiEnablement>,
    /// `Ready`: True, False (it answers and is not well), Unknown (it does not answer: since when it was last seen).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_summary: Option<NodeSummary>,
    /// Capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_summary: Option<ResourceSummary>,
    /// What Remedies ask for at this member, in order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedy_actions: Vec<String>,
    /// UID of the kube-system namespace that answers, while it is another than `spec.id`: what
    /// `kurator approve member/NAME` approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_id: Option<String>,
    /// When the member last answered, RFC 3339. Written on a transition only: while `Ready` is True it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
}

/// One served group-version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiEnablement {
    /// `apps/v1`.
    pub group_version: String,
    /// Its kinds.
    #[serde(default)]
    pub resources: Vec<ApiResource>,
}

/// One served kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiResource {
    /// Plural name.
    pub name: String,
    /// Kind.
    pub kind: String,
}

/// Nodes, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSummary {
    /// All.
    #[serde(default)]
    pub total_num: i32,
    /// Ready ones.
    #[serde(default)]
    pub ready_num: i32,
}

/// Capacity, as quantities by resource name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSummary {
    /// What nodes offer to pods.
    #[serde(default, deserialize_with = "quantity::amounts")]
    pub allocatable: ResourceList,
    /// What pending pods ask for.
    #[serde(default, deserialize_with = "quantity::amounts")]
    pub allocating: ResourceList,
    /// What scheduled pods ask for.
    #[serde(default, deserialize_with = "quantity::amounts")]
    pub allocated: ResourceList,
    /// How many nodes of each grade have room, by `spec.resourceModels`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocatable_modelings: Vec<AllocatableModeling>,
}

/// How many nodes of one grade have room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AllocatableModeling {
    /// The grade.
    pub grade: u32,
    /// Nodes whose free resources are those of the grade.
    pub count: i64,
}

/// Condition: the member answers and is well.
pub const READY: &str = "Ready";
/// Condition: all that the member serves is in `status.apiEnablements`.
pub const COMPLETE_API_ENABLEMENTS: &str = "CompleteAPIEnablements";
/// Key of the taint of a member on which nothing is to be scheduled.
pub const TAINT_UNSCHEDULABLE: &str = "cluster.karmada.io/unschedulable";
/// Key of the taint of a member that answers and is not well.
pub const TAINT_NOT_READY: &str = "cluster.karmada.io/not-ready";
/// Key of the taint of a member that does not answer.
pub const TAINT_UNREACHABLE: &str = "cluster.karmada.io/unreachable";
/// The largest amount, which stands for infinity in resource models.
pub const MAX_INT64: &str = "9223372036854775807";
