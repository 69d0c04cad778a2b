//! One word for each state, and no two of them for one thing.

use std::collections::BTreeMap;

use api::delivery::{
    Explanation, Health, LinkState, MemberDecision, MemberLink, Missing, PodCounts, Question, UnitCounts, UnitPhase,
    UnitStatus, WaitingOn,
};
use model::{Digest, Timestamp};
use serde_json::json;

use super::*;
use crate::reach::{MemberFacts, Reach};

fn at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn ready(status: &str, reason: &str) -> Condition {
    Condition {
        type_: condition::READY.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: at().to_string(),
    }
}

#[test]
fn each_state_has_a_reason_and_its_status_comes_back() {
    for state in State::ALL {
        let reasons: Vec<&&'static str> = reason::ALL.iter().filter(|r| State::of_reason(r) == state).collect();
        assert!(!reasons.is_empty(), "{state}");
        for reason in reasons {
            let statement = statement(reason, "");
            let stored = condition::merge(&[], vec![statement], None, at());
            assert_eq!(State::of_conditions(&stored), state, "{reason}");
        }
    }
    assert!(State::ALL.is_sorted());
}

#[test]
fn what_was_ready_before_an_edit_is_on_its_way_until_it_was_looked_at() {
    let stored = |status: &str, reason: &str, observed_generation| {
        vec![Condition { observed_generation, ..ready(status, reason) }]
    };
    for (conditions, generation, state) in [
        (stored("True", reason::RECONCILIATION_SUCCEEDED, Some(1)), Some(1), State::Ready),
        (stored("True", reason::RECONCILIATION_SUCCEEDED, Some(1)), Some(2), State::Progressing),
        (stored("False", reason::SUSPENDED, Some(1)), Some(2), State::Progressing),
        // What was not well stays the best that is known.
        (stored("False", reason::FETCH_FAILED, Some(1)), Some(2), State::NotReady),
        (stored("Unknown", reason::MEMBER_UNKNOWN, Some(1)), Some(2), State::Unknown),
        (stored("False", reason::DELETIONS_HELD, Some(1)), Some(2), State::Held),
        // Conditions that count no generations, and objects that have none.
        (stored("True", reason::RECONCILIATION_SUCCEEDED, None), Some(2), State::Ready),
        (stored("True", reason::RECONCILIATION_SUCCEEDED, Some(1)), None, State::Ready),
        (Vec::new(), Some(1), State::Unknown),
    ] {
        assert_eq!(State::of_object(&conditions, generation), state, "{conditions:?} {generation:?}");
    }
}

#[test]
fn a_condition_is_ready_only_when_it_is_true_and_unknown_is_never_ready() {
    for (status, reason, state) in [
        ("True", reason::RECONCILIATION_SUCCEEDED, State::Ready),
        // A reason that is new to this program.
        ("True", "Other", State::Ready),
        ("False", "Other", State::NotReady),
        ("Unknown", "Other", State::Unknown),
        // What an earlier version wrote.
        ("False", reason::RECONCILIATION_SUCCEEDED, State::NotReady),
        ("False", reason::CREDENTIAL_REFUSED, State::NotReady),
        ("Unknown", reason::RECONCILIATION_SUCCEEDED, State::Unknown),
        ("Unknown", reason::DELETIONS_HELD, State::Unknown),
        ("False", reason::SUSPENDED, State::Suspended),
        ("False", reason::DELETIONS_HELD, State::Held),
        ("False", reason::DELETING, State::Terminating),
        ("False", reason::FETCH_FAILED, State::NotReady),
    ] {
        assert_eq!(State::of(Some(&ready(status, reason))), state, "{status} {reason}");
    }
    assert_eq!(State::of(None), State::Unknown, "the hub has not looked at it");
}

fn status(phase: UnitPhase, health: Health) -> UnitStatus {
    UnitStatus {
        revision: "r".to_owned(),
        epoch: 1,
        asked: Question::default(),
        applied: Some(Digest::of(b"payload")),
        phase,
        health,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        since: at(),
        reason: String::new(),
        message: String::new(),
        waiting_on: None,
        waiting: Vec::new(),
        held: None,
        unweighed: false,
        unlisted: false,
        heirs: Vec::new(),
        reverts: 0,
        reverts_counted: None,
        deleted: 0,
        deleted_counted: None,
        adopted: api::delivery::ObjectSet::default(),
        kept: api::delivery::ObjectSet::default(),
        unmade: api::delivery::ObjectSet::default(),
        last_drift: None,
        reflected: None,
    }
}

