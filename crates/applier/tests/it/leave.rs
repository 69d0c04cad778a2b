//! A member that is left as a whole, and a unit that leaves with the objects that were shown.

use api::delivery::{DeletionState, MemberRelease, ObjectSet, Removal, UnitId, UnitPhase, label};
use api::feed::{SyncState, UnitReport};
use http::Method;
use model::ObjectKey;
use plan::departure::{Objects, Stays};
use plan::guard::Cause;
use serde_json::{Value, json};

use crate::crash::{at_each_write, until_or_dead};
use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, detail};

const SYSTEM: &str = "/api/v1/namespaces/kurator-system";

/// What of ours is on an object.
fn marks(object: &Value) -> Vec<String> {
    let labels = model::object::labels(object);
    let ours = [label::HUB, label::APPLYSET_PART_OF].into_iter().filter(|key| labels.contains_key(*key));
    let mut found: Vec<String> = ours.map(str::to_owned).collect();
    found.extend(model::object::annotation(object, label::APPLIED).map(|_| label::APPLIED.to_owned()));
    found
}

async fn namespace_goes(world: &World) -> bool {
    world.get(SYSTEM).await.is_none_or(|namespace| model::object::is_deleting(&namespace))
}

fn done(message: &str) -> Option<MemberRelease> {
    Some(MemberRelease::new(0, true, message))
}

#[tokio::test(start_paused = true)]
async fn everything_is_given_back_also_what_no_decision_names_any_more() {
    let mut world = World::new().await;
    let a = world.set("a", 1, config_maps(3));
    let b = world.set("b", 1, vec![config_map("of-b", "1")]);
    world.applied(&a).await;
    world.applied(&b).await;
    // The hub has forgotten it.
    world.forget(&b);
    world.leave_member();
    world.eventually("released", || async { world.released() == done("") }).await;
    assert!(namespace_goes(&world).await, "nobody else has anything in it");
    assert_eq!(world.inventories().await, [""; 0]);
    for name in ["c000", "c002", "of-b"] {
        let live = world.config_map(name).await.unwrap();
        assert_eq!(marks(&live), [""; 0], "{name}");
        assert_eq!(live["data"]["a"], "1", "{name}");
    }
    let before = world.quiet().await;
    world.restart();
    assert_eq!(world.quiet().await, before, "what is left is not touched again");
    assert_eq!(world.released(), done(""));
}

