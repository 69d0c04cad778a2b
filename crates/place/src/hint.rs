//! What would change the answer for a member that is not chosen.
//!
//! A hint is a change of the inputs, as a value. Each one is tried before it is given: it is applied, decided again, and
//! given only when the member is chosen then. So a hint is never wrong, and [`Hint::Nothing`] means that none of the changes
//! that are tried is enough. One change goes before several.

mod apply;
mod search;

use model::MemberName;

use crate::decide::decide;
use crate::explain::Explanation;
use crate::fleet::{Fleet, Taint};
use crate::request::{Gates, Request};
use crate::reservation::Reservations;

/// One change, after which the member is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Set a label of the member's Cluster.
    Label {
        /// Key.
        key: String,
        /// Value.
        value: String,
    },
    /// Remove a label of the member's Cluster.
    NoLabel {
        /// Key.
        key: String,
    },
    /// Set its `provider`, `region` or `zone` (its only zone then); empty removes it.
    Field {
        /// Which.
        field: String,
        /// Value.
        value: String,
    },
    /// Let the member serve a kind: install its CRD.
    Serve {
        /// Group and version.
        api_version: String,
        /// Kind.
        kind: String,
    },
    /// Give the member room for more replicas.
    Room {
        /// How many more.
        replicas: i64,
    },
    /// Change an affinity of the placement.
    Affinity {
        /// Name of the term of `clusterAffinities`; empty: `clusterAffinity`.
        term: String,
        /// What to change.
        change: AffinityChange,
    },
    /// Tolerate a taint.
    Tolerate(Taint),
    /// Tolerate all taints.
    TolerateAll,
    /// Set the limits of a spread constraint.
    Spread {
        /// What it groups by.
        field: String,
        /// `minGroups`.
        min: i64,
        /// `maxGroups`.
        max: i64,
    },
    /// Remove all spread constraints.
    NoSpread,
    /// Give the member a static weight.
    Weight {
        /// The weight.
        weight: i64,
    },
    /// Ask for another number of replicas.
    Replicas {
        /// How many.
        replicas: i32,
    },
    /// Decide as if for the first time: a WorkloadRebalancer does that.
    Rebalance,
    /// Wait until the eviction from the member has ended.
    EvictionEnds,
    /// Several changes, of which none is enough by itself, in the order in which they were found.
    All(Vec<Self>),
    /// None of the changes that are tried is enough, alone or together.
    Nothing,
}

/// A change of an affinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AffinityChange {
    /// Add the member to `clusterNames`.
    Name,
    /// Take the member out of `exclude`.
    Include,
    /// Remove `labelSelector`.
    AnyLabels,
    /// Remove `fieldSelector`.
    AnyFields,
    /// Remove `clusterNames`.
    AnyName,
}

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label { key, value } => write!(f, "add label {key}={value} to its Cluster"),
            Self::NoLabel { key } => write!(f, "remove label {key} from its Cluster"),
            Self::Field { field, value } if value.is_empty() => write!(f, "remove the {field} of its Cluster"),
            Self::Field { field, value } => write!(f, "set the {field} of its Cluster to {value}"),
            Self::Serve { api_version, kind } => write!(f, "install what serves {kind} of {api_version} there"),
            Self::Room { replicas } => write!(f, "it needs room for {replicas} more replicas"),
            Self::Affinity { term, change } => {
                match change {
                    AffinityChange::Name => f.write_str("add it to clusterNames")?,
                    AffinityChange::Include => f.write_str("take it out of exclude")?,
                    AffinityChange::AnyLabels => f.write_str("remove labelSelector")?,
                    AffinityChange::AnyFields => f.write_str("remove fieldSelector")?,
                    AffinityChange::AnyName => f.write_str("remove clusterNames")?,
                }
                if term.is_empty() { f.write_str(" of clusterAffinity") } else { write!(f, " of affinity {term}") }
            }
            Self::Tolerate(taint) => write!(f, "tolerate taint {taint}"),
            Self::TolerateAll => f.write_str("tolerate all taints"),
            Self::Spread { field, min, max } => {
                write!(f, "set minGroups of {field} to {min} and maxGroups to {max}")
            }
            Self::NoSpread => f.write_str("remove the spread constraints"),
            Self::Weight { weight } => write!(f, "give it the static weight {weight}"),
            Self::Replicas { replicas } => write!(f, "ask for {replicas} replicas"),
            Self::Rebalance => f.write_str("have it decided as if for the first time (WorkloadRebalancer)"),
            Self::EvictionEnds => f.write_str("wait until its eviction from there has ended"),
            Self::All(hints) => {
                for (at, hint) in hints.iter().enumerate() {
                    write!(f, "{}{hint}", if at == 0 { "" } else { ", and " })?;
                }
                Ok(())
            }
            Self::Nothing => f.write_str("no change of the policy or of the member alone is enough"),
        }
    }
}

/// What would make the decision choose a member. `None`: it is chosen, or is no member. `told` is the explanation of the
/// same inputs.
///
/// Costs up to some hundred decisions; where several changes are needed, a few times as many.
pub fn hint(
    told: &Explanation,
    member: &MemberName,
    request: &Request,
    fleet: &Fleet,
    reserved: &Reservations,
    gates: &Gates,
) -> Option<Hint> {
    let about = told.members.iter().find(|other| other.member == *member)?;
    let trial = Trial { told, about, request, fleet, reserved, gates };
    search::search(&trial, search::CHANGES_MAX)
}

/// The inputs of a decision, and the member that is to be chosen.
struct Trial<'a> {
    told: &'a Explanation,
    about: &'a crate::explain::MemberFate,
    request: &'a Request,
    fleet: &'a Fleet,
    reserved: &'a Reservations,
    gates: &'a Gates,
}

impl Trial<'_> {
    /// Is the member chosen after this change?
    fn works(&self, hint: &Hint) -> bool {
        let (mut request, mut fleet) = (self.request.clone(), self.fleet.clone());
        hint.apply(&self.about.member, &mut request, &mut fleet);
        let chosen = |decision: crate::Decision| {
            decision.clusters.iter().any(|target| target.name == self.about.member.as_str())
        };
        decide(&request, &fleet, self.reserved, self.gates).is_ok_and(chosen)
    }
}

#[cfg(test)]
mod tests;
