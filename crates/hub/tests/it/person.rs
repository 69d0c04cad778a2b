//! A person gets a credential of the hub.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;

use crate::stage::{Stage, start_hub, try_start_hub, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_request_becomes_a_certificate_with_which_the_hub_knows_its_user() {
    let stage = Stage::without_controllers(&[]).await;
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "anna");
    params.distinguished_name.push(DnType::OrganizationName, "team-a");
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "anna"},
        "spec": {"signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"],
            "request": STANDARD.encode(pem)}});
    stage.apply(request).await.unwrap();
    let api: Api<CertificateSigningRequest> = Api::all(stage.client());
    let approved = json!({"type": "Approved", "status": "True", "reason": "Known", "message": "anna of team a"});
    let patch = json!({"status": {"conditions": [approved]}});
    api.patch_subresource("approval", "anna", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    let certificate = until("the certificate", async || {
        let status = api.get("anna").await.unwrap().status.unwrap_or_default();
        status.certificate.clone().ok_or(format!("{status:?}"))
    })
    .await;
    let mut config: serde_json::Value =
        serde_json::to_value(kube::config::Kubeconfig::from_yaml(&stage.hub.kubeconfig("hub")).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"client-certificate-data": STANDARD.encode(certificate.0),
        "client-key-data": STANDARD.encode(key.serialize_pem())});
    let config = serde_json::from_value(config).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
    let reviews: Api<SelfSubjectReview> = Api::all(Client::try_from(config).unwrap());
    let who = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.unwrap();
    let user = who.status.unwrap().user_info.unwrap();
    assert_eq!(user.username.as_deref(), Some("anna"));
    assert_eq!(user.groups.unwrap(), ["team-a", "system:authenticated"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_lost_its_keys_does_not_start_with_others() {
    let dir = tempfile::tempdir().unwrap();
    start_hub(dir.path()).await.stop().await;
    let keys = dir.path().join("hub/keys/hub.json");
    let kept = std::fs::read(&keys).unwrap();
    std::fs::remove_file(&keys).unwrap();
    let refused = try_start_hub(dir.path(), &[]).await.err().expect("it has objects");
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("keys/hub.json is not there, and this hub has "), "{why}");
    assert!(!keys.exists(), "nothing was made");
    std::fs::write(&keys, kept).unwrap();
    start_hub(dir.path()).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_lost_its_store_does_not_start_as_another_one() {
    let dir = tempfile::tempdir().unwrap();
    start_hub(dir.path()).await.stop().await;
    let (store, elsewhere) = (dir.path().join("hub/store"), dir.path().join("elsewhere"));
    std::fs::rename(&store, &elsewhere).unwrap();
    let refused = try_start_hub(dir.path(), &[]).await.err().expect("a hub has lived here");
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("hub/store is empty, and a hub has lived here until "), "{why}");
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::rename(&elsewhere, &store).unwrap();
    start_hub(dir.path()).await.stop().await;
    // Without its keys it is a new one, as a person has said.
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::remove_file(dir.path().join("hub/keys/hub.json")).unwrap();
    start_hub(dir.path()).await.stop().await;
}
