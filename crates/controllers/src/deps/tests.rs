//! Controllers that tests make: none of them runs.

use std::convert::Infallible;

use kube::client::Body;
use model::Timestamp;
use tempfile::TempDir;

use super::*;

/// It is always the same time.
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }
}

/// Those of a hub that answers nothing.
pub(crate) fn idle() -> (TempDir, Arc<Controllers>) {
    let no_answer = |_: http::Request<Body>| async {
        Ok::<_, Infallible>(http::Response::builder().status(500).body(Body::empty()).unwrap())
    };
    with(Client::new(tower::service_fn(no_answer), "default"), Arc::new(Still))
}

/// Those of a hub, by this clock.
pub(crate) fn with(client: Client, clock: Arc<dyn Clock>) -> (TempDir, Arc<Controllers>) {
    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        trust: Trust::default(),
        cache: cache.path().to_owned(),
        cache_bytes_max: 1 << 20,
        controllers: BTreeSet::new(),
        metrics: Metrics::default(),
    };
    let (hub, key) = (HubId::from_random([7; 10]), HubKey::from_random([1; 32]));
    let made = Controllers::new(client, clock, Arc::new(|| 0.5), hub, key, &options, CancellationToken::new());
    (cache, made.unwrap())
}
