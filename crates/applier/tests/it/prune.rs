//! What goes, what stays, and who decides.

use std::collections::BTreeSet;

use api::delivery::{DeletionState, Health, Removal, UnitPhase, WaitingCause, label};
use api::feed::{SyncState, UnitReport};
use http::Method;
use plan::departure::Objects;
use plan::guard::Cause;
use serde_json::json;

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, detail, waiting};

#[tokio::test(start_paused = true)]
async fn a_small_deletion_goes_ahead_and_the_inventory_shrinks() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(20));
    world.applied(&unit).await;
    world.set("a", 2, config_maps(17));
    let report = world.until(&unit, "held", |r| r.phase == UnitPhase::DeletionsHeld).await;
    assert_eq!(report.deletions.as_ref().unwrap().count, 3);
    assert_eq!(waiting(&report), [(WaitingCause::Release, 3, "ConfigMap shop/c017", "")]);
    assert!(world.guard(&unit, None).held.is_none());
    let report = world.until(&unit, "pruned", |r| r.objects.inventory == 17).await;
    assert!(world.config_map("c018").await.is_none() && world.config_map("c016").await.is_some());
    assert_eq!(report.deletions.as_ref().unwrap().state, DeletionState::Released);
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, before);
}

#[tokio::test(start_paused = true)]
async fn an_empty_commit_deletes_nothing_until_approved() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    world.set("a", 2, vec![]);
    world.until(&unit, "held", |r| r.phase == UnitPhase::DeletionsHeld).await;
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!((held.count, held.causes.clone()), (3, vec![Cause::Empties]));
    assert_eq!(held.members[0].2, ["ConfigMap shop/c000", "ConfigMap shop/c001", "ConfigMap shop/c002"]);
    let before = world.quiet().await;
    // Somebody approves what was shown earlier: another list.
    let stale = model::Digest::of(b"another list");
    assert!(world.guard(&unit, Some(stale)).held.is_some());
    world.change(&unit, |entry| entry.approved = Some(stale));
    assert_eq!(world.quiet().await, before);
    assert!(world.config_map("c001").await.is_some());
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "emptied", |r| r.objects.inventory == 0).await;
    assert!(world.config_map("c001").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_released_list_is_finished_by_the_next_process() {
    let mut world = World::new().await;
    let mut objects = config_maps(2);
    for object in &mut objects {
        object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    }
    let unit = world.set("a", 1, objects);
    world.applied(&unit).await;
    world.set("a", 2, vec![]);
    world.until(&unit, "held", |r| r.deletions.is_some()).await;
    let held = world.guard(&unit, None).held.unwrap();
    world.guard(&unit, Some(held.digest));
    world
        .eventually("deleting", || async {
            world.config_map("c001").await.is_some_and(|c| model::object::is_deleting(&c))
        })
        .await;
    // The process dies; the approval is no longer in the snapshot.
    world.change(&unit, |entry| entry.approved = None);
    world.restart();
    for name in ["c000", "c001"] {
        world.edit(&config_map_path(name), "finalizer", json!({"metadata": {"finalizers": null}})).await;
    }
    world.until(&unit, "emptied", |r| r.objects.inventory == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_existed_before_is_adopted_and_given_back() {
    let mut world = World::new().await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "old")).await;
    let unit = world.set("a", 1, vec![config_map("theirs", "new"), config_map("ours", "new")]);
    let report = world.applied(&unit).await;
    assert_eq!(report.objects.adopted, 1);
    assert!(detail(&report, "theirs").adopted);
    assert_eq!(world.config_map("theirs").await.unwrap()["data"]["a"], "new");
    world.restart();
    world.set("a", 2, vec![config_map("ours", "new")]);
    world.until(&unit, "given back", |r| r.objects.inventory == 1).await;
    let live = world.config_map("theirs").await.unwrap();
    assert_eq!(live["data"]["a"], "new");
    assert!(model::object::label(&live, label::HUB).is_none());
    assert!(plan::field::applied_by(&live, label::FIELD_MANAGER).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_moves_is_handed_over_and_never_deleted() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![config_map("moves", "1"), config_map("stays", "1")]);
    let b = world.set("b", 1, vec![config_map("b", "1")]);
    world.applied(&a).await;
    world.applied(&b).await;
    let uid = model::object::uid(&world.config_map("moves").await.unwrap()).unwrap().to_owned();
    world.stage("a", 2, vec![config_map("stays", "1")], |_| {});
    world.stage("b", 2, vec![config_map("b", "1"), config_map("moves", "1")], |_| {});
    world.publish();
    world.until(&b, "taken over", |r| r.objects.inventory == 2 && r.objects.applied == 2).await;
    let report = world.until(&a, "let go", |r| r.objects.inventory == 1).await;
    assert_eq!((report.phase, report.deletions.is_none()), (UnitPhase::Applied, true));
    let live = world.config_map("moves").await.unwrap();
    assert_eq!(model::object::uid(&live), Some(uid.as_str()));
    let part_of = plan::inventory::applyset_id(&b.short(&world.hub));
    assert_eq!(model::object::label(&live, label::APPLYSET_PART_OF), Some(part_of.as_str()));
    // What we made stays ours: the new unit may delete it.
    assert!(!detail(&world.report(&b).unwrap(), "moves").adopted);
    let before = world.quiet().await;
    world.restart();
    world.applied(&a).await;
    world.applied(&b).await;
    assert_eq!(world.quiet().await, before);
}

/// As when the list of an Application's policies is edited and the edit is taken back.
#[tokio::test(start_paused = true)]
async fn what_another_unit_takes_over_is_in_no_list_that_waits() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![config_map("moves", "1"), config_map("stays", "1")]);
    world.applied(&a).await;
    world.set("a", 2, vec![config_map("stays", "1")]);
    world.until(&a, "held", |r| r.deletions.as_ref().is_some_and(|d| d.count == 1)).await;
    world.quiet().await;
    let b = world.set("b", 1, vec![config_map("moves", "1")]);
    world.applied(&b).await;
    let report = world.until(&a, "handed over", |r| r.objects.inventory == 1).await;
    assert_eq!((report.phase, report.deletions.as_ref()), (UnitPhase::Applied, None));
}