#[tokio::test(start_paused = true)]
async fn the_namespace_of_the_inventories_stays_when_others_have_something_in_it() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(1));
    world.applied(&unit).await;
    let mine =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "kurator-system"}});
    world.post(&format!("{SYSTEM}/configmaps"), mine).await;
    world.leave_member();
    let said = done("namespace kurator-system stays: it has ConfigMap kurator-system/mine in it");
    world.eventually("released", || async { world.released() == said }).await;
    assert!(!namespace_goes(&world).await);
    assert_eq!(world.inventories().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_inventory_that_proves_nothing_is_said_and_not_passed_over() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(2));
    world.applied(&unit).await;
    let name = world.inventories().await.remove(0);
    let path = format!("{SYSTEM}/secrets/{name}");
    world.stop();
    world.edit(&path, "somebody", json!({"data": {"authenticator": "AAAA"}})).await;
    world.leave_member();
    world.restart();
    world
        .eventually("stuck", || async {
            world.released().is_some_and(|r| r.left == 1 && !r.done && r.message.contains("nothing proves"))
        })
        .await;
    assert!(!marks(&world.config_map("c000").await.unwrap()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_attached_again_is_delivered_to_and_left_again() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(1));
    world.applied(&unit).await;
    // The namespace of the inventories stays: no controller runs here that would remove it.
    let mine =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "kurator-system"}});
    world.post(&format!("{SYSTEM}/configmaps"), mine).await;
    let said = done("namespace kurator-system stays: it has ConfigMap kurator-system/mine in it");
    world.leave_member();
    world.eventually("released", || async { world.released() == said }).await;
    world.stay_in_member();
    world.applied(&unit).await;
    assert_eq!(world.released(), None, "what was done before says nothing of the next time");
    assert!(!marks(&world.config_map("c000").await.unwrap()).is_empty());
    world.leave_member();
    world.eventually("released again", || async { world.released() == said }).await;
    assert_eq!(marks(&world.config_map("c000").await.unwrap()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_attach_made_keeps_its_namespace_until_it_goes() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(1));
    world.applied(&unit).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "kurator",
        "namespace": "kurator-system", "labels": {"app.kubernetes.io/managed-by": "kurator"}}});
    world.post(&format!("{SYSTEM}/serviceaccounts"), account).await;
    world.leave_member();
    world.eventually("released", || async { world.released() == done("") }).await;
    assert!(!namespace_goes(&world).await, "the hub works as it until this is stored");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_given_back_is_named() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(2));
    world.applied(&unit).await;
    world.faults.add(Method::PATCH, &config_map_path("c001"), usize::MAX, Act::Refuse(422));
    world.leave_member();
    world
        .eventually("stuck", || async {
            world.released().is_some_and(|r| r.left == 1 && !r.done && r.message.contains("ConfigMap shop/c001: "))
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn leaving_survives_death_at_each_write() {
    let deaths = at_each_write(async |world, when| {
        world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "old")).await;
        let unit = world.set("a", 1, vec![config_map("theirs", "new"), config_map("ours", "1")]);
        until_or_dead(world, when, async |w: &World| {
            w.report(&unit).is_some_and(|r| r.phase == UnitPhase::Applied && r.objects.applied == 2)
        })
        .await;
        world.leave_member();
        until_or_dead(world, when, async |w: &World| w.released().is_some_and(|release| release.done)).await;
        assert!(namespace_goes(world).await && world.inventories().await.is_empty(), "{when}");
        for name in ["theirs", "ours"] {
            assert_eq!(marks(&world.config_map(name).await.unwrap()), [""; 0], "{when}: {name}");
        }
    })
    .await;
    assert!(deaths >= 14, "{deaths}");
}

fn shown(names: &[&str]) -> Option<ObjectSet> {
    let key = |name: &&str| ObjectKey {
        kind: "ConfigMap".into(),
        namespace: "shop".into(),
        name: (*name).to_owned(),
        ..ObjectKey::default()
    };
    let keys: Vec<ObjectKey> = names.iter().map(key).collect();
    Some(ObjectSet::new(&keys))
}

#[tokio::test(start_paused = true)]
async fn what_came_after_the_list_was_shown_stays_until_it_is_released_too() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("shown", "1"), config_map("later", "1")]);
    world.applied(&unit).await;
    world.change(&unit, |entry| (entry.removal, entry.shown) = (Removal::Prune, shown(&["shown"])));
    let report = world
        .until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.unshown) && r.objects.inventory == 1)
        .await;
    let list = report.deletions.clone().unwrap();
    assert_eq!((list.count, list.state, list.sample), (1, DeletionState::Waiting, vec!["ConfigMap shop/later".into()]));
    assert_eq!(detail(&report, "later").sync, SyncState::DeletionHeld, "it is not being deleted: it waits for a word");
    assert!(world.get(&config_map_path("shown")).await.is_none());
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!(held.causes, [Cause::Unshown]);
    // Also in the next process.
    world.restart();
    let before = world.quiet().await;
    assert!(world.config_map("later").await.is_some());
    assert_eq!(world.quiet().await, before);
    world.guard(&unit, Some(held.digest));
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    assert!(world.config_map("later").await.is_none());
}

/// As when a person annotated it in the cluster: the list that was agreed to has it as what stays.
#[tokio::test(start_paused = true)]
async fn what_was_listed_as_staying_is_given_back_and_not_asked_about_again() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("shown", "1"), config_map("settings", "1")]);
    world.applied(&unit).await;
    let keep = json!({"metadata": {"annotations": {"kurator.dev/on-delete": "orphan"}}});
    world.edit(&config_map_path("settings"), "person", keep).await;
    world.until(&unit, "seen", |r| detail(r, "settings").kept).await;
    world.change(&unit, |entry| (entry.removal, entry.shown) = (Removal::Prune, shown(&["shown"])));
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    assert!(world.config_map("shown").await.is_none());
    let left = world.config_map("settings").await.unwrap();
    assert!(left["metadata"]["labels"].get(label::HUB).is_none(), "{left}");
}

