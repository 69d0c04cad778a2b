//! What stays of a status.

use std::collections::BTreeMap;

use api::delivery::{MemberStatusStatus, UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::{ClusterStatus, ResourceSummary};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;

const SINCE: &str = "2026-01-01T00:00:00Z";

fn condition(message: &str) -> Condition {
    Condition {
        type_: "Ready".to_owned(),
        status: "Unknown".to_owned(),
        reason: "ClusterNotReachable".to_owned(),
        message: message.to_owned(),
        observed_generation: None,
        last_transition_time: SINCE.to_owned(),
    }
}

/// The brief form, as the type of the status reads it.
fn brief_of<T: Serialize + DeserializeOwned>(status: &T) -> T {
    let brief = brief(&serde_json::to_value(status).unwrap(), "StatusCut", "too large");
    assert!(brief.to_string().len() <= BRIEF_BYTES_MAX, "{}", brief.to_string().len());
    serde_json::from_value(brief).unwrap()
}

#[test]
fn a_record_keeps_what_it_says_of_the_member_and_says_that_it_is_cut() {
    let amounts: BTreeMap<String, String> =
        (0..40_000).map(|n| (format!("x{n}-{}", "y".repeat(50)), "1".to_owned())).collect();
    let status = ClusterStatus {
        kubernetes_version: Some("v".repeat(1_000_000)),
        conditions: vec![condition(&"last seen ".repeat(100_000))],
        resource_summary: Some(ResourceSummary { allocatable: amounts, ..ResourceSummary::default() }),
        last_seen: Some(SINCE.to_owned()),
        ..ClusterStatus::default()
    };
    let brief = brief_of(&status);
    assert_eq!(brief.last_seen, status.last_seen);
    assert_eq!(brief.resource_summary.as_ref().unwrap().allocatable.len(), ENTRIES_MAX);
    let [ready, mark] = brief.conditions.as_slice() else { panic!("{:?}", brief.conditions) };
    assert_eq!((ready.status.as_str(), ready.message.chars().count()), ("Unknown", CUTS[0].text_max));
    assert_eq!((mark.type_.as_str(), mark.last_transition_time.as_str()), ("StatusCut", SINCE));
    assert!(mark.message.ends_with("too large"), "{}", mark.message);
    assert!(is_marked(&brief.conditions, "StatusCut") && !is_marked(&status.conditions, "StatusCut"));
}

#[test]
fn a_report_keeps_all_of_its_units() {
    let long = "n".repeat(1_000);
    let unit: UnitStatus = serde_json::from_value(json!({
        "revision": "r", "epoch": 3, "phase": "Failed", "health": "Healthy", "since": SINCE, "message": long,
        "applied": format!("sha256:{}", "0".repeat(64)), "reflected": vec![long.as_str(); 20].iter().enumerate()
            .map(|(n, text)| (n.to_string(), json!([text]))).collect::<serde_json::Map<_, _>>(),
        "lastDrift": {"object": long, "seen": SINCE, "reverted": true, "fields": vec![json!({"path": long}); 10]},
    }))
    .unwrap();
    let unit_id = |n: usize| -> UnitId { format!("apps.kurator.dev/Application/default/app{n}/p").parse().unwrap() };
    let units: BTreeMap<_, _> = (0..100).map(|n| (unit_id(n), unit.clone())).collect();
    let brief = brief_of(&MemberStatusStatus { units, ..MemberStatusStatus::default() });
    assert_eq!(brief.units.len(), 100);
    for said in brief.units.values() {
        assert_eq!((said.phase, said.epoch, said.applied), (unit.phase, 3, unit.applied));
    }
}

#[test]
fn what_is_short_stays_as_it_is() {
    let status = ClusterStatus {
        conditions: vec![condition("connection refused")],
        kubernetes_version: Some("v1.37.0".to_owned()),
        ..ClusterStatus::default()
    };
    let mut brief = brief_of(&status);
    brief.conditions.truncate(1);
    assert_eq!(brief, status);
    // Without conditions there is no room for a mark.
    assert_eq!(super::brief(&json!({"phase": "Running"}), "StatusCut", "x"), json!({"phase": "Running"}));
}

#[test]
fn a_text_is_cut_between_characters_and_a_deep_value_at_its_depth() {
    assert_eq!((cut_text("äöü", 3), cut_text("äöüß", 3)), ("äöü".to_owned(), "äö…".to_owned()));
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let brief = super::brief(&json!({"a": deep}), "StatusCut", "x").to_string();
    assert_eq!(brief.matches('[').count(), DEPTH_MAX);
}
