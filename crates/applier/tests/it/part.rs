//! Parts of a member, or of a unit, that fail and do not stop the rest.

use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Health, UnitPhase, WaitingCause};
use api::feed::{Payload, Phase, SyncState, UnitReport, Wait};
use applier::Link;
use client::Backoff;
use http::Method;
use serde_json::json;

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, deployment, deployment_path, detail, waiting};

#[tokio::test(start_paused = true)]
async fn an_api_behind_the_server_that_is_down_stops_only_its_objects() {
    let mut world = World::new().await;
    world.faults.add(Method::GET, "/apis/metrics.example.com/v1", usize::MAX, Act::Refuse(503));
    let behind =
        json!({"apiVersion": "metrics.example.com/v1", "kind": "Rule", "metadata": {"name": "r", "namespace": "shop"}});
    let a = world.set("a", 1, vec![behind, config_map("good", "1")]);
    let b = world.set("b", 1, vec![config_map("b", "1")]);
    world.applied(&b).await;
    let report = world.until(&a, "one refused", |r| r.objects.failed == 1 && r.objects.applied == 1).await;
    assert_eq!((report.phase, report.reason.as_str()), (UnitPhase::Failed, "Unavailable"));
    assert!(report.message.contains("the rest of the member answers"), "{}", report.message);
    assert_eq!(world.push.link(&world.member).unwrap().link, Link::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_answers_nothing_but_503_is_unreachable() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(1));
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/api", usize::MAX, Act::Refuse(503));
    world.stop();
    world.restart();
    world.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown && r.health == Health::Unknown).await;
    assert!(matches!(world.push.link(&world.member).unwrap().link, Link::Unreachable(_)));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_the_member_cannot_list_stops_only_what_is_known_of_it() {
    let mut world = World::new().await;
    world.faults.add(Method::GET, "/apis/apps/v1/deployments?", usize::MAX, Act::Refuse(500));
    let a = world.set("a", 1, vec![deployment("web", 1, "nginx"), config_map("c", "1")]);
    let b = world.set("b", 1, vec![config_map("b", "1")]);
    world.applied(&b).await;
    let blind = |r: &UnitReport| detail(r, "web").reason == "NotVisible" && r.objects.applied == 2;
    world.until(&a, "applied unseen", blind).await;
    assert!(world.get(&deployment_path("web")).await.is_some());
    let c = world.set("c", 1, vec![config_map("c2", "1")]);
    world.applied(&c).await;
    assert_eq!(world.push.link(&world.member).unwrap().link, Link::Connected);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_is_not_called_healthy_whatever_a_request_of_ours_showed() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("d", "1")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/api/v1/configmaps?", usize::MAX, Act::Refuse(403));
    world.restart();
    let unseen = |r: &UnitReport| {
        let rows = r.details.iter().all(|row| row.health == Health::Unknown && row.reason == "NotVisible");
        rows && r.health == Health::Unknown && r.reason == "NotVisible"
    };
    let report = world.until(&unit, "unseen", unseen).await;
    assert_eq!(report.objects.applied, 2, "what was applied is believed");
    assert!(report.message.starts_with("ConfigMap shop/c cannot be seen: it is broken"), "{}", report.message);
    // A new version is sent, and its answer shows the object once.
    world.set("a", 2, vec![config_map("c", "2"), config_map("d", "1")]);
    let report = world.until(&unit, "applied", |r| r.epoch == 2 && r.objects.applied == 2).await;
    assert!(unseen(&report), "{report:#?}");
    world.set("a", 3, vec![config_map("c", "3"), config_map("d", "1")]);
    world.until(&unit, "applied again", |r| r.epoch == 3 && r.objects.applied == 2).await;
    let before = world.a_while().await;
    assert!(unseen(&world.report(&unit).unwrap()));
    assert_eq!(world.a_while().await, before, "nothing is written again");
    world.faults.clear();
    world.until(&unit, "seen again", |r| r.health == Health::Healthy && r.reason == "Applied").await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_come_leaves_nothing_healthy() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.stop();
    world.limits.api.list = Duration::from_secs(3_600);
    world.limits.api.request = Duration::from_secs(3_600);
    world.faults.add(Method::GET, "/api/v1/configmaps?", 1, Act::Hang);
    world.restart();
    let unlisted = |r: &UnitReport| r.phase == UnitPhase::Applying && r.reason == "NotVisible";
    let report = world.until(&unit, "unlisted", unlisted).await;
    assert_eq!(report.health, Health::Unknown);
    assert!(report.message.contains("has not listed"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_new_object_is_not_called_healthy_while_its_list_does_not_come() {
    let mut world = World::new().await;
    world.stop();
    world.limits.api.list = Duration::from_secs(3_600);
    world.limits.api.request = Duration::from_secs(3_600);
    world.faults.add(Method::GET, "/api/v1/configmaps?", 1, Act::Hang);
    world.restart();
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    let unlisted = |r: &UnitReport| r.health == Health::Unknown && r.reason == "NotVisible";
    world.until(&unit, "not seen", unlisted).await;
}

#[tokio::test(start_paused = true)]
async fn a_phase_runs_out_of_time_once_and_the_next_is_looked_after() {
    let mut world = World::new().await;
    let phase = |name: &str, object, wait, timeout_secs| Phase {
        name: name.to_owned(),
        objects: vec![Arc::new(object)],
        wait,
        timeout_secs,
        hook: None,
    };
    // Nothing runs deployments here.
    let payload = Payload {
        phases: vec![
            phase("first", deployment("web", 1, "nginx"), Wait::Healthy, 1),
            phase("second", config_map("c", "1"), Wait::Accepted, 60),
        ],
    };
    let unit = world.stage_payload("a", 1, &payload, |_| {});
    world.publish();
    let report = world.until(&unit, "waiting", |r| r.phase == UnitPhase::Waiting).await;
    assert_eq!(waiting(&report), [(WaitingCause::Phase, 1, "ConfigMap shop/c", "")]);
    let report = world.until(&unit, "out of time", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!(waiting(&report), [(WaitingCause::Overdue, 1, "Deployment.apps shop/web", "")]);
    assert_eq!(
        (detail(&report, "web").reason.as_str(), detail(&report, "web").sync),
        ("PhaseTimeout", SyncState::Failed)
    );
    assert_eq!(detail(&report, "c").sync, SyncState::Synced);
    for round in 1..=3 {
        world.edit(&config_map_path("c"), &format!("hand-{round}"), json!({"data": {"a": "2"}})).await;
        let still = |r: &UnitReport| {
            assert_eq!(r.phase, UnitPhase::Failed, "it waits again");
            r.reverted() == round
        };
        world.until(&unit, "reverted", still).await;
    }
    // When it comes after all, all is well.
    let status = json!({"status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]}});
    world.edit(&format!("{}/status", deployment_path("web")), "kube-controller-manager", status).await;
    world.applied(&unit).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_answer_is_lost_is_read_again_and_not_taken_for_anothers() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.faults.add(Method::PUT, "/secrets/kurator-", 1, Act::Lie(504));
    world.set("a", 2, vec![config_map("c", "2"), config_map("d", "1")]);
    let report = world
        .until(&unit, "applied", |r| {
            assert_ne!(r.reason, "Fenced");
            r.phase == UnitPhase::Applied && r.epoch == 2 && r.objects.applied == 2
        })
        .await;
    assert_eq!(report.objects.adopted, 0);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_had_nothing_left_comes_back_without_a_false_alarm() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.set("a", 2, vec![]);
    world.until(&unit, "held", |r| r.deletions.is_some()).await;
    let held = world.guard(&unit, None).held.unwrap();
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "emptied", |r| r.objects.inventory == 0).await;
    world.forget(&unit);
    world.eventually("left", || async { world.push.link(&world.member).unwrap().orphans == [unit.clone()] }).await;
    world.set("a", 3, vec![config_map("c", "1")]);
    let fine = |r: &UnitReport| {
        assert_ne!(r.phase, UnitPhase::Failed, "{}", r.message);
        r.epoch == 3 && r.objects.applied == 1
    };
    world.until(&unit, "back", fine).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_made_anew_does_not_wait_for_a_retry() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![deployment("web", 1, "nginx")]);
    world.applied(&unit).await;
    let mut changed = deployment("web", 1, "nginx");
    changed["spec"]["selector"]["matchLabels"] = json!({"app": "web", "tier": "x"});
    changed["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "x"});
    world.set_with("a", 2, vec![changed.clone()], |entry| entry.force = true);
    let at_once = |r: &UnitReport| {
        assert_ne!(r.reason, "BeingDeleted");
        r.epoch == 2 && r.objects.applied == 1
    };
    world.until(&unit, "made again", at_once).await;
    // One that cannot go at once is made as soon as it is gone, however often it was looked at before.
    let guard = json!({"metadata": {"finalizers": ["example.com/wait"]}});
    world.edit(&deployment_path("web"), "guard", guard).await;
    world.set_with("a", 3, vec![deployment("web", 1, "nginx")], |entry| entry.force = true);
    let report = world.until(&unit, "leaving", |r| r.epoch == 3 && r.reason == "BeingDeleted").await;
    assert!(!detail(&report, "web").adopted);
    assert_eq!(waiting(&report), [(WaitingCause::BeingDeleted, 1, "Deployment.apps shop/web", "")]);
    world.edit(&deployment_path("web"), "guard", json!({"metadata": {"finalizers": null}})).await;
    let report = world.applied(&unit).await;
    assert_eq!(waiting(&report), []);
    assert!(!detail(&report, "web").adopted);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_named_and_not_listed_is_asked_for_less_and_less_often() {
    let mut world = World::new().await;
    let list = "/api/v1/configmaps?";
    world.faults.add(Method::GET, list, usize::MAX, Act::Hide);
    let unit = world.set("a", 1, vec![config_map("c", "1"), deployment("web", 1, "nginx")]);
    world.until(&unit, "looked at", |r| r.epoch == 1).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let asked = world.requests();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let asked = world.requests() - asked;
    assert!((20..1_000).contains(&asked), "{asked} requests in ten minutes");
    // When it is listed again, it is seen within the longest pause.
    world.faults.clear();
    tokio::time::sleep(Backoff::MEMBER.longest).await;
    world.edit(&config_map_path("c"), "vandal", json!({"data": {"a": "2"}})).await;
    world.until(&unit, "reverted", |r| r.reverted() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_has_objects_of_a_kind_that_is_not_listed_goes_on() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1"), deployment("web", 1, "nginx")]);
    world.applied(&unit).await;
    world.stop();
    world.faults.add(Method::GET, "/api/v1/configmaps?", usize::MAX, Act::Hide);
    world.set("a", 2, vec![config_map("c", "1"), deployment("web", 2, "nginx")]);
    world.restart();
    world.until(&unit, "looked at", |r| r.epoch == 2).await;
    world
        .eventually("applied", || async { world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"] == 2 })
        .await;
}
