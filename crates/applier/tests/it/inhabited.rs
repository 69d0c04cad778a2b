//! Namespaces and definitions in which others made something.

use api::delivery::{ObjectSet, Removal, UnitId, UnitPhase, WaitingCause, label};
use api::feed::UnitReport;
use http::Method;
use model::ObjectKey;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, detail, waiting};

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
    let inhabited = (WaitingCause::Inhabited, 1, "Namespace lived-in", "ConfigMap lived-in/mine");
    assert!(waiting(&report).contains(&inhabited), "{report:#?}");
    let live = world.get(NAMESPACE).await.unwrap();
    assert!(model::object::label(&live, label::HUB).is_some(), "it is given back with the list");
    assert!(world.get(&format!("{MAPS}/ours")).await.is_some(), "nothing is deleted meanwhile");
    let held = world.guard(&unit, None).held.unwrap();
    world.guard(&unit, Some(held.digest));
    let report = world.until(&unit, "done", |r| r.objects.inventory == 0).await;
    let let_go = (WaitingCause::NotOurs, 1, "Namespace lived-in", "it has ConfigMap lived-in/mine in it");
    assert!(waiting(&report).contains(&let_go), "{report:#?}");
    assert!(world.get(&format!("{MAPS}/ours")).await.is_none());
    assert!(!model::object::is_deleting(&world.get(NAMESPACE).await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_into_which_nobody_can_see_is_not_deleted_until_somebody_can() {
    // 404: discovery names the kind, and its list is not there.
    for code in [403, 404] {
        unseen_until_the_list_answers(code).await;
    }
}

async fn unseen_until_the_list_answers(code: u16) {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![namespace(), map("ours")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/api/v1/namespaces/lived-in/secrets?", usize::MAX, Act::Refuse(code));
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let report = world.until(&unit, "waiting", |r| r.objects.inventory == 1 && !r.waiting.is_empty()).await;
    assert!(waiting(&report).iter().any(|(cause, ..)| *cause == WaitingCause::Unseen), "{report:#?}");
    assert!(!model::object::is_deleting(&world.get(NAMESPACE).await.unwrap()));
    world.faults.clear();
    let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
    world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
}

#[tokio::test(start_paused = true)]
async fn what_asks_to_stay_is_given_back_with_the_namespace_that_holds_it() {
    let mut world = World::new().await;
    let keep = |mut map: Value| {
        map["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
        map
    };
    let objects = || vec![namespace(), keep(map("kept")), map("noted"), map("ours")];
    let unit = world.set("a", 1, objects());
    world.applied(&unit).await;
    // Somebody writes it on an object in the member.
    world
        .edit(
            &format!("{MAPS}/noted"),
            "kubectl",
            json!({"metadata": {"annotations": {"kurator.dev/on-delete": "orphan"}}}),
        )
        .await;
    let asks = |name: &'static str| move |report: &UnitReport| detail(report, name).kept;
    let report = world.until(&unit, "what is noted in the member to be reported", asks("noted")).await;
    assert_eq!(["kept", "ours", "lived-in"].map(|name| detail(&report, name).kept), [true, false, false]);
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, before, "nothing is written again");
    world.until(&unit, "it to be known after a restart", asks("noted")).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    assert!(world.get(&format!("{MAPS}/ours")).await.is_none());
    for path in [format!("{MAPS}/kept"), format!("{MAPS}/noted"), NAMESPACE.to_owned()] {
        let live = world.get(&path).await.unwrap();
        assert!(!model::object::is_deleting(&live) && model::object::label(&live, label::HUB).is_none(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_wish_to_stay_comes_and_goes_with_the_source() {
    let mut world = World::new().await;
    let with = |value: &str| {
        let mut map = map("c");
        map["metadata"]["annotations"] = json!({"kustomize.toolkit.fluxcd.io/prune": value});
        vec![namespace(), map]
    };
    let unit = world.set("a", 1, with("enabled"));
    world.applied(&unit).await;
    for (epoch, value, kept) in [(2, "disabled", true), (3, "enabled", false)] {
        world.set("a", epoch, with(value));
        world.applied(&unit).await;
        let recorded = world.recorded().await;
        let entry = recorded.iter().find(|(key, _)| key.name == "c").unwrap().1;
        assert_eq!(entry.kept, kept, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_let_go_as_not_ours_does_not_go_with_its_namespace() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![namespace(), map("ours"), map("theirs")]);
    world.applied(&unit).await;
    // Somebody takes our labels off while the deletion waits.
    world.set("a", 2, vec![]);
    world.until(&unit, "held", |r| r.deletions.is_some()).await;
    let labels = json!({"metadata": {"labels": {label::HUB: null, label::APPLYSET_PART_OF: null}}});
    world.edit(&format!("{MAPS}/theirs"), "kubectl", labels).await;
    let held = world.guard(&unit, None).held.unwrap();
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "done", |r| r.objects.inventory == 0).await;
    assert!(world.get(&format!("{MAPS}/theirs")).await.is_some());
    assert!(!model::object::is_deleting(&world.get(NAMESPACE).await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_definition_whose_kind_does_not_answer_is_not_deleted() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![definition()]);
    world.applied(&unit).await;
    world.post(GADGETS, gadget("mine")).await;
    world.faults.add(Method::GET, "/apis/example.com/v1", usize::MAX, Act::Refuse(503));
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let report = world.until(&unit, "waiting", |r| !r.waiting.is_empty()).await;
    assert!(waiting(&report).iter().any(|(cause, ..)| *cause == WaitingCause::Unseen), "{report:#?}");
    world.faults.clear();
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    assert!(world.get(&format!("{GADGETS}/mine")).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_unit_left_earlier_goes_with_the_last_object_in_it() {
    for a_stranger_is_there in [false, true] {
        let mut world = World::new().await;
        let maker = world.set("a", 1, vec![namespace(), map("of-a")]);
        world.applied(&maker).await;
        let (second, third) = (world.set("b", 1, vec![map("of-b")]), world.set("c", 1, vec![map("of-c")]));
        world.applied(&second).await;
        world.applied(&third).await;
        let left = |live: Value| model::object::annotation(&live, label::LEFT_BEHIND).map(str::to_owned);
        for unit in [&maker, &second] {
            world.change(unit, |entry| entry.removal = Removal::Prune);
            let gone = || async { world.report(unit).is_none_or(|r| r.phase == UnitPhase::Removed) };
            world.eventually("gone", gone).await;
            world.forget(unit);
            // Minutes later, in another process.
            world.pass_time(600);
            world.restart();
            world.applied(&third).await;
            let live = world.get(NAMESPACE).await.unwrap();
            assert!(!model::object::is_deleting(&live) && model::object::label(&live, label::HUB).is_none(), "{unit}");
            assert!(left(live).is_some(), "{unit}: it says whose it was");
        }
        if a_stranger_is_there {
            world.post(MAPS, map("mine")).await;
        }
        world.change(&third, |entry| entry.removal = Removal::Prune);
        if a_stranger_is_there {
            world.eventually("left", || async { world.inventories().await.is_empty() }).await;
            let live = world.get(NAMESPACE).await.unwrap();
            assert!(!model::object::is_deleting(&live) && left(live).is_none(), "it is nobody's any more");
            assert!(world.get(&format!("{MAPS}/mine")).await.is_some());
        } else {
            let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
            world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
        }
        assert!(world.get(&format!("{MAPS}/of-c")).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_only_says_it_was_ours_stays() {
    let mut world = World::new().await;
    let mut theirs = namespace();
    theirs["metadata"]["annotations"] = json!({label::LEFT_BEHIND: "00".repeat(32)});
    world.post("/api/v1/namespaces", theirs).await;
    let unit = world.set("b", 1, vec![map("of-b")]);
    world.applied(&unit).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.eventually("left", || async { world.inventories().await.is_empty() }).await;
    assert!(!model::object::is_deleting(&world.get(NAMESPACE).await.unwrap()));
}

/// A Namespace whose unit has left it, with its proof on it, and the unit that has something in it.
async fn left_namespace(world: &mut World) -> UnitId {
    let maker = world.set("a", 1, vec![namespace(), map("of-a")]);
    world.applied(&maker).await;
    let other = world.set("b", 1, vec![map("of-b")]);
    world.applied(&other).await;
    world.change(&maker, |entry| entry.removal = Removal::Prune);
    let gone = || async { world.report(&maker).is_none_or(|r| r.phase == UnitPhase::Removed) };
    world.eventually("gone", gone).await;
    world.forget(&maker);
    assert!(is_left(&world.get(NAMESPACE).await.unwrap()));
    other
}

fn is_left(live: &Value) -> bool {
    model::object::annotation(live, label::LEFT_BEHIND).is_some()
}

/// The unit leaves, and the Namespace stays as it is.
async fn leaves_it(world: &mut World, unit: &UnitId) {
    world.change(unit, |entry| entry.removal = Removal::Prune);
    let gone = || async { world.report(unit).is_none_or(|r| r.phase == UnitPhase::Removed) };
    world.eventually("gone", gone).await;
    let live = world.get(NAMESPACE).await.unwrap();
    assert!(!model::object::is_deleting(&live) && is_left(&live), "{live:#}");
}

/// The member answers that it failed, whether or not it did what was asked.
#[tokio::test(start_paused = true)]
async fn a_left_namespace_is_inherited_also_when_the_answer_is_lost() {
    for act in [Act::Lie(500), Act::Refuse(500)] {
        let mut world = World::new().await;
        let unit = left_namespace(&mut world).await;
        world.faults.add(Method::PATCH, NAMESPACE, 1, act.clone());
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
        world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_left_namespace_that_may_not_be_changed_is_tried_once() {
    let mut world = World::new().await;
    let mut stuck = map("stuck");
    stuck["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let unit = left_namespace(&mut world).await;
    let objects = vec![map("of-b"), stuck];
    world.set("b", 2, objects);
    world.applied(&unit).await;
    world.faults.add(Method::PATCH, NAMESPACE, usize::MAX, Act::Refuse(403));
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.until(&unit, "on its way", |r| r.phase == UnitPhase::Removing && r.objects.inventory == 1).await;
    let before = world.quiet().await;
    for overwrite in [true, false] {
        // The unit is looked at again.
        world.change(&unit, |entry| entry.overwrite = overwrite);
        assert_eq!(world.quiet().await, before, "nothing is written");
    }
    let live = world.get(NAMESPACE).await.unwrap();
    assert!(is_left(&live), "it stays behind: {live:#}");
}

#[tokio::test(start_paused = true)]
async fn a_left_namespace_that_another_hub_has_adopted_stays() {
    let mut world = World::new().await;
    let unit = left_namespace(&mut world).await;
    let theirs = json!({"metadata": {"labels": {label::HUB: "another", label::APPLYSET_PART_OF: "another"}}});
    world.edit(NAMESPACE, "another", theirs).await;
    leaves_it(&mut world, &unit).await;
    let live = world.get(NAMESPACE).await.unwrap();
    assert_eq!(model::object::label(&live, label::HUB), Some("another"));
}

#[tokio::test(start_paused = true)]
async fn a_left_namespace_that_a_unit_has_and_does_not_prune_stays() {
    let mut world = World::new().await;
    let unit = left_namespace(&mut world).await;
    let keeper = world.set("c", 1, vec![namespace(), map("of-c")]);
    world.applied(&keeper).await;
    world.set("c", 2, vec![]);
    world.change(&keeper, |entry| entry.prune = false);
    world.until(&keeper, "kept", |r| r.epoch == 2 && r.objects.inventory == 2).await;
    // Nothing is on it that says so.
    let labels = json!({"metadata": {"labels": {label::HUB: null, label::APPLYSET_PART_OF: null}}});
    world.edit(NAMESPACE, "kubectl", labels).await;
    leaves_it(&mut world, &unit).await;
}

#[tokio::test(start_paused = true)]
async fn a_left_namespace_that_was_not_in_the_list_stays_and_holds_nothing_up() {
    let mut world = World::new().await;
    let unit = left_namespace(&mut world).await;
    let shown = ObjectSet::new([&ObjectKey {
        kind: "ConfigMap".into(),
        namespace: "lived-in".into(),
        name: "of-b".into(),
        ..ObjectKey::default()
    }]);
    world.change(&unit, |entry| entry.shown = Some(shown));
    leaves_it(&mut world, &unit).await;
}

#[tokio::test(start_paused = true)]
async fn a_left_namespace_is_taken_over_again_when_it_could_not_be_marked() {
    for code in [409, 500] {
        let mut world = World::new().await;
        let unit = left_namespace(&mut world).await;
        // Something holds the unit up, so that there is another pass.
        world.edit(&format!("{MAPS}/of-b"), "kubectl", json!({"metadata": {"finalizers": ["x/y"]}})).await;
        world.faults.add(Method::PATCH, NAMESPACE, 1, Act::Refuse(code));
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        let is_ours = || async { world.get(NAMESPACE).await.is_some_and(|live| !is_left(&live)) };
        world.eventually("marked", is_ours).await;
        world.edit(&format!("{MAPS}/of-b"), "kubectl", json!({"metadata": {"finalizers": null}})).await;
        let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
        world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_says_which_kind_keeps_it_whose_list_is_not_found() {
    let mut world = World::new().await;
    world.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition()).await;
    let unit = world.set("a", 1, vec![namespace(), map("ours")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/namespaces/lived-in/gadgets", usize::MAX, Act::Refuse(404));
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let is_unseen = |r: &UnitReport| r.waiting.iter().any(|waiting| waiting.cause == WaitingCause::Unseen);
    let report = world.until(&unit, "unseen", is_unseen).await;
    let row = detail(&report, "lived-in");
    assert_eq!(row.reason, "NotVisible");
    assert!(row.message.contains("adget") && row.message.contains("does not find their list"), "{}", row.message);
    assert!(row.message.ends_with("the CustomResourceDefinition or APIService of that kind there"), "{}", row.message);
    world.faults.clear();
    let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
    world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
}
