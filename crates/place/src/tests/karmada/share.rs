//! Division of replicas.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{cases, members, read, request};
use crate::decide::divided;
use crate::request::Gates;
use crate::reservation::Reservations;
use crate::webster::{Party, Ties, allocate};

#[test]
fn seats_go_to_whom_karmada_gives_them() {
    for case in cases(include_str!("../../../tests/karmada/seats.json"), 33) {
        let votes: BTreeMap<String, i64> = read(&case["votes"]);
        let had: BTreeMap<String, i64> = read(&case["had"]);
        let mut parties: BTreeMap<&str, Party> = BTreeMap::new();
        for (name, seats) in &had {
            parties.entry(name).or_default().seats = *seats;
        }
        for (name, votes) in &votes {
            parties.entry(name).or_default().votes = *votes;
        }
        let ties = match (case["last"].as_bool(), case["uid"].as_str()) {
            (Some(true), _) => Ties::LastName,
            (_, uid) => Ties::of_uid(uid.unwrap_or_default()),
        };
        let list: Vec<Party> = parties.values().copied().collect();
        // Karmada's dispenser leaves everything as it is when nobody has a weight.
        let idle = case["from"] != "webster" && votes.values().all(|votes| *votes == 0);
        let seats = allocate(&list, if idle { 0 } else { read(&case["seats"]) }, ties);
        let got: BTreeMap<String, i64> = parties.keys().map(|name| (*name).to_owned()).zip(seats).collect();
        let want: Vec<BTreeMap<String, i64>> = read(&case["want"]);
        assert!(want.contains(&got), "{case}: {got:?}");
    }
}

#[test]
fn replicas_are_divided_as_karmada_divides_them() {
    for case in cases(include_str!("../../../tests/karmada/shares.json"), 56) {
        let (fleet, standings) = members(&case["members"]);
        let request = request(&case["request"]);
        let gates = Gates { component_sets: case["gate"] == true, ..Gates::karmada() };
        let overflows = standings.iter().any(|standing| standing.tier > 0);
        let reserved = Reservations::default();
        let got = divided(&standings, overflows, &request, &fleet, &reserved, &gates);
        if let Some(clusters) = case.get("clusters") {
            assert_eq!(got.unwrap(), read::<Vec<_>>(clusters), "{case}");
            continue;
        }
        let got: Result<BTreeMap<String, i64>, String> = got
            .map(|list| list.into_iter().map(|target| (target.name, i64::from(target.replicas))).collect())
            .map_err(|unfit| unfit.to_string());
        let message = case["message"].as_str();
        if standings.is_empty() {
            // Karmada's strategies divide among nobody; what calls them refuses that before, as we do.
            assert!(got.is_err(), "{case}");
            continue;
        }
        match (&case["want"], &case["whole"], got) {
            (Value::Null, Value::Null, got) => {
                let why = got.expect_err(&case.to_string());
                assert!(why.contains(message.unwrap_or_default()), "{case}: {why}");
            }
            (Value::Null, whole, got) => assert_eq!(got, Ok(read(whole)), "{case}"),
            (want, _, got) => {
                // The strategies of Karmada leave members without replicas in; what calls them removes those.
                let got = got.unwrap().into_iter().filter(|(_, replicas)| *replicas > 0).collect();
                assert!(read::<Vec<BTreeMap<String, i64>>>(want).contains(&got), "{case}: {got:?}");
            }
        }
    }
}

#[test]
fn chosen_members_without_replicas_stay_when_that_is_asked_for() {
    let case = serde_json::json!({"replicas": 3, "placement": {"replicaScheduling": {
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted", "weightPreference": {
            "staticWeightList": [{"targetCluster": {"clusterNames": ["member1"]}, "weight": 1},
                {"targetCluster": {"clusterNames": ["member2"]}, "weight": 2}]}}}});
    let (fleet, standings) =
        members(&serde_json::json!([{"name": "member1"}, {"name": "member2"}, {"name": "member3"}]));
    let gates = Gates { empty_workloads: true, ..Gates::karmada() };
    let got = divided(&standings, false, &request(&case), &fleet, &Reservations::default(), &gates).unwrap();
    let got: Vec<_> = got.iter().map(|target| (target.name.as_str(), target.replicas)).collect();
    assert_eq!(got, [("member1", 1), ("member2", 2), ("member3", 0)]);
}
