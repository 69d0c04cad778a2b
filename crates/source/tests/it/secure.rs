//! TLS and credentials.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use source::{Class, Credentials, Error, GitReference, GitSource, GitSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::backend::{Backend, request};
use crate::world::World;

/// TLS in front of the plain server; returns its address and the CA.
async fn tls(world: &World) -> (SocketAddr, Vec<u8>) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certified.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let target = world.server.url("shop").trim_start_matches("http://").split('/').next().unwrap().to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut plain = TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
            });
        }
    });
    (address, certified.cert.pem().into_bytes())
}

#[tokio::test]
async fn a_ca_of_ones_own_is_trusted_and_needed() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    let (address, ca) = tls(&world).await;
    let mut spec = GitSpec::new(format!("https://localhost:{}/shop.git", address.port()), GitReference::Default);
    let error = GitSource::new(&world.http, spec.clone()).unwrap().resolve().await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert_eq!(error.class(), Class::Retry);
    spec.ca = Some(b"nonsense".to_vec());
    let error = GitSource::new(&world.http, spec.clone()).err().unwrap();
    assert!(matches!(error, Error::Certificate { .. }), "{error}");
    spec.ca = Some(ca);
    let source = GitSource::new(&world.http, spec).unwrap();
    let (_, artifact) = world.fetch(&source).await.unwrap();
    assert_eq!(artifact.files().len(), 1);
}

/// A server that answers 401 unless a request carries the header, and otherwise 404.
async fn guarded(header: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let byte = stream.read_u8().await.unwrap();
                request.push(byte);
            }
            let request = String::from_utf8(request).unwrap().to_lowercase();
            let status = if request.contains(&header.to_lowercase()) { "404 Not Found" } else { "401 Unauthorized" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn credentials_are_sent_and_refusals_say_so() {
    let world = World::new().await;
    let basic = Credentials::Basic { username: "me".into(), password: "p@ss".into() };
    for (header, credentials, user) in [
        ("authorization: basic bWU6cEBzcw==", Some(basic), ""),
        ("authorization: basic bWU6cEBzcw==", None, "me:p%40ss@"),
        ("authorization: bearer token", Some(Credentials::Bearer("token".into())), ""),
    ] {
        let address = guarded(header).await;
        let mut spec = GitSpec::new(format!("http://{user}{address}/x.git"), GitReference::Default);
        spec.credentials = credentials;
        let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
        assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
        let spec = GitSpec::new(format!("http://{address}/x.git"), GitReference::Default);
        let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
        assert!(matches!(error, Error::Refused { status: 401, .. }), "{error}");
        assert_eq!(error.class(), Class::AwaitChange);
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let answer = "HTTP/1.1 302 Found\r\nlocation: http://localhost:1/x.git/info/refs?service=git-upload-pack\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let spec = GitSpec::new(format!("http://{address}/x.git"), GitReference::Default);
    let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
    assert!(matches!(&error, Error::Redirected { to, .. } if to == "http://localhost:1/x.git"), "{error}");
}

#[tokio::test]
async fn a_redirect_shows_no_secret_and_gives_none_to_another_port() {
    let world = World::new().await;
    let location = "https://me:hunter2@other.example/x.git/info/refs?token=hunter2";
    let answer =
        format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (address, _) = recorded(answer).await;
    let spec = GitSpec::new(format!("http://{address}/x.git"), GitReference::Default);
    let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err().to_string();
    assert!(error.contains("https://other.example/x.git, which") && !error.contains("hunter2"), "{error}");

    // Another service on the same host, which would go along with everything.
    let (other, heard) =
        recorded("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()).await;
    let location = format!("http://{other}/x.git/info/refs?service=git-upload-pack");
    let answer =
        format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (address, _) = recorded(answer).await;
    let mut spec = GitSpec::new(format!("http://{address}/x.git"), GitReference::Default);
    spec.credentials = Some(Credentials::Basic { username: "me".into(), password: "hunter2".into() });
    let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }), "{error}");
    assert!(heard.lock().unwrap().is_empty(), "it was not even asked");
}

/// A server that gives every request the same answer, and remembers what it was asked.
async fn recorded(answer: String) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (head, _) = request(&mut stream).await;
            hears.lock().unwrap().push(head);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, heard)
}

#[tokio::test]
async fn a_private_repository_of_git_itself_is_fetched_with_a_password_and_refused_with_a_wrong_one() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    let sha = world.commit();
    let address = Backend::new(world.repo()).guarded("Basic bWU6cEBzcw==").start().await;
    let source = |password: &str| {
        let mut spec = GitSpec::new(format!("http://{address}/.git"), GitReference::Branch("main".into()));
        spec.credentials = Some(Credentials::Basic { username: "me".into(), password: password.into() });
        GitSource::new(&world.http, spec).unwrap()
    };
    let (commit, artifact) = world.fetch(&source("p@ss")).await.unwrap();
    assert_eq!((commit.sha, crate::world::text(&artifact, "a.yaml")), (sha, "1".into()));
    let error = source("hunter2").resolve().await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 401, .. }), "{error}");
    assert_eq!((error.class(), error.reason()), (Class::AwaitChange, "AuthenticationFailed"));
    assert!(!error.to_string().contains("hunter2") && error.to_string().contains("secretRef"), "{error}");
}
