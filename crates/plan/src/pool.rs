//! Values that many hold alike, kept once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::feed::ObjectReport;
use model::{HashedKey, Weigh};

use crate::apply::{Accepted, SeenState};

/// Values that come or are let go before a pool is looked through for those that are no longer used.
const SWEEP_MIN: usize = 1_024;

/// The same in bytes: a kilobyte for each of them, which is an ordinary one.
const SWEEP_BYTES_MIN: usize = 1_024 * SWEEP_MIN;

/// Hands out one copy of each value: a thousand members that were given the same objects say the same of them.
///
/// Unused values are dropped each time as many have come, or may have been let go ([`Pool::let_go`]), as were in use when it
/// was last looked: as many in number, or as many bytes. So finding them costs a constant time for each value, and what is not in use takes as much memory as what is.
#[derive(Debug)]
pub struct Pool<T: ?Sized>(Mutex<Kept<T>>);

#[derive(Debug)]
struct Kept<T: ?Sized> {
    values: HashSet<Arc<T>>,
    /// What came or was let go since unused values were last looked for.
    since: Load,
    /// How much of that may be before it is looked again.
    sweep_at: Load,
}

/// A number of values, and the bytes that they take.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    values: usize,
    bytes: usize,
}

impl Load {
    const SWEEP_MIN: Self = Self { values: SWEEP_MIN, bytes: SWEEP_BYTES_MIN };

    fn add(&mut self, other: Self) {
        self.values = self.values.saturating_add(other.values);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Kept { values: HashSet::new(), since: Load::default(), sweep_at: Load::SWEEP_MIN }))
    }
}

impl<T: ?Sized + Eq + Hash + Weigh> Kept<T> {
    /// Counts what came since the last sweep, and sweeps when it is enough.
    fn add_load(&mut self, load: Load) {
        self.since.add(load);
        if self.since.values < self.sweep_at.values && self.since.bytes < self.sweep_at.bytes {
            return;
        }
        self.values.retain(|value| Arc::strong_count(value) > 1);
        let bytes = self.values.iter().map(Weigh::weight).sum();
        self.sweep_at = Load { values: SWEEP_MIN.max(self.values.len()), bytes: SWEEP_BYTES_MIN.max(bytes) };
        self.since = Load::default();
        self.values.shrink_to(self.values.len() + self.sweep_at.values);
    }
}

impl<T: ?Sized + Eq + Hash + Weigh> Pool<T> {
    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        // What is in it is complete at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy that everybody shares of this value.
    pub fn share(&self, value: impl Into<Arc<T>>) -> Arc<T> {
        let value = value.into();
        let mut kept = self.kept();
        if let Some(known) = kept.values.get(&value) {
            return Arc::clone(known);
        }
        kept.add_load(Load { values: 1, bytes: value.weight() });
        kept.values.insert(Arc::clone(&value));
        value
    }

    /// Says that so many values with so many bytes were let go, of which some may have been the last.
    pub fn let_go(&self, values: usize, bytes: usize) {
        self.kept().add_load(Load { values, bytes });
    }
}

/// What the members of a hub have alike of the objects that they were given. Without it, each object costs a kilobyte in
/// each member.
#[derive(Debug, Default)]
pub struct Pools {
    /// What objects are called.
    pub keys: Pool<HashedKey>,
    /// API versions.
    pub versions: Pool<str>,
    /// What objects say.
    pub states: Pool<SeenState>,
    /// What servers accepted.
    pub accepted: Pool<Accepted>,
    /// Rows of reports.
    pub rows: Pool<ObjectReport>,
}

impl Pools {
    /// Says that what was known of so many objects, with so many bytes, was let go.
    pub fn let_go(&self, objects: usize, bytes: usize) {
        self.keys.let_go(objects, bytes);
        self.states.let_go(objects, bytes);
        self.accepted.let_go(objects, bytes);
        self.rows.let_go(objects, bytes);
    }
}

impl Weigh for SeenState {
    fn weight(&self) -> usize {
        let misspelt = self.misspelt.iter().map(|said| size_of_val(said) + said.weight());
        self.reading.reason.weight() + self.reading.message.weight() + misspelt.sum::<usize>()
    }
}

impl Weigh for Accepted {
    fn weight(&self) -> usize {
        self.admission.weight() + self.left.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one() {
        let pool: Pool<str> = Pool::default();
        let (a, b) = (pool.share("v1"), pool.share("v1".to_owned()));
        assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &pool.share("v2")));
    }

    #[test]
    fn what_is_not_used_goes() {
        let pool: Pool<usize> = Pool::default();
        let used: Vec<Arc<usize>> = (0..10).map(|n| pool.share(n)).collect();
        for n in 10..10 * SWEEP_MIN {
            pool.share(n);
        }
        let kept = pool.kept().values.len();
        assert!((10..=SWEEP_MIN + 10).contains(&kept), "{kept}");
        assert!(used.iter().enumerate().all(|(n, value)| Arc::ptr_eq(value, &pool.share(n))));
    }

    #[test]
    fn a_few_large_values_go_as_many_small_ones_do() {
        let pool: Pool<str> = Pool::default();
        let used = pool.share("x".repeat(100_000));
        for n in 0..100 {
            pool.share(n.to_string() + &"y".repeat(SWEEP_BYTES_MIN / 4));
            let bytes: usize = pool.kept().values.iter().map(Weigh::weight).sum();
            assert!(bytes <= 2 * SWEEP_BYTES_MIN, "{bytes}");
        }
        assert!(Arc::ptr_eq(&used, &pool.share("x".repeat(100_000))));
    }

    #[test]
    fn what_was_let_go_is_not_kept_until_others_come() {
        let pool: Pool<usize> = Pool::default();
        let mut used: Vec<Arc<usize>> = (0..10 * SWEEP_MIN).map(|n| pool.share(n)).collect();
        used.truncate(3);
        pool.let_go(100, 0);
        assert_eq!(pool.kept().values.len(), 10 * SWEEP_MIN, "not each time that a few go");
        pool.let_go(10 * SWEEP_MIN, 0);
        assert_eq!(pool.kept().values.len(), 3);
    }
}
