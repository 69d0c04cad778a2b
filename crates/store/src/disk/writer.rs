//! The one writer: takes what waits in the queue, checks it, appends it as one batch, makes it durable, publishes it,
//! and only then answers. The lock of the published state is never held during any of the I/O.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use imbl::OrdMap;
use tokio::sync::{mpsc, oneshot};

use super::books::Books;
use super::draft::Draft;
use super::frame::{Frame, Kind};
use super::log::{self, Log};
use super::reclaim::{Move, Needed, Pass};
use super::relocate;
use crate::live::{Change, Shared, check};
use crate::{Entry, Expect, Key, Revision, WriteError, Written};

/// Writes in one batch. At 60,000 writes/s a batch that takes 1 ms has 60; 1,024 is what a stall of the disk piles up,
/// and still takes only some 5 ms.
const BATCH_WRITES: usize = 1_024;

/// Bytes of values after which a batch takes no more writes: some 10 ms of a disk that writes 400 MB/s. One write more
/// may fit in, so a batch is bounded by this plus `VALUE_MAX`.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

pub(super) type Answer<T> = oneshot::Sender<Result<T, WriteError>>;

/// What waits in the queue.
pub(super) enum Job<M> {
    Write {
        key: Key,
        expect: Expect,
        value: Option<(Bytes, M)>,
        answer: Answer<Written<M>>,
    },
    Compact {
        up_to: Revision,
        answer: Answer<()>,
    },
    /// Is there room again?
    Probe {
        answer: Answer<()>,
    },
}

impl<M> Job<M> {
    /// Bytes of the value, which count against the queue's limit.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Write { value: Some((bytes, _)), .. } => bytes.len(),
            Self::Write { .. } | Self::Compact { .. } | Self::Probe { .. } => 0,
        }
    }

    fn fail(self, trouble: &Trouble) {
        // When the caller dropped its future, the answer is not needed.
        match self {
            Self::Write { answer, .. } => drop(answer.send(Err(trouble.to_error()))),
            Self::Compact { answer, .. } | Self::Probe { answer } => drop(answer.send(Err(trouble.to_error()))),
        }
    }
}

/// Why nothing is written.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// A sentence.
    why: String,
    /// Does it end by itself once there is room?
    is_passing: bool,
}

impl Trouble {
    pub(super) fn to_error(&self) -> WriteError {
        let why = self.why.clone();
        if self.is_passing { WriteError::Full(why) } else { WriteError::Failed(why) }
    }
}

/// What the writer and its callers know of its trouble.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<Trouble>>);

