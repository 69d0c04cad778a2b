//! Ranges of keys.

use std::ops::Bound;
use std::sync::Arc;

use crate::{Key, Range};

impl Range {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// Every key that starts with `prefix`, the key `prefix` itself included.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        // The end is the prefix with its last byte that can grow, grown; a prefix of nothing but 0xff has no end.
        let end = match prefix.iter().rposition(|byte| *byte != u8::MAX) {
            Some(last) => {
                let mut end = prefix[..=last].to_vec();
                end[last] += 1;
                Bound::Excluded(Arc::from(end))
            }
            None => Bound::Unbounded,
        };
        Self { start: Bound::Included(Arc::from(prefix)), end }
    }

    /// Exactly one key.
    #[must_use]
    pub fn one(key: &[u8]) -> Self {
        let key: Key = Arc::from(key);
        Self { start: Bound::Included(key.clone()), end: Bound::Included(key) }
    }

    /// Is the key in the range?
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        let from = match &self.start {
            Bound::Included(start) => key >= start.as_ref(),
            Bound::Excluded(start) => key > start.as_ref(),
            Bound::Unbounded => true,
        };
        from && match &self.end {
            Bound::Included(end) => key <= end.as_ref(),
            Bound::Excluded(end) => key < end.as_ref(),
            Bound::Unbounded => true,
        }
    }

    /// Can no key be in it? Ordered maps panic when they are asked for such a range.
    pub(crate) fn is_void(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => {
                start >= end
            }
        }
    }
}
