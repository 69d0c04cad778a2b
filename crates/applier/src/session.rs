//! One connection's units: which the snapshot names, which are at rest, which are due.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use api::delivery::{HubId, UnitId};
use api::feed::{Snapshot, UnitEntry};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use plan::inventory::Inventory;
use plan::prepare::Bundle;
use tokio::time::Instant;

use crate::feed::{Feed, FeedError};
use crate::record::Past;
use crate::shard::{Found, Shelf};
use crate::site::{Changed, Site};
use crate::unit::{self, Outcome, Unit};
use crate::watch::Event;

/// A unit of the snapshot.
pub(crate) struct Slot {
    entry: UnitEntry,
    bundle: Result<Arc<Bundle>, FeedError>,
    /// Away while a pass has it.
    pub(crate) unit: Option<Unit>,
    dirty: bool,
    due: Option<Instant>,
    /// Its last pass waited for another unit.
    entangled: bool,
    /// [`Session::stirs`] when its pass began.
    began: u64,
}

/// One connection's state.
pub(crate) struct Session {
    site: Arc<Site>,
    pub(crate) slots: BTreeMap<UnitId, Slot>,
    /// Units with an inventory and without a place in the snapshot: nothing is done to them.
    pub(crate) orphans: BTreeMap<UnitId, Unit>,
    /// Units that a pass has.
    away: BTreeSet<UnitId>,
    /// How often what some unit wants or has changed, which others may have waited for.
    stirs: u64,
}

impl Session {
    pub(crate) fn new(site: Arc<Site>, inventories: Vec<Found>) -> Self {
        let mut orphans = BTreeMap::new();
        for Found { unit: id, inventory, shelf } in inventories {
            let unreadable = inventory.is_err();
            let inventory = inventory.unwrap_or_else(|e| {
                tracing::warn!(unit = %id, error = %e, "an inventory cannot be read");
                Inventory::empty(id.clone())
            });
            let unit = fresh(&site.ctx.hub, id.clone(), inventory, Some(shelf), unreadable);
            orphans.insert(id, unit);
        }
        let session = Self { site, slots: BTreeMap::new(), orphans, away: BTreeSet::new(), stirs: 0 };
        let mut view = session.site.view();
        for unit in session.orphans.values() {
            view.claims.set_entries(&unit.id, unit.inventory.entries());
            view.claims.set_idle(&unit.id, true);
        }
        drop(view);
        session
    }

    /// Takes a new snapshot.
    pub(crate) async fn update(&mut self, feed: &dyn Feed, snapshot: &Snapshot, past: &mut HashMap<UnitId, Past>) {
        let mut old = std::mem::take(&mut self.slots);
        let mut changed = false;
        for entry in &snapshot.units {
            let slot = match old.remove(&entry.unit) {
                Some(slot) if slot.entry == *entry => slot,
                Some(slot) => {
                    changed = true;
                    Slot { entry: entry.clone(), dirty: true, ..slot }
                }
                None => {
                    // One that left and came back during a pass is brought back by it.
                    let unit = (!self.away.contains(&entry.unit)).then(|| {
                        let unit = self.orphans.remove(&entry.unit).unwrap_or_else(|| {
                            let hub = &self.site.ctx.hub;
                            fresh(hub, entry.unit.clone(), Inventory::empty(entry.unit.clone()), None, false)
                        });
                        Unit { past: past.remove(&entry.unit).unwrap_or_default(), ..unit }
                    });
                    let bundle = Err(FeedError::Missing(entry.payload));
                    Slot { entry: entry.clone(), bundle, unit, dirty: true, due: None, entangled: false, began: 0 }
                }
            };
            self.site.view().claims.set_idle(&entry.unit, false);
            self.slots.insert(entry.unit.clone(), slot);
        }
        past.retain(|unit, _| self.slots.contains_key(unit));
        changed |= !old.is_empty();
        for (id, slot) in old {
            // One that a pass has comes back later, and finds no slot.
            match slot.unit {
                Some(unit) => self.retire(unit),
                None => {
                    let mut view = self.site.view();
                    view.claims.set_desires(&id, []);
                    view.claims.set_idle(&id, true);
                }
            }
        }
        self.refresh_all(feed).await;
        if changed {
            self.stir(None);
        }
    }

    /// Looks again at units that wait for another one, except at the one that did something.
    fn stir(&mut self, except: Option<&UnitId>) {
        self.stirs += 1;
        for (id, slot) in &mut self.slots {
            slot.dirty |= slot.entangled && Some(id) != except;
        }
    }

    /// A unit that left the snapshot: its inventory, if there is one, stays and is reported.
    fn retire(&mut self, unit: Unit) {
        let mut view = self.site.view();
        view.claims.set_desires(&unit.id, []);
        view.claims.set_entries(&unit.id, unit.inventory.entries());
        // One without entries may still have a Secret, which it has to know when it comes back.
        let remains = !unit.inventory.entries().is_empty() || unit.unreadable || !unit.shelf.is_empty();
        view.claims.set_idle(&unit.id, remains);
        drop(view);
        if remains {
            self.orphans.insert(unit.id.clone(), unit);
        }
    }

