//! One connection's units: which the snapshot names, which are at rest, which are due.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{HubId, UnitId};
use api::feed::{Snapshot, UnitEntry, UnitReport};
use client::Backoff;
use client::contain::counted;
use futures::FutureExt as _;
use model::{Digest, GroupKind, HashedKey};
use plan::handover::Intent;
use plan::inventory::Inventory;
use plan::prepare::Bundle;
use plan::report::{How, Overdue, Unmet};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::connection::{Changed, Connection, Kind, View};
use crate::error::Error;
use crate::feed::{Feed, FeedError};
use crate::limit;
use crate::member::{NAME, Passes, failed};
use crate::record::Past;
use crate::release;
use crate::shard::{Found, InventorySecrets};
use crate::unit::{self, Due, Outcome, Unit};
use crate::watch::Event;

/// A unit of the snapshot.
pub(crate) struct Slot {
    entry: UnitEntry,
    bundle: Result<Arc<Bundle>, FeedError>,
    /// Away while a pass has it.
    pub(crate) unit: Option<Box<Unit>>,
    /// Which objects to look at.
    dirty: Due,
    /// When to look at all of them.
    due: Option<Instant>,
    /// What the other units were told that it wants.
    told: Option<Wants>,
    /// Its last pass waited for another unit.
    waits_for_others: bool,
    /// [`Session::changes`] when its pass began.
    began: u64,
    /// Its fights are to end when its pass is over.
    ends_contests: bool,
    /// Nothing was reported of it since the member was reached.
    is_unreported: bool,
    /// Since when there is something of which a report should come.
    open: Open,
}

/// Since when a report of a unit is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Nothing is to be said.
    No,
    /// Since then.
    Since(Instant),
    /// What is to be said without a pass was said.
    Said,
}

impl Slot {
    /// What is decided of it.
    pub(crate) fn entry(&self) -> &UnitEntry {
        &self.entry
    }

    /// Is a pass on its way, or something seen that waits for one, or is a first report waited for?
    fn awaits_report(&self) -> bool {
        self.is_unreported || self.unit.is_none() || matches!(&self.dirty, Due::Objects(keys) if !keys.is_empty())
    }

    /// When it is to be said that no report came. `is_queueing`: lists wait for their turn, and the member may not have been asked yet.
    fn overdue_at(&self, is_queueing: bool) -> Option<Instant> {
        let Open::Since(since) = self.open else { return None };
        let within = match (self.is_unreported, is_queueing) {
            (true, true) => limit::LISTED_WITHIN,
            (true, false) => limit::REPORTED_WITHIN,
            (false, _) => limit::CHANGED_WITHIN,
        };
        Some(since + within)
    }

    /// What is known of it while no report comes. `unmet`: what the pass that has it is about to change.
    fn overdue(&self, view: &View, unmet: Option<&Unmet>) -> Option<Overdue> {
        let changed = match &self.dirty {
            Due::Objects(keys) => keys.first(),
            Due::Nothing | Due::All => None,
        };
        let how = |key| if view.observations.contains_key(key) { How::Changed } else { How::Gone };
        let changed = || changed.map(|key| Unmet { key: Arc::clone(key), how: how(key) });
        let unmet = unmet.cloned().or_else(changed);
        if !self.is_unreported {
            return unmet.map(Overdue::Unmet);
        }
        let listing = view.kinds.iter().filter(|(_, kind)| matches!(kind, Kind::Listing(_)));
        let unlisted = listing.map(|(collection, _)| collection).filter(|collection| self.has_kind(&collection.kind));
        Some(unlisted.min().map_or(Overdue::Unseen(unmet), |collection| Overdue::Unlisted(collection.to_string())))
    }

    /// Ends the unit's fights, if that was asked for and no pass has it.
    fn end_contests(&mut self) {
        let Some(unit) = self.unit.as_mut().filter(|_| self.ends_contests) else { return };
        self.ends_contests = false;
        for memory in unit.past.memory.values_mut().filter(|memory| memory.contested.is_some()) {
            (memory.contested, self.dirty) = (None, Due::All);
            memory.history.clear();
        }
    }

