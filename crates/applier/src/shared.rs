//! What the appliers of a hub share: values that their members have alike, and room for requests at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use client::discovery::Documents;
use plan::pool::Pools;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fence::Fences;
use crate::lookalike::Lookalikes;

/// Requests in flight over all units, beside the one that each unit has for itself. Two cores send some 2,800 objects a
/// second (100,000 in 36 s); with 150 ms to the other side of the world and back, these are 420 in flight. More would wait
/// in memory only.
const SPARE_LANES: usize = 512;

/// First lists of a kind that are read at the same time, of all members. One of 500 objects of 4 kB is 2 MB before it is
/// parsed, so these are at most 64 MB, and as a rule a tenth. More would not be read faster: a core parses one at a time.
const LISTS_MAX: usize = 32;

/// How long a list waits for others while none of them comes to an end. Then they are slow, and it does not wait for them.
const LISTS_STALLED: Duration = Duration::from_secs(1);

/// What all appliers of a hub share.
#[derive(Debug)]
pub struct Shared {
    /// Values that members have alike.
    pub pools: Pools,
    /// Kinds that members serve alike.
    pub(crate) documents: Documents,
    /// Objects that members have alike, while their lists are read.
    pub(crate) lookalikes: Lookalikes,
    /// Units that another applier of this hub wrote. Here, so that neither a connection that ends nor an applier that is replaced
    /// ends a fence.
    pub(crate) fences: Fences,
    spare: Arc<Semaphore>,
    lists: Arc<Semaphore>,
    /// How many turns were given so far.
    turns: AtomicU64,
    /// How many lists wait for a turn.
    queued: AtomicUsize,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            pools: Pools::default(),
            documents: Documents::default(),
            lookalikes: Lookalikes::default(),
            fences: Fences::default(),
            spare: Arc::new(Semaphore::new(SPARE_LANES)),
            lists: Arc::new(Semaphore::new(LISTS_MAX)),
            turns: AtomicU64::new(0),
            queued: AtomicUsize::new(0),
        }
    }
}

/// Room for a unit's requests, until it is dropped.
pub(crate) struct Lanes {
    /// How many may be in flight.
    pub(crate) width: usize,
    _spare: Option<OwnedSemaphorePermit>,
}

/// A list that waits for its turn.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn new(number: &'a AtomicUsize) -> Self {
        number.fetch_add(1, Ordering::Relaxed);
        Self(number)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Room for a unit's requests: for one always, and for as many more as are spare, up to `most`. It never waits, so
    /// that no member waits for a slow one.
    pub(crate) fn lanes(&self, most: usize) -> Lanes {
        let wanted = most.saturating_sub(1).min(self.spare.available_permits());
        let spare = u32::try_from(wanted).ok().and_then(|n| Arc::clone(&self.spare).try_acquire_many_owned(n).ok());
        Lanes { width: 1 + spare.as_ref().map_or(0, OwnedSemaphorePermit::num_permits), _spare: spare }
    }

    /// Do lists wait for their turn? What members have not listed by then is not asked for yet.
    pub(crate) fn is_queueing(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > 0
    }

    /// Waits until a list may be read, so that a start of the hub does not hold the lists of all members at the same time.
    /// `None` when the others make no progress: it may be read too.
    pub(crate) async fn list_turn(&self) -> Option<OwnedSemaphorePermit> {
        let _queued = Queued::new(&self.queued);
        let mut turn = std::pin::pin!(Arc::clone(&self.lists).acquire_owned());
        let mut turns = self.turns.load(Ordering::Relaxed);
        loop {
            if let Ok(given) = tokio::time::timeout(LISTS_STALLED, &mut turn).await {
                self.turns.fetch_add(1, Ordering::Relaxed);
                return given.ok();
            }
            let now = self.turns.load(Ordering::Relaxed);
            if now == turns {
                return None;
            }
            turns = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_one_lane_and_spare_ones_while_there_are_some() {
        let shared = Shared::default();
        let check = |most: usize, expect: usize| {
            let lanes = shared.lanes(most);
            assert_eq!(lanes.width, expect, "{most}");
            lanes
        };
        let first = check(8, 8);
        drop(check(1, 1));
        drop(check(0, 1));
        let rest = check(SPARE_LANES, SPARE_LANES - 6);
        let none = check(8, 1);
        drop((first, none));
        drop(check(8, 8));
        drop(rest);
        drop(check(SPARE_LANES + 1, SPARE_LANES + 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_waits_for_others_only_while_they_come_to_an_end() {
        let shared = Arc::new(Shared::default());
        let mut held = Vec::new();
        for _ in 0..LISTS_MAX {
            held.extend(shared.list_turn().await);
        }
        assert_eq!(held.len(), LISTS_MAX);
        let began = tokio::time::Instant::now();
        let wait = |shared: Arc<Shared>| tokio::spawn(async move { shared.list_turn().await.is_some() });
        let (first, second) = (wait(Arc::clone(&shared)), wait(Arc::clone(&shared)));
        tokio::time::sleep(LISTS_STALLED / 2).await;
        held.pop();
        assert!(first.await.unwrap(), "another one came to an end");
        // The first one has given its turn back, so the second one got it at once.
        assert!(second.await.unwrap());
        assert_eq!(began.elapsed(), LISTS_STALLED / 2);
        held.extend(shared.list_turn().await);
        assert!(shared.list_turn().await.is_none(), "nothing came to an end");
        assert_eq!(began.elapsed(), LISTS_STALLED / 2 + LISTS_STALLED);
    }
}
