//! Our kinds to and from JSON: see [`kinds::Wire`].

use crate::delivery::{Decision, MemberStatus, Revision};
use crate::karmada::apps::v1alpha1::WorkloadRebalancer;
use crate::karmada::cluster::v1alpha1::Cluster;
use crate::karmada::policy::v1alpha1::{
    ClusterOverridePolicy, ClusterPropagationPolicy, OverridePolicy, PropagationPolicy,
};
use crate::karmada::work::v1alpha1::Work;
use crate::karmada::work::v1alpha2::{ClusterResourceBinding, ResourceBinding};
use crate::kurator::apps::v1alpha1::Application;
use crate::kurator::cluster::v1alpha1::AttachedCluster;
use crate::kurator::fleet::v1alpha1::Fleet;

kinds::wire!(Application, AttachedCluster, Cluster, Decision, Fleet, MemberStatus, Revision);
kinds::wire!(PropagationPolicy, ClusterPropagationPolicy, OverridePolicy, ClusterOverridePolicy);
kinds::wire!(ResourceBinding, ClusterResourceBinding, Work, WorkloadRebalancer);
