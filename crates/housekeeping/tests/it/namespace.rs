use serde_json::json;

use crate::support::Cluster;

const SPACES: &str = "/api/v1/namespaces";

#[tokio::test(start_paused = true)]
async fn each_namespace_has_its_account_and_ca_and_they_come_back() {
    let cluster = Cluster::start().await;
    for space in ["default", "kube-system"] {
        cluster.until(&format!("{SPACES}/{space}/serviceaccounts/default"), |o| o.is_some()).await;
    }
    let account = format!("{SPACES}/default/serviceaccounts/default");
    cluster.delete(&account, "Background").await;
    cluster.until(&account, |o| o.is_some()).await;
    let ca = cluster.until(&format!("{SPACES}/default/configmaps/kube-root-ca.crt"), |o| o.is_some()).await;
    assert_eq!(ca.unwrap()["data"]["ca.crt"], "the CA");
    let bundle = format!("{SPACES}/default/configmaps/kube-root-ca.crt");
    for patch in [json!({"data": {"ca.crt": "another"}}), json!({"data": null})] {
        cluster.api.merge(&bundle, &patch).await.unwrap();
        cluster.until(&bundle, |o| o.is_some_and(|o| o["data"]["ca.crt"] == "the CA")).await;
    }
    cluster.delete(&bundle, "Background").await;
    cluster.until(&bundle, |o| o.is_some()).await;
    cluster.until_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_namespace_is_emptied_and_goes() {
    let cluster = Cluster::start().await;
    cluster.create(SPACES, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})).await;
    let maps = format!("{SPACES}/shop/configmaps");
    for i in 0..3 {
        cluster
            .create(&maps, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{i}")}}))
            .await;
    }
    cluster.until(&format!("{SPACES}/shop/serviceaccounts/default"), |o| o.is_some()).await;
    cluster.delete(&format!("{SPACES}/shop"), "Background").await;
    cluster.until_gone(&format!("{SPACES}/shop")).await;
    let left = cluster.get(&maps).await.unwrap();
    assert_eq!(left["items"], json!([]));
    cluster.until_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_cannot_be_emptied_says_what_holds_it() {
    let cluster = Cluster::start().await;
    cluster.create(SPACES, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})).await;
    let held =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "held", "finalizers": ["test.io/hold"]}});
    cluster.create(&format!("{SPACES}/shop/secrets"), held).await;
    cluster.delete(&format!("{SPACES}/shop"), "Background").await;
    let stuck =
        cluster.until(&format!("{SPACES}/shop"), |o| o.is_some_and(|o| o["status"]["conditions"].is_array())).await;
    let conditions = stuck.unwrap()["status"]["conditions"].clone();
    let message = |kind: &str| {
        let found = conditions.as_array().unwrap().iter().find(|c| c["type"] == kind).unwrap();
        found["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(message("NamespaceContentRemaining"), "Some resources are remaining: secrets has 1 resource instances");
    assert_eq!(
        message("NamespaceFinalizersRemaining"),
        "Some content in the namespace has finalizers remaining: test.io/hold in 1 resource instances"
    );
    cluster.until_settled().await;
    cluster
        .api
        .merge(&format!("{SPACES}/shop/secrets/held"), &json!({"metadata": {"finalizers": null}}))
        .await
        .unwrap();
    cluster.until_gone(&format!("{SPACES}/shop")).await;
}
