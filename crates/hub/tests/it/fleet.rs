//! Fleets, and what admission says of bad input.

use api::kurator::fleet::v1alpha1::Fleet;
use kube::Api;
use serde_json::json;

use crate::stage::{Stage, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_counts_its_members_labels_them_and_names_those_that_are_missing() {
    let stage = Stage::new(&["a"]).await;
    stage.fleet(&["a", "nobody"]).await;
    let api: Api<Fleet> = Api::namespaced(stage.client(), "default");
    let status = until("the count", async || {
        let status = api.get("f").await.unwrap().status.unwrap_or_default();
        if (status.ready_clusters, status.un_ready_clusters) == (1, 1) {
            Ok(status)
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    assert_eq!(status.phase.as_deref(), Some("NotReady"));
    assert!(status.conditions.iter().any(|c| c.reason == "MemberNotFound" && c.message.contains("nobody")));
    let attached: Api<api::kurator::cluster::v1alpha1::AttachedCluster> = Api::namespaced(stage.client(), "default");
    until("the label", async || {
        let labels = attached.get("a").await.unwrap().metadata.labels.unwrap_or_default();
        match labels.get("fleet.kurator.dev/fleet-name") {
            Some(fleet) if fleet == "f" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_with_the_field_path() {
    let stage = Stage::new(&[]).await;
    let mut two_fleets = stage.application();
    two_fleets["spec"]["syncPolicies"][0]["destination"] = json!({"fleet": "other"});
    let mut no_prune = stage.application();
    no_prune["spec"]["syncPolicies"][0]["kustomization"].as_object_mut().unwrap().remove("prune");
    let mut bad_url = stage.application();
    bad_url["spec"]["source"]["gitRepository"]["url"] = json!("file:///etc");
    let bad_secret = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
        "metadata": {"name": "x", "namespace": "default"}, "spec": {"kubeconfig": {"name": "x/y", "key": "value"}}});
    let with_policies = |count: usize| {
        let mut many = stage.application();
        let policy = many["spec"]["syncPolicies"][0].clone();
        many["spec"]["syncPolicies"] = vec![policy; count].into();
        many
    };
    for (object, path) in [
        (with_policies(101), "spec.syncPolicies: Too many: 101: must have at most 100 items"),
        (two_fleets, "spec.syncPolicies[0].destination.fleet"),
        (no_prune, "spec.syncPolicies[0].kustomization.prune"),
        (bad_url, "spec.source.gitRepository.url"),
        (bad_secret, "spec.kubeconfig.name"),
    ] {
        match stage.apply(object).await {
            Err(kube::Error::Api(status)) => {
                assert_eq!(status.code, 422, "{status:?}");
                assert!(status.message.contains(path), "{}", status.message);
            }
            other => panic!("{path} was accepted: {other:?}"),
        }
    }
    stage.apply(with_policies(100)).await.unwrap();
    assert!(stage.apply(with_policies(101)).await.is_err(), "one that is there does not grow beyond it");
}
