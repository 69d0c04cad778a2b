//! API group `cluster.karmada.io`, whose Cluster is our record of a member.

pub mod v1alpha1;
