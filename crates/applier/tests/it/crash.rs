//! A process that dies between any two writes leaves nothing that the next one cannot finish.

use api::delivery::{Removal, UnitPhase};

use serde_json::json;

use crate::world::{Blow, World, config_map, config_map_path, deployment, deployment_path};

/// Plays a story with a process that dies at each of its mutating requests in turn, before or after it is carried out.
/// Returns how many deaths it takes.
pub(crate) async fn at_each_write(story: impl AsyncFn(&mut World, &str)) -> u64 {
    let mut deaths = 0;
    for how in [Blow::Before, Blow::After] {
        for last in 0.. {
            assert!(last < 100, "the story does not end");
            let mut world = World::new().await;
            let when = format!("death {how:?} write {last}");
            world.fuse.set(last, how);
            story(&mut world, &when).await;
            if !world.fuse.blew() {
                break;
            }
            deaths += 1;
        }
    }
    deaths
}

/// Waits for a state, or for the process's death; then the next process takes over.
pub(crate) async fn until_or_dead(world: &mut World, when: &str, wanted: impl AsyncFn(&World) -> bool) {
    let reached = async |world: &World| world.fuse.is_dead() || wanted(world).await;
    world.eventually(when, || reached(world)).await;
    if world.fuse.is_dead() {
        world.check_recorded(when).await;
        world.revive();
        world.eventually(when, || wanted(world)).await;
    }
    world.check_recorded(when).await;
}

#[tokio::test(start_paused = true)]
async fn delivering_and_removing_survive_death_at_each_write() {
    let deaths = at_each_write(async |world, when| {
        world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "old")).await;
        let unit = world.set("a", 1, vec![config_map("theirs", "new"), config_map("ours", "1")]);
        until_or_dead(world, when, async |w: &World| {
            w.report(&unit).is_some_and(|r| r.phase == UnitPhase::Applied && r.objects.applied == 2)
        })
        .await;
        // Recorded before it was touched: it stays theirs whatever happened in between.
        let recorded = world.recorded().await;
        let adopted: Vec<(&str, bool)> = recorded.iter().map(|(k, e)| (k.name.as_str(), e.adopted)).collect();
        assert_eq!(adopted, [("ours", false), ("theirs", true)], "{when}");
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        until_or_dead(world, when, async |w: &World| {
            w.config_map("ours").await.is_none() && w.inventories().await.is_empty()
        })
        .await;
        let theirs = world.config_map("theirs").await.unwrap();
        assert_eq!((theirs["data"]["a"].as_str(), model::object::labels(&theirs).len()), (Some("new"), 0), "{when}");
    })
    .await;
    assert!(deaths >= 14, "{deaths}");
}

#[tokio::test(start_paused = true)]
async fn a_handover_survives_death_at_each_write() {
    at_each_write(async |world, when| {
        let a = world.set("a", 1, vec![config_map("moves", "1"), config_map("stays", "1")]);
        until_or_dead(world, when, async |w: &World| w.report(&a).is_some_and(|r| r.objects.applied == 2)).await;
        let uid = world.config_map("moves").await.unwrap()["metadata"]["uid"].clone();
        world.stage("a", 2, vec![config_map("stays", "1")], |_| {});
        let b = world.stage("b", 1, vec![config_map("moves", "1")], |_| {});
        world.publish();
        until_or_dead(world, when, async |w: &World| {
            let done =
                |unit, n| w.report(unit).is_some_and(|r| r.phase == UnitPhase::Applied && r.objects.inventory == n);
            done(&a, 1) && done(&b, 1)
        })
        .await;
        assert_eq!(world.config_map("moves").await.unwrap()["metadata"]["uid"], uid, "{when}");
        assert!(world.recorded().await.values().all(|entry| !entry.adopted), "{when}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_approved_deletion_survives_death_at_each_write() {
    at_each_write(async |world, when| {
        let unit = world.set("a", 1, vec![config_map("x", "1"), config_map("y", "1")]);
        until_or_dead(world, when, async |w: &World| w.report(&unit).is_some_and(|r| r.objects.applied == 2)).await;
        world.set("a", 2, vec![]);
        until_or_dead(world, when, async |w: &World| {
            w.report(&unit).is_some_and(|r| r.phase == UnitPhase::DeletionsHeld)
        })
        .await;
        assert!(world.get(&config_map_path("x")).await.is_some(), "{when}");
        let held = world.guard(&unit, None).held.unwrap();
        world.guard(&unit, Some(held.digest));
        until_or_dead(world, when, async |w: &World| {
            w.config_map("x").await.is_none()
                && w.config_map("y").await.is_none()
                && w.report(&unit).is_some_and(|r| r.objects.inventory == 0 && r.phase == UnitPhase::Applied)
        })
        .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_made_good_stays_ours_whenever_the_process_dies() {
    at_each_write(async |world, when| {
        let unit = world.set("a", 1, vec![config_map("x", "1"), config_map("y", "1")]);
        until_or_dead(world, when, async |w: &World| w.report(&unit).is_some_and(|r| r.objects.applied == 2)).await;
        let old = world.config_map("x").await.unwrap()["metadata"]["uid"].clone();
        world.delete(&config_map_path("x")).await;
        until_or_dead(world, when, async |w: &World| {
            let made = w.config_map("x").await.is_some_and(|x| x["metadata"]["uid"] != old);
            made && w.report(&unit).is_some_and(|r| r.phase == UnitPhase::Applied && r.objects.applied == 2)
        })
        .await;
        let entries = world.recorded().await;
        assert!(entries.values().all(|entry| !entry.adopted && entry.uid.is_some()), "{when}: {entries:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_made_again_by_force_stays_ours_whenever_the_process_dies() {
    let deaths = at_each_write(async |world, when| {
        let objects = |web: serde_json::Value| vec![web, config_map("c", "1")];
        let forced = |entry: &mut api::feed::UnitEntry| entry.force = true;
        let unit = world.set_with("a", 1, objects(deployment("web", 1, "nginx")), forced);
        until_or_dead(world, when, async |w: &World| w.report(&unit).is_some_and(|r| r.objects.applied == 2)).await;
        let old = world.get(&deployment_path("web")).await.unwrap()["metadata"]["uid"].clone();
        let mut other = deployment("web", 1, "nginx");
        other["spec"]["selector"]["matchLabels"] = json!({"app": "web", "tier": "x"});
        other["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "x"});
        world.set_with("a", 2, objects(other), forced);
        until_or_dead(world, when, async |w: &World| {
            let made = w.get(&deployment_path("web")).await.is_some_and(|web| web["metadata"]["uid"] != old);
            made && w.report(&unit).is_some_and(|r| {
                r.epoch == 2 && r.phase == UnitPhase::Applied && r.objects.applied == 2 && r.objects.inventory == 2
            })
        })
        .await;
        let entries = world.recorded().await;
        assert!(entries.values().all(|entry| !entry.adopted && entry.uid.is_some()), "{when}: {entries:?}");
    })
    .await;
    assert!(deaths >= 14, "{deaths}");
}
