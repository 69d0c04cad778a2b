//! `kubectl delete --cascade=orphan`: what was delivered stays in the members, and is given back.

use api::delivery::{Revision, label};
use api::kurator::annotation::{DETACH_FINALIZER, ON_DETACH, REMOVE};
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use http::Method;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::external::External;
use crate::house::ask;
use crate::moving::maps;
use crate::split::{HALVES, Process};
use crate::stage::{Stage, until};

const APPLICATIONS: &str = "/apis/apps.kurator.dev/v1alpha1/namespaces/default/applications";
const ATTACHED: &str = "/apis/cluster.kurator.dev/v1alpha1/namespaces/default/attachedclusters";

/// Deletes as `kubectl` does; what it is told.
async fn delete(stage: &Stage, path: &str, options: Value) -> Vec<String> {
    let (code, warnings, answer) = ask(stage, Method::DELETE, path, "application/json", options).await;
    // Another delete may have been the last one.
    assert!(code == 200 || code == 404, "{answer}");
    warnings
}

/// Waits until nothing of an application is left in the hub, and sees that a member has all objects, without our mark.
async fn given_back(stage: &Stage, member: &str) {
    let client = stage.member(member).client();
    let settings = maps(stage, member).get("settings").await.unwrap();
    assert!(!settings.labels().contains_key(label::HUB), "{:?}", settings.labels());
    let web: Deployment = Api::namespaced(client.clone(), "app").get("web").await.unwrap();
    assert!(web.metadata.deletion_timestamp.is_none() && !web.labels().contains_key(label::HUB), "{:?}", web.labels());
    let system: Api<ConfigMap> = Api::namespaced(client, label::SYSTEM_NAMESPACE);
    until("the inventories to go", async || {
        let left = system.list(&ListParams::default().labels(label::HUB)).await.unwrap();
        let left: Vec<String> = left.items.iter().map(ResourceExt::name_any).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_is_deleted_with_cascade_orphan_gives_back_what_it_placed() {
    let one = format!("{APPLICATIONS}/app");
    for (path, options) in [
        (one.as_str(), json!({"propagationPolicy": "Orphan"})),
        (one.as_str(), json!({"orphanDependents": true})),
        (APPLICATIONS, json!({"propagationPolicy": "Orphan"})),
    ] {
        let stage = Stage::new(&["a"]).await;
        stage.apply(stage.application()).await.unwrap();
        stage.synced().await;
        let warnings = delete(&stage, path, options.clone()).await;
        // Who deletes it once more, without the flag, has not taken back what was said.
        delete(&stage, &one, json!({"propagationPolicy": "Background"})).await;
        let applications: Api<Application> = Api::namespaced(stage.client(), "default");
        until("the application to go", async || match applications.get_opt("app").await.unwrap() {
            None => Ok(()),
            Some(application) => Err(format!("{:?}", application.status)),
        })
        .await;
        given_back(&stage, "a").await;
        let stays =
            "what Application app placed stays in its members and is given back (kurator.dev/on-delete: orphan)";
        assert_eq!(warnings, [format!("299 - \"{stays}\"")], "{options}");
        let revisions: Api<Revision> = Api::namespaced(stage.client(), "default");
        until("the hub to forget it", async || {
            let left = revisions.list(&ListParams::default()).await.unwrap().items;
            if left.is_empty() { Ok(()) } else { Err(format!("{} revisions", left.len())) }
        })
        .await;
    }
}

/// Everything was to be deleted before it goes, and waits for an approval: `--cascade=orphan` is the last word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attached_cluster_that_is_deleted_with_cascade_orphan_is_emptied_no_longer() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let attached: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    let patch = json!({"metadata": {"annotations": {ON_DETACH: REMOVE}, "finalizers": [DETACH_FINALIZER]}});
    attached.patch("b", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    stage.ready("False", "DeletionsHeld").await;
    let warnings = delete(&stage, &format!("{ATTACHED}/b"), json!({"propagationPolicy": "Orphan"})).await;
    assert!(warnings[0].contains("stays there and is given back"), "{warnings:?}");
    until("the member to be gone", async || match attached.get_opt("b").await.unwrap() {
        None => Ok(()),
        Some(attached) => Err(format!("{:?}", attached.status)),
    })
    .await;
    given_back(&stage, "b").await;
    stage.synced().await;
}

/// There the garbage collector takes the finalizer off at once, and no admission of ours writes anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_on_a_real_kube_apiserver_gives_back_what_it_placed() {
    let Some(external) = External::start("hub::orphan").await else { return };
    let stage = Stage::on(external, &["a"]).await;
    let mut halves = Vec::new();
    for half in HALVES {
        halves.push(Process::start(&stage, half).await);
    }
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    delete(&stage, &format!("{APPLICATIONS}/app"), json!({"propagationPolicy": "Orphan"})).await;
    let applications: Api<Application> = Api::namespaced(stage.client(), "default");
    let mut finalizers = applications.get("app").await.unwrap().finalizers().to_vec();
    assert!(finalizers.iter().any(|finalizer| finalizer == "orphan"), "{finalizers:?}");
    finalizers.retain(|finalizer| finalizer != "orphan");
    let patch = json!({"metadata": {"finalizers": finalizers}});
    applications.patch("app", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    until("the application to go", async || match applications.get_opt("app").await.unwrap() {
        None => Ok(()),
        Some(application) => Err(format!("{:?}", application.status)),
    })
    .await;
    given_back(&stage, "a").await;
}
