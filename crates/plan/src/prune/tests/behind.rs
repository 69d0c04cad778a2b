//! A restored hub, and what it has asked about.

use super::*;

#[test]
fn a_restored_hub_is_told_of_what_was_in_the_list_alone() {
    let x = key("ConfigMap", "x");
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "x")], &[]);
    world.inventory.raise(&UnitEntry { epoch: 9, ..world.entry.clone() });
    world.entry.removal = Removal::Prune;
    world.judge();
    // Another unit is to take it over, so that it is in no list yet.
    world.claims.set_desires(&unit("b"), [&x]);
    world.patient = true;
    world.approve();
    let (plan, _) = world.plan();
    assert_eq!(plan.doom, [key("ConfigMap", "a")]);
    world.doom(&plan);
    assert_eq!(world.plan().0.delete, [key("ConfigMap", "a")], "as after a restart");
    world.inventory.remove(&key("ConfigMap", "a"));
    world.claims.set_desires(&unit("b"), []);
    world.judge();
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, report.going), (vec![], vec![Arc::clone(&x)]), "nobody has seen it in a list");
    assert!(report.deletions.unwrap().behind);
    world.approve();
    let (plan, _) = world.plan();
    world.doom(&plan);
    assert_eq!((plan.delete, world.inventory.is_behind(&world.entry)), (vec![x], false));
}

/// A unit of a hub that is not behind may have what waits for others too: a grant of the guard is no word of a person.
#[test]
fn what_waits_for_others_makes_no_hub_behind() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "x")], &[]);
    world.claims.set_desires(&unit("b"), [&key("ConfigMap", "x")]);
    world.approve();
    let (plan, _) = world.plan();
    assert!(!plan.asked_all);
    world.doom(&plan);
    assert_eq!((world.inventory.is_behind(&world.entry), world.inventory.epoch()), (false, 5));
    // What was there before us is never deleted: nothing is left to ask about.
    world.inventory.update(&key("ConfigMap", "x"), |entry| entry.adopted = true);
    assert!(world.plan().0.doom.is_empty(), "it goes on");
    let mut again = World::new(&[("ConfigMap", "a")], &[]);
    again.inventory.put_entry(key("ConfigMap", "x"), Entry { adopted: true, ..confirmed() });
    again.claims.set_desires(&unit("b"), [&key("ConfigMap", "x")]);
    again.approve();
    assert!(again.plan().0.asked_all);
}
