//! What is said while a commit's deletions wait for other Applications of the same source.

use std::collections::BTreeSet;

use super::*;

/// What Applications of these names are to have of any list in member `a`.
fn claims(names: &[String], stuck: Option<Stuck>) -> Vec<Claim> {
    let claim = |name: &String| Claim {
        owner: owner("default", name),
        objects: None,
        members: BTreeSet::from([super::name("a")]),
        stuck,
    };
    names.iter().map(claim).collect()
}

#[test]
fn it_is_said_for_which_applications_the_deletions_of_a_commit_wait() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.report("a");
    world.claims = claims(&(0..5).map(|n| n.to_string()).collect::<Vec<_>>(), None);
    let key = (world.unit(), name("a"));
    let list = Deletions { count: 1, digest: Digest::of(b"one"), ..crate::prune::deletions(&[], 0, false) };
    world.statuses.get_mut(&key).unwrap().held = Some(list);
    world.step();
    let ready = |world: &World| {
        let status = world.application.as_ref().unwrap().status.clone().unwrap();
        let ready = api::condition::find(&status.conditions, "Ready").unwrap().clone();
        (ready.reason, ready.message)
    };
    let said =
        "what the commit deletes waits for app/0, app/1, app/2, and others, which is to have some of it; 1 of 1 ready";
    assert_eq!(ready(&world), ("Progressing".to_owned(), said.to_owned()));
    // Whatever is wrong comes first.
    world.statuses.get_mut(&key).unwrap().objects.failed = 1;
    world.statuses.get_mut(&key).unwrap().phase = UnitPhase::Failed;
    world.step();
    assert_ne!(ready(&world).0, "Progressing");
    world.statuses.get_mut(&key).unwrap().phase = UnitPhase::Applied;
    world.statuses.get_mut(&key).unwrap().objects.failed = 0;
    world.claims.clear();
    world.step();
    assert_eq!(ready(&world).0, "ReconciliationSucceeded");
}
