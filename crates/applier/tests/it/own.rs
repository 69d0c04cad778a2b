//! Whose an object is, whatever happens around it: nothing is ever deleted that we did not make.

use api::delivery::{Removal, UnitPhase, label};
use http::Method;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, detail};

const CONFIG_MAPS: &str = "/api/v1/namespaces/shop/configmaps";

/// Takes the object out of the unit: what was adopted stays, without a trace of us.
async fn is_given_back(world: &mut World, name: &str) {
    let unit = world.set("a", 9, vec![config_map("rest", "1")]);
    world.until(&unit, "let go", |r| r.epoch == 9 && r.objects.inventory == 1).await;
    let live = world.config_map(name).await.unwrap();
    assert!(model::object::label(&live, label::HUB).is_none(), "{live}");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_makes_in_the_moment_before_we_do_is_theirs() {
    let mut world = World::new().await;
    let act = Act::After(CONFIG_MAPS.to_owned(), config_map("c", "theirs"));
    world.faults.add(Method::PATCH, "configmaps/c?", 1, act);
    let unit = world.set("a", 1, vec![config_map("c", "ours"), config_map("rest", "1")]);
    let report = world.applied(&unit).await;
    assert!(detail(&report, "c").adopted && !detail(&report, "rest").adopted);
    is_given_back(&mut world, "c").await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_makes_while_ours_does_not_arrive_is_theirs() {
    let mut world = World::new().await;
    world.faults.add(Method::PATCH, "configmaps/c?", usize::MAX, Act::Refuse(500));
    let unit = world.set("a", 1, vec![config_map("c", "ours"), config_map("rest", "1")]);
    world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed && r.objects.applied == 1).await;
    // It is recorded, the process dies, and the name is taken by somebody else.
    world.stop();
    world.faults.clear();
    world.post(CONFIG_MAPS, config_map("c", "theirs")).await;
    world.restart();
    let report = world.applied(&unit).await;
    assert!(detail(&report, "c").adopted);
    is_given_back(&mut world, "c").await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_made_in_the_place_of_ours_is_not_handed_over_as_ours() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![config_map("c", "1"), config_map("rest", "1")]);
    world.applied(&a).await;
    world.stop();
    world.delete(&config_map_path("c")).await;
    world.post(CONFIG_MAPS, config_map("c", "theirs")).await;
    world.stage("a", 2, vec![config_map("rest", "1")], |_| {});
    let b = world.stage("b", 1, vec![config_map("c", "1")], |_| {});
    world.restart();
    let report = world.applied(&b).await;
    assert!(detail(&report, "c").adopted);
    world.change(&b, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.report(&b).is_none() }).await;
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "1");
}

#[tokio::test(start_paused = true)]
async fn what_another_unit_has_taken_over_is_not_deleted_by_the_first() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(20));
    world.applied(&unit).await;
    world.stop();
    let labels = json!({"metadata": {"labels": {label::APPLYSET_PART_OF: "applyset-of-another-unit-v1"}}});
    world.edit(&config_map_path("c019"), "kurator", labels).await;
    world.set("a", 2, config_maps(19));
    world.restart();
    world.until(&unit, "held", |r| r.deletions.is_some()).await;
    world.guard(&unit, None);
    world.until(&unit, "forgotten", |r| r.objects.inventory == 19).await;
    assert!(world.config_map("c019").await.is_some());
}

