//! A Fleet follows its members, and every change that it is told of.

use controllers::Controller;
use serde_json::{Value, json};

use crate::world::{ATTACHED, FLEETS, World, attached, fleet, is, ready};

fn label(object: &Value) -> Option<String> {
    Some(object["metadata"]["labels"]["fleet.kurator.dev/fleet-name"].as_str()?.to_owned())
}

fn path(collection: &str, name: &str) -> String {
    format!("{collection}/{name}")
}

#[tokio::test(start_paused = true)]
async fn a_fleet_follows_the_objects_that_it_lists() {
    let mut world = World::with(Controller::Fleet).await;
    let f = path(FLEETS, "f");
    world.create(FLEETS, fleet("f", &["a", "b"])).await;
    world.create(ATTACHED, attached("a")).await;
    world.until(&f, ready, is("False", "MemberNotFound")).await;
    world.until(&path(ATTACHED, "a"), label, Some("f".to_owned())).await;

    // An AttachedCluster that comes, becomes ready, is no longer ready, and goes.
    world.create(ATTACHED, attached("b")).await;
    world.until(&f, ready, is("False", "MemberNotReady")).await;
    for name in ["a", "b"] {
        world.set_status(&path(ATTACHED, name), json!({"ready": true, "member": name})).await;
    }
    world.until(&f, ready, is("True", "AllMembersReady")).await;
    world.set_status(&path(ATTACHED, "b"), json!({"ready": false})).await;
    world.until(&f, ready, is("False", "MemberNotReady")).await;
    world.api.delete(&path(ATTACHED, "b"), &json!({})).await.unwrap();
    world.until(&f, ready, is("False", "MemberNotFound")).await;

    // Its own list.
    world.api.merge(&f, &json!({"spec": {"clusters": [{"kind": "AttachedCluster", "name": "a"}]}})).await.unwrap();
    world.until(&f, ready, is("True", "AllMembersReady")).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn the_label_is_that_of_the_first_fleet_and_passes_on_when_that_goes() {
    let mut world = World::with(Controller::Fleet).await;
    let a = path(ATTACHED, "a");
    world.create(ATTACHED, attached("a")).await;
    world.create(FLEETS, fleet("second", &["a"])).await;
    world.until(&a, label, Some("second".to_owned())).await;
    world.create(FLEETS, fleet("first", &["a"])).await;
    world.until(&a, label, Some("first".to_owned())).await;
    world.settles().await;
    world.api.merge(&path(FLEETS, "first"), &json!({"spec": {"clusters": []}})).await.unwrap();
    world.until(&a, label, Some("second".to_owned())).await;
    world.api.delete(&path(FLEETS, "second"), &json!({})).await.unwrap();
    world.until(&a, label, None).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_label_that_somebody_takes_away_comes_back() {
    let mut world = World::with(Controller::Fleet).await;
    let a = path(ATTACHED, "a");
    world.create(ATTACHED, attached("a")).await;
    world.create(FLEETS, fleet("f", &["a"])).await;
    world.until(&a, label, Some("f".to_owned())).await;
    world.api.merge(&a, &json!({"metadata": {"labels": {"fleet.kurator.dev/fleet-name": null}}})).await.unwrap();
    world.until(&a, label, Some("f".to_owned())).await;
    world.settles().await;
}
