//! What a person waits for, and what waits for `Ready`.

use super::*;

#[test]
fn a_person_waits_for_conditions_artifacts_and_syncs_and_not_for_counts() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    let status = world.application.as_ref().unwrap().status.clone().unwrap();
    let fold = Fold::of(&status);
    assert!(fold.is_news(None) && !fold.is_news(Some(&fold)));
    let changed = |change: fn(&mut Fold)| {
        let mut fold = fold.clone();
        change(&mut fold);
        fold.is_news(Some(&Fold::of(&status)))
    };
    assert!(!changed(|f| f.summary = None) && !changed(|f| f.sync_status.clear()));
    assert!(!changed(|f| f.conditions[0].message = "2 of 9".into()));
    assert!(
        changed(|f| f.conditions[0].reason = "Other".into()) && changed(|f| f.conditions[0].status = "True".into())
    );
    // With a source that failed: why is news, how many members are ready is not.
    let failed = |why: &str, count: &str| {
        let mut fold = fold.clone();
        fold.conditions[0].reason = "FetchFailed".into();
        fold.conditions[0].message =
            format!("the source cannot be fetched: {why}; what was fetched last runs on: {count} ready");
        fold
    };
    let before = failed("404", "1 of 2");
    assert!(!failed("404", "2 of 2").is_news(Some(&before)));
    assert!(failed("no such host", "1 of 2").is_news(Some(&before)));
    let part = SourcePart::of(&status);
    assert!(part.is_news(None) && !part.is_news(Some(&part)));
    let changed = |change: fn(&mut SourcePart)| {
        let mut part = part.clone();
        change(&mut part);
        part.is_news(Some(&SourcePart::of(&status)))
    };
    assert!(!changed(|p| p.conditions[0].message = "no answer for 2 s".into()));
    assert!(changed(|p| p.conditions[0].reason = "Other".into()));
    assert!(changed(|p| p.last_handled_sync = Some("now".into())) && changed(|p| p.source_status = None));
}

#[test]
fn the_sources_news_waits_while_the_stored_ready_is_of_older_decisions() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    let waits = |world: &World| {
        let facts = FoldFacts {
            application: world.application.as_ref().unwrap(),
            decisions: &world.decisions,
            revisions: BTreeMap::new(),
            statuses: &world.statuses,
            members: &world.members,
        };
        waits_for_ready(&facts, world.now)
    };
    assert!(!waits(&world), "it is not ready, and says so");
    world.report("a");
    world.step();
    assert!(!waits(&world), "it is ready, and says so");
    let ready = world.application.clone();
    world.source.artifact = Some(artifact("c2"));
    world.step();
    world.application = ready;
    assert!(waits(&world), "it was ready at the commit before");
}