    /// The payload that the unit had, when it leaves without its inventory and is found by nothing else.
    fn awaited(&self) -> Option<Digest> {
        let known = self.unit.as_ref().filter(|_| !self.entry.removal.is_none())?.recollection.as_ref()?;
        known.payload_of(true).filter(|payload| !self.bundle.as_ref().is_ok_and(|bundle| bundle.digest == *payload))
    }

    /// May the unit want or have an object of the kind?
    fn has_kind(&self, kind: &GroupKind) -> bool {
        let is_of_it = |key: &Arc<HashedKey>| key.kind == kind.kind && key.group == kind.group;
        let wants = self.bundle.as_ref().is_ok_and(|bundle| bundle.keys.iter().any(is_of_it));
        let has = |unit: &Unit| unit.inventory.entries().keys().any(is_of_it);
        // Of one that a pass has it is not known.
        wants || self.unit.as_deref().is_none_or(has)
    }

    /// Is it time to look at all of its objects?
    fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Is it at rest, and is there something to look at?
    fn is_ready(&self, now: Instant) -> bool {
        self.unit.is_some() && (!self.dirty.is_nothing() || self.is_due(now))
    }
}

/// The first that is ready after the one that was started last, and round again: one that is ready whenever it comes back
/// does not keep those behind it waiting.
fn next_in_turn<'a, K: Ord, V>(
    all: &'a BTreeMap<K, V>,
    last: Option<&K>,
    is_ready: impl Fn(&V) -> bool,
) -> Option<&'a K> {
    let ready = |(id, slot)| is_ready(slot).then_some(id);
    let Some(last) = last else { return all.iter().find_map(ready) };
    all.range((Bound::Excluded(last), Bound::Unbounded)).chain(all.range(..=last)).find_map(ready)
}

/// What a unit wants, as far as the others have to know.
#[derive(Clone, Debug)]
enum Wants {
    /// It leaves.
    Nothing,
    /// Not known: what it has is not up for grabs.
    Entries,
    /// The objects of this payload.
    Payload(Arc<Bundle>),
}

impl Wants {
    /// Does it name the same objects?
    fn names_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) | (Self::Entries, Self::Entries) => true,
            (Self::Payload(a), Self::Payload(b)) => a.digest == b.digest || b.difference(a).changed.is_some(),
            _ => false,
        }
    }
}

/// One connection's state.
pub(crate) struct Session {
    connection: Arc<Connection>,
    /// Boxed, as orphans are: a map has room for eleven values as soon as there is one, which was 31 KiB in each member.
    pub(crate) slots: BTreeMap<UnitId, Box<Slot>>,
    /// Units with an inventory and without a place in the snapshot: nothing is done to them.
    pub(crate) orphans: BTreeMap<UnitId, Box<Unit>>,
    /// Units that a pass has.
    away: BTreeSet<UnitId>,
    /// The unit whose pass was started last.
    last_started: Option<UnitId>,
    /// How often what some unit wants or has changed, which others may have waited for.
    changes: u64,
    /// The member is left as a whole: each unit that has something in it is given back.
    pub(crate) is_released: bool,
}

impl Session {
    pub(crate) fn new(connection: Arc<Connection>, inventories: Vec<Found>) -> Self {
        let mut orphans = BTreeMap::new();
        for Found { unit: id, inventory, inventory_secrets } in inventories {
            let unreadable = inventory.is_err();
            let inventory = inventory.unwrap_or_else(|e| {
                tracing::warn!(unit = %id, error = %e, "an inventory cannot be read");
                Inventory::empty(id.clone())
            });
            let unit = fresh(&connection.ctx.hub, id.clone(), inventory, Some(inventory_secrets), unreadable);
            orphans.insert(id, unit);
        }
        let session = Self {
            connection,
            slots: BTreeMap::new(),
            orphans,
            away: BTreeSet::new(),
            last_started: None,
            changes: 0,
            is_released: false,
        };
        let mut view = session.connection.view();
        for unit in session.orphans.values() {
            view.claims.set_entries(&unit.id, unit.inventory.epoch(), unit.inventory.entries());
            view.claims.set_intent(&unit.id, Intent::Idle);
        }
        drop(view);
        session
    }

