//! A Fleet follows its members, and every change that it is told of.

use controllers::Controller;
use serde_json::{Value, json};

use crate::world::{APPLICATIONS, ATTACHED, FLEETS, World, attached, condition, fleet, is, ready};

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
    let said = |status: &str, reason: &str| json!([{"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2023-11-14T22:13:20Z"}]);
    world.create(ATTACHED, attached("b")).await;
    world.until(&f, ready, is("Unknown", "MemberUnknown")).await;
    for name in ["a", "b"] {
        let status = json!({"ready": true, "member": name, "conditions": said("True", "ClusterReady")});
        world.set_status(&path(ATTACHED, name), status).await;
    }
    world.until(&f, ready, is("True", "AllMembersReady")).await;
    let status = json!({"ready": false, "conditions": said("False", "ClusterNotReady")});
    world.set_status(&path(ATTACHED, "b"), status).await;
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

#[tokio::test(start_paused = true)]
async fn an_application_that_holds_an_edit_is_told_by_the_fleet_that_it_names() {
    let mut world = World::with(Controller::Fleet).await;
    let held = |fleet: &Value| condition(fleet, "DeletionsHeld");
    for name in ["f", "g"] {
        world.create(FLEETS, fleet(name, &[])).await;
    }
    let application = json!({
        "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "app"},
        "spec": {"source": {"gitRepository": {"url": "http://192.0.2.1/x.git", "interval": "1h"}},
            "destination": {"fleet": "f"},
            "syncPolicies": [{"name": "p", "kustomization": {"interval": "5m", "path": "./", "prune": true}}]},
    });
    world.create(APPLICATIONS, application).await;
    let app = path(APPLICATIONS, "app");
    let says = |reason: &str| {
        json!({"conditions": [{"type": "DeletionsHeld", "status": "True", "reason": reason, "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
    };
    world.set_status(&app, says("EditRemovesMembers")).await;
    world.until(&path(FLEETS, "f"), held, is("True", "EditRemovesMembers")).await;
    world.settles().await;
    // A number of the fleet that is none is said where it is.
    let ignores = |fleet: &Value| fleet["status"]["conditions"].to_string().contains("no number of members");
    let two = json!({"metadata": {"annotations": {"kurator.dev/removals": "two"}}});
    world.api.merge(&path(FLEETS, "f"), &two).await.unwrap();
    world.until(&path(FLEETS, "f"), ignores, true).await;
    // It names another one.
    world.api.merge(&app, &json!({"spec": {"destination": {"fleet": "g"}}})).await.unwrap();
    world.until(&path(FLEETS, "g"), held, is("True", "EditRemovesMembers")).await;
    world.until(&path(FLEETS, "f"), held, is("", "")).await;
    // What its source removes is no matter of a fleet.
    world.set_status(&app, says("SourceRemovesObjects")).await;
    world.until(&path(FLEETS, "g"), held, is("", "")).await;
    world.settles().await;
}
