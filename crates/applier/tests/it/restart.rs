//! A process that starts finds out by reading what was applied before it, and writes nothing to a settled member.

use api::delivery::{Removal, UnitPhase, UnitStatus, label};
use api::feed::SyncState;
use http::Method;
use model::Clock as _;
use plan::report::NOT_ASKED;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, deployment, deployment_path, detail, unit};

/// Restarts, and checks that the unit is applied again without a write.
async fn restarts_without_a_write(world: &mut World, what: &str) {
    let before = world.a_while().await;
    world.restart();
    let report = world.applied(&unit("a")).await;
    assert_eq!(world.a_while().await, before, "{what}");
    assert_eq!((report.reverted(), report.phase), (0, UnitPhase::Applied), "{what}");
}

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
        "stringData": {"password": value}})
}

fn autoscaler() -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})
}

const AUTOSCALERS: &str = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers";

#[tokio::test(start_paused = true)]
async fn what_the_server_writes_otherwise_is_no_change() {
    let mut world = World::new().await;
    // Quantities in another form, an empty list, ports without the protocol that the server adds, a Secret's texts.
    let mut web = deployment("web", 2, "nginx");
    web["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": "0.25"}});
    web["spec"]["template"]["spec"]["tolerations"] = json!([]);
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}});
    let mut meddled = config_map("meddled", "1");
    meddled["data"]["meddle"] = json!("please");
    world.set("a", 1, vec![web, service, meddled, secret("hello"), config_map("c", "1")]);
    world.applied(&unit("a")).await;
    restarts_without_a_write(&mut world, "once").await;
    restarts_without_a_write(&mut world, "twice").await;
    let report = world.applied(&unit("a")).await;
    assert_eq!(detail(&report, "meddled").changed_by_admission, ["data.meddle"]);
    // The next change of one object is one write.
    let before = world.quiet().await;
    world.edit(&config_map_path("c"), "kubectl", json!({"data": {"a": "2"}})).await;
    world.until(&unit("a"), "reverted", |r| r.reverted() == 1 && r.objects.applied == 5).await;
    assert_eq!(world.quiet().await, before + 2);
}

/// As with a webhook that has side effects: the API server refuses dry runs of what it would ask.
#[tokio::test(start_paused = true)]
async fn what_a_member_cannot_be_asked_about_stays_as_it_is_at_every_start() {
    let mut world = World::new().await;
    let mut meddled = config_map("meddled", "1");
    meddled["data"]["meddle"] = json!("please");
    let unit = world.set("a", 1, vec![meddled, config_map("c", "1")]);
    world.applied(&unit).await;
    world.faults.add(Method::PATCH, "dryRun=All", usize::MAX, Act::Refuse(400));
    for what in ["once", "twice", "three times"] {
        restarts_without_a_write(&mut world, what).await;
    }
    let report = world.applied(&unit).await;
    let row = detail(&report, "meddled");
    assert_eq!((row.sync, row.reason.as_str()), (SyncState::Synced, NOT_ASKED), "{row:#?}");
    assert_eq!(row.changed_by_admission, ["data.meddle"]);
    assert_eq!(detail(&report, "c").reason, "");
    // A change that shows who made it is taken back as ever.
    world.edit(&config_map_path("meddled"), "kubectl", json!({"data": {"a": "2"}})).await;
    let report = world.until(&unit, "reverted", |r| r.reverted() == 1 && r.objects.applied == 2).await;
    assert_eq!(detail(&report, "meddled").reason, "", "it was sent, and the answer is known");
}

