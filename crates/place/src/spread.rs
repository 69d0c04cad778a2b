//! Selection of members under spread constraints (karmada.md 2.7).
//!
//! By cluster and by region as Karmada does. Karmada declares zone, provider and label as well, and does nothing with them;
//! here each of them alone works as region does, with these rules:
//! - A member is in one group of a constraint. By zone that is its first zone: a member over several zones spreads by itself.
//! - Several constraints are applied from the widest to the narrowest: provider, region, zone, then labels in the order of the
//!   manifest. The first chooses its groups as Karmada chooses regions. Each further one chooses among the members that are
//!   left, first a group for every group chosen before that has none yet, then the best ones.
//! - At the end the best member of every chosen group is taken, then members in their order up to the limit by cluster.

mod choose;
mod group;

use api::karmada::policy::v1alpha1::{ReplicaDivisionPreference, ReplicaSchedulingType, SpreadConstraint, SpreadField};

use crate::divide::Strategy;
use crate::fleet::{Fleet, Member};
use crate::record::Recorder;
use crate::request::{Gates, Request};
use crate::selector::value_of;
use crate::symbol::Symbol;

/// A member that comes into question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its place in the order of names.
    pub place: usize,
    /// The tier of overflow: 0 is the affinity itself.
    pub tier: u32,
    /// Its score: 100 when it has the object already, else 0.
    pub score: i64,
    /// Replicas that it has room for.
    pub free: i64,
    /// Those and the ones that it has already.
    pub available: i64,
}

impl Standing {
    /// Where a member stands: lowest first.
    pub(crate) fn order(&self) -> (u32, std::cmp::Reverse<i64>, std::cmp::Reverse<i64>, usize) {
        (self.tier, std::cmp::Reverse(self.score), std::cmp::Reverse(self.available), self.place)
    }
}

/// What members are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Cluster,
    Provider,
    Region,
    Zone,
    Label(Symbol),
    /// A label while labels are not obeyed.
    Nothing,
}

impl Field {
    pub(crate) fn of(constraint: &SpreadConstraint, fleet: &Fleet, gates: &Gates) -> Self {
        match constraint.spread_by_field {
            Some(SpreadField::Provider) => Self::Provider,
            Some(SpreadField::Region) => Self::Region,
            Some(SpreadField::Zone) => Self::Zone,
            Some(SpreadField::Cluster) => Self::Cluster,
            None if constraint.spread_by_label.is_empty() => Self::Cluster,
            None if gates.spread_by_all => Self::Label(fleet.symbols.find(&constraint.spread_by_label)),
            None => Self::Nothing,
        }
    }

    /// The group of a member.
    pub(crate) fn group(self, member: &Member) -> Symbol {
        match self {
            Self::Provider => member.provider,
            Self::Region => member.region,
            Self::Zone => member.zones.first().copied().unwrap_or_default(),
            Self::Label(key) => value_of(&member.labels, key),
            Self::Cluster | Self::Nothing => Symbol::NONE,
        }
    }

    /// Has a member what it is grouped by?
    pub(crate) fn is_there(self, member: &Member) -> bool {
        matches!(self, Self::Cluster | Self::Nothing) || self.group(member).is_some()
    }

    /// From the widest to the narrowest.
    const fn width(self) -> u8 {
        match self {
            Self::Provider => 0,
            Self::Region => 1,
            Self::Zone => 2,
            Self::Label(_) | Self::Cluster | Self::Nothing => 3,
        }
    }
}

/// What a constraint groups by, in words: `region`, or the key of a label.
pub(crate) fn field_name(constraint: &SpreadConstraint) -> String {
    match constraint.spread_by_field {
        Some(field) => field.as_str().to_owned(),
        None if constraint.spread_by_label.is_empty() => SpreadField::Cluster.as_str().to_owned(),
        None => constraint.spread_by_label.clone(),
    }
}

/// A constraint: how many groups by a field.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) field: Field,
    pub(crate) name: String,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// Is the request one that is placed as sets of components: in exactly one member?
pub(crate) fn is_by_sets(request: &Request, gates: &Gates) -> bool {
    let one = |c: &SpreadConstraint| {
        c.spread_by_field == Some(SpreadField::Cluster) && c.min_groups == 1 && c.max_groups == 1
    };
    gates.component_sets && !request.components.is_empty() && request.placement.spread_constraints.iter().any(one)
}

