//! Reading a log that another process may be writing: what a backup is made of, and how a copy is checked.
//!
//! The log only grows at its end and loses whole segments at its beginning, so a copy needs no lock and no help of the
//! process that writes: all segments, the last one up to its last complete batch, are the store as it was at one
//! revision. A segment that is removed while the files are being opened makes the copy begin again; once it is open it
//! can be read to its end.
//!
//! Memory is bounded by one segment, however large the store is.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::error::OpenError;
use super::frame::{BadFrame, Frame, HEADER, Kind};
use super::recover::{decode_header, head_of};
use super::scan::{Chain, Reading, Trouble};
use super::segment::{Segment, number_of, numbers};
use crate::Revision;

/// How often the files are opened again because one of them was removed meanwhile. A segment is reclaimed in tens of
/// milliseconds at best, and opening a hundred files takes one.
const ATTEMPTS: usize = 20;

/// Bytes read at once from a file.
const CHUNK: usize = 256 * 1024;

/// The files of a log as they were at one revision.
#[derive(Debug)]
pub struct LogCopy {
    pieces: Vec<Piece>,
    revision: Revision,
}

/// One segment of a copy.
#[derive(Clone, Debug)]
pub struct Piece {
    segment: Arc<Segment>,
    length: u64,
}

impl Piece {
    /// The name of its file.
    #[must_use]
    pub fn name(&self) -> String {
        self.segment.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// How many of its bytes belong to the copy.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads these bytes.
    #[must_use]
    pub fn reader(&self) -> impl Read + '_ {
        PieceReader { file: &self.segment.file, at: 0, length: self.length }
    }
}

struct PieceReader<'a> {
    file: &'a File,
    at: u64,
    length: u64,
}

