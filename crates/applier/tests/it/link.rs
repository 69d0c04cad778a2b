//! A member that is away, and comes back; and an applier that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::delivery::UnitPhase;
use applier::{Applier, Ctx, Limits, PushFeed};
use client::{Api, Metrics};
use http::{Method, Request};
use kube::client::Body;
use plan::authenticator::HubKey;
use plan::departure::says_what_is_there;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

use crate::fault::Act;
use crate::world::{Blow, World, config_map, config_map_path};

/// Time stands still but for pauses, so this takes no time: it is about which pause ends when.
#[tokio::test(start_paused = true)]
async fn a_member_that_is_seen_to_answer_again_is_asked_at_once() {
    let attempts = Arc::new(AtomicU64::new(0));
    let (count, seen) = (Arc::clone(&attempts), watch::Sender::new(0_u64));
    let (tried, mut trying) = watch::channel(0);
    let away = tower::service_fn(move |_: Request<Body>| {
        tried.send_replace(count.fetch_add(1, Ordering::SeqCst) + 1);
        async { Err::<http::Response<Body>, BoxError>("connection refused".into()) }
    });
    let (push, _reports) = PushFeed::new(hub(), HubKey::from_random([1; 32]));
    let ctx = Ctx { cluster: Some("a".to_owned()), back: seen.subscribe(), ..ctx(&push) };
    let run = Applier::run(push.member(&member()), Api::new(kube::Client::new(away, "default"), "test"), ctx);
    // One for each member of a hub: a thousand of them are 2 MB while nothing happens. What it takes to connect is not in it.
    assert!(size_of_val(&run) < 2_048, "{}", size_of_val(&run));
    let applier = tokio::spawn(async move { match run.await {} });
    // Long enough for the pause to have reached its longest.
    tokio::time::sleep(Duration::from_secs(600)).await;
    trying.mark_unchanged();
    let at = Instant::now();
    seen.send_replace(1);
    trying.changed().await.unwrap();
    assert!(at.elapsed() < Duration::from_secs(1), "it waited {:?}", at.elapsed());
    // And once only: it is away after all.
    trying.mark_unchanged();
    let at = Instant::now();
    trying.changed().await.unwrap();
    assert!(at.elapsed() >= client::Backoff::MEMBER.longest / 2, "it came back after {:?}", at.elapsed());
    applier.abort();
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_applier_is_counted_and_costs_one_connection() {
    let answers = tower::service_fn(async |request: Request<Body>| {
        let (status, body) = match request.uri().path() {
            "/api/v1/namespaces/kube-system" => {
                let metadata = json!({"name": "kube-system", "uid": "a"});
                (200, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
            }
            _ => (500, json!({})),
        };
        let body = Body::from(body.to_string().into_bytes());
        Ok::<_, BoxError>(http::Response::builder().status(status).body(body).unwrap())
    });
    let (push, _reports) = PushFeed::new(hub(), HubKey::from_random([1; 32]));
    let mut registry = Registry::default();
    let (keys, mut asked) = watch::channel(0_u32);
    let key_of = push.key_of();
    let panics = Arc::new(move |cluster: &str| {
        keys.send_modify(|times| *times += 1);
        assert!(*keys.borrow() > 2, "a bug, twice");
        key_of(cluster)
    });
    let ctx = Ctx { key_of: panics, metrics: Metrics::registered(&mut registry), ..ctx(&push) };
    let api = Api::new(kube::Client::new(answers, "default"), "test");
    let applier = tokio::spawn(async move { match Applier::run(push.member(&member()), api, ctx).await {} });
    asked.wait_for(|times| *times == 3).await.unwrap();
    let mut scrape = String::new();
    text::encode(&mut scrape, &registry).unwrap();
    assert!(scrape.contains(r#"kurator_reconcile_panics_total{controller="applier"} 2"#), "{scrape}");
    applier.abort();
}

/// Time goes on only when every task waits: an applier that is busy with nothing would stop it for ever.
#[tokio::test(start_paused = true)]
async fn an_applier_rests_while_all_its_passes_wait_for_answers_and_one_more_unit_is_due() {
    let mut world = World::new().await;
    world.faults.add(Method::PATCH, &config_map_path("refused"), usize::MAX, Act::Refuse(422));
    let refused = world.set("refused", 1, vec![config_map("refused", "1")]);
    world.until(&refused, "failed", |r| r.phase == UnitPhase::Failed).await;
    let names: Vec<String> = (0..world.limits.units_in_flight).map(|index| format!("hangs{index}")).collect();
    let mut hanging = Vec::new();
    for name in &names {
        world.faults.add(Method::PATCH, &config_map_path(name), usize::MAX, Act::Hang);
        hanging.push(world.stage(name, 1, vec![config_map(name, "1")], |_| {}));
    }
    world.publish();
    for unit in &hanging {
        world.until(unit, "without an answer", |r| r.message.contains("did not answer")).await;
    }
    world.faults.clear();
    for unit in hanging.iter().chain([&refused]) {
        world.applied(unit).await;
    }
}

/// A list of what would be deleted is made of the last report, as long as that names all that the unit has.
#[tokio::test(start_paused = true)]
async fn a_member_that_is_lost_during_a_pass_may_have_more_than_its_last_report_says() {
    for conflicts in [false, true] {
        let mut world = World::new().await;
        let other = world.set("a", 1, vec![config_map("theirs", "1")]);
        world.applied(&other).await;
        let mut objects = vec![config_map("old", "1")];
        // Nothing but a row: another unit has the object.
        objects.extend(conflicts.then(|| config_map("theirs", "2")));
        let unit = world.set("b", 1, objects.clone());
        let rows = objects.len();
        let report = world.until(&unit, "applied", |r| r.objects.applied == 1 && r.details.len() == rows).await;
        assert!(says_what_is_there(&report));
        // The inventory is written, and then the object.
        world.fuse.set(1, Blow::After);
        objects.push(config_map("new", "1"));
        world.set("b", 2, objects.clone());
        let report = world.until(&unit, "lost", |r| r.phase == UnitPhase::Unknown).await;
        assert!(world.config_map("new").await.is_some());
        assert_eq!(report.details.len(), rows, "nobody has seen more of it");
        assert!(!says_what_is_there(&report), "{report:#?}");
        // One that is lost while nothing is written says what it has.
        let report = world.until(&other, "lost too", |r| r.phase == UnitPhase::Unknown).await;
        assert!(says_what_is_there(&report));
    }
}

fn hub() -> api::delivery::HubId {
    "hub".parse().unwrap()
}

fn member() -> model::MemberName {
    "beijing".parse().unwrap()
}

fn ctx(push: &PushFeed) -> Ctx {
    Ctx {
        member: member(),
        hub: hub(),
        key_of: push.key_of(),
        shared: push.shared(),
        cluster: None,
        take_over: None,
        rights: plan::rights::Rights::default(),
        clock: Arc::new(Still),
        jitter: Arc::new(|| 0.0),
        limits: Limits::default(),
        metrics: Metrics::default(),
        back: watch::channel(0).1,
        look: tokio::sync::watch::channel(0).1,
        recollect: Arc::new(|_| None),
    }
}

struct Still;

impl model::Clock for Still {
    fn now(&self) -> model::Timestamp {
        model::Timestamp::UNIX_EPOCH
    }
}
