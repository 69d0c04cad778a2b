//! A work queue keyed by object.
//!
//! A key is in it at most once; while it is being worked on it is not handed out again, and what arrives meanwhile makes
//! one more turn. So its length is bounded by the number of objects, and nothing is ever dropped.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// First pause before a key is tried again; doubles with each failure in a row.
const RETRY_MIN: Duration = Duration::from_millis(10);
/// Longest pause between tries of one key. A failure that lasts is a server that is down: one try in 30 s costs nothing.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// What working on a key ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing more until something changes.
    Done,
    /// Look again after this time.
    After(Duration),
    /// It failed; try again with growing pauses.
    Retry,
}

struct State<K> {
    ready: VecDeque<K>,
    queued: HashSet<K>,
    running: HashSet<K>,
    again: HashSet<K>,
    later: BTreeSet<(Instant, K)>,
    due: HashMap<K, Instant>,
    failures: HashMap<K, u32>,
}

/// The queue.
pub struct Queue<K> {
    state: Mutex<State<K>>,
    wake: Notify,
}

impl<K: Clone + Eq + Hash + Ord> Default for Queue<K> {
    fn default() -> Self {
        let state = State {
            ready: VecDeque::new(),
            queued: HashSet::new(),
            running: HashSet::new(),
            again: HashSet::new(),
            later: BTreeSet::new(),
            due: HashMap::new(),
            failures: HashMap::new(),
        };
        Self { state: Mutex::new(state), wake: Notify::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a look at a key as soon as possible.
    pub fn push(&self, key: K) {
        self.lock().push(key);
        self.wake.notify_one();
    }

    /// Asks for a look at a key after a pause; of several such wishes the earliest counts.
    pub fn push_after(&self, key: K, pause: Duration) {
        self.lock().push_at(key, Instant::now() + pause);
        self.wake.notify_one();
    }

    /// How many keys wait or are being worked on, those with a pause not counted.
    pub fn busy(&self) -> usize {
        let state = self.lock();
        state.ready.len() + state.running.len()
    }

    /// The next key to work on. Cancel-safe.
    async fn next(&self) -> K {
        loop {
            let due = {
                let mut state = self.lock();
                state.promote(Instant::now());
                if let Some(key) = state.take() {
                    return key;
                }
                state.later.first().map(|(at, _)| *at)
            };
            match due {
                Some(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = self.wake.notified() => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    fn finish(&self, key: &K, turn: Turn) {
        let mut state = self.lock();
        state.running.remove(key);
        if turn == Turn::Retry {
            let failures = state.failures.entry(key.clone()).or_default();
            let pause = RETRY_MIN.saturating_mul(1 << (*failures).min(20)).min(RETRY_MAX);
            *failures += 1;
            state.push_at(key.clone(), Instant::now() + pause);
        } else {
            state.failures.remove(key);
        }
        if let Turn::After(pause) = turn {
            state.push_at(key.clone(), Instant::now() + pause);
        }
        if state.again.remove(key) {
            state.push(key.clone());
        }
    }

    /// Works through the queue for ever, at most `limit` keys at a time.
    pub async fn run<F>(&self, limit: usize, work: impl Fn(K) -> F)
    where
        F: Future<Output = Turn>,
    {
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                key = self.next(), if running.len() < limit => {
                    let job = work(key.clone());
                    running.push(async move { (key, job.await) });
                }
                Some((key, turn)) = running.next(), if !running.is_empty() => self.finish(&key, turn),
            }
        }
    }
}

impl<K: Clone + Eq + Hash + Ord> State<K> {
    fn push(&mut self, key: K) {
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn push_at(&mut self, key: K, at: Instant) {
        if let Some(known) = self.due.get(&key).copied() {
            if known <= at {
                return;
            }
            self.later.remove(&(known, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    fn promote(&mut self, now: Instant) {
        while let Some((at, key)) = self.later.first().cloned().filter(|(at, _)| *at <= now) {
            self.due.remove(&key);
            self.later.remove(&(at, key.clone()));
            self.push(key);
        }
    }

    fn take(&mut self) -> Option<K> {
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        self.running.insert(key.clone());
        Some(key)
    }
}

#[cfg(test)]
mod tests;
