//! Namespaces and definitions in which others made something.

use api::delivery::{ObjectSet, Removal, UnitPhase, WaitingCause, label};
use api::feed::UnitReport;
use http::Method;
use model::ObjectKey;
use plan::departure::{Objects, Stays, occupants};
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, config_map, detail, waiting};

const NAMESPACE: &str = "/api/v1/namespaces/lived-in";
const MAPS: &str = "/api/v1/namespaces/lived-in/configmaps";
pub(crate) const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com";
pub(crate) const GADGETS: &str = "/apis/example.com/v1/namespaces/shop/gadgets";

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lived-in"}})
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "lived-in"}})
}

pub(crate) fn definition() -> Value {
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

pub(crate) fn gadget(name: &str) -> Value {
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
    let mut bundle = map("kube-root-ca.crt");
    bundle["data"] = json!({"ca.crt": "pem"});
    world.post(MAPS, bundle).await;
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
    let listed = Objects::of_list(&report.going.as_ref().unwrap().objects).with_report(Some(&report));
    let stays: Vec<_> = listed.stays.iter().map(|(key, why)| format!("{key}: {}", why.in_words())).collect();
    assert_eq!(stays, ["Namespace lived-in: it has ConfigMap lived-in/mine in it"]);
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
async fn what_comes_while_the_objects_of_a_namespace_take_their_time_to_go_keeps_it() {
    let mut world = World::new().await;
    let mut slow = map("slow");
    slow["metadata"]["finalizers"] = json!(["example.com/takes-its-time"]);
    let unit = world.set("a", 1, vec![namespace(), slow]);
    world.applied(&unit).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    let path = format!("{MAPS}/slow");
    let is_going = |live: Option<Value>| live.is_some_and(|live| model::object::is_deleting(&live));
    world.eventually("going", || async { is_going(world.get(&path).await) }).await;
    world.post(MAPS, map("mine")).await;
    world.edit(&path, "somebody", json!({"metadata": {"finalizers": null}})).await;
    let is_given_back = |live: Option<Value>| {
        live.is_some_and(|live| model::object::label(&live, label::HUB).is_none() && !model::object::is_deleting(&live))
    };
    world.eventually("given back", || async { is_given_back(world.get(NAMESPACE).await) }).await;
    assert!(world.get(&path).await.is_none());
    assert!(world.get(&format!("{MAPS}/mine")).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_into_which_nobody_can_see_is_not_deleted_until_somebody_can() {
    // Hidden: discovery names the kind, and its list is not there.
    for act in
        [Act::Refuse(403), Act::Refuse(404), Act::Hide, Act::Foreign("<html>404 Not Found</html>"), Act::Foreign("")]
    {
        unseen_until_the_list_answers(act).await;
    }
}

async fn unseen_until_the_list_answers(act: Act) {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![namespace(), map("ours")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/api/v1/namespaces/lived-in/secrets?", usize::MAX, act);
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

/// The member does not know who leaves by the act that a list is made for.
#[tokio::test(start_paused = true)]
async fn a_list_says_that_a_namespace_stays_for_another_unit_only_if_that_one_stays() {
    for is_both in [false, true] {
        let mut world = World::new().await;
        let p = world.set("p", 1, vec![namespace(), config_map("lost", "1"), config_map("kept", "1")]);
        world.applied(&p).await;
        let q = world.set("q", 1, vec![map("theirs")]);
        world.applied(&q).await;
        world.set("p", 2, vec![config_map("kept", "1")]);
        let report = world.until(&p, "held", |r| r.deletions.as_ref().is_some_and(|list| list.count == 1)).await;
        // The list that waits is weighed with what there is now.
        let words = |objects: &Objects| -> Vec<String> {
            let goes = objects.goes.iter().map(|key| format!("- {key}"));
            let stays = objects.stays.iter().map(|(key, why)| format!("= {key}: {}", why.in_words()));
            goes.chain(stays).collect()
        };
        let waits = Objects::of_list(&report.going.as_ref().unwrap().objects).with_report(Some(&report));
        let in_it = "= Namespace lived-in: it has ConfigMap lived-in/theirs, which app/q has, in it";
        assert_eq!(words(&waits), ["- ConfigMap shop/lost", in_it]);
        // Of those that leave it is asked who stays.
        let mut leaves = Objects::of_report(&report, Removal::Prune).unwrap();
        let others = world.report(&q).unwrap();
        for (container, units) in occupants(&report, [&*report, &*others]) {
            assert_eq!(units.iter().collect::<Vec<_>>(), [&q]);
            if !is_both {
                leaves.spare_occupied(&container, "app/q");
            }
        }
        let is_said = |objects: &Objects| objects.goes.iter().any(|key| key.kind == "Namespace");
        assert_eq!(is_said(&leaves), is_both, "{:?}", words(&leaves));
        world.change(&p, |entry| entry.removal = Removal::Prune);
        if is_both {
            world.change(&q, |entry| entry.removal = Removal::Prune);
        }
        let is_going = async || world.get(NAMESPACE).await.is_none_or(|live| model::object::is_deleting(&live));
        if is_both {
            world.eventually("deleted", || async { is_going().await }).await;
        } else {
            world.eventually("left", || async { world.report(&p).is_none() }).await;
            assert!(!is_going().await);
        }
    }
}

/// Somebody deletes an object of ours and makes it again, as with `kubectl replace --force`: the labels are copied, the UID is not.
async fn replace(world: &World, path: &str) {
    let mut copy = world.get(path).await.unwrap();
    world.delete(path).await;
    let metadata = copy["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&field.as_str()));
    copy["data"] = json!({"mine": "precious"});
    let (collection, _) = path.rsplit_once('/').unwrap();
    world.post(collection, copy).await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_made_in_the_place_of_an_object_keeps_its_namespace_and_definition() {
    let theirs = [format!("{MAPS}/theirs"), format!("{GADGETS}/theirs")];
    let objects = || vec![namespace(), map("ours"), map("theirs"), definition(), gadget("ours"), gadget("theirs")];
    // The unit leaves, or its source has lost everything and a person agrees.
    for is_approved in [false, true] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, objects());
        world.applied(&unit).await;
        if is_approved {
            world.set("a", 2, vec![]);
            world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|list| list.count == 6)).await;
        } else {
            world.change(&unit, |entry| entry.suspend = true);
            world.until(&unit, "suspended", |r| r.phase == UnitPhase::Suspended).await;
        }
        for path in &theirs {
            replace(&world, path).await;
        }
        // What a person is shown before that: the objects, and the containers with them.
        let is_seen = |r: &UnitReport| r.details.iter().filter(|row| row.replaced).count() == theirs.len();
        let report = world.until(&unit, "it is seen", is_seen).await;
        let shown = Objects::of_report(&report, Removal::Prune).unwrap();
        let other = |key: &ObjectKey| key.name == "theirs";
        assert!(
            shown.stays.iter().filter(|(key, _)| other(key)).all(|(_, why)| *why == Stays::OtherObject),
            "{shown:#?}"
        );
        assert_eq!(shown.stays.keys().filter(|key| other(key)).count(), theirs.len(), "{shown:#?}");
        assert!(shown.stays.keys().any(|key| key.name == "lived-in"), "{shown:#?}");
        if is_approved {
            let held = world.guard(&unit, None).held.unwrap();
            world.guard(&unit, Some(held.digest));
            world.until(&unit, "done", |r| r.objects.inventory == 0).await;
        } else {
            // What was shown as staying is not asked about again.
            let shown = ObjectSet::new(&shown.goes.into_iter().collect::<Vec<_>>());
            world.change(&unit, |entry| {
                (entry.suspend, entry.removal, entry.shown) = (false, Removal::Prune, Some(shown));
            });
            world.eventually("gone", || async { world.removed(&unit).is_some() }).await;
            let deleted = world.removed(&unit).unwrap().deleted.map(|counted| counted.count);
            assert_eq!(deleted, Some(2), "what stays is not counted as deleted");
        }
        for path in &theirs {
            let live = world.get(path).await.unwrap_or_else(|| panic!("{path}: it is gone"));
            assert_eq!(live["data"]["mine"], "precious", "{path}");
        }
        for path in [NAMESPACE, DEFINITION] {
            let live = world.get(path).await.unwrap();
            assert!(!model::object::is_deleting(&live), "{path}: approved: {is_approved}");
        }
        for path in [format!("{MAPS}/ours"), format!("{GADGETS}/ours")] {
            assert!(world.get(&path).await.is_none(), "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_applier_made_again_itself_goes_with_its_namespace() {
    for restarts in [false, true] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, vec![namespace(), map("ours")]);
        world.applied(&unit).await;
        let path = format!("{MAPS}/ours");
        let uid = |live: &Value| model::object::uid(live).unwrap().to_owned();
        let before = uid(&world.get(&path).await.unwrap());
        world.delete(&path).await;
        let is_new = |live: Option<Value>| live.is_some_and(|live| uid(&live) != before);
        world.eventually("made again", || async { is_new(world.get(&path).await) }).await;
        world.applied(&unit).await;
        if restarts {
            world.restart();
            world.applied(&unit).await;
        }
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
        world.eventually("deleted", || async { is_going(world.get(NAMESPACE).await) }).await;
    }
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

/// Whatever a unit leaves behind since another one has something in it was in the list of nothing that leaves later.
#[tokio::test(start_paused = true)]
async fn a_namespace_in_which_another_unit_has_something_is_given_back_and_goes_with_no_other_unit() {
    let mut world = World::new().await;
    let maker = world.set("a", 1, vec![namespace(), map("of-a")]);
    world.applied(&maker).await;
    let other = world.set("b", 1, vec![map("of-b")]);
    world.applied(&other).await;
    world.change(&maker, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.removed(&maker).is_some() }).await;
    let report = world.removed(&maker).unwrap();
    let who = "it has ConfigMap lived-in/of-b, which app/b has, in it";
    assert_eq!(waiting(&report), [(WaitingCause::NotOurs, 1, "Namespace lived-in", who)], "the hub says that it stays");
    world.forget(&maker);
    let live = world.get(NAMESPACE).await.unwrap();
    assert!(!model::object::is_deleting(&live) && model::object::label(&live, label::HUB).is_none(), "{live:#}");
    let before = model::object::resource_version(&live).map(str::to_owned);
    world.restart();
    world.applied(&other).await;
    world.change(&other, |entry| entry.removal = Removal::Prune);
    world.eventually("left", || async { world.inventories().await.is_empty() }).await;
    assert!(world.get(&format!("{MAPS}/of-b")).await.is_none());
    let live = world.get(NAMESPACE).await.unwrap();
    assert!(!model::object::is_deleting(&live), "{live:#}");
    assert_eq!(model::object::resource_version(&live).map(str::to_owned), before, "nobody touched it");
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_leaves_does_not_wait_for_ever_for_what_another_one_has_lost() {
    // The other one does not prune, or asks about the deletion first.
    for prunes in [false, true] {
        let mut world = World::new().await;
        let maker = world.set("a", 1, vec![namespace(), map("of-a")]);
        world.applied(&maker).await;
        let other = world.set_with("b", 1, vec![map("of-b"), config_map("rest", "1")], |entry| entry.prune = prunes);
        world.applied(&other).await;
        world.set_with("b", 2, vec![config_map("rest", "1")], |entry| entry.prune = prunes);
        world.until(&other, "lost", |r| r.epoch == 2 && r.objects.desired == 1 && r.objects.inventory == 2).await;
        world.change(&maker, |entry| entry.removal = Removal::Prune);
        world.eventually("gone", || async { world.removed(&maker).is_some() }).await;
        let report = world.removed(&maker).unwrap();
        let who = "it has ConfigMap lived-in/of-b, which app/b has, in it";
        assert_eq!(waiting(&report), [(WaitingCause::NotOurs, 1, "Namespace lived-in", who)], "prunes: {prunes}");
        let live = world.get(NAMESPACE).await.unwrap();
        assert!(!model::object::is_deleting(&live) && model::object::label(&live, label::HUB).is_none(), "{live:#}");
        assert!(world.get(&format!("{MAPS}/of-b")).await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_says_which_kind_keeps_it_whose_list_is_not_found() {
    let mut world = World::new().await;
    world.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition()).await;
    let unit = world.set("a", 1, vec![namespace(), map("ours")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/namespaces/lived-in/gadgets", usize::MAX, Act::Hide);
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
