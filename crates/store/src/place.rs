//! Where values are.

use std::sync::Arc;

use bytes::Bytes;

use crate::ReadError;
use crate::disk::Segment;

/// Where a value is: opaque to callers, which give it back to [`crate::Store::read`]. As long as it is held its value
/// can be read, also after an overwrite, a delete or a compaction.
#[derive(Clone, Debug)]
pub struct Place(Stored);

#[derive(Clone, Debug)]
enum Stored {
    Heap(Bytes),
    /// In a segment file, which the place keeps open. 32 bits are enough: a segment is far below 4 GiB.
    Disk {
        segment: Arc<Segment>,
        offset: u32,
        length: u32,
        crc: u32,
    },
}

impl Place {
    pub(crate) fn heap(value: Bytes) -> Self {
        Self(Stored::Heap(value))
    }

    pub(crate) fn disk(segment: Arc<Segment>, offset: u32, length: u32, crc: u32) -> Self {
        Self(Stored::Disk { segment, offset, length, crc })
    }

    /// Length of the value in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        match &self.0 {
            Stored::Heap(value) => value.len(),
            Stored::Disk { length, .. } => *length as usize,
        }
    }

    /// Number of the segment it is in, if it is on a disk.
    pub(crate) fn segment(&self) -> Option<u64> {
        match &self.0 {
            Stored::Heap(_) => None,
            Stored::Disk { segment, .. } => Some(segment.number()),
        }
    }

    pub(crate) fn read(&self) -> Result<Bytes, ReadError> {
        match &self.0 {
            Stored::Heap(value) => Ok(value.clone()),
            Stored::Disk { segment, offset, length, crc } => segment.value(*offset, *length, *crc),
        }
    }
}
