//! A directory that is not in the source, and a unit of which nothing would be left.

use super::super::decide::ALL_GIVEN_BACK;
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
    world.units[0].prune = false;
    for (inputs, is_new) in [(None, false), (Some(tree("c1", "./a")), false), (Some(tree("c2", "./a")), true)] {
        world.units[0].inputs = inputs;
        assert_eq!(missing_is_empty(&world), (is_new, false), "nothing would wait for an approval");
    }
}

/// A mistyped path must not end that everything is looked after; nothing would be deleted, so that no list waits.
#[test]
fn a_unit_of_which_all_would_be_given_back_stays_as_it_is_when_it_is_emptied() {
    // Objects in the member, those of them that would be given back, whether it prunes; whether it stays as it is.
    for (inventory, spared, prune, stays) in
        [(3, 3, true, true), (4, 3, true, false), (0, 0, true, false), (3, 3, false, false)]
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
        (world.units[0].inputs, world.is_emptied) = (Some(tree("c2", "./a")), true);
        world.step();
        let context = (inventory, spared, prune);
        assert_eq!(
            (world.entry("a").epoch, world.entry("b").epoch),
            if stays { (1, 1) } else { (2, 2) },
            "{context:?}"
        );
        let explanation = world.first_slice().explanation.clone().unwrap();
        let said = explanation.waiting_on.first().map(|why| (why.what, why.detail.as_str()));
        assert_eq!(said, stays.then_some((Missing::Render, ALL_GIVEN_BACK)), "{context:?}");
        assert_eq!(world.revisions.len(), if stays { 1 } else { 2 }, "{context:?}");
        // What an approval has begun goes on: the rest is given back.
        if (inventory, spared) == (4, 3) {
            says(&mut world, 3, 3);
            world.step();
            assert_eq!((world.entry("a").epoch, &world.first_slice().frozen), (2, &None));
        }
        // The path is corrected.
        (world.units[0].inputs, world.is_emptied) = (Some(tree("c3", "./a")), false);
        world.step();
        assert_eq!(world.entry("a").epoch, if stays { 2 } else { 3 });
        assert_eq!(world.first_slice().frozen, None);
    }
}