impl Health {
    /// Why nothing is written now; `None` when the last write was.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.lock().clone()
    }

    fn replace(&self, trouble: Option<Trouble>) {
        let mut known = self.lock();
        match (&*known, &trouble) {
            (None, Some(new)) => tracing::error!(why = %new.why, "the store stopped taking writes"),
            (Some(_), None) => tracing::warn!("the store takes writes again"),
            // Each write that is tried meanwhile fails in the same way.
            _ => {}
        }
        *known = trouble;
    }

    /// An assignment cannot panic half-way.
    fn lock(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's state; it lives on its own thread.
pub(super) struct Writer<M> {
    pub(super) shared: Arc<Shared<M>>,
    pub(super) queue: mpsc::Receiver<Job<M>>,
    pub(super) queued_bytes: Arc<AtomicUsize>,
    pub(super) log: Log,
    pub(super) books: Books,
    pub(super) segment_bytes: u64,
    pub(super) reclaim_bytes: u64,
    pub(super) pass: Option<Pass>,
    /// Why nothing is written, when that is so.
    pub(super) health: Arc<Health>,
    /// A damaged segment stopped reclaiming.
    pub(super) keeps_all: bool,
}

/// What a batch will do once it is durable.
struct Batch<M> {
    revision: Revision,
    changes: Vec<Change<M>>,
    /// The state of keys that the batch changes.
    touched: HashMap<Key, Option<Arc<Entry<M>>>>,
    compact: Option<Revision>,
}

/// An answer that waits until its batch is durable.
enum Reply<M> {
    Write(Answer<Written<M>>, Result<Written<M>, WriteError>),
    Done(Answer<()>),
}

impl<M> Reply<M> {
    /// Sends the answer. When the caller dropped its future, the answer is not needed.
    fn send(self) {
        match self {
            Self::Write(answer, result) => drop(answer.send(result)),
            Self::Done(answer) => drop(answer.send(Ok(()))),
        }
    }

    fn fail(self, trouble: &Trouble) {
        match self {
            Self::Write(answer, _) => drop(answer.send(Err(trouble.to_error()))),
            Self::Done(answer) => drop(answer.send(Err(trouble.to_error()))),
        }
    }
}

impl<M> Batch<M> {
    /// Adds a write to the batch, or says why not.
    fn write(
        &mut self,
        index: &OrdMap<Key, Arc<Entry<M>>>,
        draft: &mut Draft,
        (key, expect): (Key, Expect),
        value: Option<(Bytes, M)>,
    ) -> Result<Written<M>, WriteError> {
        let previous = self.touched.get(&key).unwrap_or(&index.get(&key).cloned()).clone();
        check(previous.as_ref(), expect, value.is_none())?;
        let revision = Revision(self.revision.0 + 1);
        let created = previous.as_ref().map_or(revision, |entry| entry.created);
        let bytes: &[u8] = value.as_ref().map_or(&[], |(bytes, _)| bytes);
        let kind = if value.is_some() { Kind::Put } else { Kind::Delete };
        let place =
            draft.push(&Frame { kind, key: &key, value: bytes, revision: revision.0, created: created.0, other: 0 });
        let current =
            value.map(|(_, meta)| Arc::new(Entry { key: key.clone(), created, modified: revision, meta, place }));
        let entry = current.clone().or_else(|| previous.clone()).ok_or(WriteError::Absent)?;
        self.revision = revision;
        self.touched.insert(key.clone(), current.clone());
        self.changes.push(Change { key, current, previous });
        Ok(Written { revision, entry })
    }
}

impl<M: Clone + Send + Sync + 'static> Writer<M> {
    /// Works until every sender of the queue is gone and what they sent is done.
    pub(super) fn run(mut self) {
        let mut jobs = Vec::new();
        while self.receive(&mut jobs) {
            self.batch(&mut jobs);
        }
    }

    /// Takes the jobs of the next batch. Waits for the first one, unless there is space to reclaim meanwhile. False
    /// when there will be no more.
    fn receive(&mut self, jobs: &mut Vec<Job<M>>) -> bool {
        if self.pass.is_none() {
            match self.queue.blocking_recv() {
                Some(job) => jobs.push(job),
                None => return false,
            }
        }
        let mut bytes = jobs.iter().map(Job::weight).sum::<usize>();
        let open = loop {
            if jobs.len() >= BATCH_WRITES || bytes >= BATCH_BYTES {
                break true;
            }
            match self.queue.try_recv() {
                Ok(job) => {
                    bytes += job.weight();
                    jobs.push(job);
                }
                Err(mpsc::error::TryRecvError::Empty) => break true,
                Err(mpsc::error::TryRecvError::Disconnected) => break !jobs.is_empty(),
            }
        };
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        open
    }

    fn batch(&mut self, jobs: &mut Vec<Job<M>>) {
        let mut replies = Vec::with_capacity(jobs.len());
        let result = match self.health.trouble().filter(|trouble| !trouble.is_passing) {
            Some(trouble) => Err(trouble),
            None => self.roll().and_then(|()| self.write_batch(jobs, &mut replies)),
        };
        match result {
            Ok(has_room) => {
                if has_room {
                    self.health.replace(None);
                }
                replies.into_iter().for_each(Reply::send);
            }
            Err(trouble) => {
                // Before the answers: who asks next is told the same.
                self.health.replace(Some(trouble.clone()));
                jobs.drain(..).for_each(|job| job.fail(&trouble));
                replies.into_iter().for_each(|reply| reply.fail(&trouble));
                self.pass = None;
            }
        }
    }

    /// Begins a new segment, if the last one is full.
    fn roll(&mut self) -> Result<(), Trouble> {
        if self.log.active().length < self.segment_bytes {
            return Ok(());
        }
        let (revision, compacted) = {
            let live = self.shared.lock();
            (live.revision.0, live.compacted.0)
        };
        self.log.roll(revision, compacted).map_err(|stop| self.trouble("begin a segment after", stop))
    }

    /// Makes a batch of the jobs, writes and publishes it; `replies` are to be sent afterwards. Says whether it is known
    /// now that there is room: a small write may still fit where most do not.
    fn write_batch(&mut self, jobs: &mut Vec<Job<M>>, replies: &mut Vec<Reply<M>>) -> Result<bool, Trouble> {
        let probed = jobs.iter().any(|job| matches!(job, Job::Probe { .. }));
        if probed && self.health.trouble().is_some() {
            self.log.try_room().map_err(|stop| self.trouble("write to", stop))?;
        }
        let (index, compacted, revision) = {
            let live = self.shared.lock();
            (live.index.clone(), live.compacted, live.revision)
        };
        let mut draft = self.log.draft();
        let moves = self.reclaim(&index, compacted, &mut draft);
        let reclaimed = self.pass.as_ref().is_some_and(Pass::done);
        let mut batch = Batch { revision, changes: Vec::new(), touched: HashMap::new(), compact: None };
        for job in jobs.drain(..) {
            match job {
                Job::Write { key, expect, value, answer } => {
                    let result = batch.write(&index, &mut draft, (key, expect), value);
                    replies.push(Reply::Write(answer, result));
                }
                Job::Compact { up_to, answer } => {
                    let up_to = up_to.min(batch.revision);
                    batch.compact = batch.compact.max((up_to > compacted).then_some(up_to));
                    replies.push(Reply::Done(answer));
                }
                Job::Probe { answer } => replies.push(Reply::Done(answer)),
            }
        }
        // Nodes of the index that no snapshot holds can then be changed in place.
        drop(index);
        let floor = batch.compact.max(reclaimed.then_some(compacted));
        if let Some(floor) = floor {
            let first = self.log.first() + u64::from(reclaimed);
            draft.push(&Frame::mark(Kind::Floor, floor.0, 0, first));
        }
        self.log.append(draft, batch.revision.0).map_err(|stop| self.trouble("write to", stop))?;
        self.publish(moves, batch, revision);
        if reclaimed {
            self.finish_pass();
        }
        self.begin_pass();
        Ok(probed)
    }

    /// Publishes what is durable now; `revision` was the newest one before.
    fn publish(&mut self, moves: Vec<Move>, batch: Batch<M>, mut revision: Revision) {
        if let Some(pass) = &mut self.pass {
            relocate::index(&self.shared, &moves);
            pass.moved.extend(moves.into_iter().map(|moved| (moved.revision, moved.place)));
        }
        for change in &batch.changes {
            revision = Revision(revision.0 + 1);
            self.books.add(change, revision);
        }
        let mut retired = self.shared.publish(batch.changes);
        if let Some(up_to) = batch.compact {
            retired.extend(self.shared.compact(up_to));
        }
        retired.iter().for_each(|event| self.books.retire(event));
    }

    /// Goes on with the pass that runs, if one does.
    fn reclaim(&mut self, index: &OrdMap<Key, Arc<Entry<M>>>, compacted: Revision, draft: &mut Draft) -> Vec<Move> {
        let Some(pass) = &mut self.pass else { return Vec::new() };
        match pass.step(&Needed { index, books: &self.books, compacted }, draft) {
            Ok(moves) => moves,
            Err(why) => {
                tracing::error!(%why, "space is no longer reclaimed; restore the directory from a backup");
                self.keeps_all = true;
                self.pass = None;
                Vec::new()
            }
        }
    }

    fn begin_pass(&mut self) {
        if self.pass.is_none() && !self.keeps_all && self.books.wasteful(self.log.length(), self.reclaim_bytes) {
            self.pass = self.log.oldest_sealed().map(|part| Pass::new(part.segment.clone(), part.length));
        }
    }

    fn finish_pass(&mut self) {
        if let Some(pass) = self.pass.take() {
            relocate::window(&self.shared, pass.segment.number, &pass.moved);
            self.log.remove_oldest();
        }
    }

    fn trouble(&self, action: &str, stop: log::Stop) -> Trouble {
        let path = self.log.active().segment.path.display();
        let (error, advice, is_passing) = match stop {
            log::Stop::Full(error) => (error, "make room on the disk, and writes go on by themselves", true),
            log::Stop::Failed(error) => (error, "see to the disk and start again", false),
        };
        Trouble { why: format!("cannot {action} {path}: {error}; {advice}"), is_passing }
    }
}
