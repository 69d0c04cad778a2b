//! How often an object is written: news at once, the rest at most once in a period.
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

/// How long reports are gathered before they are looked at: a thousand members that report within a second make 50 looks at
/// their Application, each over a thousand members, and not a thousand; a member that delivers many units writes its status
/// a few times, and not for each of them. A person does not see 20 ms.
pub(crate) const GATHER: Duration = Duration::from_millis(20);

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
