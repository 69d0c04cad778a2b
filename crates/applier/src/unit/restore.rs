//! Writing an inventory again that was gone when the process started, from what the hub knows of it ([`Recollection`]).

use std::sync::Arc;

use api::delivery::{Removal, UnitCounts};
use api::feed::UnitEntry;
use model::HashedKey;
use plan::inventory::{self, Entry, Recollection};
use plan::ownership::Claimant;
use plan::prepare::Prepared;

use crate::error::Error;
use crate::feed::{FeedError, Restored};
use crate::limit;
use crate::member::Ctx;

use super::{Pass, Progress, Unit};

impl Unit {
    /// Asks the hub what it knows, when the member has no inventory and this process remembers nothing of it.
    pub(crate) fn recollect(&mut self, entry: &UnitEntry, ctx: &Ctx) {
        let is_lost = !self.unreadable && self.inventory_secrets.is_empty() && self.inventory.entries().is_empty();
        if is_lost && self.recollection.is_none() {
            let leaves = !entry.removal.is_none();
            let known = (ctx.recollect)(&self.id);
            self.recollection = known.filter(|known| leaves || known.payload_of(leaves).is_some()).map(Box::new);
        } else {
            self.note_adopted(ctx);
        }
    }

    /// Records as adopted what the hub knows to have been there before the unit. An inventory that was read may be an older one of its own,
    /// of when the unit had made these objects, which somebody put back: that this hub wrote it is proven, and not that it is the newest.
    pub(super) fn note_adopted(&mut self, ctx: &Ctx) {
        if self.inventory.entries().is_empty() {
            return;
        }
        let Some(known) = (ctx.recollect)(&self.id) else { return };
        let is_known = |(key, entry): &(&Arc<HashedKey>, &Entry)| !entry.adopted && known.adopted.contains(key);
        let keys: Vec<Arc<HashedKey>> =
            self.inventory.entries().iter().filter(is_known).map(|(key, _)| Arc::clone(key)).collect();
        for key in &keys {
            self.inventory.update(key, |entry| entry.adopted = true);
        }
        if !keys.is_empty() {
            let (member, unit, objects) = (&ctx.member, &self.id, keys.len());
            tracing::warn!(%member, %unit, objects, "the inventory is an older one: objects that were there before the unit count as adopted");
        }
    }

    /// How many objects it has in the member, and how many of them would not be deleted. What is not written again yet counts: the hub
    /// stores what is reported, and recollects from that after its next start.
    pub(crate) fn counts(&self) -> UnitCounts {
        let count = |objects: usize| u32::try_from(objects).unwrap_or(u32::MAX);
        let entries = self.inventory.entries();
        let adopted = entries.values().filter(|entry| entry.adopted).count();
        let spared = entries.values().filter(|entry| entry.is_only_released()).count();
        let known = |known: &Recollection| (known.objects, known.adopted.len());
        let (objects, known) = self.recollection.as_deref().map(known).unwrap_or_default();
        UnitCounts {
            inventory: count(entries.len()).max(objects),
            adopted: count(adopted.max(known)),
            spared: count(spared.max(known)),
            ..UnitCounts::default()
        }
    }
}

