//! What is known of one member, in plain form, and its compact form.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::MemberName;

use super::{Fleet, Mark, Member};
use crate::resource::{Amounts, PODS, Vector};
use crate::symbol::Symbol;

/// Pods that a node of a resource model takes: Kubernetes' default, which Karmada counts with as well.
pub(crate) const MODEL_PODS: i64 = 110;

/// What is known of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub name: MemberName,
    /// Labels of its Cluster.
    pub labels: BTreeMap<String, String>,
    /// `spec.provider`; empty when there is none.
    pub provider: String,
    /// `spec.region`; empty when there is none.
    pub region: String,
    /// `spec.zones`.
    pub zones: Vec<String>,
    /// `spec.taints`.
    pub taints: Vec<Taint>,
    /// Kinds that it serves, by group and version (`apps/v1`).
    pub served: BTreeMap<String, BTreeSet<String>>,
    /// `served` is all that it serves (condition `CompleteAPIEnablements`).
    pub is_served_complete: bool,
    /// Its Cluster is being deleted.
    pub is_leaving: bool,
    /// What is free in it; `None` when that is not known, and then nothing is.
    pub summary: Option<Summary>,
}

/// What is free in a member (`status.resourceSummary`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Allocatable without allocated and allocating, by resource; `pods` among them.
    pub free: Amounts,
    /// Nodes by size. Empty when its spec has no resource models or their numbers are not known.
    pub grades: Vec<Grade>,
}

/// Nodes of about the same size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grade {
    /// What each of them has free at least.
    pub least: Amounts,
    /// How many there are.
    pub count: i64,
}

/// A taint of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; empty when there is none.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl std::fmt::Display for Taint {
    /// As Kubernetes writes taints: `key=value:effect`, without what is empty.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key)?;
        if !self.value.is_empty() {
            write!(f, "={}", self.value)?;
        }
        if self.effect.is_empty() { Ok(()) } else { write!(f, ":{}", self.effect) }
    }
}

impl Facts {
    /// A member of which nothing but the name is known.
    pub fn named(name: MemberName) -> Self {
        Self {
            name,
            labels: BTreeMap::new(),
            provider: String::new(),
            region: String::new(),
            zones: Vec::new(),
            taints: Vec::new(),
            served: BTreeMap::new(),
            is_served_complete: false,
            is_leaving: false,
            summary: None,
        }
    }
}

impl Fleet {
    /// The compact form.
    pub(super) fn member_of(&mut self, facts: &Facts) -> Member {
        let symbols = Arc::make_mut(&mut self.symbols);
        let mut optional = |text: &str| if text.is_empty() { Symbol::NONE } else { symbols.intern(text) };
        let (provider, region) = (optional(&facts.provider), optional(&facts.region));
        let mut labels: Vec<_> = facts.labels.iter().map(|(k, v)| (symbols.intern(k), symbols.intern(v))).collect();
        labels.sort_unstable();
        let taints = facts.taints.iter().map(|taint| Mark::of(taint, symbols));
        let taints = taints.collect();
        let pairs = facts.served.iter().flat_map(|(version, kinds)| kinds.iter().map(move |kind| (version, kind)));
        let mut served: Vec<_> = pairs.map(|(v, k)| (symbols.intern(v), symbols.intern(k))).collect();
        served.sort_unstable();
        let zones = facts.zones.iter().map(|zone| symbols.intern(zone)).collect();
        let summary = facts.summary.as_ref().map(|summary| Vector::of(&summary.free, true, symbols));
        let grades = || facts.summary.iter().flat_map(|summary| &summary.grades);
        let sizes = grades().map(|grade| {
            let mut least = Vector::of(&grade.least, false, symbols);
            least.pods = MODEL_PODS;
            least
        });
        let sizes: Vec<Vector> = sizes.collect();
        let counts = grades().map(|grade| grade.count).collect();
        Member {
            name: facts.name.clone(),
            labels: labels.into(),
            provider,
            region,
            zones,
            taints,
            served: self.shared(served),
            is_served_complete: facts.is_served_complete,
            is_leaving: facts.is_leaving,
            summary,
            sizes: self.shared_sizes(sizes),
            counts,
            nodes: None,
        }
    }

    /// What other members serve as well is kept once.
    fn shared(&mut self, served: Vec<(Symbol, Symbol)>) -> Arc<[(Symbol, Symbol)]> {
        if let Some(same) = self.served.get(served.as_slice()) {
            return same.clone();
        }
        // Sets that only this table still holds are those of members that changed.
        self.served.retain(|set| Arc::strong_count(set) > 1);
        let served: Arc<[(Symbol, Symbol)]> = served.into();
        self.served.insert(served.clone());
        served
    }

    /// Members whose nodes are graded in the same way share the sizes.
    fn shared_sizes(&mut self, sizes: Vec<Vector>) -> Arc<[Vector]> {
        if let Some(same) = self.sizes.iter().find(|other| ***other == *sizes) {
            return same.clone();
        }
        self.sizes.retain(|sizes| Arc::strong_count(sizes) > 1);
        let sizes: Arc<[Vector]> = sizes.into();
        self.sizes.push(sizes.clone());
        sizes
    }

    /// The plain form.
    pub(super) fn facts_of(&self, member: &Member) -> Facts {
        let text = |symbol: Symbol| self.symbols.text(symbol).to_owned();
        let mut served: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (version, kind) in &*member.served {
            served.entry(text(*version)).or_default().insert(text(*kind));
        }
        let taint = |mark: &Mark| Taint { key: text(mark.key), value: text(mark.value), effect: text(mark.effect) };
        let grade = |(size, count): (&Vector, &i64)| {
            let mut least = size.amounts(&self.symbols);
            least.remove(PODS);
            Grade { least, count: *count }
        };
        Facts {
            name: member.name.clone(),
            labels: member.labels.iter().map(|(key, value)| (text(*key), text(*value))).collect(),
            provider: text(member.provider),
            region: text(member.region),
            zones: member.zones.iter().map(|zone| text(*zone)).collect(),
            taints: member.taints.iter().map(taint).collect(),
            served,
            is_served_complete: member.is_served_complete,
            is_leaving: member.is_leaving,
            summary: member.summary.as_ref().map(|free| Summary {
                free: free.amounts(&self.symbols),
                grades: member.sizes.iter().zip(&member.counts).map(grade).collect(),
            }),
        }
    }
}
