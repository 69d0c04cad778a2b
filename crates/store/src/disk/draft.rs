//! A batch in the making.

use std::sync::Arc;

use super::frame::{FRAME, Frame, Kind};
use super::segment::Segment;
use crate::Place;

/// Frames that will be written together, valid together or not at all.
pub(super) struct Draft {
    segment: Arc<Segment>,
    /// Where in the segment the batch will begin.
    base: u64,
    bytes: Vec<u8>,
    frames: u64,
}

impl Draft {
    /// An empty batch; `bytes` is an empty buffer to use.
    pub(super) fn new(segment: Arc<Segment>, base: u64, bytes: Vec<u8>) -> Self {
        Self { segment, base, bytes, frames: 0 }
    }

    /// Appends a frame and returns the place its value will have.
    pub(super) fn push(&mut self, frame: &Frame<'_>) -> Place {
        let crc = frame.encode(&mut self.bytes);
        self.frames += 1;
        let offset = self.base + (self.bytes.len() - frame.value.len()) as u64;
        // A segment ends at SEGMENT_BYTES_MOST and one batch, below 4 GiB.
        Place::disk(self.segment.clone(), offset as u32, frame.value.len() as u32, crc)
    }

    /// The bytes to write, with their commit, after which `revision` is the newest one. None when there is nothing to do.
    pub(super) fn finish(mut self, revision: u64) -> Vec<u8> {
        if self.frames > 0 {
            let length = (self.bytes.len() + FRAME) as u64;
            Frame::mark(Kind::Commit, revision, length, self.frames).encode(&mut self.bytes);
        }
        self.bytes
    }
}