/// A list of a source has what stays in its digest. What was named as staying is deleted by no approval of that list, though the annotation
/// was taken off before the member came to it.
#[tokio::test(start_paused = true)]
async fn of_what_a_source_lost_what_was_listed_as_staying_is_asked_about_when_it_does_not_ask_for_that_any_longer() {
    for is_taken_off in [false, true] {
        let mut world = World::new().await;
        let objects: Vec<_> = (0..14).map(|n| config_map(&format!("c{n}"), "1")).collect();
        let unit = world.set("a", 1, objects.clone());
        world.applied(&unit).await;
        let annotate =
            |value: serde_json::Value| json!({"metadata": {"annotations": {"kurator.dev/on-delete": value}}});
        world.edit(&config_map_path("c0"), "person", annotate(json!("orphan"))).await;
        world.until(&unit, "seen", |r| detail(r, "c0").kept).await;
        world.set("a", 2, objects[12..].to_vec());
        let report = world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.count == 12)).await;
        let approved = report.deletions.as_ref().unwrap().digest;
        let held = world.guard(&unit, None).held.unwrap();
        if is_taken_off {
            world.edit(&config_map_path("c0"), "person", annotate(json!(null))).await;
            world.until(&unit, "seen", |r| !detail(r, "c0").kept).await;
        }
        let names: Vec<String> = (1..12).map(|n| format!("c{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.change(&unit, |entry| entry.approved_shown = shown(&names));
        world.guard(&unit, Some(held.digest));
        world.eventually("gone", async || world.get(&config_map_path("c11")).await.is_none()).await;
        let report = world.until(&unit, "settled", |r| r.objects.inventory == if is_taken_off { 3 } else { 2 }).await;
        let left = world.config_map("c0").await.unwrap();
        assert_eq!(
            left["metadata"]["labels"].get(label::HUB).is_some(),
            is_taken_off,
            "given back when it asks: {left}"
        );
        let list = report.deletions.clone().unwrap();
        assert_eq!((list.count, list.unshown), (u32::from(is_taken_off), is_taken_off), "{list:?}");
        if is_taken_off {
            let held = world.guard(&unit, None).held.unwrap();
            assert!(held.causes.contains(&Cause::Unshown), "{:?}", held.causes);
            world.change(&unit, |entry| entry.approved_shown = shown(&["c0"]));
            world.guard(&unit, Some(held.digest));
            world.eventually("gone", async || world.config_map("c0").await.is_none()).await;
        } else {
            assert_eq!((list.digest, list.state), (approved, DeletionState::Released));
        }
    }
}

/// Has an object ask to stay, or no longer.
async fn ask_to_stay(world: &World, name: &str, how: Option<&str>) {
    let patch = json!({"metadata": {"annotations": {"kurator.dev/on-delete": how}}});
    world.edit(&config_map_path(name), "person", patch).await;
}

/// A source lost objects, and a person was shown these of them as going. `before`: what happens before the source loses them. `then`: what
/// happens before the list that the member made of them is approved.
async fn approved_after(
    lost: usize,
    going: &[&str],
    before: impl AsyncFnOnce(&World, &UnitId),
    then: impl AsyncFnOnce(&World),
) -> (World, UnitId) {
    let mut world = World::new().await;
    let objects: Vec<_> = (0..lost + 3).map(|n| config_map(&format!("c{n}"), "1")).collect();
    let unit = world.set("a", 1, objects.clone());
    world.applied(&unit).await;
    before(&world, &unit).await;
    world.set("a", 2, objects[lost..].to_vec());
    let is_told = |r: &UnitReport| r.deletions.as_ref().is_some_and(|list| list.count as usize == lost);
    let report = world.until(&unit, "told", is_told).await;
    then(&world).await;
    world.quiet().await;
    world.change(&unit, |entry| {
        entry.approved = report.deletions.as_ref().map(|list| list.digest);
        entry.approved_shown = shown(going);
    });
    (world, unit)
}

