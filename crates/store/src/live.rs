//! The state of a store in memory: the index, the window of events, and who follows them. Both drivers put durable
//! writes into it; it does no I/O.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use imbl::OrdMap;
use tokio::sync::watch;

use crate::feed::{Topic, Watcher};
use crate::{Entry, Event, Expect, Key, Range, Revision, Snapshot, WatchError, WriteError};

/// Events whose shared encoding is kept. Watchers that keep up read an event within milliseconds; 1,024 encodings of
/// 1.5 kB are 1.5 MB, where the whole window would be 25 MB. Older ones are encoded again for each watch that asks.
const ENCODED_EVENTS: usize = 1_024;

/// Changes published under one hold of the lock, so that a reader waits at most some 100 µs for a large batch.
const PUBLISH_CHUNK: usize = 64;

/// One durable change on its way into the index.
pub(crate) struct Change<M> {
    pub(crate) key: Key,
    pub(crate) current: Option<Arc<Entry<M>>>,
    pub(crate) previous: Option<Arc<Entry<M>>>,
}

/// What the lock guards.
pub(crate) struct Live<M> {
    pub(crate) revision: Revision,
    pub(crate) compacted: Revision,
    pub(crate) index: OrdMap<Key, Arc<Entry<M>>>,
    /// One event per revision from `compacted + 1` to `revision`, without gaps: found by subtraction.
    pub(crate) window: VecDeque<Arc<Event<M>>>,
    pub(crate) topics: HashMap<Range, Topic>,
    kept: PastLimit,
    /// Bytes of the values that events of the window replaced or deleted.
    past_bytes: u64,
    closed: bool,
}

/// How much of the past is kept, at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PastLimit {
    /// Events.
    pub(crate) events: usize,
    /// Bytes of values that only they need.
    pub(crate) bytes: u64,
}

/// The state, shared by the driver, its snapshots and its watchers.
pub(crate) struct Shared<M> {
    live: Mutex<Live<M>>,
}

impl<M: Send + Sync + 'static> Shared<M> {
    pub(crate) fn new(kept: PastLimit) -> Self {
        Self::restored(kept, Revision(0), OrdMap::new(), VecDeque::new())
    }

    /// A state read back from a disk; `window` holds the last events up to `revision`.
    pub(crate) fn restored(
        kept: PastLimit,
        revision: Revision,
        index: OrdMap<Key, Arc<Entry<M>>>,
        window: VecDeque<Arc<Event<M>>>,
    ) -> Self {
        let compacted = Revision(revision.0 - window.len() as u64);
        let topics = HashMap::new();
        // At least the newest event stays: a watcher that is behind by one batch must not lose its place.
        let kept = PastLimit { events: kept.events.max(1), ..kept };
        let past_bytes = window.iter().map(|event| past_bytes(event)).sum();
        Self { live: Mutex::new(Live { revision, compacted, index, window, topics, kept, past_bytes, closed: false }) }
    }

    /// Code under the lock cannot panic half-way through a change, so what a poisoned lock holds is consistent.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Live<M>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> Arc<dyn Snapshot<M>> {
        let live = self.lock();
        Arc::new(View { revision: live.revision, index: live.index.clone() })
    }

    pub(crate) fn watch(self: &Arc<Self>, range: Range, after: Revision) -> Result<Watcher<M>, WatchError> {
        let mut live = self.lock();
        if after > live.revision {
            return Err(WatchError::Future { asked: after, newest: live.revision });
        }
        if after < live.compacted {
            return Err(WatchError::Compacted { asked: after, oldest: live.compacted });
        }
        let wake = live.join(&range, after);
        drop(live);
        Ok(Watcher::new(self.clone(), range, after, wake))
    }

    /// Publishes changes, the first of them at the revision after the newest one. Returns what fell out of the window.
    pub(crate) fn publish(&self, changes: Vec<Change<M>>) -> Vec<Arc<Event<M>>> {
        let mut retired = Vec::new();
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let mut after = Aftermath::default();
            let mut live = self.lock();
            for change in changes.by_ref().take(PUBLISH_CHUNK) {
                live.publish(change, &mut after);
            }
            live.collect_wakes(&mut after);
            drop(live);
            retired.append(&mut after.settle());
        }
        retired
    }

    /// Forgets events; returns them.
    pub(crate) fn compact(&self, up_to: Revision) -> Vec<Arc<Event<M>>> {
        let mut after = Aftermath::default();
        self.lock().compact(up_to, &mut after);
        after.settle()
    }

    /// Ends all watches, once they have returned what was published.
    pub(crate) fn close(&self) {
        let mut live = self.lock();
        live.closed = true;
        for topic in live.topics.values_mut() {
            topic.close();
        }
    }
}

impl<M> Live<M> {
    /// Publishes one change.
    pub(crate) fn publish(&mut self, change: Change<M>, after: &mut Aftermath<M>) {
        let Change { key, current, previous } = change;
        self.revision = Revision(self.revision.0 + 1);
        match &current {
            Some(entry) => drop(self.index.insert(key.clone(), entry.clone())),
            None => drop(self.index.remove(key.as_ref())),
        }
        for (range, topic) in &mut self.topics {
            if range.contains(&key) {
                topic.push(self.revision);
            }
        }
        let event = Event { revision: self.revision, key, current, previous, encoded: OnceLock::new() };
        self.past_bytes += past_bytes(&event);
        self.window.push_back(Arc::new(event));
        self.forget_encoding();
        if self.window.len() > self.kept.events {
            self.compact(Revision(self.revision.0 - self.kept.events as u64), after);
        }
        while self.past_bytes > self.kept.bytes && self.window.len() > 1 {
            self.compact(Revision(self.compacted.0 + 1), after);
        }
    }

