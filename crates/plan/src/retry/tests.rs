use super::*;

fn failure(waiting: &WaitingOn, left: u64, until_gone: bool) -> Option<Failure<'_>> {
    Some(Failure { waiting, left: Duration::from_secs(left), until_gone })
}

#[test]
fn an_object_rests_until_its_pause_is_over_or_what_it_waits_for_has_come() {
    let (refused, deleting) = (WaitingOn::Refused("Invalid".into()), WaitingOn::BeingDeleted);
    let contested = WaitingOn::Contested;
    // The failure, after a fight, the same version, gone -> why it rests
    for (failed, is_contested, is_same, is_gone, expect) in [
        (None, false, true, false, None),
        (None, true, true, true, Some(&contested)),
        (failure(&refused, 9, false), false, true, false, Some(&refused)),
        (failure(&refused, 9, false), true, true, false, Some(&refused)),
        // Another version may be accepted.
        (failure(&refused, 9, false), false, false, false, None),
        (failure(&refused, 9, false), true, false, false, Some(&contested)),
        (failure(&refused, 0, false), false, true, false, None),
        // That it is gone helps only what waits for that.
        (failure(&refused, 9, false), false, true, true, Some(&refused)),
        (failure(&deleting, 9, true), false, true, false, Some(&deleting)),
        (failure(&deleting, 9, true), false, true, true, None),
    ] {
        let observed = Observed { failure: failed, is_contested, is_overdue: true };
        assert_eq!(rest(&observed, is_same, is_gone).as_ref(), expect, "{observed:?} {is_same} {is_gone}");
    }
}

#[test]
fn the_worst_is_said_of_an_object() {
    let refused = WaitingOn::Refused("Invalid".into());
    for (failed, is_contested, is_overdue, expect) in [
        (None, false, false, None),
        (None, false, true, Some(WaitingOn::Overdue)),
        (None, true, true, Some(WaitingOn::Contested)),
        (failure(&refused, 9, false), true, true, Some(refused.clone())),
        // Also when its pause is over, unless the object is left alone: then it is not tried again for that.
        (failure(&refused, 0, false), false, true, Some(refused.clone())),
        (failure(&refused, 0, false), true, true, Some(WaitingOn::Contested)),
    ] {
        assert_eq!(trouble(&Observed { failure: failed, is_contested, is_overdue }), expect);
    }
}
