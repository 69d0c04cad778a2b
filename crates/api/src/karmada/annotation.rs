//! Keys and values of annotations that Karmada's controllers and tools write and read (karmada.md 1.6).

/// On what a PropagationPolicy has claimed: its namespace.
pub const PROPAGATION_POLICY_NAMESPACE: &str = "propagationpolicy.karmada.io/namespace";
/// On what a PropagationPolicy has claimed: its name.
pub const PROPAGATION_POLICY_NAME: &str = "propagationpolicy.karmada.io/name";
/// On what a ClusterPropagationPolicy has claimed: its name.
pub const CLUSTER_PROPAGATION_POLICY_NAME: &str = "clusterpropagationpolicy.karmada.io/name";
/// On what is delivered for a ResourceBinding: its namespace.
pub const RESOURCE_BINDING_NAMESPACE: &str = "resourcebinding.karmada.io/namespace";
/// On what is delivered for a ResourceBinding: its name.
pub const RESOURCE_BINDING_NAME: &str = "resourcebinding.karmada.io/name";
/// On what is delivered for a ClusterResourceBinding: its name.
pub const CLUSTER_RESOURCE_BINDING_NAME: &str = "clusterresourcebinding.karmada.io/name";
/// On an object in a member: the namespace of its Work.
pub const WORK_NAMESPACE: &str = "work.karmada.io/namespace";
/// On an object in a member: the name of its Work.
pub const WORK_NAME: &str = "work.karmada.io/name";
/// On a template or an object in a member: what is done about one that is there already, [`OVERWRITE`] or [`ABORT`].
pub const CONFLICT_RESOLUTION: &str = "work.karmada.io/conflict-resolution";
/// Value of [`CONFLICT_RESOLUTION`]: it becomes ours.
pub const OVERWRITE: &str = "overwrite";
/// Value of [`CONFLICT_RESOLUTION`]: it stays as it is.
pub const ABORT: &str = "abort";
/// On an object in a member: generation of its template.
pub const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";
/// On an object in a member: UID of its template.
pub const TEMPLATE_UID: &str = "resourcetemplate.karmada.io/uid";
/// On an object in a member: keys of the labels that the hub wrote, with commas between them.
pub const MANAGED_LABELS: &str = "resourcetemplate.karmada.io/managed-labels";
/// On an object in a member: keys of the annotations that the hub wrote, with commas between them.
pub const MANAGED_ANNOTATIONS: &str = "resourcetemplate.karmada.io/managed-annotations";
/// On a binding: the placement that it was last scheduled by, as JSON.
pub const APPLIED_PLACEMENT: &str = "policy.karmada.io/applied-placement";
/// On an object in a member: the OverridePolicies that changed it, as JSON.
pub const APPLIED_OVERRIDES: &str = "policy.karmada.io/applied-overrides";
/// On an object in a member: the ClusterOverridePolicies that changed it, as JSON.
pub const APPLIED_CLUSTER_OVERRIDES: &str = "policy.karmada.io/applied-cluster-overrides";
/// On a binding: what the object depends on, as JSON.
pub const DEPENDENCIES: &str = "resourcebinding.karmada.io/dependencies";
/// On an object that was read from a member: the member's name.
pub const CACHED_FROM_CLUSTER: &str = "resource.karmada.io/cached-from-cluster";
