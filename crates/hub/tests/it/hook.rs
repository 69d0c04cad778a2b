//! The push hook: who knows the secret makes an Application sync at once.

use std::time::Duration;

use hmac::{Hmac, Mac};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::stage::{Stage, settings};

/// A connection over TLS; the certificate is not looked at, since the hub has just made it.
async fn connect(stage: &Stage, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(Anyone))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(stage.hub.hook_address()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await
}

/// What the server says until it closes, within 10 s.
async fn rest(tls: &mut TlsStream<TcpStream>) -> String {
    let mut answer = Vec::new();
    // The server may close without a TLS goodbye; what it said has arrived.
    let _ = tokio::time::timeout(Duration::from_secs(10), tls.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// One request over TLS.
async fn post(stage: &Stage, path: &str, headers: &str, body: &str) -> u16 {
    let mut tls = connect(stage, &[]).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    tls.write_all(request.as_bytes()).await.unwrap();
    rest(&mut tls).await.split(' ').nth(1).unwrap().parse().unwrap()
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

/// Each request may send a body of 1 MiB before its secret is checked, so a connection has one request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_the_push_hook_has_one_request() {
    let stage = Stage::new(&[]).await;
    let both = connect(&stage, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert!(connect(&stage, &["h2"]).await.is_err());

    // HTTP/2 without having been agreed on. Its answer would begin with a SETTINGS frame.
    let mut preface = connect(&stage, &[]).await.unwrap();
    preface.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let said = rest(&mut preface).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said:?}");

    let mut two = connect(&stage, &[]).await.unwrap();
    let request = "POST /default/app HTTP/1.1\r\nhost: hub\r\ncontent-length: 0\r\n\r\n";
    two.write_all(request.repeat(2).as_bytes()).await.unwrap();
    let said = rest(&mut two).await;
    assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said:?}");
}
