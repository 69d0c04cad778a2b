//! What is decided for a member comes to be in it, and what came of it is stored. Revisions and Decisions are made by hand.

use std::time::Duration;

use api::delivery::UnitId;
use controllers::Controller;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::member_api::Answers;
use crate::world::{CLUSTERS, DECISIONS, HUB, REVISIONS, SECRETS, STATUSES, World, hub_key, kubeconfig};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const UNIT: &str = "apps.kurator.dev/Application/default/app/p";

/// A member that answers has what is decided within this time, whatever others do: reports are gathered for 20 ms, and the
/// rest is a few requests.
const SOON: Duration = Duration::from_secs(1);

fn map(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"},
        "data": {"value": value},
    })
}

fn value(map: &Value) -> Value {
    map["data"]["value"].clone()
}

/// The revision of an epoch, made of objects of the hub.
async fn add_revision(world: &World, epoch: u64, objects: &[Value]) {
    let unit: UnitId = UNIT.parse().unwrap();
    let (inputs, _) = plan::unit::objects::pack(objects, &unit.short(&HUB.parse().unwrap()), &hub_key()).unwrap();
    let revision = json!({
        "apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Revision", "metadata": {"name": format!("r-{epoch}")},
        "spec": {
            "unit": UNIT, "epoch": epoch, "renderer": render::VERSION, "inputs": {"objects": inputs},
            "time": "2026-01-01T00:00:00Z",
        },
    });
    world.create(REVISIONS, revision).await;
}

fn entry(epoch: u64) -> Value {
    json!({"revision": format!("r-{epoch}"), "epoch": epoch, "reason": "a test says so"})
}

fn path() -> String {
    format!("{DECISIONS}/d-0")
}

/// Decides for members, instead of what was decided for them before.
async fn decide(world: &World, members: &[(&str, Value)]) {
    let members: serde_json::Map<String, Value> =
        members.iter().map(|(member, entry)| ((*member).to_owned(), entry.clone())).collect();
    let spec = json!({"unit": UNIT, "slice": 0, "prune": true, "members": members});
    let kind = json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "d-0"}});
    let mut decision = world.get(&path()).await.unwrap_or(kind);
    decision["spec"] = spec;
    if decision["metadata"]["uid"].is_null() {
        world.create(DECISIONS, decision).await;
    } else {
        world.api.replace(&path(), &decision).await.unwrap();
    }
}

/// What a member's record of reports says of the unit: revision, phase.
fn reported(status: &Value) -> (Value, Value) {
    let unit = &status["status"]["units"][UNIT];
    (unit["revision"].clone(), unit["phase"].clone())
}

fn report(member: &str) -> String {
    format!("{STATUSES}/{member}-0")
}

async fn until_reported(world: &World, member: &str, epoch: u64, phase: &str) {
    world.until(&report(member), reported, (json!(format!("r-{epoch}")), json!(phase))).await;
}

