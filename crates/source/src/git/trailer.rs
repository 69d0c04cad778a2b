//! Whether a pack came whole: it ends with the digest of what stands before (`gitformat-pack`, "TRAILER").
//!
//! This is checked while the pack arrives. A pack that a broken connection cut off is then not taken for a cache whose
//! objects are damaged, which would be cleared and fetched from nothing.

use gix_hash::{Hasher, ObjectId, hasher};

use super::objects::HASH;

/// The digest of what has arrived, and the bytes that may be the trailer.
pub(super) struct Trailer {
    hasher: Hasher,
    /// The last bytes, which are not in the digest yet.
    last: Vec<u8>,
}

impl Trailer {
    pub(super) fn new() -> Self {
        Self { hasher: hasher(HASH), last: Vec::with_capacity(HASH.len_in_bytes()) }
    }

    /// Adds what arrived.
    pub(super) fn update(&mut self, data: &[u8]) {
        let length = HASH.len_in_bytes();
        if data.len() >= length {
            let (before, last) = data.split_at(data.len() - length);
            self.hasher.update(&self.last);
            self.hasher.update(before);
            self.last.clear();
            self.last.extend_from_slice(last);
        } else {
            self.last.extend_from_slice(data);
            let surplus = self.last.len().saturating_sub(length);
            self.hasher.update(&self.last[..surplus]);
            self.last.drain(..surplus);
        }
    }

    /// Is what arrived last the digest of all before?
    pub(super) fn holds(self) -> bool {
        // A digest that collides on purpose is no trailer of an honest server.
        self.hasher
            .try_finalize()
            .is_ok_and(|digest| ObjectId::try_from(self.last.as_slice()).is_ok_and(|last| last == digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_that_came_whole_is_told_from_one_that_did_not() {
        let content: Vec<u8> = (0..1000_u32).map(|n| (n % 251) as u8).collect();
        let mut digest = hasher(HASH);
        digest.update(&content);
        let whole = [content.as_slice(), digest.try_finalize().unwrap().as_slice()].concat();
        let check = |bytes: &[u8], chunk: usize| {
            let mut trailer = Trailer::new();
            bytes.chunks(chunk).for_each(|chunk| trailer.update(chunk));
            trailer.holds()
        };
        for chunk in [1, 7, 19, 20, 21, 64, 999, 1000, 1001, 2000] {
            assert!(check(&whole, chunk), "{chunk}");
            assert!(!check(&whole[..whole.len() - 1], chunk), "{chunk}");
            assert!(!check(&whole[..500], chunk), "{chunk}");
            assert!(!check(&whole[..10], chunk), "{chunk}");
            assert!(!check(&[&whole[..], b"x"].concat(), chunk), "{chunk}");
        }
        assert!(!check(b"", 1));
    }
}
