//! A restricted namespace: what its Applications may not deliver is refused before it is sent.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Stage, settings, until};

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n\
                    rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n";

async fn restrict(stage: &Stage, value: Value) {
    let namespaces: Api<Namespace> = Api::all(stage.client());
    let patch = json!({"metadata": {"labels": {"kurator.dev/restricted": value}}});
    namespaces.patch("default", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

async fn value(stage: &Stage) -> Option<String> {
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    maps.get_opt("settings").await.unwrap()?.data?.get("value").cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_namespace_delivers_no_cluster_scoped_object_and_what_runs_stays() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    restrict(&stage, json!("true")).await;
    // The label alone is news, and the namespace that was delivered before stays.
    let ready = stage.ready("False", "RestrictedNamespace").await;
    assert!(
        ready.message.contains("Namespace app is cluster-scoped: namespace default is restricted"),
        "{}",
        ready.message
    );
    assert!(ready.message.contains("label kurator.dev/restricted") && ready.message.contains("what runs stays"));

    stage.commit(&[("app/settings.yaml", Some(&settings("two"))), ("app/role.yaml", Some(ROLE))]);
    until("the role to be named", async || {
        let ready = stage.ready("False", "RestrictedNamespace").await;
        let is_named = ready.message.contains("ClusterRole.rbac.authorization.k8s.io reader is cluster-scoped");
        is_named.then_some(()).ok_or(ready.message)
    })
    .await;
    stage.polled(2).await;
    let roles: Api<ClusterRole> = Api::all(stage.member("a").client());
    assert!(roles.get_opt("reader").await.unwrap().is_none(), "nothing of it is sent");
    assert_eq!(value(&stage).await.as_deref(), Some("one"), "and nothing else of that commit");

    restrict(&stage, Value::Null).await;
    stage.synced().await;
    assert!(roles.get_opt("reader").await.unwrap().is_some());
    assert_eq!(value(&stage).await.as_deref(), Some("two"));
}