    /// Takes a new snapshot.
    pub(crate) async fn update(&mut self, feed: &dyn Feed, snapshot: &Snapshot, past: &mut HashMap<UnitId, Past>) {
        let mut old = std::mem::take(&mut self.slots);
        let mut changed = false;
        self.is_released = snapshot.release;
        for entry in &*self.entries(snapshot, &old) {
            let slot = match old.remove(&entry.unit) {
                Some(slot) if slot.entry == *entry => slot,
                Some(mut slot) if unit::asks_the_same(&slot.entry, entry) => {
                    slot.dirty.add_payload();
                    slot.entry = entry.clone();
                    slot
                }
                Some(mut slot) => {
                    changed = true;
                    (slot.entry, slot.dirty) = (entry.clone(), Due::All);
                    slot
                }
                None => {
                    // One that left and came back during a pass is brought back by it.
                    let unit = (!self.away.contains(&entry.unit)).then(|| {
                        let mut unit = self.orphans.remove(&entry.unit).unwrap_or_else(|| {
                            let hub = &self.connection.ctx.hub;
                            fresh(hub, entry.unit.clone(), Inventory::empty(entry.unit.clone()), None, false)
                        });
                        unit.remember(past.remove(&entry.unit).unwrap_or_default(), &self.connection.owner.cluster);
                        unit.recollect(entry, &self.connection.ctx);
                        if unit.doubted {
                            // Others must not take for free what it holds, before its first pass.
                            let mut view = self.connection.view();
                            view.claims.set_entries(&unit.id, entry.epoch, unit.inventory.entries());
                        }
                        unit
                    });
                    let bundle = Err(FeedError::Missing(entry.payload));
                    let (entry, dirty) = (entry.clone(), Due::All);
                    let (due, told, waits_for_others, began) = (None, None, false, 0);
                    let (ends_contests, is_unreported, open) = (false, true, Open::No);
                    Box::new(Slot {
                        entry,
                        bundle,
                        unit,
                        dirty,
                        due,
                        told,
                        waits_for_others,
                        began,
                        ends_contests,
                        is_unreported,
                        open,
                    })
                }
            };
            let mut view = self.connection.view();
            view.claims.set_intent(&entry.unit, Intent::of(entry));
            let is_known = slot.unit.as_ref().is_none_or(|unit| !unit.unknown);
            view.claims.set_takes_over(&entry.unit, is_known && !entry.suspend);
            drop(view);
            self.slots.insert(entry.unit.clone(), slot);
        }
        past.retain(|unit, _| self.slots.contains_key(unit));
        changed |= !old.is_empty();
        for (id, slot) in old {
            // One that a pass has comes back later, and finds no slot.
            match slot.unit {
                Some(unit) => self.retire(unit),
                None => {
                    let mut view = self.connection.view();
                    view.claims.set_desires(&id, []);
                    view.claims.set_intent(&id, Intent::Idle);
                }
            }
        }
        changed |= self.refresh_all(feed).await;
        if changed {
            self.wake_waiting(None);
        }
    }