impl Pass {
    /// Records what the unit is known to have applied, before anything is adopted. An object that cannot be read fails by itself, and
    /// is looked at again before it is adopted.
    pub(super) async fn restore(&mut self) -> Result<(), Error> {
        let Some(known) = self.unit.recollection.clone() else { return Ok(()) };
        let leaves = !self.entry.removal.is_none();
        let payload = known.payload_of(leaves);
        let bundle = match self.bundle.clone() {
            Ok(bundle) if payload == Some(bundle.digest) => bundle,
            _ if leaves && payload.is_some() && self.may_payload_come() => return Ok(()),
            _ if leaves => {
                // One whose labels were taken off has been found meanwhile.
                if self.unit.inventory.entries().is_empty() {
                    self.note_unrecorded(&known);
                }
                self.unit.recollection = None;
                return Ok(());
            }
            Ok(_) => {
                self.unit.recollection = None;
                return Ok(());
            }
            // Whatever ends this pass before all of it is written: the next one goes on.
            Err(_) => return Ok(()),
        };
        let is_lost = |object: &&Arc<Prepared>| {
            let key = &object.key;
            self.unit.inventory.get(key).is_none() && !self.outside.contains_key(key) && self.is_mine(key)
        };
        let lost: Vec<Arc<Prepared>> = bundle.objects().filter(is_lost).cloned().collect();
        let count = lost.len();
        let found = self.look_at(lost).await?;
        let is_complete = found.len() == count;
        let part_of = inventory::applyset_id(&self.unit.short);
        let unit = Claimant { hub: &self.connection.ctx.hub, part_of: &part_of };
        let Some(mut entries) = known.entries(&found, &unit) else {
            let (member, unit) = (&self.connection.ctx.member, &self.unit.id);
            tracing::warn!(%member, %unit, "the inventory is gone, and the hub knows less than the member was told: its objects count as adopted");
            self.unit.recollection = None;
            if leaves {
                self.note_unrecorded(&known);
            }
            return Ok(());
        };
        known.note_given_back(&mut entries, &found, &self.entry);
        if entries.is_empty() {
            let hub = &self.connection.ctx.hub;
            let is_others = |live: &serde_json::Value| plan::ownership::other_hub(live, hub).is_some();
            let taken = found.iter().filter(|(_, live)| live.as_ref().is_some_and(is_others));
            self.unit.past.taken = taken.map(|(object, _)| (object.key.clone(), object.version.clone())).collect();
        }
        if !entries.is_empty() {
            self.unit.inventory.put_entries(entries, self.connection.ctx.limits.shard_bytes);
            // The edit may be from a backup, and taken back since: only the inventory that is lost would tell.
            if self.entry.unapproved && self.entry.removal == Removal::Prune {
                self.unit.inventory.note_behind();
            }
            self.save().await?;
            self.claim();
            self.note_restored(&known);
        }
        if is_complete {
            self.unit.recollection = None;
        }
        Ok(())
    }

    /// What is said of a unit that leaves while it is not known what it has there.
    pub(super) fn what_is_awaited(&self, known: &Recollection) -> Progress {
        match (&self.bundle, known.payload_of(true)) {
            (Err(error), _) => Progress::NoPayload(error.clone()),
            (Ok(bundle), Some(payload)) if bundle.digest != payload => Progress::NoPayload(FeedError::Missing(payload)),
            (Ok(_), _) => Progress::Leaving { gone: false },
        }
    }

    /// May the hub still say what a unit that leaves had? It may be about to.
    fn may_payload_come(&self) -> bool {
        let is_unasked = matches!(self.bundle, Err(FeedError::Unavailable(_)));
        let since = self.unit.past.leaving_since;
        is_unasked || since.is_none_or(|since| since.elapsed() < limit::LEFT_PAYLOAD_WITHIN)
    }

    /// Notes that the unit leaves, and that what it had there stays, since nothing tells which objects these were. What was on its way out
    /// is gone as a rule.
    fn note_unrecorded(&mut self, known: &Recollection) {
        if known.was_leaving {
            return;
        }
        let (member, unit, objects) = (&self.connection.ctx.member, &self.unit.id, known.objects);
        tracing::warn!(%member, %unit, objects, "the inventory is gone, and the hub does not know what was in it: what the unit has there stays");
        self.unit.past.note_unrecorded(objects as usize, self.entry.epoch);
    }

    fn note_restored(&mut self, known: &Recollection) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let entries = self.unit.inventory.entries();
        let adopted = entries.values().filter(|entry| entry.adopted).count();
        let (own, objects) = (entries.len() - adopted, known.objects);
        let (member, unit) = (&self.connection.ctx.member, &self.unit.id);
        tracing::warn!(%member, %unit, own, adopted, objects, "the inventory was gone, and is written again from what the hub knows");
        let (member, unit) = (member.clone(), unit.clone());
        self.restored = Some(Restored { member, unit, objects, own: number(own), adopted: number(adopted) });
    }
}
