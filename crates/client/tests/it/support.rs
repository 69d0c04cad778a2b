//! An API server in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apiserver::{ApiServer, Config, Ids, JsonProjection, UserInfo};
use client::Api;
use model::{Clock, Timestamp};
use tokio::time::Instant;

struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap() + self.0.elapsed()
    }
}

#[derive(Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn uid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn suffix(&self) -> String {
        format!("{:05}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A server, and a client of it that may do everything.
pub(crate) async fn start() -> (ApiServer, Api) {
    let store = store::memory::open(JsonProjection, store::memory::Options::default());
    let clock = Arc::new(TestClock(Instant::now()));
    let server = ApiServer::start(Config::new(store, clock, Arc::new(Counting::default()))).await.unwrap();
    let client = kube::Client::new(server.service_as(UserInfo::master("test")), "default");
    (server, Api::new(client, "test"))
}
