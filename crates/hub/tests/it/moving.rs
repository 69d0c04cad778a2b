//! Members that leave a fleet or the hub, as commands make them.

use api::delivery::{Decision, LeavingCause, ObjectSet, label};
use api::kurator::annotation::{APPROVE, CONSENT, DETACH_FINALIZER, ON_DETACH, RELEASE, REMOVE, SHOWN};
use api::kurator::apps::v1alpha1::{Application, HeldDeletions};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::consent::{Consent, ConsentScope, FleetEdit, ShownGroup, ShownList};
use api::kurator::fleet::v1alpha1::{ClusterRef, Fleet};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use model::{Clock, MemberName, ObjectKey};
use serde_json::{Value, json};

use crate::stage::{Stage, settings, start_hub, until};

pub(crate) fn maps(stage: &Stage, member: &str) -> Api<ConfigMap> {
    Api::namespaced(stage.member(member).client(), "app")
}

async fn merge<K>(api: &Api<K>, name: &str, patch: Value)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// These ConfigMaps, and all else that the application has in a member.
fn all_with(maps: &[&str]) -> ObjectSet {
    let key = |group: &str, kind: &str, namespace: &str, name: &str| ObjectKey {
        group: group.into(),
        kind: kind.into(),
        namespace: namespace.into(),
        name: name.into(),
    };
    let mut keys = vec![key("", "Namespace", "", "app"), key("apps", "Deployment", "app", "web")];
    keys.extend(maps.iter().map(|name| key("", "ConfigMap", "app", name)));
    ObjectSet::new(&keys)
}

/// A person agrees that the application leaves a member with these ConfigMaps and all else that it has there.
async fn agree(stage: &Stage, member: &str, maps: &[&str]) {
    let decisions: Api<Decision> = Api::namespaced(stage.client(), "default");
    let member: MemberName = member.parse().unwrap();
    let all = decisions.list(&ListParams::default()).await.unwrap().items;
    let placed = all.iter().find_map(|decision| decision.spec.members.get(&member)).unwrap().placed;
    let fleets: Api<Fleet> = Api::namespaced(stage.client(), "default");
    let fleet = fleets.get("f").await.unwrap();
    let entry = ClusterRef { kind: "AttachedCluster".into(), name: member.to_string() };
    let edit = Some(FleetEdit::new("f", entry, &fleet.spec.clusters));
    let scope = ConsentScope { policy: "p".into(), member, placed, objects: all_with(maps) };
    let given = hub::SystemClock.now();
    let consent = Consent { given, cause: LeavingCause::NotListed, edit, scopes: vec![scope] };
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    merge(&app, "app", json!({"metadata": {"annotations": {CONSENT: Consent::write(&[consent])}}})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_agreed_to_before_the_edit_goes_at_once_and_what_was_not_shown_is_held() {
    let stage = Stage::new(&["a", "b", "c"]).await;
    stage.commit(&[("app/later.yaml", Some(&settings("one").replace("name: settings", "name: later")))]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    agree(&stage, "b", &["settings", "later"]).await;
    stage.fleet(&["a", "c"]).await;
    until("b to be emptied", async || match maps(&stage, "b").get_opt("settings").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is still there".to_owned()),
    })
    .await;
    stage.synced().await;
    assert!(stage.condition("DeletionsHeld").await.is_none(), "nothing is asked twice");

    // One object was not in the list.
    agree(&stage, "c", &["settings"]).await;
    stage.fleet(&["a"]).await;
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    let held = until("the rest to be held", async || {
        let status = app.get("app").await.unwrap().status.unwrap_or_default();
        status.held.first().cloned().ok_or(format!("{:?}", status.conditions))
    })
    .await;
    assert_eq!(held.causes[0].cause, "Unshown", "{held:?}");
    assert!(maps(&stage, "c").get_opt("later").await.unwrap().is_some());
    until("what was shown to go", async || match maps(&stage, "c").get_opt("settings").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is still there".to_owned()),
    })
    .await;
    merge(&app, "app", json!({"metadata": {"annotations": {api::kurator::annotation::APPROVE: held.digest}}})).await;
    until("the rest to go", async || match maps(&stage, "c").get_opt("later").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is still there".to_owned()),
    })
    .await;
}