#[tokio::test(start_paused = true)]
async fn two_units_with_one_object_do_not_fight() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![config_map("c", "from a")]);
    world.applied(&a).await;
    let b = world.set("b", 1, vec![config_map("c", "from b"), config_map("d", "1")]);
    let report = world.until(&b, "in conflict", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!(report.reason, "Conflict");
    assert!(report.message.contains(&a.to_string()), "{}", report.message);
    assert_eq!(waiting(&report), [(WaitingCause::OtherUnit, 1, "ConfigMap shop/c", a.to_string().as_str())]);
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "from a");
    assert!(world.config_map("d").await.is_some());
    // When the first lets it go, the second gets it.
    world.set("a", 2, vec![config_map("x", "1")]);
    world.applied(&b).await;
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "from b");
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_leaves_takes_what_it_put_there_and_its_inventory() {
    let mut world = World::new().await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "old")).await;
    let unit = world.set("a", 1, vec![config_map("theirs", "new"), config_map("ours", "1")]);
    world.applied(&unit).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world
        .eventually("gone", || async {
            world.config_map("ours").await.is_none() && world.inventories().await.is_empty()
        })
        .await;
    assert!(world.config_map("theirs").await.is_some());
    let before = world.quiet().await;
    world.forget(&unit);
    assert_eq!(world.quiet().await, before);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_is_released_leaves_everything_without_a_trace_of_us() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.change(&unit, |entry| entry.removal = Removal::Release);
    world.eventually("released", || async { world.inventories().await.is_empty() }).await;
    let live = world.config_map("c").await.unwrap();
    assert_eq!(model::object::labels(&live).len(), 0);
    assert_eq!(live["data"]["a"], "1");
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_while_the_unit_or_a_neighbour_is_unresolved() {
    let mut world = World::new().await;
    let a = world.set("a", 1, config_maps(20));
    let b = world.set("b", 1, vec![config_map("b", "1")]);
    world.applied(&a).await;
    world.applied(&b).await;
    world.set_with("a", 2, config_maps(19), |entry| entry.frozen = Some("the branch is gone".into()));
    let report = world.until(&a, "frozen", |r| r.message.contains("the branch is gone")).await;
    assert_eq!((report.phase, report.objects.inventory), (UnitPhase::Applied, 20));
    // Thawed, but what its neighbour wants is not known.
    world.stage("b", 2, vec![config_map("b", "1"), config_map("c019", "1")], |_| {});
    world.lose(&b);
    world.change(&a, |entry| entry.frozen = None);
    world.until(&a, "waiting for b", |r| r.message.contains("is not known yet")).await;
    assert!(world.config_map("c019").await.is_some());
    world.set("b", 2, vec![config_map("b", "1"), config_map("c019", "1")]);
    world.until(&a, "handed over", |r| r.objects.inventory == 19).await;
    assert!(world.config_map("c019").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_the_one_we_made_is_not_deleted() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(20));
    world.applied(&unit).await;
    world.stop();
    world.delete(&config_map_path("c019")).await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("c019", "somebody's")).await;
    world.set("a", 2, config_maps(19));
    world.restart();
    world.until(&unit, "held", |r| r.deletions.is_some()).await;
    world.guard(&unit, None);
    world.until(&unit, "forgotten", |r| r.objects.inventory == 19).await;
    assert_eq!(world.config_map("c019").await.unwrap()["data"]["a"], "somebody's");
}

