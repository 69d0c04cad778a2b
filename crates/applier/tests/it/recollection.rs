//! What is known of an inventory that is gone stays known until all of it is written again.

use std::sync::atomic::Ordering;

use api::delivery::{Removal, UnitId, UnitPhase};
use api::feed::UnitEntry;
use http::Method;
use plan::guard::Cause;
use serde_json::json;

use crate::fault::Act;
use crate::inhabited::{DEFINITION, GADGETS, definition, gadget};
use crate::proof::lose;
use crate::world::{World, config_map, config_maps};

/// A unit with three objects of its own and one that was there before us, whose inventory is gone while no process runs.
async fn world_without_inventory() -> (World, UnitId) {
    let mut world = World::new().await;
    world.recollects = true;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "1")).await;
    let unit = set(&mut world);
    world.applied(&unit).await;
    world.stop();
    lose(&world).await;
    (world, unit)
}

fn set(world: &mut World) -> UnitId {
    set_with(world, |_| {})
}

fn set_with(world: &mut World, change: impl FnOnce(&mut UnitEntry)) -> UnitId {
    world.set_with("a", 1, config_maps(3).into_iter().chain([config_map("theirs", "ours")]).collect(), change)
}

/// Waits for the phase, in which the report tells of all objects.
async fn told(world: &World, unit: &UnitId, phase: UnitPhase, when: &str) {
    let report = world.until(unit, when, |r| r.phase == phase).await;
    assert_eq!((report.objects.inventory, report.objects.adopted), (4, 1), "{when}");
    // Nobody agrees to a list that lacks what could not be read yet.
    assert_eq!(plan::departure::says_what_is_there(&report), phase == UnitPhase::Applied, "{when}");
}

async fn recollected(world: &World, unit: &UnitId, when: &str) {
    world.applied(unit).await;
    told(world, unit, UnitPhase::Applied, when).await;
    let recorded = world.recorded().await;
    let adopted = recorded.iter().filter(|(_, entry)| entry.adopted).map(|(key, _)| key.name.as_str());
    assert_eq!((recorded.len(), adopted.collect::<Vec<_>>()), (4, vec!["theirs"]), "{when}");
}

