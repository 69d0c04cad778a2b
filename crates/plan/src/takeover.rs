//! Taking over what another hub recorded in a member: whether that may begin, and what this hub's inventories say then.
//!
//! Nothing proves another hub's inventory, so a person has to agree to exactly what it lists. Only objects that still carry
//! that hub's labels and have the recorded UID are in the list; the applier reads each before it asks.
//!
//! Three steps, each of which may be cut off and is made again: this hub's inventories are written, the objects get its
//! labels, and then the other hub's inventories are deleted. They are all there until the first step is done, so that the list
//! is the same until then. What this hub has recorded needs no approval any more.
//!
//! A person agreed to whose the objects are, and has not seen what of them this hub's unit of that name does not want: it may be another
//! one's, and a source loses something meanwhile. This hub is behind there ([`Inventory::note_behind`]) until the unit wants all that
//! its inventory has, or a person approved the list of what it does not want.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{HubId, MemberTakeOver, TakeOverState, TakenUnit, UnitId, label};
use model::{Digest, HashedKey, ObjectKey, words};
use serde_json::Value;

use crate::inventory::{self, Entry, Inventory};

/// What there is.
#[derive(Debug)]
pub struct Observed<'a> {
    /// The other hub.
    pub from: &'a HubId,
    /// What it recorded, without what is not its own any more.
    pub theirs: &'a BTreeMap<UnitId, Inventory>,
    /// What this hub recorded.
    pub ours: &'a BTreeMap<UnitId, Inventory>,
    /// The list that a person agreed to.
    pub approved: Option<Digest>,
    /// How many of these objects have the other hub's labels.
    pub labelled: usize,
    /// Inventories of the other hub that cannot be read, or for whose units this hub's own cannot, and why the first cannot.
    pub unreadable: (usize, Option<String>),
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Whether it goes ahead: after these inventories are written, every object of the list is relabelled, and then the other
    /// hub's inventories are deleted.
    pub go: bool,
    /// Inventories of this hub to be written.
    pub write: Vec<Inventory>,
}

/// Decides.
pub fn plan(observed: &Observed<'_>) -> (Plan, MemberTakeOver) {
    let Observed { from, theirs, ours, approved, labelled, unreadable } = observed;
    let digest = digest(from, theirs);
    let is_recorded = |(unit, inventory): (&UnitId, &Inventory)| {
        let ours = ours.get(unit);
        ours.is_some_and(|ours| inventory.entries().keys().all(|key| ours.get(key).is_some()))
    };
    let mut said = report(from, theirs, digest, unreadable);
    if theirs.is_empty() {
        said.state = if unreadable.0 == 0 { TakeOverState::Done } else { TakeOverState::Stuck };
        return (Plan::default(), said);
    }
    // Without an approval only what is left of one that was carried out: inventories of which every object is this hub's.
    let go = *approved == Some(digest) || (*labelled == 0 && theirs.iter().all(is_recorded));
    if !go {
        return (Plan::default(), said);
    }
    // Where objects are the other hub's, what this hub recorded of them is from before that.
    let is_behind = |unit: &UnitId| ours.get(unit).is_some_and(Inventory::is_noted_behind);
    let is_written = |one: (&UnitId, &Inventory)| is_recorded(one) && (*labelled == 0 || is_behind(one.0));
    let write = theirs.iter().filter(|one| !is_written(*one));
    let write = write.map(|(unit, inventory)| merge(ours.get(unit), inventory)).collect();
    said.state = TakeOverState::Going;
    (Plan { go, write }, said)
}

