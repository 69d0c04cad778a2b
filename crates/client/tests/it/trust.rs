//! Which servers a member's kubeconfig trusts: real TLS, in real time.

use std::sync::Arc;

use base64::Engine as _;
use client::{Credential, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server with this certificate that answers every request with a version. Its port.
async fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> u16 {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust it ends here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let body = r#"{"gitVersion": "v1.37.2"}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    port
}

fn params(is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params
}

/// What a member says at this port when its kubeconfig has this authority.
async fn ask(port: u16, host: &str, authority_pem: &str) -> Result<serde_json::Value, String> {
    let authority = base64::engine::general_purpose::STANDARD.encode(authority_pem);
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: 'https://{host}:{port}', certificate-authority-data: {authority}}}}}]\n\
         users: [{{name: u, user: {{token: t}}}}]\n"
    );
    let credential = Credential::parse(text.as_bytes(), Trust { loopback: true }).unwrap();
    credential.api("test").await.map_err(|e| e.to_string())?.read("/version").await.map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_member_whose_own_certificate_is_its_authority_is_trusted() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let own_key = KeyPair::generate().unwrap();
    let own = params(true).self_signed(&own_key).unwrap();
    let (authority_key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let authority = params(true).self_signed(&authority_key).unwrap();
    let leaf = params(false).signed_by(&leaf_key, &Issuer::new(params(true), authority_key)).unwrap();
    for (what, shown, key, given, trusted) in [
        ("an authority that is the server", &own, &own_key, &own, true),
        ("the leaf alone", &leaf, &leaf_key, &leaf, true),
        ("its authority", &leaf, &leaf_key, &authority, true),
        ("another one", &leaf, &leaf_key, &own, false),
    ] {
        let port = server(shown.der().clone(), key).await;
        let said = ask(port, "127.0.0.1", &given.pem()).await;
        match trusted {
            true => assert_eq!(said.map(|version| version["gitVersion"].clone()), Ok("v1.37.2".into()), "{what}"),
            // What is wrong, and what to do.
            false => assert!(
                said.as_ref().is_err_and(|e| e.starts_with("invalid peer certificate: ")
                    && e.contains(": no certificate authority that is trusted")),
                "{what}: {said:?}"
            ),
        }
        let said = ask(port, "localhost", &given.pem()).await;
        assert!(said.as_ref().is_err_and(|e| e.contains("certificate")), "{what}, under another name: {said:?}");
    }
    // A name that has no address is in the error: those below .invalid never have one (RFC 6761).
    let said = ask(6443, "paris.invalid", &own.pem()).await.unwrap_err();
    assert!(said.starts_with("host paris.invalid has no address: "), "{said}");
}
