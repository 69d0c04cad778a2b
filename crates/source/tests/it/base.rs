//! What files of a source name on other machines: repositories beside it, and files.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use source::{Class, Credentials, Error, FILE_BYTES_MAX, FileSource, GitReference, GitSource, GitSpec};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{World, text};

/// A server that answers one request per connection: path → the answer as it is written. Requests are kept.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = requests.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut buffer = vec![0; 8192];
                let read = socket.read(&mut buffer).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let answered = answer(&request);
                seen.lock().unwrap().push(request);
                // Who asked may be gone.
                let _ = socket.write_all(answered.as_bytes()).await;
            }
        });
        Self { address, requests }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn empty(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")
}

fn file(world: &World, url: &str) -> Result<FileSource, Error> {
    FileSource::new(&world.http, url, "https://shown/x.yaml", "http://127.0.0.1/source", Duration::from_secs(5))
}

#[tokio::test]
async fn a_base_is_what_its_reference_names() {
    let world = World::new().await;
    world.write("a.yaml", "one");
    let first = world.commit();
    world.git(&["tag", "v1"]);
    world.write("a.yaml", "two");
    world.commit();
    let source = GitSpec::new(world.server.url("shop"), GitReference::Default);
    for (reference, expect) in [("v1", "one"), ("", "two"), ("main", "two"), (first.as_str(), "one")] {
        let spec = source.beside(&world.server.url("shop"), GitReference::of_base(reference), true).unwrap();
        let git = GitSource::new(&world.http, spec).unwrap();
        let (_, artifact) = world.fetch(&git).await.unwrap();
        assert_eq!(text(&artifact, "a.yaml"), expect, "{reference:?}");
    }
    let spec = source.beside(&world.server.url("shop"), GitReference::of_base("v9"), true).unwrap();
    let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
    assert!(error.to_string().ends_with("branch or tag \"v9\" does not exist; there is main"), "{error}");
}

#[test]
fn credentials_go_to_the_server_of_the_source_alone() {
    let basic = || Credentials::Basic { username: "me".into(), password: "secret".into() };
    let mut source = GitSpec::new("https://git.example/org/app", GitReference::Default);
    (source.credentials, source.ca) = (Some(basic()), Some(b"ca".to_vec()));
    for (url, given) in [
        ("https://git.example/org/base", true),
        ("https://git.example:443/org/base", true),
        ("https://other.example/org/base", false),
        ("https://git.example:8443/org/base", false),
        ("http://git.example/org/base", false),
    ] {
        let spec = source.beside(url, GitReference::Head, true).unwrap();
        assert_eq!((spec.credentials.is_some(), spec.ca.is_some()), (given, given), "{url}");
    }
    // Also those in the URL of the source.
    let source = GitSpec::new("https://me:secret@git.example/org/app", GitReference::Default);
    let spec = source.beside("https://git.example/org/base", GitReference::Head, true).unwrap();
    assert_eq!(spec.credentials, Some(basic()));
    let spec = source.beside("https://other.example/org/base", GitReference::Head, true).unwrap();
    assert_eq!(spec.credentials, None);
    let error = source.beside("ssh://git@git.example/org/base", GitReference::Head, true).unwrap_err();
    assert!(matches!(&error, Error::SshOfBase { url } if url == "ssh://git@git.example/org/base"), "{error}");
}

