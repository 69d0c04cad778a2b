//! UIDs and generated suffixes.

use std::sync::atomic::{AtomicU64, Ordering};

use apiserver::Ids;
use model::Timestamp;

use crate::plan::{hash, suffix};

/// Draws from a stream that begins with the member's name, its seed and, unless it must be the same each time, the
/// moment it started: names are unique in a fleet, moments in a member's life.
pub(crate) struct Stream {
    start: u64,
    drawn: AtomicU64,
}

impl Stream {
    pub(crate) fn new(name: &str, seed: u64, moment: Option<Timestamp>) -> Self {
        let moment = moment.map_or(0, Timestamp::as_nanosecond);
        Self { start: hash(&[name.as_bytes(), &seed.to_be_bytes(), &moment.to_be_bytes()]), drawn: AtomicU64::new(0) }
    }

    fn draw(&self) -> u64 {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        hash(&[&self.start.to_be_bytes(), &number.to_be_bytes()])
    }
}

impl Ids for Stream {
    fn uid(&self) -> String {
        // The form of a version 4 UUID.
        let (high, low) = (self.draw(), self.draw());
        let high = high & !0xf000 | 0x4000;
        let low = low & !(0b11 << 62) | 0b10 << 62;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    fn suffix(&self) -> String {
        suffix(self.draw(), 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_look_like_uuids_and_differ() {
        let stream = Stream::new("m", 1, None);
        let uids: std::collections::BTreeSet<String> = (0..1000).map(|_| stream.uid()).collect();
        assert_eq!(uids.len(), 1000);
        assert!(
            uids.iter()
                .all(|uid| uid.len() == 36 && uid.as_bytes()[14] == b'4' && b"89ab".contains(&uid.as_bytes()[19]))
        );
        assert_eq!(Stream::new("m", 1, None).uid(), Stream::new("m", 1, None).uid());
        assert_ne!(Stream::new("m", 1, None).uid(), Stream::new("n", 1, None).uid());
    }
}
