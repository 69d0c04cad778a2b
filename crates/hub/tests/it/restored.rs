//! Hubs that know less than their members were told.

use std::path::Path;

use api::delivery::{MemberStatus, Revision};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client};
use plan::state::State;

use crate::stage::{Stage, start_hub, try_start_hub, until};

/// Stops the hub, and starts another one in a directory that nobody looks at.
async fn stop_hub(stage: &mut Stage) {
    let spare = start_hub(&stage.dir.path().join("spare")).await;
    std::mem::replace(&mut stage.hub, spare).stop().await;
}

async fn start_hub_again(stage: &mut Stage) {
    let again = start_hub(stage.dir.path()).await;
    std::mem::replace(&mut stage.hub, again).stop().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        match file.file_type().unwrap().is_dir() {
            true => copy(&file.path(), &to.join(file.file_name())),
            false => drop(std::fs::copy(file.path(), to.join(file.file_name())).unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_is_made_again_on_a_restored_hub_deletes_nothing_until_told() {
    let mut stage = Stage::new(&["a"]).await;
    let (hub, backup) = (stage.dir.path().join("hub"), stage.dir.path().join("backup"));
    stop_hub(&mut stage).await;
    copy(&hub, &backup);
    start_hub_again(&mut stage).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stop_hub(&mut stage).await;
    std::fs::remove_dir_all(&hub).unwrap();
    copy(&backup, &hub);
    stage.commit(&[("app/settings.yaml", None)]);
    start_hub_again(&mut stage).await;
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    assert!(apps.get_opt("app").await.unwrap().is_none(), "the backup is from before it");
    stage.apply(stage.application()).await.unwrap();
    stage.ready("False", "DeletionsHeld").await;
    {
        let statuses: Api<MemberStatus> = Api::all(stage.client());
        let status = statuses.get("a-0").await.unwrap().status.unwrap_or_default();
        let held = status.units.values().find_map(|unit| unit.held.clone()).unwrap();
        assert!(held.behind && held.count == 1, "{held:?}");
    }
    let settings: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    assert!(settings.get_opt("settings").await.unwrap().is_some());
    // Taken back, it is as before.
    stage.commit(&[("app/settings.yaml", Some(&crate::stage::settings("one")))]);
    until("the Application to be ready", async || {
        let ready = stage.condition("Ready").await;
        if ready.as_ref().is_some_and(|ready| ready.status == "True") { Ok(()) } else { Err(format!("{ready:?}")) }
    })
    .await;
}

async fn delete_inventories(stage: &Stage) {
    let secrets: Api<Secret> = Api::namespaced(stage.member("a").client(), "kurator-system");
    let inventories = ListParams::default().labels(api::delivery::label::GROUP);
    secrets.delete_collection(&DeleteParams::default(), &inventories).await.unwrap();
}

async fn delete_application(client: Client) {
    let apps: Api<Application> = Api::namespaced(client, "default");
    apps.delete("app", &DeleteParams::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_is_deleted_takes_along_what_it_made_though_the_hub_starts_without_its_inventory() {
    let mut stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stop_hub(&mut stage).await;
    // A hub that ends before it looks at the deletion.
    let idle = try_start_hub(stage.dir.path(), &[]).await.unwrap();
    delete_application(idle.client()).await;
    idle.stop().await;
    delete_inventories(&stage).await;
    start_hub_again(&mut stage).await;
    let settings: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    until("what was made to go", async || match settings.get_opt("settings").await.unwrap() {
        None => Ok(()),
        some => Err(format!("{some:?}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deleted_application_leaves_in_a_member_is_said_when_nothing_tells_any_more_what_it_is() {
    let mut stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    // It does not wait for a member that is away, and its revisions go with it.
    stage.member("a").unplug().await;
    // A client keeps the hub's store.
    {
        let clusters: Api<Cluster> = Api::all(stage.client());
        until("the member to be away", async || {
            let conditions = clusters.get("a").await.unwrap().status.unwrap_or_default().conditions;
            if State::of_conditions(&conditions) == State::Unknown { Ok(()) } else { Err(format!("{conditions:?}")) }
        })
        .await;
        delete_application(stage.client()).await;
        let revisions: Api<Revision> = Api::namespaced(stage.client(), "default");
        until("its revisions to go", async || {
            match revisions.list(&ListParams::default()).await.unwrap().items.len() {
                0 => Ok(()),
                left => Err(left.to_string()),
            }
        })
        .await;
    }
    stop_hub(&mut stage).await;
    stage.member("a").plug().await.unwrap();
    delete_inventories(&stage).await;
    start_hub_again(&mut stage).await;
    let events: Api<Event> = Api::all(stage.client());
    until("the event", async || {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let said = all.into_iter().find(|event| event.reason.as_deref() == Some("LeftBehind"));
        let note = said.and_then(|said| said.note).unwrap_or_default();
        if note.contains("3 objects (its inventory was deleted there") { Ok(()) } else { Err(note) }
    })
    .await;
}
