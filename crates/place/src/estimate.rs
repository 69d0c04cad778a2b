//! How many replicas a member has room for (karmada.md 2.6).
//!
//! By its summary, as Karmada's general estimator does: the least that pods and resources allow, over the sizes of its nodes
//! when they are known. By its real nodes, as Karmada's accurate estimator does. The least of what is known counts.

mod need;
mod room;

use api::karmada::work::v1alpha2::{Component, ReplicaRequirements};

use need::{Claim, Need};
pub(crate) use need::{Tolerated, amounts};
use room::Room;

use crate::fleet::{Fleet, Member};
use crate::request::Gates;
use crate::reservation::Reserves;
use crate::resource::Vector;

/// More sets of components than this are not counted: each costs a walk over the nodes, and a workload with components is
/// placed as one set.
const SETS_MAX: i64 = 1000;

/// Room for replicas that ask for nothing that is counted. The answer is then what is wanted.
pub(crate) const UNLIMITED: i64 = i32::MAX as i64;

/// What is estimated, in the fleet's symbols.
pub(crate) enum Estimated<'a> {
    /// Nothing: the object has no replicas.
    Nothing,
    /// Single replicas.
    Replicas(Need, Claim<'a>),
    /// Whole sets of components.
    Sets(Vec<(Need, Claim<'a>, i64)>),
}

impl<'a> Estimated<'a> {
    /// Single replicas. Without requirements each takes a pod.
    pub(crate) fn replicas(requirements: Option<&'a ReplicaRequirements>, fleet: &Fleet) -> Self {
        let amounts = requirements.map(|requirements| amounts(&requirements.resource_request));
        let claim = requirements.and_then(|requirements| requirements.node_claim.as_ref());
        let mut need = Need::new(amounts.unwrap_or_default(), fleet);
        need.is_nothing = requirements.is_none();
        Self::Replicas(need, Claim(claim))
    }

    /// Sets of components.
    pub(crate) fn sets(components: &'a [Component], fleet: &Fleet) -> Self {
        let part = |component: &'a Component| {
            let requirements = component.replica_requirements.as_ref();
            let amounts = requirements.map(|requirements| amounts(&requirements.resource_request));
            let claim = requirements.and_then(|requirements| requirements.node_claim.as_ref());
            (Need::new(amounts.unwrap_or_default(), fleet), Claim(claim), i64::from(component.replicas.max(0)))
        };
        Self::Sets(components.iter().map(part).collect())
    }

    /// Whole sets by the sizes of nodes alone.
    #[cfg(test)]
    pub(crate) fn sets_by_model(&self, member: &Member, fleet: &Fleet, most: i64) -> i64 {
        match self {
            Self::Sets(parts) => Room::of_grades(member, fleet, None).holds_sets(parts, most),
            Self::Nothing | Self::Replicas(..) => 0,
        }
    }

    /// How many of them a member has room for, next to what is reserved in it: from 0 to [`UNLIMITED`].
    pub(crate) fn room(&self, member: &Member, fleet: &Fleet, gates: &Gates, reserved: Option<&Reserves>) -> i64 {
        match self {
            Self::Nothing => UNLIMITED,
            Self::Replicas(need, claim) => {
                let by_nodes = member.nodes.as_deref().map(|nodes| match reserved {
                    None => room::on_nodes(nodes, need, *claim),
                    Some(_) => Room::of_nodes(nodes, reserved).holds(need, *claim),
                });
                let by_summary = summary(member, need, fleet, gates, reserved);
                least(by_summary, by_nodes)
            }
            Self::Sets(parts) => {
                let by_nodes =
                    member.nodes.as_deref().map(|nodes| Room::of_nodes(nodes, reserved).holds_sets(parts, SETS_MAX));
                let by_summary = sets_by_summary(member, parts, fleet, gates, reserved);
                least(by_summary, by_nodes)
            }
        }
    }
}

fn least(by_summary: Option<i64>, by_nodes: Option<i64>) -> i64 {
    match (by_summary, by_nodes) {
        (Some(a), Some(b)) => a.min(b).clamp(0, UNLIMITED),
        (one, other) => one.or(other).unwrap_or_default().clamp(0, UNLIMITED),
    }
}

fn summary(member: &Member, need: &Need, fleet: &Fleet, gates: &Gates, reserved: Option<&Reserves>) -> Option<i64> {
    let free = member.summary.as_ref()?;
    let Some(reserved) = reserved else {
        let most = free.holds(&need.of_cluster);
        let by_model = gates.resource_models && !member.counts.is_empty() && !need.is_nothing;
        if !by_model {
            return Some(most);
        }
        let grades = member.sizes.iter().zip(&member.counts);
        let fitting = grades.map(|(size, count)| size.holds(&need.of_node).saturating_mul(*count));
        return Some(fitting.fold(0, i64::saturating_add).min(free.pods.max(0)));
    };
    let free = free.without(&sum_of(reserved, fleet));
    if gates.resource_models && !member.counts.is_empty() && !need.is_nothing {
        let room = Room::of_grades(member, fleet, Some(reserved));
        return Some(room.holds(need, Claim(None)).min(free.pods.max(0)));
    }
    Some(free.holds(&need.of_cluster))
}

/// All that is reserved in a member.
fn sum_of(reserved: &Reserves, fleet: &Fleet) -> Vector {
    Vector::with(&reserved.total, true, |name| fleet.symbols.find(name))
}

fn sets_by_summary(
    member: &Member,
    parts: &[(Need, Claim<'_>, i64)],
    fleet: &Fleet,
    gates: &Gates,
    reserved: Option<&Reserves>,
) -> Option<i64> {
    let mut free = member.summary.clone()?;
    if let Some(reserved) = reserved {
        free = free.without(&sum_of(reserved, fleet));
    }
    let mut set = Vector::default();
    for (need, _, replicas) in parts {
        set.add(&need.of_cluster, *replicas);
    }
    let pods = parts.iter().fold(0_i64, |sum, (_, _, replicas)| sum.saturating_add(*replicas));
    if pods == 0 {
        return Some(free.pods.max(0));
    }
    let by_pods = free.pods.max(0) / pods;
    let by_amounts = free.holds(&set).min(by_pods);
    // `holds` counts a pod for each set; what limits here is the pods of a whole one.
    let most = if free.pods.max(0) < pods { 0 } else { by_amounts };
    if gates.resource_models && !member.counts.is_empty() {
        return Some(Room::of_grades(member, fleet, reserved).holds_sets(parts, most.min(SETS_MAX)).min(most));
    }
    Some(most)
}
