//! Our kinds to and from JSON: see [`kinds::Wire`].

use crate::delivery::{Decision, MemberStatus, Revision};
use crate::karmada::cluster::v1alpha1::Cluster;
use crate::kurator::apps::v1alpha1::Application;
use crate::kurator::cluster::v1alpha1::AttachedCluster;
use crate::kurator::fleet::v1alpha1::Fleet;

kinds::wire!(Application, AttachedCluster, Cluster, Decision, Fleet, MemberStatus, Revision);
