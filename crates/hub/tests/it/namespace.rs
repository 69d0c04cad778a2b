//! A namespace of the hub that is deleted with all that is in it.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use member_sim::Member;
use serde_json::{Value, json};

use crate::stage::{Stage, until};

/// Moves an object of the namespace `default` to `team`.
fn of_team(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!("team");
    object
}

/// Its Application is a person's word that its objects go, its AttachedCluster is none: whichever is followed first, what stays is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_in_a_cluster_of_a_namespace_that_is_deleted_is_said() {
    let stage = Stage::new(&[]).await;
    let member = Member::start(member_sim::Options::new("b")).await.unwrap();
    let team = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
    stage.apply(team).await.unwrap();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"},
        "stringData": {"value": member.kubeconfig()}});
    let attached = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
        "metadata": {"name": "b"}, "spec": {"kubeconfig": {"name": "b", "key": "value"}}});
    let fleet = json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": "f"},
        "spec": {"clusters": [{"kind": "AttachedCluster", "name": "b"}]}});
    for object in [secret, attached, fleet, stage.application()] {
        stage.apply(of_team(object)).await.unwrap();
    }
    let maps: Api<ConfigMap> = Api::namespaced(member.client(), "app");
    until("the object to be there", async || maps.get_opt("settings").await.unwrap().ok_or("not yet".to_owned())).await;
    until("the hub to know it", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"b".parse().unwrap());
        let counts: Vec<u32> = reports.iter().map(|report| report.objects.inventory).collect();
        (counts == [3]).then_some(()).ok_or(format!("{counts:?}"))
    })
    .await;
    let namespaces: Api<Namespace> = Api::all(stage.client());
    namespaces.delete("team", &DeleteParams::default()).await.unwrap();
    until("the namespace to be gone", async || match namespaces.get_opt("team").await.unwrap() {
        None => Ok(()),
        Some(namespace) => Err(format!("{:?}", namespace.status)),
    })
    .await;
    let events: Api<Event> = Api::namespaced(stage.client(), "default");
    until("what stays to be said, or nothing to stay", async || {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let said = all.iter().find(|event| event.reason.as_deref() == Some("LeftBehind"));
        let note = said.and_then(|event| event.note.clone()).unwrap_or_default();
        let is_gone = maps.get_opt("settings").await.unwrap().is_none();
        let is_said =
            note.contains("objects stay with their inventories") && note.contains("app/app in namespace team");
        if is_gone || is_said { Ok(()) } else { Err(format!("{note:?}, {all:?}")) }
    })
    .await;
}