#[test]
fn a_file_in_a_repository_does_not_send_the_hub_to_itself() {
    let outside = GitSpec::new("https://git.example/org/app", GitReference::Default);
    let here = GitSpec::new("http://127.0.0.1:8080/app", GitReference::Default);
    for url in [
        "http://127.0.0.1/org/base",
        "http://localhost:8080/org/base",
        "https://x.localhost/org/base",
        "http://[::1]/org/base",
        "http://[::ffff:127.0.0.1]/org/base",
        "http://0.0.0.0/org/base",
        "http://2130706433/org/base",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/org/base",
        "http://[fd00:ec2::254]/latest",
        "http://100.100.100.200/latest/meta-data",
    ] {
        let error = outside.beside(url, GitReference::Head, true).unwrap_err();
        assert!(matches!(error, Error::OwnMachine { .. }) && error.class() == Class::AwaitChange, "{url}: {error}");
        assert!(here.beside(url, GitReference::Head, true).is_ok(), "{url}");
    }
    for url in ["http://10.0.0.7/org/base", "https://git.internal/org/base", "https://[fd12::1]/org/base"] {
        assert!(outside.beside(url, GitReference::Head, true).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn a_file_is_fetched_and_not_sent_again_while_it_is_the_same() {
    let world = World::new().await;
    let server = Server::start(|request| {
        if request.contains("if-none-match: \"1\"") {
            empty("304 Not Modified", "etag: \"1\"\r\n")
        } else {
            // Whatever it says that it is.
            ok("content-type: image/png\r\netag: \"1\"\r\n", "kind: ConfigMap\n")
        }
    })
    .await;
    let file = file(&world, &server.url("x.yaml?token=abc")).unwrap();
    let first = file.fetch(&world.cache).await.unwrap();
    assert_eq!(&*FileSource::bytes(&first).unwrap(), b"kind: ConfigMap\n");
    let second = file.fetch(&world.cache).await.unwrap();
    assert_eq!(first.digest(), second.digest());
    {
        let requests = server.requests.lock().unwrap();
        assert!(requests[0].starts_with("GET /x.yaml?token=abc ") && !requests[0].contains("authorization"));
        assert!(requests[1].contains("if-none-match"), "{}", requests[1]);
    }
    // What the cache has lost is sent again.
    std::fs::remove_dir_all(world.dir.path().join("cache")).unwrap();
    assert_eq!(file.fetch(&world.cache).await.unwrap().digest(), first.digest());
    assert!(!server.requests.lock().unwrap()[2].contains("if-none-match"));
}

#[tokio::test]
async fn redirects_are_followed_to_other_servers_within_limits() {
    let world = World::new().await;
    let target = Server::start(|_| ok("", "a: b\n")).await;
    let to = target.url("real.yaml");
    let server = Server::start(move |request| match request.split(' ').nth(1).unwrap() {
        "/once?token=abc" => empty("302 Found", &format!("location: {to}\r\n")),
        "/downgrade" => empty("302 Found", "location: ftp://example.com/x\r\n"),
        path => empty("302 Found", &format!("location: {path}x\r\n")),
    })
    .await;
    let artifact = file(&world, &server.url("once?token=abc")).unwrap().fetch(&world.cache).await.unwrap();
    assert_eq!(&*FileSource::bytes(&artifact).unwrap(), b"a: b\n");
    let asked = target.requests.lock().unwrap().concat().to_ascii_lowercase();
    assert!(asked.starts_with("get /real.yaml ") && !asked.contains("referer") && !asked.contains("abc"), "{asked}");
    for path in ["endless", "downgrade"] {
        let error = file(&world, &server.url(path)).unwrap().fetch(&world.cache).await.unwrap_err();
        assert!(error.to_string().starts_with("https://shown/x.yaml: "), "{error}");
    }
    assert!(server.requests.lock().unwrap().len() < 12);
}

#[tokio::test]
async fn what_is_no_manifest_is_refused_and_says_why() {
    let world = World::new().await;
    let large = format!("a: {}\n", "x".repeat(FILE_BYTES_MAX));
    let server = Server::start(move |request| match request.split(' ').nth(1).unwrap() {
        "/page" => ok("", "\n<!DOCTYPE html><html></html>"),
        "/large" => ok("", &large),
        "/broken" => empty("503 Service Unavailable", ""),
        "/private" => empty("401 Unauthorized", ""),
        _ => empty("404 Not Found", ""),
    })
    .await;
    for (path, expect, class) in [
        (
            "page",
            "https://shown/x.yaml: a web page is there, not a manifest; use the URL of the raw file",
            Class::AwaitChange,
        ),
        (
            "large",
            "https://shown/x.yaml: the size of the file, in bytes, exceeds the limit of 16777216",
            Class::AwaitChange,
        ),
        ("broken", "https://shown/x.yaml: the server answered HTTP 503", Class::Retry),
        (
            "private",
            "https://shown/x.yaml: no file there (HTTP 401); check the URL: a file is asked for without credentials",
            Class::AwaitChange,
        ),
        (
            "gone",
            "https://shown/x.yaml: no file there (HTTP 404); check the URL: a file is asked for without credentials",
            Class::AwaitChange,
        ),
    ] {
        let error = file(&world, &server.url(path)).unwrap().fetch(&world.cache).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.class()), (expect, class));
    }
    for url in ["file:///etc/passwd", "ssh://x/y", "not a url"] {
        assert!(file(&world, url).is_err(), "{url}");
    }
}
