//! A member that gives the hub fewer rights than it had.

use api::kurator::apps::v1alpha1::Application;
use api::view::{Differences, HeldList, ObjectChange};
use http::Request;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;

use crate::stage::{Stage, until};

async fn view<T: serde::de::DeserializeOwned>(stage: &Stage, path: &str) -> Result<T, kube::Error> {
    let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/default/{path}");
    stage.client().request(Request::get(path).body(Vec::new()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_is_deleted_though_the_hub_may_not_delete_all_that_it_delivered() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let kubeconfig = stage.member("a").kubeconfig().to_owned();
    stage.attach_with("a", &kubeconfig, json!({"namespaces": ["app"]})).await;
    let reports = || stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
    until("the Namespace to be outside", async || {
        let all = reports();
        let outside = all.iter().flat_map(|report| &report.details).any(|row| row.outside);
        if outside { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;

    // It is not known whether it is there, so it is not said to be missing.
    let same: Differences = view(&stage, "comparisons/app").await.unwrap();
    assert_eq!((same.summary.differing, same.summary.added, same.summary.not_asked), (0, 0, 1), "{same:?}");
    let object = &same.groups[0].objects[0];
    assert_eq!((object.object.as_str(), object.change), ("Namespace app", ObjectChange::NotAsked));
    let row = reports()[0].details.iter().find(|row| row.outside).unwrap().message.clone();
    assert_eq!(object.note, row, "both say it in the same words");

    // What an edit would take out of the member is to be approved: the list names what stays.
    stage.fleet(&[]).await;
    until("the list", async || {
        let held: HeldList = view(&stage, "heldlists/app").await.map_err(|why| why.to_string())?;
        let objects: Vec<String> = held
            .lists
            .iter()
            .flat_map(|list| &list.groups)
            .flat_map(|group| &group.objects)
            .map(|object| format!("{} {}: {}", object.kind, object.name, object.stays))
            .collect();
        let expect = [
            "ConfigMap settings: ",
            "Deployment web: ",
            "Namespace app: the member gives no rights in the whole cluster",
        ];
        if objects == expect { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;

    let applications: Api<Application> = Api::namespaced(stage.client(), "default");
    applications.delete("app", &DeleteParams::default()).await.unwrap();
    until("the application to be gone", async || match applications.get_opt("app").await.unwrap() {
        None => Ok(()),
        Some(still) => Err(format!("{:?}", still.status)),
    })
    .await;
    let member = stage.member("a").client();
    let maps: Api<ConfigMap> = Api::namespaced(member.clone(), "app");
    assert!(maps.get_opt("settings").await.unwrap().is_none());
    let namespaces: Api<Namespace> = Api::all(member);
    assert!(namespaces.get("app").await.unwrap().metadata.deletion_timestamp.is_none());
    let events: Api<Event> = Api::namespaced(stage.client(), "default");
    until("the event that says what stayed", async || {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let said = all.iter().find(|event| event.reason.as_deref() == Some("LeftBehind"));
        let note = said.and_then(|event| event.note.clone()).unwrap_or_default();
        let expect =
            "a: not deleted, and no longer recorded: Namespace app (the member gives no rights in the whole cluster)";
        if note == expect { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
}
