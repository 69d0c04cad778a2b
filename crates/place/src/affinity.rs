//! Rules of a placement in the symbols of a fleet.

use api::karmada::policy::v1alpha1::{ClusterAffinity, ClusterAffinityTerm, Placement};

use crate::fleet::{Fleet, Member};
use crate::selector::Clause;
use crate::symbol::Symbols;

/// Which members an affinity selects.
#[derive(Debug, Default)]
pub(crate) struct Affinity {
    excluded: Places,
    /// `None`: every name.
    names: Option<Places>,
    labels: Vec<Clause>,
    provider: Vec<Clause>,
    region: Vec<Clause>,
    zones: Vec<Clause>,
    /// A field that members do not have: only what demands its absence holds.
    is_impossible: bool,
}

/// A set of members by their places.
#[derive(Debug, Default)]
struct Places(Vec<u64>);

impl Places {
    fn of(names: &[String], fleet: &Fleet) -> Self {
        let mut bits = Vec::new();
        for place in names.iter().filter_map(|name| fleet.place(name)) {
            bits.resize(fleet.len().div_ceil(64), 0);
            bits[place / 64] |= 1_u64 << (place % 64);
        }
        Self(bits)
    }

    fn contains(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }
}

/// Why an affinity does not select a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// It is named in `exclude`.
    Excluded,
    /// A label is not as demanded.
    Label,
    /// Provider, region or zone is not as demanded.
    Field,
    /// Its name is not in `clusterNames`.
    Name,
}

impl Affinity {
    pub(crate) fn of(affinity: &ClusterAffinity, fleet: &Fleet) -> Self {
        let symbols = &fleet.symbols;
        let mut out = Self {
            excluded: Places::of(&affinity.exclude_clusters, fleet),
            names: (!affinity.cluster_names.is_empty()).then(|| Places::of(&affinity.cluster_names, fleet)),
            ..Self::default()
        };
        if let Some(selector) = &affinity.label_selector {
            out.labels.extend(selector.match_labels.iter().map(|(key, value)| Clause::equal(key, value, symbols)));
            out.labels.extend(selector.match_expressions.iter().map(|demand| Clause::of(demand, symbols)));
        }
        for demand in affinity.field_selector.iter().flat_map(|selector| &selector.match_expressions) {
            let clause = Clause::of(demand, symbols);
            match demand.key.as_str() {
                "provider" => out.provider.push(clause),
                "region" => out.region.push(clause),
                "zone" => out.zones.push(clause),
                _ => out.is_impossible |= !clause.accepts(crate::symbol::Symbol::NONE, symbols),
            }
        }
        out
    }

    /// Why the member at this place is not selected; `None`: it is.
    pub(crate) fn mismatch(&self, place: usize, member: &Member, symbols: &Symbols) -> Option<Mismatch> {
        if self.excluded.contains(place) {
            return Some(Mismatch::Excluded);
        }
        if self.names.as_ref().is_some_and(|names| !names.contains(place)) {
            return Some(Mismatch::Name);
        }
        if !self.labels.iter().all(|clause| clause.matches(&member.labels, symbols)) {
            return Some(Mismatch::Label);
        }
        let fields = !self.is_impossible
            && self.provider.iter().all(|clause| clause.accepts(member.provider, symbols))
            && self.region.iter().all(|clause| clause.accepts(member.region, symbols))
            && self.zones.iter().all(|clause| clause.accepts_any(&member.zones));
        (!fields).then_some(Mismatch::Field)
    }
}

/// The affinities that a decision tries, in the order of preference.
pub(crate) enum Terms<'a> {
    /// One, or none: every member.
    Single(Option<&'a ClusterAffinity>),
    /// Ordered terms, and where to start.
    Ordered(&'a [ClusterAffinityTerm], usize),
}

impl<'a> Terms<'a> {
    /// Ordered terms start at the one that was used before, so that no decision goes back to an earlier one by itself; at the
    /// first one when that is gone, or when everything is decided as if for the first time.
    pub(crate) fn of(placement: &'a Placement, observed: &str, fresh: bool) -> Self {
        if placement.cluster_affinities.is_empty() {
            return Self::Single(placement.cluster_affinity.as_ref());
        }
        let terms = &placement.cluster_affinities;
        let used = terms.iter().position(|term| term.affinity_name == observed);
        Self::Ordered(terms, if fresh || observed.is_empty() { 0 } else { used.unwrap_or_default() })
    }
}

/// One attempt: the tiers of members that come into question.
pub(crate) struct Tiers {
    /// The first is the affinity itself, the others are its overflow, in order. Empty: every member.
    tiers: Vec<Affinity>,
    /// Replicas go tier by tier.
    pub(crate) overflows: bool,
}

impl Tiers {
    /// A single affinity.
    pub(crate) fn single(affinity: Option<&ClusterAffinity>, fleet: &Fleet) -> Self {
        Self { tiers: affinity.iter().map(|affinity| Affinity::of(affinity, fleet)).collect(), overflows: false }
    }

    /// A term with its overflow, which only workloads use.
    pub(crate) fn term(term: &ClusterAffinityTerm, is_workload: bool, fleet: &Fleet) -> Self {
        let overflow = term.overflow_affinities.iter().filter(|_| is_workload).map(|o| &o.cluster_affinity);
        let all = [&term.cluster_affinity].into_iter().chain(overflow);
        Self {
            tiers: all.map(|affinity| Affinity::of(affinity, fleet)).collect(),
            overflows: !term.overflow_affinities.is_empty(),
        }
    }

    /// The first tier that selects a member, or why the first of all does not.
    pub(crate) fn tier(&self, place: usize, member: &Member, symbols: &Symbols) -> Result<u32, Mismatch> {
        let Some((first, overflow)) = self.tiers.split_first() else { return Ok(0) };
        let Some(mismatch) = first.mismatch(place, member, symbols) else { return Ok(0) };
        let found = overflow.iter().position(|tier| tier.mismatch(place, member, symbols).is_none());
        found.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX)).ok_or(mismatch)
    }
}