/// Selects members from all that come into question, which are in their order. Returns them in the order in which they
/// were taken.
///
/// # Errors
/// Karmada's message why none can be selected.
pub(crate) fn select<R: Recorder>(
    standings: Vec<Standing>,
    request: &Request,
    fleet: &Fleet,
    gates: &Gates,
    recorder: &mut R,
) -> Result<Vec<Standing>, String> {
    let constraints = &request.placement.spread_constraints;
    if constraints.is_empty() || ignores_constraints(request) {
        return Ok(standings);
    }
    let limits = limits(request, fleet, gates);
    let cluster = limits.iter().find(|limit| limit.field == Field::Cluster);
    let mut levels: Vec<&Limit> =
        limits.iter().filter(|l| !matches!(l.field, Field::Cluster | Field::Nothing)).collect();
    if !gates.spread_by_all {
        levels.retain(|limit| limit.field == Field::Region);
    }
    levels.sort_by_key(|limit| limit.field.width());
    let wanted = if is_by_sets(request, gates) { 1 } else { i64::from(request.replicas) };
    let wanted = (!matches!(Strategy::of(&request.placement), Strategy::Duplicated)).then_some(wanted);
    match (levels.is_empty(), cluster) {
        (false, _) => {
            let cluster_min = cluster.map_or(0, |limit| limit.min);
            let score = |_: &str, members: &[Standing], min| group::score(members, request, min, cluster_min);
            group::select(standings, &levels, cluster, fleet, recorder, score)
        }
        (true, Some(cluster)) => by_cluster(standings, cluster, wanted),
        (true, None) => Err("just support cluster and region spread constraint".to_owned()),
    }
}

/// The constraints; of several by one field the last counts.
fn limits(request: &Request, fleet: &Fleet, gates: &Gates) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    for constraint in &request.placement.spread_constraints {
        let open = constraint.max_groups == 0 && gates.unset_is_unlimited;
        let limit = Limit {
            field: Field::of(constraint, fleet, gates),
            name: field_name(constraint),
            min: constraint.min_groups,
            max: if open { i64::MAX } else { constraint.max_groups },
        };
        limits.retain(|other| other.name != limit.name);
        limits.push(limit);
    }
    limits
}

/// Static weights choose by themselves: constraints do not count.
fn ignores_constraints(request: &Request) -> bool {
    let Some(strategy) = &request.placement.replica_scheduling else { return false };
    let weights = strategy.weight_preference.as_ref();
    let is_static = weights.is_none_or(|w| w.dynamic_weight.is_none() && !w.static_weight_list.is_empty());
    strategy.replica_scheduling_type == ReplicaSchedulingType::Divided
        && strategy.replica_division_preference == Some(ReplicaDivisionPreference::Weighted)
        && is_static
}

/// The first members, and when these have too little room together, from the last one backwards the one with most room
/// instead.
fn by_cluster(mut standings: Vec<Standing>, limit: &Limit, wanted: Option<i64>) -> Result<Vec<Standing>, String> {
    let total = i64::try_from(standings.len()).unwrap_or(i64::MAX);
    if total < limit.min {
        return Err("the number of feasible clusters is less than spreadConstraint.MinGroups".to_owned());
    }
    let count = total.min(limit.max).max(0);
    let split = usize::try_from(count).unwrap_or_default();
    let Some(wanted) = wanted else {
        standings.truncate(split);
        return Ok(standings);
    };
    let (chosen, rest) = standings.split_at_mut(split);
    let sum = |members: &[Standing]| members.iter().fold(0_i64, |sum, member| sum.saturating_add(member.available));
    let mut available = sum(chosen);
    for worst in chosen.iter_mut().rev() {
        if available >= wanted {
            break;
        }
        // The first of those with most room; a later one must have more.
        let largest = rest.iter_mut().rev().max_by_key(|member| member.available);
        if let Some(better) = largest.filter(|better| better.available > worst.available) {
            available = available.saturating_sub(worst.available).saturating_add(better.available);
            std::mem::swap(worst, better);
        }
    }
    if split == 0 || available < wanted {
        return Err(format!("no enough resource when selecting {count} clusters"));
    }
    standings.truncate(split);
    Ok(standings)
}

#[cfg(test)]
pub(crate) mod tests;
