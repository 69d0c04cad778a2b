//! A revisioned log of keys and bytes.
//!
//! One global revision; every write gets the next one. A write is durable before it is acknowledged (group commit).
//! Reads take an immutable snapshot of the index and never block writes. Values live in the driver (memory, or a file
//! read by `pread`); the index keeps for each key only its revisions, where its value is, and a caller-defined
//! projection `M` of the value. Knows neither JSON nor Kubernetes.

use std::fmt;
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

pub mod disk;
mod feed;
mod live;
pub mod memory;
mod place;
mod range;
#[cfg(test)]
mod tests;

pub use place::Place;

/// Events that a store keeps for watchers that start in the past, unless told otherwise.
///
/// kube-apiserver keeps five minutes. A busy hub (1,000 members, statuses at most once per second and mostly
/// transitions) makes some 50 writes/s: 5 min x 50/s = 15,000, rounded up to a power of two. An event costs some
/// 500 bytes of index, so a full window is 8 MB.
pub const HISTORY: usize = 16_384;

/// Bytes of replaced and deleted values that a store keeps for such watchers, unless told otherwise. [`HISTORY`] events
/// of the usual 1.5 kB are a tenth of it; without this limit a client that rewrites one object of 3 MiB would make the
/// store keep 48 GiB. It bounds the projections that the events hold, too: they are smaller than what they project.
pub const HISTORY_BYTES: u64 = 256 * 1024 * 1024;

/// A point in the history of the whole store. The empty store is at 0; the first write makes 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key: any bytes, ordered as bytes.
pub type Key = Arc<[u8]>;

/// What must be true of a key for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Any,
    /// The key is not there.
    Absent,
    /// The key is there, last written at exactly this revision.
    At(Revision),
}

/// One write.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which key.
    pub key: Key,
    /// Condition.
    pub expect: Expect,
    /// The new value; `None` deletes.
    pub value: Option<Bytes>,
}

/// A key's state at one moment, without its value's bytes.
#[derive(Debug)]
pub struct Entry<M> {
    /// The key.
    pub key: Key,
    /// Revision of the write that made the key.
    pub created: Revision,
    /// Revision of the last write.
    pub modified: Revision,
    /// What the owner of the store remembers of the value.
    pub meta: M,
    /// Where the driver finds the value; opaque to callers.
    pub place: Place,
}

/// One change, shared by all watchers.
#[derive(Debug)]
pub struct Event<M> {
    /// Revision of the write.
    pub revision: Revision,
    /// The key.
    pub key: Key,
    /// State after the write; `None` when it deleted.
    pub current: Option<Arc<Entry<M>>>,
    /// State before the write; `None` when it created. Its value can be read as long as the event is in the window.
    pub previous: Option<Arc<Entry<M>>>,
    /// For the reader: an encoded form made once and shared by all watchers.
    pub encoded: OnceLock<Bytes>,
}

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The key is not as expected. Holds the revision it was last written at, if it is there.
    #[error("the key is not as expected (now at {actual:?})")]
    Unexpected {
        /// Where the key is now.
        actual: Option<Revision>,
    },
    /// A delete of a key that is not there.
    #[error("the key is not there")]
    Absent,
    /// The queue of writes is full.
    #[error("the store is overloaded: {queued} writes are waiting")]
    Overloaded {
        /// Writes that wait.
        queued: usize,
    },
    /// The projection refused the value.
    #[error("the value was refused: {0}")]
    Refused(String),
    /// The disk has no room. The store is as before, and takes writes again once there is room.
    #[error("the store takes no writes now: {0}")]
    Full(String),
    /// The disk failed; the store takes no writes until it is opened again, since it cannot know what is durable.
    #[error("the store stopped taking writes: {0}")]
    Failed(String),
}

