//! What of a report is written, and what decides.

use super::*;

#[test]
fn what_the_hub_lacks_is_news_once_and_not_for_each_second() {
    let waiting = |detail: &str| WaitingOn::new(Missing::Source, detail);
    let mut status = status(UnitPhase::Pending);
    for (now, expect) in [
        (Some(waiting("no answer for 1 s")), Some("its source: no answer for 1 s")),
        (Some(waiting("no answer for 2 s")), Some("its source: no answer for 1 s")),
        (Some(waiting("401 Unauthorized")), Some("its source: 401 Unauthorized")),
        (None, None),
    ] {
        let before = status.clone();
        set_waiting_on(&mut status, now.as_ref());
        assert_eq!(status.waiting_on.as_ref().map(ToString::to_string).as_deref(), expect);
        let slice = |s: &UnitStatus| BTreeMap::from([("g/K/n/o".parse::<UnitId>().unwrap(), s.clone())]);
        assert_eq!(is_news(&slice(&before), &slice(&status)), before.waiting_on != status.waiting_on);
    }
}

#[test]
fn a_report_is_looked_at_when_it_can_change_a_decision() {
    let before = status(UnitPhase::Applying);
    let with = |change: fn(&mut UnitStatus)| {
        let mut status = before.clone();
        change(&mut status);
        Some(status)
    };
    // Changed what; whether it decides while no list waits, and while one does.
    for (what, is, alone, weighed) in [
        ("nothing", with(|_| ()), false, false),
        ("a message", with(|s| s.message = "1 of 2".into()), false, false),
        ("pods", with(|s| s.pods.ready += 1), false, false),
        ("objects that are applied", with(|s| s.objects.applied += 1), false, false),
        ("the inventory", with(|s| s.objects.inventory += 1), false, true),
        ("what is desired", with(|s| s.objects.desired += 1), false, true),
        ("the epoch", with(|s| s.epoch += 1), false, true),
        ("that another unit has it", with(|s| s.reason = "Conflict".into()), false, true),
        ("the phase", with(|s| s.phase = UnitPhase::Applied), false, true),
        ("a removal that is done", with(|s| s.phase = UnitPhase::Removed), true, true),
        ("a list", with(|s| s.held = Some(list("a", 1))), true, true),
        ("that its list is complete", with(|s| s.unlisted = true), true, true),
        ("the report is gone", None, false, true),
    ] {
        assert_eq!(decides(Some(&before), is.as_ref(), || false), alone, "{what}");
        assert_eq!(decides(Some(&before), is.as_ref(), || true), weighed, "{what}");
        assert_eq!(decides(is.as_ref(), Some(&before), || true), weighed, "{what}, the other way");
    }
}
