//! When a binding is scheduled at all (karmada.md 2.3).

use api::karmada::policy::v1alpha1::{ClusterAffinityTerm, Placement, ReplicaSchedulingType};
use api::karmada::work::v1alpha2::{BindingSpec, BindingStatus};

use crate::fleet::Fleet;
use crate::request::Gates;

/// Why a binding is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// It has never been scheduled, or with another placement.
    Placement,
    /// It wants another number of replicas than its members have.
    Replicas,
    /// A WorkloadRebalancer asked for it.
    Rebalance,
    /// Every member gets it: members may have come and gone.
    EveryMember,
    /// A member that it is in is being deleted.
    MemberLeaves,
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Placement => "the placement changed",
            Self::Replicas => "the number of replicas changed",
            Self::Rebalance => "a rebalancing was asked for",
            Self::EveryMember => "every member that fits gets it",
            Self::MemberLeaves => "a member that it is in is being deleted",
        })
    }
}

/// Is a binding to be scheduled, and why? `applied` is the text of its annotation
/// [`APPLIED_PLACEMENT`](api::karmada::annotation::APPLIED_PLACEMENT): the placement of the last time, as JSON; empty when
/// there is none. Whether scheduling is suspended or another scheduler's is not asked here.
pub fn needs_scheduling(
    spec: &BindingSpec,
    status: &BindingStatus,
    applied: &str,
    fleet: &Fleet,
    gates: &Gates,
) -> Option<Trigger> {
    let placement = spec.placement.as_ref()?;
    let is_workload = spec.replicas > 0 || spec.replica_requirements.is_some() || !spec.components.is_empty();
    let strategy = placement.replica_scheduling.as_ref();
    let duplicated = strategy.is_none_or(|s| s.replica_scheduling_type == ReplicaSchedulingType::Duplicated);
    if is_placement_changed(placement, applied, &status.scheduler_observed_affinity_name) {
        Some(Trigger::Placement)
    } else if are_replicas_changed(spec, gates) {
        Some(Trigger::Replicas)
    } else if is_reschedule_due(spec, status) {
        Some(Trigger::Rebalance)
    } else if !is_workload || duplicated {
        Some(Trigger::EveryMember)
    } else {
        spec.clusters.iter().any(|target| fleet.is_leaving(&target.name)).then_some(Trigger::MemberLeaves)
    }
}

/// Has the placement changed since it was applied? Of ordered affinities only the one in use counts, and affinity groups of
/// workloads do not. A text that is no placement counts as unchanged, as in Karmada.
pub(crate) fn is_placement_changed(placement: &Placement, applied: &str, observed: &str) -> bool {
    if applied.is_empty() {
        return true;
    }
    let Ok(applied) = serde_json::from_str::<Placement>(applied) else { return false };
    if *placement == applied {
        return false;
    }
    placement.cluster_affinity != applied.cluster_affinity
        || placement.cluster_tolerations != applied.cluster_tolerations
        || placement.spread_constraints != applied.spread_constraints
        || placement.replica_scheduling != applied.replica_scheduling
        || is_term_changed(&placement.cluster_affinities, &applied.cluster_affinities, observed)
}

fn is_term_changed(terms: &[ClusterAffinityTerm], applied: &[ClusterAffinityTerm], observed: &str) -> bool {
    let find = |terms: &'_ [ClusterAffinityTerm]| terms.iter().find(|t| t.affinity_name == observed).cloned();
    if observed.is_empty() {
        return true;
    }
    match (find(terms), find(applied)) {
        (Some(now), Some(before)) => now != before,
        _ => true,
    }
}

/// Do the members have another number of replicas than the binding wants?
pub(crate) fn are_replicas_changed(spec: &BindingSpec, gates: &Gates) -> bool {
    let strategy = spec.placement.as_ref().and_then(|placement| placement.replica_scheduling.as_ref());
    let Some(strategy) = strategy else { return false };
    if gates.component_sets && !spec.components.is_empty() && spec.clusters.is_empty() {
        return true;
    }
    let mut replicas = spec.clusters.iter().map(|target| target.replicas);
    match strategy.replica_scheduling_type {
        ReplicaSchedulingType::Duplicated => replicas.any(|replicas| replicas != spec.replicas),
        ReplicaSchedulingType::Divided => replicas.map(i64::from).sum::<i64>() != i64::from(spec.replicas),
    }
}

/// Was scheduling as if for the first time asked for after the last time? A binding that was never scheduled waits for that.
pub(crate) fn is_reschedule_due(spec: &BindingSpec, status: &BindingStatus) -> bool {
    let time = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<model::Timestamp>().ok());
    match (time(&spec.reschedule_triggered_at), time(&status.last_scheduled_time)) {
        (Some(asked), Some(scheduled)) => asked > scheduled,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
