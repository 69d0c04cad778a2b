//! A member that is away, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use applier::{Applier, Ctx, Limits, PushFeed};
use http::Request;
use kube::client::Body;
use plan::authenticator::HubKey;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

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
    let hub: api::delivery::HubId = "hub".parse().unwrap();
    let member: model::MemberName = "beijing".parse().unwrap();
    let (push, _reports) = PushFeed::new(hub.clone(), HubKey::from_random([1; 32]));
    let ctx = Ctx {
        member: member.clone(),
        hub,
        key_of: push.key_of(),
        cluster: Some("a".to_owned()),
        clock: Arc::new(Still),
        jitter: Arc::new(|| 0.0),
        limits: Limits::default(),
        back: seen.subscribe(),
    };
    let client = kube::Client::new(away, "default");
    let run = Applier::run(push.member(&member), client.into(), ctx);
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

struct Still;

impl model::Clock for Still {
    fn now(&self) -> model::Timestamp {
        model::Timestamp::UNIX_EPOCH
    }
}
