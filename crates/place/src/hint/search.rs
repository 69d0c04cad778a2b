//! Which changes are tried, in which order: for each fate those that are about it, the smallest first.

use api::karmada::policy::v1alpha1::ClusterAffinity;
use api::karmada::selector::LabelSelectorRequirement;

use super::{AffinityChange, Hint, Trial};
use crate::divide::Strategy;
use crate::explain::{Explanation, Fate, explain};
use crate::filter::Refusal;
use crate::fleet::Facts;
use crate::request::Mode;
use crate::selector::Clause;
use crate::spread::field_name;
use crate::symbol::Symbols;

/// Largest number of replicas, of room and of weight that is tried: what fits in the 32 bits of Karmada's replicas.
const AMOUNT_MAX: i64 = i32::MAX as i64;

/// Values of a provider, region, zone or label that are tried for a member that has none. More distinct groups than this are
/// rarely wanted, and each costs a decision.
const VALUES_MAX: usize = 32;

/// Most changes that are put together: what needs more is better decided by another policy.
pub(super) const CHANGES_MAX: usize = 3;

/// The first change that works, or changes that work together, at most so many. `None`: the member is chosen.
pub(super) fn search(trial: &Trial<'_>, changes: usize) -> Option<Hint> {
    let found = match &trial.about.fate {
        Fate::Chosen => return None,
        Fate::Refused(refusal) => {
            let hints = refused(trial, refusal);
            let works = hints.iter().find(|hint| trial.works(hint)).cloned();
            works.or_else(|| together(trial, hints, changes))
        }
        Fate::PassedOver => passed_over(trial).or_else(|| together(trial, vec![Hint::NoSpread], changes)),
        Fate::NoReplicas => no_replicas(trial),
        Fate::Undecided => undecided(trial),
    };
    Some(found.unwrap_or(Hint::Nothing))
}

/// A change that gives the member another fate, and what is needed next.
fn together(trial: &Trial<'_>, hints: Vec<Hint>, changes: usize) -> Option<Hint> {
    if changes <= 1 {
        return None;
    }
    hints.into_iter().find_map(|hint| {
        let (mut request, mut fleet) = (trial.request.clone(), trial.fleet.clone());
        hint.apply(&trial.about.member, &mut request, &mut fleet);
        let told = explain(&request, &fleet, trial.reserved, trial.gates);
        let about = told.members.iter().find(|other| other.member == trial.about.member)?;
        if about.fate == trial.about.fate {
            return None;
        }
        let next = Trial { told: &told, about, request: &request, fleet: &fleet, ..*trial };
        match search(&next, changes - 1)? {
            Hint::Nothing => None,
            Hint::All(more) => Some(Hint::All([vec![hint], more].concat())),
            more => Some(Hint::All(vec![hint, more])),
        }
    })
}

fn first(trial: &Trial<'_>, hints: impl IntoIterator<Item = Hint>) -> Option<Hint> {
    hints.into_iter().find(|hint| trial.works(hint))
}

/// The smallest amount that works, up to [`AMOUNT_MAX`]. The step is doubled until one works; then the smallest of those is
/// found by halving.
fn smallest(trial: &Trial<'_>, from: i64, hint: impl Fn(i64) -> Hint) -> Option<Hint> {
    let (mut step, mut low) = (1_i64, from);
    let mut high = loop {
        let amount = from.saturating_add(step);
        if amount > AMOUNT_MAX {
            return None;
        }
        if trial.works(&hint(amount)) {
            break amount;
        }
        low = amount;
        step = step.saturating_mul(2);
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if trial.works(&hint(middle)) { high = middle } else { low = middle }
    }
    Some(hint(high))
}

fn refused(trial: &Trial<'_>, refusal: &Refusal) -> Vec<Hint> {
    let term = trial.told.affinity.clone();
    let affinity = |change| Hint::Affinity { term: term.clone(), change };
    match refusal {
        Refusal::Leaving | Refusal::Together | Refusal::Apart => Vec::new(),
        Refusal::Excluded => vec![affinity(AffinityChange::Include)],
        Refusal::NotNamed => vec![affinity(AffinityChange::Name), affinity(AffinityChange::AnyName)],
        Refusal::Labels => {
            let mut hints = labels(trial);
            hints.push(affinity(AffinityChange::AnyLabels));
            hints
        }
        Refusal::Fields => {
            let mut hints = fields(trial);
            hints.push(affinity(AffinityChange::AnyFields));
            hints
        }
        Refusal::ApiMissing { api_version, kind, .. } => {
            vec![Hint::Serve { api_version: api_version.clone(), kind: kind.clone() }]
        }
        Refusal::Taint(taint) => vec![Hint::Tolerate(taint.clone()), Hint::TolerateAll],
        Refusal::Property(field) => {
            let mut hints: Vec<Hint> = values_of(trial.told, field).map(|value| property(field, value)).collect();
            hints.push(property(field, "new"));
            hints.push(Hint::NoSpread);
            hints
        }
        Refusal::Evicting => vec![Hint::EvictionEnds],
    }
}

