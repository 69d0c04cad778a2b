//! Owners that are deleted and made again under their name.

use super::*;

/// Deletes the owner, and everything that is remembered of it.
fn delete_owner(world: &mut World) {
    world.facts.state = OwnerState::Leaving(Some(Removal::Prune));
    world.step();
    world.report("a", UnitPhase::Removed, None);
    world.step();
    assert!(world.decisions.is_empty());
    world.revisions.clear();
    world.statuses.clear();
}

/// A manifest that was exported, and is applied again, has the annotation with what was approved before.
#[test]
fn what_was_approved_of_an_owner_that_is_gone_releases_nothing_of_one_that_is_made_again() {
    let mut world = World::new(&["a"]);
    world.step();
    world.report("a", UnitPhase::Applied, Some(list("all", 30)));
    let held = |world: &World| {
        let status_of = |u: &UnitId, m: &MemberName| world.statuses.get(&(u.clone(), m.clone())).cloned();
        held(&world.owner.unit(None), world.decisions.values(), status_of, |_| true).unwrap().digest
    };
    let approved = held(&world);
    world.facts.approved = vec![approved];
    world.step();
    assert_eq!(world.entry("a").granted, Some(Digest::of(b"all")));
    delete_owner(&mut world);
    world.facts.state = OwnerState::Live;
    world.step();
    assert_eq!(world.entry("a").epoch, 1, "nothing remembers it");
    world.report("a", UnitPhase::Applied, Some(list("all", 30)));
    world.step();
    assert_eq!(world.entry("a").granted, None);
    assert_ne!(held(&world), approved);
}