fn definition(versions: &[(&str, bool)]) -> Value {
    let version = |(name, served): &(&str, bool)| {
        json!({"name": name, "served": served, "storage": *name == "v1", "schema": {"openAPIV3Schema": {"type": "object",
            "x-kubernetes-preserve-unknown-fields": true}}})
    };
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
        "versions": versions.iter().map(version).collect::<Vec<_>>()}})
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_at_a_version_that_is_no_longer_served_is_found_and_removed() {
    let mut world = World::new().await;
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    world.post(definitions, definition(&[("v1alpha1", true), ("v1", true)])).await;
    let thing = json!({"apiVersion": "example.com/v1alpha1", "kind": "Thing",
        "metadata": {"name": "t", "namespace": "shop"}, "spec": {"size": 1}});
    let unit = world.set("a", 1, vec![thing]);
    world.applied(&unit).await;
    world.stop();
    let versions = definition(&[("v1alpha1", false), ("v1", true)])["spec"]["versions"].clone();
    let path = format!("{definitions}/things.example.com");
    world.edit(&path, "kubectl", json!({"spec": {"versions": versions}})).await;
    world
        .eventually("ceased", || async {
            world.get("/apis/example.com/v1alpha1/namespaces/shop/things/t").await.is_none()
        })
        .await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.restart();
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    assert!(world.get("/apis/example.com/v1/namespaces/shop/things/t").await.is_none(), "it was forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_inventory_is_not_believed() {
    let mut world = World::new().await;
    let secrets = "/api/v1/namespaces/kurator-system/secrets";
    let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("d", "1")]);
    world.applied(&unit).await;
    let name = world.inventories().await.remove(0);
    let mut copy = world.get(&format!("{secrets}/{name}")).await.unwrap();
    copy["metadata"] = json!({"name": "saved", "labels": copy["metadata"]["labels"],
        "annotations": copy["metadata"]["annotations"]});
    world.post(secrets, copy).await;
    world.set("a", 2, vec![config_map("c", "1")]);
    world.until(&unit, "held", |r| r.deletions.is_some()).await;
    world.guard(&unit, None);
    world.until(&unit, "pruned", |r| r.objects.inventory == 1 && r.phase == UnitPhase::Applied).await;
    let before = world.quiet().await;
    world.restart();
    assert_eq!(world.applied(&unit).await.objects.inventory, 1);
    assert_eq!(world.quiet().await, before);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_outlives_its_unit_while_another_unit_has_objects_in_it() {
    let mut world = World::new().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lived-in"}});
    let within = |name: &str| {
        let mut object = config_map(name, "1");
        object["metadata"]["namespace"] = json!("lived-in");
        object
    };
    let a = world.set("a", 1, vec![namespace, within("of-a")]);
    world.applied(&a).await;
    let b = world.set("b", 1, vec![within("of-b")]);
    world.applied(&b).await;
    world.change(&a, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.report(&a).is_none() }).await;
    assert!(world.get("/api/v1/namespaces/lived-in/configmaps/of-a").await.is_none());
    assert!(world.get("/api/v1/namespaces/lived-in/configmaps/of-b").await.is_some());
    let namespace = world.get("/api/v1/namespaces/lived-in").await.unwrap();
    assert!(!model::object::is_deleting(&namespace));
    assert!(model::object::label(&namespace, label::HUB).is_none());
    // It is in no list of what goes with the other one.
    world.change(&b, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.report(&b).is_none() }).await;
    assert!(!model::object::is_deleting(&world.get("/api/v1/namespaces/lived-in").await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn an_inventory_whose_labels_were_taken_off_is_found_by_its_name() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("d", "1")]);
    world.applied(&unit).await;
    world.stop();
    let path = format!("/api/v1/namespaces/kurator-system/secrets/{}", world.inventories().await.remove(0));
    let none = json!({"metadata": {"labels": {label::HUB: null, label::GROUP: null, label::SHARD: null}}});
    world.edit(&path, "vandal", none).await;
    world.set("a", 2, vec![config_map("c", "2"), config_map("d", "1")]);
    world.restart();
    let report = world.until(&unit, "applied", |r| r.epoch == 2 && r.objects.applied == 2).await;
    assert_eq!(report.objects.adopted, 0, "what is recorded stays ours");
    let labels = |secret: &Value| model::object::label(secret, label::GROUP).is_some();
    world.eventually("labelled", || async { labels(&world.get(&path).await.unwrap()) }).await;
}
