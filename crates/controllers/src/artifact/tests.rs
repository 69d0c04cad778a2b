use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

use kube::client::Body;
use serde_json::json;

use super::*;

/// An artifact whose source needs a Secret, and cannot be reached.
fn artifact(secret: Option<&str>) -> Artifact {
    Artifact {
        digest: Digest::of(b"files"),
        revision: "main@sha1:3f2c1a97df8477b5708f63235d978e6ede475f92".into(),
        url: "http://127.0.0.1:9/app.git".into(),
        secret: secret.map(str::to_owned),
        ignore: None,
        submodules: false,
    }
}

fn artifacts(dir: &std::path::Path, api: Api) -> (Arc<Artifacts>, Metrics) {
    let (cache, metrics) = (Cache::open(dir, 1 << 20).unwrap(), Metrics::default());
    (Arc::new(Artifacts::new(api, cache, &metrics, CancellationToken::new()).unwrap()), metrics)
}

/// Why an artifact could not be fetched again.
async fn failure(artifacts: &Arc<Artifacts>, artifact: &Artifact) -> String {
    loop {
        match artifacts.recover("default", artifact, "me".to_owned(), Box::new(|| {})) {
            Recovery::Failed(why) => return why,
            Recovery::UnderWay => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_counted_and_is_not_under_way_for_ever() {
    let asked = Arc::new(AtomicU32::new(0));
    let seen = asked.clone();
    let answer = move |_: http::Request<Body>| {
        let nth = seen.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(nth > 0, "while the Secret is read");
            let gone = json!({"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound", "message": "gone",
                "details": {"name": "login"}});
            let body = Body::from(gone.to_string().into_bytes());
            Ok::<_, Infallible>(http::Response::builder().status(404).body(body).unwrap())
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let (artifacts, metrics) =
        artifacts(dir.path(), Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test"));
    let artifact = artifact(Some("login"));
    let why = failure(&artifacts, &artifact).await;
    assert!(why.contains("while the Secret is read"), "{why}");
    assert_eq!(metrics.panics("artifact"), 1);
    // time: how long it is not asked for is what this is about.
    tokio::time::advance(RECOVER_AGAIN).await;
    artifacts.recover("default", &artifact, "me".to_owned(), Box::new(|| {}));
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_artifact_is_told_once_when_its_fetch_has_ended_and_what_nobody_asks_for_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let gone = |_: http::Request<Body>| async {
        let gone = json!({"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound", "message": "gone",
            "details": {"name": "login"}});
        let body = Body::from(gone.to_string().into_bytes());
        Ok::<_, Infallible>(http::Response::builder().status(404).body(body).unwrap())
    };
    let (artifacts, _) = artifacts(dir.path(), Api::new(kube::Client::new(tower::service_fn(gone), "default"), "test"));
    let told = Arc::new(Mutex::new(Vec::new()));
    let wake = |who: &str| -> Wake {
        let (told, who) = (told.clone(), who.to_owned());
        Box::new(move || told.lock().unwrap().push(who))
    };
    for who in ["b", "a", "b"] {
        let recovery = artifacts.recover("default", &artifact(Some("login")), who.to_owned(), wake(who));
        assert!(matches!(recovery, Recovery::UnderWay), "{recovery:?}");
    }
    while told.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*told.lock().unwrap(), ["a", "b"]);
    let failed = artifacts.recover("default", &artifact(Some("login")), "a".to_owned(), wake("a"));
    assert!(matches!(failed, Recovery::Failed(_)), "{failed:?}");
    // time: how long it is remembered is what this is about.
    tokio::time::advance(UNASKED_MAX).await;
    let other = Artifact { digest: Digest::of(b"other"), ..artifact(Some("login")) };
    artifacts.recover("default", &other, "a".to_owned(), wake("a"));
    assert_eq!(artifacts.lost().keys().map(|(_, digest)| *digest).collect::<Vec<_>>(), [other.digest]);
}

#[tokio::test]
async fn an_artifact_is_fetched_again_from_a_source_that_is_the_same_but_for_user_information() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = |_: http::Request<Body>| async { Ok::<_, Infallible>(http::Response::new(Body::empty())) };
    let (artifacts, _) =
        artifacts(dir.path(), Api::new(kube::Client::new(tower::service_fn(nothing), "default"), "test"));
    let key = |name: &str| NamespacedName::new("default", name);
    let follow = |name: &str, url: &str, ignore: Option<&str>, secret: Option<&str>| {
        let mut spec = GitSpec::new(url, GitReference::Default);
        spec.ignore = ignore.map(str::to_owned);
        artifacts.follow(&key(name), spec, secret).unwrap();
    };
    let alike = |artifact: &Artifact| artifacts.alike("default", artifact).len();
    let (plain, with_user) = ("http://127.0.0.1:9/app.git", "http://me:secret@127.0.0.1:9/app.git");
    follow("plain", plain, None, None);
    assert_eq!(alike(&artifact(None)), 0, "the record says everything of it");
    follow("other-files", with_user, Some("docs/"), None);
    follow("other-login", with_user, None, Some("login"));
    assert_eq!(alike(&artifact(None)), 0, "of another Application with the same URL");
    follow("same", with_user, None, None);
    assert_eq!((alike(&artifact(None)), alike(&artifact(Some("login")))), (1, 1));
    // What its files name at the same server is asked for with it too.
    assert_eq!(artifacts.alike("default", &artifact(None))[0].1.url, with_user);
    assert!(artifacts.alike("elsewhere", &artifact(None)).is_empty());
    // An edit takes the credentials along.
    follow("same", plain, None, None);
    assert_eq!(alike(&artifact(None)), 0);
    artifacts.forget(&key("other-login"));
    assert_eq!(artifacts.followed().len(), 1);
}

#[test]
fn a_secret_is_read_for_what_its_source_needs() {
    let data = |fields: &[&str]| -> BTreeMap<String, ByteString> {
        fields.iter().map(|field| ((*field).to_owned(), ByteString(format!("{field}!\n").into_bytes()))).collect()
    };
    let (ssh, https) = ("ssh://git@git.example/app", "https://git.example/app");
    let neither = "has neither username and password, nor bearerToken, nor ca.crt";
    for (url, fields, expect) in [
        (https, &["username", "password"][..], Ok("basic")),
        (https, &["username", "password", "bearerToken"], Ok("bearer")),
        (https, &["ca.crt"], Ok("ca")),
        (https, &["caFile"], Ok("ca")),
        (https, &["identity", "known_hosts"], Err(neither)),
        (https, &["username"], Err(neither)),
        (ssh, &["identity", "known_hosts", "identity.pub"], Ok("ssh")),
        (ssh, &["identity", "known_hosts", "password"], Ok("ssh with a passphrase")),
        (ssh, &["identity"], Err("lacks known_hosts, which git over ssh needs")),
        (ssh, &["username", "password"], Err("lacks identity and known_hosts, which git over ssh needs")),
    ] {
        let found = read(data(fields), url).map(|access| match (access.credentials, access.ca) {
            (Some(Credentials::Basic { username, password }), None) => {
                assert_eq!((username.as_str(), password.as_str()), ("username!", "password!"));
                "basic"
            }
            (Some(Credentials::Bearer(_)), None) => "bearer",
            (Some(Credentials::Ssh(credentials)), None) => {
                assert_eq!(credentials.known_hosts, "known_hosts!\n");
                match credentials.passphrase.as_deref() {
                    None => "ssh",
                    passphrase => passphrase.filter(|p| *p == "password!").map_or("?", |_| "ssh with a passphrase"),
                }
            }
            (None, Some(_)) => "ca",
            _ => "?",
        });
        assert_eq!(found, expect.map_err(str::to_owned), "{url} with {fields:?}");
    }
}
