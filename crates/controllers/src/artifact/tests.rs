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
    }
}

fn artifacts(dir: &std::path::Path, api: Api) -> (Arc<Artifacts>, Metrics) {
    let (cache, metrics) = (Cache::open(dir, 1 << 20).unwrap(), Metrics::default());
    (Arc::new(Artifacts::new(api, cache, &metrics, CancellationToken::new()).unwrap()), metrics)
}

/// Why an artifact could not be fetched again.
async fn failure(artifacts: &Arc<Artifacts>, artifact: &Artifact) -> String {
    loop {
        match artifacts.recover("default", artifact) {
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
            let gone =
                json!({"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound", "message": "gone"});
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
    artifacts.recover("default", &artifact);
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
}
