use super::*;

#[test]
fn changes_are_counted_over_the_units_of_a_member_and_the_newest_is_the_last() {
    let drift = |object: &str, secs| DriftRecord {
        object: object.to_owned(),
        deleted: false,
        fields: Vec::new(),
        seen: model::Timestamp::from_second(secs).unwrap(),
        reverted: true,
    };
    let unit = |reverts, last_drift, reason: &str| UnitStatus {
        reverts,
        last_drift,
        reason: reason.to_owned(),
        message: "why".to_owned(),
        ..serde_json::from_value(json!({"revision": "r", "epoch": 1, "phase": "Applied", "health": "Healthy",
            "objects": {"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 1},
            "pods": {"desired": 0, "ready": 0}, "since": "2026-01-01T00:00:00Z"}))
        .unwrap()
    };
    let check = |units: Vec<UnitStatus>, reverts: u64, object: Option<&str>, contest: Option<&str>| {
        let last = LastChange::of(units.into_iter());
        let seen = (last.reverts, last.drift.as_ref().map(|d| d.object.as_str()), last.contest.as_deref());
        assert_eq!(seen, (reverts, object, contest));
    };
    check(Vec::new(), 0, None, None);
    let two = || vec![unit(2, Some(drift("new", 9)), "Applied"), unit(1, Some(drift("old", 5)), "Applied")];
    check(two(), 3, Some("new"), None);
    check(two().into_iter().rev().collect(), 3, Some("new"), None);
    check(vec![unit(3, None, "Applied"), unit(0, None, reason::CONTESTED)], 3, None, Some("why"));
}

#[test]
fn a_list_is_whole_when_every_unit_that_had_something_has_spoken() {
    let report = |member: &str, policy: &str, phase: &str, desired: u32| -> UnitReport {
        serde_json::from_value(json!({"unit": format!("apps.kurator.dev/Application/default/shop/{policy}"),
            "member": member, "revision": "r", "epoch": 1, "payload": model::Digest::of(b""), "phase": phase, "health": "Healthy",
            "objects": {"desired": desired, "applied": 0, "healthy": 0, "failed": 0, "inventory": 4},
            "pods": {"desired": 0, "ready": 0}, "details": []}))
        .unwrap()
    };
    let held = |policy: &str, waiting_on: &[&str]| HeldDeletions {
        policy: policy.to_owned(),
        waiting_on: waiting_on.iter().map(|name| (*name).to_owned()).collect(),
        ..HeldDeletions::default()
    };
    let expected: BTreeSet<Unit> =
        [report("beijing", "large", "Applied", 4), report("rome", "small", "Applied", 4)].iter().map(unit_of).collect();
    let rome = || report("rome", "small", "DeletionsHeld", 0);
    let whole = || vec![held("large", &[]), held("small", &[])];
    for (reports, lists, is_whole) in [
        // Beijing runs the commit before.
        (vec![report("beijing", "large", "Applied", 4), rome()], vec![held("small", &[])], false),
        (vec![report("beijing", "large", "Pending", 0), rome()], vec![held("small", &[])], false),
        (vec![report("beijing", "large", "DeletionsHeld", 0), rome()], vec![held("small", &[])], false),
        (
            vec![report("beijing", "large", "DeletionsHeld", 0), rome()],
            vec![held("large", &["beijing"]), held("small", &[])],
            false,
        ),
        (vec![report("beijing", "large", "DeletionsHeld", 0), rome()], whole(), true),
        // One that does not answer any more, and a policy that does not prune.
        (vec![report("beijing", "large", "Unknown", 4), rome()], vec![held("small", &[])], true),
        (vec![report("beijing", "large", "Applied", 0), rome()], vec![held("small", &[])], true),
        (vec![rome()], vec![held("small", &[])], true),
    ] {
        let look = held_of(&expected, &reports, lists);
        assert_eq!(matches!(look, Look::Found(_)), is_whole, "{reports:?}: {look:?}");
    }
}

#[test]
fn why_nothing_waits_is_said_as_the_members_say_it() {
    let report = |member: &str, phase: &str, reason: &str, message: &str| -> UnitReport {
        serde_json::from_value(json!({"unit": "apps.kurator.dev/Application/default/shop/all", "member": member, "revision": "r",
            "epoch": 1, "payload": model::Digest::of(b""), "phase": phase, "health": "Healthy", "reason": reason, "message": message,
            "objects": {"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 4},
            "pods": {"desired": 0, "ready": 0}, "details": []}))
        .unwrap()
    };
    let fenced = "another hub has delivered a newer revision";
    for (reports, expect) in [
        (vec![report("beijing", "Applied", "", "")], "no policy prunes"),
        (
            vec![report("beijing", "Failed", "Fenced", fenced), report("rome", "Applied", "", "")],
            "beijing says Fenced: another hub has delivered a newer revision",
        ),
        (vec![report("rome", "Suspended", "", "")], "rome is Suspended"),
        (vec![report("rome", "Unknown", "", "")], "rome does not answer any more"),
    ] {
        let expected = reports.iter().map(unit_of).collect();
        assert_eq!(why_nothing_waits(&expected, &reports), expect);
    }
}
