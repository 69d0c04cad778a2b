//! Values that many hold alike, kept once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use api::feed::ObjectReport;
use model::ObjectKey;

use crate::apply::{Accepted, SeenState};

/// Values below which a pool is not looked through for those that are no longer used.
const SWEEP_MIN: usize = 1_024;

/// Hands out one copy of each value: a thousand members that were given the same objects say the same of them.
///
/// Unused values are dropped each time the pool has doubled. So finding them costs a constant time for each new value, and a
/// pool has at most twice the values that are in use.
#[derive(Debug)]
pub struct Pool<T: ?Sized>(Mutex<Kept<T>>);

#[derive(Debug)]
struct Kept<T: ?Sized> {
    values: HashSet<Arc<T>>,
    /// How many values are kept before unused ones are looked for.
    sweep_at: usize,
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Kept { values: HashSet::new(), sweep_at: SWEEP_MIN }))
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// The copy that everybody shares of this value.
    pub fn share(&self, value: impl Into<Arc<T>>) -> Arc<T> {
        let value = value.into();
        // What is in it is complete at every moment.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.values.get(&value) {
            return Arc::clone(known);
        }
        if kept.values.len() >= kept.sweep_at {
            kept.values.retain(|value| Arc::strong_count(value) > 1);
            kept.sweep_at = SWEEP_MIN.max(2 * kept.values.len());
            let room = kept.sweep_at;
            kept.values.shrink_to(room);
        }
        kept.values.insert(Arc::clone(&value));
        value
    }
}

/// What the members of a hub have alike of the objects that they were given. Without it, each object costs a kilobyte in
/// each member.
#[derive(Debug, Default)]
pub struct Pools {
    /// What objects are called.
    pub keys: Pool<ObjectKey>,
    /// API versions.
    pub versions: Pool<str>,
    /// What objects say.
    pub states: Pool<SeenState>,
    /// What servers accepted.
    pub accepted: Pool<Accepted>,
    /// Rows of reports.
    pub rows: Pool<ObjectReport>,
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
        let kept = pool.0.lock().unwrap().values.len();
        assert!((10..=SWEEP_MIN).contains(&kept), "{kept}");
        assert!(used.iter().enumerate().all(|(n, value)| Arc::ptr_eq(value, &pool.share(n))));
    }
}
