//! An API server in memory, as tests of its clients start it. For tests only.
//!
//! Its clock is tokio's, so that a test which pauses time pauses the server too, and its names and UIDs are counted, so that
//! two runs of a test see the same.
//!
//! Absent on purpose: custom resources, garbage collection, faults and waiting. Each test world adds what it is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apiserver::{ApiServer, Config, Ids, JsonProjection, UserInfo};
use model::{Clock, Timestamp};
use tokio::time::Instant;

/// When the clock of a test begins: in November 2023.
const BEGIN_SECONDS: i64 = 1_700_000_000;

/// Tells tokio's time, which tests may pause: it begins at the same moment in each run.
pub struct TestClock(Instant);

impl TestClock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(BEGIN_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH) + self.0.elapsed()
    }
}

/// Ids that are counted.
#[derive(Default)]
struct CountedIds(AtomicU64);

impl CountedIds {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Ids for CountedIds {
    fn uid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.next())
    }

    fn suffix(&self) -> String {
        format!("{:05}", self.next())
    }
}

/// Starts a server that has what each cluster has, and no more.
///
/// # Panics
///
/// It does not start.
pub async fn start() -> ApiServer {
    start_with(Arc::new(TestClock::start())).await
}

/// The same, with a clock of the test's own: one that it sets to another day.
///
/// # Panics
///
/// It does not start.
pub async fn start_with(clock: Arc<dyn Clock>) -> ApiServer {
    let store = store::memory::open(JsonProjection, store::memory::Options::default());
    let config = Config::new(store, clock, Arc::new(CountedIds::default()));
    ApiServer::start(config).await.unwrap_or_else(|error| panic!("the API server of a test does not start: {error}"))
}

/// A client that may do everything.
pub fn client_of(server: &ApiServer) -> kube::Client {
    kube::Client::new(server.service_as(UserInfo::master("test")), "default")
}