/// Why a watch cannot start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WatchError {
    /// The revision is no longer kept; the oldest from which a watch can start is given.
    #[error("revision {asked} has been compacted, the oldest kept is {oldest}")]
    Compacted {
        /// What was asked for.
        asked: Revision,
        /// The smallest `after` that works.
        oldest: Revision,
    },
    /// The revision has not happened yet.
    #[error("revision {asked} is in the future, the newest is {newest}")]
    Future {
        /// What was asked for.
        asked: Revision,
        /// The newest revision.
        newest: Revision,
    },
}

/// A value that cannot be read: the file is damaged, or was compacted away under a stale place.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a value: {0}")]
pub struct ReadError(pub String);

/// A range of keys. See [`Range::prefix`], [`Range::all`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// First key.
    pub start: Bound<Key>,
    /// End.
    pub end: Bound<Key>,
}

/// Makes the projection that the index keeps of each value. Runs on the thread of the caller, before the write is
/// queued, and once per object when a store is opened.
pub trait Projection: Send + Sync + 'static {
    /// What is kept.
    type Meta: Clone + Send + Sync + 'static;

    /// Projects one value.
    ///
    /// # Errors
    /// A sentence; the write is refused with it.
    fn project(&self, key: &[u8], value: &[u8]) -> Result<Self::Meta, String>;
}

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The store, whichever driver.
pub trait Store<M>: Send + Sync + 'static {
    /// The newest durable revision.
    fn revision(&self) -> Revision;

    /// An immutable view of everything at one revision. Costs the same however much is stored.
    fn snapshot(&self) -> Arc<dyn Snapshot<M>>;

    /// Reads a value.
    ///
    /// # Errors
    /// Damage on disk. A place taken from a snapshot or event that is still held never fails otherwise.
    fn read(&self, place: &Place) -> Result<Bytes, ReadError>;

    /// Writes one key; durable when it returns. The future may be dropped: the write then happens or not, as with a
    /// connection that breaks.
    ///
    /// # Errors
    /// See [`WriteError`]; nothing was written then, except perhaps after `Failed`.
    fn write(&self, write: Write) -> BoxFuture<'_, Result<Written<M>, WriteError>>;

    /// Would a write be taken? Costs nothing while the last one was; after a disk had no room, tries whether it has some.
    ///
    /// # Errors
    /// [`WriteError::Full`] or [`WriteError::Failed`].
    fn probe(&self) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Follows changes after a revision, in order, without gaps or repeats.
    ///
    /// # Errors
    /// See [`WatchError`].
    fn watch(&self, range: Range, after: Revision) -> Result<Box<dyn Watch<M>>, WatchError>;

    /// Forgets history up to and including a revision: watches can start only after it, and space of overwritten values
    /// may be reclaimed. Current values stay.
    fn compact(&self, up_to: Revision) -> BoxFuture<'_, Result<(), WriteError>>;

    /// The oldest revision after which a watch can start.
    fn compacted(&self) -> Revision;
}

/// What a write did.
#[derive(Debug)]
pub struct Written<M> {
    /// Its revision.
    pub revision: Revision,
    /// The entry written, or the entry deleted.
    pub entry: Arc<Entry<M>>,
}

/// An immutable view.
pub trait Snapshot<M>: Send + Sync {
    /// The revision it shows.
    fn revision(&self) -> Revision;
    /// One entry.
    fn get(&self, key: &[u8]) -> Option<Arc<Entry<M>>>;
    /// Entries of a range in key order.
    fn range(&self, range: Range) -> Box<dyn Iterator<Item = Arc<Entry<M>>> + Send + '_>;
    /// How many keys there are.
    fn len(&self) -> usize;
    /// Are there none?
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A watcher's cursor.
pub trait Watch<M>: Send {
    /// The next change in the range; waits for one. Cancel-safe. `None` ends the watch: the watcher fell behind the
    /// window (start again from a list) or the store closed.
    fn next(&mut self) -> BoxFuture<'_, Option<Arc<Event<M>>>>;
    /// Everything up to here has been seen, whether or not it was in the range: what a bookmark may promise.
    fn seen_up_to(&self) -> Revision;
}
