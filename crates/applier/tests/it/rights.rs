//! A member that gives the hub rights in some of its namespaces only.

use std::sync::{Arc, Mutex};

use api::delivery::{Removal, UnitPhase, WaitingCause};
use api::feed::SyncState;
use http::{Method, Uri};
use plan::rights::Rights;
use serde_json::{Value, json};

use crate::world::{World, config_map, config_map_path, detail, waiting};

/// Lets through what the Roles of `kurator attach --namespaces` allow, and what every user may read. Notes the rest.
pub(crate) struct Gate {
    namespaces: Vec<&'static str>,
    refused: Mutex<Vec<String>>,
}

impl Gate {
    /// Is a request refused, as RBAC does?
    pub(crate) fn refuses(&self, method: &Method, uri: &Uri) -> bool {
        let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let allowed = match parts.as_slice() {
            ["version" | "readyz"] | ["api" | "apis"] | ["api", _] | ["apis", _] | ["apis", _, _] => true,
            ["api", "v1", "namespaces", "kube-system"] => *method == Method::GET,
            ["api", "v1", "namespaces", "kurator-system", "secrets", ..] => true,
            ["api", _, "namespaces", namespace, ..] | ["apis", _, _, "namespaces", namespace, ..] => {
                self.namespaces.contains(namespace)
            }
            _ => false,
        };
        if !allowed {
            self.refused.lock().unwrap().push(format!("{method} {uri}"));
        }
        !allowed
    }

    /// What was asked for and refused.
    fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }
}

fn rights(namespaces: &[&str]) -> Rights {
    let namespaces = namespaces.iter().map(|namespace| (*namespace).to_owned());
    Rights::in_namespaces(namespaces, "kurator attach CONTEXT --name beijing".to_owned())
}

/// From now on the hub has rights in these namespaces, and knows so.
fn limit(world: &mut World, namespaces: &[&'static str]) -> Arc<Gate> {
    let gate = Arc::new(Gate { namespaces: namespaces.to_vec(), refused: Mutex::default() });
    (world.rights, world.gate) = (rights(namespaces), Some(Arc::clone(&gate)));
    world.restart();
    gate
}

async fn namespace(world: &World, name: &str) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    world.post("/api/v1/namespaces", namespace).await;
}

/// A member with namespaces `shop`, `side` and `other`, and what `kurator attach` makes.
async fn world() -> World {
    let world = World::new().await;
    for name in ["kurator-system", "side", "other"] {
        namespace(&world, name).await;
    }
    world
}

fn in_namespace(name: &str, namespace: &str) -> Value {
    let mut object = config_map(name, "1");
    object["metadata"]["namespace"] = namespace.into();
    object
}

fn role() -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "all"}, "rules": []})
}

#[tokio::test(start_paused = true)]
async fn what_needs_more_is_refused_before_it_is_sent_and_the_rest_is_delivered() {
    let mut world = world().await;
    let gate = limit(&mut world, &["shop", "side"]);
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let mut left_alone = role();
    left_alone["metadata"] = json!({"name": "asked", "annotations": {"kurator.dev/reconcile": "disabled"}});
    let (inside, side) = (config_map("a", "1"), in_namespace("b", "side"));
    let objects = vec![inside, side, in_namespace("c", "other"), role(), shop, left_alone];
    let unit = world.set("u", 1, objects.clone());
    let report = world.until(&unit, "tried", |r| r.phase == UnitPhase::Failed && r.objects.applied == 2).await;
    assert!(world.config_map("a").await.is_some());
    assert!(world.get("/api/v1/namespaces/side/configmaps/b").await.is_some());
    assert!(world.get("/api/v1/namespaces/other/configmaps/c").await.is_none());
    assert_eq!((report.reason.as_str(), report.objects.failed), ("OutsideRights", 3));
    for name in ["c", "all", "shop"] {
        let row = detail(&report, name);
        assert_eq!((row.sync, row.reason.as_str()), (SyncState::Failed, "OutsideRights"), "{row:?}");
        assert_ne!(row.health, api::delivery::Health::Healthy, "{row:?}");
        assert!(row.message.contains("`kurator attach CONTEXT --name beijing"), "{row:?}");
    }
    assert_eq!(detail(&report, "asked").sync, SyncState::LeftAlone);
    let other = "it needs rights in namespace other, and the member gives them in shop, side only";
    let said = &detail(&report, "c").message;
    assert!(said.starts_with(other) && said.contains(" --add-namespaces other`, or, since other objects "), "{said}");
    let cause = WaitingCause::OutsideRights;
    assert_eq!(
        waiting(&report)[..2],
        [
            (cause, 1, "ConfigMap other/c", "namespace other"),
            (cause, 2, "ClusterRole.rbac.authorization.k8s.io all", "the whole cluster")
        ]
    );
    // It is not tried again: nothing at all is asked for, until the look that comes for no reason.
    world.quiet().await;
    // Drift is seen in each namespace, and put back.
    for path in [config_map_path("a").as_str(), "/api/v1/namespaces/side/configmaps/b"] {
        world.edit(path, "someone", json!({"data": {"a": "2"}})).await;
        world.eventually("put back", async || world.get(path).await.is_some_and(|live| live["data"]["a"] == "1")).await;
    }
    // Also after a restart, and when the source has it otherwise.
    world.restart();
    world.until(&unit, "tried again", |r| r.phase == UnitPhase::Failed && r.objects.applied == 2).await;
    let unit = world.set("u", 2, objects[..2].to_vec());
    world.applied(&unit).await;
    assert_eq!(gate.refused(), Vec::<String>::new(), "nothing was asked for outside");
}