/// The member goes away and comes back.
async fn break_connection(world: &World, unit: &UnitId) {
    world.down.store(true, Ordering::SeqCst);
    world.until(unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
    world.down.store(false, Ordering::SeqCst);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_lost_inventory_outlives_connections_while_objects_cannot_be_read() {
    // All objects, the one that was there before us, and one that we made.
    for part in ["configmaps/", "configmaps/theirs", "configmaps/c001"] {
        let (mut world, unit) = world_without_inventory().await;
        world.faults.add(Method::GET, part, usize::MAX, Act::Refuse(500));
        world.restart();
        told(&world, &unit, UnitPhase::Failed, part).await;
        assert_eq!(world.inventories().await.is_empty(), part == "configmaps/", "what was read is written");
        break_connection(&world, &unit).await;
        told(&world, &unit, UnitPhase::Failed, part).await;
        world.faults.clear();
        recollected(&world, &unit, part).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_knows_of_a_lost_inventory_outlives_a_process_that_cannot_read_the_objects() {
    let (mut world, unit) = world_without_inventory().await;
    world.faults.add(Method::GET, "configmaps/", usize::MAX, Act::Refuse(500));
    world.restart();
    told(&world, &unit, UnitPhase::Failed, "not read").await;
    world.restart();
    told(&world, &unit, UnitPhase::Failed, "still not read").await;
    world.faults.clear();
    recollected(&world, &unit, "read").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_knows_of_a_lost_inventory_outlives_a_suspension_without_payload() {
    let (mut world, unit) = world_without_inventory().await;
    world.lose(&unit);
    world.change(&unit, |entry| entry.suspend = true);
    for when in ["started", "started again"] {
        world.restart();
        told(&world, &unit, UnitPhase::Suspended, when).await;
    }
    set(&mut world);
    recollected(&world, &unit, "with its payload").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_lost_inventory_outlives_a_panic() {
    for is_restarted in [false, true] {
        let when = format!("restarted: {is_restarted}");
        let (mut world, unit) = world_without_inventory().await;
        world.faults.add(Method::GET, "configmaps/c001", usize::MAX, Act::Panic);
        world.restart();
        told(&world, &unit, UnitPhase::Failed, &when).await;
        world.faults.clear();
        if is_restarted {
            world.restart();
        }
        recollected(&world, &unit, &when).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_leaves_without_its_inventory_waits_for_the_payload_that_it_had() {
    let (mut world, unit) = world_without_inventory().await;
    world.lose(&unit);
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    // The hub starts while the member is away.
    world.down.store(true, Ordering::SeqCst);
    world.restart();
    world.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
    world.down.store(false, Ordering::SeqCst);
    told(&world, &unit, UnitPhase::Pending, "without its payload").await;
    assert_eq!(world.report(&unit).unwrap().reason, "NoPayload");
    assert!(world.config_map("c000").await.is_some());
    // The hub has rendered it.
    set_with(&mut world, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.removed(&unit).is_some() }).await;
    assert!(world.config_map("c000").await.is_none());
    assert!(world.config_map("theirs").await.is_some(), "it was there before");
    assert_eq!(world.restored(), [(4, 3, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_nobody_approved_deletes_nothing_of_an_inventory_that_is_written_again_until_told() {
    let (mut world, unit) = world_without_inventory().await;
    // The edit was made before a backup and taken back after it: the hub that is restored knows of neither.
    world.change(&unit, |entry| (entry.removal, entry.unapproved) = (Removal::Prune, true));
    for when in ["started", "started again"] {
        world.restart();
        let report = world.until(&unit, when, |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
        assert_eq!((report.phase, report.objects.inventory), (UnitPhase::Removing, 3), "{when}");
        world.quiet().await;
        assert!(world.config_map("c000").await.is_some(), "{when}");
    }
    // Taken back, it is as it was. What was there before us was given back.
    world.change(&unit, |entry| (entry.removal, entry.unapproved) = (Removal::None, false));
    let report = world.applied(&unit).await;
    assert_eq!((report.objects.inventory, report.objects.adopted), (4, 1));
    world.stop();
    lose(&world).await;
    world.change(&unit, |entry| (entry.removal, entry.unapproved) = (Removal::Prune, true));
    world.restart();
    world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!((held.causes.clone(), held.count), (vec![Cause::Behind], 3));
    world.guard(&unit, Some(held.digest));
    world.eventually("gone", || async { world.report(&unit).is_none() && world.inventories().await.is_empty() }).await;
    assert!(world.config_map("c000").await.is_none() && world.config_map("theirs").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_unit_leaves_whose_lost_inventory_had_objects_of_a_kind_that_is_no_longer_served() {
    for is_made_again in [false, true] {
        let when = format!("made again: {is_made_again}");
        let mut world = World::new().await;
        world.recollects = true;
        let unit = world.set("a", 1, vec![definition(), gadget("g"), config_map("c", "1")]);
        world.applied(&unit).await;
        world.stop();
        lose(&world).await;
        world.delete(&format!("{GADGETS}/g")).await;
        world.delete(DEFINITION).await;
        world.eventually("deleted", || async { world.get(DEFINITION).await.is_none() }).await;
        if is_made_again {
            // Its objects are in no namespace now.
            let mut again = definition();
            again["spec"]["scope"] = json!("Cluster");
            world.post(DEFINITION.rsplit_once('/').unwrap().0, again).await;
            let served = "/apis/example.com/v1/gadgets";
            world.eventually("served", || async { world.get(served).await.is_some() }).await;
        }
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        world.restart();
        world.eventually(&when, || async { world.removed(&unit).is_some() }).await;
        assert!(world.config_map("c").await.is_none(), "{when}: the rest goes with it");
        assert!(world.inventories().await.is_empty(), "{when}");
        assert_eq!(world.get(DEFINITION).await.is_some(), is_made_again, "{when}");
    }
}

/// The inventory proves that this hub wrote it, and not that nothing was written since.
#[tokio::test(start_paused = true)]
async fn an_older_inventory_that_is_put_back_makes_nothing_its_own_that_was_there_before() {
    let mut world = World::new().await;
    world.recollects = true;
    let placed = |second: &str| Some(format!("2026-01-01T00:00:{second}Z").parse().unwrap());
    let unit = world.set_with("a", 1, config_maps(3), |entry| entry.placed = placed("01"));
    assert_eq!(world.applied(&unit).await.objects.adopted, 0);
    let path = format!("/api/v1/namespaces/kurator-system/secrets/{}", world.inventories().await.remove(0));
    let older = world.get(&path).await.unwrap();
    // The objects stay when the unit leaves, and are there when it comes back.
    world.change(&unit, |entry| entry.removal = Removal::Release);
    world.eventually("left", || async { world.removed(&unit).is_some() }).await;
    world.forget(&unit);
    let unit = world.set_with("a", 1, config_maps(3), |entry| entry.placed = placed("09"));
    world.until(&unit, "adopted", |r| r.phase == UnitPhase::Applied && r.objects.adopted == 3).await;
    world.stop();
    world.edit(&path, "somebody", json!({"data": older["data"]})).await;
    world.restart();
    let unit = world.set_with("a", 2, config_maps(2), |entry| entry.placed = placed("09"));
    let report = world.until(&unit, "applied", |r| r.epoch == 2 && r.phase == UnitPhase::Applied).await;
    assert_eq!((report.objects.inventory, report.objects.adopted), (2, 2));
    assert!(world.config_map("c002").await.is_some(), "it is given back");
}
