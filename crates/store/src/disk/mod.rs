//! The disk driver: an append-only log of segments, written by one thread in batches that are durable before anyone
//! hears of them. In memory is only the index; values are read from the segments. See `docs/adr/0001-store-log.md`.

mod books;
pub mod copy;
mod draft;
mod error;
mod frame;
mod log;
mod reclaim;
mod recover;
mod relocate;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

pub use self::error::OpenError;

use self::books::Books;
use self::log::{Log, Medium, System};
use self::recover::recover;
pub(crate) use self::segment::Segment;
use self::writer::{Answer, Health, Job, Writer};
use crate::live::{PastLimit, Shared};
use crate::{
    BoxFuture, Place, Projection, Range, ReadError, Revision, Snapshot, Store, Watch, WatchError, Write, WriteError,
    Written,
};

/// Length after which a new segment is begun. Small enough that reclaiming one takes some 50 ms and opening reads it
/// into memory whole; large enough that 100,000 objects of 1.5 kB, at twice their size, are in some 20 files.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// Length of the log below which no space is reclaimed: two segments, of which the last cannot be.
const RECLAIM_BYTES: u64 = 2 * SEGMENT_BYTES;

/// Writes that wait. 60,000/s are some 70 ms of work: a client that is told to come back later waits no longer than
/// that.
const QUEUE: usize = 4_096;

/// Bytes of values that wait: many large values must not fill the memory of a hub that should fit in 250 MiB.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// Longest segment that can be asked for: the place of a value has 32 bits, and a batch comes on top.
const SEGMENT_BYTES_MOST: u64 = 1 << 30;

/// Longest key in bytes. A Kubernetes key is a group, resource, namespace and name: at most four times 253 bytes.
pub const KEY_MAX: usize = 2_048;

/// Longest value in bytes: kube-apiserver takes requests of 3 MiB, and an object may grow by defaults and status.
pub const VALUE_MAX: usize = 8 * 1024 * 1024;

/// How a store on a disk behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Events kept for watchers that start in the past, also after a restart.
    pub history: usize,
    /// Bytes of replaced and deleted values that these events may keep.
    pub history_bytes: u64,
    /// Length in bytes after which a new segment is begun, at most 1 GiB. Tests make it small.
    pub segment_bytes: u64,
    /// Length of the log in bytes below which no space is reclaimed.
    pub reclaim_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history: crate::HISTORY,
            history_bytes: crate::HISTORY_BYTES,
            segment_bytes: SEGMENT_BYTES,
            reclaim_bytes: RECLAIM_BYTES,
        }
    }
}

/// Opens the store in a directory, which is made if it is not there. Blocks while it reads the whole log.
///
/// Guarantees: everything that was acknowledged is there, events as far back as they were kept; a batch that was not
/// completely written is not there at all. The directory is locked until the store is dropped.
///
/// # Errors
/// See [`OpenError`].
pub fn open<P: Projection>(dir: &Path, projection: P, options: Options) -> Result<Arc<dyn Store<P::Meta>>, OpenError> {
    open_on(dir, projection, options, Box::new(System))
}

fn open_on<P: Projection>(
    dir: &Path,
    projection: P,
    options: Options,
    mut medium: Box<dyn Medium>,
) -> Result<Arc<dyn Store<P::Meta>>, OpenError> {
    let lock = segment::lock(dir)?;
    let history = options.history.max(1);
    let recovered = recover(dir, &projection, history as u64)?;
    settle(dir, &recovered.active, medium.as_mut())?;
    let mut books = Books::default();
    recovered.index.values().for_each(|entry| books.count(entry));
    recovered.window.iter().for_each(|event| books.count_past(event));
    let log = Log::new(dir.to_path_buf(), recovered.sealed, recovered.active, medium, lock);
    let kept = PastLimit { events: history, bytes: options.history_bytes };
    let shared = Arc::new(Shared::restored(kept, recovered.revision, recovered.index, recovered.window));
    let (sender, queue) = mpsc::channel(QUEUE);
    let queued_bytes = Arc::new(AtomicUsize::new(0));
    let health = Arc::new(Health::default());
    let writer = Writer {
        shared: shared.clone(),
        queue,
        queued_bytes: queued_bytes.clone(),
        log,
        books,
        segment_bytes: options.segment_bytes.min(SEGMENT_BYTES_MOST),
        reclaim_bytes: options.reclaim_bytes,
        pass: None,
        health: health.clone(),
        keeps_all: false,
    };
    let thread = thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer.run())
        .map_err(|error| OpenError::io("start the writer of", dir, error))?;
    Ok(Arc::new(Disk { projection, shared, queue: Some(sender), queued_bytes, health, thread: Some(thread) }))
}