#[tokio::test(start_paused = true)]
async fn units_of_a_member_suggest_the_same_rights() {
    let mut world = world().await;
    limit(&mut world, &["shop"]);
    let units = [
        world.set("u", 1, vec![in_namespace("b", "side")]),
        world.set("v", 1, vec![config_map("a", "1"), in_namespace("c", "other")]),
    ];
    // A unit that suggested something before the other one came says it with its next pass.
    world.restart();
    for (unit, name) in units.iter().zip(["b", "c"]) {
        let report = world.until(unit, "tried", |r| r.phase == UnitPhase::Failed).await;
        let said = &detail(&report, name).message;
        assert!(said.ends_with("with `kurator attach CONTEXT --name beijing --add-namespaces other,side`"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_outside_after_narrowing_stays_recorded_and_is_served_again_after_widening() {
    let mut world = world().await;
    let objects = || vec![config_map("a", "1"), in_namespace("b", "side")];
    let unit = world.set("u", 1, objects());
    world.applied(&unit).await;
    let gate = limit(&mut world, &["shop"]);
    let report = world.until(&unit, "narrowed", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!((detail(&report, "b").reason.as_str(), report.objects.inventory), ("OutsideRights", 2));
    assert_eq!(detail(&report, "b").health, api::delivery::Health::Unknown);
    // The source loses both: what is outside is neither deleted nor forgotten, and it is said.
    let unit = world.set("u", 2, Vec::new());
    let report = world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.count == 1)).await;
    assert!(
        waiting(&report).contains(&(WaitingCause::OutsideRights, 1, "ConfigMap side/b", "namespace side")),
        "{report:?}"
    );
    let digest = report.deletions.as_ref().unwrap().digest;
    world.change(&unit, |entry| entry.approved = Some(digest));
    world.eventually("pruned", async || world.config_map("a").await.is_none()).await;
    let said = world.until(&unit, "said", |r| r.objects.inventory == 1).await;
    let widens = "`kurator attach CONTEXT --name beijing --add-namespaces side`";
    for words in ["ConfigMap side/b stays, since the member gives no rights in namespace side", widens] {
        assert!(said.message.contains(words), "{said:?}");
    }
    let row = detail(&said, "b");
    assert_eq!((row.sync, row.outside), (SyncState::PrunePending, true));
    assert!(row.message.contains(widens) && !row.message.contains("take it out"), "it is out already: {row:?}");
    assert!(world.get("/api/v1/namespaces/side/configmaps/b").await.is_some());
    assert_eq!(gate.refused(), Vec::<String>::new());
    // Wider again: it is there, and is ours as before.
    let gate = limit(&mut world, &["shop", "side"]);
    let unit = world.set("u", 3, objects());
    world.applied(&unit).await;
    world.change(&unit, |entry| (entry.epoch, entry.removal) = (4, Removal::Prune));
    world.eventually("removed", async || world.report(&unit).is_none()).await;
    assert!(world.get("/api/v1/namespaces/side/configmaps/b").await.is_none());
    assert_eq!(gate.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_unit_leaves_a_member_without_what_it_may_not_delete_there() {
    let mut world = world().await;
    let mut stuck = config_map("stuck", "1");
    stuck["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let unit =
        world.set("u", 1, vec![config_map("a", "1"), stuck, in_namespace("b", "side"), in_namespace("c", "side")]);
    world.applied(&unit).await;
    let gate = limit(&mut world, &["shop"]);
    world.until(&unit, "narrowed", |r| r.phase == UnitPhase::Failed).await;
    world.change(&unit, |entry| (entry.epoch, entry.removal) = (2, Removal::Prune));
    // What it can delete goes first; until that is gone, nothing is forgotten.
    let left = |r: &api::feed::UnitReport| r.phase == UnitPhase::Removing && r.objects.inventory == 3;
    let said = world.until(&unit, "all but one deleted", left).await;
    assert!(
        waiting(&said).contains(&(WaitingCause::OutsideRights, 2, "ConfigMap side/b", "namespace side")),
        "{said:?}"
    );
    assert!(said.message.contains("ConfigMap side/b (and 1 more) stays"), "{said:?}");
    let row = detail(&said, "b");
    assert_eq!((row.sync, row.outside), (SyncState::PrunePending, true), "it is not being deleted");
    assert!(row.message.contains("no longer recorded when the unit has left"), "{row:?}");
    assert_eq!(detail(&said, "stuck").sync, SyncState::Deleting);
    world.edit(&config_map_path("stuck"), "someone", json!({"metadata": {"finalizers": null}})).await;
    // It is out, and its last report says what is still there.
    world.eventually("left", async || world.removed(&unit).is_some()).await;
    let gone = world.removed(&unit).unwrap();
    let stays = (WaitingCause::NotOurs, 2, "ConfigMap side/b", "the member gives no rights in namespace side");
    assert_eq!(waiting(&gone), [stays]);
    assert_eq!(world.inventories().await, Vec::<String>::new());
    for name in ["b", "c"] {
        assert!(world.get(&format!("/api/v1/namespaces/side/configmaps/{name}")).await.is_some());
    }
    assert_eq!(gate.refused(), Vec::<String>::new());
}

/// Somebody deletes by hand what is outside. Nobody sees it, until the rights are wider.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_by_hand_outside_is_forgotten_when_the_rights_are_wider() {
    let mut world = world().await;
    let unit = world.set("u", 1, vec![config_map("a", "1"), in_namespace("b", "side")]);
    world.applied(&unit).await;
    limit(&mut world, &["shop"]);
    let unit_now = world.set("u", 2, vec![config_map("a", "1")]);
    world.until(&unit_now, "kept", |r| r.reason == "PruneWaits").await;
    world.delete("/api/v1/namespaces/side/configmaps/b").await;
    let gate = limit(&mut world, &["shop", "side"]);
    world.until(&unit, "asked about", |r| r.deletions.is_some()).await;
    world.guard(&unit, None);
    let done = world.until(&unit, "forgotten", |r| r.objects.inventory == 1).await;
    assert_eq!((done.reason.as_str(), waiting(&done).len()), ("Applied", 0), "{done:?}");
    assert_eq!(gate.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_given_back_is_let_go_of_with_the_member() {
    let mut world = world().await;
    let unit = world.set("u", 1, vec![config_map("a", "1"), in_namespace("b", "side")]);
    world.applied(&unit).await;
    let gate = limit(&mut world, &["shop"]);
    world.change(&unit, |entry| (entry.epoch, entry.removal) = (3, Removal::Release));
    world.eventually("let go", async || world.report(&unit).is_none_or(|r| r.phase == UnitPhase::Removed)).await;
    assert_eq!(world.inventories().await, Vec::<String>::new());
    assert!(world.get("/api/v1/namespaces/side/configmaps/b").await.is_some());
    // The member is left as a whole: the namespace of the inventories stays.
    world.leave_member();
    world.eventually("left", async || world.released().is_some_and(|release| release.done)).await;
    assert!(world.released().unwrap().message.contains("the member gives no rights to look into it"));
    assert_eq!(gate.refused(), Vec::<String>::new());
}

/// The gate itself refuses what RBAC would.
#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_know_its_limits_is_refused_by_the_member() {
    let mut world = world().await;
    let gate = limit(&mut world, &["shop"]);
    world.rights = Rights::default();
    world.restart();
    let unit = world.set("u", 1, vec![config_map("a", "1")]);
    world.until(&unit, "not visible", |r| r.reason == "NotVisible").await;
    assert!(gate.refused().iter().any(|asked| asked.starts_with("GET /api/v1/configmaps?")), "{:?}", gate.refused());
}
