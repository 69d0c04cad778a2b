//! Servers with certificates of their own, below a path, and behind proxies.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{Api, Credential, Error, Resource, Selection, Trust};

/// The first lines of the requests that a server was asked.
type Log = Arc<Mutex<Vec<String>>>;

/// A key pair and a certificate for loopback, as PEM.
struct Shown {
    pem: String,
    acceptor: TlsAcceptor,
}

fn acceptor(der: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![der], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn params(is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    params.is_ca = is_ca;
    params
}

/// What `openssl req -x509` makes, or the same without the mark of an authority.
fn own(is_ca: IsCa) -> Shown {
    let key = KeyPair::generate().unwrap();
    let certificate = params(is_ca).self_signed(&key).unwrap();
    Shown { pem: certificate.pem(), acceptor: acceptor(certificate.der().clone(), &key) }
}

/// A server's certificate whose authority is not known: the client is given the certificate itself.
fn pinned() -> Shown {
    let (authority, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let issuer = Issuer::new(params(IsCa::Ca(BasicConstraints::Unconstrained)), authority);
    let certificate = params(IsCa::NoCa).signed_by(&key, &issuer).unwrap();
    Shown { pem: certificate.pem(), acceptor: acceptor(certificate.der().clone(), &key) }
}

/// The head of a request, without the empty line.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(text).unwrap().trim_end().to_owned())
}

/// Answers each request of a connection.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, log: Log) {
    while let Some(head) = head(&mut stream).await {
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let body = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}"#;
        log.lock().unwrap().push(line);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A server on loopback; its port and what it was asked.
async fn server(shown: &Shown) -> (u16, Log) {
    let (listener, log) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Log::default());
    let (port, acceptor, seen) = (listener.local_addr().unwrap().port(), shown.acceptor.clone(), log.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, seen).await;
                }
            });
        }
    });
    (port, log)
}

/// A proxy on loopback, encrypted if it shows a certificate, that answers `CONNECT` with this line.
async fn proxy(shown: Option<&Shown>, line: &'static str) -> (u16, Log) {
    let (listener, log) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Log::default());
    let (port, acceptor, seen) =
        (listener.local_addr().unwrap().port(), shown.map(|s| s.acceptor.clone()), log.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            tokio::spawn(async move {
                match acceptor {
                    Some(acceptor) => tunnel(acceptor.accept(stream).await.unwrap(), line, seen).await,
                    None => tunnel(stream, line, seen).await,
                }
            });
        }
    });
    (port, log)
}

async fn tunnel(mut stream: impl AsyncRead + AsyncWrite + Unpin, line: &str, log: Log) {
    let Some(head) = head(&mut stream).await else { return };
    let server = head.split(' ').nth(1).unwrap().to_owned();
    log.lock().unwrap().push(head);
    stream.write_all(format!("HTTP/1.1 {line}\r\n\r\n").as_bytes()).await.unwrap();
    if line.starts_with("200") {
        let mut server = TcpStream::connect(server).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
    }
}

async fn api(server: &str, cluster: &str, given: &str) -> Api {
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: '{server}', certificate-authority-data: {}{cluster}}}}}]\n\
         users: [{{name: u, user: {{token: x}}}}]\n",
        STANDARD.encode(given)
    );
    Credential::parse(text.as_bytes(), Trust { loopback: true }).unwrap().api("test").await.unwrap()
}

#[tokio::test]
async fn a_certificate_that_is_the_one_given_is_trusted_and_no_other() {
    for (what, shown) in [
        ("an authority that is the server", own(IsCa::Ca(BasicConstraints::Unconstrained))),
        ("self-signed", own(IsCa::NoCa)),
        ("a leaf", pinned()),
    ] {
        let (port, _) = server(&shown).await;
        let url = format!("https://127.0.0.1:{port}");
        let answer = api(&url, "", &shown.pem).await.read("/version").await;
        assert!(answer.is_ok(), "{what}: {answer:?}");
        let other = own(IsCa::Ca(BasicConstraints::Unconstrained));
        assert!(
            matches!(api(&url, "", &other.pem).await.read("/version").await, Err(Error::Transport { .. })),
            "{what}"
        );
        let named = api(&url, ", tls-server-name: other.example", &shown.pem).await.read("/version").await;
        assert!(matches!(named, Err(Error::Transport { .. })), "{what}");
        let named = api(&url, ", tls-server-name: localhost", &shown.pem).await.read("/version").await;
        assert!(named.is_ok(), "{what}: {named:?}");
    }
}

#[tokio::test]
async fn every_request_goes_below_the_path_of_the_server() {
    let shown = own(IsCa::NoCa);
    let (port, log) = server(&shown).await;
    for end in ["", "/"] {
        let api = api(&format!("https://127.0.0.1:{port}/k8s/clusters/c-1{end}"), "", &shown.pem).await;
        let pods = Resource::core("Pod", "pods", true);
        api.read("/version").await.unwrap();
        api.read_bytes("/readyz", 1000).await.unwrap();
        api.list(&pods, "a", &Selection::default()).await.unwrap();
        // What comes back is no such thing, and was asked for.
        let _ = api.delete(&pods.target("a", "b"), &crate::Delete::default()).await;
        let _ = api.raw().create("/api/v1/namespaces/a/serviceaccounts/b/token", &serde_json::json!({})).await;
        let _ = crate::Served::discover(&api).await;
    }
    let log = log.lock().unwrap();
    assert!(log.len() >= 12, "{log:?}");
    for line in log.iter() {
        let path = line.split(' ').nth(1).unwrap();
        assert!(path.starts_with("/k8s/clusters/c-1/") && !path.contains("//"), "{line}");
    }
}

#[tokio::test]
async fn a_server_behind_a_proxy_is_reached_and_checked_as_without() {
    let shown = own(IsCa::NoCa);
    let (port, log) = server(&shown).await;
    let url = format!("https://127.0.0.1:{port}");
    for encrypted in [false, true] {
        let (at, asked) = proxy(encrypted.then_some(&shown), "200 OK").await;
        let scheme = if encrypted { "https" } else { "http" };
        let through = format!(", proxy-url: '{scheme}://me:a%20b@127.0.0.1:{at}'");
        api(&url, &through, &shown.pem).await.read("/version").await.unwrap();
        let asked = asked.lock().unwrap().join("\n");
        assert!(asked.starts_with(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1")), "{asked}");
        assert!(asked.contains(&format!("Proxy-Authorization: Basic {}", STANDARD.encode("me:a b"))), "{asked}");
        let other = own(IsCa::NoCa);
        assert!(
            api(&url, &through, &other.pem).await.read("/version").await.is_err(),
            "it is no server of this authority"
        );
    }
    assert_eq!(log.lock().unwrap().len(), 2);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for (line, says) in [
        ("407 Who are you", "it wants a user and a password; put them into proxy-url"),
        ("403 No", "it does not connect to the server"),
        ("", "refused"),
    ] {
        let at = if line.is_empty() { closed } else { proxy(None, line).await.0 };
        let through = format!(", proxy-url: 'http://me:secret@127.0.0.1:{at}'");
        let said = api(&url, &through, &shown.pem).await.read("/version").await.unwrap_err().to_string();
        assert!(said.starts_with(&format!("through proxy 127.0.0.1:{at}: ")), "{said}");
        assert!(said.contains(says) && !said.contains("secret"), "{said}");
    }
}
