//! An Application's status follows every stored object that it is folded from. One test, one relation of `status::watch`.

use controllers::Controller;
use serde_json::{Value, json};

use crate::world::{APPLICATIONS, ATTACHED, CLUSTERS, DECISIONS, STATUSES, World, attached, condition, is, ready};

const UNIT: &str = "apps.kurator.dev/Application/default/app/p";
const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

fn app() -> String {
    format!("{APPLICATIONS}/app")
}

fn application() -> Value {
    json!({
        "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "app"},
        "spec": {
            "source": {"gitRepository": {"url": "http://192.0.2.1/x.git", "interval": "1h"}},
            "destination": {"fleet": "f"},
            "syncPolicies": [{"name": "p", "kustomization": {"interval": "5m", "path": "./", "prune": true}}],
        },
    })
}

fn decision(revision: &str, members: &[&str]) -> Value {
    let entry = json!({"revision": revision, "epoch": 1, "digest": DIGEST, "reason": "a test says so"});
    let members: serde_json::Map<String, Value> =
        members.iter().map(|member| ((*member).to_owned(), entry.clone())).collect();
    json!({
        "apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "d-0"},
        "spec": {"unit": UNIT, "slice": 0, "prune": true, "explanation": {"revision": revision}, "members": members},
    })
}

fn report(revision: &str, phase: &str, health: &str) -> Value {
    json!({UNIT: {
        "revision": revision, "epoch": 1, "phase": phase, "health": health, "applied": DIGEST,
        "since": "2026-01-01T00:00:00Z",
    }})
}

/// Why the unit is as it is in the first member.
fn in_its_member(app: &Value) -> String {
    let reason = &app["status"]["syncStatus"][0]["kustomizationStatus"]["conditions"][0]["reason"];
    reason.as_str().unwrap_or_default().to_owned()
}

/// A member's record, made by hand, that answers.
async fn add_member(world: &World, name: &str) {
    let record = json!({
        "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": name},
        "spec": {"syncMode": "Push"},
    });
    world.create(CLUSTERS, record).await;
    world.is_ready(name, "True").await;
}

/// A slice of a member's report with this unit in it.
async fn reports(world: &World, member: &str, slice: u32, units: Value) {
    let name = format!("{member}-{slice}");
    let path = format!("{STATUSES}/{name}");
    if world.get(&path).await.is_none() {
        let object = json!({
            "apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "MemberStatus", "metadata": {"name": name},
            "spec": {"member": member, "slice": slice},
        });
        world.create(STATUSES, object).await;
    }
    world.set_status(&path, json!({"units": units})).await;
}