/// Every way in which a member can be.
fn members() -> Vec<Option<MemberFacts>> {
    let link = |state| Some(MemberLink { state, message: "why".to_owned(), since: at() });
    let links = [None, link(LinkState::Connected), link(LinkState::Unreachable), link(LinkState::Blocked)];
    let reaches = [Reach::Reachable, Reach::NotReady, Reach::Unknown, Reach::Blocked];
    let all = reaches.iter().flat_map(|reach| {
        let reach = *reach;
        links.iter().map(move |link| Some(MemberFacts { link: link.clone(), ..MemberFacts::new(reach) }))
    });
    all.chain([None]).collect()
}

#[test]
fn a_unit_is_ready_only_where_its_member_is_known_to_have_what_is_wanted_in_health() {
    const HEALTH: [Health; 6] =
        [Health::Healthy, Health::Suspended, Health::Progressing, Health::Unknown, Health::Missing, Health::Degraded];
    let (wanted, other) = ("r".to_owned(), "newer".to_owned());
    let payload = Some(Digest::of(b"payload"));
    for facts in members() {
        for (phase, health) in UnitPhase::ALL.into_iter().flat_map(|phase| HEALTH.map(|health| (phase, health))) {
            for wanted in [Some(&wanted), Some(&other), None] {
                let status = status(phase, health);
                let (kept, missing) = (None, &[][..]);
                let facts = facts.as_ref();
                let is_withheld = false;
                let pair =
                    Pair { wanted, member: "m", status: Some(&status), facts, payload, kept, is_withheld, missing };
                let statement = pair.ready(&BTreeMap::new());
                assert_eq!(pair.state().status(), statement.status);
                let is_reached = facts.is_some_and(|facts| {
                    facts.reach == Reach::Reachable
                        && facts.link.as_ref().is_none_or(|link| link.state == LinkState::Connected)
                });
                let is_well = phase == UnitPhase::Applied && matches!(health, Health::Healthy | Health::Suspended);
                let expect = is_reached && is_well && wanted == Some(&status.revision);
                assert_eq!(statement.status == Some(true), expect, "{pair:?}");
                assert_eq!(statement.reason == reason::RECONCILIATION_SUCCEEDED, expect, "{pair:?}");
            }
        }
    }
}

#[test]
fn the_words_for_a_unit() {
    let wanted = "r".to_owned();
    let here = MemberFacts::new(Reach::Reachable);
    let state = |status: &UnitStatus| {
        let pair = Pair { wanted: Some(&wanted), ..Pair::decided(None, None, "m", Some(status), Some(&here)) };
        (pair.state(), pair.reason())
    };
    for (phase, health, expect) in [
        (UnitPhase::Pending, Health::Unknown, (State::Progressing, reason::PROGRESSING)),
        (UnitPhase::Waiting, Health::Degraded, (State::NotReady, reason::HEALTH_CHECK_FAILED)),
        (UnitPhase::Failed, Health::Healthy, (State::NotReady, reason::RECONCILIATION_FAILED)),
        (UnitPhase::DeletionsHeld, Health::Healthy, (State::Held, reason::DELETIONS_HELD)),
        (UnitPhase::Suspended, Health::Healthy, (State::Suspended, reason::SUSPENDED)),
        (UnitPhase::Suspended, Health::Degraded, (State::NotReady, reason::HEALTH_CHECK_FAILED)),
        // What somebody deleted stays away while nothing is applied.
        (UnitPhase::Suspended, Health::Missing, (State::NotReady, reason::HEALTH_CHECK_FAILED)),
        // It comes back by itself.
        (UnitPhase::Applied, Health::Missing, (State::Progressing, reason::PROGRESSING)),
        // What was not delivered before the suspension is not broken.
        (UnitPhase::Suspended, Health::Progressing, (State::Suspended, reason::SUSPENDED)),
        (UnitPhase::Removing, Health::Healthy, (State::Terminating, reason::DELETING)),
        (UnitPhase::Unknown, Health::Healthy, (State::Unknown, reason::MEMBER_UNKNOWN)),
    ] {
        assert_eq!(state(&status(phase, health)), expect, "{phase} {health}");
    }
    let refused = UnitStatus {
        objects: UnitCounts { failed: 1, ..UnitCounts::default() },
        ..status(UnitPhase::Suspended, Health::Healthy)
    };
    assert_eq!(state(&refused), (State::NotReady, reason::RECONCILIATION_FAILED));
    let contested = UnitStatus { reason: reason::CONTESTED.to_owned(), ..status(UnitPhase::Applied, Health::Healthy) };
    assert_eq!(state(&contested), (State::NotReady, reason::CONTESTED));
    for phase in [UnitPhase::Applying, UnitPhase::Waiting] {
        let deleted = UnitStatus { reason: reason::BEING_DELETED.to_owned(), ..status(phase, Health::Progressing) };
        assert_eq!(state(&deleted), (State::NotReady, reason::BEING_DELETED));
    }
    let nothing = Pair::decided(None, None, "m", None, Some(&here));
    assert_eq!(nothing.state(), State::Progressing, "it has not reported yet");
    let waits = WaitingOn::new(Missing::Source, "no answer");
    let waiting = UnitStatus { waiting_on: Some(Box::new(waits)), ..status(UnitPhase::Applied, Health::Healthy) };
    let pair = Pair { status: Some(&waiting), wanted: Some(&wanted), ..nothing };
    assert_eq!(pair.message(&BTreeMap::new()), "waits for its source: no answer");
}

