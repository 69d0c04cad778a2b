//! How an object differs in members: OverridePolicies and ClusterOverridePolicies (karmada.md 2.11; Karmada's
//! `pkg/util/overridemanager`).
//!
//! | step | what | cost |
//! |---|---|---|
//! | [`Policies::new`] | policies are read and ordered | once per change of policies |
//! | [`Policies::rules_for_all`], [`Policies::rules_for`] | which rules are for a member | once per change of policies or of the member |
//! | [`Policies::matching`] | which policies are for an object | once per object |
//! | [`Matching::variant`] | both: which rules change the object in the member | a few words of memory |
//! | [`Matching::apply`] | the object as members of a variant get it, and who set which field | once per variant |
//!
//! Members with the same variant get the same object, so that a thousand members with three variants cost three
//! applications. Policies are applied in this order, and what is written later wins: ClusterOverridePolicies before
//! OverridePolicies; those that select everything, then those that select by labels, then those that name the object; by
//! name; rules as they are listed. OverridePolicies are matched with the object as ClusterOverridePolicies made it.
//!
//! Absent: which members an affinity selects, which is decided in `place`, and what becomes of an error.

mod applied;
mod conceal;
mod document;
mod error;
mod image;
mod patch;
mod pointer;
mod provenance;
mod rule;
mod run;
mod select;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::karmada::annotation;
use api::karmada::policy::v1alpha1::{ClusterOverridePolicy, OverridePolicy};
use model::MemberName;
use place::Fleet;
use serde_json::Value;

pub use conceal::HIDDEN;
pub use error::Error;
pub use provenance::{By, Change, ChangeKind, Overrider, PolicyRef, Provenance, Write};
use rule::{Policy, Reach, Rule};
use run::{Done, Run};
use select::Closeness;

/// Every policy of a hub that overrides, read and ordered by name.
#[derive(Debug, Default)]
pub struct Policies {
    cluster: Vec<Policy>,
    /// By namespace.
    namespaced: BTreeMap<String, Vec<Policy>>,
    rules: usize,
}

/// A set of rules of [`Policies`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleSet(Box<[u64]>);

/// Which rules change an object in a member. Equal variants of one [`Matching`] have equal outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variant(RuleSet);

/// The policies that may change an object.
#[derive(Debug)]
pub struct Matching<'a> {
    object: &'a Value,
    /// In the order in which they are applied.
    cluster: Vec<&'a Policy>,
    /// Those that may match what ClusterOverridePolicies make of the object, by name.
    namespaced: Vec<&'a Policy>,
    home: Option<&'a str>,
    /// All of their rules.
    mask: RuleSet,
}

/// An object as members of a variant get it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The object.
    pub object: Value,
    /// Who set which field. Of Secrets without values.
    pub provenance: Provenance,
    /// Overriders that changed nothing: what they name is not there, or it was so before.
    pub idle: Vec<By>,
    cluster: Vec<Arc<Rule>>,
    namespaced: Vec<Arc<Rule>>,
}

