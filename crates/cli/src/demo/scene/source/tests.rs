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
