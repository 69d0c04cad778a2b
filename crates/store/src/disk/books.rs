//! What of the log is still needed: the arithmetic that decides when to reclaim space, and what a reclaiming pass copies.

use std::collections::HashMap;

use super::frame::size;
use crate::live::Change;
use crate::{Entry, Event, Key, Revision};

/// Reclaiming starts when less than one byte in this many of the log is needed. At 2 the log takes at most twice what it
/// holds, and each written byte causes at most one more to be copied.
const WASTE: u64 = 2;

/// Bytes needed, kept up to date with every change.
#[derive(Default)]
pub(super) struct Books {
    /// Frames of current values.
    live: u64,
    /// Frames that only the window of events needs: values that were replaced, and deletes.
    history: u64,
    /// Of each value that only the window needs, its revision and the one that ended it.
    ended: HashMap<Revision, Revision>,
}

impl Books {
    /// Counts an entry that is there when the store is opened.
    pub(super) fn count<M>(&mut self, entry: &Entry<M>) {
        self.live += frame(entry);
    }

    /// Counts a change that becomes the event of a revision.
    pub(super) fn add<M>(&mut self, change: &Change<M>, revision: Revision) {
        if let Some(previous) = &change.previous {
            self.live = self.live.saturating_sub(frame(previous));
        }
        if let Some(current) = &change.current {
            self.live += frame(current);
        }
        self.add_past(&change.key, change.previous.as_deref(), change.current.is_none(), revision);
    }

    /// Counts an event of the window that is there when the store is opened.
    pub(super) fn count_past<M>(&mut self, event: &Event<M>) {
        self.add_past(&event.key, event.previous.as_deref(), event.current.is_none(), event.revision);
    }

    fn add_past<M>(&mut self, key: &Key, previous: Option<&Entry<M>>, deletes: bool, revision: Revision) {
        if let Some(previous) = previous {
            self.history += frame(previous);
            self.ended.insert(previous.modified, revision);
        }
        if deletes {
            self.history += size(key.len(), 0);
        }
    }

    /// Counts an event that left the window.
    pub(super) fn retire<M>(&mut self, event: &Event<M>) {
        if let Some(previous) = &event.previous {
            self.history = self.history.saturating_sub(frame(previous));
            self.ended.remove(&previous.modified);
        }
        if event.current.is_none() {
            self.history = self.history.saturating_sub(size(event.key.len(), 0));
        }
    }

    /// The revision that ended a value which the window still needs.
    pub(super) fn ended(&self, revision: Revision) -> Option<Revision> {
        self.ended.get(&revision).copied()
    }

    /// Is so much of a log of `length` bytes unneeded that it pays to copy the rest?
    pub(super) fn wasteful(&self, length: u64, least: u64) -> bool {
        length > least && length > WASTE * (self.live + self.history)
    }
}

fn frame<M>(entry: &Entry<M>) -> u64 {
    size(entry.key.len(), entry.place.length())
}
