//! A policy that is renamed deletes nothing, and nobody is asked.

use api::delivery::{Leaving, LeavingCause, ObjectSet};

use super::*;

/// Two members that have policy `p`, which is renamed to `q`.
fn renamed(path: &str) -> World {
    let mut world = World::new(&["a", "b"]);
    world.facts.removals = 0;
    world.units[0].id = world.owner.unit(Some("p"));
    world.by_inputs = true;
    world.step();
    world.units[0].id = world.owner.unit(Some("q"));
    world.units[0].inputs = Some(tree("c1", path));
    world.step();
    world
}

fn of(world: &World, policy: &str) -> Vec<(Removal, Option<Leaving>)> {
    let mine = world.decisions.values().filter(|decision| decision.unit.policy.as_deref() == Some(policy));
    mine.flat_map(|d| d.members.values()).map(|e| (e.removal, e.leaving.as_deref().cloned())).collect()
}

#[test]
fn the_same_content_under_another_name_is_handed_over() {
    let world = renamed("./a");
    assert_eq!(of(&world, "q"), [(Removal::None, None), (Removal::None, None)]);
    let leaving = of(&world, "p");
    assert_eq!(leaving.len(), 2);
    for (removal, why) in leaving {
        let why = why.unwrap();
        assert_eq!((removal, why.cause), (Removal::Prune, LeavingCause::HandedOver));
        assert_eq!(why.message, "policy q has the same objects, and takes over those of p");
        assert_eq!(why.shown, Some(ObjectSet::default()), "nothing may be deleted that is not taken over");
    }
    assert!(world.decisions.values().all(|decision| decision.held.is_none()));
    let trigger =
        world.decisions.values().filter_map(|d| d.trigger.as_ref()).find(|t| t.message.contains("takes over"));
    assert_eq!(trigger.unwrap().message, "policy q has the same objects, and takes over those of p: in a, b");
}

#[test]
fn other_content_is_held_as_before() {
    let world = renamed("./other");
    let kept = of(&world, "p");
    assert!(
        kept.iter().all(|(removal, why)| removal.is_none() && why.as_ref().unwrap().cause == LeavingCause::UnitRemoved)
    );
    assert!(world.decisions.values().any(|decision| decision.held.is_some()));
}

#[test]
fn a_policy_that_is_removed_is_not_handed_over_to_nobody() {
    let mut world = renamed("./a");
    world.units.clear();
    world.step();
    assert!(of(&world, "q").iter().all(|(removal, why)| removal.is_none() && why.is_some()), "q itself is held now");
}

#[test]
fn a_renamed_policy_whose_application_is_deleted_goes_with_all_that_it_has() {
    let mut world = renamed("./a");
    world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
    world.facts.state = OwnerState::Leaving(Some(Removal::Prune));
    world.step();
    for (removal, why) in of(&world, "p") {
        assert_eq!((removal, why.unwrap().shown), (Removal::Prune, None), "nobody could approve the rest");
    }
}