/// Names of the groups by a field: those that members are taken from first.
fn values_of<'a>(told: &'a Explanation, field: &'a str) -> impl Iterator<Item = &'a str> {
    let groups = |chosen: bool| told.groups.iter().filter(move |g| g.field == field && g.chosen == chosen);
    groups(true).chain(groups(false)).map(|group| group.name.as_str()).take(VALUES_MAX)
}

fn property(field: &str, value: &str) -> Hint {
    if ["provider", "region", "zone"].contains(&field) {
        Hint::Field { field: field.to_owned(), value: value.to_owned() }
    } else {
        Hint::Label { key: field.to_owned(), value: value.to_owned() }
    }
}

/// The affinity in use.
fn affinity<'a>(trial: &'a Trial<'_>) -> Option<&'a ClusterAffinity> {
    let placement = &trial.request.placement;
    if placement.cluster_affinities.is_empty() {
        return placement.cluster_affinity.as_ref();
    }
    let term = placement.cluster_affinities.iter().find(|term| term.affinity_name == trial.told.affinity);
    term.map(|term| &term.cluster_affinity)
}

/// What labels would fulfil the demands that the member's do not.
fn labels(trial: &Trial<'_>) -> Vec<Hint> {
    let selector = affinity(trial).and_then(|affinity| affinity.label_selector.as_ref());
    let (Some(selector), Some(facts)) = (selector, trial.fleet.facts(&trial.about.member)) else { return Vec::new() };
    let symbols = &trial.fleet.symbols;
    let equal = selector.match_labels.iter().filter(|(key, value)| facts.labels.get(*key) != Some(value));
    let equal = equal.map(|(key, value)| Hint::Label { key: key.clone(), value: value.clone() });
    let open = |demand: &&LabelSelectorRequirement| {
        let value = facts.labels.get(&demand.key).map(|value| symbols.find(value)).unwrap_or_default();
        !Clause::of(demand, symbols).accepts(value, symbols)
    };
    let demanded = selector.match_expressions.iter().filter(open).filter_map(|demand| {
        let key = demand.key.clone();
        match (demand.operator.as_str(), demand.values.first()) {
            ("In", Some(value)) => Some(Hint::Label { key, value: value.clone() }),
            ("Exists", None) => Some(Hint::Label { key, value: String::new() }),
            ("NotIn" | "DoesNotExist", _) => Some(Hint::NoLabel { key }),
            _ => None,
        }
    });
    equal.chain(demanded).collect()
}

/// What provider, region or zone would fulfil the demands that the member's do not.
fn fields(trial: &Trial<'_>) -> Vec<Hint> {
    let selector = affinity(trial).and_then(|affinity| affinity.field_selector.as_ref());
    let (Some(selector), Some(facts)) = (selector, trial.fleet.facts(&trial.about.member)) else { return Vec::new() };
    let open = |demand: &&LabelSelectorRequirement| !has_field(&facts, demand, &trial.fleet.symbols);
    let wanted = |demand: &LabelSelectorRequirement| match (demand.operator.as_str(), demand.values.first()) {
        ("In", Some(value)) => vec![value.clone()],
        ("NotIn" | "DoesNotExist", _) => vec![String::new(), "new".to_owned()],
        ("Exists", None) => vec!["new".to_owned()],
        _ => Vec::new(),
    };
    let hints = selector.match_expressions.iter().filter(open).flat_map(|demand| {
        let field = demand.key.clone();
        wanted(demand).into_iter().map(move |value| Hint::Field { field: field.clone(), value })
    });
    hints.collect()
}