/// Somebody deletes an object, and makes another one of its name with all that was on it.
async fn replace(world: &World, name: &str) {
    let mut object = world.config_map(name).await.unwrap();
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp"] {
        model::object::remove(&mut object, &["metadata", field]);
    }
    object["data"]["a"] = json!("theirs");
    world.delete(&config_map_path(name)).await;
    world.post("/api/v1/namespaces/shop/configmaps", object).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_listed_as_staying_since_somebody_made_it_again_is_let_go_of_with_the_list() {
    for lost in [1, 12] {
        let names: Vec<String> = (1..lost).map(|n| format!("c{n}")).collect();
        let going: Vec<&str> = names.iter().map(String::as_str).collect();
        let replaced = async |world: &World| replace(world, "c0").await;
        let (world, unit) = approved_after(lost, &going, async |_, _| {}, replaced).await;
        let report = world.until(&unit, "done", |r| r.objects.inventory == 3).await;
        let list = report.deletions.as_ref().unwrap();
        assert_eq!((list.state, list.count, list.unshown), (DeletionState::Released, 0, false), "{list:?}");
        assert_eq!(world.config_map("c0").await.unwrap()["data"]["a"], "theirs");
        for name in going {
            assert!(world.config_map(name).await.is_none(), "{name}");
        }
    }
}

/// The list had it as staying: another hub, or somebody in the cluster, had put another hub's label on it.
#[tokio::test(start_paused = true)]
async fn what_was_listed_as_staying_since_another_hub_has_it_is_let_go_of_and_not_asked_about_again() {
    let theirs = |how: Option<&str>| json!({"metadata": {"labels": {label::HUB: how}}});
    // (what happens to two of three, what was shown as going)
    for (how, going) in [
        (Some("foo"), vec!["c002"]),
        (Some("foo"), vec![]),
        // Nobody's now, or gone since.
        (None, vec!["c002"]),
    ] {
        for restarts in [false, true] {
            let mut world = World::new().await;
            let unit = world.set("a", 1, config_maps(3));
            world.applied(&unit).await;
            // Nothing is put right meanwhile.
            world.change(&unit, |entry| entry.suspend = true);
            world.until(&unit, "suspended", |r| r.phase == UnitPhase::Suspended).await;
            world.edit(&config_map_path("c000"), "another", theirs(how)).await;
            match how {
                Some(_) => world.edit(&config_map_path("c001"), "another", theirs(how)).await,
                None => world.delete(&config_map_path("c001")).await,
            }
            if going.is_empty() {
                world.edit(&config_map_path("c002"), "another", theirs(how)).await;
            }
            world.quiet().await;
            world.change(&unit, |entry| {
                (entry.suspend, entry.removal, entry.shown) = (false, Removal::Prune, shown(&going));
            });
            if restarts {
                world.restart();
            }
            world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
            let c000 = world.config_map("c000").await.unwrap();
            assert_eq!(model::object::label(&c000, label::HUB), how);
            assert_eq!(world.config_map("c002").await.is_none(), !going.is_empty());
        }
    }
}

