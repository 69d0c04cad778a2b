//! When the wait ends.

use super::*;

fn said(type_: &str, status: &str, reason: &str) -> api::Condition {
    api::Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: String::new(),
    }
}

#[test]
fn what_only_a_person_can_change_ends_the_wait_and_what_is_on_its_way_does_not() {
    for (conditions, long) in [
        (vec![], None),
        (vec![said("Ready", "False", "Progressing")], None),
        (vec![said("Ready", "Unknown", "MemberUnknown")], None),
        (vec![said("Ready", "False", "BuildFailed"), said("SourceReady", "True", "Succeeded")], Some(STUCK_FOR)),
        (vec![said("Ready", "True", "Succeeded"), said("SourceReady", "False", "FetchFailed")], Some(STUCK_FOR)),
        (vec![said("Ready", "False", "HealthCheckFailed")], Some(FAILING_FOR)),
    ] {
        assert_eq!(hindrance(&conditions).map(|h| h.long), long, "{conditions:?}");
    }
}

#[test]
fn the_wait_ends_when_the_same_has_been_in_the_way_for_long_enough() {
    let found = |reason: &str| Some(InTheWay { reason: reason.to_owned(), long: Duration::from_secs(3) });
    let mut stuck = Stuck::default();
    let mut see = |found, secs| stuck.see(found, Duration::from_secs(secs));
    assert!(!see(found("a"), 1) && !see(found("a"), 3));
    assert!(!see(found("b"), 4), "another reason counts from zero");
    assert!(!see(None, 5) && !see(found("b"), 6) && !see(found("b"), 8));
    assert!(see(found("b"), 9));
}
