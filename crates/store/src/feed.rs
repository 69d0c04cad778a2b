//! Following changes. All watchers of one range share a topic: the revisions of the window's events in that range. So
//! an event is matched once per range and not once per watcher, a watcher is woken only for its own events, and finding
//! the next one is a binary search.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use crate::live::Shared;
use crate::{BoxFuture, Event, Range, Revision, Watch};

/// Events a watcher takes under one hold of the lock: few enough to be quick, many enough that a watcher which catches
/// up over a full window locks some hundred times.
const TAKE: usize = 128;

/// The events of one range.
pub(crate) struct Topic {
    /// Revisions in the range, oldest first: all those after `since` that are still in the window.
    revisions: VecDeque<Revision>,
    since: Revision,
    /// The newest revision that the window lost. A watcher before it has missed something.
    lost: Revision,
    watchers: usize,
    dirty: bool,
    wake: Option<Arc<watch::Sender<()>>>,
    receiver: watch::Receiver<()>,
}

impl Topic {
    pub(crate) fn new(since: Revision) -> Self {
        let (wake, receiver) = watch::channel(());
        let wake = Some(Arc::new(wake));
        Self { revisions: VecDeque::new(), since, lost: Revision(0), watchers: 0, dirty: false, wake, receiver }
    }

    pub(crate) fn since(&self) -> Revision {
        self.since
    }

    pub(crate) fn push(&mut self, revision: Revision) {
        self.revisions.push_back(revision);
        self.dirty = true;
    }

    /// Adds the revisions between `after` and `since`, given in ascending order.
    pub(crate) fn extend_back(&mut self, after: Revision, found: impl DoubleEndedIterator<Item = Revision>) {
        for revision in found.rev() {
            self.revisions.push_front(revision);
        }
        self.since = after;
    }

    /// Drops what is no longer in the window.
    pub(crate) fn forget(&mut self, compacted: Revision) {
        while self.revisions.front().is_some_and(|revision| *revision <= compacted) {
            self.lost = self.revisions.pop_front().unwrap_or(self.lost);
        }
    }

    /// Whom to wake, if there is news since the last call.
    pub(crate) fn take_wake(&mut self) -> Option<Arc<watch::Sender<()>>> {
        if std::mem::take(&mut self.dirty) { self.wake.clone() } else { None }
    }

    pub(crate) fn join(&mut self) -> watch::Receiver<()> {
        self.watchers += 1;
        self.receiver.clone()
    }

    pub(crate) fn leave(&mut self) -> usize {
        self.watchers -= 1;
        self.watchers
    }

    pub(crate) fn close(&mut self) {
        self.wake = None;
    }

    /// The revisions after one, or `None` when some of them are lost.
    fn after(&mut self, at: Revision, compacted: Revision) -> Option<impl Iterator<Item = Revision> + '_> {
        self.forget(compacted);
        if at < self.lost {
            return None;
        }
        let from = self.revisions.partition_point(|revision| *revision <= at);
        Some(self.revisions.range(from..).copied())
    }
}

/// A cursor over a topic.
pub(crate) struct Watcher<M: Send + Sync + 'static> {
    shared: Arc<Shared<M>>,
    range: Range,
    /// The last event returned, or where the watch began.
    at: Revision,
    /// Taken and not yet returned.
    ready: VecDeque<Arc<Event<M>>>,
    wake: watch::Receiver<()>,
}

enum Drained {
    Some,
    Nothing,
    Behind,
}

impl<M: Send + Sync + 'static> Watcher<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>, range: Range, at: Revision, wake: watch::Receiver<()>) -> Self {
        Self { shared, range, at, ready: VecDeque::new(), wake }
    }

    fn drain(&mut self) -> Drained {
        let mut live = self.shared.lock();
        let compacted = live.compacted;
        let Some(topic) = live.topics.get_mut(&self.range) else { return Drained::Behind };
        let Some(revisions) = topic.after(self.at, compacted) else { return Drained::Behind };
        let revisions: Vec<Revision> = revisions.take(TAKE).collect();
        self.ready.extend(revisions.into_iter().filter_map(|revision| live.event(revision).cloned()));
        if self.ready.is_empty() { Drained::Nothing } else { Drained::Some }
    }
}

impl<M: Send + Sync + 'static> Watch<M> for Watcher<M> {
    fn next(&mut self) -> BoxFuture<'_, Option<Arc<Event<M>>>> {
        Box::pin(async move {
            loop {
                if let Some(event) = self.ready.pop_front() {
                    self.at = event.revision;
                    return Some(event);
                }
                match self.drain() {
                    Drained::Some => {}
                    Drained::Behind => return None,
                    // The sender goes when the store closes. A wake between `drain` and here is not lost: the channel
                    // remembers that it has news.
                    Drained::Nothing => self.wake.changed().await.ok()?,
                }
            }
        })
    }

    fn seen_up_to(&self) -> Revision {
        if !self.ready.is_empty() {
            return self.at;
        }
        let mut live = self.shared.lock();
        let (compacted, newest) = (live.compacted, live.revision);
        let Some(topic) = live.topics.get_mut(&self.range) else { return self.at };
        match topic.after(self.at, compacted).map(|mut revisions| revisions.next()) {
            // Nothing of ours happened since: the newest revision is seen.
            Some(None) => newest,
            Some(Some(_)) | None => self.at,
        }
    }
}

impl<M: Send + Sync + 'static> Drop for Watcher<M> {
    fn drop(&mut self) {
        self.shared.lock().leave(&self.range);
    }
}