/// This hub's inventory with what the other hub's has beside it. What this hub knows of an object counts.
fn merge(ours: Option<&Inventory>, theirs: &Inventory) -> Inventory {
    let mut out = ours.cloned().unwrap_or_else(|| Inventory::empty(theirs.unit.clone()));
    let new = theirs.entries().iter().filter(|(key, _)| ours.is_none_or(|ours| ours.get(key).is_none()));
    // What the other hub had released to deletion, this one has not.
    let new: Vec<_> = new.map(|(key, entry)| (Arc::clone(key), Entry { doomed: None, ..entry.clone() })).collect();
    out.put_entries(new, inventory::shard::SHARD_BYTES_MAX);
    out.note_behind();
    // Also one without objects is written: it says that the unit was taken over.
    out.set_changed();
    out
}

/// The digest of a list: of exactly these objects, by UID, and of what becomes of them.
fn digest(from: &HubId, theirs: &BTreeMap<UnitId, Inventory>) -> Digest {
    let line = |(key, entry): (&Arc<HashedKey>, &Entry)| {
        let uid = entry.uid.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{key} {uid} {} {}", entry.adopted, entry.kept)
    };
    let units = theirs.iter().flat_map(|(unit, inventory)| {
        std::iter::once(format!("unit {unit}")).chain(inventory.entries().iter().map(line))
    });
    Digest::of_texts(std::iter::once(format!("take over {from}")).chain(units))
}

fn report(
    from: &HubId,
    theirs: &BTreeMap<UnitId, Inventory>,
    digest: Digest,
    (unreadable, why): &(usize, Option<String>),
) -> MemberTakeOver {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let name = |key: &Arc<HashedKey>| words::bounded(&key.to_string(), ObjectKey::CHARS_MAX);
    let unit = |(unit, inventory): (&UnitId, &Inventory)| TakenUnit {
        unit: unit.clone(),
        objects: count(inventory.entries().len()),
        adopted: count(inventory.entries().values().filter(|entry| entry.is_only_released()).count()),
        first: inventory.entries().keys().take(TakenUnit::FIRST_MAX).map(name).collect(),
    };
    let message = match why {
        Some(why) => format!("{unreadable} of its inventories cannot be taken over, and stay: {why}"),
        None => String::new(),
    };
    MemberTakeOver {
        from: from.clone(),
        state: TakeOverState::Held,
        digest,
        units: count(theirs.len()),
        objects: count(theirs.values().map(|inventory| inventory.entries().len()).sum()),
        list: theirs.iter().take(MemberTakeOver::LIST_MAX).map(unit).collect(),
        message: words::bounded(&message, MemberTakeOver::MESSAGE_MAX),
    }
}

/// Whose a live object is that another hub recorded for a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Still the other hub's.
    Theirs,
    /// It has this hub's labels already: the take-over was cut off.
    Ours,
    /// Another object, or one that the other hub does not deliver any more.
    Neither,
}

/// Judges a live object by its UID and labels.
pub fn standing(live: &Value, entry: &Entry, unit: &UnitId, from: &HubId, ours: &HubId) -> Standing {
    let uid = model::object::uid(live);
    if entry.uid.as_ref().is_some_and(|recorded| uid.is_none_or(|uid| !recorded.is(uid))) {
        return Standing::Neither;
    }
    let labels = (model::object::label(live, label::HUB), model::object::label(live, label::APPLYSET_PART_OF));
    let of = |hub: &HubId| {
        let part_of = inventory::applyset_id(&unit.short(hub));
        labels == (Some(hub.as_str()), Some(part_of.as_str()))
    };
    match () {
        () if of(ours) => Standing::Ours,
        () if of(from) => Standing::Theirs,
        () => Standing::Neither,
    }
}

/// The merge patch that gives an object this hub's labels. Bound to the object as it was read.
pub fn relabel(live: &Value, unit: &UnitId, ours: &HubId) -> Value {
    serde_json::json!({"metadata": {
        "uid": model::object::uid(live),
        "resourceVersion": model::object::resource_version(live),
        "labels": {label::HUB: ours.as_str(), label::APPLYSET_PART_OF: inventory::applyset_id(&unit.short(ours))},
    }})
}

#[cfg(test)]
mod tests;
