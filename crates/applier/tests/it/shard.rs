//! Inventories of more than one Secret.

use api::delivery::{Removal, UnitId, UnitPhase, label};
use serde_json::json;

use crate::proof::LOOK;
use crate::world::{Blow, World, config_map, config_map_path, config_maps, pack, unit};

const SECRETS: &str = "/api/v1/namespaces/kurator-system/secrets";
/// Room for three ConfigMaps of these tests.
const SHARD_BYTES: usize = 750;

/// A member whose applier fills a Secret with three objects.
async fn world() -> World {
    let mut world = World::new().await;
    world.stop();
    world.limits.shard_bytes = SHARD_BYTES;
    world.start();
    world
}

/// The path of a shard's Secret.
fn shard(world: &World, number: u32) -> String {
    let short = unit("a").short(&world.hub);
    format!("{SECRETS}/{}", plan::inventory::secret_name(&short, number))
}

/// How many Secrets the inventory has.
async fn shards(world: &World) -> usize {
    world.inventories().await.len()
}

/// Takes all that tells the applier whose a Secret is from it.
async fn take_labels_off(world: &World, number: u32) {
    let labels = json!({label::HUB: null, label::GROUP: null, label::SHARD: null});
    world.edit(&shard(world, number), "vandal", json!({"metadata": {"labels": labels}})).await;
}

async fn is_labelled(world: &World, number: u32) -> bool {
    world.get(&shard(world, number)).await.is_some_and(|secret| model::object::label(&secret, label::GROUP).is_some())
}

async fn applied_all(world: &World, unit: &UnitId, count: u32) {
    let report = world.until(unit, "applied", |r| r.phase == UnitPhase::Applied && r.objects.applied == count).await;
    assert_eq!((report.objects.inventory, report.objects.adopted), (count, 0));
}

