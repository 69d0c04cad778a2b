//! A work queue of keys: each key at most once, never twice at the same time, with delays and back-off.
//!
//! Adding a key says that something about it may have changed, never what: a reconcile reads the world again.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// First delay after a failure; doubles up to [`RETRY_MAX`]. 250 ms lets a lost race or a restarting server pass.
pub const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest delay after repeated failures: a minute is the longest that a user should wait for a repaired cause.
pub const RETRY_MAX: Duration = Duration::from_secs(60);

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

#[derive(Debug, Default)]
struct Slot {
    /// When it is due; `None` while it is only remembered for its failures or runs.
    due: Option<Instant>,
    running: bool,
    failures: u32,
}

#[derive(Debug)]
struct Slots<K> {
    by_key: BTreeMap<K, Slot>,
    /// Keys that are due some time and do not run, in the order in which they are taken.
    order: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Clone> Slots<K> {
    /// Makes a key due at a time, or leaves it due earlier.
    fn schedule(&mut self, key: K, at: Instant) {
        let slot = self.by_key.entry(key.clone()).or_default();
        if slot.due.is_some_and(|due| due <= at) {
            return;
        }
        let before = slot.due.replace(at);
        if !slot.running {
            if let Some(before) = before {
                self.order.remove(&(before, key.clone()));
            }
            self.order.insert((at, key));
        }
    }

    fn take(&mut self, now: Instant) -> Result<K, Option<Instant>> {
        match self.order.first() {
            Some((due, _)) if *due > now => return Err(Some(*due)),
            None => return Err(None),
            Some(_) => {}
        }
        let Some((_, key)) = self.order.pop_first() else { return Err(None) };
        let slot = self.by_key.entry(key.clone()).or_default();
        slot.due = None;
        slot.running = true;
        Ok(key)
    }

    fn finish(&mut self, key: K, next: Next, now: Instant) {
        let Some(slot) = self.by_key.get_mut(&key) else { return };
        slot.running = false;
        let delay = match next {
            Next::Wait => None,
            Next::After(delay) => Some(delay),
            Next::Retry => Some(backoff(slot.failures)),
        };
        slot.failures = if next == Next::Retry { slot.failures.saturating_add(1) } else { 0 };
        // Added while it ran, it is due by then, or earlier by itself.
        let wanted = slot.due.take().into_iter().chain(delay.map(|delay| now + delay)).min();
        match wanted {
            Some(at) => self.schedule(key, at),
            None => drop(self.by_key.remove(&key)),
        }
    }
}

/// A queue of keys. Cheap to clone.
#[derive(Debug)]
pub struct Queue<K> {
    slots: Arc<Mutex<Slots<K>>>,
    changed: Arc<Notify>,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), changed: self.changed.clone() }
    }
}

impl<K: Ord + Clone + Send + 'static> Default for Queue<K> {
    fn default() -> Self {
        let slots = Slots { by_key: BTreeMap::new(), order: BTreeSet::new() };
        Self { slots: Arc::new(Mutex::new(slots)), changed: Arc::default() }
    }
}

impl<K: Ord + Clone + Send + 'static> Queue<K> {
    /// Makes an empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    fn slots(&self) -> MutexGuard<'_, Slots<K>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key, to be looked at now.
    pub fn add(&self, key: K) {
        self.add_after(key, Duration::ZERO);
    }

    /// Adds a key, to be looked at after a delay, or earlier if it is already due earlier.
    pub fn add_after(&self, key: K, delay: Duration) {
        self.slots().schedule(key, Instant::now() + delay);
        self.changed.notify_one();
    }

    /// How many keys wait.
    pub fn len(&self) -> usize {
        self.slots().by_key.values().filter(|s| s.due.is_some()).count()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs reconciles until shutdown, at most `parallel` at once, never two for one key. What runs at shutdown is
    /// finished first. A reconcile that panics is retried like one that failed, and stops nobody else.
    pub async fn run<F, Fut>(&self, parallel: usize, shutdown: CancellationToken, reconcile: F)
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = Next>,
    {
        let mut running = FuturesUnordered::new();
        loop {
            let mut wake_at = None;
            while running.len() < parallel && !shutdown.is_cancelled() {
                let taken = self.slots().take(Instant::now());
                match taken {
                    Ok(key) => running.push(guarded(key, &reconcile)),
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
                Some((key, next)) = running.next(), if !running.is_empty() => {
                    self.slots().finish(key, next, Instant::now());
                }
                () = self.changed.notified() => {}
                () = timer => {}
                () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
            }
        }
    }
}

/// Runs one reconcile. What it shares with others is behind locks that outlive a panic.
async fn guarded<K: Clone, Fut: Future<Output = Next>>(key: K, reconcile: &impl Fn(K) -> Fut) -> (K, Next) {
    let work = AssertUnwindSafe(async { reconcile(key.clone()).await }).catch_unwind();
    let next = work.await.unwrap_or_else(|_| {
        tracing::error!("a reconcile panicked, and is tried again; this is a bug: please report it");
        Next::Retry
    });
    (key, next)
}

/// Delay after a number of earlier failures in a row.
pub fn backoff(failures: u32) -> Duration {
    RETRY_FIRST.saturating_mul(1 << failures.min(16)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests;
