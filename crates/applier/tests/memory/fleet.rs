//! A hub that feeds many members which do nothing but answer. The test beside it and the example `cost` measure it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::delivery::{HubId, Removal, UnitId, UnitPhase};
use api::feed::{Snapshot, UnitEntry, UnitReport};
use applier::{Applier, Ctx, Limits, PushFeed};
use http::{Method, Request, Response};
use kube::client::Body;
use model::{Clock, MemberName, Timestamp};
use plan::authenticator::HubKey;
use plan::prepare::Bundle;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::BoxError;

/// Longest time of one delivery: a thousand objects in twenty members take a minute in a debug build.
const DELIVERED_WITHIN: Duration = Duration::from_secs(600);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// What a member keeps. Members that are given the same may share it.
#[derive(Clone, Default)]
pub(crate) struct Stored {
    /// By path.
    pub(crate) objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// Whether objects are kept whole, so that lists have them. Else only that there is one is kept: what is measured
    /// must not be the member.
    pub(crate) is_whole: bool,
}

impl Stored {
    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let mut stored = self.objects.lock().unwrap();
        let listed = |kind: &str, part: &str| {
            let items = stored.iter().filter(|(path, _)| self.is_whole && path.contains(part));
            let items: Vec<&Value> = items.map(|(_, object)| object).collect();
            (200, json!({"apiVersion": "v1", "kind": kind, "items": items, "metadata": {"resourceVersion": "9"}}))
        };
        match *method {
            Method::GET if path == "/api/v1" => (
                200,
                json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "configmaps",
                    "kind": "ConfigMap", "namespaced": true, "verbs": ["get", "list", "watch", "patch"]}]}),
            ),
            Method::GET if path.ends_with("/configmaps") => listed("ConfigMapList", "/configmaps/"),
            Method::GET if path.ends_with("/secrets") => listed("SecretList", "/secrets/"),
            Method::GET => stored.get(path).map_or_else(|| (404, missing(path)), |object| (200, object.clone())),
            Method::POST | Method::PUT | Method::PATCH => {
                let mut object: Value = serde_json::from_slice(body).unwrap();
                let name = model::object::name(&object).unwrap_or_default().to_owned();
                let place = if *method == Method::POST { format!("{path}/{name}") } else { path.to_owned() };
                let number = name.trim_start_matches('c');
                object["metadata"]["uid"] = json!(format!("b1946ac9-2492-4d23-87d6-{number:0>12}"));
                object["metadata"]["resourceVersion"] = json!("2");
                object["metadata"]["managedFields"] = json!([{"manager": "kurator", "operation": "Apply", "fieldsV1":
                    {"f:data": {"f:a": {}}, "f:metadata": {"f:annotations": {"f:kurator.dev/applied": {}}}}}]);
                let before = match () {
                    () if self.is_whole => stored.insert(place, object.clone()),
                    () if *method == Method::PATCH => stored.insert(place, json!({})),
                    () => None,
                };
                (if before.is_none() { 201 } else { 200 }, object)
            }
            _ => (405, json!({"code": 405})),
        }
    }

    /// A member that keeps its objects here. Its watches never say anything.
    pub(crate) fn member(&self) -> client::Api {
        let stored = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let stored = stored.clone();
            async move {
                let (parts, body) = request.into_parts();
                if parts.uri.query().is_some_and(|query| query.contains("watch=true")) {
                    return std::future::pending().await;
                }
                let body = body.collect_bytes().await?;
                let (code, answer) = stored.answer(&parts.method, parts.uri.path(), &body);
                let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
                answer.map_err(BoxError::from)
            }
        });
        client::Api::new(kube::Client::new(service, "default"), "test")
    }
}

/// A ConfigMap with one value.
pub(crate) fn config_map(index: usize, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{index:04}"), "namespace": "shop"},
        "data": {"a": value}})
}

/// A hub with one unit in all its members, and their appliers.
pub(crate) struct Hub {
    id: HubId,
    unit: UnitId,
    push: Arc<PushFeed>,
    pub(crate) members: Vec<MemberName>,
    tasks: JoinSet<()>,
}

impl Hub {
    /// A hub of so many members, each of which is made by `api`.
    pub(crate) fn start(members: usize, limits: Limits, api: impl Fn() -> client::Api) -> Self {
        let id = HubId::from_random([1; 10]);
        let (push, mut reports) = PushFeed::new(id.clone(), HubKey::from_random([1; 32]));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { while reports.recv().await.is_some() {} });
        let members: Vec<MemberName> = (0..members).map(|i| format!("m{i}").parse().unwrap()).collect();
        for member in &members {
            let ctx = Ctx {
                member: member.clone(),
                hub: id.clone(),
                key_of: push.key_of(),
                shared: push.shared(),
                cluster: None,
                take_over: None,
                rights: plan::rights::Rights::default(),
                clock: Arc::new(Still),
                jitter: Arc::new(|| 0.5),
                limits,
                metrics: client::Metrics::default(),
                back: tokio::sync::watch::channel(0).1,
                look: tokio::sync::watch::channel(0).1,
                recollect: Arc::new(|_| None),
            };
            let (feed, api) = (push.member(member), api());
            tasks.spawn(async move { match Applier::run(feed, api, ctx).await {} });
        }
        let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"));
        Self { id, unit, push, members, tasks }
    }

    /// What all members share.
    pub(crate) fn prepare(&self, objects: Vec<Value>) -> Arc<Bundle> {
        let (payload, _) = plan::phase::plan(objects);
        self.push.bundle(&self.unit.short(&self.id), payload.digest(), &payload)
    }

    /// Delivers the objects, and waits until all members have them.
    pub(crate) async fn deliver(&self, epoch: u64, bundle: Arc<Bundle>) {
        for member in &self.members {
            let entry = UnitEntry {
                unit: self.unit.clone(),
                short: self.unit.short(&self.id),
                revision: format!("r{epoch}"),
                epoch,
                placed: None,
                known_since: None,
                given_back: None,
                payload: bundle.digest,
                prune: true,
                suspend: false,
                force: false,
                overwrite: false,
                approved: None,
                approved_shown: None,
                claimed: None,
                frozen: None,
                removal: Removal::None,
                shown: None,
                unapproved: false,
            };
            let snapshot = Snapshot::new(member.clone(), self.id.clone(), vec![entry]);
            self.push.set(snapshot, [(self.unit.clone(), Arc::clone(&bundle))]);
        }
        let has_it = |r: &&Arc<UnitReport>| r.epoch == epoch && r.phase == UnitPhase::Applied;
        let have_it = || self.push.reports_of(&self.unit).iter().filter(has_it).count() == self.members.len();
        let all = async {
            while !have_it() {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        };
        tokio::time::timeout(DELIVERED_WITHIN, all).await.expect("a delivery ends");
    }

    /// Ends it. Tasks that its tasks began end a moment after them.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
        drop(self);
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }
}

/// What Kubernetes says of a path at which nothing is.
fn missing(path: &str) -> Value {
    let details = match path.rsplit('/').next() {
        Some(name) if path.contains("/namespaces/") => json!({"name": name}),
        _ => json!({}),
    };
    let message = "the server could not find the requested resource";
    json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": message, "details": details})
}