/// Members that have the first revision, and say so.
async fn delivered(members: &[&str], objects: &[Value]) -> World {
    let world = World::of(&[Controller::Delivery], members).await;
    add_revision(&world, 1, objects).await;
    let decided: Vec<(&str, Value)> = members.iter().map(|member| (*member, entry(1))).collect();
    decide(&world, &decided).await;
    for member in members {
        until_reported(&world, member, 1, "Applied").await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn what_is_decided_is_applied_and_reported_and_a_second_pass_writes_nothing() {
    let mut world = delivered(&["a", "b"], &[map("one", "1"), map("two", "1")]).await;
    for member in ["a", "b"] {
        world.until_in(member, &format!("{MAPS}/one"), value, json!("1")).await;
    }
    world.settles().await;
    world.settles_after_touch(&path()).await;

    // One changed object is one write in each member, besides the one of the inventory that says for what.
    add_revision(&world, 2, &[map("one", "1"), map("two", "2")]).await;
    decide(&world, &[("a", entry(2)), ("b", entry(2))]).await;
    for member in ["a", "b"] {
        until_reported(&world, member, 2, "Applied").await;
        world.until_in(member, &format!("{MAPS}/two"), value, json!("2")).await;
    }
    world.settles().await;
}

/// [`World::settles`] kills them; this is the end that a person asks for.
#[tokio::test(start_paused = true)]
async fn controllers_that_are_stopped_end_in_order_and_the_next_ones_write_nothing() {
    let mut world = delivered(&["a", "b"], &[map("one", "1")]).await;
    world.settles_after_a_stop().await;
    // In the middle of what they do: the next ones do the rest.
    add_revision(&world, 2, &[map("one", "2")]).await;
    decide(&world, &[("a", entry(2)), ("b", entry(2))]).await;
    world.restart().await;
    for member in ["a", "b"] {
        until_reported(&world, member, 2, "Applied").await;
        world.until_in(member, &format!("{MAPS}/one"), value, json!("2")).await;
    }
    world.settles_after_a_stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_revision_has_no_more_is_deleted_when_the_decision_grants_it() {
    let mut world = delivered(&["a"], &[map("one", "1"), map("two", "1")]).await;
    add_revision(&world, 2, &[map("one", "2")]).await;
    decide(&world, &[("a", entry(2))]).await;
    world.until_in("a", &format!("{MAPS}/one"), value, json!("2")).await;
    let held = |status: &Value| status["status"]["units"][UNIT]["held"]["state"].clone();
    world.until(&report("a"), held, json!("Waiting")).await;
    world.settles().await;
    world.until_in("a", &format!("{MAPS}/two"), value, json!("1")).await;

    let stored = world.get(&report("a")).await.unwrap();
    let mut granted = entry(2);
    granted["granted"] = stored["status"]["units"][UNIT]["held"]["digest"].clone();
    decide(&world, &[("a", granted)]).await;
    world.until_gone_in("a", &format!("{MAPS}/two")).await;
    until_reported(&world, "a", 2, "Applied").await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_leaves_a_member_takes_its_objects_and_then_its_report() {
    let mut world = delivered(&["a", "b"], &[map("one", "1")]).await;
    let mut leaves = entry(1);
    leaves["removal"] = json!("Prune");
    decide(&world, &[("a", leaves), ("b", entry(1))]).await;
    until_reported(&world, "a", 1, "Removed").await;
    world.until_gone_in("a", &format!("{MAPS}/one")).await;
    world.settles().await;
    decide(&world, &[("b", entry(1))]).await;
    world.until(&report("a"), reported, (Value::Null, Value::Null)).await;
    world.settles().await;
    until_reported(&world, "b", 1, "Applied").await;
    world.until_in("b", &format!("{MAPS}/one"), value, json!("1")).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_not_reached_delays_only_itself() {
    for how in [Answers::Refused, Answers::Never] {
        let mut world = World::of(&[Controller::Delivery], &["a", "b"]).await;
        world.answers("b", how);
        let link = |status: &Value| status["status"]["link"]["state"].clone();
        for epoch in [1, 2] {
            let (value_now, began) = (epoch.to_string(), Instant::now());
            add_revision(&world, epoch, &[map("one", &value_now)]).await;
            decide(&world, &[("a", entry(epoch)), ("b", entry(epoch))]).await;
            world.until_in("a", &format!("{MAPS}/one"), value, json!(value_now)).await;
            until_reported(&world, "a", epoch, "Applied").await;
            assert!(began.elapsed() < SOON, "{how:?}: {:?}", began.elapsed());
            world.until(&report("b"), link, json!("Unreachable")).await;
        }
        // That it is still away is nothing new.
        world.settles().await;
        world.until_gone_in("b", &format!("{MAPS}/one")).await;

        world.answers("b", Answers::Well);
        until_reported(&world, "b", 2, "Applied").await;
        world.until_in("b", &format!("{MAPS}/one"), value, json!("2")).await;
        world.settles().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_ready_again_is_not_kept_waiting_by_its_back_off() {
    let world = delivered(&["a"], &[map("one", "1")]).await;
    world.answers("a", Answers::Refused);
    let link = |status: &Value| status["status"]["link"]["state"].clone();
    world.until(&report("a"), link, json!("Unreachable")).await;
    world.is_ready("a", "Unknown").await;
    // time: the pauses between two tries have grown by then.
    tokio::time::sleep(Duration::from_secs(300)).await;
    world.answers("a", Answers::Well);
    let began = Instant::now();
    world.is_ready("a", "True").await;
    world.until(&report("a"), link, json!("Connected")).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_may_not_be_delivered_to_is_left_alone_until_it_may() {
    let mut world = delivered(&["a"], &[map("one", "1")]).await;
    world.is_ready_and_deliverable("a", "False", "False").await;
    world.settles().await;
    add_revision(&world, 2, &[map("one", "2")]).await;
    decide(&world, &[("a", entry(2))]).await;
    world.settles().await;
    world.until_in("a", &format!("{MAPS}/one"), value, json!("1")).await;
    world.is_ready("a", "True").await;
    world.until_in("a", &format!("{MAPS}/one"), value, json!("2")).await;
    until_reported(&world, "a", 2, "Applied").await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_kubeconfig_of_another_cluster_is_followed() {
    let mut world = delivered(&["a", "b"], &[map("one", "1")]).await;
    // `a` was moved; where it is now is nothing of it yet.
    decide(&world, &[("a", entry(1))]).await;
    world.delete(&format!("{CLUSTERS}/b")).await;
    world.until_gone(&report("b")).await;
    world.member("b").api.delete(&format!("{MAPS}/one"), &json!({})).await.unwrap();
    world.api.merge(&format!("{SECRETS}/a"), &json!({"stringData": {"value": kubeconfig("b")}})).await.unwrap();
    world.until_in("b", &format!("{MAPS}/one"), value, json!("1")).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_record_goes_is_left_as_it_is() {
    let mut world = delivered(&["a", "b"], &[map("one", "1")]).await;
    world.delete(&format!("{CLUSTERS}/a")).await;
    world.until_gone(&report("a")).await;
    // The source deletes an object of both: only the one with a record hears of it.
    add_revision(&world, 2, &[map("one", "2")]).await;
    decide(&world, &[("a", entry(2)), ("b", entry(2))]).await;
    until_reported(&world, "b", 2, "Applied").await;
    world.settles().await;
    world.until_in("a", &format!("{MAPS}/one"), value, json!("1")).await;
    assert_eq!(world.get(&report("a")).await, None);
}
