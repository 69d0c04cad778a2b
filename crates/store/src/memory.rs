//! The memory driver: everything in the heap, gone with the process. For tests, and for what need not outlive it.

use std::sync::Arc;

use bytes::Bytes;

use crate::live::{Aftermath, Change, PastLimit, Shared, check};
use crate::{
    BoxFuture, Entry, Place, Projection, Range, ReadError, Revision, Snapshot, Store, Watch, WatchError, Write,
    WriteError, Written,
};

/// How a store in memory behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Events kept for watchers that start in the past; with them the values they replaced.
    pub history: usize,
    /// Bytes that these values may take.
    pub history_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { history: crate::HISTORY, history_bytes: crate::HISTORY_BYTES }
    }
}

/// Opens an empty store in memory.
#[must_use]
pub fn open<P: Projection>(projection: P, options: Options) -> Arc<dyn Store<P::Meta>> {
    let kept = PastLimit { events: options.history, bytes: options.history_bytes };
    Arc::new(Memory { projection, shared: Arc::new(Shared::new(kept)) })
}

struct Memory<P: Projection> {
    projection: P,
    shared: Arc<Shared<P::Meta>>,
}

impl<P: Projection> Memory<P> {
    fn write_now(&self, write: Write) -> Result<Written<P::Meta>, WriteError> {
        let Write { key, expect, value } = write;
        let value = match value {
            Some(bytes) => Some((self.projection.project(&key, &bytes).map_err(WriteError::Refused)?, bytes)),
            None => None,
        };
        let mut live = self.shared.lock();
        let previous = live.index.get(key.as_ref()).cloned();
        check(previous.as_ref(), expect, value.is_none())?;
        let revision = Revision(live.revision.0 + 1);
        let current = value.map(|(meta, bytes)| {
            let created = previous.as_ref().map_or(revision, |entry| entry.created);
            let place = Place::heap(bytes);
            Arc::new(Entry { key: key.clone(), created, modified: revision, meta, place })
        });
        let entry = current.clone().or_else(|| previous.clone()).ok_or(WriteError::Absent)?;
        let mut after = Aftermath::default();
        live.publish(Change { key, current, previous }, &mut after);
        live.collect_wakes(&mut after);
        drop(live);
        drop(after.settle());
        Ok(Written { revision, entry })
    }
}

impl<P: Projection> Drop for Memory<P> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<P: Projection> Store<P::Meta> for Memory<P> {
    fn revision(&self) -> Revision {
        self.shared.lock().revision
    }

    fn snapshot(&self) -> Arc<dyn Snapshot<P::Meta>> {
        self.shared.snapshot()
    }

    fn read(&self, place: &Place) -> Result<Bytes, ReadError> {
        place.read()
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<Written<P::Meta>, WriteError>> {
        Box::pin(async move { self.write_now(write) })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn watch(&self, range: Range, after: Revision) -> Result<Box<dyn Watch<P::Meta>>, WatchError> {
        Ok(Box::new(self.shared.watch(range, after)?))
    }

    fn compact(&self, up_to: Revision) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            drop(self.shared.compact(up_to));
            Ok(())
        })
    }

    fn compacted(&self) -> Revision {
        self.shared.lock().compacted
    }
}
