//! What proves that we wrote an inventory, and what is done with one that proves nothing.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::delivery::{Removal, UnitPhase, WaitingCause, label};
use api::feed::UnitReport;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use plan::authenticator::HubKey;
use plan::departure::Objects;
use plan::inventory::shard::{Place, Sealed, encode};
use plan::inventory::{Entry, Inventory};
use plan::report::RECORD_LOST;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, hub_key, pack, unit, waiting};

const SECRETS: &str = "/api/v1/namespaces/kurator-system/secrets";

/// Puts something else into the data of the unit's only shard.
async fn tamper(world: &World, json: Option<Vec<u8>>, authenticator: Option<Vec<u8>>) {
    let path = format!("{SECRETS}/{}", world.inventories().await.remove(0));
    let mut data = json!({});
    if let Some(json) = json {
        data["inventory"] = pack(&json).into();
    }
    if let Some(authenticator) = authenticator {
        data["authenticator"] = STANDARD.encode(authenticator).into();
    }
    world.edit(&path, "vandal", json!({"data": data})).await;
}

/// An inventory of the unit as somebody with another key writes it, with an object that was never ours.
async fn forged(world: &World, key: &HubKey, victim: &Value) -> Sealed {
    let mut inventory = Inventory::empty(unit("a"));
    let uid = model::object::uid(victim).map(model::Uid::from);
    let doomed = Entry { version: "v1".into(), uid, doomed: NonZeroU64::new(2), ..Entry::default() };
    let mut of_kind = victim.clone();
    (of_kind["apiVersion"], of_kind["kind"]) = (json!("v1"), json!("ConfigMap"));
    inventory.put_entry(model::ObjectKey::of(&of_kind), doomed);
    let cluster = world.identity().await;
    let (member_key, group) = (key.of_member(&world.hub, &cluster), unit("a"));
    let place = Place { hub: &world.hub, cluster: &cluster, group: &group, key: &member_key };
    encode(&place, &[&inventory]).remove(&0).unwrap()
}

