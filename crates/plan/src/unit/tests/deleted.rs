//! Somebody deletes an object of a phase that the unit waits for again.

use api::reason;

use super::*;

/// What a member stored after it was applied, with these deletions held.
fn applied(held: Option<Deletions>) -> UnitStatus {
    let phase = if held.is_some() { UnitPhase::DeletionsHeld } else { UnitPhase::Applied };
    UnitStatus { applied: Some(Digest::of(b"p")), held, ..status(phase) }
}

/// A report of an applier that waits for a phase, for this reason.
fn waits(reason: &str) -> Reported {
    Reported { reason: reason.to_owned(), ..reported(UnitPhase::Waiting, b"p") }
}

#[test]
fn that_an_object_is_being_deleted_is_over_when_it_is_gone() {
    let stored = merge_report(&waits(reason::BEING_DELETED), Some(&applied(None)), now()).unwrap();
    assert_eq!((stored.phase, stored.reason.as_str()), (UnitPhase::Waiting, reason::BEING_DELETED));
    for phase in [UnitPhase::Pending, UnitPhase::Applying, UnitPhase::Waiting] {
        let next = Reported { phase, ..waits("PhaseWaiting") };
        let after = merge_report(&next, Some(&stored), now()).unwrap();
        assert_eq!((after.phase, after.reason.as_str()), (phase, "PhaseWaiting"));
        assert_eq!(merge_report(&next, Some(&after), now()), None, "the same again is nothing to write");
    }
}

#[test]
fn what_a_member_holds_is_known_while_it_waits_for_a_phase_again() {
    let mut stored = applied(Some(list("mine", 30)));
    for reason in [reason::BEING_DELETED, "PhaseWaiting"] {
        stored = merge_report(&waits(reason), Some(&stored), now()).unwrap();
        assert_eq!((stored.phase, stored.held.clone()), (UnitPhase::Waiting, Some(list("mine", 30))));
    }
    // The list is made again, or was of another revision or epoch.
    let done = |phase| Reported { phase, ..reported(phase, b"p") };
    assert_eq!(merge_report(&done(UnitPhase::Applied), Some(&stored), now()).unwrap().held, None);
    let payload = Digest::of(b"q");
    let other = Reported { revision: "r2".into(), payload, ..waits("") };
    for other in [Reported { epoch: 2, ..waits("PhaseWaiting") }, other] {
        assert_eq!(merge_report(&other, Some(&stored), now()).unwrap().held, None);
    }
}

#[test]
fn a_list_of_all_members_stays_the_same_while_one_of_them_waits_for_a_phase_again() {
    let names = ["a", "b", "c"];
    let mut world = World::new(&names);
    world.step();
    for member in names {
        world.report(member, UnitPhase::DeletionsHeld, Some(list(member, 30)));
    }
    world.step();
    let held = |world: &World| {
        let status_of = |u: &UnitId, m: &MemberName| world.statuses.get(&(u.clone(), m.clone())).cloned();
        held(&world.owner.unit(None), world.decisions.values(), status_of, |_| true).unwrap()
    };
    let before = held(&world);
    world.facts.approved = vec![before.digest];
    let key = (world.owner.unit(None), name("b"));
    world.statuses.get_mut(&key).unwrap().applied = Some(Digest::of(b"p"));
    let entry = world.entry("b");
    let report = Reported { epoch: entry.epoch, asked: entry.question(), ..waits(reason::BEING_DELETED) };
    let report = Reported { objects: world.statuses[&key].objects, ..report };
    let merged = merge_report(&report, world.statuses.get(&key), now()).unwrap();
    world.statuses.insert(key, merged);
    assert_eq!(held(&world).digest, before.digest);
    world.step();
    for member in names {
        assert_eq!(world.entry(member).granted, Some(Digest::of(member.as_bytes())), "{member}");
    }
}
