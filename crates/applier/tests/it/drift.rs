//! What somebody changes is taken back and told.

use api::delivery::{Health, UnitPhase, WaitingCause};
use api::feed::SyncState;
use http::Method;
use serde_json::json;

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, deployment, deployment_path, detail, waiting};

#[tokio::test(start_paused = true)]
async fn a_hand_edit_is_reverted_and_blamed() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![deployment("web", 2, "nginx")]);
    world.applied(&unit).await;
    world.pass_time(60);
    let scale = format!("{}/scale", deployment_path("web"));
    world.edit(&scale, "kubectl", json!({"spec": {"replicas": 7}})).await;
    let report = world.until(&unit, "reverted", |r| r.reverted() == 1 && r.objects.applied == 1).await;
    let drift = report.last_drift.as_ref().unwrap();
    assert_eq!(drift.object, "Deployment.apps shop/web");
    assert!(drift.reverted && !drift.deleted);
    assert_eq!(drift.fields.len(), 1);
    assert_eq!((drift.fields[0].path.as_str(), drift.fields[0].manager.as_deref()), ("spec.replicas", Some("kubectl")));
    assert_eq!(drift.fields[0].time.unwrap().as_second(), 1_800_000_060);
    assert_eq!(world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"], 2);
    let before = world.quiet().await;
    assert_eq!(world.quiet().await, before);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_made_good_and_names_no_actor() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.delete(&config_map_path("c")).await;
    let report = world.until(&unit, "made good", |r| r.reverted() == 1 && r.objects.applied == 1).await;
    let drift = report.last_drift.as_ref().unwrap();
    assert!(drift.deleted && drift.fields.is_empty());
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "1");
    // It is ours again, not adopted: it was made by us.
    assert!(!detail(&report, "c").adopted);
}

#[tokio::test(start_paused = true)]
async fn a_label_taken_away_is_no_deletion() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.edit(&config_map_path("c"), "vandal", json!({"metadata": {"labels": {"kurator.dev/hub": null}}})).await;
    let report = world.until(&unit, "relabelled", |r| r.reverted() == 1 && r.objects.applied == 1).await;
    let drift = report.last_drift.as_ref().unwrap();
    assert!(!drift.deleted);
    assert_eq!(drift.fields[0].path, "metadata.labels[kurator.dev/hub]");
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_nobody_looked_is_seen_after_a_restart() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("d", "1")]);
    world.applied(&unit).await;
    world.stop();
    world.edit(&config_map_path("c"), "kubectl", json!({"data": {"a": "2"}})).await;
    world.delete(&config_map_path("d")).await;
    world.restart();
    world.until(&unit, "reverted", |r| r.reverted() == 2 && r.objects.applied == 2).await;
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "1");
    assert!(world.config_map("d").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_change_under_our_own_name_while_nobody_looked_is_taken_back_and_what_admission_changed_is_not() {
    let mut world = World::new().await;
    let mut meddled = config_map("meddled", "1");
    meddled["data"]["meddle"] = json!("please");
    let unit = world.set("a", 1, vec![config_map("changed", "1"), config_map("added", "1"), meddled]);
    world.applied(&unit).await;
    world.stop();
    world.forge(&config_map_path("changed"), |object| object["data"]["a"] = json!("hacked")).await;
    world.forge(&config_map_path("added"), |object| object["data"]["more"] = json!("hacked")).await;
    world.forge(&config_map_path("meddled"), |object| object["data"]["a"] = json!("hacked")).await;
    world.restart();
    let report = world.until(&unit, "reverted", |r| r.reverted() == 3 && r.objects.applied == 3).await;
    let data = |object: Option<serde_json::Value>| object.unwrap()["data"].clone();
    assert_eq!(data(world.config_map("changed").await), json!({"a": "1"}));
    assert_eq!(data(world.config_map("added").await), json!({"a": "1"}));
    assert_eq!(data(world.config_map("meddled").await), json!({"a": "1", "meddle": "done"}));
    let fields = |name: &str| -> Vec<String> {
        detail(&report, name).drift[0].fields.iter().map(|field| field.path.clone()).collect()
    };
    assert_eq!((fields("changed"), fields("meddled")), (vec!["data.a".to_owned()], vec!["data.a".to_owned()]));
    assert_eq!(detail(&report, "meddled").changed_by_admission, ["data.meddle"]);
    // Nothing more is written, nor after another restart.
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, before);
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_a_fight_is_not_said_of_it() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    for round in 1..=3_u64 {
        world.edit(&config_map_path("c"), "rival", json!({"data": {"a": format!("rival {round}")}})).await;
        world.until(&unit, "reverted", |r| r.reverted() == round && r.objects.applied == 1).await;
    }
    world.faults.add(Method::GET, &config_map_path("c"), 1, Act::Refuse(500));
    world.edit(&config_map_path("c"), "rival", json!({"data": {"a": "rival wins"}})).await;
    let report = world.until(&unit, "contested", |r| detail(r, "c").sync == SyncState::Contested).await;
    assert!(!world.failures().is_empty(), "it failed first");
    assert_eq!((report.phase, report.reason.as_str()), (UnitPhase::Applied, api::reason::CONTESTED));
    assert_eq!(waiting(&report), [(WaitingCause::Contested, 1, "ConfigMap shop/c", "")]);
    world.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_fight_is_contested_and_left_alone() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("other", "1")]);
    world.applied(&unit).await;
    for round in 1..=3_u64 {
        world.pass_time(10);
        world.edit(&config_map_path("c"), "rival", json!({"data": {"a": format!("rival {round}")}})).await;
        world.until(&unit, "reverted", |r| r.reverted() == round && r.objects.applied == 2).await;
    }
    world.edit(&config_map_path("c"), "rival", json!({"data": {"a": "rival wins"}})).await;
    let report = world.until(&unit, "contested", |r| detail(r, "c").sync == SyncState::Contested).await;
    assert_eq!(waiting(&report), [(WaitingCause::Contested, 1, "ConfigMap shop/c", "")]);
    let row = detail(&report, "c");
    assert_eq!(row.drift[0].fields[0].manager.as_deref(), Some("rival"));
    assert!(row.message.starts_with("changed again and again by rival; it is left alone until 20"), "{}", row.message);
    assert!(report.message.contains("ConfigMap shop/c is changed again and again by rival"), "{}", report.message);
    assert!(report.message.contains("it is left alone until 20"), "{}", report.message);
    let before = world.quiet().await;
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "rival wins");
    // The other object is still ours.
    world.edit(&config_map_path("other"), "kubectl", json!({"data": {"a": "2"}})).await;
    world.until(&unit, "reverted", |r| r.reverted() == 4).await;
    assert_eq!(world.quiet().await, before + 2);
    // A new version does not wait, and the fight goes on where it was.
    let unit = world.set("a", 2, vec![config_map("c", "2"), config_map("other", "2")]);
    let report = world.applied(&unit).await;
    assert_eq!((report.epoch, report.reason.as_str(), report.objects.applied), (2, "Applied", 2));
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "2");
    world.edit(&config_map_path("c"), "rival", json!({"data": {"a": "rival wins"}})).await;
    let report = world.until(&unit, "contested", |r| r.reason == api::reason::CONTESTED).await;
    assert_eq!(report.reverted(), 4);
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "rival wins");
}

