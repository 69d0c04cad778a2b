//! Which statuses the hub's API refused last. They are said once in the log, and shown as metrics while they last.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use client::NamespacedName;

use super::{WriteError, without_numbers};

/// Most objects that are known to be refused: more have one cause, and the counter has them all.
const REFUSALS_MAX: usize = 1_000;

/// What became of a status that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stored {
    /// Its brief form is stored.
    Cut,
    /// The brief form is refused too: what is stored is older.
    Nothing,
}

impl Stored {
    /// Both, in the order of [`Refusals::counts`].
    pub(crate) const ALL: [Self; 2] = [Self::Cut, Self::Nothing];

    /// As metrics name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Nothing => "nothing",
        }
    }
}

/// Kind and name of an object.
pub(crate) type ObjectKey = (String, NamespacedName);

/// A status that is refused at present.
struct Refusal {
    stored: Stored,
    /// What was said in the log, without its numbers.
    said: String,
}

/// The statuses that are refused at present. Cheap to clone; clones are one.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<BTreeMap<ObjectKey, Refusal>>>);

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A status was refused. It is an error in the log, which is what the program shows without any option, unless the same
    /// was said last of this object.
    pub(super) fn refused(&self, object: ObjectKey, stored: Stored, error: &WriteError) {
        let said = without_numbers(&model::cause::chain(error));
        let mut all = self.lock();
        let is_full = all.len() >= REFUSALS_MAX;
        match all.entry(object) {
            Entry::Occupied(known) if known.get().stored == stored && known.get().said == said => return,
            Entry::Occupied(mut known) => drop(known.insert(Refusal { stored, said })),
            Entry::Vacant(place) if !is_full => drop(place.insert(Refusal { stored, said })),
            Entry::Vacant(_) => {}
        }
        drop(all);
        let error = error as &dyn std::error::Error;
        match stored {
            Stored::Cut => {
                tracing::error!(error, "a status is refused; it is stored with its long texts and lists cut")
            }
            Stored::Nothing => tracing::error!(error, "a status is refused; what is stored of it is out of date"),
        }
    }

    /// A status was taken whole.
    pub(super) fn taken(&self, object: &ObjectKey) {
        self.lock().remove(object);
    }

    /// Forgets the objects that are no longer there.
    pub(crate) fn retain(&self, is_there: impl Fn(&ObjectKey) -> bool) {
        self.lock().retain(|object, _| is_there(object));
    }

    /// How many are refused, by what is stored of them.
    pub(crate) fn counts(&self) -> [(Stored, i64); 2] {
        let all = self.lock();
        let count = |stored| all.values().filter(|refusal| refusal.stored == stored).count();
        Stored::ALL.map(|stored| (stored, i64::try_from(count(stored)).unwrap_or(i64::MAX)))
    }
}
