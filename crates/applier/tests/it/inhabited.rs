//! Namespaces and definitions in which others made something.

use api::delivery::{Removal, WaitingCause, label};
use http::Method;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, waiting};

const NAMESPACE: &str = "/api/v1/namespaces/lived-in";
const MAPS: &str = "/api/v1/namespaces/lived-in/configmaps";
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com";
const GADGETS: &str = "/apis/example.com/v1/namespaces/shop/gadgets";

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lived-in"}})
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "lived-in"}})
}

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": "Gadget", "plural": "gadgets"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    })
}

fn gadget(name: &str) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": name, "namespace": "shop"}})
}

#[tokio::test(start_paused = true)]
async fn a_namespace_and_a_definition_that_others_use_are_given_back_when_the_unit_leaves() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![namespace(), map("ours"), definition()]);
    world.applied(&unit).await;
    world.post(MAPS, map("mine")).await;
    world.post(GADGETS, gadget("mine")).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    assert!(world.get(&format!("{MAPS}/ours")).await.is_none());
    for path in [NAMESPACE, DEFINITION] {
        let live = world.get(path).await.unwrap();
        assert!(!model::object::is_deleting(&live), "{path}");
        assert!(model::object::label(&live, label::HUB).is_none(), "{path}: it is given back");
    }
    assert!(world.get(&format!("{MAPS}/mine")).await.is_some());
    assert!(world.get(&format!("{GADGETS}/mine")).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn without_others_they_go() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![namespace(), map("ours"), definition(), gadget("ours")]);
    world.applied(&unit).await;
    // What every cluster puts into a namespace, and what the unit's objects own.
    world.post(MAPS, map("kube-root-ca.crt")).await;
    let ours = world.get(&format!("{MAPS}/ours")).await.unwrap();
    let mut owned = map("owned");
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "ours", "uid": ours["metadata"]["uid"]}]);
    world.post(MAPS, owned).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
    world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
    world.eventually("deleted", || async { is_going(world.get(DEFINITION).await) }).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_approved_is_what_really_goes_and_what_comes_later_stays_too() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![namespace(), map("ours")]);
    world.applied(&unit).await;
    world.set("a", 2, vec![]);
    let report = world.until(&unit, "held", |r| r.deletions.is_some()).await;
    assert_eq!(report.deletions.as_ref().unwrap().sample, ["Namespace lived-in", "ConfigMap lived-in/ours"]);
    let before = world.guard(&unit, None).held.unwrap();
    world.post(MAPS, map("mine")).await;
    // The list that was approved named the Namespace, and is another one by the time it is carried out.
    world.pass_time(60);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    world.guard(&unit, Some(before.digest));
    let report = world.until(&unit, "held anew", |r| r.deletions.as_ref().is_some_and(|list| list.count == 1)).await;
    assert_eq!(report.deletions.as_ref().unwrap().sample, ["ConfigMap lived-in/ours"]);
    let let_go = "others have something in it: ConfigMap lived-in/mine";
    assert!(waiting(&report).contains(&(WaitingCause::NotOurs, 1, "Namespace lived-in", let_go)), "{report:#?}");
    assert!(world.get(&format!("{MAPS}/ours")).await.is_some(), "nothing is deleted meanwhile");
    let held = world.guard(&unit, None).held.unwrap();
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "done", |r| r.objects.inventory == 0).await;
    assert!(world.get(&format!("{MAPS}/ours")).await.is_none());
    assert!(!model::object::is_deleting(&world.get(NAMESPACE).await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_into_which_nobody_can_see_is_not_deleted_until_somebody_can() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![namespace(), map("ours")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/api/v1/namespaces/lived-in/secrets?", usize::MAX, Act::Refuse(403));
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let report = world.until(&unit, "waiting", |r| r.objects.inventory == 1 && !r.waiting.is_empty()).await;
    assert!(waiting(&report).iter().any(|(cause, ..)| *cause == WaitingCause::Unseen), "{report:#?}");
    assert!(!model::object::is_deleting(&world.get(NAMESPACE).await.unwrap()));
    world.faults.clear();
    let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
    world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
}
