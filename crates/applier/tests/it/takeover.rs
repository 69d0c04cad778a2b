//! What another hub has in the member becomes this hub's.

use std::collections::BTreeMap;

use api::delivery::{HubId, MemberTakeOver, Removal, TakeOverState, UnitPhase, WaitingCause, label};
use api::feed::{TakeOver, UnitReport};
use http::Method;
use model::Digest;
use plan::guard::Cause;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::proof::{LOOK, lose};
use crate::world::{Blow, World, config_map, config_map_path, config_maps, detail, waiting};

const SECRETS: &str = "/api/v1/namespaces/kurator-system/secrets";

fn another() -> HubId {
    HubId::from_random([77; 10])
}

fn hub_of(object: &Value) -> Option<String> {
    model::object::label(object, label::HUB).map(str::to_owned)
}

impl World {
    /// The hub is lost, and a new one wants the same: it has another id.
    fn replace_hub(&mut self, approved: Option<Digest>) {
        self.stop();
        let lost = std::mem::replace(&mut self.hub, another());
        self.take_over = Some(TakeOver { from: lost, approved });
        self.rename_units();
        self.restart();
    }

    fn taken(&self) -> Option<MemberTakeOver> {
        self.push.link(&self.member)?.moving.take_over.map(|said| *said)
    }

    async fn until_taken(&self, state: TakeOverState) -> MemberTakeOver {
        self.eventually("taken", || async { self.taken().is_some_and(|said| said.state == state) }).await;
        self.taken().unwrap()
    }

    fn approve_take_over(&mut self, digest: Digest) {
        self.take_over.as_mut().unwrap().approved = Some(digest);
        self.restart();
    }

    async fn hubs(&self) -> BTreeMap<String, String> {
        let list = self.get("/api/v1/namespaces/shop/configmaps").await.unwrap();
        let all = list["items"].as_array().cloned().unwrap_or_default();
        let hub = |object: &Value| Some((model::object::name(object)?.to_owned(), hub_of(object)?));
        all.iter().filter_map(hub).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_over_before_the_list_is_approved_and_then_it_is_owned() {
    let mut world = World::new().await;
    world.post("/api/v1/namespaces/shop/configmaps", config_map("theirs", "old")).await;
    let mut objects = config_maps(3);
    objects.push(config_map("theirs", "new"));
    let unit = world.set("a", 1, objects);
    world.applied(&unit).await;
    let before = world.hubs().await;
    assert_eq!(before.len(), 4);
    world.replace_hub(None);
    let held = world.until_taken(TakeOverState::Held).await;
    assert_eq!((held.units, held.objects, held.list[0].adopted), (1, 4, 1));
    world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!(world.hubs().await, before, "they are the lost hub's");
    world.approve_take_over(Digest::of(b"another list"));
    world.until_taken(TakeOverState::Held).await;
    assert_eq!(world.hubs().await, before);

    world.approve_take_over(held.digest);
    world.until_taken(TakeOverState::Done).await;
    world.applied(&unit).await;
    assert!(world.hubs().await.values().all(|hub| *hub == another().to_string()));
    let recorded = world.recorded().await;
    let adopted: Vec<&str> = recorded.iter().filter(|(_, e)| e.adopted).map(|(k, _)| k.name.as_str()).collect();
    assert_eq!((recorded.len(), adopted), (4, vec!["theirs"]), "what was adopted stays adopted");
    assert_eq!(world.inventories().await.len(), 1);
    let settled = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, settled, "a settled member gets no write");
    // It prunes as if it had delivered everything.
    world.set("a", 2, config_maps(2));
    world.until(&unit, "held", |r| r.phase == UnitPhase::DeletionsHeld).await;
    world.guard(&unit, None);
    world.until(&unit, "pruned", |r| r.objects.inventory == 2).await;
    assert!(world.config_map("c002").await.is_none() && world.config_map("theirs").await.is_some());
}

/// Is a list of so many held since nobody has seen what would go?
fn is_unseen(count: u32) -> impl Fn(&UnitReport) -> bool {
    move |report| report.deletions.as_ref().is_some_and(|list| list.behind && list.count == count)
}

/// The new hub's unit of that name may be another one's, or its source has lost something since the old hub delivered.
#[tokio::test(start_paused = true)]
async fn what_the_new_hub_does_not_want_waits_for_a_word_and_the_rest_is_pruned_as_usual() {
    for applied in ["before", "after"] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, config_maps(8));
        world.applied(&unit).await;
        let wanted = |count: usize| {
            let mut objects = config_maps(count);
            objects.push(config_map("own", "1"));
            objects
        };
        match applied {
            "before" => drop(world.set("a", 1, wanted(6))),
            _ => world.forget(&unit),
        }
        world.replace_hub(None);
        let held = world.until_taken(TakeOverState::Held).await;
        world.approve_take_over(held.digest);
        world.until_taken(TakeOverState::Done).await;
        if applied == "after" {
            // For a while nobody asks for it, also not in the next process.
            world.restart();
            world.a_while().await;
            world.set("a", 1, wanted(6));
        }
        let report = world.until(&unit, "held", is_unseen(2)).await;
        assert_eq!(report.deletions.as_ref().unwrap().sample, ["ConfigMap shop/c006", "ConfigMap shop/c007"]);
        let said = world.guard(&unit, None).held.unwrap();
        assert_eq!(said.causes, [Cause::Behind], "{applied}");
        world.until(&unit, "applied", |r| r.objects.applied == 7 && r.objects.inventory == 9).await;
        // What a later commit loses joins the list; another process asks for the same.
        world.set("a", 2, wanted(5));
        world.until(&unit, "longer", is_unseen(3)).await;
        assert!(world.guard(&unit, Some(said.digest)).held.is_some(), "that was the shorter list");
        world.restart();
        world.until(&unit, "held", is_unseen(3)).await;
        let settled = world.quiet().await;
        world.restart();
        world.until(&unit, "held", is_unseen(3)).await;
        assert_eq!(world.quiet().await, settled, "a settled member gets no write");
        assert_eq!(world.hubs().await.len(), 9, "{applied}");
        let held = world.guard(&unit, None).held.unwrap();
        world.guard(&unit, Some(held.digest));
        world.until(&unit, "pruned", |r| r.objects.inventory == 6).await;
        assert_eq!(world.hubs().await.len(), 6);
        // From now on it is as any other.
        world.set("a", 3, wanted(4));
        world.until(&unit, "weighed", |r| r.epoch == 3 && r.phase == UnitPhase::DeletionsHeld).await;
        assert!(world.guard(&unit, None).held.is_none(), "within the budget");
        world.until(&unit, "pruned", |r| r.objects.inventory == 5).await;
        assert!(world.config_map("c004").await.is_none());
    }
}

