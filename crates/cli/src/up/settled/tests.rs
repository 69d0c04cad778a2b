//! When the wait ends.

use super::*;

fn condition(type_: &str, status: &str, reason: &str) -> api::Condition {
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
        (vec![condition("Ready", "False", "Progressing")], None),
        (vec![condition("Ready", "Unknown", "MemberUnknown")], None),
        (
            vec![condition("Ready", "False", "BuildFailed"), condition("SourceReady", "True", "Succeeded")],
            Some(STUCK_FOR),
        ),
        (
            vec![condition("Ready", "True", "Succeeded"), condition("SourceReady", "False", "FetchFailed")],
            Some(STUCK_FOR),
        ),
        (vec![condition("Ready", "False", "HealthCheckFailed")], Some(FAILING_FOR)),
    ] {
        assert_eq!(hindrance(&conditions).map(|h| h.long), long, "{conditions:?}");
    }
}

#[test]
fn the_wait_ends_when_the_same_has_been_in_the_way_for_long_enough() {
    let found = |reason: &str| Some(InTheWay { reason: reason.to_owned(), long: Duration::from_secs(3) });
    let mut stuck = Stuck::default();
    let mut is_stuck = |found, secs| stuck.is_stuck(found, Duration::from_secs(secs));
    assert!(!is_stuck(found("a"), 1) && !is_stuck(found("a"), 3));
    assert!(!is_stuck(found("b"), 4), "another reason counts from zero");
    assert!(!is_stuck(None, 5) && !is_stuck(found("b"), 6) && !is_stuck(found("b"), 8));
    assert!(is_stuck(found("b"), 9));
}