/// An Application whose unit is delivered to `a`.
async fn delivered() -> World {
    let world = World::with(Controller::Status).await;
    add_member(&world, "a").await;
    world.create(APPLICATIONS, application()).await;
    world.create(DECISIONS, decision("r-1", &["a"])).await;
    world.until(&app(), ready, is("False", "Pending")).await;
    reports(&world, "a", 0, report("r-1", "Applied", "Healthy")).await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_report_is_folded_and_a_second_pass_writes_nothing() {
    let mut world = delivered().await;
    for (phase, health, status, reason) in [
        ("Failed", "Healthy", "False", "ReconciliationFailed"),
        ("Applying", "Progressing", "False", "Progressing"),
        ("Applied", "Healthy", "True", "ReconciliationSucceeded"),
    ] {
        reports(&world, "a", 0, report("r-1", phase, health)).await;
        world.until(&app(), ready, is(status, reason)).await;
    }
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_decision_with_another_revision_or_member_is_folded() {
    let mut world = delivered().await;
    let path = format!("{DECISIONS}/d-0");
    world.api.merge(&path, &json!({"spec": decision("r-2", &["a"])["spec"]})).await.unwrap();
    world.until(&app(), |app| ready(app).0, "False".to_owned()).await;
    reports(&world, "a", 0, report("r-2", "Applied", "Healthy")).await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    add_member(&world, "b").await;
    world.api.merge(&path, &json!({"spec": decision("r-2", &["a", "b"])["spec"]})).await.unwrap();
    world.until(&app(), ready, is("False", "Pending")).await;
    world.api.delete(&path, &json!({})).await.unwrap();
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_lost_comes_back_or_is_gone_is_folded() {
    let mut world = delivered().await;
    world.is_ready("a", "Unknown").await;
    world.until(&app(), ready, is("Unknown", "MemberUnknown")).await;
    world.settles().await;
    world.is_ready("a", "True").await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    world.api.delete(&format!("{CLUSTERS}/a"), &json!({})).await.unwrap();
    world.until(&app(), in_its_member, "MemberGone".to_owned()).await;
    world.settles().await;
}

/// The record stays for a moment when the object that made it goes, and makes no member from then on.
#[tokio::test(start_paused = true)]
async fn a_member_whose_origin_goes_is_folded() {
    let mut world = World::with(Controller::Status).await;
    world.create(ATTACHED, attached("a")).await;
    add_member(&world, "a").await;
    let origin = "cluster.kurator.dev/AttachedCluster/default/a";
    let annotate = json!({"metadata": {"annotations": {"kurator.dev/origin": origin}}});
    world.api.merge(&format!("{CLUSTERS}/a"), &annotate).await.unwrap();
    world.create(APPLICATIONS, application()).await;
    world.create(DECISIONS, decision("r-1", &["a"])).await;
    reports(&world, "a", 0, report("r-1", "Applied", "Healthy")).await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    world.api.merge(&format!("{ATTACHED}/a"), &json!({"spec": {"memberName": "other"}})).await.unwrap();
    world.until(&app(), in_its_member, "MemberGone".to_owned()).await;
    world.settles().await;
}

/// A member with more than 100 units reports in slices; a unit may move to another one.
#[tokio::test(start_paused = true)]
async fn a_unit_in_a_later_slice_is_folded() {
    let mut world = delivered().await;
    reports(&world, "a", 1, report("r-1", "Failed", "Healthy")).await;
    reports(&world, "a", 0, json!({UNIT: null})).await;
    world.until(&app(), ready, is("False", "ReconciliationFailed")).await;
    reports(&world, "a", 1, report("r-1", "Applied", "Healthy")).await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn an_application_that_is_edited_is_folded() {
    let mut world = delivered().await;
    world.api.merge(&app(), &json!({"spec": {"syncPolicies": []}})).await.unwrap();
    world.settles().await;
    // Until another controller has decided of the edit, nothing is said of it.
    let generation = |app: &Value| app["status"]["observedGeneration"] == app["metadata"]["generation"];
    let edited = world.get(&app()).await.unwrap();
    assert!(!generation(&edited), "{edited}");
    let mut conditions = edited["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.retain(|c| c["type"] != "SourceReady");
    conditions.push(json!({"type": "SourceReady", "status": "True", "reason": "Succeeded", "message": "",
        "observedGeneration": edited["metadata"]["generation"], "lastTransitionTime": "2026-01-01T00:00:00Z"}));
    let decided = json!({"status": {"conditions": conditions}});
    world.api.merge(&format!("{}/status", app()), &decided).await.unwrap();
    world.until(&app(), generation, true).await;
    world.settles().await;
}

/// What is stored of an edit that is held is read again as it was written, and folded.
#[tokio::test(start_paused = true)]
async fn an_edit_that_is_held_is_folded_and_told_until_it_is_not() {
    let mut world = delivered().await;
    let path = format!("{DECISIONS}/d-0");
    let leaving = json!({"cause": "SelectorDiffers", "message": "label size is \"s\", the selector wants \"t\"",
        "label": {"key": "size", "found": "s", "wanted": "t"}});
    let held = json!({"spec": {"held": DIGEST, "members": {"a": {"leaving": leaving}}}});
    world.api.merge(&path, &held).await.unwrap();
    world.until(&app(), |app| condition(app, "DeletionsHeld"), is("True", "EditRemovesMembers")).await;
    world.until(&app(), ready, is("False", "DeletionsHeld")).await;
    let list = world.get(&app()).await.unwrap()["status"]["held"][0].clone();
    assert_eq!((&list["digest"], &list["causes"][0]["cause"]), (&json!(DIGEST), &json!("SelectorDiffers")));
    assert_eq!(world.get(&path).await.unwrap()["spec"]["members"]["a"]["leaving"], leaving);
    world.settles().await;
    world.api.merge(&path, &json!({"spec": {"held": null, "members": {"a": {"leaving": null}}}})).await.unwrap();
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    world.until(&app(), |app| condition(app, "DeletionsHeld"), is("", "")).await;
    world.settles().await;
}