    fn forget_encoding(&mut self) {
        let Some(at) = self.window.len().checked_sub(ENCODED_EVENTS + 1) else { return };
        let event = &self.window[at];
        if event.encoded.get().is_some() {
            self.window[at] = Arc::new(Event {
                revision: event.revision,
                key: event.key.clone(),
                current: event.current.clone(),
                previous: event.previous.clone(),
                encoded: OnceLock::new(),
            });
        }
    }

    fn compact(&mut self, up_to: Revision, after: &mut Aftermath<M>) {
        let up_to = up_to.min(self.revision);
        if up_to <= self.compacted {
            return;
        }
        let count = usize::try_from(up_to.0 - self.compacted.0).map_or(self.window.len(), |n| n.min(self.window.len()));
        for event in self.window.drain(..count) {
            self.past_bytes -= past_bytes(&event);
            after.retired.push(event);
        }
        self.compacted = up_to;
    }

    /// The event of a revision that is in the window.
    pub(crate) fn event(&self, revision: Revision) -> Option<&Arc<Event<M>>> {
        let at = revision.0.checked_sub(self.compacted.0 + 1)?;
        self.window.get(usize::try_from(at).ok()?)
    }

    /// Replaces an event of the window by one that says the same.
    pub(crate) fn replace(&mut self, event: Arc<Event<M>>) {
        let at = event.revision.0.checked_sub(self.compacted.0 + 1).and_then(|at| usize::try_from(at).ok());
        if let Some(kept) = at.and_then(|at| self.window.get_mut(at)) {
            *kept = event;
        }
    }

    /// Counts one more watcher of a range, whose topic then lists all events after `after`.
    fn join(&mut self, range: &Range, after: Revision) -> watch::Receiver<()> {
        let revision = self.revision;
        let topic = self.topics.entry(range.clone()).or_insert_with(|| Topic::new(revision));
        if self.closed {
            topic.close();
        }
        if after < topic.since() {
            let missing = usize::try_from(topic.since().0 - self.compacted.0).unwrap_or(usize::MAX);
            let known = usize::try_from(after.0 - self.compacted.0).unwrap_or(usize::MAX);
            let found = self.window.range(known.min(missing)..missing.min(self.window.len()));
            topic.extend_back(after, found.filter(|event| range.contains(&event.key)).map(|event| event.revision));
        }
        topic.join()
    }

    /// Counts one watcher less.
    pub(crate) fn leave(&mut self, range: &Range) {
        if let Some(topic) = self.topics.get_mut(range)
            && topic.leave() == 0
        {
            self.topics.remove(range);
        }
    }

    /// Finds whom to wake.
    pub(crate) fn collect_wakes(&mut self, after: &mut Aftermath<M>) {
        let compacted = self.compacted;
        for topic in self.topics.values_mut() {
            topic.forget(compacted);
            after.wakes.extend(topic.take_wake());
        }
    }
}

/// Bytes of the value that an event ended.
fn past_bytes<M>(event: &Event<M>) -> u64 {
    event.previous.as_ref().map_or(0, |entry| entry.place.length() as u64)
}

/// What is left to do once the lock is free: waking watchers, which would only queue up for the lock, and freeing what
/// fell out of the window.
pub(crate) struct Aftermath<M> {
    wakes: Vec<Arc<watch::Sender<()>>>,
    retired: Vec<Arc<Event<M>>>,
}

impl<M> Default for Aftermath<M> {
    fn default() -> Self {
        Self { wakes: Vec::new(), retired: Vec::new() }
    }
}

impl<M> Aftermath<M> {
    /// Wakes watchers; returns the events that fell out of the window.
    pub(crate) fn settle(self) -> Vec<Arc<Event<M>>> {
        for wake in &self.wakes {
            wake.send_replace(());
        }
        self.retired
    }
}

/// Checks a write against the state of its key.
pub(crate) fn check<M>(now: Option<&Arc<Entry<M>>>, expect: Expect, deletes: bool) -> Result<(), WriteError> {
    let actual = now.map(|entry| entry.modified);
    let met = match expect {
        Expect::Any => true,
        Expect::Absent => actual.is_none(),
        Expect::At(revision) => actual == Some(revision),
    };
    if !met {
        return Err(WriteError::Unexpected { actual });
    }
    if deletes && actual.is_none() {
        return Err(WriteError::Absent);
    }
    Ok(())
}

/// An immutable view: a clone of the index, which shares its nodes.
struct View<M> {
    revision: Revision,
    index: OrdMap<Key, Arc<Entry<M>>>,
}

impl<M: Send + Sync + 'static> Snapshot<M> for View<M> {
    fn revision(&self) -> Revision {
        self.revision
    }

    fn get(&self, key: &[u8]) -> Option<Arc<Entry<M>>> {
        self.index.get(key).cloned()
    }

    fn range(&self, range: Range) -> Box<dyn Iterator<Item = Arc<Entry<M>>> + Send + '_> {
        if range.is_void() {
            return Box::new(std::iter::empty());
        }
        Box::new(self.index.range((range.start, range.end)).map(|(_, entry)| entry.clone()))
    }

    fn len(&self) -> usize {
        self.index.len()
    }
}