/// As where the same Applications are in the new hub, and a commit took something out while nobody delivered.
#[tokio::test(start_paused = true)]
async fn what_this_hub_has_of_the_unit_already_does_not_let_the_rest_go() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(4));
    world.applied(&unit).await;
    // The new hub delivers its own unit of that name already, and has pruned in it.
    world.replace_hub(None);
    let own = |count| (0..count).map(|n| config_map(&format!("own{n}"), "1")).collect::<Vec<_>>();
    let placed = |entry: &mut api::feed::UnitEntry| entry.placed = Some("2026-11-27T10:00:00Z".parse().unwrap());
    world.set_with("a", 1, own(3), placed);
    world.until(&unit, "applied", |r| r.objects.applied == 3).await;
    world.set_with("a", 2, own(2), placed);
    world.until(&unit, "weighed", |r| r.phase == UnitPhase::DeletionsHeld).await;
    assert!(world.guard(&unit, None).held.is_none());
    world.until(&unit, "pruned", |r| r.objects.inventory == 2).await;
    let held = world.until_taken(TakeOverState::Held).await;
    world.approve_take_over(held.digest);
    world.until_taken(TakeOverState::Done).await;
    world.until(&unit, "held", is_unseen(4)).await;
    assert_eq!(world.guard(&unit, None).held.unwrap().causes, [Cause::Behind]);
    assert_eq!(world.hubs().await.len(), 6);
    // Its source has them from now on.
    let mut both = own(2);
    both.extend(config_maps(4));
    world.set_with("a", 3, both, placed);
    world.applied(&unit).await;
    world.set_with("a", 4, own(2), placed);
    world.until(&unit, "weighed", |r| r.epoch == 4 && r.phase == UnitPhase::DeletionsHeld).await;
    assert!(world.guard(&unit, None).held.is_none());
    world.until(&unit, "pruned", |r| r.objects.inventory == 2).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_the_lost_hub_still_has_is_taken() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    world.stop();
    let unlabelled = json!({"metadata": {"labels": {label::HUB: null, label::APPLYSET_PART_OF: null}}});
    world.edit(&config_map_path("c000"), "somebody", unlabelled).await;
    world.delete(&config_map_path("c001")).await;
    // Somebody writes an object of their own into the list.
    world.replace_hub(None);
    let held = world.until_taken(TakeOverState::Held).await;
    assert_eq!((held.objects, held.list[0].first.clone()), (1, vec!["ConfigMap shop/c002".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn what_this_hub_recorded_and_cannot_read_is_not_overwritten() {
    let mut world = World::new().await;
    let lost = world.hub.clone();
    let unit = world.set("a", 1, config_maps(2));
    let other = world.set("b", 1, vec![config_map("of-b", "1")]);
    world.applied(&unit).await;
    world.applied(&other).await;
    world.stop();
    // The hub that takes over had the unit before, and somebody has spoilt what it recorded.
    let own = plan::inventory::secret_name(&unit.short(&another()), 0);
    let spoilt = json!({"apiVersion": "v1", "kind": "Secret", "type": "kurator.dev/inventory",
        "metadata": {"name": own, "namespace": "kurator-system",
            "labels": {label::HUB: another().to_string(), label::GROUP: unit.short(&another()).to_string(), label::SHARD: "0"},
            "annotations": {label::GROUP_ID: unit.to_string()}},
        "data": {"inventory": "AAAA", "authenticator": "AAAA"}});
    world.post("/api/v1/namespaces/kurator-system/secrets", spoilt).await;
    world.replace_hub(None);
    let held = world.until_taken(TakeOverState::Held).await;
    assert_eq!((held.units, held.objects), (1, 1), "only the other unit");
    world.approve_take_over(held.digest);
    let stuck = world.until_taken(TakeOverState::Stuck).await;
    let said = format!("of {unit}: this hub's own cannot be read: ");
    assert!(stuck.message.starts_with("1 of its inventories cannot be taken over, and stay: "), "{}", stuck.message);
    assert!(stuck.message.contains(&said), "{}", stuck.message);
    let hubs = world.hubs().await;
    assert_eq!((&hubs["c000"], &hubs["of-b"]), (&lost.to_string(), &another().to_string()));
    let secret = world.get(&format!("/api/v1/namespaces/kurator-system/secrets/{own}")).await.unwrap();
    assert_eq!(secret["data"]["inventory"], "AAAA");
}

#[tokio::test(start_paused = true)]
async fn a_person_sees_before_what_the_list_will_be() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    let lost = world.hub.clone();
    let seen = applier::look_at_hubs(&world.api(), &world.identity().await).await.unwrap();
    world.replace_hub(None);
    let held = world.until_taken(TakeOverState::Held).await;
    assert_eq!((seen.len(), &seen[0].from), (1, &lost));
    assert_eq!(seen[0], held, "to the digest");
}

#[tokio::test(start_paused = true)]
async fn a_take_over_survives_death_at_each_write_and_is_asked_once() {
    for how in [Blow::Before, Blow::After] {
        for last in 0.. {
            assert!(last < 100, "it does not end");
            let when = format!("death {how:?} write {last}");
            let mut world = World::new().await;
            let unit = world.set("a", 1, config_maps(2));
            let other = world.set("b", 1, vec![config_map("of-b", "1")]);
            world.applied(&unit).await;
            world.applied(&other).await;
            world.replace_hub(None);
            let held = world.until_taken(TakeOverState::Held).await;
            // Units that are refused are tried again, and write nothing.
            world.fuse.set(last, how);
            world.approve_take_over(held.digest);
            let is_done = async |world: &World| world.taken().is_some_and(|said| said.state == TakeOverState::Done);
            world.eventually(&when, || async { world.fuse.is_dead() || is_done(&world).await }).await;
            if world.fuse.is_dead() {
                world.revive();
                world.eventually(&when, || is_done(&world)).await;
            }
            assert!(world.hubs().await.values().all(|hub| *hub == another().to_string()), "{when}");
            assert_eq!((world.hubs().await.len(), world.inventories().await.len()), (3, 2), "{when}");
            if !world.fuse.blew() {
                assert!(last >= 7, "{last}");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_unit_has_for_which_nothing_asks_is_no_other_units() {
    let mut world = World::new().await;
    let objects = || vec![config_map("c1", "1"), config_map("c2", "1")];
    let unit = world.set("old", 1, objects());
    world.applied(&unit).await;
    world.forget(&unit);
    let is_orphan = |world: &World| world.push.link(&world.member).is_some_and(|link| link.orphans == [unit.clone()]);
    for restarts in [false, true] {
        if restarts {
            world.restart();
        }
        world.eventually("left", || async { is_orphan(&world) }).await;
        // Another one names the objects, as by a path that is mistyped, and then does not.
        let other = world.set("another", 1, vec![config_map("c1", "2"), config_map("c2", "2"), config_map("own", "1")]);
        let report = world.until(&other, "in conflict", |r| r.reason == "Conflict" && r.objects.applied == 1).await;
        assert_eq!(waiting(&report), [(WaitingCause::OtherUnit, 2, "ConfigMap shop/c1", unit.to_string().as_str())]);
        let said = &detail(&report, "c1").message;
        assert!(said.starts_with(&format!("unit {unit} has it here, and no Application asks for that unit")), "{said}");
        assert_eq!(report.message, format!("ConfigMap shop/c1: {said} (and 1 more)"));
        world.set("another", 2, vec![config_map("own", "1")]);
        let report = world.until(&other, "corrected", |r| r.epoch == 2 && r.reason == "Applied").await;
        assert_eq!((report.objects.inventory, report.deletions.clone()), (1, None));
        world.change(&other, |entry| entry.removal = Removal::Prune);
        world.eventually("gone", || async { world.inventories().await.len() == 1 }).await;
        world.forget(&other);
        for name in ["c1", "c2"] {
            assert_eq!(world.config_map(name).await.unwrap()["data"], json!({"a": "1"}), "{name} {restarts}");
        }
    }
    // What is not there any more is free, and the unit comes back to what it has.
    world.delete(&config_map_path("c2")).await;
    let other = world.set("another", 3, vec![config_map("c2", "2")]);
    world.applied(&other).await;
    world.set("old", 2, objects());
    world.until(&unit, "back", |r| r.epoch == 2 && r.objects.applied == 1 && r.reason == "Conflict").await;
}

#[tokio::test(start_paused = true)]
async fn what_a_unit_had_for_which_nothing_asks_is_free_when_its_inventory_is_deleted() {
    let mut world = World::new().await;
    let objects = || vec![config_map("c1", "1"), config_map("c2", "1")];
    let old = world.set("old", 1, objects());
    world.applied(&old).await;
    world.forget(&old);
    world.restart();
    let new = world.set("new", 1, objects());
    world.until(&new, "in conflict", |r| r.reason == "Conflict" && r.details.len() == 2).await;
    // Nothing comes of a look while it is there.
    tokio::time::sleep(LOOK).await;
    assert_eq!(world.report(&new).unwrap().reason, "Conflict");
    assert_eq!(world.inventories().await.len(), 1);
    lose(&world).await;
    tokio::time::sleep(LOOK).await;
    let report = world.applied(&new).await;
    assert_eq!((report.objects.inventory, report.objects.adopted), (2, 2), "who made them is not known");
    let orphans = || world.push.link(&world.member).map(|link| link.orphans.len());
    world.eventually("told", || async { orphans() == Some(0) }).await;
    let before = world.quiet().await;
    world.restart();
    world.applied(&new).await;
    assert_eq!(world.quiet().await, before);
}

/// The other hub changes each object first and deletes the inventory last; which change a watch shows first is chance.
#[tokio::test(start_paused = true)]
async fn a_hub_that_still_runs_writes_no_inventory_of_what_another_one_takes_over() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(2));
    world.applied(&unit).await;
    let (theirs, secret) = (
        json!({"metadata": {"labels": {label::HUB: another().as_str()}}}),
        format!("{SECRETS}/{}", world.inventories().await.remove(0)),
    );
    let rest = vec![(config_map_path("c001"), theirs.clone()), (secret.clone(), Value::Null)];
    world.faults.add(Method::GET, &secret, 1, Act::Meanwhile(rest));
    world.edit(&config_map_path("c000"), "another", theirs).await;
    let is_others = |r: &UnitReport| {
        waiting(r).first().is_some_and(|(cause, objects, ..)| (*cause, *objects) == (WaitingCause::OtherHub, 2))
    };
    world.until(&unit, "in conflict", is_others).await;
    world.a_while().await;
    assert_eq!(world.inventories().await, Vec::<String>::new());
    // What is no other hub's is written again.
    let ours = json!({"metadata": {"labels": {label::HUB: world.hub.as_str()}}});
    world.edit(&config_map_path("c000"), "another", ours.clone()).await;
    world.edit(&config_map_path("c001"), "another", ours).await;
    world.applied(&unit).await;
    assert_eq!(world.inventories().await.len(), 1);
}

/// Another hub takes over what is in the member, as it does: objects first, the inventory last.
async fn let_another_take(world: &World, names: &[&str]) {
    for name in names {
        let theirs = json!({"metadata": {"labels": {label::HUB: another().as_str()}}});
        world.edit(&config_map_path(name), "another", theirs).await;
    }
    lose(world).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_of_what_another_hub_took_over_is_not_made() {
    // The hub that had it sees that at once, when it reaches the member again, or when it starts.
    for seen in ["at once", "later", "after a restart"] {
        let mut world = World::new().await;
        world.recollects = true;
        let unit = world.set("a", 1, config_maps(4));
        world.applied(&unit).await;
        if seen != "at once" {
            world.stop();
        }
        let all = ["c000", "c001", "c002", "c003"];
        let_another_take(&world, &all).await;
        let is_others = |r: &UnitReport| waiting(r).first().is_some_and(|(cause, ..)| *cause == WaitingCause::OtherHub);
        if seen == "at once" {
            world.until(&unit, "in conflict", is_others).await;
        }
        // A commit takes two of them out, and that hub is the first one to see it.
        world.delete(&config_map_path("c001")).await;
        world.delete(&config_map_path("c003")).await;
        match seen {
            "at once" => {}
            "later" => world.start(),
            _ => world.restart(),
        }
        world.until(&unit, "in conflict", is_others).await;
        world.a_while().await;
        assert!(world.config_map("c001").await.is_none(), "{seen}");
        assert_eq!(world.inventories().await, Vec::<String>::new(), "{seen}");
        let report = world.report(&unit).unwrap();
        let row = detail(&report, "c003");
        let said =
            format!("hub {} took over what this unit had here, and what is missing of it is not made: ", another());
        assert!(row.message.starts_with(&said), "{seen}: {}", row.message);
        // What a later commit adds is left to that hub as well.
        let mut more = config_maps(4);
        more.push(config_map("new", "1"));
        world.set("a", 2, more);
        world.until(&unit, "in conflict", |r| r.epoch == 2 && is_others(r) && r.objects.desired == 5).await;
        world.a_while().await;
        assert_eq!(world.hubs().await.len(), 2, "{seen}: {:?}", world.hubs().await);
        // That hub lets go of it.
        for name in ["c000", "c002"] {
            let nobodys = json!({"metadata": {"labels": {label::HUB: null}}});
            world.edit(&config_map_path(name), "another", nobodys).await;
        }
        world.applied(&unit).await;
        assert!(world.config_map("c001").await.is_some() && world.config_map("new").await.is_some(), "{seen}");
        assert_eq!(world.inventories().await.len(), 1, "{seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_always_another_hubs_keeps_nothing_else_from_being_made() {
    let mut world = World::new().await;
    let mut theirs = config_map("c000", "old");
    theirs["metadata"]["labels"] = json!({label::HUB: another().as_str()});
    world.post("/api/v1/namespaces/shop/configmaps", theirs).await;
    let unit = world.set("a", 1, config_maps(3));
    let are_made = |r: &UnitReport| r.objects.applied == 2;
    world.until(&unit, "made", are_made).await;
    for name in ["c001", "c002"] {
        world.delete(&config_map_path(name)).await;
    }
    world.eventually("made again", || async { world.hubs().await.len() == 3 }).await;
    let mut more = config_maps(3);
    more.push(config_map("new", "1"));
    world.set("a", 2, more);
    world.until(&unit, "made", |r| r.objects.applied == 3).await;
    assert_eq!(world.hubs().await["c000"], another().to_string());
}
