//! A bug in one unit's pass stays there.

use api::delivery::UnitPhase;
use applier::Link;
use http::Method;

use crate::fault::Act;
use crate::world::{World, config_map, config_maps, detail};

/// Name of appliers among the panics that are counted.
const APPLIER: &str = "applier";

#[tokio::test(start_paused = true)]
async fn a_unit_that_panics_again_and_again_keeps_no_other_one_waiting() {
    let mut world = World::new().await;
    let good = world.set("good", 1, config_maps(2));
    world.applied(&good).await;
    world.faults.add(Method::PATCH, "configmaps/bad?", usize::MAX, Act::Panic);
    let bad = world.set("bad", 1, vec![config_map("bad", "1"), config_map("rest", "1")]);
    let report = world.until(&bad, "failed", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!((report.epoch, report.reason.as_str()), (1, "InternalError"));
    world.eventually("tried again", || async { world.metrics.panics(APPLIER) > 1 }).await;
    // The connection and the other unit's passes went on.
    assert_eq!(world.push.link(&world.member).unwrap().link, Link::Connected);
    world.set("good", 2, config_maps(3));
    world.applied(&good).await;
    assert_eq!(world.report(&bad).unwrap().phase, UnitPhase::Failed);
    // The unit itself goes on as soon as the bug is out of its way, and knows what it had begun.
    world.faults.clear();
    let report = world.applied(&bad).await;
    assert!(!detail(&report, "bad").adopted && !detail(&report, "rest").adopted);
    assert!(world.recorded().await.values().all(|entry| !entry.adopted && entry.uid.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_panics_says_what_was_last_seen_of_its_objects() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    world.faults.add(Method::PATCH, "configmaps/c000?", usize::MAX, Act::Panic);
    let mut objects = config_maps(3);
    objects[0] = config_map("c000", "2");
    world.set("a", 2, objects);
    let report = world.until(&unit, "failed", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!((report.epoch, report.reason.as_str(), report.objects.applied), (2, "InternalError", 3));
    assert_eq!(report.details.len(), 3);
    // It says nothing of what would be deleted.
    assert_eq!((report.uncounted, report.unweighed, &report.deletions), (true, false, &None));
    world.change(&unit, |entry| (entry.prune, entry.epoch) = (false, 3));
    let report = world.until(&unit, "failed again", |r| r.phase == UnitPhase::Failed && r.epoch == 3).await;
    assert_eq!((report.uncounted, report.unweighed), (true, true));
}

/// A list of what would be deleted is made of such a report, as long as that names all that the unit has.
#[tokio::test(start_paused = true)]
async fn a_unit_that_panics_may_have_more_than_was_last_seen() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(2));
    world.applied(&unit).await;
    world.faults.add(Method::PATCH, "configmaps/c002?", usize::MAX, Act::Panic);
    world.set("a", 2, config_maps(3));
    for failure in 1..3 {
        world.eventually("failed", || async { world.metrics.panics(APPLIER) > failure }).await;
        let report = world.report(&unit).unwrap();
        assert_eq!((report.phase, report.details.len()), (UnitPhase::Failed, 2));
        assert!(!plan::departure::says_what_is_there(&report), "{failure}: {report:#?}");
    }
    world.faults.clear();
    let report = world.applied(&unit).await;
    assert!(plan::departure::says_what_is_there(&report));
}
