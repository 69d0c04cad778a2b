//! Selection under spread constraints.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{cases, members, read, request};
use crate::fleet::Fleet;
use crate::record::Silent;
use crate::request::{Gates, Request};
use crate::spread::{Standing, select, tests};

fn names(fleet: &Fleet, standings: &[Standing]) -> Vec<String> {
    standings.iter().map(|standing| fleet.members()[standing.place].name.to_string()).collect()
}

#[test]
fn members_are_selected_as_karmada_selects_them() {
    for case in cases(include_str!("../../../tests/karmada/selection.json"), 26) {
        let (fleet, mut standings) = members(&case["members"]);
        let request = request(&case["request"]);
        if case["term"].as_str().is_some_and(|term| !term.is_empty()) {
            // In the case with overflow the first member is the affinity itself.
            standings.iter_mut().for_each(|standing| standing.tier = standing.place as u32);
        }
        if case["from"] == "region" {
            let scores: BTreeMap<String, i64> = read(&case["scores"]);
            standings.sort_by_key(Standing::order);
            let got = tests::by_scored_groups(standings, &request, &fleet, &scores);
            check(&case, got.map(|got| names(&fleet, &got)));
            continue;
        }
        standings.sort_by_key(Standing::order);
        if let Some(counts) = case.get("counts") {
            check_groups(&case, counts, &request, &fleet, &standings);
        }
        if case["from"] == "group" || case["from"] == "sort" {
            assert_eq!(Value::from(names(&fleet, &standings)), case["want"], "{case}");
            continue;
        }
        let got = select(standings, &request, &fleet, &Gates::karmada(), &mut Silent);
        check(&case, got.map(|got| names(&fleet, &got)));
    }
}

/// Members as a set: Karmada swaps them in place, and their order is not compared there either.
fn check(case: &Value, got: Result<Vec<String>, String>) {
    if case["want"].is_null() || case.get("message").is_some() {
        let why = got.expect_err(&case.to_string());
        assert!(case["message"].as_str().is_none_or(|message| why == message), "{case}: {why}");
        return;
    }
    let got: BTreeSet<String> = got.unwrap_or_else(|why| panic!("{case}: {why}")).into_iter().collect();
    assert_eq!(got, read::<BTreeSet<String>>(&case["want"]), "{case}");
}

fn check_groups(case: &Value, counts: &Value, request: &Request, fleet: &Fleet, standings: &[Standing]) {
    let count = |name: &str| {
        let constraints = request.placement.spread_constraints.iter();
        let field =
            constraints.map(|c| (crate::spread::field_name(c), crate::spread::Field::of(c, fleet, &Gates::default())));
        let field = field.into_iter().find(|(field, _)| field == name).map(|(_, field)| field);
        let groups = |field: crate::spread::Field| {
            standings.iter().map(|s| field.group(&fleet.members()[s.place])).collect::<BTreeSet<_>>().len()
        };
        field.map_or(0, groups)
    };
    assert_eq!(Value::from(["provider", "region", "zone"].map(count).to_vec()), *counts, "{case}");
}

#[test]
fn groups_are_chosen_as_karmada_chooses_them() {
    for case in cases(include_str!("../../../tests/karmada/groups.json"), 9) {
        let groups: BTreeMap<String, (i64, i64)> = read(&case["groups"]);
        let got = tests::chosen(&groups, read(&case["min"]), read(&case["max"]), read(&case["members"]));
        assert_eq!(Value::from(got), case["want"], "{case}");
    }
}

#[test]
fn groups_are_scored_as_karmada_scores_them() {
    for case in cases(include_str!("../../../tests/karmada/scores.json"), 8) {
        let request = request(&case["request"]);
        let score = |key: &str| tests::score(&members(&case[key]).1, &request, read(&case["min"]));
        match case["score"].as_i64() {
            Some(want) => assert_eq!(score("first"), want, "{case}"),
            None => assert_eq!(Value::from(score("first") > score("second")), case["wins"], "{case}"),
        }
    }
}
