//! A work queue of keys: each key at most once, never twice at the same time, with delays and back-off.
//!
//! Adding a key says that something about it may have changed, never what: a reconcile reads the world again. So the
//! length of a queue is bounded by the number of objects, and nothing is ever dropped.

mod slots;

use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::contain::contained;
use crate::metrics::{Depth, Measured, Metrics, Outcome};
use crate::retry::{Backoff, Jitter, later, steady};
use slots::Slots;

/// Pauses after failures. 250 ms let a lost race or a restarting server pass; a minute is the longest that a user should
/// wait for a repaired cause.
pub const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(60));

/// What a reconcile wants to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until something changes.
    Wait,
    /// Look again after this time, even if nothing changes.
    After(Duration),
    /// It failed: look again with back-off.
    Retry,
}

impl Next {
    /// Also looks again after this time, if it would otherwise be later.
    pub fn or_after(self, time: Option<Duration>) -> Self {
        match (self, time) {
            (Self::Wait, Some(time)) => Self::After(time),
            (Self::After(other), Some(time)) => Self::After(other.min(time)),
            (next, _) => next,
        }
    }
}

/// Says in the span of the reconcile that runs here which generation of its object it looks at. Lines that are logged in it
/// say so too.
pub fn note_generation(generation: Option<i64>) {
    if let Some(generation) = generation {
        tracing::Span::current().record("generation", generation);
    }
}

/// What a key must be: ordered, and readable in logs.
pub trait Key: Ord + Clone + Debug + Display + Send + 'static {}

impl<K: Ord + Clone + Debug + Display + Send + 'static> Key for K {}

struct Shared<K> {
    slots: Mutex<Slots<K>>,
    changed: Notify,
    name: &'static str,
    backoff: Backoff,
    jitter: Jitter,
    metrics: Metrics,
}

impl<K: Key> Shared<K> {
    fn slots(&self) -> MutexGuard<'_, Slots<K>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Key> Measured for Shared<K> {
    fn depth(&self) -> Depth {
        self.slots().depth(Instant::now())
    }
}

/// A queue of keys. Cheap to clone; clones are the same queue.
pub struct Queue<K> {
    shared: Arc<Shared<K>>,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<K> Debug for Queue<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl<K: Key> Queue<K> {
    /// Makes an empty queue for a controller of this name, whose counters nobody reads.
    pub fn new(name: &'static str) -> Self {
        Self::with(name, BACKOFF, steady(), &Metrics::default())
    }

    /// Makes an empty queue for a controller of this name.
    pub fn with(name: &'static str, backoff: Backoff, jitter: Jitter, metrics: &Metrics) -> Self {
        let (slots, changed, metrics) = (Mutex::new(Slots::default()), Notify::new(), metrics.clone());
        let shared = Arc::new(Shared { slots, changed, name, backoff, jitter, metrics });
        let measured: Arc<dyn Measured> = shared.clone();
        shared.metrics.measure(name, Arc::downgrade(&measured));
        Self { shared }
    }

    /// Adds a key, to be looked at now.
    pub fn add(&self, key: K) {
        self.add_after(key, Duration::ZERO);
    }

    /// Adds a key, to be looked at after a delay, or earlier if it is already due earlier.
    pub fn add_after(&self, key: K, delay: Duration) {
        self.shared.metrics.added(self.shared.name);
        self.shared.slots().schedule(key, later(Instant::now(), delay));
        self.shared.changed.notify_one();
    }

    /// How full it is.
    pub fn depth(&self) -> Depth {
        self.shared.depth()
    }

    /// How many keys wait, now or for later.
    pub fn len(&self) -> usize {
        self.shared.slots().len()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs reconciles until shutdown, at most `parallel` at once, never two for one key. What runs at shutdown is
    /// finished first. A reconcile that panics is retried like one that failed, and stops nobody else.
    pub async fn run<F, Fut>(&self, parallel: usize, shutdown: CancellationToken, reconcile: F)
    where
        F: Fn(K) -> Fut + Sync,
        Fut: Future<Output = Next> + Send,
    {
        // Boxed, so that what follows is compiled once for each type of key.
        self.run_boxed(parallel, shutdown, &|key| reconcile(key).boxed()).await;
    }

    async fn run_boxed<'f>(
        &self,
        parallel: usize,
        shutdown: CancellationToken,
        reconcile: &(dyn Fn(K) -> BoxFuture<'f, Next> + Sync),
    ) {
        let mut running = FuturesUnordered::new();
        loop {
            let mut wake_at = None;
            while running.len() < parallel && !shutdown.is_cancelled() {
                let next = self.shared.slots().next_due(Instant::now());
                match next {
                    Ok(key) => running.push(self.one(key, reconcile)),
                    Err(at) => {
                        wake_at = at;
                        break;
                    }
                }
            }
            if shutdown.is_cancelled() && running.is_empty() {
                return;
            }
            let timer = async {
                match wake_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((key, next)) = running.next(), if !running.is_empty() => self.finish(key, next),
                () = self.shared.changed.notified() => {}
                () = timer => {}
                () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
            }
        }
    }

    /// Runs one reconcile, counted and in a span of its own, which has the same name and fields for every queue. What it shares with others is behind locks that outlive a
    /// panic.
    async fn one<'f>(&self, key: K, reconcile: &(dyn Fn(K) -> BoxFuture<'f, Next> + Sync)) -> (K, Next) {
        let Shared { name, metrics, .. } = &*self.shared;
        let span =
            tracing::info_span!("reconcile", controller = *name, object = %key, generation = tracing::field::Empty);
        let began = Instant::now();
        let work = contained(async { reconcile(key.clone()).await }).instrument(span.clone()).await;
        let (next, outcome) = match work {
            Ok(next @ Next::Wait) => (next, Outcome::Done),
            Ok(next @ Next::After(_)) => (next, Outcome::After),
            Ok(next @ Next::Retry) => (next, Outcome::Retry),
            Err(panic) => {
                let _entered = span.enter();
                tracing::error!(panic, "a reconcile panicked, and is tried again; this is a bug: please report it");
                (Next::Retry, Outcome::Panic)
            }
        };
        metrics.reconciled(name, outcome, began.elapsed());
        (key, next)
    }

    fn finish(&self, key: K, next: Next) {
        let Shared { backoff, jitter, .. } = &*self.shared;
        let jitter = if next == Next::Retry { jitter() } else { 0.0 };
        self.shared.slots().finish(key, next, Instant::now(), |failures| backoff.pause(failures, jitter));
    }
}

#[cfg(test)]
mod tests;
