//! What becomes of a stored status while no look at the unit comes to an end.

use super::*;
use crate::report::{NOT_ANSWERED, NOT_VISIBLE};

fn said(phase: UnitPhase, reason: &str, payload: &[u8]) -> Reported {
    Reported { reason: reason.to_owned(), message: "m".to_owned(), ..reported(phase, payload) }
}

fn before(phase: UnitPhase) -> UnitStatus {
    let objects = UnitCounts { desired: 3, applied: 3, inventory: 3, ..UnitCounts::default() };
    UnitStatus { applied: Some(Digest::of(b"p")), objects, ..status(phase) }
}

#[test]
fn what_a_member_that_is_reached_does_not_show_is_not_known() {
    for phase in [UnitPhase::Applied, UnitPhase::DeletionsHeld, UnitPhase::Failed] {
        let report = said(UnitPhase::Unknown, NOT_VISIBLE, b"p");
        let after = merge_report(&report, Some(&before(phase)), now()).unwrap();
        assert_eq!((after.phase, after.health, after.message.as_str()), (UnitPhase::Unknown, report.health, "m"));
        assert_eq!((after.objects, after.applied), (before(phase).objects, before(phase).applied), "all else is kept");
        assert_eq!(
            merge_report(&report, Some(&after), later()),
            Some(after.clone()),
            "the same again is nothing to write"
        );
        // Whatever comes next says more.
        for next in [UnitPhase::Applied, UnitPhase::Waiting, UnitPhase::Failed] {
            assert_eq!(merge_report(&reported(next, b"p"), Some(&after), now()).unwrap().phase, next);
        }
    }
    let report = said(UnitPhase::Unknown, NOT_VISIBLE, b"p");
    assert_eq!(merge_report(&report, None, now()), None, "it is on its way for the first time");
}

#[test]
fn an_object_that_is_gone_keeps_a_unit_from_being_well_before_its_pass_ends() {
    let report = said(UnitPhase::Applying, NOT_ANSWERED, b"p");
    let well = before(UnitPhase::Applied);
    let after = merge_report(&report, Some(&well), later()).unwrap();
    assert_eq!((after.phase, after.reason.as_str(), after.since), (UnitPhase::Applying, NOT_ANSWERED, later()));
    assert_eq!((after.objects, after.applied), (well.objects, well.applied));
    assert_eq!(merge_report(&report, Some(&after), now()), None, "it is said once");
    for next in [UnitPhase::Applied, UnitPhase::Waiting, UnitPhase::Failed] {
        assert_eq!(merge_report(&reported(next, b"p"), Some(&after), now()).unwrap().phase, next);
    }
    // What is not well says more, and so does nothing.
    assert_eq!(merge_report(&report, Some(&before(UnitPhase::Failed)), now()), None);
    assert_eq!(merge_report(&report, None, now()), None);
    assert_eq!(merge_report(&said(UnitPhase::Applying, NOT_ANSWERED, b"q"), Some(&well), now()), None);
}
