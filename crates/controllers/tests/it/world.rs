//! A hub's API in memory, and one controller over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apiserver::{ApiServer, Config, Ids, JsonProjection, UserInfo};
use client::{Api, Raw};
use controllers::{Controller, Controllers, Metrics, Options};
use model::{Clock, Timestamp};
use plan::authenticator::HubKey;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long anything may take. Time is paused, so waiting for it costs nothing.
const DEADLINE: Duration = Duration::from_secs(60);
/// Longer than any period of a controller that has nothing to do.
const QUIET: Duration = Duration::from_secs(61);

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

pub(crate) struct World {
    server: ApiServer,
    pub(crate) api: Raw,
    which: Controller,
    dir: tempfile::TempDir,
    running: Option<AbortOnDropHandle<()>>,
}

impl World {
    /// The hub's API with our kinds, and one controller.
    pub(crate) async fn with(which: Controller) -> Self {
        // A second call only finds it set.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let store = store::memory::open(JsonProjection, store::memory::Options::default());
        let clock = Arc::new(TestClock(Instant::now()));
        let server = ApiServer::start(Config::new(store, clock, Arc::new(Counting::default()))).await.unwrap();
        let api = Api::new(client_of(&server), "test").raw();
        for crd in api::crd::all() {
            api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &crd).await.unwrap();
        }
        let mut world = Self { server, api, which, dir: tempfile::tempdir().unwrap(), running: None };
        world.restart();
        world
    }

    /// Ends the controller as a kill does, and starts it again without what it had in memory.
    pub(crate) fn restart(&mut self) {
        self.running = None;
        let options = Options {
            trust: client::Trust { loopback: true },
            cache: self.dir.path().join("cache"),
            cache_bytes_max: 1 << 20,
            controllers: [self.which].into(),
            metrics: Metrics::default(),
        };
        let clock = Arc::new(TestClock(Instant::now()));
        let hub = "abcdefghij".parse().unwrap();
        let key = HubKey::from_random([7; 32]);
        let (client, stop) = (client_of(&self.server), CancellationToken::new());
        let controllers =
            Controllers::new(client::Api::new(client, "test"), clock, Arc::new(|| 0.5), hub, key, &options, stop)
                .unwrap();
        self.running = Some(AbortOnDropHandle::new(tokio::spawn(controllers.run())));
    }

    pub(crate) async fn create(&self, collection: &str, object: Value) -> Value {
        self.api.create(collection, &object).await.unwrap()
    }

    /// Writes a part of an object's status, as another controller would.
    pub(crate) async fn set_status(&self, path: &str, status: Value) {
        self.api.merge(&format!("{path}/status"), &json!({"status": status})).await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        self.api.get(path).await.unwrap()
    }

    /// Waits until something of an object is as wanted.
    pub(crate) async fn until<T: PartialEq + std::fmt::Debug>(&self, path: &str, of: impl Fn(&Value) -> T, wanted: T) {
        let mut last = None;
        let wait = async {
            loop {
                last = self.get(path).await;
                if last.as_ref().is_some_and(|object| of(object) == wanted) {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(DEADLINE, wait).await.is_ok(), "{path} is never {wanted:?}; last: {last:#?}");
    }

    /// Waits until nothing is written for a minute; then a controller that starts again must write nothing.
    pub(crate) async fn settles(&mut self) {
        let writes = || self.server.counters().mutations();
        let mut before = writes();
        for turn in 0.. {
            // time: that nothing is written for so long is what is asked.
            sleep(QUIET).await;
            let now = writes();
            if now == before {
                break;
            }
            assert!(turn < 5, "it never settles: {:?}", self.server.counters().mutations_by_client());
            before = now;
        }
        self.restart();
        // time: as above.
        sleep(QUIET).await;
        let by_client = self.server.counters().mutations_by_client();
        assert_eq!(self.server.counters().mutations(), before, "a second pass writes: {by_client:?}");
    }
}

fn client_of(server: &ApiServer) -> kube::Client {
    kube::Client::new(server.service_as(UserInfo::master("test")), "default")
}

/// Status and reason of an object's condition; empty when there is none.
pub(crate) fn condition(object: &Value, type_: &str) -> (String, String) {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.clone().find(|c| c["type"] == type_);
    let text = |field: &str| found.and_then(|c| c[field].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

pub(crate) fn ready(object: &Value) -> (String, String) {
    condition(object, "Ready")
}

/// What `ready` is compared with.
pub(crate) fn is(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

pub(crate) const ATTACHED: &str = "/apis/cluster.kurator.dev/v1alpha1/namespaces/default/attachedclusters";
pub(crate) const CLUSTERS: &str = "/apis/cluster.karmada.io/v1alpha1/clusters";

/// An AttachedCluster whose kubeconfig is in the Secret of its name.
pub(crate) fn attached(name: &str) -> Value {
    json!({
        "apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster", "metadata": {"name": name},
        "spec": {"kubeconfig": {"name": name, "key": "value"}},
    })
}
