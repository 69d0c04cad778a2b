//! Telling the published state where values went when their segment was reclaimed.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::reclaim::Move;
use crate::live::Shared;
use crate::{Entry, Event, Place, Revision};

/// Events looked at under one hold of the lock: some 100 µs.
const CHUNK: usize = 1_024;

/// Points the index to copies that are durable now.
pub(super) fn index<M: Clone + Send + Sync + 'static>(shared: &Shared<M>, moves: &[Move]) {
    for moves in moves.chunks(CHUNK / 16) {
        let mut live = shared.lock();
        for moved in moves.iter().filter(|moved| moved.lives) {
            let Some(entry) = live.index.get(&moved.key).filter(|entry| entry.modified == moved.revision) else {
                continue;
            };
            let entry = Arc::new(moved_to(entry, moved.place.clone()));
            live.index.insert(entry.key.clone(), entry);
        }
    }
}

/// Points the window's events to the copies of what was in a segment that is about to go: an idle store would otherwise
/// keep the space of removed files for as long as its events stay.
pub(super) fn window<M: Clone + Send + Sync + 'static>(
    shared: &Shared<M>,
    segment: u64,
    moved: &HashMap<Revision, Place>,
) {
    let mut next = shared.lock().compacted;
    loop {
        let mut live = shared.lock();
        next = next.max(live.compacted);
        let newest = live.revision;
        if next >= newest {
            return;
        }
        for revision in next.0 + 1..=newest.0.min(next.0 + CHUNK as u64) {
            next = Revision(revision);
            let Some(event) = live.event(next) else { continue };
            let relocated = |entry: &Option<Arc<Entry<M>>>| {
                let entry = entry.as_ref().filter(|entry| entry.place.segment() == Some(segment))?;
                // The index has the same entry, if it is still its key's state.
                let known = live.index.get(&entry.key).filter(|known| known.modified == entry.modified).cloned();
                known.or_else(|| Some(Arc::new(moved_to(entry, moved.get(&entry.modified)?.clone()))))
            };
            let (current, previous) = (relocated(&event.current), relocated(&event.previous));
            if current.is_some() || previous.is_some() {
                let encoded = event.encoded.get().cloned().map_or_else(OnceLock::new, OnceLock::from);
                let event = Arc::new(Event {
                    revision: next,
                    key: event.key.clone(),
                    current: current.or_else(|| event.current.clone()),
                    previous: previous.or_else(|| event.previous.clone()),
                    encoded,
                });
                live.replace(event);
            }
        }
    }
}

fn moved_to<M: Clone>(entry: &Entry<M>, place: Place) -> Entry<M> {
    Entry { key: entry.key.clone(), created: entry.created, modified: entry.modified, meta: entry.meta.clone(), place }
}
