//! A pass over a few objects of a unit that has nothing else to do.
//!
//! What it costs follows from the objects that changed, not from those that the unit has. It does only what is plain:
//! objects of the same keys are sent, and their rows made again. Anything else (an object that is refused, a key that came
//! or went, a phase to wait for, a word of the hub) is left to a whole pass, which may follow at any time.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::feed::{UnitEntry, Wait};
use model::HashedKey;
use plan::apply::Step;
use plan::prepare::{Bundle, Prepared};
use plan::report::Rows;

use crate::error::Error;

use super::{Pass, Progress};

/// Which of a unit's objects are to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Due {
    /// None.
    #[default]
    Nothing,
    /// These, and those that the payload has otherwise.
    Objects(BTreeSet<Arc<HashedKey>>),
    /// All.
    All,
}

impl Due {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// Adds an object.
    pub(crate) fn add(&mut self, key: &Arc<HashedKey>) {
        match self {
            Self::All => {}
            Self::Objects(keys) => drop(keys.insert(Arc::clone(key))),
            Self::Nothing => *self = Self::Objects(BTreeSet::from([Arc::clone(key)])),
        }
    }

    /// Adds what the payload has otherwise.
    pub(crate) fn add_payload(&mut self) {
        if self.is_nothing() {
            *self = Self::Objects(BTreeSet::new());
        }
    }
}

/// A unit of which a whole pass found that nothing is left to do.
pub(crate) struct Settled {
    /// What the hub had said.
    pub(super) entry: UnitEntry,
    /// What it has.
    pub(super) bundle: Arc<Bundle>,
    /// Its rows, in the order of the bundle.
    pub(super) rows: Rows,
}

/// Does the hub ask for the same, but for another payload?
pub(crate) fn asks_the_same(a: &UnitEntry, b: &UnitEntry) -> bool {
    let UnitEntry { unit, short, placed, prune, suspend, force, overwrite, frozen, .. } = a;
    let UnitEntry { approved, approved_shown, claimed, removal, shown, .. } = a;
    (unit, short, placed, prune, suspend, force) == (&b.unit, &b.short, &b.placed, &b.prune, &b.suspend, &b.force)
        && (overwrite, approved, frozen) == (&b.overwrite, &b.approved, &b.frozen)
        && (approved_shown, claimed, removal, shown) == (&b.approved_shown, &b.claimed, &b.removal, &b.shown)
}

impl Pass {
    /// The objects to look at, when a pass over them alone will do.
    fn few(&self, due: &Due) -> Option<Vec<Arc<Prepared>>> {
        let (Due::Objects(seen), Some(settled), Ok(bundle)) = (due, &self.unit.settled, &self.bundle) else {
            return None;
        };
        let inventory = &self.unit.inventory;
        let plain = self.entry.removal.is_none() && !self.entry.suspend && self.fence().is_none();
        let known = !self.unit.unreadable && !inventory.is_changed() && !inventory.is_behind(&self.entry);
        if !plain || !known || !asks_the_same(&settled.entry, &self.entry) {
            return None;
        }
        let difference = (bundle.digest != settled.bundle.digest).then(|| bundle.difference(&settled.bundle));
        let changed = match &difference {
            Some(difference) => difference.changed.as_deref()?,
            None => &[],
        };
        let keys: BTreeSet<&Arc<HashedKey>> = seen.iter().chain(changed).collect();
        let place = |key: &Arc<HashedKey>| {
            let (batch, _) = bundle.place(key)?;
            let object = bundle.get(key).filter(|_| batch.wait == Wait::Accepted && self.is_mine(key))?;
            // Whether it asks to stay is written down before it is sent.
            inventory.get(key).is_none_or(|entry| entry.kept == object.stays).then(|| object.clone())
        };
        keys.into_iter().map(place).collect()
    }

    /// Looks at a few objects. `None` when a whole pass is needed.
    pub(super) async fn quick(&mut self, due: &Due) -> Result<Option<Progress>, Error> {
        let Some(objects) = self.few(due) else { return Ok(None) };
        if objects.iter().any(|object| self.step(object) == Step::Recall) {
            return Ok(None);
        }
        self.note_ended();
        self.note_unmet(objects.iter());
        self.doubt(objects.iter());
        self.apply(objects.iter()).await?;
        let Ok(bundle) = self.bundle.clone() else { return Ok(None) };
        if self.again || !objects.iter().all(|object| self.is_settled(object)) {
            return Ok(None);
        }
        let Some(mut settled) = self.unit.settled.take() else { return Ok(None) };
        {
            let view = self.connection.view();
            for object in &objects {
                if let Some((_, index)) = bundle.place(&object.key) {
                    settled.rows.replace(index, &self.facts_of(&view, object), &self.connection.ctx.shared.pools.rows);
                }
            }
        }
        (settled.entry, settled.bundle) = (self.entry.clone(), bundle);
        self.unit.settled = Some(settled);
        self.is_quick = true;
        if self.unit.doubted {
            self.find_lost().await?;
        }
        self.save().await?;
        Ok(Some(Progress::Quick))
    }
}