    /// The connection.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The units of a snapshot; of a member that is left as a whole, all that have something there.
    fn entries<'a>(&self, snapshot: &'a Snapshot, old: &BTreeMap<UnitId, Box<Slot>>) -> Cow<'a, [UnitEntry]> {
        if !snapshot.release {
            return Cow::Borrowed(&snapshot.units);
        }
        let mut units: BTreeMap<UnitId, u64> = self.away.iter().map(|unit| (unit.clone(), 0)).collect();
        units.extend(old.iter().map(|(unit, slot)| (unit.clone(), slot.entry.epoch)));
        units.extend(self.orphans.iter().map(|(unit, orphan)| (unit.clone(), orphan.inventory.epoch())));
        units.extend(snapshot.units.iter().map(|entry| (entry.unit.clone(), entry.epoch)));
        Cow::Owned(release::entries(&self.connection.ctx.hub, units))
    }

    /// Looks again at units that wait for another one, except at the one that did something.
    fn wake_waiting(&mut self, except: Option<&UnitId>) {
        self.changes += 1;
        for (id, slot) in &mut self.slots {
            if slot.waits_for_others && Some(id) != except {
                slot.dirty = Due::All;
            }
        }
    }

    /// A unit that left the snapshot: its inventory, if there is one, stays and is reported.
    fn retire(&mut self, unit: Box<Unit>) {
        let mut view = self.connection.view();
        view.claims.set_desires(&unit.id, []);
        if !unit.unreadable {
            view.claims.set_entries(&unit.id, unit.inventory.epoch(), unit.inventory.entries());
        }
        // One without entries may still have a Secret, which it has to know when it comes back.
        let remains = !unit.inventory.entries().is_empty() || unit.unreadable || !unit.inventory_secrets.is_empty();
        view.claims.set_intent(&unit.id, if remains { Intent::Idle } else { Intent::Prunes });
        drop(view);
        if remains {
            self.orphans.insert(unit.id.clone(), unit);
        }
    }

    /// Asks again for payloads that were missing.
    pub(crate) async fn refresh(&mut self, feed: &dyn Feed) {
        if self.slots.values().any(|s| s.awaited().is_some() || (s.bundle.is_err() && s.entry.removal.is_none())) {
            self.refresh_all(feed).await;
        }
    }

    /// Asks for payloads, and says to all units what each wants, before any of them begins a pass.
    /// True when any of them wants other objects than before.
    async fn refresh_all(&mut self, feed: &dyn Feed) -> bool {
        let (mut incomplete, mut changed) = (None, false);
        for (id, slot) in &mut self.slots {
            if slot.entry.removal.is_none() && !slot.bundle.as_ref().is_ok_and(|b| b.digest == slot.entry.payload) {
                slot.bundle = feed.blob(&slot.entry).await;
                if let (Ok(bundle), Some(unit)) = (&slot.bundle, &slot.unit) {
                    unit.await_lists(&self.connection, bundle);
                }
                if slot.bundle.is_ok() {
                    slot.dirty.add_payload();
                }
            }
            // What leaves is found by what it had, when its inventory is gone.
            if let Some(payload) = slot.awaited() {
                slot.bundle = feed.blob(&UnitEntry { payload, ..slot.entry.clone() }).await;
            }
            let wants = match &slot.bundle {
                _ if !slot.entry.removal.is_none() => Wants::Nothing,
                Ok(bundle) => Wants::Payload(Arc::clone(bundle)),
                Err(_) => Wants::Entries,
            };
            if !slot.told.as_ref().is_some_and(|told| told.names_the_same(&wants)) {
                let mut view = self.connection.view();
                match (&wants, &slot.unit) {
                    (Wants::Nothing, _) => view.claims.set_desires(id, []),
                    (Wants::Payload(bundle), _) => view.claims.set_desires(id, &bundle.keys),
                    (Wants::Entries, Some(unit)) => view.claims.set_desires(id, unit.inventory.entries().keys()),
                    (Wants::Entries, None) => {}
                }
                changed = true;
            }
            // The last payload is kept, so that the next difference is to the one that most members have.
            slot.told = Some(wants);
            if slot.bundle.is_err() && slot.entry.removal.is_none() {
                incomplete.get_or_insert_with(|| format!("what unit {id} wants is not known yet"));
            }
        }
        let mut view = self.connection.view();
        if view.incomplete != incomplete {
            view.incomplete = incomplete;
            self.slots.values_mut().for_each(|slot| slot.dirty = Due::All);
        }
        changed
    }

    /// Takes an event of a watch, and marks the units that it is about.
    pub(crate) fn on_event(&mut self, event: Event) {
        if let Event::Absent(collection) | Event::AskAgain(collection) = &event {
            self.connection.discovery.forget(&collection.kind.group);
        }
        let changed = self.connection.view().apply_event(event);
        match changed {
            Changed::Nothing => {}
            Changed::All => self.slots.values_mut().for_each(|slot| slot.dirty = Due::All),
            Changed::Kind(kind) => {
                let slots = self.slots.values_mut().filter(|slot| slot.has_kind(&kind));
                slots.for_each(|slot| slot.dirty = Due::All);
            }
            Changed::Object(key) => {
                let units: Vec<UnitId> = self.connection.view().claims.units(&key).cloned().collect();
                for id in units {
                    if let Some(slot) = self.slots.get_mut(&id) {
                        slot.dirty.add(&key);
                    }
                }
            }
        }
    }

    /// Takes which inventories were in the member when it was asked. A unit of which one is missing looks for itself: it may have
    /// been written meanwhile. True when somebody deleted one of a unit in no snapshot: that unit has nothing there now.
    pub(crate) fn note_inventories(&mut self, names: &HashSet<String>, asked: Instant) -> bool {
        for slot in self.slots.values_mut() {
            let has_any = |unit: &&mut Box<Unit>| !unit.unreadable && !unit.inventory.entries().is_empty();
            let Some(unit) = slot.unit.as_mut().filter(has_any) else { continue };
            if !unit.inventory_secrets.is_empty() && unit.inventory_secrets.are_among(names) {
                unit.seen = unit.seen.max(asked);
            } else {
                (unit.doubted, slot.dirty) = (true, Due::All);
            }
        }
        // One that was read or written since, or was never in a Secret, says nothing.
        let is_deleted = |unit: &Unit| {
            !unit.inventory_secrets.is_empty() && !unit.inventory_secrets.is_any_among(names) && unit.seen < asked
        };
        let deleted: Vec<UnitId> =
            self.orphans.values().filter(|unit| is_deleted(unit)).map(|unit| unit.id.clone()).collect();
        for id in &deleted {
            self.orphans.remove(id);
            let mut view = self.connection.view();
            view.claims.set_entries(id, 0, []);
            view.claims.set_intent(id, Intent::Prunes);
            tracing::warn!(unit = %id, "somebody deleted the inventory of a unit that nothing asks for: what it has is free");
        }
        if !deleted.is_empty() {
            self.wake_waiting(None);
        }
        !deleted.is_empty()
    }

    /// What is left alone after a fight is tried at once, and the fight is counted from its beginning.
    pub(crate) fn end_contests(&mut self) {
        for slot in self.slots.values_mut() {
            slot.ends_contests = true;
            slot.end_contests();
        }
    }

    /// Begins passes over units that need one.
    pub(crate) fn start(&mut self, passes: &mut Passes) {
        let now = Instant::now();
        self.begin_passes(passes, now);
        self.note_open(now);
    }

    fn begin_passes(&mut self, passes: &mut Passes, now: Instant) {
        while passes.len() < self.connection.ctx.limits.units_in_flight {
            let next = next_in_turn(&self.slots, self.last_started.as_ref(), |slot| slot.is_ready(now));
            let Some(id) = next.cloned() else { return };
            let Some(slot) = self.slots.get_mut(&id) else { return };
            let Some(unit) = slot.unit.take() else { return };
            let dirty = std::mem::take(&mut slot.dirty);
            let due = if slot.is_due(now) { Due::All } else { dirty };
            (slot.due, slot.began) = (None, self.changes);
            self.away.insert(id.clone());
            let (connection, entry, bundle) = (Arc::clone(&self.connection), slot.entry.clone(), slot.bundle.clone());
            // Costs nothing while no subscriber asks for it; with one, each request and line of a pass says whose it is.
            let span =
                tracing::info_span!("pass", member = %connection.ctx.member, unit = %unit.id, epoch = entry.epoch);
            let pass = contained_pass(connection, unit, entry, bundle, due).instrument(span);
            // Boxed: what awaits passes would have room for an outcome, also while there is no pass.
            passes.push(Box::pin(pass.map(Box::new)));
            self.last_started = Some(id);
        }
    }

    /// When the next unit at rest is due, while there is room for its pass. Otherwise a pass that ends comes first: a moment
    /// that is past must not be waited for, since that waits for nothing.
    pub(crate) fn wake(&self, passes: &Passes) -> Option<Instant> {
        if passes.len() >= self.connection.ctx.limits.units_in_flight {
            return None;
        }
        self.slots.values().filter(|slot| slot.unit.is_some()).filter_map(|slot| slot.due).min()
    }

    /// Notes of which units a report is waited for, and since when.
    fn note_open(&mut self, now: Instant) {
        for slot in self.slots.values_mut() {
            slot.open = match slot.open {
                _ if !slot.awaits_report() => Open::No,
                Open::No => Open::Since(now),
                open => open,
            };
        }
    }

    /// Notes that a unit was reported.
    pub(crate) fn note_reported(&mut self, id: &UnitId) {
        if let Some(slot) = self.slots.get_mut(id) {
            (slot.is_unreported, slot.open) = (false, Open::No);
        }
    }

    /// When it is to be said next of a unit that no report came.
    pub(crate) fn next_overdue(&self) -> Option<Instant> {
        let is_queueing = self.connection.ctx.shared.is_queueing();
        self.slots.values().filter_map(|slot| slot.overdue_at(is_queueing)).min()
    }

    /// The units of which no report came in time, and what is known of them. Each is told once, until there is a report; one of which
    /// nothing is to be told yet is looked at again.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<(UnitId, Overdue)> {
        let is_queueing = self.connection.ctx.shared.is_queueing();
        let view = self.connection.view();
        let mut out = Vec::new();
        for (id, slot) in &mut self.slots {
            if slot.overdue_at(is_queueing).is_none_or(|at| at > now) {
                continue;
            }
            let overdue = slot.overdue(&view, view.unmet.get(id));
            slot.open = if overdue.is_some() { Open::Said } else { Open::Since(now) };
            out.extend(overdue.map(|overdue| (id.clone(), overdue)));
        }
        out
    }

    /// Takes a unit back from its pass. False when it is no longer in the snapshot.
    pub(crate) fn back(&mut self, unit: Box<Unit>, next: Duration, waits_for_others: bool, moved: bool) -> bool {
        self.away.remove(&unit.id);
        self.connection.view().unmet.remove(&unit.id);
        let Some(slot) = self.slots.get_mut(&unit.id) else {
            self.retire(unit);
            return false;
        };
        let id = unit.id.clone();
        slot.due = Some(Instant::now() + next);
        slot.waits_for_others = waits_for_others;
        slot.unit = Some(unit);
        slot.end_contests();
        // What it waits for may have come while it looked.
        if waits_for_others && slot.began != self.changes {
            slot.dirty = Due::All;
        }
        if moved {
            // What this pass did may be what others wait for.
            self.wake_waiting(Some(&id));
        }
        true
    }
}