    /// Asks again for payloads that were missing.
    pub(crate) async fn refresh(&mut self, feed: &dyn Feed) {
        if self.slots.values().any(|s| s.bundle.is_err() && s.entry.removal.is_none()) {
            self.refresh_all(feed).await;
        }
    }

    /// Asks for payloads, and says to all units what each wants, before any of them begins a pass.
    async fn refresh_all(&mut self, feed: &dyn Feed) {
        let mut incomplete = None;
        for (id, slot) in &mut self.slots {
            if slot.entry.removal.is_none() && !slot.bundle.as_ref().is_ok_and(|b| b.digest == slot.entry.payload) {
                slot.bundle = feed.blob(&slot.entry).await;
                if let (Ok(bundle), Some(unit)) = (&slot.bundle, &slot.unit) {
                    unit.await_lists(&self.site, bundle);
                }
                slot.dirty |= slot.bundle.is_ok();
            }
            let mut view = self.site.view();
            match (&slot.bundle, &slot.unit) {
                _ if !slot.entry.removal.is_none() => view.claims.set_desires(id, []),
                (Ok(bundle), _) => view.claims.set_desires(id, &bundle.keys),
                // Not known yet: what it has is not up for grabs.
                (Err(_), Some(unit)) => view.claims.set_desires(id, unit.inventory.entries().keys()),
                (Err(_), None) => {}
            }
            if slot.bundle.is_err() && slot.entry.removal.is_none() {
                incomplete.get_or_insert_with(|| format!("what unit {id} wants is not known yet"));
            }
        }
        let mut view = self.site.view();
        if view.incomplete != incomplete {
            view.incomplete = incomplete;
            self.slots.values_mut().for_each(|slot| slot.dirty = true);
        }
    }

    /// Takes what a watch says.
    pub(crate) fn take(&mut self, event: Event) {
        if let Event::Absent(kind) = &event {
            self.site.discovery.forget(&kind.group);
        }
        let changed = self.site.view().take(event);
        match changed {
            Changed::Nothing => {}
            Changed::All => self.slots.values_mut().for_each(|slot| slot.dirty = true),
            Changed::Object(key) => {
                let units: Vec<UnitId> = self.site.view().claims.units(&key).cloned().collect();
                for id in units {
                    if let Some(slot) = self.slots.get_mut(&id) {
                        slot.dirty = true;
                    }
                }
            }
        }
    }

    /// Begins passes over units that need one.
    pub(crate) fn start(&mut self, passes: &mut FuturesUnordered<BoxFuture<'static, Outcome>>) {
        let now = Instant::now();
        let stirs = self.stirs;
        for slot in self.slots.values_mut() {
            if passes.len() >= self.site.ctx.limits.units_in_flight {
                return;
            }
            let due = slot.due.is_some_and(|due| due <= now);
            if (slot.dirty || due)
                && let Some(unit) = slot.unit.take()
            {
                (slot.dirty, slot.due, slot.began) = (false, None, stirs);
                self.away.insert(unit.id.clone());
                let (site, entry, bundle) = (Arc::clone(&self.site), slot.entry.clone(), slot.bundle.clone());
                passes.push(Box::pin(unit::pass(site, unit, entry, bundle)));
            }
        }
    }

    /// When the next unit at rest is due.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.slots.values().filter(|slot| slot.unit.is_some()).filter_map(|slot| slot.due).min()
    }

    /// Takes a unit back from its pass. False when it is no longer in the snapshot.
    pub(crate) fn back(&mut self, unit: Unit, next: std::time::Duration, entangled: bool, moved: bool) -> bool {
        self.away.remove(&unit.id);
        let Some(slot) = self.slots.get_mut(&unit.id) else {
            self.retire(unit);
            return false;
        };
        let id = unit.id.clone();
        slot.due = Some(Instant::now() + next);
        slot.entangled = entangled;
        slot.unit = Some(unit);
        // What it waits for may have come while it looked.
        slot.dirty |= entangled && slot.began != self.stirs;
        if moved {
            // What this pass did may be what others wait for.
            self.stir(Some(&id));
        }
        true
    }
}

fn fresh(hub: &HubId, id: UnitId, inventory: Inventory, shelf: Option<Shelf>, unreadable: bool) -> Unit {
    let short = id.short(hub);
    Unit {
        shelf: shelf.unwrap_or_else(|| Shelf::empty(short.clone())),
        id,
        short,
        inventory,
        unreadable,
        past: Past::default(),
        stage: None,
        failures: 0,
        fenced: None,
        scaled: Instant::now(),
    }
}