#[tokio::test(start_paused = true)]
async fn what_no_list_showed_is_read_one_by_one() {
    let mut world = World::new().await;
    world.faults.add(Method::GET, "/apis/apps/v1/deployments?", usize::MAX, Act::Refuse(500));
    world.set("a", 1, vec![deployment("web", 2, "nginx"), config_map("c", "1")]);
    world.applied(&unit("a")).await;
    restarts_without_a_write(&mut world, "unseen").await;
    // Changed while no process ran: seen by that reading.
    world.stop();
    let scale = json!({"spec": {"paused": true, "replicas": 3}});
    world.edit(&deployment_path("web"), "kubectl", scale).await;
    world.restart();
    world.until(&unit("a"), "reverted", |r| r.reverted() == 1 && r.objects.applied == 2).await;
    assert_eq!(world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn replicas_that_an_autoscaler_set_are_known_after_a_restart() {
    let mut world = World::new().await;
    world.set("a", 1, vec![deployment("web", 2, "nginx")]);
    world.applied(&unit("a")).await;
    world.post(AUTOSCALERS, autoscaler()).await;
    let scale = format!("{}/scale", deployment_path("web"));
    world.edit(&scale, "kube-controller-manager", json!({"spec": {"replicas": 5}})).await;
    restarts_without_a_write(&mut world, "scaled by another").await;
    // A new image is sent with its replicas, which makes them ours too.
    world.set("a", 2, vec![deployment("web", 2, "nginx:2")]);
    world.applied(&unit("a")).await;
    restarts_without_a_write(&mut world, "sent with its replicas").await;
    assert_eq!(world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"], 5);
    let report = world.applied(&unit("a")).await;
    assert!(detail(&report, "web").changed_by_admission.is_empty());
    // It went while no process ran: what it left behind is taken back, and nobody is blamed.
    world.stop();
    world.delete(&format!("{AUTOSCALERS}/web")).await;
    world.restart();
    world
        .eventually("back", || async { world.get(&deployment_path("web")).await.unwrap()["spec"]["replicas"] == 2 })
        .await;
    assert_eq!(world.applied(&unit("a")).await.reverted(), 0);
    restarts_without_a_write(&mut world, "without an autoscaler").await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_object_is_one_write_and_no_inventory() {
    let mut world = World::new().await;
    let mut objects = config_maps(20);
    world.set("a", 1, objects.clone());
    world.applied(&unit("a")).await;
    let before = world.quiet().await;
    objects[3] = config_map("c003", "2");
    world.set("a", 2, objects.clone());
    world.applied(&unit("a")).await;
    assert_eq!(world.quiet().await, before + 1);
    // Also by a process that knows nothing yet.
    objects[4] = config_map("c004", "2");
    world.stop();
    world.set("a", 3, objects);
    world.restart();
    world.applied(&unit("a")).await;
    assert_eq!(world.quiet().await, before + 2);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_unit_tells_after_a_restart_what_changed() {
    let mut world = World::new().await;
    world.set("a", 1, vec![config_map("c", "1"), config_map("d", "1")]);
    world.applied(&unit("a")).await;
    world.stop();
    world.edit(&config_map_path("c"), "kubectl", json!({"data": {"a": "2"}})).await;
    let before = world.quiet().await;
    world.change(&unit("a"), |entry| entry.suspend = true);
    world.restart();
    let told = |r: &api::feed::UnitReport| r.last_drift.is_some() && detail(r, "c").sync == SyncState::Drifted;
    let report = world.until(&unit("a"), "told", told).await;
    assert_eq!(report.last_drift.as_ref().unwrap().fields[0].path, "data.a");
    assert_eq!(detail(&report, "d").sync, SyncState::Synced);
    assert_eq!(world.quiet().await, before);
}

#[tokio::test(start_paused = true)]
async fn the_digest_of_a_secret_says_nothing_of_its_values() {
    let mut world = World::new().await;
    world.set("a", 1, vec![secret("hello"), config_map("c", "1")]);
    world.applied(&unit("a")).await;
    let live = world.get("/api/v1/namespaces/shop/secrets/s").await.unwrap();
    let applied = |object: &Value| model::object::annotation(object, label::APPLIED).unwrap().to_owned();
    assert!(applied(&live).starts_with("hmac-sha256:"), "{live}");
    assert!(applied(&world.config_map("c").await.unwrap()).starts_with("sha256:"));
}

#[tokio::test(start_paused = true)]
async fn our_annotation_that_somebody_changed_is_put_right_and_told() {
    let mut world = World::new().await;
    world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit("a")).await;
    let path = config_map_path("c");
    world.edit(&path, "vandal", json!({"metadata": {"annotations": {label::APPLIED: "sha256:x"}}})).await;
    let report = world.until(&unit("a"), "put right", |r| r.reverted() == 1 && r.objects.applied == 1).await;
    let field = &report.last_drift.as_ref().unwrap().fields[0];
    assert_eq!(
        (field.path.as_str(), field.manager.as_deref()),
        ("metadata.annotations[kurator.dev/applied]", Some("vandal"))
    );
    restarts_quietly_after_tampering(&mut world, &path).await;
}

/// While no process ran: the object is sent once more.
async fn restarts_quietly_after_tampering(world: &mut World, path: &str) {
    world.stop();
    world.edit(path, "vandal", json!({"metadata": {"annotations": {label::APPLIED: null}}})).await;
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit("a")).await;
    assert_eq!(world.quiet().await, before + 1);
    assert!(model::object::annotation(&world.get(path).await.unwrap(), label::APPLIED).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_bears_no_mark_of_ours() {
    let mut world = World::new().await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("c", "1")).await;
    world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit("a")).await;
    world.change(&unit("a"), |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    let live = world.config_map("c").await.unwrap();
    assert!(model::object::labels(&live).is_empty() && model::object::annotations(&live).is_empty(), "{live}");
}

#[tokio::test(start_paused = true)]
async fn reverts_add_up_over_a_restart() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    let mut stored: Option<UnitStatus> = None;
    let mut totals = Vec::new();
    for round in 1..=5_u64 {
        if round == 4 {
            world.restart();
            let report = world.applied(&unit).await;
            assert_eq!(report.reverts, None);
        }
        // A fight by one manager would be contested.
        world.pass_time(1);
        let by = format!("hand-{round}");
        world.edit(&config_map_path("c"), &by, json!({"data": {"a": format!("by {by}")}})).await;
        let own = if round < 4 { round } else { round - 3 };
        let report = world.until(&unit, "reverted", |r| r.reverted() == own && r.objects.applied == 1).await;
        stored = plan::unit::merge_report(&report, stored.as_ref(), world.clock.now());
        totals.push(stored.as_ref().unwrap().reverts);
    }
    assert_eq!(totals, [1, 2, 3, 4, 5]);
    // An object that leaves the unit takes no reverts along.
    world.set("a", 2, vec![config_map("d", "1")]);
    let report = world.until(&unit, "another object", |r| r.epoch == 2 && r.objects.applied == 1).await;
    assert_eq!(report.reverted(), 2);
}