impl Read for PieceReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.at).unwrap_or(usize::MAX);
        let want = out.len().min(left);
        let read = self.file.read_at(&mut out[..want], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl LogCopy {
    /// Opens the log in a directory as it is now. Takes no lock and changes nothing.
    ///
    /// # Errors
    /// There is no log, its end is damaged, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let mut attempt = 1;
        loop {
            match Self::open_once(dir) {
                Err(OpenError::Missing { .. }) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn open_once(dir: &Path) -> Result<Self, OpenError> {
        let found = numbers(dir)?;
        let Some(last) = found.last().copied() else {
            return Err(OpenError::Missing { path: Segment::path_of(dir, 1) });
        };
        let (segment, header, length) = head_of(Segment::open_to_read(dir, last)?)?;
        let chain = Chain { revision: header.base, first: header.first, compacted: header.compacted };
        let mut reading = Reading { chain, ..Reading::default() };
        let length = match reading.segment(&segment, length) {
            Ok(()) => length,
            // A batch that is being written, or that a crash left.
            Err(Trouble::Torn { batch, .. }) => batch,
            Err(Trouble::Damaged { at, what }) => return Err(OpenError::damaged(&segment.path, at, what)),
            Err(Trouble::Io(error)) => return Err(OpenError::io("read", &segment.path, error)),
        };
        let mut pieces = Vec::new();
        for number in reading.chain.first..last {
            let (segment, _, length) = head_of(Segment::open_to_read(dir, number)?)?;
            pieces.push(Piece { segment, length });
        }
        pieces.push(Piece { segment, length });
        Ok(Self { pieces, revision: Revision(reading.chain.revision) })
    }

    /// The revision that it shows.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The segments, the oldest first.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

/// What a log says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// This is its value, unless a later revision says otherwise.
    Put(&'a [u8]),
    /// It has no value.
    Deleted,
}

/// One change of a key that may be its state. A copy of it may come a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Of which write.
    pub revision: Revision,
    /// What became of it.
    pub change: Change<'a>,
}

/// Checks every byte of a log, segment after segment, from wherever it is read.
#[derive(Debug, Default)]
pub struct LogCheck {
    /// Number and length of the segment before; `None` before the first.
    before: Option<(u64, u64)>,
    chain: Chain,
}

impl LogCheck {
    /// The newest revision so far.
    #[must_use]
    pub fn revision(&self) -> Revision {
        Revision(self.chain.revision)
    }

    /// Reads the next segment, which has this name and this length, to its end, and calls `visit` for each change.
    /// Memory is bounded by the largest value.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] with the offset when a byte is wrong or the segment does not continue the one before it;
    /// what the source says. `path` is how the segment is called in the message.
    pub fn read_segment(
        &mut self,
        path: &Path,
        length: u64,
        source: &mut dyn Read,
        visit: &mut dyn FnMut(Record<'_>),
    ) -> Result<(), OpenError> {
        let damaged = |at, what| OpenError::damaged(path, at, what);
        let mut frames = Frames { source, bytes: Vec::new(), from: 0, at: 0, left: length };
        let unread = |error| OpenError::io("read", path, error);
        frames.fill(HEADER).map_err(unread)?;
        let header = decode_header(frames.rest(), path)?;
        frames.skip(HEADER);
        let named = path.file_name().and_then(|name| number_of(name.to_str()?));
        if named != Some(header.number) {
            return Err(damaged(16, "the file has another segment's name"));
        }
        match self.before {
            None => self.chain = Chain { revision: header.base, ..Chain::default() },
            Some((number, _)) if header.number != number + 1 => {
                return Err(damaged(16, "a segment is missing before it"));
            }
            Some((_, sealed)) if header.sealed != sealed => {
                return Err(damaged(32, "the segment before it is shorter or longer than when it was sealed"));
            }
            Some(_) if header.base != self.chain.revision => {
                return Err(damaged(24, "the segment does not continue the one before it"));
            }
            Some(_) => {}
        }
        self.chain.compacted = self.chain.compacted.max(header.compacted);
        let (mut batch, mut count) = (frames.at, 0);
        while frames.left_in_all() > 0 {
            let at = frames.at;
            let wrong = |what| damaged(at, what);
            frames.fill_frame().map_err(unread)?;
            let (frame, _) = Frame::decode(frames.rest()).map_err(|error| wrong(error.what()))?;
            self.chain.accept(&frame).map_err(wrong)?;
            let size = frame.size();
            if frame.kind == Kind::Commit {
                self.chain.close(&frame, count, at + size as u64 - batch).map_err(wrong)?;
                (batch, count) = (at + size as u64, 0);
            } else {
                count += 1;
                record(&frame).into_iter().for_each(&mut *visit);
            }
            frames.skip(size);
        }
        if batch != frames.at {
            return Err(damaged(batch, "the file ends within a batch"));
        }
        self.before = Some((header.number, length));
        Ok(())
    }
}

fn record<'a>(frame: &Frame<'a>) -> Option<Record<'a>> {
    let change = match frame.kind {
        Kind::Put | Kind::Moved => Change::Put(frame.value),
        Kind::Delete | Kind::MovedDelete => Change::Deleted,
        // What was overwritten before it was copied is never a key's state.
        Kind::Past | Kind::Floor | Kind::Commit => return None,
    };
    Some(Record { key: frame.key, revision: Revision(frame.revision), change })
}

/// A stretch of a segment in memory, read from its beginning to its end.
struct Frames<'a> {
    source: &'a mut dyn Read,
    bytes: Vec<u8>,
    /// How many of `bytes` are done with.
    from: usize,
    /// Where the rest of them begins in the segment.
    at: u64,
    /// Bytes of the segment that were not read yet.
    left: u64,
}

impl Frames<'_> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    fn left_in_all(&self) -> u64 {
        self.left + self.rest().len() as u64
    }

    fn skip(&mut self, count: usize) {
        let count = count.min(self.rest().len());
        self.from += count;
        self.at += count as u64;
    }

    /// Reads until the next frame is in memory whole, if it is in the segment whole.
    fn fill_frame(&mut self) -> io::Result<()> {
        loop {
            let need = match Frame::span(self.rest()) {
                Ok(span) => span,
                Err(BadFrame::Short(need)) => need,
                // Decoding it reports the error.
                Err(BadFrame::Damaged(_)) => return Ok(()),
            };
            if need <= self.rest().len() || self.left == 0 {
                return Ok(());
            }
            self.fill(need)?;
        }
    }

    /// Reads until `need` bytes are in memory, or the segment ends.
    fn fill(&mut self, need: usize) -> io::Result<()> {
        self.bytes.drain(..self.from);
        self.from = 0;
        while self.bytes.len() < need && self.left > 0 {
            let take = need.max(CHUNK).min(self.bytes.len() + usize::try_from(self.left).unwrap_or(usize::MAX));
            let had = self.bytes.len();
            self.bytes.resize(take, 0);
            let read = self.source.read(&mut self.bytes[had..]);
            self.bytes.truncate(had + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.left -= count as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
