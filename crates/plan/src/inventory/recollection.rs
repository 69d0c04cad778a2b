//! What the hub knows of an inventory that is no longer in the member, from the last report that it stored.
//!
//! It is used when a process starts and finds no inventory of a unit that had one (ADR 58). The report proves nothing of an
//! object by itself: each has to bear the unit's marks too, written under our manager's name.

use std::sync::Arc;

use api::delivery::{ObjectSet, UnitPhase, UnitStatus, label};
use api::feed::UnitEntry;
use model::{Digest, HashedKey, KeySet, Timestamp, Uid};
use serde_json::Value;

use super::{Entry, Inventory};
use crate::instruction;
use crate::keep;
use crate::mark;
use crate::ownership::Claimant;
use crate::prepare::Prepared;
use crate::recall;

/// An object of the payload, and how the member has it.
pub type Found = (Arc<Prepared>, Option<Value>);

/// What a unit had in a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recollection {
    /// The payload of which everything was applied. Of another one it is not known what was there before us. `None` when the report does
    /// not tell each adopted object from the unit's own.
    pub payload: Option<Digest>,
    /// Of which placement the report was.
    pub placed: Option<Timestamp>,
    /// How many objects were recorded.
    pub objects: u32,
    /// Those of them that existed before us.
    pub adopted: ObjectSet,
    /// The unit was on its way out: its inventory goes last, so that it may be gone because everything is.
    pub was_leaving: bool,
}

impl Recollection {
    /// What a stored report tells; `None` when the unit had nothing there.
    pub fn of(status: &UnitStatus) -> Option<Self> {
        let is_told = status.objects.adopted as usize == status.adopted.len();
        let is_there = status.phase != UnitPhase::Removed && status.objects.inventory > 0;
        is_there.then(|| Self {
            payload: status.applied.filter(|_| is_told),
            placed: status.asked.placed,
            objects: status.objects.inventory,
            adopted: status.adopted.clone(),
            was_leaving: status.phase == UnitPhase::Removing,
        })
    }

    /// The payload by which its objects are found, of a unit that leaves, or that stays. What was on its way out is not a unit's own
    /// again without being asked.
    pub fn payload_of(&self, leaves: bool) -> Option<Digest> {
        self.payload.filter(|_| leaves || !self.was_leaving)
    }

    /// What to record of the payload's objects, as they were found: those that the unit applied. `None` when one of them was applied
    /// otherwise than the hub knows: it knows less than the member was told, as after a restore from a backup.
    pub fn entries(&self, found: &[Found], unit: &Claimant<'_>) -> Option<Vec<(Arc<HashedKey>, Entry)>> {
        let mut entries = Vec::with_capacity(found.len());
        for (object, live) in found {
            let Some((live, uid)) = live.as_ref().and_then(|live| Some((live, applied(live, unit)?))) else { continue };
            // What is left alone keeps the mark of its last apply.
            let is_left = instruction::stronger(object.asked, instruction::asked(live)).is_some();
            if !is_left && mark::is_of_another_apply(live, &object.mark(false)) {
                return None;
            }
            let (version, adopted, kept) = (object.version.clone(), self.adopted.contains(&object.key), object.stays);
            entries.push((object.key.clone(), Entry { version, uid: Some(uid), adopted, kept, ..Entry::default() }));
        }
        Some(entries)
    }

    /// Notes of such entries that what was to stay counts as adopted, as [`note_given_back`](super::Inventory::note_given_back) does.
    pub fn note_given_back(&self, entries: &mut Vec<(Arc<HashedKey>, Entry)>, found: &[Found], unit: &UnitEntry) {
        let mut inventory = Inventory::empty(unit.unit.clone());
        inventory.placed = self.placed;
        inventory.put_entries(entries.drain(..), usize::MAX);
        let asks = found.iter().filter(|(_, live)| live.as_ref().is_some_and(keep::asks_to_stay));
        let asks: KeySet = asks.map(|(object, _)| Arc::clone(&object.key)).collect();
        inventory.note_given_back(unit, |key| asks.contains(key));
        entries.extend(inventory.entries);
    }
}

/// The UID of an object that the unit applied: it bears its labels, and our manager owns what it says of that.
fn applied(live: &Value, unit: &Claimant<'_>) -> Option<Uid> {
    let is_marked = model::object::label(live, label::HUB) == Some(unit.hub.as_str())
        && model::object::label(live, label::APPLYSET_PART_OF) == Some(unit.part_of);
    model::object::uid(live).map(Uid::from).filter(|_| is_marked && recall::owns_mark(live))
}

#[cfg(test)]
mod tests;