#[tokio::test(start_paused = true)]
async fn without_prune_nothing_goes() {
    let mut world = World::new().await;
    let unit = world.set_with("a", 1, config_maps(5), |entry| entry.prune = false);
    world.applied(&unit).await;
    world.set_with("a", 2, config_maps(4), |entry| entry.prune = false);
    let report = world.until(&unit, "applied", |r| r.epoch == 2 && r.phase == UnitPhase::Applied).await;
    assert_eq!((report.deletions.is_none(), report.objects.inventory), (true, 5));
    assert!(world.config_map("c004").await.is_some());
    // It is no trouble of the unit, and stands in the list of what goes with it.
    assert_eq!((report.objects.desired, report.objects.applied, report.health), (4, 4, Health::Healthy));
    assert_eq!(detail(&report, "c004").sync, SyncState::NotPruned);
    let listed = Objects::of_report(&report, Removal::Prune).unwrap();
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.report(&unit).is_none() }).await;
    let mut deleted = BTreeSet::new();
    for name in (0..5).map(|n| format!("c{n:03}")) {
        if world.config_map(&name).await.is_none() {
            deleted.insert(name);
        }
    }
    assert_eq!(listed.goes.into_iter().map(|key| key.name).collect::<BTreeSet<_>>(), deleted);
    assert_eq!(deleted.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_leaves_does_not_wait_for_ever_for_one_that_takes_nothing_over() {
    for (how, is_broken) in [("suspended", false), ("its inventory proves nothing", true)] {
        let mut world = World::new().await;
        let b = world.set("b", 1, vec![config_map("b", "1")]);
        world.applied(&b).await;
        let of_b = world.inventories().await.remove(0);
        let a = world.set("a", 1, vec![config_map("c", "1"), config_map("goes", "1")]);
        world.applied(&a).await;
        let wants = vec![config_map("b", "1"), config_map("c", "1")];
        if is_broken {
            world.stop();
            let path = format!("/api/v1/namespaces/kurator-system/secrets/{of_b}");
            world.edit(&path, "somebody", json!({"data": {"authenticator": "AAAA"}})).await;
            world.stage("b", 2, wants, |_| {});
            world.restart();
            world.until(&b, "broken", |r| r.unreadable).await;
        } else {
            world.set_with("b", 2, wants, |entry| entry.suspend = true);
            world.until(&b, how, |r| r.phase == UnitPhase::Suspended).await;
        }
        let uid = model::object::uid(&world.config_map("c").await.unwrap()).unwrap().to_owned();
        world.change(&a, |entry| entry.removal = Removal::Prune);
        // It says for whom it waits, and goes at last; what the other one wants is left to it.
        world.until(&a, "waiting", |r| r.message.contains("handed over to app/b")).await;
        world.eventually("removed", || async { world.removed(&a).is_some() }).await;
        let said = world.removed(&a).unwrap();
        let why = "app/b names it, and has not taken it over";
        assert_eq!(waiting(&said), [(WaitingCause::NotOurs, 1, "ConfigMap shop/c", why)], "{how}");
        assert_eq!(model::object::uid(&world.config_map("c").await.unwrap()), Some(uid.as_str()), "{how}");
        assert!(world.config_map("goes").await.is_none());
        if !is_broken {
            world.change(&b, |entry| entry.suspend = false);
            world.applied(&b).await;
            assert_eq!(model::object::uid(&world.config_map("c").await.unwrap()), Some(uid.as_str()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_leaves_hands_over_what_a_busy_neighbour_wants() {
    let mut world = World::new().await;
    let b = world.set("b", 1, vec![config_map("b", "0")]);
    world.applied(&b).await;
    for round in 1..=10_u64 {
        let a = world.set("a", round, vec![config_map("moves", "1"), config_map("goes", "1")]);
        world.applied(&a).await;
        let uid = model::object::uid(&world.config_map("moves").await.unwrap()).unwrap().to_owned();
        // The neighbour is in the middle of something when it is told.
        world.set("b", 2 * round, vec![config_map("b", &format!("{round}"))]);
        tokio::task::yield_now().await;
        world.stage("b", 2 * round + 1, vec![config_map("b", &format!("{round}")), config_map("moves", "1")], |_| {});
        world.change(&a, |entry| entry.removal = Removal::Prune);
        world
            .eventually("gone", || async { world.config_map("goes").await.is_none() && world.report(&a).is_none() })
            .await;
        world.applied(&b).await;
        assert_eq!(model::object::uid(&world.config_map("moves").await.unwrap()), Some(uid.as_str()), "round {round}");
        // And back, for the next round.
        world.forget(&a);
        world.stage("b", 2 * round + 2, vec![config_map("b", "0")], |_| {});
        world.set("a", round + 1, vec![config_map("moves", "1"), config_map("goes", "1")]);
        world.until(&b, "let go", |r| r.objects.inventory == 1).await;
        assert_eq!(model::object::uid(&world.config_map("moves").await.unwrap()), Some(uid.as_str()), "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_in_conflict_takes_over_as_soon_as_the_other_one_leaves() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&a).await;
    let uid = model::object::uid(&world.config_map("c").await.unwrap()).unwrap().to_owned();
    let b = world.set("b", 1, vec![config_map("c", "1")]);
    world.until(&b, "in conflict", |r| r.phase == UnitPhase::Failed && r.reason == "Conflict").await;
    world.change(&a, |entry| entry.removal = Removal::Prune);
    world.applied(&b).await;
    world.eventually("gone", || async { world.report(&a).is_none_or(|r| r.phase == UnitPhase::Removed) }).await;
    assert_eq!(model::object::uid(&world.config_map("c").await.unwrap()), Some(uid.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_could_not_be_carried_out_does_not_release_a_later_loss() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(20));
    world.applied(&unit).await;
    world.faults.add(Method::DELETE, "configmaps/c019", usize::MAX, Act::Refuse(403));
    world.set("a", 2, config_maps(19));
    world.until(&unit, "held", |r| r.phase == UnitPhase::DeletionsHeld).await;
    world.guard(&unit, None);
    world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed || r.message.contains("broken")).await;
    world.set("a", 3, config_maps(20));
    world.applied(&unit).await;
    world.faults.clear();
    world.restart();
    world.set("a", 4, vec![]);
    let report = world.until(&unit, "held", |r| r.epoch == 4 && r.phase == UnitPhase::DeletionsHeld).await;
    assert_eq!(report.deletions.as_ref().unwrap().count, 20);
    world.quiet().await;
    assert!(world.config_map("c019").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_about_a_secret_that_is_deleted_or_given_back_is_not_repeated() {
    for removal in [Removal::Prune, Removal::Release] {
        let mut world = World::new().await;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}});
        let unit = world.set("a", 1, vec![secret]);
        world.applied(&unit).await;
        for method in [Method::DELETE, Method::PATCH] {
            world.faults.add(method, "shop/secrets/s", usize::MAX, Act::Refuse(422));
        }
        world.change(&unit, |entry| entry.removal = removal);
        let refused =
            |r: &api::feed::UnitReport| r.details.iter().any(|row| row.message.contains("refused the Secret"));
        let report = world.until(&unit, "refused", refused).await;
        assert!(!format!("{report:?}").contains("it is broken"), "{report:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_made_and_left_the_source_is_dropped_and_what_fails_now_is_said_first() {
    let mut world = World::new().await;
    world.faults.add(Method::PATCH, "configmaps/b-refused", usize::MAX, Act::Refuse(422));
    world.faults.add(Method::PATCH, "configmaps/z-fails", usize::MAX, Act::Refuse(422));
    let maps = |names: &[&str]| names.iter().map(|name| config_map(name, "1")).collect::<Vec<_>>();
    let unit = world.set("a", 1, maps(&["a-made", "b-refused", "k", "l", "m"]));
    world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed && r.message.contains("b-refused")).await;
    // One that was made and one that was not leave the source, and another one fails.
    world.set("a", 2, maps(&["k", "l", "m", "z-fails"]));
    let report = world.until(&unit, "refused", |r| r.epoch == 2 && r.phase == UnitPhase::Failed).await;
    assert!(report.message.contains("z-fails") && !report.message.contains("b-refused"), "{}", report.message);
    assert!(report.details.iter().all(|row| row.key.name != "b-refused"), "it was never made: {report:#?}");
    let list = report.deletions.clone().unwrap();
    assert_eq!((list.count, list.sample), (1, vec!["ConfigMap shop/a-made".to_owned()]));
    // The hub lets it go, and it waits for the object that fails: nothing is held.
    world.guard(&unit, None);
    let pending = |r: &UnitReport| r.details.iter().any(|row| row.sync == SyncState::PrunePending);
    let report = world.until(&unit, "pending", pending).await;
    assert_eq!(detail(&report, "a-made").sync, SyncState::PrunePending);
    assert!(report.details.iter().all(|row| row.sync != SyncState::DeletionHeld));
    world.faults.clear();
    world.eventually("gone", || async { world.config_map("a-made").await.is_none() }).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_member_does_not_delete_is_counted_as_there_and_named_also_when_the_unit_leaves() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c1", "1"), config_map("c2", "1"), config_map("c3", "1")]);
    world.applied(&unit).await;
    world.faults.add(Method::DELETE, "configmaps/c2", usize::MAX, Act::Refuse(403));
    world.set("a", 2, vec![config_map("c3", "1")]);
    let refused = (WaitingCause::Refused, 1, "ConfigMap shop/c2", "Broken");
    world.until(&unit, "told", |r| r.deletions.is_some()).await;
    world.guard(&unit, None);
    let report = world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed && r.objects.inventory == 2).await;
    assert_eq!(report.deletions.as_ref().map(|list| (list.released, list.left)), Some((2, 1)));
    assert_eq!(waiting(&report), [refused]);
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let report = world.until(&unit, "stuck", |r| r.phase == UnitPhase::Removing && r.objects.inventory == 1).await;
    assert_eq!((waiting(&report), report.message.contains("ConfigMap shop/c2: ")), (vec![refused], true));
    world.faults.clear();
    world.eventually("gone", || async { world.removed(&unit).is_some() }).await;
}

/// As when somebody put it on while the member was away, and the Application is gone by the time it answers.
#[tokio::test(start_paused = true)]
async fn a_unit_that_a_finalizer_keeps_in_the_member_says_so_with_the_object() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(2));
    world.applied(&unit).await;
    world.edit(&config_map_path("c001"), "guard", json!({"metadata": {"finalizers": ["example.com/hold"]}})).await;
    world.change(&unit, |entry| {
        entry.removal = Removal::Prune;
        entry.epoch += 1;
    });
    let report = world.until(&unit, "held", |r| r.reason == api::reason::BEING_DELETED).await;
    assert_eq!(report.phase, UnitPhase::Removing);
    let said = "ConfigMap shop/c001 is being deleted, and waits for finalizer example.com/hold";
    assert!(report.message.contains(said), "{}", report.message);
    let before = world.quiet().await;
    // Another process says the same.
    world.restart();
    world.until(&unit, "held again", |r| r.reason == api::reason::BEING_DELETED).await;
    assert_eq!(world.quiet().await, before);
    world.edit(&config_map_path("c001"), "guard", json!({"metadata": {"finalizers": null}})).await;
    world
        .eventually("gone", || async {
            world.config_map("c001").await.is_none() && world.inventories().await.is_empty()
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_another_unit_takes_over_is_said_to_be_in_no_list_until_it_is_taken_over_or_lost() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![config_map("c", "1"), config_map("stays", "1")]);
    world.applied(&a).await;
    let b = world.set_with("b", 1, vec![config_map("c", "1")], |entry| entry.suspend = true);
    world.until(&b, "suspended", |r| r.phase == UnitPhase::Suspended).await;
    world.set("a", 2, vec![config_map("stays", "1")]);
    let report = world.until(&a, "told", |r| r.epoch == 2 && r.unlisted).await;
    assert_eq!((&report.deletions, report.uncounted, report.unweighed), (&None, false, false));
    assert_eq!(waiting(&report).first().map(|waits| waits.0), Some(WaitingCause::Handover));
    world.change(&b, |entry| entry.removal = Removal::Prune);
    let report = world.until(&a, "listed", |r| r.deletions.is_some()).await;
    assert!(!report.unlisted && report.deletions.as_ref().is_some_and(|list| list.count == 1), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_would_only_be_given_back_is_missing_in_no_list() {
    let mut world = World::new().await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("c", "old")).await;
    let a = world.set("a", 1, vec![config_map("c", "1"), config_map("stays", "1")]);
    world.applied(&a).await;
    let b = world.set_with("b", 1, vec![config_map("c", "1")], |entry| entry.suspend = true);
    world.until(&b, "suspended", |r| r.phase == UnitPhase::Suspended).await;
    world.set("a", 2, vec![config_map("stays", "1")]);
    let report = world.until(&a, "told", |r| r.epoch == 2 && !r.waiting.is_empty()).await;
    assert_eq!(waiting(&report).first().map(|waits| waits.0), Some(WaitingCause::Handover));
    assert_eq!((report.objects.adopted, report.unlisted, report.uncounted), (1, false, false));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_deleted_is_not_counted_as_deleted_and_what_takes_its_time_is() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(5));
    world.applied(&unit).await;
    let hold = |finalizers: serde_json::Value| json!({"metadata": {"finalizers": finalizers}});
    for name in ["c001", "c003"] {
        world.edit(&config_map_path(name), "guard", hold(json!(["example.com/hold"]))).await;
    }
    world.set("a", 2, config_maps(1));
    world.until(&unit, "told", |r| r.deletions.as_ref().is_some_and(|list| list.count == 4)).await;
    // One is gone, and one is on its way out, before the list is granted.
    for name in ["c002", "c003"] {
        world.delete(&config_map_path(name)).await;
    }
    world.guard(&unit, None);
    world.until(&unit, "two left", |r| r.objects.inventory == 3).await;
    for name in ["c001", "c003"] {
        world.edit(&config_map_path(name), "guard", hold(json!(null))).await;
    }
    let report = world.until(&unit, "done", |r| r.objects.inventory == 1).await;
    assert_eq!(report.deleted.map(|counted| counted.count), Some(2), "c001 and c004");
}
