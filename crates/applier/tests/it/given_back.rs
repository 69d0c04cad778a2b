//! What a unit was to leave there when it left a member that was away, and that is given the unit again before it heard of that.

use api::delivery::{Removal, UnitId, UnitPhase, label};
use model::Timestamp;
use plan::guard::Cause;
use serde_json::{Value, json};

use crate::crash::{at_each_write, until_or_dead};
use crate::proof::lose;
use crate::world::{World, config_map, config_map_path, config_maps};

fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp::from_second(second).unwrap())
}

/// A unit of these objects, given to the member at this time.
fn place(world: &mut World, epoch: u64, objects: Vec<Value>, placed: i64) -> UnitId {
    world.set_with("a", epoch, objects, |entry| entry.placed = at(placed))
}

/// The same again, after the placement of second 100 was let go of.
fn place_again(world: &mut World, epoch: u64, objects: Vec<Value>, placed: i64) -> UnitId {
    world.set_with("a", epoch, objects, |entry| (entry.placed, entry.given_back) = (at(placed), at(100)))
}

/// The first of the objects of before, and one more.
fn other() -> Vec<Value> {
    vec![config_map("c000", "2"), config_map("new", "1")]
}

/// Are these there, without our label?
async fn are_given_back(world: &World, names: &[&str]) -> bool {
    for name in names {
        let Some(live) = world.config_map(name).await else { return false };
        if model::object::label(&live, label::HUB).is_some() {
            return false;
        }
    }
    true
}

async fn adopted(world: &World) -> Vec<(String, bool)> {
    world.recorded().await.iter().map(|(key, entry)| (key.name.clone(), entry.adopted)).collect()
}