/// Makes durable what was read. A process that is killed between a write and its sync leaves a batch that is complete
/// to a reader of the file, and yet may be gone after the next loss of power: what this store has returned must not
/// disappear.
fn settle(dir: &Path, active: &log::Part, medium: &mut dyn Medium) -> Result<(), OpenError> {
    if active.length == frame::HEADER as u64 {
        // A segment is begun durably.
        return Ok(());
    }
    let segment = &active.segment;
    medium.sync(&segment.file).map_err(|error| OpenError::io("sync", &segment.path, error))?;
    let folder = std::fs::File::open(dir).and_then(|folder| folder.sync_all());
    folder.map_err(|error| OpenError::io("sync", dir, error))
}

struct Disk<P: Projection> {
    projection: P,
    shared: Arc<Shared<P::Meta>>,
    /// `None` only while it is dropped.
    queue: Option<mpsc::Sender<Job<P::Meta>>>,
    queued_bytes: Arc<AtomicUsize>,
    health: Arc<Health>,
    thread: Option<JoinHandle<()>>,
}

impl<P: Projection> Disk<P> {
    /// Projects and queues a write.
    fn queue_write(&self, write: Write, answer: Answer<Written<P::Meta>>) -> Result<(), WriteError> {
        let Write { key, expect, value } = write;
        if key.len() > KEY_MAX {
            return Err(WriteError::Refused(format!("the key has {} bytes, the most is {KEY_MAX}", key.len())));
        }
        let value = match value {
            Some(bytes) if bytes.len() > VALUE_MAX => {
                return Err(WriteError::Refused(format!(
                    "the value has {} bytes, the most is {VALUE_MAX}",
                    bytes.len()
                )));
            }
            Some(bytes) => Some((bytes.clone(), self.projection.project(&key, &bytes).map_err(WriteError::Refused)?)),
            None => None,
        };
        self.queue(Job::Write { key, expect, value, answer })
    }

    fn queue(&self, job: Job<P::Meta>) -> Result<(), WriteError> {
        let ended = || WriteError::Failed("its writer has ended".to_owned());
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        let weight = job.weight();
        let queued = self.queued_bytes.fetch_add(weight, Ordering::Relaxed);
        let result = if queued + weight > QUEUE_BYTES {
            Err(WriteError::Overloaded { queued: QUEUE - queue.capacity() })
        } else {
            queue.try_send(job).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => WriteError::Overloaded { queued: QUEUE },
                mpsc::error::TrySendError::Closed(_) => ended(),
            })
        };
        if result.is_err() {
            self.queued_bytes.fetch_sub(weight, Ordering::Relaxed);
        }
        result
    }
}

async fn answer<T>(receiver: oneshot::Receiver<Result<T, WriteError>>) -> Result<T, WriteError> {
    // The writer answers every job that it took. No answer means that it panicked.
    receiver.await.unwrap_or_else(|_| Err(WriteError::Failed("its writer has ended".to_owned())))
}

impl<P: Projection> Drop for Disk<P> {
    /// Waits until the queue is written and the directory is free again.
    fn drop(&mut self) {
        self.queue = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of a store panicked");
        }
        self.shared.close();
    }
}

impl<P: Projection> Store<P::Meta> for Disk<P> {
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
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            self.queue_write(write, sender)?;
            answer(receiver).await
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            if self.health.trouble().is_none() {
                return Ok(());
            }
            let (sender, receiver) = oneshot::channel();
            self.queue(Job::Probe { answer: sender })?;
            answer(receiver).await
        })
    }

    fn watch(&self, range: Range, after: Revision) -> Result<Box<dyn Watch<P::Meta>>, WatchError> {
        Ok(Box::new(self.shared.watch(range, after)?))
    }

    fn compact(&self, up_to: Revision) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            self.queue(Job::Compact { up_to, answer: sender })?;
            answer(receiver).await
        })
    }

    fn compacted(&self) -> Revision {
        self.shared.lock().compacted
    }
}
