//! What is kept of an object that was seen: digests and a reading of its health, not the body.

use std::num::NonZeroU64;
use std::sync::Arc;

use model::{Digest, HashedKey, KeyMap, Uid, Weigh};
use plan::apply::{Seen, SeenState};
use plan::pool::Pool;
use plan::recall::Recalled;
use serde_json::Value;

use crate::limit;

/// An object as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) seen: Seen,
    /// Position in the server's history. `None`: the server's version is not a number. No server has a version 0.
    pub(crate) version: Option<NonZeroU64>,
    /// What was found out while the body was at hand, for the pass that awaits the object with this digest.
    pub(crate) recalled: Option<Box<(Digest, Recalled)>>,
}

impl Observation {
    /// Looks at a whole object, with its `apiVersion` and `kind`.
    pub(crate) fn of(object: &Value, states: &Pool<SeenState>) -> Self {
        Self::with_state(object, SeenState::of(object), states)
    }

    /// The same, of an object whose state is known.
    pub(crate) fn with_state(object: &Value, state: SeenState, states: &Pool<SeenState>) -> Self {
        let uid = model::object::uid(object).map(Uid::from).unwrap_or_default();
        let version = model::object::resource_version(object).and_then(|v| v.parse().ok());
        Self { seen: Seen { uid, state: states.share(state) }, version, recalled: None }
    }

    /// Is the other the same, apart from when it was seen?
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.seen == other.seen
    }

    /// Was the other seen later? Versions that are not numbers count as later, in the order in which they come.
    pub(crate) fn is_older_than(&self, version: Option<NonZeroU64>) -> bool {
        match (self.version, version) {
            (Some(mine), Some(other)) => mine <= other,
            _ => true,
        }
    }
}

impl Weigh for Observation {
    fn weight(&self) -> usize {
        let recalled = self.recalled.as_deref().map_or(0, |recalled| match &recalled.1 {
            Recalled::Known(accepted) => size_of_val(recalled) + accepted.weight(),
            _ => size_of_val(recalled),
        });
        self.seen.uid.weight() + self.seen.state.weight() + recalled
    }
}

/// What was seen in a member, object by object, and what it weighs: a member can name objects without end, and say much of
/// each.
#[derive(Default)]
pub(crate) struct Observations {
    by_key: KeyMap<Observation>,
    weight: usize,
}

/// What one weighs here. What was recalled of it does not count: it is there for what a unit wants, and not for long.
fn weight(key: &Arc<HashedKey>, observation: &Observation) -> usize {
    let seen = &observation.seen;
    size_of_val(key) + size_of_val(observation) + key.weight() + seen.uid.weight() + seen.state.weight()
}

impl Observations {
    /// Is there room for an object that no unit wants?
    pub(crate) fn has_room(&self) -> bool {
        self.by_key.len() < limit::OBSERVATIONS_MAX && self.weight < limit::OBSERVATIONS_BYTES_MAX
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Bytes in memory that they take.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn get(&self, key: &HashedKey) -> Option<&Observation> {
        self.by_key.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<HashedKey>, &Observation)> {
        self.by_key.iter()
    }

    /// To change what was recalled and when it was seen. What was seen is weighed: another one is inserted.
    pub(crate) fn get_mut(&mut self, key: &HashedKey) -> Option<&mut Observation> {
        self.by_key.get_mut(key)
    }

    pub(crate) fn contains_key(&self, key: &HashedKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.by_key.reserve(more);
    }

    pub(crate) fn insert(&mut self, key: Arc<HashedKey>, observation: Observation) {
        self.weight += weight(&key, &observation);
        // The key that is there stays, which says the same.
        let old = self.by_key.get(&key).map_or(0, |old| weight(&key, old));
        self.by_key.insert(key, observation);
        self.weight = self.weight.saturating_sub(old);
    }

    pub(crate) fn remove(&mut self, key: &HashedKey) {
        if let Some((key, old)) = self.by_key.remove_entry(key) {
            self.weight = self.weight.saturating_sub(weight(&key, &old));
        }
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&HashedKey, &Observation) -> bool) {
        let total = &mut self.weight;
        self.by_key.retain(|key, observation| {
            let kept = is_kept(key, observation);
            if !kept {
                *total = total.saturating_sub(weight(key, observation));
            }
            kept
        });
        // A table that was filled once would stay as large.
        if self.by_key.capacity() / 4 > self.by_key.len() {
            self.by_key.shrink_to(2 * self.by_key.len());
        }
    }
}

#[cfg(test)]
mod tests;
