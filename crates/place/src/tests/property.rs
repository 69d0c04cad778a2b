//! What holds for every decision.

use std::collections::{BTreeMap, BTreeSet};

use crate::divide::Strategy;
use crate::explain::Fate;
use crate::spread::field_name;
use crate::tests::random::{Random, fleet, member, members, request};
use crate::{Decision, Fleet, Gates, Mode, Request, Reservations, Unfit, decide, explain};

/// Worlds that each property is tried in.
const WORLDS: u64 = 2000;

fn decided(request: &Request, fleet: &Fleet) -> Result<Decision, Unfit> {
    decide(request, fleet, &Reservations::default(), &Gates::default())
}

fn shares(decision: &Decision) -> BTreeMap<&str, i64> {
    decision.clusters.iter().map(|target| (target.name.as_str(), i64::from(target.replicas))).collect()
}

fn is_dynamic(request: &Request) -> bool {
    matches!(Strategy::of(&request.placement), Strategy::Dynamic | Strategy::Aggregated)
}

#[test]
fn the_order_of_the_members_does_not_matter_and_an_explanation_explains_what_is_decided() {
    let mut fits = 0;
    for seed in 0..WORLDS {
        let random = &mut Random::new(seed);
        let count = random.below(12) + 1;
        let mut facts = members(random, count);
        let request = request(random);
        let forward = decided(&request, &Fleet::of(facts.iter().cloned()));
        facts.reverse();
        let backward = Fleet::of(facts.iter().cloned());
        assert_eq!(forward, decided(&request, &backward), "seed {seed}");
        let told = explain(&request, &backward, &Reservations::default(), &Gates::default());
        assert_eq!(told.outcome, forward, "seed {seed}");
        fits += u64::from(forward.is_ok());
    }
    assert!(fits > WORLDS / 4 && fits < WORLDS, "{fits} of {WORLDS} fit: the worlds are not mixed");
}

#[test]
fn replicas_add_up_and_no_member_gets_more_than_it_has_room_for() {
    for seed in 0..WORLDS {
        let random = &mut Random::new(seed);
        let facts = members(random, 10);
        let (fleet, request) = (fleet(random, &facts), request(random));
        let told = explain(&request, &fleet, &Reservations::default(), &Gates::default());
        let Ok(decision) = &told.outcome else { continue };
        let divides = request.replicas > 0 && Strategy::of(&request.placement) != Strategy::Duplicated;
        let sum: i64 = shares(decision).values().sum();
        assert!(!divides || sum == i64::from(request.replicas), "seed {seed}: {decision:?}");
        if divides && is_dynamic(&request) {
            for found in &told.members {
                let room = found.standing.map_or(0, |standing| standing.available);
                assert!(i64::from(found.replicas) <= room, "seed {seed}: {found:?}");
            }
        }
    }
}

#[test]
fn spread_constraints_hold_all_together() {
    let mut held = 0;
    for seed in 0..WORLDS {
        let random = &mut Random::new(seed);
        let facts = members(random, 12);
        let (fleet, request) = (fleet(random, &facts), request(random));
        let told = explain(&request, &fleet, &Reservations::default(), &Gates::default());
        let divides_statically = matches!(Strategy::of(&request.placement), Strategy::Static(_));
        if told.outcome.is_err() || divides_statically {
            continue;
        }
        let selected = || told.members.iter().filter(|v| matches!(v.fate, Fate::Chosen | Fate::NoReplicas));
        for constraint in &request.placement.spread_constraints {
            let field = field_name(constraint);
            let groups: BTreeSet<&str> = selected()
                .flat_map(|found| &found.groups)
                .filter(|(name, _)| *name == field)
                .map(|(_, group)| group.as_str())
                .collect();
            let count = if field == "cluster" { selected().count() } else { groups.len() } as i64;
            assert!(count >= constraint.min_groups, "seed {seed}: {constraint:?} {groups:?}");
            // As in Karmada a member of each chosen group is taken, also beyond the limit by cluster.
            let others = request.placement.spread_constraints.len() > 1;
            assert!(count <= constraint.max_groups || field == "cluster" && others, "seed {seed}: {constraint:?}");
            held += 1;
        }
    }
    assert!(held > 300, "{held} constraints held");
}

