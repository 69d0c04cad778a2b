//! What is said while a commit's deletions wait for other Applications of the same source.

use super::*;

#[test]
fn it_is_said_for_which_applications_the_deletions_of_a_commit_wait() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.report("a");
    world.siblings = (0..5).map(|n| format!("app/{n}")).collect();
    let key = (world.unit(), name("a"));
    let list = Deletions { count: 1, digest: Digest::of(b"one"), ..crate::prune::deletions(&[], 0, false) };
    world.statuses.get_mut(&key).unwrap().held = Some(list);
    world.step();
    let ready = |world: &World| {
        let status = world.application.as_ref().unwrap().status.clone().unwrap();
        let ready = api::condition::find(&status.conditions, "Ready").unwrap().clone();
        (ready.reason, ready.message)
    };
    let said = "what the commit deletes waits until it is known whether it moves to app/0, app/1, app/2, and others; 1 of 1 ready";
    assert_eq!(ready(&world), ("Progressing".to_owned(), said.to_owned()));
    // Whatever is wrong comes first.
    world.statuses.get_mut(&key).unwrap().objects.failed = 1;
    world.statuses.get_mut(&key).unwrap().phase = UnitPhase::Failed;
    world.step();
    assert_ne!(ready(&world).0, "Progressing");
    world.statuses.get_mut(&key).unwrap().phase = UnitPhase::Applied;
    world.statuses.get_mut(&key).unwrap().objects.failed = 0;
    world.siblings.clear();
    world.step();
    assert_eq!(ready(&world).0, "ReconciliationSucceeded");
}

#[test]
fn a_list_says_that_some_of_it_may_move_to_one_that_only_a_person_can_mend() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.report("a");
    let key = (world.unit(), name("a"));
    let list = Deletions { count: 1, guarded: 1, digest: Digest::of(b"one"), ..crate::prune::deletions(&[], 0, false) };
    world.statuses.get_mut(&key).unwrap().held = Some(list);
    world.siblings = vec!["app/other".to_owned()];
    let held = |world: &World| world.application.as_ref().unwrap().status.clone().unwrap().held;
    world.step();
    assert!(held(&world).is_empty(), "it is known in a moment what moves");
    world.approved_waits = false;
    world.step();
    let causes: Vec<String> = held(&world)[0].causes.iter().map(|cause| cause.message.clone()).collect();
    assert_eq!(causes[1], "some of it may move to app/other, which has not taken up the commit: look there first");
}
