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

/// A member that is away with what it was given at first, while the owner is deleted with these words and made again.
fn made_again_while_away(said: Removal) -> (World, Option<Timestamp>) {
    let mut world = World::new(&["a"]);
    world.step();
    world.report("a", UnitPhase::Applied, None);
    world.members.insert(name("a"), MemberFacts::new(Reach::Unknown));
    let placed = world.entry("a").placed;
    world.facts.state = OwnerState::Leaving(Some(said));
    world.step();
    world.facts.state = OwnerState::Gone;
    world.step();
    assert_eq!(world.entry("a").removal, said);
    world.facts.state = OwnerState::Live;
    (world, placed)
}

#[test]
fn what_was_to_stay_in_a_member_that_was_away_stays_when_the_owner_is_made_again() {
    let (mut world, first) = made_again_while_away(Removal::Release);
    world.units[0].inputs = Some(tree("c2", "./b"));
    world.step();
    let second = world.entry("a").placed;
    let promised = |world: &World| (world.entry("a").given_back, world.entry("a").known_since);
    assert!(second > first && world.entry("a").removal.is_none());
    assert_eq!(promised(&world), (first, None), "what is there from in between is not known");
    let (plan, asked) = world.step_asking();
    assert!(plan.is_settled());
    assert_eq!(asked, [], "what the member said last is of what is given back");
    // It is deleted, and made again once more.
    world.facts.state = OwnerState::Leaving(Some(Removal::Prune));
    world.step();
    assert_eq!((world.entry("a").removal, promised(&world)), (Removal::Prune, (first, None)));
    world.facts.state = OwnerState::Live;
    world.step();
    assert_eq!(promised(&world), (first, second), "the second one was to go");
    assert!(world.entry("a").placed > second);
    let third = world.entry("a").placed;
    // The policy prunes no more, and leaves.
    world.units[0].prune = false;
    world.place(&[]);
    world.step();
    assert_eq!((world.entry("a").removal, world.entry("a").given_back), (Removal::Release, third));
    world.units[0].prune = true;
    world.place(&["a"]);
    world.step();
    assert_eq!(promised(&world), (third, None));
    assert!(world.step().is_settled());
}

#[test]
fn what_was_to_stay_stays_when_another_owner_of_that_name_is_deleted() {
    for is_seen_gone in [true, false] {
        let (mut world, _) = made_again_while_away(Removal::Release);
        if !is_seen_gone {
            // It was deleted and made again between two looks of the hub.
            let entries = world.decisions.values_mut().flat_map(|decision| decision.members.values_mut());
            entries.for_each(|entry| entry.given_back = None);
        }
        // The new one does not go there.
        world.place(&[]);
        world.step();
        assert_eq!(world.entry("a").removal, Removal::Release);
        world.facts.state = OwnerState::Leaving(Some(Removal::Prune));
        world.step();
        assert_eq!(world.entry("a").removal, Removal::Release, "{is_seen_gone}");
        assert_eq!(world.step().write_decisions, [], "{is_seen_gone}");
    }
}

#[test]
fn what_was_to_go_from_a_member_that_was_away_is_weighed_as_a_commit() {
    let (mut world, first) = made_again_while_away(Removal::Prune);
    world.step();
    assert_eq!((world.entry("a").given_back, world.entry("a").known_since), (None, first));
}

#[test]
fn what_was_not_in_a_list_that_was_agreed_to_waits_when_the_unit_comes_back_before_it_left() {
    let (mut world, _) = made_again_while_away(Removal::Prune);
    let entries = world.decisions.values_mut().flat_map(|decision| decision.members.values_mut());
    let leaving = json!({"cause": "NotListed", "message": "m", "shown": api::delivery::ObjectSet::default()});
    entries.for_each(|entry| entry.leaving = serde_json::from_value(leaving.clone()).unwrap());
    world.step();
    assert!(world.entry("a").removal.is_none() && world.entry("a").known_since.is_none());
}
