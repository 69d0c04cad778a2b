//! What appliers counted, over their restarts.

use super::*;

#[test]
fn deletions_are_counted_from_when_a_unit_leaves_on() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let mut stored: Option<UnitStatus> = None;
    for (phase, since, count, expect) in [
        (UnitPhase::Applied, 1, 4, 4),
        (UnitPhase::Removing, 1, 4, 0),
        (UnitPhase::Removing, 1, 6, 2),
        // Another process goes on.
        (UnitPhase::Failed, 9, 0, 2),
        (UnitPhase::Removing, 9, 3, 5),
        (UnitPhase::Removed, 9, 6, 8),
        (UnitPhase::Removed, 9, 6, 8),
    ] {
        let deleted = (count > 0).then(|| ApplierCount { since: at(since), count });
        let said = Reported { deleted, ..reported(phase, b"p") };
        let merged = merge_report(&said, stored.as_ref(), now()).unwrap();
        assert_eq!(merged.deleted, expect, "{phase:?} {count}");
        stored = Some(merged);
    }
}

#[test]
fn reverts_add_up_over_restarts_of_the_applier() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let report = |counted: Option<(i64, u64)>| Reported {
        reverts: counted.map(|(since, count)| ApplierCount { since: at(since), count }),
        ..reported(UnitPhase::Applied, b"p")
    };
    let mut stored = merge_report(&report(None), None, now()).unwrap();
    // Since when the applier counts and how many, how many there are in all.
    for (counted, total) in [
        (None, 0),
        (Some((1, 2)), 2),
        // The same report again, and a later one.
        (Some((1, 2)), 2),
        (Some((1, 5)), 5),
        (Some((1, 3)), 5),
        // Another applier starts: it has counted nothing, then one.
        (None, 5),
        (Some((9, 1)), 6),
        (Some((9, 1)), 6),
        (Some((9, 4)), 9),
        (None, 9),
        (Some((20, 9)), 18),
    ] {
        let before = stored;
        stored = merge_report(&report(counted), Some(&before), now()).unwrap();
        assert_eq!(stored.reverts, total, "{counted:?}");
        assert_eq!(stored == before, stored.reverts == before.reverts, "{counted:?}: written only when one is added");
    }
}