/// A pass over a unit. A panic in it costs that pass: what the unit knew is lost with it, so its inventory is read again
/// before anything else is done, after a pause that grows while panics follow each other.
async fn contained_pass(
    connection: Arc<Connection>,
    unit: Box<Unit>,
    entry: UnitEntry,
    bundle: Result<Arc<Bundle>, FeedError>,
    due: Due,
) -> Outcome {
    let (id, failures, recollection) = (unit.id.clone(), unit.failures + 1, unit.recollection.clone());
    let pass = Box::pin(unit::pass(Arc::clone(&connection), unit, entry.clone(), bundle, due));
    let panic = match counted(NAME, &connection.ctx.metrics, pass).await {
        Ok(outcome) => return outcome,
        Err(panic) => panic,
    };
    tracing::error!(unit = %id, panic, "a pass panicked, and the unit is looked at again; please report it");
    let error = Error::Bug("a look at the unit panicked; what happened is in the log".to_owned());
    let mut unit = fresh(&connection.ctx.hub, id.clone(), Inventory::empty(id), None, true);
    (unit.failures, unit.recollection) = (failures, recollection);
    let report = UnitReport { objects: unit.counts(), ..failed(&connection.ctx.member, &entry, &error) };
    Outcome {
        unit,
        report: Some(report),
        next: Backoff::MEMBER.pause(failures, connection.jitter()),
        waits_for_others: false,
        moved: false,
        unreachable: None,
        panicked: true,
        restored: None,
        renewed: None,
    }
}

fn fresh(
    hub: &HubId,
    id: UnitId,
    inventory: Inventory,
    inventory_secrets: Option<InventorySecrets>,
    unreadable: bool,
) -> Box<Unit> {
    let short = id.short(hub);
    Box::new(Unit {
        inventory_secrets: inventory_secrets.unwrap_or_else(|| InventorySecrets::empty(short.clone())),
        id,
        short,
        inventory,
        unreadable,
        unknown: unreadable,
        past: Past::default(),
        batch: None,
        failures: 0,
        seen: Instant::now(),
        doubted: false,
        recollection: None,
        settled: None,
        claimed: None,
        scaled: Instant::now(),
    })
}

#[cfg(test)]
mod tests;