#[tokio::test(start_paused = true)]
async fn an_inventory_grows_over_several_secrets_and_shrinks_again() {
    let mut world = world().await;
    let unit = world.set("a", 1, config_maps(8));
    applied_all(&world, &unit, 8).await;
    assert_eq!((shards(&world).await, world.recorded().await.len()), (3, 8));
    let before = world.quiet().await;
    world.restart();
    applied_all(&world, &unit, 8).await;
    assert_eq!(world.quiet().await, before, "a restart writes nothing");
    // All of the second one goes: its Secret does, and the others stay as they are.
    let kept: Vec<_> =
        config_maps(8).into_iter().enumerate().filter(|(i, _)| !(3..6).contains(i)).map(|(_, o)| o).collect();
    world.set("a", 2, kept.clone());
    world.until(&unit, "held", |r| r.deletions.is_some()).await;
    if let Some(held) = world.guard(&unit, None).held {
        world.guard(&unit, Some(held.digest));
    }
    applied_all(&world, &unit, 5).await;
    assert!(world.get(&shard(&world, 1)).await.is_none() && world.get(&shard(&world, 2)).await.is_some());
    world.restart();
    applied_all(&world, &unit, 5).await;
    // What comes fills the gap.
    world.set("a", 3, config_maps(8));
    applied_all(&world, &unit, 8).await;
    assert_eq!(shards(&world).await, 3);
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.report(&unit).is_none() && shards(&world).await == 0 }).await;
    assert!(world.config_map("c000").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_an_inventory_that_lost_its_labels_is_found_by_its_name() {
    for lost in [vec![0], vec![1], vec![2], vec![1, 2], vec![0, 1, 2]] {
        let mut world = world().await;
        let unit = world.set("a", 1, config_maps(8));
        applied_all(&world, &unit, 8).await;
        world.stop();
        for number in &lost {
            take_labels_off(&world, *number).await;
        }
        world.set("a", 2, config_maps(9));
        world.restart();
        applied_all(&world, &unit, 9).await;
        for number in &lost {
            assert!(is_labelled(&world, *number).await, "{number} of {lost:?}");
        }
        assert_eq!(world.failures(), [""; 0], "{lost:?}: nobody is told of another applier");
        // While it runs, too.
        for number in &lost {
            take_labels_off(&world, *number).await;
        }
        world.set("a", 3, config_maps(10));
        applied_all(&world, &unit, 10).await;
        assert_eq!(world.failures(), [""; 0], "{lost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn labels_that_an_inventory_lost_are_back_after_the_next_look() {
    let all = [label::HUB, label::GROUP, label::SHARD];
    // How many objects; from which Secrets which labels are taken; which Secret is deleted too.
    for (objects, from, labels, deleted) in [
        (2, vec![0], &all[..], None),
        (2, vec![0], &all[2..], None),
        (8, vec![1], &all[..], None),
        (8, vec![1], &all[2..], None),
        (8, vec![0, 1, 2], &all[..], None),
        (8, vec![0, 2], &all[..], Some(1)),
    ] {
        let when = format!("{objects} {from:?} {labels:?} {deleted:?}");
        let mut world = world().await;
        let unit = world.set("a", 1, config_maps(objects));
        let count = u32::try_from(objects).unwrap();
        applied_all(&world, &unit, count).await;
        for number in &from {
            let none: serde_json::Map<_, _> = labels.iter().map(|key| ((*key).to_owned(), json!(null))).collect();
            world.edit(&shard(&world, *number), "vandal", json!({"metadata": {"labels": none}})).await;
        }
        if let Some(number) = deleted {
            world.delete(&shard(&world, number)).await;
        }
        tokio::time::sleep(LOOK).await;
        for number in 0..u32::try_from(shards(&world).await).unwrap() {
            let secret = world.get(&shard(&world, number)).await.unwrap();
            assert!(all.iter().all(|key| model::object::label(&secret, key).is_some()), "{when}: {number} {secret}");
        }
        assert_eq!(world.recorded().await.len(), objects, "{when}");
        assert_eq!(world.failures(), [""; 0], "{when}: nobody is told of another applier");
        // That is that: later looks find nothing to do.
        let written = world.quiet().await;
        tokio::time::sleep(LOOK).await;
        world.restart();
        applied_all(&world, &unit, count).await;
        assert_eq!(world.quiet().await, written, "{when}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_whose_inventory_lost_its_labels_leaves_the_member_all_the_same() {
    let mut world = world().await;
    let unit = world.set("a", 1, config_maps(8));
    applied_all(&world, &unit, 8).await;
    world.stop();
    for number in 0..3 {
        take_labels_off(&world, number).await;
    }
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.restart();
    world.eventually("gone", || async { world.report(&unit).is_none() && shards(&world).await == 0 }).await;
    assert!(world.config_map("c000").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_an_inventory_that_is_gone_stops_the_unit_instead_of_having_its_objects_adopted() {
    for lost in 0..3 {
        let mut world = world().await;
        let unit = world.set("a", 1, config_maps(8));
        applied_all(&world, &unit, 8).await;
        world.stop();
        let saved = world.get(&shard(&world, lost)).await.unwrap();
        world.delete(&shard(&world, lost)).await;
        world.set("a", 2, vec![config_map("c000", "2")]);
        world.restart();
        let report = world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed).await;
        assert_eq!(report.reason, "InventoryUnreadable");
        assert!(report.message.contains(&format!("shard {lost}")), "{}", report.message);
        let object = world.get(&config_map_path("c000")).await.unwrap();
        assert_eq!(object["data"]["a"], "1", "nothing of the unit is touched");
        // Restored from a backup, it goes on.
        let mut restored = saved;
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            model::object::remove(&mut restored, &["metadata", field]);
        }
        world.post(SECRETS, restored).await;
        let report = world.until(&unit, "held", |r| r.deletions.is_some()).await;
        assert_eq!((report.objects.inventory, report.objects.adopted), (8, 0), "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_secrets_survive_death_at_each_write() {
    for how in [Blow::Before, Blow::After] {
        for last in 0.. {
            let when = format!("death {how:?} write {last}");
            let mut world = world().await;
            world.fuse.set(last, how);
            let unit = world.set("a", 1, config_maps(5));
            let applied =
                |w: &World| w.report(&unit).is_some_and(|r| r.objects.applied == 5 && r.objects.inventory == 5);
            world.eventually(&when, || async { world.fuse.is_dead() || applied(&world) }).await;
            if world.fuse.is_dead() {
                world.revive();
            }
            applied_all(&world, &unit, 5).await;
            world.change(&unit, |entry| entry.removal = Removal::Prune);
            world.eventually(&when, || async { world.fuse.is_dead() || shards(&world).await == 0 }).await;
            if world.fuse.is_dead() {
                world.revive();
            }
            world.eventually(&when, || async { shards(&world).await == 0 && world.report(&unit).is_none() }).await;
            assert!(world.config_map("c000").await.is_none() && world.config_map("c004").await.is_none(), "{when}");
            if !world.fuse.blew() {
                assert!(last >= 15, "{last}");
                break;
            }
        }
    }
}

/// Puts a Secret into the member that looks like a shard of the unit: 2 kB that become 2 MB.
async fn post_bomb(world: &World, number: u32) {
    let mut secret = world.get(&shard(world, 0)).await.unwrap();
    let path = shard(world, number);
    secret["metadata"]["name"] = path.rsplit('/').next().unwrap().into();
    secret["metadata"]["labels"][label::SHARD] = number.to_string().into();
    secret["data"]["inventory"] = pack(&vec![b' '; 2_000_000]).into();
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        model::object::remove(&mut secret, &["metadata", field]);
    }
    if world.get(&path).await.is_some() {
        world.delete(&path).await;
    }
    world.post(SECRETS, secret).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_first_secret_does_not_name_and_nothing_proves_goes_with_the_next_write() {
    let mut world = world().await;
    let unit = world.set("a", 1, config_maps(4));
    applied_all(&world, &unit, 4).await;
    world.stop();
    for number in [2, 3, 500] {
        post_bomb(&world, number).await;
    }
    world.set("a", 2, config_maps(5));
    world.restart();
    applied_all(&world, &unit, 5).await;
    assert_eq!((world.failures(), shards(&world).await), (Vec::<String>::new(), 2));
    // One that is named has to be what it was.
    world.stop();
    post_bomb(&world, 1).await;
    world.set("a", 3, config_maps(6));
    world.restart();
    let report = world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!(report.reason, "InventoryUnreadable");
    assert!(report.message.contains("shard 1 of the inventory has more than 1556480 bytes"), "{}", report.message);
    assert!(world.config_map("c005").await.is_none(), "nothing of the unit is touched");
}
