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

/// What is known of refusals.
#[derive(Default)]
struct Known {
    all: BTreeMap<ObjectKey, Refusal>,
    /// That there are more than are known was said in the log.
    more_said: bool,
}

/// What the log says of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Nothing: it was said.
    Nothing,
    /// Which object, and why.
    Object,
    /// That there are more than [`REFUSALS_MAX`].
    More,
}

/// The statuses that are refused at present. Cheap to clone; clones are one.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<Known>>);

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A status was refused. It is an error in the log, which is what the program shows without any option, unless the same
    /// was said last of this object.
    pub(super) fn refused(&self, object: ObjectKey, stored: Stored, error: &WriteError) {
        let said = without_numbers(&model::cause::chain(error));
        let word = self.note_refusal(object, stored, said);
        let error = error as &dyn std::error::Error;
        match (word, stored) {
            (Word::Nothing, _) => {}
            (Word::Object, Stored::Cut) => {
                tracing::error!(error, "a status is refused; it is stored with its long texts and lists cut")
            }
            (Word::Object, Stored::Nothing) => {
                tracing::error!(error, "a status is refused; what is stored of it is out of date")
            }
            (Word::More, _) => {
                tracing::error!(error, "more than {REFUSALS_MAX} statuses are refused; the others are not named here")
            }
        }
    }

    /// Notes a refusal.
    fn note_refusal(&self, object: ObjectKey, stored: Stored, said: String) -> Word {
        let mut known = self.lock();
        let Known { all, more_said } = &mut *known;
        let is_full = all.len() >= REFUSALS_MAX;
        match all.entry(object) {
            Entry::Occupied(known) if known.get().stored == stored && known.get().said == said => return Word::Nothing,
            Entry::Occupied(mut known) => drop(known.insert(Refusal { stored, said })),
            Entry::Vacant(place) if !is_full => drop(place.insert(Refusal { stored, said })),
            Entry::Vacant(_) if *more_said => return Word::Nothing,
            Entry::Vacant(_) => {
                *more_said = true;
                return Word::More;
            }
        }
        Word::Object
    }

    /// A status was taken whole.
    pub(super) fn taken(&self, object: &ObjectKey) {
        let mut known = self.lock();
        known.all.remove(object);
        known.more_said &= known.all.len() >= REFUSALS_MAX;
    }

    /// Forgets the objects that are no longer there.
    pub(crate) fn retain(&self, is_there: impl Fn(&ObjectKey) -> bool) {
        let mut known = self.lock();
        known.all.retain(|object, _| is_there(object));
        known.more_said &= known.all.len() >= REFUSALS_MAX;
    }

    /// How many are refused, by what is stored of them.
    pub(crate) fn counts(&self) -> [(Stored, i64); 2] {
        let known = self.lock();
        let count = |stored| known.all.values().filter(|refusal| refusal.stored == stored).count();
        Stored::ALL.map(|stored| (stored, i64::try_from(count(stored)).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_said_once_and_once_that_there_are_more_than_are_known() {
        let refusals = Refusals::default();
        let object = |n: usize| ("Fleet".to_owned(), NamespacedName::new("default", format!("f{n}")));
        let note = |n, stored, said: &str| refusals.note_refusal(object(n), stored, said.to_owned());
        let first: Vec<Word> = (0..REFUSALS_MAX).map(|n| note(n, Stored::Cut, "too large")).collect();
        assert!(first.iter().all(|word| *word == Word::Object));
        for (n, stored, said, expect) in [
            (0, Stored::Cut, "too large", Word::Nothing),
            (0, Stored::Nothing, "too large", Word::Object),
            (0, Stored::Nothing, "not valid", Word::Object),
            (REFUSALS_MAX, Stored::Cut, "too large", Word::More),
            (REFUSALS_MAX, Stored::Cut, "too large", Word::Nothing),
            (REFUSALS_MAX + 1, Stored::Cut, "too large", Word::Nothing),
        ] {
            assert_eq!(note(n, stored, said), expect, "{n} {stored:?} {said}");
        }
        // There is room again: the next one is named.
        refusals.taken(&object(0));
        assert_eq!(note(REFUSALS_MAX, Stored::Cut, "too large"), Word::Object);
        assert_eq!(note(REFUSALS_MAX + 1, Stored::Cut, "too large"), Word::More);
    }
}
