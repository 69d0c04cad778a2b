//! A panic, wherever it happens, costs one look or one watch, and never garbage collection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use client::{Event, Resource, Served};
use housekeeping::events::Sink;
use housekeeping::graph::Item;
use housekeeping::{Events, Watches};
use model::{Clock, Timestamp};
use serde_json::json;
use test_apiserver::TestClock;

use crate::support::{Cluster, path};

/// Panics so many times.
struct Faulty(AtomicU32);

impl Faulty {
    fn times(times: u32) -> Self {
        Self(AtomicU32::new(times))
    }

    fn pass(&self) {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "a bug");
    }
}

/// The decision about a namespace asks it.
struct FaultyClock(Faulty, TestClock);

impl Clock for FaultyClock {
    fn now(&self) -> Timestamp {
        self.0.pass();
        self.1.now()
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_look_costs_that_look() {
    let clock = Arc::new(FaultyClock(Faulty::times(3), TestClock::start()));
    let cluster = Cluster::start_with(clock.clone(), |_| None).await;
    let spaces = "/api/v1/namespaces";
    cluster.create(spaces, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})).await;
    cluster.delete(&format!("{spaces}/shop"), "Background").await;
    let root = cluster.map("root", &[]).await;
    cluster.map("child", &[&root]).await;
    cluster.delete(&path("root"), "Background").await;
    cluster.until_gone(&path("child")).await;
    cluster.until_gone(&format!("{spaces}/shop")).await;
    assert_eq!(clock.0.0.load(Ordering::SeqCst), 0, "it did panic");
}

/// A stream of events that panics when it begins, and whose events make the receiver panic.
struct FaultyEvents {
    watches: Watches,
    run: Faulty,
    event: Arc<Faulty>,
}

struct FaultySink(Arc<dyn Sink>, Arc<Faulty>);

impl Sink for FaultySink {
    fn discovered(&self, served: Arc<Served>) {
        self.0.discovered(served);
    }

    fn event(&self, resource: &Arc<Resource>, event: Event<Item>) {
        if resource.plural == "configmaps" {
            self.1.pass();
        }
        self.0.event(resource, event);
    }
}

impl Events for FaultyEvents {
    fn run(&self, sink: Arc<dyn Sink>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.run.pass();
            self.watches.run(Arc::new(FaultySink(sink, self.event.clone()))).await;
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_stream_or_of_a_watch_begins_it_again() {
    let event = Arc::new(Faulty::times(2));
    let count = event.clone();
    let cluster = Cluster::start_with(Arc::new(TestClock::start()), |api| {
        let watches = Watches::new(api);
        Some(Box::new(FaultyEvents { watches, run: Faulty::times(2), event }))
    })
    .await;
    let root = cluster.map("root", &[]).await;
    cluster.map("child", &[&root]).await;
    cluster.delete(&path("root"), "Background").await;
    cluster.until_gone(&path("child")).await;
    assert_eq!(count.0.load(Ordering::SeqCst), 0, "it did panic");
    cluster.until_settled().await;
}
