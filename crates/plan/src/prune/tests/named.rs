//! Of a list that was approved, what was named as going.

use super::*;

fn container() -> Arc<HashedKey> {
    ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into()
}

/// A unit that has lost a Namespace and two objects in it, of which one was named as staying, and the Namespace with it.
fn approved() -> World {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b"), ("ConfigMap", "c")], &[("ConfigMap", "c")]);
    world.desired = KeySet::default();
    world.inventory.remove(&key("ConfigMap", "c"));
    world.inventory.put_entry(container(), confirmed());
    world.judge();
    world.approve();
    world.entry.approved_shown = shown(&[("ConfigMap", "a")]);
    world
}

#[test]
fn what_was_named_as_staying_waits_for_a_word_of_its_own() {
    let mut world = approved();
    let granted = world.entry.approved;
    let (plan, report) = world.plan();
    assert_eq!((&plan.doom, &plan.delete), (&vec![key("ConfigMap", "a")], &vec![key("ConfigMap", "a")]));
    assert_eq!(plan.released.map(|released| (Some(released.digest), released.count)), Some((granted, 1)));
    let rest = vec![key("ConfigMap", "b"), container()];
    let list = report.deletions.unwrap();
    assert_eq!((list.count, list.unshown, list.state, list.released), (2, true, DeletionState::Waiting, 1));
    assert_eq!(report.going.iter().collect::<BTreeSet<_>>(), rest.iter().collect());
    world.doom(&plan);
    world.inventory.remove(&key("ConfigMap", "a"));
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.doom), (vec![], vec![]));
    assert_eq!(report.deletions.map(|again| (again.digest, again.unshown)), Some((list.digest, true)));
    // It asks to stay still: nothing waits, and what was approved is done.
    let mut asks = world.inventory.clone();
    asks.update(&key("ConfigMap", "b"), |entry| entry.kept = true);
    std::mem::swap(&mut asks, &mut world.inventory);
    let (plan, report) = world.plan();
    assert_eq!(plan.release, [key("ConfigMap", "b"), container()]);
    assert_eq!(report.deletions.map(|done| (Some(done.digest), done.state)), Some((granted, DeletionState::Released)));
    std::mem::swap(&mut asks, &mut world.inventory);
    // A person agrees to the rest, with or without its objects.
    for named in [None, Some(ObjectSet::new(rest.iter().map(|key| &***key)))] {
        (world.entry.approved, world.entry.approved_shown) = (Some(list.digest), named);
        assert_eq!(world.plan().0.delete, rest);
    }
}

#[test]
fn what_is_named_is_no_word_about_another_list_or_to_a_hub_that_is_behind() {
    let mut other = approved();
    other.inventory.put_entry(key("ConfigMap", "new"), confirmed());
    assert_eq!(other.plan().0.delete, []);
    let mut behind = approved();
    behind.inventory.raise(&UnitEntry { epoch: 9, ..behind.entry.clone() });
    behind.judge();
    assert_eq!(behind.plan().0.delete, []);
    behind.approve();
    let (plan, report) = behind.plan();
    assert_eq!((plan.delete, plan.asked_all), (vec![key("ConfigMap", "a")], false));
    assert!(report.deletions.is_some_and(|rest| rest.behind && rest.count == 2));
}

#[test]
fn what_was_approved_while_the_member_was_away_is_done_when_the_rest_of_it_stays() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[]);
    world.approve();
    world.entry.shown = shown(&[("ConfigMap", "a")]);
    world.entry.approved_shown.clone_from(&world.entry.shown);
    let (plan, report) = world.plan();
    assert_eq!(plan.delete, [key("ConfigMap", "a")]);
    assert!(report.deletions.is_some_and(|rest| rest.count == 1 && rest.unshown));
    let mut asks = approved();
    asks.entry.shown = shown(&[("ConfigMap", "a")]);
    asks.inventory.update(&key("ConfigMap", "b"), |entry| entry.kept = true);
    let (plan, _) = asks.plan();
    assert_eq!((plan.doom, plan.released.map(|r| r.digest)), (vec![key("ConfigMap", "a")], asks.entry.approved));
}

#[test]
fn a_list_of_a_unit_that_leaves_is_another_one_than_that_of_one_that_stays() {
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    world.approve();
    (world.entry.removal, world.entry.shown) = (Removal::Prune, shown(&[]));
    assert_eq!(world.plan().0.delete, []);
    world.approve();
    assert_eq!(world.plan().0.delete, [key("ConfigMap", "a")]);
    world.entry.shown = shown(&[("ConfigMap", "b")]);
    assert_eq!(world.plan().0.delete, [], "another list was shown");
}

#[test]
fn a_list_of_which_nothing_goes_is_granted_once_and_the_same_objects_wait_as_another_list() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[]);
    world.approve();
    world.entry.approved_shown = shown(&[]);
    let granted = world.entry.approved;
    let (plan, report) = world.plan();
    assert_eq!(
        (plan.doom.len(), plan.released.map(|released| (Some(released.digest), released.count))),
        (0, Some((granted, 0)))
    );
    let list = report.deletions.unwrap();
    assert_ne!(Some(list.digest), granted);
    world.doom(&plan);
    let (plan, report) = world.plan();
    assert_eq!((plan.released, plan.delete), (None, vec![]), "the same word is no word again");
    let again = report.deletions.unwrap();
    assert_eq!((again.digest, again.count, again.unshown), (list.digest, 2, true));
    assert_eq!(report.waiting, [WaitingOn::Guard]);
    // A person agrees to one of them, and then to the other.
    (world.entry.approved, world.entry.approved_shown) = (Some(again.digest), shown(&[("ConfigMap", "a")]));
    let (plan, _) = world.plan();
    assert_eq!(plan.delete, [key("ConfigMap", "a")]);
    world.doom(&plan);
    world.inventory.remove(&key("ConfigMap", "a"));
    world.approve();
    world.entry.approved_shown = None;
    assert_eq!(world.plan().0.delete, [key("ConfigMap", "b")]);
}
