//! What is said of the source while it is not known.

use super::*;

/// Status, reason and message of `SourceReady`.
fn source_ready(world: &World) -> (String, String, String) {
    let status = world.application.as_ref().unwrap().status.as_ref().unwrap();
    let c = api::condition::find(&status.conditions, "SourceReady").unwrap();
    (c.status.clone(), c.reason.clone(), c.message.clone())
}

#[test]
fn a_source_that_was_fetched_stays_known_while_it_is_suspended_also_after_a_restart() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    let fetched = source_ready(&world).2;
    // A process that has just started knows no artifact.
    world.source = SourceFacts { suspended: true, ..SourceFacts::default() };
    world.step();
    assert_eq!(source_ready(&world), ("True".to_owned(), "Suspended".to_owned(), fetched));
    let mut fresh = World::new(one_policy(), &["a"]);
    fresh.source = SourceFacts { suspended: true, ..SourceFacts::default() };
    fresh.step();
    assert_eq!(source_ready(&fresh).0, "False");
}

#[test]
fn a_source_that_failed_has_failed_until_a_process_that_starts_has_asked_it() {
    for was_fetched in [true, false] {
        let mut world = World::new(one_policy(), &["a"]);
        if was_fetched {
            world.step();
        } else {
            world.source = SourceFacts::default();
        }
        world.source.error = Some(("Unreachable".into(), "connection refused".into()));
        world.step();
        let failed = ("False".to_owned(), "FetchFailed".to_owned(), "connection refused".to_owned());
        assert_eq!(source_ready(&world), failed);
        let status = world.application.as_ref().unwrap().status.clone();
        world.source = SourceFacts::default();
        world.step();
        assert_eq!(world.application.as_ref().unwrap().status, status, "was fetched: {was_fetched}");
        // It may have been mended with the new spec.
        world.application.as_mut().unwrap().metadata.generation = Some(7);
        world.step();
        assert_ne!(source_ready(&world), failed, "was fetched: {was_fetched}");
    }
}

#[test]
fn a_base_that_failed_has_failed_until_a_process_that_starts_has_asked_for_it() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.source.error = Some(("Unreachable".into(), "app/kustomization.yaml: resources[0]: no answer".into()));
    world.step();
    let failed = source_ready(&world);
    assert_eq!((failed.0.as_str(), failed.1.as_str()), ("False", "FetchFailed"));
    // The source itself answers first.
    (world.source.error, world.source.waits_for_remotes) = (None, true);
    world.step();
    assert_eq!(source_ready(&world), failed);
    world.source.waits_for_remotes = false;
    world.step();
    assert_eq!(source_ready(&world).0, "True");
}

#[test]
fn what_is_likely_to_be_a_mistake_is_said_while_it_is_known_or_not_looked_at() {
    let mut world = World::new(one_policy(), &["a"]);
    let said = |world: &World| {
        let status = world.application.as_ref().unwrap().status.as_ref().unwrap();
        let c = api::condition::find(&status.conditions, "SourceWarnings")?;
        Some((c.status.clone(), c.reason.clone(), c.message.clone()))
    };
    world.source.warnings = Some(vec!["policy p: kustomization.yaml: patches[0]: selects no object".into()]);
    world.step();
    let warned = said(&world).unwrap();
    assert_eq!((warned.0.as_str(), warned.1.as_str()), ("True", "LikelyMistake"));
    assert!(warned.2.contains("patches[0]: selects no object"), "{warned:?}");
    // A process that has just started has rendered nothing.
    world.source.warnings = None;
    world.step();
    assert_eq!(said(&world), Some(warned));
    world.source.warnings = Some(Vec::new());
    world.step();
    assert_eq!(said(&world), None, "it was corrected");
}
