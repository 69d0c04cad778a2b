//! Reading a segment from its beginning to its end, checking every byte.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::frame::{BadFrame, Frame, HEADER, Kind, commits_later};
use super::segment::Segment;
use crate::{Key, Place};

/// Bytes read at once: enough to be quick, and small beside the index that is built from them.
const WINDOW: usize = 256 * 1024;

/// One put or delete found in the log.
pub(super) struct Version {
    pub(super) key: u32,
    /// Where the value is; `None` for a delete.
    pub(super) value: Option<Spot>,
    pub(super) revision: u64,
    pub(super) created: u64,
    /// The revision that ended it, when the log says so (`Kind::Past`); else 0.
    pub(super) ended: u64,
}

/// A place before it is known whether it is needed.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    segment: u32,
    offset: u32,
    length: u32,
    crc: u32,
}

/// How far the frames that were read lead.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    /// The newest revision.
    pub(super) revision: u64,
    /// The oldest revision after which a watch can start.
    pub(super) compacted: u64,
    /// The oldest segment of the store.
    pub(super) first: u64,
}

impl Chain {
    /// Takes the next frame, if it continues the log.
    pub(super) fn accept(&mut self, frame: &Frame<'_>) -> Result<(), &'static str> {
        match frame.kind {
            Kind::Put | Kind::Delete => {
                if frame.revision != self.revision + 1 {
                    return Err("a revision is missing");
                }
                self.revision = frame.revision;
            }
            Kind::Moved | Kind::MovedDelete | Kind::Past => {
                if frame.revision > self.revision {
                    return Err("a copy is newer than the store");
                }
            }
            Kind::Floor => {
                self.compacted = self.compacted.max(frame.revision);
                self.first = self.first.max(frame.other);
            }
            Kind::Commit => {}
        }
        Ok(())
    }

    /// Checks the commit that ends a batch of `frames` frames and `length` bytes, the commit's own included.
    pub(super) fn close(&self, commit: &Frame<'_>, frames: u64, length: u64) -> Result<(), &'static str> {
        if commit.other != frames || commit.created != length {
            return Err("a batch is incomplete");
        }
        if commit.revision != self.revision {
            return Err("a batch ends at another revision than it says");
        }
        Ok(())
    }
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) chain: Chain,
    /// Keys found, with their numbers.
    pub(super) keys: HashMap<Key, u32>,
    pub(super) versions: Vec<Version>,
    pub(super) segments: Vec<Arc<Segment>>,
}

/// How far a segment is sound, and why no further.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A batch at the end that was never completely written: where it begins, and where it goes wrong.
    Torn { batch: u64, at: u64, what: &'static str },
    /// Damage, and where.
    Damaged { at: u64, what: &'static str },
    /// The operating system said no.
    Io(io::Error),
}

impl Reading {
    /// The place of a spot.
    pub(super) fn place(&self, spot: Spot) -> Place {
        Place::disk(self.segments[spot.segment as usize].clone(), spot.offset, spot.length, spot.crc)
    }

    /// Reads one segment of `length` bytes. What is read of a batch that turns out to be bad is forgotten.
    pub(super) fn segment(&mut self, segment: &Arc<Segment>, length: u64) -> Result<(), Trouble> {
        self.segments.push(segment.clone());
        let mut window = Window { segment, length, base: HEADER as u64, bytes: Vec::new(), from: 0 };
        loop {
            let batch = window.offset();
            if batch == length {
                return Ok(());
            }
            let (versions, chain) = (self.versions.len(), self.chain);
            if let Err(trouble) = self.batch(&mut window) {
                self.versions.truncate(versions);
                self.chain = chain;
                return Err(match trouble {
                    Trouble::Damaged { at, what } if torn(segment, batch, length)? => Trouble::Torn { batch, at, what },
                    trouble => trouble,
                });
            }
        }
    }

    /// Reads frames up to and including a commit.
    fn batch(&mut self, window: &mut Window<'_>) -> Result<(), Trouble> {
        let batch = window.offset();
        let mut frames = 0;
        loop {
            let at = window.offset();
            let damaged = |what| Trouble::Damaged { at, what };
            window.fill()?;
            let (frame, crc) = Frame::decode(window.rest()).map_err(|error| damaged(error.what()))?;
            let size = frame.size();
            if frame.kind == Kind::Commit {
                self.chain.close(&frame, frames, at + size as u64 - batch).map_err(damaged)?;
                window.from += size;
                return Ok(());
            }
            self.frame(at, &frame, crc).map_err(damaged)?;
            frames += 1;
            window.from += size;
        }
    }

    fn frame(&mut self, at: u64, frame: &Frame<'_>, crc: u32) -> Result<(), &'static str> {
        self.chain.accept(frame)?;
        let ended = match frame.kind {
            Kind::Put | Kind::Delete | Kind::Moved | Kind::MovedDelete => 0,
            Kind::Past => frame.other,
            Kind::Floor | Kind::Commit => return Ok(()),
        };
        let key = match self.keys.get(frame.key) {
            Some(key) => *key,
            None => {
                let key = self.keys.len() as u32;
                self.keys.insert(Arc::from(frame.key), key);
                key
            }
        };
        let value = match frame.kind {
            Kind::Delete | Kind::MovedDelete => None,
            _ => {
                let offset = at + (frame.size() - frame.value.len()) as u64;
                let segment = self.segments.len() as u32 - 1;
                Some(Spot { segment, offset: offset as u32, length: frame.value.len() as u32, crc })
            }
        };
        self.versions.push(Version { key, value, revision: frame.revision, created: frame.created, ended });
        Ok(())
    }
}

/// Can a bad batch that begins at `batch` be one that was being written when everything stopped?
fn torn(segment: &Segment, batch: u64, length: u64) -> Result<bool, Trouble> {
    let mut bytes = vec![0; (length - batch) as usize];
    segment.file.read_exact_at(&mut bytes, batch).map_err(Trouble::Io)?;
    Ok(!commits_later(&bytes))
}

/// A stretch of a segment in memory.
struct Window<'a> {
    segment: &'a Segment,
    length: u64,
    /// Where `bytes` begin in the segment.
    base: u64,
    bytes: Vec<u8>,
    /// How many of them are done with.
    from: usize,
}

impl Window<'_> {
    fn offset(&self) -> u64 {
        self.base + self.from as u64
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Makes sure that the next frame is in memory whole, if it is in the segment whole.
    fn fill(&mut self) -> Result<(), Trouble> {
        loop {
            let need = match Frame::span(self.rest()) {
                Ok(span) if span <= self.rest().len() => return Ok(()),
                Ok(span) => span,
                Err(BadFrame::Short(need)) => need,
                // Decoding it reports the error.
                Err(BadFrame::Damaged(_)) => return Ok(()),
            };
            let left = self.length - self.offset();
            if need as u64 > left {
                return Ok(());
            }
            let take = need.max(WINDOW).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.base = self.offset();
            self.from = 0;
            self.bytes.resize(take, 0);
            self.segment.file.read_exact_at(&mut self.bytes, self.base).map_err(Trouble::Io)?;
        }
    }
}

impl BadFrame {
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Short(_) => "the file ends within a batch",
            Self::Damaged(what) => what,
        }
    }
}