impl Policies {
    /// Reads policies, in any order.
    pub fn new<'a>(
        cluster: impl IntoIterator<Item = &'a ClusterOverridePolicy>,
        namespaced: impl IntoIterator<Item = &'a OverridePolicy>,
    ) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let of_cluster = |policy: &'a ClusterOverridePolicy| {
            (PolicyRef { namespace: None, name: text(&policy.metadata.name) }, &*policy.spec)
        };
        let of_namespace = |policy: &'a OverridePolicy| {
            let namespace = Some(text(&policy.metadata.namespace));
            (PolicyRef { namespace, name: text(&policy.metadata.name) }, &policy.spec)
        };
        // Those without a namespace come first, the others by namespace; each by name.
        let mut all: Vec<_> =
            cluster.into_iter().map(of_cluster).chain(namespaced.into_iter().map(of_namespace)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let mut out = Self::default();
        for (id, spec) in all {
            let list = match &id.namespace {
                None => &mut out.cluster,
                Some(namespace) => out.namespaced.entry(namespace.clone()).or_default(),
            };
            let policy = Policy::of(id, spec, out.rules);
            out.rules += policy.rules.len();
            list.push(policy);
        }
        out
    }

    /// The rules that are for a member of a fleet.
    pub fn rules_for(&self, fleet: &Fleet, member: &MemberName) -> RuleSet {
        let mut set = RuleSet::default();
        for rule in self.rules() {
            if rule.target.as_ref().is_none_or(|target| fleet.is_selected(target, member.as_str())) {
                set.insert(rule.number, self.rules);
            }
        }
        set
    }

    /// The rules that are for each member, in the order of names.
    pub fn rules_for_all(&self, fleet: &Fleet) -> Vec<(MemberName, RuleSet)> {
        let mut out: Vec<_> = fleet.names().map(|name| (name.clone(), RuleSet::default())).collect();
        for rule in self.rules() {
            let selected = rule.target.as_ref().map(|target| fleet.selected(target));
            for (place, (_, set)) in out.iter_mut().enumerate() {
                if selected.as_ref().is_none_or(|selected| selected.get(place) == Some(&true)) {
                    set.insert(rule.number, self.rules);
                }
            }
        }
        out
    }

    fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.cluster.iter().chain(self.namespaced.values().flatten()).flat_map(|policy| &policy.rules)
    }

    /// The policies that may change an object as a unit renders it. `home`: the hub namespace of the unit, whose
    /// OverridePolicies act on all that the unit renders; `None` for units without one.
    pub fn matching<'a>(&'a self, object: &'a Value, home: Option<&'a str>) -> Matching<'a> {
        let mut matched: Vec<(Closeness, &Policy)> = self
            .cluster
            .iter()
            .filter_map(|policy| Some((policy.selectors.closeness(object, None)?, policy)))
            .collect();
        // The sort is stable: of one closeness by name.
        matched.sort_by_key(|(closeness, _)| *closeness);
        let cluster: Vec<&Policy> = matched.into_iter().map(|(_, policy)| policy).collect();
        let fits = |policy: &&Policy| match cluster.iter().map(|policy| policy.reach()).max() {
            None => policy.selectors.closeness(object, home).is_some(),
            Some(Reach::Labels) => policy.selectors.may_fit(object, home),
            Some(Reach::Identity) => true,
        };
        let in_home = home.and_then(|home| self.namespaced.get(home)).into_iter().flatten();
        let namespaced: Vec<&Policy> = in_home.filter(fits).collect();
        let mut mask = RuleSet::default();
        for rule in cluster.iter().chain(&namespaced).flat_map(|policy| &policy.rules) {
            mask.insert(rule.number, self.rules);
        }
        Matching { object, cluster, namespaced, home, mask }
    }
}

impl RuleSet {
    fn insert(&mut self, number: usize, rules: usize) {
        if self.0.is_empty() {
            self.0 = vec![0; rules.div_ceil(64)].into();
        }
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

impl Variant {
    /// Does the object stay as it is?
    pub fn is_original(&self) -> bool {
        self.0.0.iter().all(|word| *word == 0)
    }
}

impl Matching<'_> {
    /// Which of a member's rules change the object. A set that other [`Policies`] made says nothing.
    pub fn variant(&self, rules: &RuleSet) -> Variant {
        let words = self.mask.0.iter().enumerate();
        Variant(RuleSet(words.map(|(at, mask)| mask & rules.0.get(at).copied().unwrap_or_default()).collect()))
    }

    /// Makes the object of a variant.
    ///
    /// # Errors
    /// The first overrider that does not fit the object. Nothing of the object goes to the members of the variant then.
    pub fn apply(&self, variant: &Variant) -> Result<Outcome, Error> {
        let mut run = Run::of(self.object);
        let cluster = apply_all(&mut run, &self.cluster, variant)?;
        let mut matched: Vec<(Closeness, &Policy)> = self
            .namespaced
            .iter()
            .filter_map(|policy| Some((policy.selectors.closeness(run.object(), self.home)?, *policy)))
            .collect();
        matched.sort_by_key(|(closeness, _)| *closeness);
        let ordered: Vec<&Policy> = matched.into_iter().map(|(_, policy)| policy).collect();
        let namespaced = apply_all(&mut run, &ordered, variant)?;
        let last = namespaced.last().or(cluster.last()).map(|rule| rule.last());
        let Done { object, provenance, idle } = run.finish(last)?;
        Ok(Outcome { object, provenance, idle, cluster, namespaced })
    }
}

fn apply_all(run: &mut Run, policies: &[&Policy], variant: &Variant) -> Result<Vec<Arc<Rule>>, Error> {
    let mut applied = Vec::new();
    for rule in policies.iter().flat_map(|policy| &policy.rules).filter(|rule| variant.0.contains(rule.number)) {
        run.apply(rule)?;
        applied.push(rule.clone());
    }
    Ok(applied)
}

impl Outcome {
    /// The policies that were applied, in that order, also where they changed nothing.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyRef> {
        self.cluster.iter().chain(&self.namespaced).map(|rule| &*rule.policy)
    }

    /// The annotations in which Karmada's tools find the applied policies, with their overriders as JSON. Overriders of a
    /// Secret hold what they set: do not show these.
    pub fn annotations(&self) -> BTreeMap<&'static str, String> {
        let cluster = applied::json(&self.cluster).map(|json| (annotation::APPLIED_CLUSTER_OVERRIDES, json));
        let namespaced = applied::json(&self.namespaced).map(|json| (annotation::APPLIED_OVERRIDES, json));
        cluster.into_iter().chain(namespaced).collect()
    }
}

#[cfg(test)]
mod tests;