#[test]
fn steady_moves_only_what_the_change_of_replicas_needs() {
    let mut moved = 0;
    for seed in 0..WORLDS {
        let random = &mut Random::new(seed);
        let facts = members(random, 8);
        let (fleet, mut request) = (fleet(random, &facts), request(random));
        request.mode = Mode::Steady;
        request.observed_affinity.clear();
        // Groups are scored by what members have room for, so that others may win once replicas are placed.
        let groups = request.placement.spread_constraints.len() > 1;
        if !is_dynamic(&request) || groups || !request.placement.cluster_affinities.is_empty() {
            continue;
        }
        let Ok(first) = decided(&request, &fleet) else { continue };
        request.previous.clone_from(&first.clusters);
        assert_eq!(decided(&request, &fleet).as_ref(), Ok(&first), "seed {seed}: nothing changed");
        let before = request.replicas;
        request.replicas = random.below(22) as i32;
        let Ok(second) = decided(&request, &fleet) else { continue };
        let (old, new) = (shares(&first), shares(&second));
        let selected = request.placement.spread_constraints.is_empty();
        for (name, had) in old.iter().filter(|_| selected) {
            let has = new.get(name).copied().unwrap_or_default();
            let grows = request.replicas >= before;
            assert!(if grows { has >= *had } else { has <= *had }, "seed {seed}: {first:?} {second:?}");
        }
        moved += 1;
    }
    assert!(moved > 50, "{moved} worlds were scaled");
}

#[test]
fn a_new_member_breaks_nothing_and_nobody_gets_more_for_it() {
    let mut grown = 0;
    for seed in 0..WORLDS {
        let random = &mut Random::new(seed);
        let facts = members(random, 8);
        let mut fleet = fleet(random, &facts);
        let mut request = request(random);
        if !request.placement.spread_constraints.is_empty() || !request.placement.cluster_affinities.is_empty() {
            continue;
        }
        request.mode = Mode::Fresh;
        let Ok(before) = decided(&request, &fleet) else { continue };
        fleet.replace(&member(random, 99));
        let after = decided(&request, &fleet).unwrap_or_else(|unfit| panic!("seed {seed}: {unfit}"));
        let is_static = matches!(Strategy::of(&request.placement), Strategy::Static(_));
        if matches!(Strategy::of(&request.placement), Strategy::Aggregated) || is_static {
            continue;
        }
        let old = shares(&before);
        for (name, has) in shares(&after).iter().filter(|(name, _)| **name != "m99") {
            assert!(old.get(name).is_some_and(|had| has <= had), "seed {seed}: {name} {before:?} {after:?}");
        }
        grown += 1;
    }
    assert!(grown > 50, "{grown} worlds grew");
}

#[test]
fn a_million_replicas_and_a_thousand_terms_are_decided_too() {
    let random = &mut Random::new(1);
    let facts = members(random, 12);
    let fleet = fleet(random, &facts);
    let placement = |value| serde_json::from_value::<api::karmada::policy::v1alpha1::Placement>(value).unwrap();
    let terms: Vec<serde_json::Value> = (0..1000)
        .map(|at| {
            let names: Vec<String> = (0..1000).map(|name| format!("x{at}-{name}")).collect();
            serde_json::json!({"affinityName": format!("t{at}"), "clusterNames": names})
        })
        .collect();
    let request = Request {
        placement: placement(serde_json::json!({"clusterAffinities": terms})).into(),
        replicas: 1_000_000,
        ..Request::default()
    };
    let unfit = decided(&request, &fleet).unwrap_err();
    assert_eq!(unfit.reason(), "NoClusterFit", "{unfit}");
    let request = Request {
        placement: placement(serde_json::json!({"replicaScheduling": {
            "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted"}}))
        .into(),
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        replicas: i32::MAX,
        ..Request::default()
    };
    assert_eq!(shares(&decided(&request, &fleet).unwrap()).values().sum::<i64>(), i64::from(i32::MAX));
    let negative = Request { replicas: i32::MIN, ..request };
    assert!(decided(&negative, &fleet).is_ok());
}
