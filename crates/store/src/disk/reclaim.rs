//! Reclaiming space. The log is a queue: what is still needed of its oldest segment is copied to its end, batch by batch
//! beside ordinary writes, then a floor says that the segment is gone, then it is removed. A crash in between leaves
//! copies that are equal to what they were copied from.
//!
//! A delete in the oldest segment that no watcher may ask for any more is simply left behind: everything it hid was
//! written before it, in segments that are gone. That is why only the oldest segment is ever taken.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use imbl::OrdMap;

use super::books::Books;
use super::draft::Draft;
use super::frame::{BadFrame, Frame, HEADER, Kind};
use super::segment::Segment;
use crate::{Entry, Key, Place, Revision};

/// Bytes of the oldest segment that one batch goes through: a write that shares its batch with a step waits some 100 µs
/// more for it, and a segment of 16 MiB is done in 64 steps.
const STEP: usize = 256 * 1024;

/// One pass over the oldest segment.
pub(super) struct Pass {
    pub(super) segment: Arc<Segment>,
    length: u64,
    at: u64,
    /// Where values went, by revision, once that is durable.
    pub(super) moved: HashMap<Revision, Place>,
}

/// A value copied in the batch that is being made.
pub(super) struct Move {
    pub(super) key: Key,
    pub(super) revision: Revision,
    pub(super) place: Place,
    /// Is it its key's state?
    pub(super) lives: bool,
}

/// What decides whether a frame is still needed.
pub(super) struct Needed<'a, M> {
    pub(super) index: &'a OrdMap<Key, Arc<Entry<M>>>,
    pub(super) books: &'a Books,
    pub(super) compacted: Revision,
}

impl Pass {
    pub(super) fn new(segment: Arc<Segment>, length: u64) -> Self {
        Self { segment, length, at: HEADER as u64, moved: HashMap::new() }
    }

    /// Is everything that is needed copied?
    pub(super) fn done(&self) -> bool {
        self.at >= self.length
    }

    /// Copies what is needed of the next stretch.
    ///
    /// # Errors
    /// The segment cannot be read or is damaged: a sentence. Nothing is lost by that, as long as it is not removed.
    pub(super) fn step<M>(&mut self, needed: &Needed<'_, M>, draft: &mut Draft) -> Result<Vec<Move>, String> {
        let mut bytes = self.read(STEP)?;
        let mut moves = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let frame = match Frame::decode(&bytes[at..]) {
                Ok((frame, _)) => frame,
                Err(BadFrame::Short(_)) if at > 0 => break,
                // One frame is larger than a step.
                Err(BadFrame::Short(length)) if length > bytes.len() && length as u64 <= self.length - self.at => {
                    bytes = self.read(length)?;
                    continue;
                }
                Err(error) => {
                    let offset = self.at + at as u64;
                    return Err(format!("{} is damaged at byte {offset}: {error:?}", self.segment.path.display()));
                }
            };
            at += frame.size();
            moves.extend(copy(&self.segment, &frame, needed, draft));
        }
        self.at += at as u64;
        Ok(moves)
    }

    fn read(&self, length: usize) -> Result<Vec<u8>, String> {
        let left = usize::try_from(self.length - self.at).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        match self.segment.file.read_exact_at(&mut bytes, self.at) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(format!("cannot read {} at byte {}: {error}", self.segment.path.display(), self.at)),
        }
    }
}

/// Copies one frame, if it is needed.
fn copy<M>(segment: &Segment, frame: &Frame<'_>, needed: &Needed<'_, M>, draft: &mut Draft) -> Option<Move> {
    let revision = Revision(frame.revision);
    match frame.kind {
        Kind::Put | Kind::Moved | Kind::Past => {
            let entry = needed.index.get_key_value(frame.key).filter(|(_, entry)| entry.modified == revision);
            if let Some((key, entry)) = entry {
                // Not here when a crash came between a copy and the floor: the copy counts.
                let here = entry.place.segment().is_some_and(|number| number == segment.number);
                return here.then(|| {
                    let place = draft.push(&Frame { kind: Kind::Moved, other: 0, ..*frame });
                    Move { key: key.clone(), revision, place, lives: true }
                });
            }
            let ended = needed.books.ended(revision)?;
            let place = draft.push(&Frame { kind: Kind::Past, other: ended.0, ..*frame });
            Some(Move { key: Arc::from(frame.key), revision, place, lives: false })
        }
        Kind::Delete | Kind::MovedDelete => {
            if revision > needed.compacted {
                draft.push(&Frame { kind: Kind::MovedDelete, ..*frame });
            }
            None
        }
        Kind::Floor | Kind::Commit => None,
    }
}