fn has_field(facts: &Facts, demand: &LabelSelectorRequirement, symbols: &Symbols) -> bool {
    let find = |text: &String| if text.is_empty() { crate::symbol::Symbol::NONE } else { symbols.find(text) };
    let clause = Clause::of(demand, symbols);
    match demand.key.as_str() {
        "provider" => clause.accepts(find(&facts.provider), symbols),
        "region" => clause.accepts(find(&facts.region), symbols),
        _ => clause.accepts_any(&facts.zones.iter().map(find).collect::<Vec<_>>()),
    }
}

/// Wider limits of spread constraints, one after the other; more room; no constraints at all.
fn passed_over(trial: &Trial<'_>) -> Option<Hint> {
    let constraints = &trial.request.placement.spread_constraints;
    let members = i64::try_from(trial.fleet.len()).unwrap_or(i64::MAX);
    let wider = constraints.iter().rev().find_map(|constraint| {
        let field = field_name(constraint);
        let (min, max) = (constraint.min_groups, constraint.max_groups);
        let groups = trial.told.groups.iter().filter(|group| group.field == field).count();
        let most = if groups == 0 { members } else { i64::try_from(groups).unwrap_or(i64::MAX) };
        let limits = |count: i64| {
            // More members need a higher limit; more groups also have to be demanded, since the fewest are taken.
            let min = if groups == 0 { min } else { count.max(min) };
            Hint::Spread { field: field.clone(), min, max: count.max(max).max(min) }
        };
        let from = if groups == 0 { max } else { min };
        if from >= most || !trial.works(&limits(most)) {
            return None;
        }
        let (mut low, mut high) = (from, most);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if trial.works(&limits(middle)) { high = middle } else { low = middle }
        }
        Some(limits(high))
    });
    wider.or_else(|| smallest(trial, 0, |replicas| Hint::Room { replicas })).or_else(|| first(trial, [Hint::NoSpread]))
}

/// A decision as if for the first time, more room, a weight, more replicas.
fn no_replicas(trial: &Trial<'_>) -> Option<Hint> {
    let wanted = i64::from(trial.request.replicas.max(0));
    let replicas = |count: i64| Hint::Replicas { replicas: i32::try_from(count).unwrap_or(i32::MAX) };
    let more = || smallest(trial, wanted, replicas);
    let room = || smallest(trial, 0, |replicas| Hint::Room { replicas });
    match Strategy::of(&trial.request.placement) {
        Strategy::Static(_) if wanted > 0 => smallest(trial, 0, |weight| Hint::Weight { weight }).or_else(more),
        Strategy::Dynamic | Strategy::Aggregated if wanted > 0 => {
            let fresh = (trial.request.mode == Mode::Steady).then_some(Hint::Rebalance);
            first(trial, fresh).or_else(room).or_else(more).or_else(|| fewer(trial))
        }
        _ => more(),
    }
}

/// The largest number of replicas below what is wanted with which the member is chosen.
fn fewer(trial: &Trial<'_>) -> Option<Hint> {
    let hint = |count: i64| Hint::Replicas { replicas: i32::try_from(count).unwrap_or(i32::MAX) };
    let mut count = i64::from(trial.request.replicas);
    let mut step = 1_i64;
    while count > 1 {
        count = (count - step).max(1);
        if trial.works(&hint(count)) {
            return Some(hint(count));
        }
        step = step.saturating_mul(2);
    }
    None
}

/// More room, fewer replicas, looser limits.
fn undecided(trial: &Trial<'_>) -> Option<Hint> {
    let constraints = &trial.request.placement.spread_constraints;
    let looser = constraints.iter().rev().flat_map(|constraint| {
        let (field, max) = (field_name(constraint), constraint.max_groups);
        let min = constraint.min_groups;
        (0..min.min(i64::try_from(VALUES_MAX).unwrap_or(i64::MAX))).map(move |less| {
            let limits = (min - 1 - less).max(1);
            Hint::Spread { field: field.clone(), min: limits, max: max.max(1) }
        })
    });
    smallest(trial, 0, |replicas| Hint::Room { replicas })
        .or_else(|| fewer(trial))
        .or_else(|| first(trial, looser))
        .or_else(|| {
            let open = constraints.iter().map(|constraint| {
                let max = i64::try_from(trial.fleet.len()).unwrap_or(i64::MAX);
                Hint::Spread { field: field_name(constraint), min: constraint.min_groups, max }
            });
            first(trial, open)
        })
        .or_else(|| first(trial, [Hint::NoSpread]))
}
