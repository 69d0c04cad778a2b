//! A cluster: an API server in memory and a housekeeper.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiserver::{ApiServer, UserInfo};
use client::{Api, Raw};
use housekeeping::{Events, Housekeeper, Options};
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use model::Clock;
use serde_json::{Value, json};
use test_apiserver::TestClock;
use tokio::time::{sleep, timeout};
use tower::Service;

/// How long anything may take. Time is paused, so waiting for it costs nothing.
const DEADLINE: Duration = Duration::from_secs(60);

/// Is a request of this method and path refused?
type Refused = fn(&http::Method, &str) -> bool;

/// Which requests of housekeeping an admission webhook or a role refuses, by method and path.
#[derive(Clone, Default)]
pub(crate) struct Refusal(Arc<Mutex<Option<Refused>>>);

impl Refusal {
    pub(crate) fn begin(&self, refused: Refused) {
        *self.0.lock().unwrap() = Some(refused);
    }

    pub(crate) fn end(&self) {
        *self.0.lock().unwrap() = None;
    }

    /// A client of the server that is refused so.
    fn client(&self, server: &ApiServer) -> kube::Client {
        let (service, refusal) = (server.service_as(UserInfo::master("test")), self.clone());
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let refused = refusal.0.lock().unwrap().is_some_and(|is| is(request.method(), request.uri().path()));
            let mut service = service.clone();
            async move {
                if !refused {
                    return service.call(request).await.map(|answer| answer.map(BodyExt::boxed_unsync));
                }
                let status = json!({
                    "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden",
                    "message": "somebody refuses it",
                });
                Ok(http::Response::builder().status(403).body(Full::from(status.to_string()).boxed_unsync()).unwrap())
            }
        });
        kube::Client::new(service, "default")
    }
}

pub(crate) struct Cluster {
    pub(crate) server: ApiServer,
    pub(crate) api: Raw,
    /// Of what housekeeping asks; nothing at first.
    pub(crate) refusal: Refusal,
    _keeper: tokio_util::task::AbortOnDropHandle<()>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(Arc::new(TestClock::start()), |_| None).await
    }

    /// With a clock for housekeeping, and perhaps another source of events.
    pub(crate) async fn start_with(
        keepers_clock: Arc<dyn Clock>,
        events: impl FnOnce(Api) -> Option<Box<dyn Events>>,
    ) -> Self {
        let server = test_apiserver::start().await;
        let api = Api::new(test_apiserver::client_of(&server), "test");
        let refusal = Refusal::default();
        let options = Options { ca: Some("the CA".to_owned()), clock: keepers_clock, events: events(api.clone()) };
        let keepers = Api::new(refusal.client(&server), "test");
        let keeper = tokio::spawn(Housekeeper::new(&keepers, options).run());
        Self { refusal, api: api.raw(), server, _keeper: tokio_util::task::AbortOnDropHandle::new(keeper) }
    }

    pub(crate) async fn create(&self, collection: &str, object: Value) -> Value {
        self.api.create(collection, &object).await.unwrap()
    }

    /// A ConfigMap in `default`, owned by these.
    pub(crate) async fn map(&self, name: &str, owners: &[&Value]) -> Value {
        let owners: Vec<Value> = owners.iter().map(|owner| own(owner)).collect();
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": owners}});
        self.create("/api/v1/namespaces/default/configmaps", object).await
    }

    pub(crate) async fn delete(&self, path: &str, policy: &str) {
        self.api.delete(path, &json!({"propagationPolicy": policy})).await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        self.api.get(path).await.unwrap()
    }

    /// Waits until an object is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
        let mut last = None;
        let wait = async {
            loop {
                last = self.get(path).await;
                if wanted(last.as_ref()) {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(DEADLINE, wait).await.is_ok(), "{path} is never as wanted; last: {last:#?}");
        last
    }

    pub(crate) async fn until_gone(&self, path: &str) {
        self.until(path, |object| object.is_none()).await;
    }

    /// Waits until nothing has been written for a minute and more.
    pub(crate) async fn until_settled(&self) {
        let writes = || self.server.counters().mutations();
        for _ in 0..50 {
            let before = writes();
            sleep(Duration::from_secs(61)).await;
            if before == writes() {
                return;
            }
        }
        panic!("it never settles: {:?}", self.server.counters().mutations_by_client());
    }
}

/// An owner reference that blocks.
pub(crate) fn own(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true,
    })
}

pub(crate) fn path(name: &str) -> String {
    format!("/api/v1/namespaces/default/configmaps/{name}")
}
