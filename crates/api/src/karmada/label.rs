//! Keys and values of labels that Karmada's controllers and tools write and read (karmada.md 1.6).

/// On a PropagationPolicy and on what it has claimed: the policy's permanent id.
pub const PROPAGATION_POLICY_ID: &str = "propagationpolicy.karmada.io/permanent-id";
/// On a ClusterPropagationPolicy and on what it has claimed: the policy's permanent id.
pub const CLUSTER_PROPAGATION_POLICY_ID: &str = "clusterpropagationpolicy.karmada.io/permanent-id";
/// On a ResourceBinding and on what is delivered for it: the binding's permanent id.
pub const RESOURCE_BINDING_ID: &str = "resourcebinding.karmada.io/permanent-id";
/// On a ClusterResourceBinding and on what is delivered for it: the binding's permanent id.
pub const CLUSTER_RESOURCE_BINDING_ID: &str = "clusterresourcebinding.karmada.io/permanent-id";
/// On a Work and on what is delivered for it: the Work's permanent id.
pub const WORK_ID: &str = "work.karmada.io/permanent-id";
/// On an object in a member: a hub delivered it. The value is [`TRUE`].
pub const MANAGED: &str = "karmada.io/managed";
/// On objects of the control plane itself. The value is [`TRUE`].
pub const SYSTEM: &str = "karmada.io/system";
/// On a template: the member's own number of replicas stays, as when an autoscaler there sets it. The value is [`TRUE`].
pub const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";
/// On a template: the kind that takes care of it instead of a policy.
pub const CLAIMED_BY: &str = "resourcetemplate.karmada.io/claimed-by";
/// On any object of the hub: it cannot be deleted while the value is [`DELETION_PROTECTED_ALWAYS`].
pub const DELETION_PROTECTED: &str = "resourcetemplate.karmada.io/deletion-protected";
/// The value of [`DELETION_PROTECTED`] that protects.
pub const DELETION_PROTECTED_ALWAYS: &str = "Always";
/// On a Namespace: it is not made in members by itself. The value is [`TRUE`].
pub const SKIP_AUTO_PROPAGATION: &str = "namespace.karmada.io/skip-auto-propagation";
/// On a binding that no policy made: what made it.
pub const BINDING_MANAGED_BY: &str = "binding.karmada.io/managed-by";
/// Value of labels that say yes.
pub const TRUE: &str = "true";

const DEPENDED_BY_PREFIX: &str = "resourcebinding.karmada.io/depended-by-";

/// Key of the label that a binding has for each binding that depends on it, whose permanent id is the value. The namespace is empty
/// for a ClusterResourceBinding.
pub fn depended_by(namespace: &str, name: &str) -> String {
    format!("{DEPENDED_BY_PREFIX}{}", super::name::binding_key(namespace, name))
}
