//! Two writers, restored hubs, foreign hubs, members that are away.

use std::sync::atomic::Ordering;

use api::delivery::{Health, Removal, UnitPhase, WaitingCause, label};
use applier::Link;
use plan::guard::Cause;
use serde_json::json;

use crate::world::{World, config_map, config_map_path, config_maps, deployment, deployment_path, unit, waiting};

#[tokio::test(start_paused = true)]
async fn a_hub_from_an_older_backup_deletes_nothing_until_told() {
    let mut world = World::new().await;
    let unit = world.set("a", 7, config_maps(20));
    world.applied(&unit).await;
    world.set("a", 4, config_maps(19));
    world.restart();
    world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!(held.causes, [Cause::Behind]);
    world.quiet().await;
    assert!(world.config_map("c019").await.is_some());
    // A unit that is taken out waits just the same.
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let report = world.until(&unit, "removing", |r| r.phase == UnitPhase::Removing).await;
    assert!(report.message.contains("the hub is behind"), "{}", report.message);
    world.quiet().await;
    assert!(world.config_map("c000").await.is_some());
    world.change(&unit, |entry| entry.removal = Removal::None);
    world.until(&unit, "held again", |r| r.phase == UnitPhase::DeletionsHeld).await;
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "told", |r| r.objects.inventory == 19).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_from_an_older_backup_takes_a_unit_out_when_told() {
    let mut world = World::new().await;
    let unit = world.set("a", 7, config_maps(3));
    world.applied(&unit).await;
    world.set_with("a", 4, config_maps(3), |entry| entry.removal = Removal::Prune);
    world.restart();
    world.until(&unit, "held", |r| r.phase == UnitPhase::Removing && r.deletions.is_some()).await;
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!((held.causes.clone(), held.count), (vec![Cause::Behind], 3));
    world.quiet().await;
    assert!(world.config_map("c000").await.is_some());
    world.guard(&unit, Some(held.digest));
    world.eventually("gone", || async { world.report(&unit).is_none() && world.inventories().await.is_empty() }).await;
    assert!(world.config_map("c000").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hub_from_an_older_backup_is_behind_until_told_however_many_commits_come() {
    let mut world = World::new().await;
    let unit = world.set("a", 7, config_maps(20));
    world.applied(&unit).await;
    world.set("a", 4, config_maps(19));
    world.restart();
    world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    world.set("a", 8, config_maps(19));
    world.restart();
    world.until(&unit, "still held", |r| r.epoch == 8 && r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    assert_eq!(world.guard(&unit, None).held.unwrap().causes, [Cause::Behind]);
    // The commit that has everything again ends it.
    world.set("a", 9, config_maps(20));
    world.applied(&unit).await;
    world.set("a", 10, config_maps(19));
    world.until(&unit, "held", |r| r.epoch == 10 && r.deletions.is_some()).await;
    assert!(world.guard(&unit, None).held.is_none());
    world.until(&unit, "pruned", |r| r.objects.inventory == 19).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_was_behind_while_its_unit_was_suspended_or_without_payload_is_still_behind_after_a_restart() {
    for is_suspended in [true, false] {
        let mut world = World::new().await;
        let unit = world.set("a", 7, config_maps(20));
        world.applied(&unit).await;
        world.stage("a", 4, config_maps(19), |entry| entry.suspend = is_suspended);
        if !is_suspended {
            world.lose(&unit);
        }
        world.restart();
        let phase = if is_suspended { UnitPhase::Suspended } else { UnitPhase::Pending };
        world.until(&unit, "looked at", |r| r.epoch == 4 && r.phase == phase).await;
        world.quiet().await;
        // Commits count up before anything may be done again.
        world.stop();
        world.set("a", 8, config_maps(19));
        world.restart();
        let report = world.until(&unit, "held", |r| r.epoch == 8 && r.deletions.is_some()).await;
        assert!(report.deletions.as_ref().is_some_and(|d| d.behind), "{is_suspended}: {report:#?}");
        assert_eq!(world.guard(&unit, None).held.unwrap().causes, [Cause::Behind]);
        world.quiet().await;
        assert!(world.config_map("c019").await.is_some(), "{is_suspended}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_alone_is_not_written_and_a_key_that_came_since_a_backup_is_known_by_it() {
    let mut world = World::new().await;
    world.set("a", 4, config_maps(19));
    let unit = unit("a");
    world.applied(&unit).await;
    let before = world.quiet().await;
    // Three commits that change nothing of what is there, and one that brings an object.
    for epoch in 5..8 {
        world.set("a", epoch, config_maps(19));
        world.until(&unit, "at it", |r| r.epoch == epoch && r.phase == UnitPhase::Applied).await;
    }
    assert_eq!(world.quiet().await, before);
    world.set("a", 8, config_maps(20));
    world.applied(&unit).await;
    // A hub from before that: of what it forgot it deletes nothing, and of what it knows only what is approved.
    world.set("a", 7, config_maps(18));
    world.restart();
    let report = world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    assert_eq!(report.deletions.as_ref().unwrap().count, 2);
    assert_eq!(world.guard(&unit, None).held.unwrap().causes, [Cause::Behind]);
    world.quiet().await;
    assert!(world.config_map("c018").await.is_some() && world.config_map("c019").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_removal_from_before_the_unit_was_placed_again_deletes_nothing_until_told() {
    let at = |second| Some(model::Timestamp::from_second(second).unwrap());
    let mut world = World::new().await;
    let unit = world.set_with("a", 4, config_maps(3), |entry| entry.placed = at(100));
    world.applied(&unit).await;
    // It is taken out while the member is away, the hub is backed up, and it is given to the member again: the same
    // objects, so no key comes or goes.
    world.stop();
    world.set_with("a", 4, config_maps(3), |entry| entry.placed = at(200));
    world.restart();
    world.applied(&unit).await;
    let written = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, written, "that it was placed again is written once");
    // The backup is restored: its tombstone is of the same epoch.
    world.set_with("a", 4, config_maps(3), |entry| (entry.placed, entry.removal) = (at(100), Removal::Prune));
    world.restart();
    let report = world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    assert_eq!(report.phase, UnitPhase::Removing);
    world.quiet().await;
    assert!(world.config_map("c000").await.is_some());
    // So too when commits have counted up meanwhile: it was noted in the member.
    world.set_with("a", 9, config_maps(2), |entry| (entry.placed, entry.known_since) = (at(300), at(100)));
    world.restart();
    world.until(&unit, "still held", |r| r.epoch == 9 && r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!(held.causes, [Cause::Behind]);
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "told", |r| r.objects.inventory == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_gives_a_unit_for_the_first_time_deletes_nothing_that_it_gave_before_a_restore_until_told() {
    let at = |second| Some(model::Timestamp::from_second(second).unwrap());
    let mut world = World::new().await;
    let unit = world.set_with("a", 1, config_maps(20), |entry| entry.placed = at(100));
    world.applied(&unit).await;
    // The hub is restored from before that, and what owns the unit is made again: its first epoch has one object less.
    world.stop();
    world.set_with("a", 1, config_maps(19), |entry| entry.placed = at(200));
    world.restart();
    world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    world.quiet().await;
    // However often the hub starts, and however many commits come.
    world.set_with("a", 2, config_maps(19), |entry| entry.placed = at(200));
    world.restart();
    world.until(&unit, "still held", |r| r.epoch == 2 && r.deletions.as_ref().is_some_and(|d| d.behind)).await;
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!((held.causes.clone(), held.count), (vec![Cause::Behind], 1));
    world.quiet().await;
    assert!(world.config_map("c019").await.is_some());
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "told", |r| r.objects.inventory == 19).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_behind_makes_nothing_anew() {
    let mut world = World::new().await;
    let unit = world.set("a", 7, vec![deployment("web", 1, "nginx")]);
    world.applied(&unit).await;
    let uid = world.get(&deployment_path("web")).await.unwrap()["metadata"]["uid"].clone();
    let mut older = deployment("web", 1, "nginx");
    older["spec"]["selector"]["matchLabels"] = json!({"app": "web", "tier": "x"});
    older["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "x"});
    world.set_with("a", 4, vec![older], |entry| entry.force = true);
    world.restart();
    let report = world.until(&unit, "refused", |r| r.reason == "Immutable").await;
    assert!(report.message.contains("the hub is behind"), "{}", report.message);
    world.a_while().await;
    assert_eq!(world.get(&deployment_path("web")).await.unwrap()["metadata"]["uid"], uid);
}

#[tokio::test(start_paused = true)]
async fn two_appliers_of_one_hub_are_fenced_by_the_inventory() {
    let mut old = World::new().await;
    let unit = old.set("a", 1, vec![config_map("c", "1")]);
    old.applied(&unit).await;
    let mut new = old.twin();
    // A key that comes is written, and that fences; a changed object alone is not.
    new.set("a", 5, vec![config_map("c", "5"), config_map("e", "5")]);
    new.applied(&unit).await;
    // The old one does not know of it, and wants to go on.
    old.set("a", 2, vec![config_map("c", "2"), config_map("d", "2")]);
    let report = old.until(&unit, "fenced", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!(report.reason, "Fenced");
    assert!(report.message.contains("epoch 5"), "{}", report.message);
    new.until(&unit, "in charge", |r| r.objects.applied == 2).await;
    let writes = new.quiet().await;
    assert_eq!(new.config_map("c").await.unwrap()["data"]["a"], "5");
    assert!(new.config_map("d").await.is_none());
    assert_eq!(new.quiet().await, writes);
    // Nobody said that the other one has ended: neither a member that was away says so, nor a new credential, for which
    // another applier is started.
    for is_replaced in [false, true] {
        if is_replaced {
            old.stop();
            old.start();
        } else {
            old.down.store(true, Ordering::SeqCst);
            old.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
            old.down.store(false, Ordering::SeqCst);
            let is_connected = || old.push.link(&old.member).is_some_and(|said| said.link == Link::Connected);
            old.eventually("connected", || async { is_connected() }).await;
        }
        new.a_while().await;
        assert_eq!(new.quiet().await, writes, "{is_replaced}");
        assert_eq!(old.report(&unit).unwrap().reason, "Fenced", "{is_replaced}");
        assert_eq!(new.config_map("c").await.unwrap()["data"]["a"], "5", "{is_replaced}");
        assert!(new.config_map("d").await.is_none(), "{is_replaced}");
    }
    // A hub that is started again is told by a person that it may go on.
    new.stop();
    old.restart();
    old.until(&unit, "at work", |r| r.phase != UnitPhase::Failed && r.objects.applied == 2).await;
}

/// Touches the unit's inventory as a backup tool does, or a change of encryption.
async fn touch_inventory(world: &World, value: &str) {
    let path = format!("/api/v1/namespaces/kurator-system/secrets/{}", world.inventories().await.remove(0));
    world.edit(&path, "backup", json!({"metadata": {"annotations": {"backup.example.com/taken": value}}})).await;
}

#[tokio::test(start_paused = true)]
async fn an_inventory_that_somebody_touched_is_no_other_applier() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(2));
    world.applied(&unit).await;
    for (epoch, count) in [(2, 3), (3, 4)] {
        touch_inventory(&world, &epoch.to_string()).await;
        world.set("a", epoch, config_maps(count));
        world.applied(&unit).await;
        assert_eq!(world.recorded().await.len(), count);
    }
    touch_inventory(&world, "last").await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.report(&unit).is_none() && world.inventories().await.is_empty() }).await;
    assert!(world.config_map("c000").await.is_none());
    assert_eq!(world.failures(), [""; 0], "nobody is told of another applier");
}

#[tokio::test(start_paused = true)]
async fn an_object_of_another_hub_is_left_alone() {
    let mut world = World::new().await;
    let mut foreign = config_map("c", "theirs");
    foreign["metadata"]["labels"] = json!({label::HUB: "otherhub"});
    world.post("/api/v1/namespaces/shop/configmaps", foreign).await;
    let unit = world.set("a", 1, vec![config_map("c", "ours"), config_map("d", "1")]);
    let report = world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed && r.objects.applied == 1).await;
    assert_eq!(report.reason, "ForeignHub");
    let command = format!("`kurator hub adopt {0} --from otherhub`", world.member);
    assert!(report.message.contains(&command), "{}", report.message);
    assert_eq!(waiting(&report), [(WaitingCause::OtherHub, 1, "ConfigMap shop/c", "otherhub")]);
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_away_is_unknown_and_catches_up() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    world.down.store(true, Ordering::SeqCst);
    world.set("a", 2, config_maps(4));
    let report = world.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
    assert_eq!((report.health, report.reason.as_str()), (Health::Unknown, "Unreachable"));
    assert!(report.message.contains("connection refused"), "{}", report.message);
    assert!(matches!(world.push.link(&world.member).unwrap().link, Link::Unreachable(_)));
    // Taken out meanwhile: the tombstone waits.
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.until(&unit, "still unknown", |r| r.phase == UnitPhase::Unknown).await;
    assert!(world.config_map("c000").await.is_some());
    world.down.store(false, Ordering::SeqCst);
    world
        .eventually("gone", || async {
            world.config_map("c000").await.is_none() && world.inventories().await.is_empty()
        })
        .await;
    assert_eq!(world.push.link(&world.member).unwrap().link, Link::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_no_snapshot_names_is_left_and_told() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.forget(&unit);
    world
        .eventually("told", || async { world.push.link(&world.member).is_some_and(|l| l.orphans == [unit.clone()]) })
        .await;
    world.edit(&config_map_path("c"), "kubectl", json!({"data": {"a": "2"}})).await;
    let before = world.quiet().await;
    world.restart();
    world
        .eventually("told", || async { world.push.link(&world.member).is_some_and(|l| l.orphans == [unit.clone()]) })
        .await;
    assert_eq!(world.quiet().await, before);
    // The unit is back, as after deleting and making its owner again: it finds what it delivered.
    world.set("a", 1, vec![config_map("c", "1")]);
    world.until(&unit, "found again", |r| r.objects.applied == 1 && r.reverted() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_member_that_goes_away_is_noticed() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    let before = world.quiet().await;
    world.down.store(true, Ordering::SeqCst);
    // Nobody asks for anything: its watches break.
    world.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
    // Changed while it was away.
    world.edit(&config_map_path("c001"), "kubectl", json!({"data": {"a": "2"}})).await;
    world.down.store(false, Ordering::SeqCst);
    let report = world.until(&unit, "reverted", |r| r.reverted() == 1 && r.objects.applied == 3).await;
    assert_eq!((report.phase, report.health), (UnitPhase::Applied, Health::Healthy));
    assert_eq!(world.quiet().await, before + 2);
}

#[tokio::test(start_paused = true)]
async fn another_cluster_behind_the_address_is_not_written_to() {
    let mut world = World::new().await;
    let uid =
        world.get("/api/v1/namespaces/kube-system").await.unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    world.stop();
    world.cluster = Some("the-one-before".to_owned());
    let unit = world.set("a", 1, config_maps(1));
    let before = world.quiet().await;
    world.start();
    let report = world.until(&unit, "blocked", |r| r.phase == UnitPhase::Unknown).await;
    assert_eq!(report.reason, "OtherCluster");
    assert!(report.message.contains(&uid) && report.message.contains("the-one-before"), "{}", report.message);
    assert!(matches!(world.push.link(&world.member).unwrap().link, Link::Blocked(_)));
    world.stop();
    assert_eq!(world.quiet().await, before);
    world.cluster = Some(uid);
    world.start();
    world.applied(&unit).await;
}

#[tokio::test(start_paused = true)]
async fn a_fight_with_a_twin_says_so_and_ends_when_a_person_asks_to_look() {
    let mut world = World::new().await;
    let mut twin = world.twin();
    let ours = world.set("a", 1, vec![config_map("c", "ours")]);
    world.applied(&ours).await;
    twin.set("a", 1, vec![config_map("c", "theirs")]);
    let report = world.until(&ours, "contested", |r| r.reason == api::reason::CONTESTED).await;
    assert!(report.message.contains("under Kurator's own name"), "{}", report.message);
    assert!(report.message.contains("stop one of the two hubs"), "{}", report.message);
    twin.stop();
    world.edit(&config_map_path("c"), "somebody", json!({"data": {"a": "left alone"}})).await;
    world.a_while().await;
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "left alone");
    world.look.send_modify(|times| *times += 1);
    world.applied(&ours).await;
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "ours");
}
