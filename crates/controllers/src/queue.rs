//! A work queue of keys: each key at most once, never twice at the same time, with delays and back-off.
//!
//! Adding a key says that something about it may have changed, never what: a reconcile reads the world again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
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

#[derive(Debug)]
struct Slot {
    /// When it is due; `None` while it is only remembered for its failures or runs.
    due: Option<Instant>,
    running: bool,
    failures: u32,
}

/// A queue of keys. Cheap to clone.
#[derive(Debug)]
pub struct Queue<K> {
    slots: Arc<Mutex<BTreeMap<K, Slot>>>,
    changed: Arc<Notify>,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), changed: self.changed.clone() }
    }
}

impl<K: Ord + Clone + Send + 'static> Default for Queue<K> {
    fn default() -> Self {
        Self { slots: Arc::default(), changed: Arc::default() }
    }
}

impl<K: Ord + Clone + Send + 'static> Queue<K> {
    /// Makes an empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key, to be looked at now.
    pub fn add(&self, key: K) {
        self.add_after(key, Duration::ZERO);
    }

    /// Adds a key, to be looked at after a delay, or earlier if it is already due earlier.
    pub fn add_after(&self, key: K, delay: Duration) {
        let at = Instant::now() + delay;
        {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = slots.entry(key).or_insert(Slot { due: None, running: false, failures: 0 });
            slot.due = Some(slot.due.map_or(at, |due| due.min(at)));
        }
        self.changed.notify_one();
    }

    /// How many keys wait.
    pub fn len(&self) -> usize {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.values().filter(|s| s.due.is_some()).count()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a key that is due; else says when the next one will be.
    fn take(&self) -> Result<K, Option<Instant>> {
        let now = Instant::now();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let next = slots
            .iter()
            .filter(|(_, slot)| !slot.running)
            .filter_map(|(key, slot)| slot.due.map(|due| (due, key)))
            .min_by_key(|(due, _)| *due)
            .map(|(due, key)| (due, key.clone()));
        match next {
            Some((due, key)) if due <= now => {
                if let Some(slot) = slots.get_mut(&key) {
                    slot.due = None;
                    slot.running = true;
                }
                Ok(key)
            }
            Some((due, _)) => Err(Some(due)),
            None => Err(None),
        }
    }

    fn finish(&self, key: K, next: Next) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.get_mut(&key) else { return };
        slot.running = false;
        let delay = match next {
            Next::Wait => None,
            Next::After(delay) => Some(delay),
            Next::Retry => Some(backoff(slot.failures)),
        };
        slot.failures = if next == Next::Retry { slot.failures.saturating_add(1) } else { 0 };
        if let Some(delay) = delay {
            let at = Instant::now() + delay;
            slot.due = Some(slot.due.map_or(at, |due| due.min(at)));
        }
        if slot.due.is_none() {
            slots.remove(&key);
        }
    }

    /// Runs reconciles until shutdown, at most `parallel` at once, never two for one key. What runs at shutdown is
    /// finished first.
    pub async fn run<F, Fut>(&self, parallel: usize, shutdown: CancellationToken, reconcile: F)
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = Next>,
    {
        let mut running = FuturesUnordered::new();
        loop {
            let mut wake_at = None;
            while running.len() < parallel && !shutdown.is_cancelled() {
                match self.take() {
                    Ok(key) => {
                        let work = reconcile(key.clone());
                        running.push(async move { (key, work.await) });
                    }
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
                () = self.changed.notified() => {}
                () = timer => {}
                () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
            }
        }
    }
}

/// Delay after a number of earlier failures in a row.
pub fn backoff(failures: u32) -> Duration {
    RETRY_FIRST.saturating_mul(1 << failures.min(16)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests;