/// The same of a list that a commit made.
#[tokio::test(start_paused = true)]
async fn of_what_a_source_lost_what_another_hub_has_is_let_go_of_with_the_list() {
    for (lost, going) in [(12, 1..12), (2, 0..0)] {
        let names: Vec<String> = going.map(|n| format!("c{n}")).collect();
        let going: Vec<&str> = names.iter().map(String::as_str).collect();
        let taken: Vec<String> =
            (0..lost).map(|n| format!("c{n}")).filter(|name| !going.contains(&name.as_str())).collect();
        let take = async |world: &World| {
            for name in &taken {
                let theirs = json!({"metadata": {"labels": {label::HUB: "foo"}}});
                world.edit(&config_map_path(name), "another", theirs).await;
            }
        };
        let (world, unit) = approved_after(lost, &going, async |_, _| {}, take).await;
        let report = world.until(&unit, "done", |r| r.objects.inventory == 3).await;
        let list = report.deletions.as_ref().unwrap();
        assert_eq!((list.state, list.count, list.unshown), (DeletionState::Released, 0, false), "{list:?}");
        for name in &taken {
            assert!(world.config_map(name).await.is_some(), "{name}");
        }
        for name in &going {
            assert!(world.config_map(name).await.is_none(), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_which_everything_was_to_stay_is_asked_about_again_when_nothing_asks_for_that_any_longer() {
    let names = ["c0", "c1"];
    let ask = async |world: &World, unit: &UnitId| {
        for name in names {
            ask_to_stay(world, name, Some("orphan")).await;
            world.until(unit, "seen", |r| detail(r, name).kept).await;
        }
    };
    let take_off = async |world: &World| {
        for name in names {
            ask_to_stay(world, name, None).await;
        }
    };
    let (mut world, unit) = approved_after(2, &[], ask, take_off).await;
    let is_asked = |r: &UnitReport| r.deletions.as_ref().is_some_and(|list| list.unshown);
    let report = world.until(&unit, "asked", is_asked).await;
    assert_eq!((report.deletions.as_ref().unwrap().count, report.objects.inventory), (2, 5));
    let before = world.quiet().await;
    assert_eq!(world.quiet().await, before);
    let held = world.guard(&unit, None).held.unwrap();
    assert_eq!(held.causes, [Cause::Unshown]);
    world.change(&unit, |entry| entry.approved_shown = shown(&names));
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "gone", |r| r.objects.inventory == 3).await;
    assert!(world.config_map("c0").await.is_none());
}

/// No watch shows it any more: it is asked who has it, before a person agrees to a list that says that it goes.
#[tokio::test(start_paused = true)]
async fn what_waits_to_be_deleted_and_another_hub_has_stays_by_the_list() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(15));
    world.applied(&unit).await;
    world.set("a", 2, config_maps(3));
    world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|list| list.count == 12)).await;
    let theirs = |hub: &str| json!({"metadata": {"labels": {label::HUB: hub}}});
    world.edit(&config_map_path("c005"), "another", theirs("foo")).await;
    replace(&world, "c006").await;
    world.until(&unit, "another object", |r| detail(r, "c006").replaced).await;
    world.edit(&config_map_path("c006"), "another", theirs("foo")).await;
    world.quiet().await;
    let report =
        world.until(&unit, "seen", |r| detail(r, "c005").reason == "ForeignHub" && detail(r, "c006").replaced).await;
    assert!(detail(&report, "c005").message.starts_with("hub foo delivers it: "));
    let going = report.going.as_ref().unwrap();
    for listed in [
        Objects::of_report(&report, Removal::Prune).unwrap(),
        Objects::of_list(&going.objects).with_report(Some(&report)),
    ] {
        let stays: Vec<_> = listed.stays.iter().map(|(key, why)| (key.name.as_str(), why.clone())).collect();
        assert_eq!(stays, [("c005", Stays::OtherHub("foo".to_owned())), ("c006", Stays::OtherObject)]);
        assert!(listed.goes.iter().any(|key| key.name == "c007"));
    }
    let before = world.quiet().await;
    assert_eq!(world.quiet().await, before);
    world.edit(&config_map_path("c005"), "another", theirs(world.hub.as_str())).await;
    world.until(&unit, "back", |r| detail(r, "c005").reason.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_a_commit_names_what_is_given_back_with_it() {
    let mut world = World::new().await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("c014", "1")).await;
    let unit = world.set("a", 1, config_maps(15));
    world.applied(&unit).await;
    world.set("a", 2, config_maps(3));
    let report = world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|list| list.count == 11)).await;
    let held = world.guard(&unit, None).held.unwrap();
    world.quiet().await;
    assert!(!marks(&world.config_map("c014").await.unwrap()).is_empty(), "it waits for the list");
    let listed = Objects::of_list(&report.going.as_ref().unwrap().objects).with_report(Some(&report));
    let stays: Vec<_> = listed.stays.iter().map(|(key, why)| (key.name.as_str(), why.clone())).collect();
    assert_eq!((listed.goes.len(), stays), (11, vec![("c014", Stays::Adopted)]));
    world.guard(&unit, Some(held.digest));
    world.until(&unit, "done", |r| r.objects.inventory == 3).await;
    assert_eq!(marks(&world.config_map("c014").await.unwrap()), Vec::<String>::new());
    assert!(world.config_map("c013").await.is_none());
}
