//! What an object costs the hub in each member. A binary of its own: its allocator counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::delivery::{HubId, Removal, UnitId, UnitPhase};
use api::feed::{Snapshot, UnitEntry};
use applier::{Applier, Ctx, Limits, PushFeed};
use cap::Cap;
use http::{Method, Request, Response};
use kube::client::Body;
use model::{Clock, MemberName, Timestamp};
use plan::authenticator::HubKey;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::BoxError;

#[global_allocator]
static COUNTED: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// Bytes that one more object may cost in one more member. It needs an entry in the inventory (57 bytes), an observation
/// (82), what was accepted (22), a stake (60) and a row of the report (28); tables grow by doubling, so a half more.
const OBJECT_BYTES_MAX: usize = 400;

/// Members whose memory is compared, so that what they share does not count.
const MEMBERS: [usize; 2] = [5, 30];
/// Objects whose memory is compared, so that what a member costs does not count.
const OBJECTS: [usize; 2] = [10, 110];

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// The objects of every member: all were given the same, and the test keeps them once.
type Stored = Arc<Mutex<BTreeMap<String, Value>>>;

fn answer(stored: &Stored, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
    let mut stored = stored.lock().unwrap();
    let listed = |part: &str| {
        let items: Vec<&Value> = stored.iter().filter(|(path, _)| path.contains(part)).map(|(_, o)| o).collect();
        (200, json!({"kind": "List", "items": items, "metadata": {"resourceVersion": "9"}}))
    };
    match *method {
        Method::GET if path == "/api/v1" => (
            200,
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "configmaps",
                "kind": "ConfigMap", "namespaced": true, "verbs": ["get", "list", "watch", "patch"]}]}),
        ),
        Method::GET if path.ends_with("/configmaps") => listed("/configmaps/"),
        Method::GET if path.ends_with("/secrets") => listed("/secrets/"),
        Method::GET => stored.get(path).map_or((404, json!({"code": 404})), |object| (200, object.clone())),
        Method::POST | Method::PUT | Method::PATCH => {
            let mut object: Value = serde_json::from_slice(body).unwrap();
            let name = model::object::name(&object).unwrap_or_default().to_owned();
            let place = if *method == Method::POST { format!("{path}/{name}") } else { path.to_owned() };
            object["metadata"]["uid"] = json!(format!("b1946ac9-2492-4d23-87d6-{:0>12}", name.trim_start_matches('c')));
            object["metadata"]["resourceVersion"] = json!("2");
            object["metadata"]["managedFields"] = json!([{"manager": "kurator", "operation": "Apply", "fieldsV1":
                {"f:data": {"f:a": {}}, "f:metadata": {"f:annotations": {"f:kurator.dev/applied": {}}}}}]);
            stored.insert(place, object.clone());
            (201, object)
        }
        _ => (405, json!({"code": 405})),
    }
}

fn client(stored: &Stored) -> kube::Client {
    let stored = Arc::clone(stored);
    let service = tower::service_fn(move |request: Request<Body>| {
        let stored = Arc::clone(&stored);
        async move {
            let (parts, body) = request.into_parts();
            if parts.uri.query().is_some_and(|query| query.contains("watch=true")) {
                return std::future::pending().await;
            }
            let body = body.collect_bytes().await?;
            let (code, answer) = answer(&stored, &parts.method, parts.uri.path(), &body);
            let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            answer.map_err(BoxError::from)
        }
    });
    kube::Client::new(service, "default")
}

/// Delivers so many objects to all members, and waits until they have them. What it returns lives as long as the hub.
async fn deliver(stored: &Stored, members: usize, objects: usize) -> (Arc<PushFeed>, JoinSet<()>) {
    let hub = HubId::from_random([1; 10]);
    let (push, mut reports) = PushFeed::new(hub.clone(), HubKey::from_random([1; 32]));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { while reports.recv().await.is_some() {} });
    let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"));
    let short = unit.short(&hub);
    let map = |index| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{index:04}"),
            "namespace": "shop"}, "data": {"a": "1"}})
    };
    let (payload, _) = plan::phase::plan((0..objects).map(map).collect());
    let bundle = push.bundle(&short, payload.digest(), &payload);
    for index in 0..members {
        let member: MemberName = format!("m{index}").parse().unwrap();
        let ctx = Ctx {
            member: member.clone(),
            hub: hub.clone(),
            key_of: push.key_of(),
            cluster: None,
            shared: push.shared(),
            clock: Arc::new(Still),
            jitter: Arc::new(|| 0.5),
            limits: Limits::default(),
            metrics: client::Metrics::default(),
            back: tokio::sync::watch::channel(0).1,
        };
        let (feed, api) = (push.member(&member), client::Api::new(client(stored), "test"));
        tasks.spawn(async move { match Applier::run(feed, api, ctx).await {} });
        let entry = UnitEntry {
            unit: unit.clone(),
            short: short.clone(),
            revision: "r1".to_owned(),
            epoch: 1,
            placed: None,
            payload: bundle.digest,
            prune: true,
            suspend: false,
            force: false,
            approved: None,
            frozen: None,
            removal: Removal::None,
        };
        push.set(Snapshot::new(member, hub.clone(), vec![entry]), [(unit.clone(), Arc::clone(&bundle))]);
    }
    let done = |push: &PushFeed| {
        let applied = |report: &&Arc<api::feed::UnitReport>| report.phase == UnitPhase::Applied;
        push.reports_of(&unit).iter().filter(applied).count() == members
    };
    let all = async {
        while !done(&push) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("a delivery takes less than a second");
    (push, tasks)
}

/// Ends a hub. Tasks that its tasks began end a moment after them.
async fn stop((push, mut tasks): (Arc<PushFeed>, JoinSet<()>)) {
    tasks.shutdown().await;
    drop(push);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// Bytes that are in use, but for what the members hold.
fn allocated_without(stored: &Stored) -> usize {
    let all = COUNTED.allocated();
    let copy = stored.lock().unwrap().clone();
    let without = all - (COUNTED.allocated() - all);
    drop(copy);
    without
}

/// Bytes that a hub holds which has delivered so many objects, and which has found them delivered.
async fn measure(members: usize, objects: usize) -> [usize; 2] {
    let stored = Stored::default();
    // What is made once for all hubs, such as tables of kinds, and what the members hold.
    stop(deliver(&stored, members, objects).await).await;
    let kept = stored.lock().unwrap().clone();
    let mut held = [0; 2];
    for (held, kept) in held.iter_mut().zip([BTreeMap::new(), kept]) {
        stored.lock().unwrap().clone_from(&kept);
        drop(kept);
        let before = allocated_without(&stored);
        let hub = deliver(&stored, members, objects).await;
        *held = allocated_without(&stored) - before;
        stop(hub).await;
    }
    held
}

#[tokio::test]
async fn an_object_costs_little_in_each_member() {
    let ([some, more], [few, many]) = (MEMBERS, OBJECTS);
    // By how much that many more members cost more.
    let (of_few, of_many) =
        ([measure(some, few).await, measure(more, few).await], [measure(some, many).await, measure(more, many).await]);
    for (index, which) in ["delivered", "found"].into_iter().enumerate() {
        let grown = |held: [[usize; 2]; 2]| held[1][index] - held[0][index];
        let each = (grown(of_many) - grown(of_few)) / (many - few) / (more - some);
        eprintln!("an object that was {which} costs {each} bytes in each member");
        assert!((1..=OBJECT_BYTES_MAX).contains(&each), "{which}: {each}");
    }
}