async fn is_refused(world: &mut World, why: &str) {
    world.restart();
    let report = world.until(&unit("a"), "refused", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!(report.reason, "InventoryUnverified");
    assert!(report.message.contains(why) && report.message.contains("restore the Secret"), "{}", report.message);
    // What the unit has there is not known, which is not the same as nothing.
    assert_eq!(Objects::of_report(&report, Removal::Prune), None);
}

#[tokio::test(start_paused = true)]
async fn an_inventory_that_somebody_wrote_proves_nothing() {
    let mut world = World::new().await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("innocent", "theirs")).await;
    let victim = world.config_map("innocent").await.unwrap();
    world.set("a", 1, config_maps(2));
    world.applied(&unit("a")).await;
    world.stop();
    let stranger = HubKey::from_random([66; 32]);
    let sealed = forged(&world, &stranger, &victim).await;
    for (json, authenticator, why) in [
        (None, Some(vec![0; 32]), "somebody changed it"),
        (None, Some(Vec::new()), "has no authenticator"),
        (Some(sealed.json), Some(sealed.authenticator), "which this hub does not have"),
    ] {
        tamper(&world, json, authenticator).await;
        world.set("a", 2, vec![]);
        is_refused(&mut world, why).await;
        // Nothing is deleted or given back, whatever the hub wants.
        world.change(&unit("a"), |entry| entry.removal = Removal::Prune);
        is_refused(&mut world, why).await;
        world.change(&unit("a"), |entry| entry.removal = Removal::Release);
        is_refused(&mut world, why).await;
        world.change(&unit("a"), |entry| entry.removal = Removal::None);
        assert!(world.config_map("innocent").await.is_some());
        let ours = world.config_map("c000").await.unwrap();
        assert!(model::object::label(&ours, label::HUB).is_some());
        world.stop();
    }
    // Deleted, as the message says: what is there is adopted, and never deleted.
    world.delete(&format!("{SECRETS}/{}", world.inventories().await.remove(0))).await;
    world.set("a", 3, config_maps(2));
    world.restart();
    let report = world.applied(&unit("a")).await;
    assert_eq!(report.objects.adopted, 2);
    // It is told apart from what was there before us, also by a process that starts.
    let lost = |report: &UnitReport| report.details.iter().filter(|row| row.reason == RECORD_LOST).count();
    assert_eq!(lost(&report), 2);
    let mut objects = config_maps(2);
    objects.push(config_map("innocent", "ours"));
    world.set("a", 4, objects);
    world.restart();
    let report = world.applied(&unit("a")).await;
    assert_eq!((report.objects.adopted, lost(&report)), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn an_inventory_that_units_share_is_refused_and_nothing_of_it_is_lost() {
    let mut world = World::new().await;
    world.set("a", 1, config_maps(2));
    world.applied(&unit("a")).await;
    world.stop();
    let path = format!("{SECRETS}/{}", world.inventories().await.remove(0));
    let own = world.get(&path).await.unwrap()["data"].clone();
    // As a Kurator writes it that keeps several units of one owner together, with this hub's key.
    let entry = |n: u8| Entry { version: "v1".into(), uid: Some(format!("u{n}").into()), ..Entry::default() };
    let key = |name: &str| {
        model::ObjectKey::of(&json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": name}}))
    };
    let (mut first, mut second) = (Inventory::empty(unit("a")), Inventory::empty(unit("b")));
    first.put_entry(key("c000"), entry(0));
    second.put_entry(key("c001"), entry(1));
    let (cluster, group) = (world.identity().await, unit("a"));
    let member_key = hub_key().of_member(&world.hub, &cluster);
    let place = Place { hub: &world.hub, cluster: &cluster, group: &group, key: &member_key };
    let shared = encode(&place, &[&first, &second]).remove(&0).unwrap();
    tamper(&world, Some(shared.json), Some(shared.authenticator)).await;
    let before = world.get(&path).await.unwrap()["data"].clone();
    assert_ne!(before, own);
    for (epoch, removal) in [(2, Removal::None), (2, Removal::Prune), (2, Removal::Release)] {
        world.set_with("a", epoch, vec![], |entry| entry.removal = removal);
        world.restart();
        let report = world.until(&unit("a"), "refused", |r| r.phase == UnitPhase::Failed).await;
        assert_eq!(report.reason, "InventoryUnreadable", "{removal:?}");
        assert!(report.message.contains(&unit("b").to_string()), "{}", report.message);
        assert!(report.message.contains("use that one"), "{}", report.message);
        assert_eq!(world.get(&path).await.unwrap()["data"], before, "{removal:?}");
        for name in ["c000", "c001"] {
            let ours = world.config_map(name).await.unwrap();
            assert!(model::object::label(&ours, label::HUB).is_some(), "{removal:?}");
        }
        world.stop();
    }
    // Restored, it goes on where it was.
    world.edit(&path, "admin", json!({"data": own})).await;
    world.set("a", 3, config_maps(3));
    world.restart();
    assert_eq!(world.applied(&unit("a")).await.objects.adopted, 0);
}

#[tokio::test(start_paused = true)]
async fn an_inventory_that_is_changed_under_a_running_applier_is_refused_at_the_next_write() {
    let mut world = World::new().await;
    world.set("a", 1, config_maps(2));
    world.applied(&unit("a")).await;
    tamper(&world, None, Some(vec![0; 32])).await;
    // A change of an object needs no inventory.
    world.set("a", 2, vec![config_map("c000", "2"), config_map("c001", "1")]);
    world.applied(&unit("a")).await;
    world.set("a", 3, config_maps(3));
    let report = world.until(&unit("a"), "refused", |r| r.reason == "InventoryUnverified").await;
    assert_eq!(report.phase, UnitPhase::Failed);
    assert!(world.config_map("c002").await.is_none(), "it is not recorded, so it is not applied");
}

#[tokio::test(start_paused = true)]
async fn an_object_without_our_labels_is_not_deleted_though_it_is_recorded() {
    let mut world = World::new().await;
    world.set("a", 1, config_maps(20));
    world.applied(&unit("a")).await;
    world.stop();
    let unlabelled = json!({"metadata": {"labels": {label::HUB: null, label::APPLYSET_PART_OF: null}}});
    world.edit(&crate::world::config_map_path("c019"), "somebody", unlabelled).await;
    world.set("a", 2, config_maps(19));
    world.restart();
    world.until(&unit("a"), "held", |r| r.deletions.is_some()).await;
    world.guard(&unit("a"), None);
    let report = world.until(&unit("a"), "forgotten", |r| r.objects.inventory == 19).await;
    // Why it is still there is said until the next commit.
    let said = [(WaitingCause::NotOurs, 1, "ConfigMap shop/c019", "it does not have our labels")];
    assert_eq!(waiting(&report), said);
    world.edit(&crate::world::config_map_path("c000"), "vandal", json!({"data": {"a": "2"}})).await;
    let report = world.until(&unit("a"), "reverted", |r| r.reverted() == 1 && r.objects.applied == 19).await;
    assert_eq!((report.phase, waiting(&report)), (UnitPhase::Applied, said.to_vec()));
    world.set("a", 3, config_maps(19));
    assert_eq!(waiting(&*world.until(&unit("a"), "later", |r| r.epoch == 3).await), []);
    assert!(world.config_map("c019").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_member_under_another_name_keeps_what_it_has() {
    let mut world = World::new().await;
    world.set("a", 1, config_maps(2));
    world.applied(&unit("a")).await;
    let before = world.quiet().await;
    world.stop();
    world.member = "renamed".parse().unwrap();
    world.restart();
    let report = world.applied(&unit("a")).await;
    assert_eq!((report.objects.inventory, report.objects.adopted), (2, 0));
    assert_eq!(world.quiet().await, before);
}

/// As long as it takes until a lost inventory is noticed of which nothing else tells.
pub(crate) const LOOK: Duration = Duration::from_secs(185);

/// Deletes the inventory, as a person does or another hub that takes the member over.
pub(crate) async fn lose(world: &World) {
    world.delete(&format!("/api/v1/namespaces/kurator-system/secrets/{}", world.inventories().await.remove(0))).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_inventory_is_written_again_at_the_next_look() {
    for is_relabelled in [false, true] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, config_maps(3));
        world.applied(&unit).await;
        lose(&world).await;
        if is_relabelled {
            // What took the inventory took the labels too: that is seen at once.
            let labels = json!({"metadata": {"labels": {label::HUB: null, label::APPLYSET_PART_OF: null}}});
            world.edit(&config_map_path("c001"), "another-hub", labels).await;
        }
        let at = tokio::time::Instant::now();
        world
            .eventually("written again", || async {
                !world.inventories().await.is_empty() || at.elapsed().as_secs() > 50
            })
            .await;
        assert_eq!(world.inventories().await.is_empty(), !is_relabelled);
        tokio::time::sleep(LOOK).await;
        assert_eq!(world.recorded().await.len(), 3, "a unit at rest is looked at from time to time");
        // Nothing became adopted by that, also not after a restart.
        world.restart();
        let report = world.applied(&unit).await;
        assert_eq!((report.objects.inventory, report.objects.adopted), (3, 0));
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        world.eventually("gone", || async { world.config_map("c001").await.is_none() }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_process_knows_that_it_made_is_not_adopted_when_the_inventory_is_lost() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    // It is lost while the member is away from us.
    world.down.store(true, Ordering::SeqCst);
    world.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
    lose(&world).await;
    world.down.store(false, Ordering::SeqCst);
    let report = world.applied(&unit).await;
    assert_eq!((report.objects.inventory, report.objects.adopted), (3, 0));
    world.eventually("written again", || async { world.recorded().await.len() == 3 }).await;
    // A unit that leaves knows it too.
    lose(&world).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world
        .eventually("gone", || async { world.report(&unit).is_none() && world.config_map("c001").await.is_none() })
        .await;
    assert_eq!(world.inventories().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_inventory_is_written_again_also_of_a_unit_that_is_suspended_or_fails() {
    for is_suspended in [false, true] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, config_maps(3));
        world.applied(&unit).await;
        if is_suspended {
            world.change(&unit, |entry| entry.suspend = true);
            world.until(&unit, "suspended", |r| r.phase == UnitPhase::Suspended).await;
        } else {
            world.faults.add(Method::PATCH, &config_map_path("c003"), usize::MAX, Act::Refuse(422));
            world.set("a", 2, config_maps(4));
            world.until(&unit, "failed", |r| r.phase == UnitPhase::Failed).await;
        }
        lose(&world).await;
        tokio::time::sleep(2 * LOOK).await;
        assert_eq!(world.recorded().await.len(), if is_suspended { 3 } else { 4 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_inventory_is_written_again_also_of_a_unit_that_wants_an_object_of_another_hub() {
    let mut world = World::new().await;
    let mut theirs = config_map("c000", "theirs");
    theirs["metadata"]["labels"] = json!({label::HUB: "otherhub"});
    world.post("/api/v1/namespaces/shop/configmaps", theirs).await;
    let unit = world.set("a", 1, config_maps(3));
    let is_refused = |r: &api::feed::UnitReport| r.reason == "ForeignHub" && r.objects.applied == 2;
    world.until(&unit, "refused", is_refused).await;
    lose(&world).await;
    tokio::time::sleep(2 * LOOK).await;
    assert_eq!(world.recorded().await.len(), 2);
    // One of its own that the other hub labels is not the whole inventory either.
    world.edit(&config_map_path("c001"), "otherhub", json!({"metadata": {"labels": {label::HUB: "otherhub"}}})).await;
    world.until(&unit, "refused", |r| r.reason == "ForeignHub" && r.objects.applied == 1).await;
    lose(&world).await;
    tokio::time::sleep(2 * LOOK).await;
    assert_eq!(world.recorded().await.len(), 2);
    world.restart();
    let report = world.until(&unit, "refused", |r| r.reason == "ForeignHub" && r.objects.applied == 1).await;
    assert_eq!(report.objects.adopted, 0);
    // All of them are: then the inventory is the other hub's affair.
    world.edit(&config_map_path("c002"), "otherhub", json!({"metadata": {"labels": {label::HUB: "otherhub"}}})).await;
    world.until(&unit, "refused", |r| r.reason == "ForeignHub" && r.objects.applied == 0).await;
    lose(&world).await;
    tokio::time::sleep(2 * LOOK).await;
    assert_eq!(world.inventories().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_unit_has_stays_its_own_when_a_member_comes_back_without_inventories() {
    let mut world = World::new().await;
    let second = world.set("b", 1, vec![config_map("c", "of b")]);
    world.applied(&second).await;
    let first = world.set("a", 1, vec![config_map("c", "of a")]);
    world.until(&first, "in conflict", |r| r.reason == "Conflict").await;
    world.down.store(true, Ordering::SeqCst);
    world.until(&second, "unknown", |r| r.phase == UnitPhase::Unknown).await;
    lose(&world).await;
    let before = world.a_while().await;
    world.down.store(false, Ordering::SeqCst);
    world.applied(&second).await;
    world.until(&first, "in conflict", |r| r.reason == "Conflict").await;
    assert_eq!(world.a_while().await, before + 1, "only the inventory is written");
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "of b");
}

#[tokio::test(start_paused = true)]
async fn what_units_know_that_are_being_looked_at_when_the_member_goes_is_kept() {
    let mut world = World::new().await;
    let names = ["a", "b", "c", "d"];
    let staged = |world: &mut World, epoch: u64| {
        names.map(|name| world.stage(name, epoch, vec![config_map(name, &epoch.to_string())], |_| {}))
    };
    let units = staged(&mut world, 1);
    world.publish();
    for unit in &units {
        world.applied(unit).await;
    }
    world.down.store(true, Ordering::SeqCst);
    // All of them are begun at once, and the first that fails ends the connection.
    staged(&mut world, 2);
    world.publish();
    for unit in &units {
        world.until(unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
        lose(&world).await;
    }
    world.down.store(false, Ordering::SeqCst);
    for unit in &units {
        let report = world.until(unit, "applied", |r| r.epoch == 2 && r.phase == UnitPhase::Applied).await;
        assert_eq!((report.objects.inventory, report.objects.adopted), (1, 0), "{unit}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_without_the_inventory_writes_it_again_from_what_the_hub_knows() {
    for is_suspended in [false, true] {
        let mut world = World::new().await;
        world.recollects = true;
        world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "1")).await;
        let mut objects = config_maps(3);
        objects.push(config_map("theirs", "ours"));
        let unit = world.set_with("a", 1, objects, |entry| entry.suspend = false);
        let report = world.applied(&unit).await;
        assert_eq!((report.objects.inventory, report.objects.adopted), (4, 1));
        if is_suspended {
            world.change(&unit, |entry| entry.suspend = true);
            world.until(&unit, "suspended", |r| r.phase == UnitPhase::Suspended).await;
        }
        world.stop();
        lose(&world).await;
        // Somebody deletes an object, and makes another one of its name that looks like ours.
        let copy = world.config_map("c002").await.unwrap();
        world.delete(&config_map_path("c002")).await;
        let metadata = json!({"name": "c002", "namespace": "shop", "labels": copy["metadata"]["labels"],
            "annotations": copy["metadata"]["annotations"]});
        let copy = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": copy["data"]});
        world.post("/api/v1/namespaces/shop/configmaps", copy).await;
        let before = world.a_while().await;
        world.restart();
        world.eventually("recorded", || async { world.recorded().await.len() >= 3 }).await;
        assert_eq!(world.restored(), [(4, 2, 1)]);
        if is_suspended {
            assert_eq!(world.a_while().await, before + 1, "only the inventory is written");
            world.change(&unit, |entry| entry.suspend = false);
        }
        let report = world.applied(&unit).await;
        assert_eq!((report.objects.inventory, report.objects.adopted), (4, 2));
        let recorded = world.recorded().await;
        let adopted: Vec<_> =
            recorded.iter().filter(|(_, entry)| entry.adopted).map(|(key, _)| key.name.as_str()).collect();
        assert_eq!(adopted, ["c002", "theirs"]);
        // It is whole: what is the unit's own goes with it.
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        world.eventually("gone", || async { world.report(&unit).is_none() }).await;
        assert!(world.config_map("c000").await.is_none() && world.config_map("c001").await.is_none());
        assert!(world.config_map("c002").await.is_some() && world.config_map("theirs").await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_leaves_without_its_inventory_takes_along_what_the_hub_knows_of_or_says_that_it_stays() {
    for is_known in [true, false] {
        let mut world = World::new().await;
        world.recollects = true;
        world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "1")).await;
        let mut objects = config_maps(3);
        objects.push(config_map("theirs", "ours"));
        let unit = world.set("a", 1, objects);
        world.applied(&unit).await;
        world.stop();
        lose(&world).await;
        if !is_known {
            world.lose(&unit);
        }
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        world.restart();
        world.eventually("gone", || async { world.removed(&unit).is_some() }).await;
        assert_eq!(world.inventories().await, [""; 0]);
        assert!(world.config_map("theirs").await.is_some(), "it was there before");
        assert_eq!(world.config_map("c000").await.is_none(), is_known);
        let report = world.removed(&unit).unwrap();
        let said = report.waiting.iter().find(|waiting| waiting.cause == WaitingCause::NotOurs);
        assert_eq!(said.map(|said| said.count), (!is_known).then_some(4));
        assert_eq!(world.restored().len(), usize::from(is_known));
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_knows_less_than_the_member_was_told_adopts_when_the_inventory_is_lost() {
    // The hub has another payload now, or the member was told something later.
    for is_told_later in [false, true] {
        let mut world = World::new().await;
        world.recollects = true;
        let unit = world.set("a", 1, config_maps(2));
        world.applied(&unit).await;
        world.stop();
        lose(&world).await;
        if is_told_later {
            let later = json!(format!("sha256:{}", "0".repeat(64)));
            world
                .forge(&config_map_path("c000"), |object| object["metadata"]["annotations"][label::APPLIED] = later)
                .await;
        } else {
            world.set("a", 2, config_maps(3));
        }
        world.restart();
        let report = world.applied(&unit).await;
        assert_eq!(report.objects.adopted, 2);
        assert_eq!(world.restored(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn an_inventory_that_is_lost_is_written_again_soon_when_a_person_asks_to_look() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    lose(&world).await;
    world.a_while().await;
    assert_eq!(world.inventories().await, [""; 0]);
    world.look.send_modify(|times| *times += 1);
    world.eventually("written again", || async { world.recorded().await.len() == 3 }).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_known_outlives_a_write_of_the_lost_inventory_that_has_no_clear_answer() {
    for code in [500, 504] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, config_maps(3));
        world.applied(&unit).await;
        lose(&world).await;
        world.faults.add(Method::POST, "/secrets", 1, Act::Refuse(code));
        world.look.send_modify(|times| *times += 1);
        world.eventually("written again", || async { world.recorded().await.len() == 3 }).await;
        assert!(world.recorded().await.values().all(|entry| !entry.adopted), "{code}");
    }
}
