//! Finalizers of Karmada's controllers (karmada.md 1.6).

/// On a Cluster, until nothing of it is left.
pub const CLUSTER: &str = "karmada.io/cluster-controller";
/// On a Work, until its member has given up its objects.
pub const EXECUTION: &str = "karmada.io/execution-controller";
/// On a ResourceBinding, until members have given up its object.
pub const BINDING: &str = "karmada.io/binding-controller";
/// On a ClusterResourceBinding, until members have given up its object.
pub const CLUSTER_BINDING: &str = "karmada.io/cluster-resource-binding-controller";
/// On a binding whose dependencies go along, until those are let go of.
pub const DEPENDENCIES: &str = "karmada.io/binding-dependencies-distributor";
/// On a PropagationPolicy, until nothing is claimed by it.
pub const PROPAGATION_POLICY: &str = "karmada.io/propagation-policy-controller";
/// On a ClusterPropagationPolicy, until nothing is claimed by it.
pub const CLUSTER_PROPAGATION_POLICY: &str = "karmada.io/cluster-propagation-policy-controller";