#[tokio::test(start_paused = true)]
async fn replicas_that_an_autoscaler_owns_are_not_ours() {
    let mut world = World::new().await;
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    let unit = world.set("a", 1, vec![deployment("web", 2, "nginx")]);
    world.applied(&unit).await;
    world.post("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", hpa).await;
    let scale = format!("{}/scale", deployment_path("web"));
    world.edit(&scale, "kube-controller-manager", json!({"spec": {"replicas": 5}})).await;
    let before = world.quiet().await;
    world.edit(&scale, "kube-controller-manager", json!({"spec": {"replicas": 6}})).await;
    assert_eq!(world.quiet().await, before + 1);
    let report = world.applied(&unit).await;
    assert_eq!(report.reverted(), 0);
    // A new image comes without touching the replicas.
    world.set("a", 2, vec![deployment("web", 2, "nginx:2")]);
    world.applied(&unit).await;
    assert_eq!(world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"], 6);
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, before);
    // Forced, they are ours.
    world.set_with("a", 3, vec![deployment("web", 2, "nginx:3")], |entry| entry.force = true);
    world.applied(&unit).await;
    assert_eq!(world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn replicas_come_back_when_the_autoscaler_goes() {
    let mut world = World::new().await;
    world.stop();
    world.limits.resync = std::time::Duration::from_millis(200);
    world.start();
    let unit = world.set("a", 1, vec![deployment("web", 2, "nginx")]);
    world.applied(&unit).await;
    let autoscalers = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers";
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    world.post(autoscalers, hpa).await;
    let scale = format!("{}/scale", deployment_path("web"));
    world.edit(&scale, "kube-controller-manager", json!({"spec": {"replicas": 5}})).await;
    world.a_while().await;
    assert_eq!(world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"], 5);
    world.delete(&format!("{autoscalers}/web")).await;
    world
        .eventually("back", || async { world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"] == 2 })
        .await;
    assert_eq!(world.applied(&unit).await.reverted(), 0);
}

#[tokio::test(start_paused = true)]
async fn health_follows_the_member() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![deployment("web", 2, "nginx")]);
    let report = world.applied(&unit).await;
    assert_eq!((report.health, report.pods.desired, report.pods.ready), (Health::Progressing, 2, 0));
    let before = world.quiet().await;
    let status = json!({"status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]}});
    world.edit(&format!("{}/status", deployment_path("web")), "kube-controller-manager", status).await;
    let report = world.until(&unit, "healthy", |r| r.health == Health::Healthy).await;
    assert_eq!((report.pods.ready, report.objects.healthy), (2, 1));
    assert_eq!(world.quiet().await, before + 1);
    assert_eq!(report.phase, UnitPhase::Applied);
}
