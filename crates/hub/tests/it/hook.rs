//! The push hook: who knows the secret makes an Application sync at once.

use std::time::Duration;

use hmac::{Hmac, Mac};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::{Stage, settings};

/// One request over TLS; the certificate is not looked at, since the hub has just made it.
async fn post(stage: &Stage, path: &str, headers: &str, body: &str) -> u16 {
    let config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(Anyone))
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(stage.hub.hook_address()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The server may close without a TLS goodbye; what it said has arrived.
    let _ = tokio::time::timeout(Duration::from_secs(10), tls.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap().parse().unwrap()
}

#[derive(Debug)]
struct Anyone;

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256, rustls::SignatureScheme::ED25519]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_hook_syncs_at_once_for_those_who_know_the_secret() {
    let stage = Stage::new(&["a"]).await;
    let mut application = stage.application();
    application["spec"]["source"]["gitRepository"]["interval"] = json!("1h");
    stage.apply(application).await.unwrap();
    stage.synced().await;
    stage.commit(&[("app/settings.yaml", Some(&settings("pushed")))]);
    let secrets: Api<Secret> = Api::namespaced(stage.client(), "kurator-system");
    let secret = secrets.get("kurator-push-hook").await.unwrap().data.unwrap().remove("token").unwrap();

    let body = "{\"ref\": \"refs/heads/main\"}";
    let sign = |key: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(body.as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        format!("x-hub-signature-256: sha256={hex}\r\n")
    };
    assert_eq!(post(&stage, "/default/app", "", body).await, 401);
    assert_eq!(post(&stage, "/default/app", &sign(b"wrong"), body).await, 401);
    assert_eq!(post(&stage, "/default/nobody", &sign(&secret.0), body).await, 404);
    assert_eq!(post(&stage, "/default/app", &sign(&secret.0), body).await, 202);
    stage.synced().await;
    let token = String::from_utf8(secret.0).unwrap();
    assert_eq!(post(&stage, "/default/app", &format!("x-gitlab-token: {token}\r\n"), body).await, 202);
}
