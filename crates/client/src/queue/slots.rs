//! When each key is due, and which run. Sync; time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Next;
use crate::metrics::Depth;
use crate::retry::later;

#[derive(Debug, Default)]
struct Slot {
    /// When it is due; `None` while it is only remembered for its failures or runs.
    due: Option<Instant>,
    running: bool,
    failures: u32,
}

/// Keys and when they are due.
#[derive(Debug)]
pub(super) struct Slots<K> {
    by_key: BTreeMap<K, Slot>,
    /// Keys that are due some time and do not run, in the order in which they are taken.
    order: BTreeSet<(Instant, K)>,
    running: usize,
}

impl<K> Default for Slots<K> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), order: BTreeSet::new(), running: 0 }
    }
}

impl<K: Ord + Clone> Slots<K> {
    /// Makes a key due at a time, or leaves it due earlier.
    pub(super) fn schedule(&mut self, key: K, at: Instant) {
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

    /// The next key that is due; or when one will be.
    pub(super) fn next_due(&mut self, now: Instant) -> Result<K, Option<Instant>> {
        match self.order.first() {
            Some((due, _)) if *due > now => return Err(Some(*due)),
            None => return Err(None),
            Some(_) => {}
        }
        let Some((_, key)) = self.order.pop_first() else { return Err(None) };
        let slot = self.by_key.entry(key.clone()).or_default();
        slot.due = None;
        slot.running = true;
        self.running += 1;
        Ok(key)
    }

    /// A key is no longer worked on. `pause` says how long to wait after so many failures in a row (from 1).
    pub(super) fn finish(&mut self, key: K, next: Next, now: Instant, pause: impl FnOnce(u32) -> Duration) {
        let Some(slot) = self.by_key.get_mut(&key) else { return };
        slot.running = false;
        self.running = self.running.saturating_sub(1);
        slot.failures = if next == Next::Retry { slot.failures.saturating_add(1) } else { 0 };
        let delay = match next {
            Next::Wait => None,
            Next::After(delay) => Some(delay),
            Next::Retry => Some(pause(slot.failures)),
        };
        // Added while it ran, it is due by then, or earlier by itself.
        let wanted = slot.due.take().into_iter().chain(delay.map(|delay| later(now, delay))).min();
        match wanted {
            Some(at) => self.schedule(key, at),
            None => drop(self.by_key.remove(&key)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.values().filter(|slot| slot.due.is_some()).count()
    }

    pub(super) fn depth(&self, now: Instant) -> Depth {
        let due = self.order.iter().take_while(|(at, _)| *at <= now).count();
        Depth { due, later: self.order.len() - due, running: self.running }
    }
}

#[cfg(test)]
mod tests;
