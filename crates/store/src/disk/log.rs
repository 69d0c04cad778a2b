//! The log as its one writer sees it: the segments of the store, of which the last one grows.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::draft::Draft;
use super::frame::{HEADER, Header};
use super::segment::Segment;

/// Capacity that the buffer of batches keeps: an unusually large batch does not stay in memory for ever.
const BUFFER_BYTES: usize = 1024 * 1024;

/// How bytes get to the disk; tests put a failing disk here.
pub(super) trait Medium: Send {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync(&mut self, file: &File) -> io::Result<()>;
    /// Cuts a file off; needs no space.
    fn truncate(&mut self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }
}

/// Why the log did not grow.
#[derive(Debug)]
pub(super) enum Stop {
    /// There was no room. What was written of it is taken back: the log is as before, and may be tried again.
    Full(io::Error),
    /// It is unknown what is on the disk.
    Failed(io::Error),
}

/// Does it say that there is no room, for anybody or for this user?
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Bytes that must fit before a disk that was full counts as having room: a batch of some 20 usual writes, so that the
/// first write after it does not fill it again.
const ROOM_BYTES: usize = 64 * 1024;

/// The operating system's.
pub(super) struct System;

impl Medium for System {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// A segment and how many of its bytes are durable.
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) length: u64,
}

/// All segments, never none.
pub(super) struct Log {
    pub(super) dir: PathBuf,
    /// All but the last.
    sealed: VecDeque<Part>,
    active: Part,
    medium: Box<dyn Medium>,
    buffer: Vec<u8>,
    /// Held for its lock on the directory.
    _lock: File,
}

impl Log {
    pub(super) fn new(dir: PathBuf, sealed: VecDeque<Part>, active: Part, medium: Box<dyn Medium>, lock: File) -> Self {
        Self { dir, sealed, active, medium, buffer: Vec::new(), _lock: lock }
    }

    pub(super) fn active(&self) -> &Part {
        &self.active
    }

    /// The oldest segment that no longer grows.
    pub(super) fn oldest_sealed(&self) -> Option<&Part> {
        self.sealed.front()
    }

    /// Number of the oldest segment.
    pub(super) fn first(&self) -> u64 {
        self.sealed.front().unwrap_or(&self.active).segment.number
    }

    /// Bytes of all segments.
    pub(super) fn length(&self) -> u64 {
        self.sealed.iter().map(|part| part.length).sum::<u64>() + self.active.length
    }

    /// An empty batch that continues the log.
    pub(super) fn draft(&mut self) -> Draft {
        Draft::new(self.active.segment.clone(), self.active.length, std::mem::take(&mut self.buffer))
    }

    /// Appends a batch, after which `revision` is the newest one, and makes it durable. An empty batch needs nothing.
    pub(super) fn append(&mut self, draft: Draft, revision: u64) -> Result<(), Stop> {
        let mut batch = draft.finish(revision);
        let length = batch.len();
        if length > 0 {
            let file = &self.active.segment.file;
            if let Err(error) = self.medium.write(file, &batch, self.active.length) {
                return Err(self.take_back(error));
            }
            self.medium.sync(file).map_err(Stop::Failed)?;
            self.active.length += length as u64;
        }
        batch.clear();
        batch.shrink_to(BUFFER_BYTES);
        self.buffer = batch;
        Ok(())
    }

    /// After a write that failed: cuts off what it left, if there was no room for it. No sync is needed: were the cut lost
    /// with the power, its rest is a batch without its end, which the next open cuts off.
    fn take_back(&mut self, error: io::Error) -> Stop {
        let cut = is_full(&error) && self.medium.truncate(&self.active.segment.file, self.active.length).is_ok();
        if cut { Stop::Full(error) } else { Stop::Failed(error) }
    }

    /// Tries whether there is room again.
    pub(super) fn try_room(&mut self) -> Result<(), Stop> {
        let file = &self.active.segment.file;
        if let Err(error) = self.medium.write(file, &[0; ROOM_BYTES], self.active.length) {
            return Err(self.take_back(error));
        }
        self.medium.truncate(file, self.active.length).map_err(Stop::Failed)
    }

    /// Seals the active segment and begins the next one.
    pub(super) fn roll(&mut self, revision: u64, compacted: u64) -> Result<(), Stop> {
        let header = Header {
            number: self.active.segment.number + 1,
            base: revision,
            sealed: self.active.length,
            first: self.first(),
            compacted,
        };
        let segment = Segment::create(&self.dir, &header).map_err(|error| {
            // Once it has its name it may be there after a crash: then nothing may follow in the segment before it.
            let is_named = Segment::path_of(&self.dir, header.number).exists();
            if is_full(&error) && !is_named { Stop::Full(error) } else { Stop::Failed(error) }
        })?;
        let sealed = std::mem::replace(&mut self.active, Part { segment: Arc::new(segment), length: HEADER as u64 });
        self.sealed.push_back(sealed);
        Ok(())
    }

    /// Removes the oldest segment, which a durable floor has excluded from the store. If that fails or is undone by a
    /// crash, the next open removes it.
    pub(super) fn remove_oldest(&mut self) {
        let Some(part) = self.sealed.pop_front() else { return };
        if let Err(error) = fs::remove_file(&part.segment.path) {
            tracing::warn!(path = %part.segment.path.display(), %error, "a segment that is no longer needed stays until the store is opened again");
        }
    }
}
