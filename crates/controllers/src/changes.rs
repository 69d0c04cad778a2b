//! Whether a change of an object is one that others depend on: most writes are of counts and messages.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use client::NamespacedName;

/// What is remembered of each object of a kind, to compare with what it says next.
pub(crate) struct Changes<T>(Mutex<HashMap<NamespacedName, T>>);

impl<T: PartialEq> Changes<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// What was there before, when it differs from `now`; `now` is `None` for an object that is gone.
    pub(crate) fn replace(&self, key: &NamespacedName, now: Option<T>) -> Option<Option<T>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(key) == now.as_ref() {
            return None;
        }
        Some(match now {
            Some(now) => known.insert(key.clone(), now),
            None => known.remove(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_is_a_change() {
        let (changes, key) = (Changes::new(), NamespacedName::new("n", "a"));
        assert_eq!(changes.replace(&key, Some(1)), Some(None));
        assert_eq!(changes.replace(&key, Some(1)), None);
        assert_eq!(changes.replace(&key, Some(2)), Some(Some(1)));
        assert_eq!(changes.replace(&key, None), Some(Some(2)));
        assert_eq!(changes.replace(&key, None), None);
    }
}