/// As when an annotation that keeps an object is taken off while `kurator approve` asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_edit_deletes_what_was_shown_and_asks_about_the_rest() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.commit(&[("app/later.yaml", Some(&settings("one").replace("name: settings", "name: later")))]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.fleet(&["a"]).await;
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    let held = async |is: &dyn Fn(&HeldDeletions) -> bool| {
        until("it to be held", async || {
            let status = app.get("app").await.unwrap().status.unwrap_or_default();
            status.held.iter().find(|held| is(held)).cloned().ok_or(format!("{:?}", status.held))
        })
        .await
    };
    let edit = held(&|held| held.reason == api::reason::EDIT_REMOVES_MEMBERS).await;
    let groups = vec![ShownGroup { members: vec!["b".parse().unwrap()], objects: all_with(&["settings"]) }];
    let shown = ShownList::write(&[ShownList { digest: edit.digest.parse().unwrap(), groups }]);
    merge(&app, "app", json!({"metadata": {"annotations": {APPROVE: edit.digest, SHOWN: shown}}})).await;
    until("what was shown to go", async || match maps(&stage, "b").get_opt("settings").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is still there".to_owned()),
    })
    .await;
    let rest = held(&|held| held.causes.iter().any(|cause| cause.cause == "Unshown")).await;
    assert!(maps(&stage, "b").get_opt("later").await.unwrap().is_some(), "nobody has seen it");
    merge(&app, "app", json!({"metadata": {"annotations": {APPROVE: rest.digest}}})).await;
    until("the rest to go", async || match maps(&stage, "b").get_opt("later").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is still there".to_owned()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_that_is_taken_back_leaves_nothing_to_approve() {
    let stage = Stage::new(&["a", "b"]).await;
    let attached: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    let label = async |member: &str, size: &str| {
        merge(&attached, member, json!({"metadata": {"labels": {"size": size}}})).await;
    };
    label("a", "small").await;
    label("b", "large").await;
    // The second policy has one object as the first one has it, and one with other content.
    stage.commit(&[
        ("large/namespace.yaml", Some("apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n")),
        ("large/settings.yaml", Some(&settings("large"))),
    ]);
    let policy = |name: &str, path: &str| {
        json!({"name": name, "kustomization": {"interval": "5m", "path": path, "prune": true},
            "destination": {"fleet": "f", "clusterSelector": {"matchLabels": {"size": name}}}})
    };
    let mut app = stage.application();
    app["spec"]["syncPolicies"] = json!([policy("small", "./app"), policy("large", "./large")]);
    stage.apply(app).await.unwrap();
    stage.synced().await;
    let before = maps(&stage, "a").get("settings").await.unwrap();

    label("a", "large").await;
    stage.ready("False", "DeletionsHeld").await;
    let statuses: Api<api::delivery::MemberStatus> = Api::all(stage.client());
    until("the other policy to wait", async || {
        let status = statuses.get("a-0").await.unwrap().status.unwrap_or_default();
        let large =
            status.units.iter().find(|(unit, _)| unit.policy.as_deref() == Some("large")).map(|(_, s)| s.clone());
        let is_there = |s: &api::delivery::UnitStatus| s.reason == "Conflict";
        large.clone().filter(is_there).map(drop).ok_or(format!("{large:?}"))
    })
    .await;
    label("a", "small").await;
    stage.ready("True", "ReconciliationSucceeded").await;
    assert!(stage.condition("DeletionsHeld").await.is_none());
    let decisions: Api<Decision> = Api::namespaced(stage.client(), "default");
    until("the other policy to have left", async || {
        let all = decisions.list(&ListParams::default()).await.unwrap().items;
        let mut large = all.into_iter().filter(|decision| decision.spec.unit.policy.as_deref() == Some("large"));
        match large.any(|decision| decision.spec.members.keys().any(|member| member.as_str() == "a")) {
            true => Err("it is there".to_owned()),
            false => Ok(()),
        }
    })
    .await;
    let now = maps(&stage, "a").get("settings").await.unwrap();
    assert_eq!((now.uid(), now.data), (before.uid(), before.data));
    stage.ready("True", "ReconciliationSucceeded").await;
}

/// Tells the hub to leave a member, and to give back what it has there.
pub(crate) async fn detach(stage: &Stage, member: &str) {
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    let metadata = json!({"annotations": {ON_DETACH: RELEASE}, "finalizers": [DETACH_FINALIZER]});
    merge(&api, member, json!({"metadata": metadata})).await;
    api.delete(member, &DeleteParams::default()).await.unwrap();
}