fn found(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    names.iter().map(|(name, adopted)| ((*name).to_owned(), *adopted)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_to_stay_is_given_back_and_what_the_unit_wants_again_is_adopted() {
    // The inventory may be of an earlier placement than the one that was let go of.
    for was_placed in [100, 50] {
        let mut world = World::new().await;
        let unit = place(&mut world, 1, config_maps(4), was_placed);
        world.applied(&unit).await;
        world.stop();
        place_again(&mut world, 2, other(), 200);
        world.restart();
        world.until(&unit, "given back", |r| r.phase == UnitPhase::Applied && r.objects.inventory == 2).await;
        assert!(are_given_back(&world, &["c001", "c002", "c003"]).await, "{was_placed}");
        assert_eq!(adopted(&world).await, found(&[("c000", true), ("new", false)]), "{was_placed}");
        let before = world.quiet().await;
        world.restart();
        world.applied(&unit).await;
        assert_eq!(world.quiet().await, before, "a settled member gets no write");
        // What the unit made itself goes with a commit, and what was to stay does not.
        place_again(&mut world, 3, vec![config_map("more", "1")], 200);
        world.until(&unit, "reported", |r| r.deletions.is_some()).await;
        world.guard(&unit, None);
        world.until(&unit, "pruned", |r| r.phase == UnitPhase::Applied && r.objects.inventory == 1).await;
        assert!(world.config_map("new").await.is_none());
        assert!(are_given_back(&world, &["c000"]).await, "{was_placed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_to_stay_stays_when_the_unit_leaves_once_more() {
    let mut world = World::new().await;
    let unit = place(&mut world, 1, config_maps(4), 100);
    world.applied(&unit).await;
    world.stop();
    place_again(&mut world, 2, other(), 200);
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.restart();
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    assert!(are_given_back(&world, &["c000", "c001", "c002", "c003"]).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_placed_after_what_was_to_stay_waits_for_a_word() {
    let mut world = World::new().await;
    let unit = place(&mut world, 1, config_maps(4), 150);
    world.applied(&unit).await;
    world.stop();
    // The hub that gave it the unit in between is restored from before that.
    place_again(&mut world, 2, other(), 200);
    world.restart();
    world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    assert_eq!(world.guard(&unit, None).held.unwrap().causes, [Cause::Behind]);
    world.quiet().await;
    assert!(world.config_map("c003").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_was_to_stay_stays_also_where_the_inventory_is_lost() {
    let mut world = World::new().await;
    world.recollects = true;
    let unit = place(&mut world, 1, config_maps(4), 100);
    world.applied(&unit).await;
    world.stop();
    lose(&world).await;
    place_again(&mut world, 1, config_maps(4), 200);
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.restart();
    world.eventually("gone", || async { world.report(&unit).is_none() && world.inventories().await.is_empty() }).await;
    assert!(are_given_back(&world, &["c000", "c001", "c002", "c003"]).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_to_stay_survives_death_at_each_write() {
    let deaths = at_each_write(async |world, when| {
        world.stop();
        // Room for three objects: the inventory has two Secrets.
        world.limits.shard_bytes = 750;
        world.start();
        let unit = place(world, 1, config_maps(5), 100);
        until_or_dead(world, when, async |w: &World| {
            w.report(&unit).is_some_and(|r| r.phase == UnitPhase::Applied && r.objects.applied == 5)
        })
        .await;
        world.stop();
        place_again(world, 2, other(), 200);
        world.start();
        until_or_dead(world, when, async |w: &World| {
            w.report(&unit).is_some_and(|r| r.phase == UnitPhase::Applied && r.objects.inventory == 2)
        })
        .await;
        assert!(are_given_back(world, &["c001", "c002", "c003", "c004"]).await, "{when}");
        assert_eq!(adopted(world).await, found(&[("c000", true), ("new", false)]), "{when}");
    })
    .await;
    assert!(deaths >= 14, "{deaths}");
}

/// The object with the annotation by which it stays.
fn staying(name: &str) -> Value {
    let mut object = config_map(name, "1");
    object["metadata"]["annotations"] = json!({"kurator.dev/on-delete": "orphan"});
    object
}

/// What asks to stay was listed as staying when the unit left. The member was away, and the unit comes back.
#[tokio::test(start_paused = true)]
async fn what_asks_to_stay_counts_as_adopted_when_the_unit_left_and_comes_back() {
    for inventory in ["there", "lost"] {
        let mut world = World::new().await;
        world.recollects = true;
        let objects = || vec![config_map("c000", "1"), config_map("c001", "1"), staying("kept")];
        let unit = place(&mut world, 1, objects(), 100);
        world.applied(&unit).await;
        // A person in the member says so too.
        let patch = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
        world.edit(&config_map_path("c001"), "person", patch).await;
        world.stop();
        if inventory == "lost" {
            lose(&world).await;
        }
        place(&mut world, 1, objects(), 200);
        world.change(&unit, |entry| entry.known_since = at(100));
        world.restart();
        world.applied(&unit).await;
        world.quiet().await;
        assert_eq!(adopted(&world).await, found(&[("c000", false), ("c001", true), ("kept", true)]), "{inventory}");
        let before = world.quiet().await;
        world.restart();
        world.applied(&unit).await;
        assert_eq!(world.quiet().await, before, "a settled member gets no write");
        // A commit takes the annotation off, and the next one the objects.
        let plain = || vec![config_map("c001", "2"), config_map("kept", "2")];
        world.set_with("a", 2, plain(), |entry| (entry.placed, entry.known_since) = (at(200), at(100)));
        world.until(&unit, "reported", |r| r.deletions.is_some()).await;
        world.guard(&unit, None);
        world.until(&unit, "pruned", |r| r.phase == UnitPhase::Applied && r.objects.inventory == 2).await;
        assert!(world.config_map("c000").await.is_none());
        let other = vec![config_map("new", "1")];
        world.set_with("a", 3, other, |entry| (entry.placed, entry.known_since) = (at(200), at(100)));
        world.until(&unit, "given back", |r| r.phase == UnitPhase::Applied && r.objects.inventory == 1).await;
        assert!(are_given_back(&world, &["c001", "kept"]).await, "{inventory}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_asks_to_stay_is_the_units_own_as_long_as_the_unit_stays() {
    let mut world = World::new().await;
    let unit = place(&mut world, 1, vec![config_map("c000", "1"), staying("kept")], 100);
    world.applied(&unit).await;
    place(&mut world, 2, vec![config_map("c000", "2"), staying("kept")], 100);
    world.applied(&unit).await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(adopted(&world).await, found(&[("c000", false), ("kept", false)]));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_stays_with_what_asks_for_it_counts_as_adopted_too() {
    let mut world = World::new().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "alpha"}});
    let mut kept = staying("kept");
    kept["metadata"]["namespace"] = json!("alpha");
    let unit = place(&mut world, 1, vec![namespace.clone(), kept.clone()], 100);
    world.applied(&unit).await;
    world.stop();
    place(&mut world, 2, vec![namespace, kept], 200);
    world.restart();
    world.applied(&unit).await;
    assert_eq!(adopted(&world).await, found(&[("kept", true), ("alpha", true)]));
}
