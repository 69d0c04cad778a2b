//! Filters: which members come into question (karmada.md 2.5).
//!
//! Karmada runs its filters in the order of a hash map, so which of several refusals it reports is not determined. Here the
//! order is fixed: affinity, API, taints, spread constraints, eviction, groups of workloads.

use std::collections::BTreeSet;

use crate::affinity::{Mismatch, Tiers};
use crate::estimate::Tolerated;
use crate::fleet::{Fleet, Member, Taint};
use crate::request::{Gates, Request};
use crate::spread::Field;
use crate::symbol::Symbol;

/// Why a member does not come into question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Leaving,
    Affinity(Mismatch),
    Api,
    /// The place of the first taint that is not tolerated.
    Taint(usize),
    /// It lacks a property that a spread constraint groups by; its place among the constraints.
    Property(usize),
    Evicting,
    Together,
    Apart,
}

/// Why a member does not come into question, with the value that mattered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its Cluster is being deleted.
    Leaving,
    /// The affinity names it in `exclude`.
    Excluded,
    /// The affinity lists names, and not its.
    NotNamed,
    /// The affinity selects by labels, and it has others.
    Labels,
    /// The affinity selects by provider, region or zone, and it has others.
    Fields,
    /// It does not serve the kind, or is not known to.
    ApiMissing {
        /// Group and version.
        api_version: String,
        /// Kind.
        kind: String,
        /// What it serves is known to be complete.
        is_certain: bool,
    },
    /// It has a taint that is not tolerated.
    Taint(Taint),
    /// A spread constraint groups members by something that it does not have: `provider`, `region`, `zone` or a label.
    Property(String),
    /// It is being evicted from this member.
    Evicting,
    /// Another workload of its affinity group is not there.
    Together,
    /// Another workload of its anti-affinity group is there.
    Apart,
}

impl Refusal {
    /// The word of Karmada's message, which are counted over all members; `None`: it counts such members nowhere.
    pub(crate) fn words(&self) -> Option<String> {
        Some(match self {
            Self::Leaving => return None,
            Self::Excluded | Self::NotNamed | Self::Labels | Self::Fields => {
                "cluster(s) did not match the placement cluster affinity constraint".to_owned()
            }
            Self::ApiMissing { .. } => "cluster(s) did not have the API resource".to_owned(),
            Self::Taint(taint) => format!("cluster(s) had untolerated taint {{{taint}}}"),
            Self::Property(field) if field == "zone" => "cluster(s) did not have zones property".to_owned(),
            Self::Property(field) => format!("cluster(s) did not have {field} property"),
            Self::Evicting => "cluster(s) is in the process of eviction".to_owned(),
            Self::Together => "ResourceBinding with the same affinity group does not target this cluster".to_owned(),
            Self::Apart => "cluster already has workload with the same anti-affinity group".to_owned(),
        })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Leaving => f.write_str("its Cluster is being deleted"),
            Self::Excluded => f.write_str("the affinity excludes it by name"),
            Self::NotNamed => f.write_str("the affinity lists names, and not this one"),
            Self::Labels => f.write_str("its labels are not what the affinity selects"),
            Self::Fields => f.write_str("its provider, region or zones are not what the affinity selects"),
            Self::ApiMissing { api_version, kind, is_certain: true } => {
                write!(f, "it does not serve {kind} of {api_version}")
            }
            Self::ApiMissing { api_version, kind, is_certain: false } => {
                write!(f, "it is not known to serve {kind} of {api_version}")
            }
            Self::Taint(taint) => write!(f, "its taint {taint} is not tolerated"),
            Self::Property(field) => write!(f, "a spread constraint groups by {field}, and it has none"),
            Self::Evicting => f.write_str("it is being evicted from there"),
            Self::Together => f.write_str("another workload of the affinity group is not there"),
            Self::Apart => f.write_str("another workload of the anti-affinity group is there"),
        }
    }
}

