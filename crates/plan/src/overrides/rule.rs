//! Policies and their rules, read once.

use std::sync::Arc;

use api::karmada::policy::v1alpha1::{ClusterAffinity, OverrideSpec, Overriders};

use super::provenance::{By, Overrider, PolicyRef};
use super::select::Selectors;

/// A policy.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) selectors: Selectors,
    /// In the order in which they are applied.
    pub(super) rules: Vec<Arc<Rule>>,
}

/// Overriders for some members.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) policy: Arc<PolicyRef>,
    /// Its place in `overrideRules`; `None`: the policy has the deprecated form.
    pub(super) place: Option<usize>,
    /// Its number among the rules of all policies.
    pub(super) number: usize,
    /// The members; `None`: all.
    pub(super) target: Option<ClusterAffinity>,
    pub(super) overriders: Overriders,
}

impl Policy {
    /// Reads a policy. Its rules get the numbers from `number` on.
    pub(super) fn of(id: PolicyRef, spec: &OverrideSpec, number: usize) -> Self {
        let id = Arc::new(id);
        let rule = |place: Option<usize>, target: &Option<ClusterAffinity>, overriders: &Overriders| {
            Arc::new(Rule {
                policy: id.clone(),
                place,
                number: number + place.unwrap_or_default(),
                target: target.clone(),
                overriders: overriders.clone(),
            })
        };
        // The two forms exclude each other; when both are there, the deprecated one is not read.
        let rules = match spec.override_rules.as_slice() {
            [] => vec![rule(None, &spec.target_cluster, &spec.overriders)],
            rules => {
                let all = rules.iter().enumerate();
                all.map(|(place, r)| rule(Some(place), &r.target_cluster, &r.overriders)).collect()
            }
        };
        Self { selectors: Selectors::of(&spec.resource_selectors), rules }
    }

    /// What it may change of that by which other policies select an object.
    pub(super) fn reach(&self) -> Reach {
        let mut plaintext = self.rules.iter().flat_map(|rule| &rule.overriders.plaintext);
        let is_name = |path: &str| {
            let below = path.strip_prefix("/metadata");
            matches!(path, "" | "/kind" | "/apiVersion") || matches!(below, Some("" | "/name" | "/namespace"))
        };
        if plaintext.any(|overrider| is_name(&overrider.path)) { Reach::Identity } else { Reach::Labels }
    }
}

/// What a policy may change of that by which other policies select an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Labels at most.
    Labels,
    /// Kind, namespace or name too.
    Identity,
}

impl Rule {
    /// One of its overriders.
    pub(super) fn overrider(&self, overrider: Overrider, index: usize) -> By {
        By { policy: self.policy.clone(), rule: self.place, overrider, index }
    }

    /// The overrider that is applied last.
    pub(super) fn last(&self) -> By {
        let lists = [
            (Overrider::Plaintext, self.overriders.plaintext.len()),
            (Overrider::Field, self.overriders.field_overrider.len()),
            (Overrider::Annotations, self.overriders.annotations_overrider.len()),
            (Overrider::Labels, self.overriders.labels_overrider.len()),
            (Overrider::Args, self.overriders.args_overrider.len()),
            (Overrider::Command, self.overriders.command_overrider.len()),
        ];
        let last = lists.into_iter().find(|(_, length)| *length > 0);
        let (overrider, length) = last.unwrap_or((Overrider::Image, self.overriders.image_overrider.len()));
        self.overrider(overrider, length.saturating_sub(1))
    }
}
