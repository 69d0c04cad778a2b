//! What happens to the hub's kinds is an Event, once.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams};

use crate::stage::{Stage, start_hub, until};

/// Kind, name and reason of each Event, and how often it happened.
pub(crate) async fn events(stage: &Stage) -> BTreeMap<String, i32> {
    let all: Api<Event> = Api::namespaced(stage.client(), "default");
    let listed = all.list(&ListParams::default()).await.unwrap();
    let mut out = BTreeMap::new();
    for event in listed {
        let about = event.regarding.clone().unwrap_or_default();
        let text = |text: Option<String>| text.unwrap_or_default();
        let key = format!("{} {} {}", text(about.kind), text(about.name), text(event.reason));
        *out.entry(key).or_default() += event.series.map_or(1, |series| series.count);
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transitions_are_events_and_a_restart_says_nothing_twice() {
    let mut stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let expect = [
        "Application app Fetched",
        "Application app ReconciliationSucceeded",
        "AttachedCluster a ClusterReady",
        "Fleet f AllMembersReady",
    ];
    let before = until("the events", async || {
        let found = events(&stage).await;
        match expect.iter().all(|key| found.get(*key) == Some(&1)) {
            true => Ok(found),
            false => Err(format!("{found:?}")),
        }
    })
    .await;
    // Who describes the Application sees them: kubectl asks for the core group's form.
    let core: Api<k8s_openapi::api::core::v1::Event> = Api::namespaced(stage.client(), "default");
    let of_app = ListParams::default().fields("involvedObject.name=app,involvedObject.kind=Application,reason=Fetched");
    let fetched = core.list(&of_app).await.unwrap().items;
    assert!(
        fetched.len() == 1 && fetched[0].message.as_deref().unwrap().starts_with("fetched main@sha1:"),
        "{fetched:?}"
    );

    drop(core);
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    stage.polled(2).await;
    stage.synced().await;
    stage.polled(2).await;
    assert_eq!(events(&stage).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inventory_that_is_gone_when_the_hub_starts_is_written_again_and_what_was_made_can_be_deleted() {
    let mut stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    let secrets: Api<Secret> = Api::namespaced(stage.member("a").client(), "kurator-system");
    let inventories = ListParams::default().labels(api::delivery::label::GROUP);
    secrets.delete_collection(&DeleteParams::default(), &inventories).await.unwrap();
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    until("the event", async || {
        let found = events(&stage).await;
        found
            .get("Application app InventoryRestored")
            .filter(|count| **count == 1)
            .map(|_| ())
            .ok_or(format!("{found:?}"))
    })
    .await;
    stage.synced().await;
    let apps: Api<api::kurator::apps::v1alpha1::Application> = Api::namespaced(stage.client(), "default");
    apps.delete("app", &DeleteParams::default()).await.unwrap();
    let settings: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    until("what was made to go", async || match settings.get_opt("settings").await.unwrap() {
        None => Ok(()),
        some => Err(format!("{some:?}")),
    })
    .await;
}