/// What the filters of one request look for.
pub(crate) struct Filters<'a> {
    request: &'a Request,
    fleet: &'a Fleet,
    api_version: Symbol,
    kind: Symbol,
    tolerations: Vec<Tolerated>,
    fields: Vec<Field>,
    evicting: BTreeSet<usize>,
    groups: bool,
}

impl<'a> Filters<'a> {
    pub(crate) fn of(request: &'a Request, fleet: &'a Fleet, gates: &Gates) -> Self {
        let tolerations = request.placement.cluster_tolerations.iter();
        Self {
            request,
            fleet,
            api_version: fleet.symbols.find(&request.api_version),
            kind: fleet.symbols.find(&request.kind),
            tolerations: tolerations.map(|toleration| Tolerated::of(toleration, &fleet.symbols)).collect(),
            fields: request.placement.spread_constraints.iter().map(|c| Field::of(c, fleet, gates)).collect(),
            evicting: request.evicting.iter().filter_map(|name| fleet.place(name)).collect(),
            groups: gates.workload_affinity,
        }
    }

    /// The tier of a member, or why it does not come into question. Members that have the object already stay, whatever
    /// taints and APIs they have: others decide whether it is evicted there.
    pub(crate) fn check(&self, place: usize, member: &Member, is_target: bool, tiers: &Tiers) -> Result<u32, Refused> {
        if member.is_leaving {
            return Err(Refused::Leaving);
        }
        let tier = tiers.tier(place, member, &self.fleet.symbols).map_err(Refused::Affinity)?;
        if !is_target {
            if member.served.binary_search(&(self.api_version, self.kind)).is_err() {
                return Err(Refused::Api);
            }
            if let Some(taint) = self.untolerated(member).next() {
                return Err(Refused::Taint(taint));
            }
        }
        if let Some(missing) = self.fields.iter().position(|field| !field.is_there(member)) {
            return Err(Refused::Property(missing));
        }
        if self.evicting.contains(&place) {
            return Err(Refused::Evicting);
        }
        if self.groups && !is_target {
            let name = member.name.as_str();
            if self.request.together.iter().any(|members| !members.contains(name)) {
                return Err(Refused::Together);
            }
            if self.request.apart.contains(name) {
                return Err(Refused::Apart);
            }
        }
        Ok(tier)
    }

    /// Places of the taints of a member that keep the object out.
    pub(crate) fn untolerated(&self, member: &Member) -> impl Iterator<Item = usize> {
        let open = |(_, taint): &(usize, &crate::fleet::Mark)| {
            taint.repels && !self.tolerations.iter().any(|toleration| toleration.tolerates(taint))
        };
        member.taints.iter().enumerate().filter(open).map(|(place, _)| place)
    }

    /// A refusal with its values.
    pub(crate) fn refusal(&self, member: &Member, refused: Refused) -> Refusal {
        match refused {
            Refused::Leaving => Refusal::Leaving,
            Refused::Affinity(Mismatch::Excluded) => Refusal::Excluded,
            Refused::Affinity(Mismatch::Name) => Refusal::NotNamed,
            Refused::Affinity(Mismatch::Label) => Refusal::Labels,
            Refused::Affinity(Mismatch::Field) => Refusal::Fields,
            Refused::Api => Refusal::ApiMissing {
                api_version: self.request.api_version.clone(),
                kind: self.request.kind.clone(),
                is_certain: member.is_served_complete,
            },
            Refused::Taint(place) => {
                let text = |symbol| self.fleet.symbols.text(symbol).to_owned();
                let taint = member.taints.get(place);
                Refusal::Taint(taint.map_or_else(Taint::default, |taint| Taint {
                    key: text(taint.key),
                    value: text(taint.value),
                    effect: text(taint.effect),
                }))
            }
            Refused::Property(place) => {
                let constraint = self.request.placement.spread_constraints.get(place);
                Refusal::Property(constraint.map(crate::spread::field_name).unwrap_or_default())
            }
            Refused::Evicting => Refusal::Evicting,
            Refused::Together => Refusal::Together,
            Refused::Apart => Refusal::Apart,
        }
    }
}
