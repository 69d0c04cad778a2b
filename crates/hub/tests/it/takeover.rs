//! A new hub takes over what a lost one had in members.

use std::collections::BTreeMap;

use api::condition::Condition;
use api::delivery::{MemberStatus, TakeOverState, label};
use api::kurator::annotation::{APPROVE, APPROVE_TAKE_OVER};
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::moving::maps;
use crate::stage::{Stage, settings, start_hub, until};

async fn merge(stage: &Stage, member: &str, patch: Value) {
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    api.patch(member, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// What the member says of the take-over, once that is so far.
async fn take_over(stage: &Stage, member: &str, state: TakeOverState) -> api::delivery::MemberTakeOver {
    let api: Api<MemberStatus> = Api::all(stage.client());
    until(&format!("{state:?}"), async || {
        let status = api.get_opt(&format!("{member}-0")).await.unwrap().and_then(|slice| slice.status);
        let said = status.and_then(|status| status.moving.take_over).map(|said| *said);
        said.clone().filter(|said| said.state == state).ok_or(format!("{said:?}"))
    })
    .await
}

async fn condition(stage: &Stage, member: &str, reason: &str) -> Condition {
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    until(reason, async || {
        let status = api.get(member).await.unwrap().status.unwrap_or_default();
        let found = api::condition::find(&status.conditions, api::condition::TAKE_OVER).cloned();
        found.filter(|c| c.reason == reason).ok_or(format!("{:?}", status.conditions))
    })
    .await
}

/// UIDs of what runs.
async fn running(stage: &Stage, member: &str) -> BTreeMap<String, String> {
    let client = stage.member(member).client();
    let pods = Api::<Pod>::namespaced(client.clone(), "app").list(&ListParams::default()).await.unwrap().items;
    let web = Api::<Deployment>::namespaced(client, "app").get("web").await.unwrap();
    let pods = pods.iter().map(|pod| (pod.name_any(), pod.uid().unwrap()));
    pods.chain([(web.name_any(), web.uid().unwrap())]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_hub_takes_over_what_a_lost_one_had_and_prunes_afterwards() {
    let mut stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    until("its pod", async || match running(&stage, "a").await {
        all if all.len() >= 2 => Ok(()),
        all => Err(format!("{all:?}")),
    })
    .await;
    let before = running(&stage, "a").await;
    let hub = |labels: &BTreeMap<String, String>| labels.get(label::HUB).cloned().unwrap();
    let lost = hub(maps(&stage, "a").get("settings").await.unwrap().labels());

    // Nothing is left of the first hub.
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("new")).await);
    stopped.stop().await;
    stage.attach("a").await;
    stage.fleet(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    let refused = stage.ready("False", "ReconciliationFailed").await;
    assert!(refused.message.contains(&lost), "it says whose they are: {}", refused.message);
    let statuses: Api<MemberStatus> = Api::all(stage.client());
    let others = until("the other hub to be named", async || {
        let moving = statuses.get("a-0").await.unwrap().status.unwrap_or_default().moving;
        if moving.other_hubs.is_empty() { Err(format!("{moving:?}")) } else { Ok(moving.other_hubs) }
    })
    .await;
    assert_eq!((others.len(), others[0].hub.as_str(), others[0].units), (1, lost.as_str(), 1));

    merge(&stage, "a", json!({"spec": {"takeOver": {"hub": lost}}})).await;
    let held = take_over(&stage, "a", TakeOverState::Held).await;
    assert_eq!((held.units, held.objects, held.list[0].objects), (1, 3, 3));
    let said = condition(&stage, "a", "TakeOverHeld").await;
    assert!(said.message.contains("3 objects of 1 units") && said.message.contains("kurator hub adopt"), "{said:?}");
    let other = format!("sha256:{}", "0".repeat(64));
    merge(&stage, "a", json!({"metadata": {"annotations": {APPROVE_TAKE_OVER: other}}})).await;
    stage.polled(2).await;
    assert_eq!(hub(maps(&stage, "a").get("settings").await.unwrap().labels()), lost, "another list was approved");

    merge(&stage, "a", json!({"metadata": {"annotations": {APPROVE_TAKE_OVER: held.digest}}})).await;
    condition(&stage, "a", "TakenOver").await;
    let attached: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    until("the wish to be taken away", async || {
        let found = attached.get("a").await.unwrap();
        let is_approved = found.annotations().contains_key(APPROVE_TAKE_OVER);
        match (&found.spec.take_over, is_approved) {
            (None, false) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(condition(&stage, "a", "TakenOver").await.status, "True", "it stays said");
    stage.synced().await;
    let now = hub(maps(&stage, "a").get("settings").await.unwrap().labels());
    assert_ne!(now, lost);
    assert_eq!(running(&stage, "a").await, before, "no pod was restarted");
    let secrets: Api<Secret> = Api::namespaced(stage.member("a").client(), "kurator-system");
    let inventories = secrets.list(&ListParams::default()).await.unwrap().items;
    let hubs: Vec<Option<&String>> = inventories.iter().map(|secret| secret.labels().get(label::HUB)).collect();
    assert_eq!(hubs, [Some(&now)], "the lost hub has nothing there any more");

    // What was owned stays owned.
    stage.commit(&[("app/extra.yaml", Some(&settings("one").replace("name: settings", "name: extra")))]);
    stage.synced().await;
    stage.commit(&[("app/settings.yaml", None)]);
    until("the settings to be pruned", async || match maps(&stage, "a").get_opt("settings").await.unwrap() {
        None => Ok(()),
        Some(_) => Err(format!("{:?}", stage.condition("Ready").await)),
    })
    .await;
}

/// The Application of that name in the new hub may be another one, or its source has lost something while nobody delivered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_new_hub_does_not_want_of_it_waits_for_an_approval_also_after_a_restart() {
    let mut stage = Stage::new(&["a"]).await;
    let named = |name: &str| settings("one").replace("name: settings", &format!("name: {name}"));
    stage.commit(&[("app/extra.yaml", Some(&named("extra"))), ("app/later.yaml", Some(&named("later")))]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let lost = maps(&stage, "a").get("settings").await.unwrap().labels().get(label::HUB).cloned().unwrap();
    let new = stage.dir.path().join("new");
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&new).await);
    stopped.stop().await;
    stage.attach("a").await;
    stage.fleet(&["a"]).await;
    merge(&stage, "a", json!({"spec": {"takeOver": {"hub": lost}}})).await;
    let held = take_over(&stage, "a", TakeOverState::Held).await;
    merge(&stage, "a", json!({"metadata": {"annotations": {APPROVE_TAKE_OVER: held.digest}}})).await;
    condition(&stage, "a", "TakenOver").await;
    // Nobody asks for the unit yet, and the source goes on.
    stage.commit(&[("app/extra.yaml", None)]);
    stage.apply(stage.application()).await.unwrap();
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    let is_held = async |app: &Api<Application>| {
        until("it to be held", async || {
            let status = app.get("app").await.unwrap().status.unwrap_or_default();
            status.held.first().cloned().ok_or(format!("{:?}", status.conditions))
        })
        .await
    };
    let held = is_held(&app).await;
    assert_eq!((held.causes[0].cause.as_str(), held.causes.len()), ("Behind", 1), "{held:?}");
    assert!(maps(&stage, "a").get_opt("extra").await.unwrap().is_some());
    // A client of it keeps its store.
    drop(app);
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(&new).await);
    spare.stop().await;
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    stage.polled(2).await;
    assert_eq!(is_held(&app).await.digest, held.digest);
    assert!(maps(&stage, "a").get_opt("extra").await.unwrap().is_some());
    let patch = Patch::Merge(json!({"metadata": {"annotations": {APPROVE: held.digest}}}));
    app.patch("app", &PatchParams::default(), &patch).await.unwrap();
    let is_gone = async |stage: &Stage, name: &str| {
        until("it to be pruned", async || match maps(stage, "a").get_opt(name).await.unwrap() {
            None => Ok(()),
            Some(_) => Err(format!("{:?}", stage.condition("Ready").await)),
        })
        .await;
    };
    is_gone(&stage, "extra").await;
    stage.synced().await;
    // From now on it is as any other.
    stage.commit(&[("app/later.yaml", None)]);
    is_gone(&stage, "later").await;
    stage.synced().await;
}
