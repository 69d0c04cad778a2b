//! What one changed object of a unit costs the applier, and what an object in a member keeps in memory.
//!
//! `cargo run --example cost -p kurator-applier`. The member is a map in this process that answers requests and never
//! watches; its own work per request does not depend on the unit's size. Prints CPU time of the whole process, from
//! `/proc/self`, so it runs on Linux.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::delivery::{HubId, Removal, UnitId, UnitPhase};
use api::feed::{Snapshot, UnitEntry};
use applier::{Applier, Ctx, Limits, PushFeed};
use http::{Method, Request, Response};
use kube::client::Body;
use model::{Clock, MemberName, Timestamp};
use plan::authenticator::HubKey;
use plan::prepare::Bundle;
use serde_json::{Value, json};
use tower::BoxError;

/// Commits that are measured, each changing one object.
const COMMITS: u64 = 100;
/// Units whose cost is compared.
const SIZES: [usize; 3] = [10, 100, 1_000];
/// Members whose memory is measured, with this many objects each.
const MEMBERS: usize = 100;
const OBJECTS: usize = 100;
/// `/proc/self/stat` counts hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

#[derive(Default)]
struct Member(Mutex<HashMap<String, Value>>);

impl Member {
    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let mut objects = self.0.lock().unwrap();
        let parse = || serde_json::from_slice::<Value>(body).unwrap_or_default();
        match *method {
            Method::GET if path == "/api/v1" => (
                200,
                json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": "configmaps", "kind": "ConfigMap", "namespaced": true, "verbs": ["get", "list", "watch", "patch"]}]}),
            ),
            Method::GET if path.ends_with("/configmaps") || path.ends_with("/secrets") => {
                (200, json!({"kind": "List", "items": [], "metadata": {"resourceVersion": "1"}}))
            }
            Method::GET => objects.get(path).map_or((404, json!({"code": 404})), |object| (200, object.clone())),
            Method::POST | Method::PUT => {
                let mut object = parse();
                object["metadata"]["uid"] = json!("u");
                object["metadata"]["resourceVersion"] = json!("1");
                (201, object)
            }
            Method::PATCH => {
                let mut object = parse();
                let created = !objects.contains_key(path);
                object["metadata"]["uid"] = json!("b1946ac9-2492-4d23-87d6-21a7c0ea7d22");
                object["metadata"]["resourceVersion"] = json!("2");
                object["metadata"]["managedFields"] = json!([{"manager": "kurator", "operation": "Apply", "fieldsV1":
                    {"f:data": {"f:a": {}}, "f:metadata": {"f:annotations": {"f:kurator.dev/applied": {}}}}}]);
                objects.insert(path.to_owned(), json!({}));
                (if created { 201 } else { 200 }, object)
            }
            _ => (405, json!({"code": 405})),
        }
    }
}

fn api() -> client::Api {
    let member = Arc::new(Member::default());
    let service = tower::service_fn(move |request: Request<Body>| {
        let member = Arc::clone(&member);
        async move {
            let (parts, body) = request.into_parts();
            if parts.uri.query().is_some_and(|query| query.contains("watch=true")) {
                return std::future::pending().await;
            }
            let body = body.collect_bytes().await?;
            let (code, answer) = member.answer(&parts.method, parts.uri.path(), &body);
            let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            answer.map_err(BoxError::from)
        }
    });
    client::Api::new(kube::Client::new(service, "default"), "example")
}

fn config_map(index: usize, value: u64) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{index:04}"), "namespace": "shop"},
        "data": {"a": format!("{value:0>1800}")}})
}

fn patient() -> Limits {
    let limits = Limits::default();
    Limits { api: client::Limits { request: Duration::from_secs(3_600), ..limits.api }, ..limits }
}

struct Hub {
    id: HubId,
    unit: UnitId,
    push: Arc<PushFeed>,
    members: Vec<MemberName>,
}

impl Hub {
    fn start(members: usize) -> Self {
        let id = HubId::from_random([1; 10]);
        let (push, mut reports) = PushFeed::new(id.clone(), HubKey::from_random([1; 32]));
        tokio::spawn(async move { while reports.recv().await.is_some() {} });
        let members: Vec<MemberName> = (0..members).map(|i| format!("m{i}").parse().unwrap()).collect();
        for member in &members {
            let ctx = Ctx {
                member: member.clone(),
                hub: id.clone(),
                key_of: push.key_of(),
                shared: push.shared(),
                cluster: None,
                clock: Arc::new(Still),
                jitter: Arc::new(|| 0.5),
                // A watch that does not answer is left alone for as long as this runs.
                limits: patient(),
                metrics: client::Metrics::default(),
                back: tokio::sync::watch::channel(0).1,
            };
            let feed = push.member(member);
            tokio::spawn(async move { match Applier::run(feed, api(), ctx).await {} });
        }
        let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"));
        Self { id, unit, push, members }
    }

    /// What all members share.
    fn prepare(&self, objects: Vec<Value>) -> Arc<Bundle> {
        let (payload, _) = plan::phase::plan(objects);
        self.push.bundle(&self.unit.short(&self.id), payload.digest(), &payload)
    }

    /// Delivers the objects, and waits until all members have them.
    async fn deliver(&self, epoch: u64, bundle: Arc<Bundle>) {
        let short = self.unit.short(&self.id);
        for member in &self.members {
            let entry = UnitEntry {
                unit: self.unit.clone(),
                short: short.clone(),
                revision: format!("r{epoch}"),
                epoch,
                placed: None,
                payload: bundle.digest,
                prune: true,
                suspend: false,
                force: false,
                approved: None,
                frozen: None,
                removal: Removal::None,
            };
            let snapshot = Snapshot::new(member.clone(), self.id.clone(), vec![entry]);
            self.push.set(snapshot, [(self.unit.clone(), Arc::clone(&bundle))]);
        }
        loop {
            let done = self.push.reports_of(&self.unit);
            let done = done.iter().filter(|r| r.epoch == epoch && r.phase == UnitPhase::Applied).count();
            if done == self.members.len() {
                return;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    TICK * (fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap())
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // First, while no memory that was freed can be used again.
    let before = resident();
    let hub = Hub::start(MEMBERS);
    hub.deliver(1, hub.prepare((0..OBJECTS).map(|i| config_map(i, 0)).collect())).await;
    println!(
        "{MEMBERS} members with {OBJECTS} objects each: {} bytes per object and member",
        (resident() - before) / MEMBERS / OBJECTS
    );
    drop(hub);
    for size in SIZES {
        // Several members, so that what they share does not count.
        let hub = Hub::start(20);
        let mut objects: Vec<Value> = (0..size).map(|i| config_map(i, 0)).collect();
        hub.deliver(1, hub.prepare(objects.clone())).await;
        let mut spent = Duration::ZERO;
        for commit in 0..COMMITS {
            objects[3] = config_map(3, commit + 1);
            let (bundle, before) = (hub.prepare(objects.clone()), cpu());
            hub.deliver(commit + 2, bundle).await;
            spent += cpu() - before;
        }
        let each = spent / u32::try_from(COMMITS).unwrap() / u32::try_from(hub.members.len()).unwrap();
        println!("one changed object of {size}: {each:?} of CPU per member");
    }
}