#[test]
fn a_member_that_does_not_get_what_the_last_edit_or_commit_says_is_not_ready() {
    let here = MemberFacts::new(Reach::Reachable);
    let revisions: BTreeMap<String, String> = [("r", "main@1"), ("s", "main@1"), ("t", "main@2")]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
    let status = status(UnitPhase::Applied, Health::Healthy);
    let entry = |kept: bool| -> MemberDecision {
        let leaving = json!({"cause": "SelectorDiffers", "message": "labels changed"});
        let mut entry = json!({"revision": "r", "epoch": 1, "reason": "", "digest": Digest::of(b"payload")});
        if kept {
            entry["leaving"] = leaving;
        }
        serde_json::from_value(entry).unwrap()
    };
    let explained = |revision: &str, missing: Option<Missing>| Explanation {
        revision: Some(revision.to_owned()),
        waiting_on: missing.into_iter().map(|what| WaitingOn::new(what, "why")).collect(),
        ..Explanation::default()
    };
    let of = |kept: bool, explanation: &Explanation| {
        let entry = entry(kept);
        let pair = Pair::decided(Some(&entry), Some(explanation), "m", Some(&status), Some(&here));
        (pair.state(), pair.reason(), pair.message(&revisions))
    };
    for (kept, revision, missing, state, reason, message) in [
        (false, "r", None, State::Ready, reason::RECONCILIATION_SUCCEEDED, "Applied, Healthy"),
        (
            true,
            "t",
            None,
            State::Held,
            reason::DELETIONS_HELD,
            "it keeps what it has until that is approved: labels changed",
        ),
        (false, "t", None, State::Progressing, reason::PROGRESSING, "has main@1, wanted main@2; Applied, Healthy"),
        (
            false,
            "s",
            None,
            State::Progressing,
            reason::PROGRESSING,
            "has main@1 as an earlier edit had it; Applied, Healthy",
        ),
        (
            false,
            "kik6vo2mf7-2",
            None,
            State::Progressing,
            reason::PROGRESSING,
            "has main@1, wanted a newer one; Applied, Healthy",
        ),
        (
            false,
            "kik6vo2mf7-2",
            Some(Missing::Render),
            State::NotReady,
            reason::BUILD_FAILED,
            "has main@1, and the newest one cannot be rendered: see the Ready of the application; Applied, Healthy",
        ),
        // What it has is the newest that there is.
        (false, "r", Some(Missing::Fleet), State::Ready, reason::RECONCILIATION_SUCCEEDED, "Applied, Healthy"),
    ] {
        let found = of(kept, &explained(revision, missing));
        assert_eq!((found.0, found.1, found.2.as_str()), (state, reason, message));
    }
}

#[test]
fn a_member_is_ready_only_when_prober_and_applier_get_through() {
    let link = |state| Some(MemberLink { state, message: "secrets is forbidden".to_owned(), since: at() });
    for (record, link, state, reason) in [
        (ready("True", reason::CLUSTER_READY), None, State::Ready, reason::CLUSTER_READY),
        (ready("True", reason::CLUSTER_READY), link(LinkState::Connected), State::Ready, reason::CLUSTER_READY),
        (ready("True", reason::CLUSTER_READY), link(LinkState::Blocked), State::NotReady, reason::APPLIER_REFUSED),
        (
            ready("True", reason::CLUSTER_READY),
            link(LinkState::Unreachable),
            State::Unknown,
            reason::APPLIER_NOT_ANSWERED,
        ),
        // The record says better what is wrong with the whole member.
        (
            ready("False", reason::CLUSTER_NOT_READY),
            link(LinkState::Unreachable),
            State::NotReady,
            reason::CLUSTER_NOT_READY,
        ),
        (
            ready("Unknown", reason::CREDENTIAL_REFUSED),
            link(LinkState::Connected),
            State::Unknown,
            reason::CREDENTIAL_REFUSED,
        ),
    ] {
        let conditions = [record];
        let said = Said::of_member(&conditions, link.as_ref());
        assert_eq!((said.state, said.reason), (state, reason), "{conditions:?} {link:?}");
        let short = State::of_conditions(&conditions).with_link(link.as_ref());
        assert_eq!(short, state, "{conditions:?} {link:?}");
    }
    let said = Said::of_member(&[], None);
    assert_eq!((said.state, said.message), (State::Unknown, "the hub has not looked at it yet"));
}
