//! What is said while something is not there yet.

use super::*;

fn waits(object: &str, state: State, reason: &str, message: &str, patience: Option<Duration>) -> Waits {
    Waits { object: object.to_owned(), state, reason: reason.to_owned(), message: message.to_owned(), patience }
}

#[test]
fn what_is_missing_is_named_with_its_cause_and_the_rest_is_counted() {
    let paris = waits("member/paris", State::NotReady, "SecretNotFound", "create it", Some(FAILING_FOR));
    let rome = waits("member/rome", State::Unknown, "", "it has not been heard of since the start", None);
    let seen = Seen { members: 2, fleets: 0, applications: 1, waits: vec![rome.clone(), paris] };
    insta::assert_snapshot!(seen.waits_in_words(), @"member/rome Unknown: it has not been heard of since the start; member/paris NotReady, SecretNotFound: create it");
    assert_eq!(seen.all_in_words(), "2 members, 1 application");
    // What passes by itself is no reason to give up.
    assert_eq!(seen.in_the_way().map(|found| found.reason).as_deref(), Some("member/paris SecretNotFound"));
    let value = seen.value(Duration::from_millis(1500));
    assert_eq!((&value["converged"], &value["seconds"]), (&false.into(), &1.5.into()));
    assert_eq!(value["waiting"][1]["reason"], "SecretNotFound");
    let many = Seen { waits: vec![rome; 7], ..Seen::default() };
    assert!(many.waits_in_words().ends_with("; and 2 more"), "{}", many.waits_in_words());
    assert_eq!(many.in_the_way(), None);
}

#[test]
fn only_what_a_person_has_to_change_ends_the_wait_early() {
    for (reason, expect) in [
        (reason::KUBECONFIG_REFUSED, true),
        (reason::SECRET_NOT_FOUND, true),
        (reason::CREDENTIAL_REFUSED, true),
        (reason::BUILD_FAILED, true),
        (reason::DELETIONS_HELD, true),
        (reason::MEMBER_NOT_FOUND, true),
        (reason::FETCH_FAILED, false),
        (reason::CLUSTER_NOT_REACHABLE, false),
        (reason::CLUSTER_NOT_READY, false),
        (reason::APPLIER_NOT_ANSWERED, false),
        (reason::MEMBER_NOT_READY, false),
        (reason::MEMBER_BLOCKED, false),
        (reason::HEALTH_CHECK_FAILED, false),
        (reason::RECONCILIATION_FAILED, false),
        ("", false),
    ] {
        assert_eq!(hopeless_after(reason), expect.then_some(FAILING_FOR), "{reason}");
    }
}

#[test]
fn a_hub_with_nothing_in_it_says_so() {
    let empty = Seen::default();
    assert_eq!(empty.all_in_words(), "nothing to wait for: there are no members, fleets or applications yet");
    assert_eq!(empty.value(Duration::ZERO)["converged"], true);
}

#[test]
fn what_was_said_of_an_earlier_generation_does_not_count() {
    let ready = |observed: Option<i64>| {
        vec![Condition {
            type_: condition::READY.to_owned(),
            status: "True".to_owned(),
            reason: String::new(),
            message: String::new(),
            observed_generation: observed,
            last_transition_time: String::new(),
        }]
    };
    for (observed, generation, expect) in
        [(Some(2), Some(2), true), (Some(1), Some(2), false), (None, Some(2), true), (Some(1), None, true)]
    {
        assert_eq!(is_of_now(&ready(observed), generation), expect, "{observed:?} {generation:?}");
    }
}