pub(crate) async fn is_detached(stage: &Stage, member: &str) {
    let attached: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    let records: Api<api::karmada::cluster::v1alpha1::Cluster> = Api::all(stage.client());
    until("the member to be gone", async || {
        match (attached.get_opt(member).await.unwrap(), records.get_opt(member).await.unwrap()) {
            (None, None) => Ok(()),
            (attached, _) => Err(format!("{:?}", attached.and_then(|a| a.status))),
        }
    })
    .await;
    let map = maps(stage, member).get("settings").await.unwrap();
    assert!(!map.labels().contains_key(label::HUB), "{:?}", map.labels());
    let system: Api<Namespace> = Api::all(stage.member(member).client());
    until("the namespace of the inventories to go", async || match system.get_opt("kurator-system").await.unwrap() {
        None => Ok(()),
        Some(namespace) => Err(format!("{namespace:?}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_released_keeps_its_objects_and_nothing_of_this_hub() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    detach(&stage, "b").await;
    is_detached(&stage, "b").await;
    let map = maps(&stage, "a").get("settings").await.unwrap();
    assert!(map.labels().contains_key(label::HUB), "the other member is as before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_goes_on_in_the_next_process_and_waits_for_a_member_that_does_not_answer() {
    let mut stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.member("a").unplug().await;
    stage.ready("Unknown", "MemberUnknown").await;
    detach(&stage, "a").await;
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    until("the hub to say that it waits", async || {
        let status = api.get("a").await.unwrap().status.unwrap_or_default();
        let said = api::condition::find(&status.conditions, api::condition::DETACHING).cloned();
        said.filter(|c| c.reason == "Releasing").map(drop).ok_or(format!("{:?}", status.conditions))
    })
    .await;
    // A client of the process holds its store.
    drop(api);
    // The process ends, and another one takes over.
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    stage.member("a").plug().await.unwrap();
    is_detached(&stage, "a").await;
}

/// The command may be interrupted after any of its writes: what was agreed to does nothing by itself, and all else follows from one
/// annotation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_is_carried_out_from_one_write_and_goes_on_in_the_next_process() {
    let mut stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    agree(&stage, "b", &["settings"]).await;
    stage.member("b").unplug().await;
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    let metadata = json!({"annotations": {ON_DETACH: REMOVE}, "finalizers": [DETACH_FINALIZER]});
    merge(&api, "b", json!({"metadata": metadata})).await;
    let fleets: Api<Fleet> = Api::namespaced(stage.client(), "default");
    until("the hub to take it out of the fleet, and to say so", async || {
        let lists = fleets.get("f").await.unwrap().spec.clusters.iter().any(|entry| entry.name == "b");
        let conditions = api.get("b").await.unwrap().status.unwrap_or_default().conditions;
        let said = api::condition::find(&conditions, api::condition::DETACHING).cloned();
        match said {
            Some(said) if !lists && said.message.contains("1 unit is still there") => Ok(()),
            said => Err(format!("{lists} {said:?}")),
        }
    })
    .await;
    assert!(api.get("b").await.unwrap().metadata.deletion_timestamp.is_none(), "what was delivered goes first");
    drop((api, fleets));
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    stage.member("b").plug().await.unwrap();
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    until("the member to be gone", async || match api.get_opt("b").await.unwrap() {
        None => Ok(()),
        Some(attached) => Err(format!("{:?}", attached.status)),
    })
    .await;
    assert!(maps(&stage, "b").get_opt("settings").await.unwrap().is_none());
    assert!(maps(&stage, "a").get_opt("settings").await.unwrap().is_some());
}

/// `kubectl delete` in the middle of a removal, also one that only the annotation began: what was delivered leaves first all the
/// same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_goes_on_when_the_attached_cluster_is_deleted_meanwhile() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    agree(&stage, "b", &["settings"]).await;
    stage.member("b").unplug().await;
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    merge(&api, "b", json!({"metadata": {"annotations": {ON_DETACH: REMOVE}}})).await;
    let says_that_a_unit_is_there = async || {
        let attached = api.get("b").await.unwrap();
        let conditions = attached.status.unwrap_or_default().conditions;
        let said = api::condition::find(&conditions, api::condition::DETACHING).cloned();
        let is_kept = attached.metadata.finalizers.unwrap_or_default().iter().any(|name| name == DETACH_FINALIZER);
        let fleets: Api<Fleet> = Api::namespaced(stage.client(), "default");
        let lists = fleets.get("f").await.unwrap().spec.clusters.iter().any(|entry| entry.name == "b");
        match said {
            Some(said) if is_kept && !lists && said.message.contains("1 unit is still there") => Ok(()),
            said => Err(format!("{is_kept} {lists} {said:?}")),
        }
    };
    until("the hub to keep it while a unit is there", says_that_a_unit_is_there).await;
    api.delete("b", &DeleteParams::default()).await.unwrap();
    until("the hub to have read the deletion", async || {
        let attached = api.get("b").await.unwrap();
        let read = attached.status.as_ref().and_then(|status| status.observed_generation);
        let is_read = attached.metadata.deletion_timestamp.is_some() && read == attached.metadata.generation;
        if is_read { Ok(()) } else { Err(format!("{attached:?}")) }
    })
    .await;
    stage.member("b").plug().await.unwrap();
    until("the member to be gone", async || match api.get_opt("b").await.unwrap() {
        None => Ok(()),
        Some(attached) => Err(format!("{:?}", attached.status)),
    })
    .await;
    assert!(maps(&stage, "b").get_opt("settings").await.unwrap().is_none(), "it was given back and not removed");
    let system: Api<Namespace> = Api::all(stage.member("b").client());
    until("the namespace of the inventories to go", async || match system.get_opt("kurator-system").await.unwrap() {
        None => Ok(()),
        Some(namespace) => Err(format!("{namespace:?}")),
    })
    .await;
    assert!(maps(&stage, "a").get_opt("settings").await.unwrap().is_some());
}
