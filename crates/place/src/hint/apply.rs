//! Hints as changes of the inputs.

use std::sync::Arc;

use api::karmada::policy::v1alpha1::{ClusterAffinity, ClusterPreferences, Placement, StaticClusterWeight};
use api::karmada::selector::Toleration;
use api::karmada::work::v1alpha2::ReplicaRequirements;
use model::MemberName;

use super::{AffinityChange, Hint};
use crate::estimate::amounts;
use crate::fleet::{Fleet, Grade, NodeFacts, Summary};
use crate::request::{Mode, Request};
use crate::resource::{Amounts, PODS};
use crate::spread::field_name;

/// Name of the node that stands for the additional room in a member whose nodes are watched.
const NODE: &str = "kurator-hint";

impl Hint {
    /// Changes the inputs of a decision as the hint for this member says.
    pub fn apply(&self, member: &MemberName, request: &mut Request, fleet: &mut Fleet) {
        if let Some(mut facts) = fleet.facts(member) {
            match self {
                Self::Label { key, value } => {
                    facts.labels.insert(key.clone(), value.clone());
                }
                Self::NoLabel { key } => {
                    facts.labels.remove(key);
                }
                Self::Field { field, value } => match field.as_str() {
                    "provider" => facts.provider.clone_from(value),
                    "region" => facts.region.clone_from(value),
                    _ => facts.zones = Some(value.clone()).filter(|zone| !zone.is_empty()).into_iter().collect(),
                },
                Self::Serve { api_version, kind } => {
                    facts.served.entry(api_version.clone()).or_default().insert(kind.clone());
                }
                Self::Room { replicas } => {
                    let each = each(request);
                    add_room(facts.summary.get_or_insert_default(), &each, *replicas);
                    if fleet.nodes(member).is_some()
                        && let Some(nodes) = fleet.nodes_mut(member)
                    {
                        let mut allocatable = Amounts::new();
                        add(&mut allocatable, &each, *replicas);
                        nodes.set_node(NODE, &NodeFacts { allocatable, ..NodeFacts::default() });
                    }
                }
                _ => {}
            }
            fleet.replace(&facts);
        }
        let name = member.as_str();
        match self {
            Self::All(hints) => hints.iter().for_each(|hint| hint.apply(member, request, fleet)),
            Self::Affinity { term, change } => {
                change_affinity(Arc::make_mut(&mut request.placement), term, *change, name)
            }
            Self::Tolerate(taint) => Arc::make_mut(&mut request.placement).cluster_tolerations.push(Toleration {
                key: taint.key.clone(),
                value: taint.value.clone(),
                effect: taint.effect.clone(),
                ..Toleration::default()
            }),
            Self::TolerateAll => Arc::make_mut(&mut request.placement)
                .cluster_tolerations
                .push(Toleration { operator: "Exists".to_owned(), ..Toleration::default() }),
            Self::Spread { field, min, max } => {
                let constraints = &mut Arc::make_mut(&mut request.placement).spread_constraints;
                for constraint in constraints.iter_mut().filter(|constraint| field_name(constraint) == *field) {
                    (constraint.min_groups, constraint.max_groups) = (*min, *max);
                }
            }
            Self::NoSpread => Arc::make_mut(&mut request.placement).spread_constraints.clear(),
            Self::Weight { weight } => {
                if let Some(strategy) = &mut Arc::make_mut(&mut request.placement).replica_scheduling {
                    let weights = strategy.weight_preference.get_or_insert_with(ClusterPreferences::default);
                    let target_cluster =
                        ClusterAffinity { cluster_names: vec![name.to_owned()], ..ClusterAffinity::default() };
                    weights.static_weight_list.push(StaticClusterWeight { target_cluster, weight: *weight });
                }
            }
            Self::Replicas { replicas } => request.replicas = *replicas,
            Self::Rebalance => request.mode = Mode::Fresh,
            Self::EvictionEnds => {
                request.evicting.remove(name);
            }
            _ => {}
        }
    }
}

fn change_affinity(placement: &mut Placement, term: &str, change: AffinityChange, name: &str) {
    let affinity = if term.is_empty() {
        placement.cluster_affinity.as_mut()
    } else {
        let mut terms = placement.cluster_affinities.iter_mut();
        terms.find(|other| other.affinity_name == term).map(|term| &mut term.cluster_affinity)
    };
    let Some(affinity) = affinity else { return };
    match change {
        AffinityChange::Name => affinity.cluster_names.push(name.to_owned()),
        AffinityChange::Include => affinity.exclude_clusters.retain(|excluded| excluded != name),
        AffinityChange::AnyLabels => affinity.label_selector = None,
        AffinityChange::AnyFields => affinity.field_selector = None,
        AffinityChange::AnyName => affinity.cluster_names.clear(),
    }
}

/// What one replica takes, its pods included; of an object with components, a whole set.
fn each(request: &Request) -> Amounts {
    let of = |requirements: Option<&ReplicaRequirements>| {
        requirements.map(|one| amounts(&one.resource_request)).unwrap_or_default()
    };
    if request.components.is_empty() || request.requirements.is_some() {
        let mut each = of(request.requirements.as_ref());
        each.insert(PODS.to_owned(), 1);
        return each;
    }
    let mut each = Amounts::new();
    for component in &request.components {
        let requests = component.replica_requirements.as_ref().map(|one| amounts(&one.resource_request));
        let mut requests = requests.unwrap_or_default();
        requests.insert(PODS.to_owned(), 1);
        add(&mut each, &requests, i64::from(component.replicas.max(0)));
    }
    each
}

fn add(to: &mut Amounts, each: &Amounts, times: i64) {
    for (name, amount) in each {
        let sum = to.entry(name.clone()).or_default();
        *sum = sum.saturating_add(amount.saturating_mul(times));
    }
}

/// Room for more replicas: free resources, and where nodes are counted by size, a node for each replica.
fn add_room(summary: &mut Summary, each: &Amounts, replicas: i64) {
    add(&mut summary.free, each, replicas);
    if !summary.grades.is_empty() {
        summary.grades.push(Grade { least: each.clone(), count: replicas });
    }
}
