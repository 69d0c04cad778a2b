//! Controllers that tests make, none of which runs; and what follows a reconcile.

use std::convert::Infallible;
use std::time::Duration;

use api::kurator::fleet::v1alpha1::Fleet;
use kube::client::Body;
use model::Timestamp;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tempfile::TempDir;

use super::*;
use crate::write;

/// It is always the same time.
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }
}

/// A hub that answers nothing.
pub(crate) fn no_answer() -> Api {
    let answer = |_: http::Request<Body>| async {
        Ok::<_, Infallible>(http::Response::builder().status(500).body(Body::empty()).unwrap())
    };
    Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test")
}

/// Those of a hub that answers nothing.
pub(crate) fn idle() -> (TempDir, Arc<Controllers>) {
    with(no_answer(), Arc::new(Still))
}

/// Those of a hub, by this clock.
pub(crate) fn with(api: Api, clock: Arc<dyn Clock>) -> (TempDir, Arc<Controllers>) {
    counting(api, clock, Metrics::default())
}

/// Those of a hub, by this clock, which count here.
pub(crate) fn counting(api: Api, clock: Arc<dyn Clock>, metrics: Metrics) -> (TempDir, Arc<Controllers>) {
    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        trust: Trust::default(),
        connect: Connect::default(),
        cache: cache.path().to_owned(),
        cache_bytes_max: 1 << 20,
        controllers: BTreeSet::new(),
        metrics,
        alive_before: None,
    };
    let (hub, key) = (HubId::from_random([7; 10]), HubKey::from_random([1; 32]));
    let made = Controllers::new(api, clock, Arc::new(|| 0.5), hub, key, &options, CancellationToken::new());
    (cache, made.unwrap())
}

/// A hub that answers each request for the Fleet of this name with this code.
fn hub() -> Api {
    let answer = |request: http::Request<Body>| {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let answer = http::Response::builder().status(name.parse::<u16>().unwrap());
        let said = serde_json::json!({"kind": "Status", "reason": "NotFound", "details": {"name": name}});
        async move { Ok::<_, Infallible>(answer.body(Body::from(said.to_string().into_bytes())).unwrap()) }
    };
    Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test")
}

/// Notes of whom it is said that a look at it panicked: by a request, which fails for this one.
fn say(api: Arc<Api>, code: u16) -> BoxFuture<'static, Result<(), WriteError>> {
    SAID.lock().unwrap().push(code);
    async move { write::read::<Fleet>(&api, "n", "500").await.map(drop) }.boxed()
}

static SAID: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());

async fn reconcile(api: Arc<Api>, code: u16) -> Result<Next, WriteError> {
    assert!(code != 0, "a bug");
    write::read::<Fleet>(&api, "n", &code.to_string()).await?;
    Ok(Next::After(Duration::from_secs(3600)))
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_and_a_panic_is_counted() {
    let mut registry = Registry::default();
    let metrics = client::Metrics::registered(&mut registry);
    let queue = Queue::with("test", BACKOFF, Arc::new(|| 0.0), &metrics);
    let stop = CancellationToken::new();
    let codes = [0, 400, 404, 409, 500];
    codes.into_iter().for_each(|code| queue.add(code));
    let working = tokio::spawn(work(Arc::new(hub()), queue.clone(), 2, stop.clone(), reconcile, say));
    // time: until each has been tried again once, after the first pause of the back-off.
    tokio::time::sleep(BACKOFF.first + Duration::from_millis(1)).await;
    stop.cancel();
    working.await.unwrap();
    assert_eq!(
        *SAID.lock().unwrap(),
        [0, 0],
        "it is said of what panicked, at the first panic, and what fails there ends nothing"
    );
    let mut scrape = String::new();
    text::encode(&mut scrape, &registry).unwrap();
    for (result, count) in [("panic", 2), ("error", 2 * 3), ("requeue_after", 1)] {
        let line = format!("kurator_reconciles_total{{controller=\"test\",result=\"{result}\"}} {count}\n");
        assert!(scrape.contains(&line), "{line}{scrape}");
    }
    assert!(scrape.contains("kurator_reconcile_panics_total{controller=\"test\"} 2\n"), "{scrape}");
}
