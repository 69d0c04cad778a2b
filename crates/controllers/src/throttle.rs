//! How often an object is written: news at once, the rest at most once in a period. How long news of an
//! owner is gathered.
//!
//! [`client::Pace`] is another thing: it is the turn of one loop, which waits for it, and news does not come sooner than the
//! least pause either. A [`Throttle`] is asked by the reconciles of many objects. None of them waits: they tell their queue
//! when to look again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use client::NamespacedName;

/// Shortest time between two writes of one status that say nothing that a person waits for (DESIGN 6): reports of a thousand
/// members in one second are then one write of their Application.
pub(crate) const WRITE_EVERY: Duration = Duration::from_secs(1);

/// How long reports of a member are gathered before they are stored, and news of an owner with few members before it is
/// looked at. A person does not see 20 ms.
pub(crate) const GATHER_LEAST: Duration = Duration::from_millis(20);

/// How much longer for each member. A look at a thousand members takes some 20 ms of a core, which are then a tenth of it
/// at most, also while all of them report.
const GATHER_MEMBER: Duration = Duration::from_micros(200);

/// How long news of an owner is gathered before its members are looked at, each of them again.
pub(crate) fn gather(members: usize) -> Duration {
    GATHER_LEAST + GATHER_MEMBER * u32::try_from(members).unwrap_or(u32::MAX)
}

/// When objects were last written.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<BTreeMap<NamespacedName, Instant>>);

impl Throttle {
    /// How long to wait before the next write of an object; `None`: write now, and that is noted.
    pub(crate) fn wait(&self, key: &NamespacedName, every: Duration, news: bool) -> Option<Duration> {
        let now = Instant::now();
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = written.get(key).and_then(|last| every.checked_sub(now - *last)).filter(|w| !w.is_zero());
        match wait {
            Some(wait) if !news => Some(wait),
            _ => {
                written.insert(key.clone(), now);
                None
            }
        }
    }

    /// An object is gone: it is not written again.
    pub(crate) fn forget(&self, key: &NamespacedName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Waits that end by themselves.
#[derive(Default)]
pub(crate) struct Patience(Mutex<BTreeMap<NamespacedName, Instant>>);

impl Patience {
    /// How much is left of a wait that begins with the first call; `None` when it is over.
    pub(crate) fn left(&self, key: &NamespacedName, longest: Duration) -> Option<Duration> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let began = *since.entry(key.clone()).or_insert_with(Instant::now);
        longest.checked_sub(began.elapsed()).filter(|left| !left.is_zero())
    }

    /// The wait is over; the next one begins again.
    pub(crate) fn forget(&self, key: &NamespacedName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_many_members_is_gathered_for_longer() {
        assert_eq!(gather(0), Duration::from_millis(20));
        assert_eq!(gather(1_000), Duration::from_millis(220));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_begins_again() {
        let (patience, key, longest) = (Patience::default(), NamespacedName::new("n", "a"), Duration::from_secs(2));
        assert_eq!(patience.left(&key, longest), Some(longest));
        // time: how long it lasts is what this is about.
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(patience.left(&key, longest), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(patience.left(&key, longest), None);
        patience.forget(&key);
        assert_eq!(patience.left(&key, longest), Some(longest));
    }

    #[tokio::test(start_paused = true)]
    async fn news_goes_at_once_and_the_rest_waits_its_turn() {
        let (throttle, key, every) = (Throttle::default(), NamespacedName::new("n", "a"), Duration::from_secs(1));
        assert_eq!(throttle.wait(&key, every, false), None);
        assert_eq!(throttle.wait(&key, every, false), Some(every));
        assert_eq!(throttle.wait(&key, every, true), None);
        // time: the period is what this is about.
        tokio::time::advance(every).await;
        assert_eq!(throttle.wait(&key, every, false), None);
        throttle.forget(&key);
        assert_eq!(throttle.wait(&key, every, false), None);
    }
}
