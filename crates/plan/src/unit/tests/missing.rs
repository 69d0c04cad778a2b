//! A directory that is not in the source, and a unit of which nothing would be left.

use super::super::decide::NOTHING_LEFT;
use super::*;

#[test]
fn a_directory_that_an_earlier_revision_had_was_emptied_and_another_is_a_mistake() {
    let mut world = World::new(&["a"]);
    let missing_is_empty = |world: &World| {
        let observed = Observed {
            owner: &world.owner,
            facts: world.facts.clone(),
            units: &world.units,
            hub: &world.hub,
            revisions: world.revisions.clone(),
            decisions: BTreeMap::new(),
            statuses: BTreeMap::new(),
            members: BTreeMap::new(),
            rendered: BTreeMap::new(),
            lost: BTreeMap::new(),
            claims: Vec::new(),
            renderer: "1",
        };
        let want = &wanted(&observed, now())[0];
        (want.is_new, want.missing_is_empty)
    };
    assert_eq!(missing_is_empty(&world), (true, false), "it never was there");
    world.step();
    assert_eq!(missing_is_empty(&world), (false, true), "it was rendered so");
    world.units[0].inputs = Some(tree("c2", "./a"));
    assert_eq!(missing_is_empty(&world), (true, true), "git keeps no empty directories");
    world.units[0].inputs = Some(tree("c2", "./typo"));
    assert_eq!(missing_is_empty(&world), (true, false));
    world.units[0].inputs = None;
    assert_eq!(missing_is_empty(&world), (false, true), "the source is not known: what was rendered stays");
}

/// A mistyped path must not end that everything is looked after; nothing would be deleted, so that no list waits.
#[test]
fn a_unit_of_which_all_would_be_given_back_stays_as_it_is_when_it_is_emptied() {
    // Objects in the member, those of them that would be given back, whether it prunes; whether it stays as it is.
    for (inventory, spared, prune, stays) in
        [(3, 3, true, true), (4, 3, true, false), (0, 0, true, false), (3, 0, false, true)]
    {
        let mut world = World::new(&["a", "b"]);
        world.units[0].prune = prune;
        world.step();
        for member in ["a", "b"] {
            world.report(member, UnitPhase::Applied, None);
        }
        let says = |world: &mut World, inventory: u32, spared: u32| {
            let of_a = (world.owner.unit(None), name("a"));
            world.statuses.get_mut(&of_a).unwrap().objects = UnitCounts { inventory, spared, ..UnitCounts::default() };
        };
        says(&mut world, inventory, spared);
        (world.units[0].inputs, world.emptied) = (Some(tree("c2", "./a")), Some(world.units[0].id.clone()));
        world.step();
        let context = (inventory, spared, prune);
        assert_eq!(
            (world.entry("a").epoch, world.entry("b").epoch),
            if stays { (1, 1) } else { (2, 2) },
            "{context:?}"
        );
        let explanation = world.first_slice().explanation.clone().unwrap();
        let said = explanation.waiting_on.first().map(|why| (why.what, why.detail.as_str()));
        assert_eq!(said, stays.then_some((Missing::Render, NOTHING_LEFT)), "{context:?}");
        assert_eq!(world.revisions.len(), if stays { 1 } else { 2 }, "{context:?}");
        // What an approval has begun goes on: the rest is given back.
        if (inventory, spared) == (4, 3) {
            says(&mut world, 3, 3);
            world.step();
            assert_eq!((world.entry("a").epoch, &world.first_slice().frozen), (2, &None));
        }
        // The path is corrected.
        (world.units[0].inputs, world.emptied) = (Some(tree("c3", "./a")), None);
        world.step();
        assert_eq!(world.entry("a").epoch, if stays { 2 } else { 3 });
        assert_eq!(world.first_slice().frozen, None);
    }
}

#[test]
fn what_moves_to_another_unit_does_not_keep_an_emptied_one_as_it_was() {
    // Objects of the other unit before and after the commit; whether the emptied one stays as it is.
    for (before, stays) in [(None, false), (Some(0), false), (Some(1), true)] {
        let mut world = World::new(&["a"]);
        world.step();
        world.report("a", UnitPhase::Applied, None);
        let of_a = (world.owner.unit(None), name("a"));
        world.statuses.get_mut(&of_a).unwrap().objects =
            UnitCounts { inventory: 3, spared: 3, ..UnitCounts::default() };
        let other = UnitSpec { id: world.owner.unit(Some("other")), ..world.units[0].clone() };
        if let Some(desired) = before {
            let objects = UnitCounts { desired, ..UnitCounts::default() };
            world.statuses.insert((other.id.clone(), name("a")), UnitStatus { objects, ..status(UnitPhase::Applied) });
        }
        world.emptied = Some(world.units[0].id.clone());
        world.units.push(other);
        world.units.iter_mut().for_each(|unit| unit.inputs = Some(tree("c2", "./a")));
        world.step();
        let emptied = world.decisions.values().find(|decision| decision.unit == world.units[0].id).unwrap();
        assert_eq!(emptied.members[&name("a")].epoch, if stays { 1 } else { 2 }, "{before:?}");
    }
}

/// A member that the unit leaves, or that keeps it until an edit is approved, says nothing of the others.
#[test]
fn a_member_that_an_emptied_unit_leaves_does_not_keep_it_in_the_others() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    for member in ["a", "b"] {
        world.report(member, UnitPhase::Applied, None);
    }
    let of_a = (world.owner.unit(None), name("a"));
    world.statuses.get_mut(&of_a).unwrap().objects = UnitCounts { inventory: 3, spared: 3, ..UnitCounts::default() };
    world.place(&["b"]);
    world.step();
    assert_ne!(world.entry("a").removal, Removal::None);
    (world.units[0].inputs, world.emptied) = (Some(tree("c2", "./a")), Some(world.units[0].id.clone()));
    world.step();
    assert_eq!(world.entry("b").epoch, 2);
}
