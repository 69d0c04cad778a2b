//! Carrying out a prune plan: forget, give back, delete in waves.

use std::sync::Arc;
use std::time::Duration;

use api::delivery::{DeletionState, ObjectSet, Removal};
use client::{Class, Resource};
use futures::StreamExt as _;
use model::{HashedKey, KeySet};
use plan::inventory::{self, Entry, Inventory};
use plan::ownership::{self, Claimant, MayDelete, MayRelease, NotOurs};
use plan::prepare;
use plan::prune::{self, Observed, Plan, WaitingOn};
use plan::rights::Lack;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::Error;
use crate::limit;

use super::{Pass, Write};

/// What came of an attempt to delete an object.
enum Tried {
    /// We deleted it, and it is gone.
    Deleted,
    /// It is not there.
    Absent,
    /// It is not ours, for this reason.
    NotOurs(NotOurs),
    /// We deleted it, and it is on its way out.
    Going,
    /// It was on its way out already, or is only released.
    Waiting,
    /// It asks to stay: it is to be released.
    Stays,
}

impl Pass {
    /// Plans and prunes until nothing more can be done now. True when the unit has left the member.
    pub(super) async fn prune(&mut self, desired: &KeySet, settled: bool) -> Result<bool, Error> {
        // Looked into by this pass, and again before the deletion: once each is enough, however long it takes.
        let (mut looked, mut looked_again) = (KeySet::default(), KeySet::default());
        // The list that this pass released last.
        let mut granted = None;
        self.drop_unmade(desired).await?;
        loop {
            let known = self.unit.past.let_go;
            self.let_go_of_others(desired).await?;
            if self.unit.past.let_go != known {
                self.unit.past.looks.clear();
                looked.clear();
            }
            self.keep_what_asks(desired);
            let plan = self.plan_prune(desired, settled, &looked);
            let Plan { look_into, forget, release, let_go, leave, doom, released, asked_all, delete, finish } = &plan;
            if !look_into.is_empty() {
                self.look_into(look_into, desired).await?;
                looked.extend(look_into.iter().cloned());
                continue;
            }
            // Another unit holds these objects now: dropping the entries deletes nothing.
            for key in forget {
                self.unit.inventory.remove(key);
            }
            if let Some(released) = released {
                let keys = doom.iter().map(|key| &**key);
                self.unit.inventory.doom(keys, *released, &self.entry, *asked_all);
                // What may be deleted is on record before anything is.
                self.save().await?;
            }
            // What was named as staying is looked at again, now that the rest is released. No list is released twice.
            let digest = released.map(|released| released.digest).filter(|_| self.entry.approved_shown.is_some());
            let mut progress = !forget.is_empty() || (digest.is_some() && granted.replace(digest) != Some(digest));
            let mut given_back = false;
            for key in release {
                given_back |= self.release(key).await?;
            }
            progress |= given_back;
            for key in let_go {
                let why = NotOurs::OutsideRights(Lack::of(key));
                self.let_go(key, Some(&why), "left as it is, and no longer recorded");
                progress = true;
            }
            for (key, unit) in leave {
                let why = NotOurs::Untaken(unit.name.clone());
                self.let_go(key, Some(&why), "left as it is, and no longer recorded");
                progress = true;
            }
            let (first, last) = prune::waves(delete);
            // What contains others goes when the others are gone.
            let wave = if first.is_empty() { last } else { first };
            let is_old =
                |key: &&Arc<HashedKey>| self.unit.past.looks.get(*key).is_some_and(|look| !look.is_fresh(self.began));
            let again: Vec<Arc<HashedKey>> =
                wave.iter().filter(is_old).filter(|key| !looked_again.contains(*key)).cloned().collect();
            if !again.is_empty() {
                self.look_into(&again, desired).await?;
                looked_again.extend(again);
                continue;
            }
            let left_behind = self.unit.past.let_go;
            progress |= self.delete(&wave).await?;
            if given_back || self.unit.past.let_go != left_behind {
                // What is no longer ours may be in a container in which no stranger was seen before.
                self.unit.past.looks.clear();
                looked.clear();
            }
            if *finish && self.unit.inventory.entries().is_empty() {
                if self.unit.inventory_secrets.are_several() {
                    // The first one names the others until they are gone.
                    self.unit.inventory.set_changed();
                    self.save().await?;
                }
                self.write_inventory(Write::Remove).await?;
                self.unit.inventory = Inventory::empty(self.unit.id.clone());
                self.unit.claimed = None;
                // What others did not take over was let go of.
                self.kept.retain(|waiting| !matches!(waiting, WaitingOn::Handover(_)));
                return Ok(true);
            }
            if !progress {
                self.look_for_holders().await?;
                // A unit that leaves writes its inventory too, so that what is gone is forgotten after a restart.
                if *finish {
                    self.save().await?;
                }
                return Ok(false);
            }
        }
    }

    fn plan_prune(&mut self, desired: &KeySet, settled: bool, looked: &KeySet) -> Plan {
        let view = self.connection.view();
        let mut entry = self.entry.clone();
        // Without knowing what the other units want, an object of theirs could be taken for nobody's.
        if entry.frozen.is_none() {
            entry.frozen.clone_from(&view.incomplete);
        }
        let known = self.unit.past.looks.iter().filter(|(key, look)| look.is_known() || looked.contains(*key));
        let inhabitants = known.map(|(key, look)| (Arc::clone(key), look.inhabitants.clone())).collect();
        let (inventory, claims) = (&self.unit.inventory, &view.claims);
        let (rights, patient) = (&self.connection.ctx.rights, !self.patience().is_zero());
        let awaits = !self.time_to_leave(limit::HANDED_OVER_WITHIN).is_zero();
        let inhabitants = &inhabitants;
        let observed =
            Observed { entry: &entry, inventory, desired, claims, rights, inhabitants, settled, patient, awaits };
        let (plan, report) = prune::plan(&observed);
        drop(view);
        self.counted = entry.frozen.is_none();
        self.waits_for_others |= report.waiting.iter().any(|w| w.may_end_by_others());
        self.kept = report.waiting;
        self.deletions = report.deletions;
        self.going = report.going;
        plan
    }

    /// Drops what was recorded before its first apply, was never made, and is not wanted any more: there is nothing to delete,
    /// and nothing to wait for.
    async fn drop_unmade(&mut self, desired: &KeySet) -> Result<(), Error> {
        let entries = self.unit.inventory.entries().iter();
        let unmade = entries.filter(|(key, entry)| entry.uid.is_none() && !desired.contains(*key));
        let unmade: Vec<_> = unmade.map(|(key, entry)| (Arc::clone(key), Arc::clone(&entry.version))).collect();
        for (key, version) in unmade {
            match self.recorded(&key, &version).await {
                Ok(None) => self.forget(&key),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                // It was made after all, or that cannot be said: it is deleted as any other.
                Ok(Some(_)) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Notes which of the objects that a person was shown as staying ask for that in the member: they are given back, and not asked
    /// about again. Those that were shown as going are looked at when they are deleted.
    fn keep_what_asks(&mut self, desired: &KeySet) {
        let Some(shown) = self.shown() else { return };
        let leaving = !self.entry.removal.is_none();
        let view = self.connection.view();
        let asks = |key: &Arc<HashedKey>| view.observations.get(key).is_some_and(|seen| seen.seen.state.stays);
        let entries = self.unit.inventory.entries().iter();
        let beyond = entries.filter(|(key, entry)| {
            !entry.kept && (leaving || !desired.contains(*key)) && !shown.contains(key) && asks(key)
        });
        let beyond: Vec<_> = beyond.map(|(key, _)| Arc::clone(key)).collect();
        drop(view);
        for key in beyond {
            self.unit.inventory.update(&key, |entry| entry.kept = true);
        }
    }

    /// What a person was shown as going: before the edit by which the unit leaves, or of the list that is released now.
    fn shown(&self) -> Option<&ObjectSet> {
        self.entry.shown.as_ref().or_else(|| prune::shown_of_released(&self.entry, &self.unit.inventory))
    }

    /// Lets go of what a person was shown as staying since it is not the unit's: another object has its name, another hub has it, or nobody,
    /// or it is gone. Nobody is asked about it again. What was shown as going is compared when it is deleted.
    async fn let_go_of_others(&mut self, desired: &KeySet) -> Result<(), Error> {
        let Some(shown) = self.shown().filter(|_| self.entry.removal != Removal::Release) else {
            return Ok(());
        };
        let leaving = !self.entry.removal.is_none();
        let doubtful: Vec<_> = {
            let view = self.connection.view();
            // A watch shows what has our label: what it does not show may be another hub's.
            let is_doubtful = |key: &Arc<HashedKey>, entry: &Entry| {
                view.is_replaced(key, entry) || view.observations.get(key).is_none()
            };
            let is_meant = |key: &Arc<HashedKey>, entry: &Entry| {
                let is_unwanted = leaving || !desired.contains(key);
                let is_asked = is_unwanted && !entry.is_only_released() && !shown.contains(key);
                is_asked && !self.outside.contains_key(key) && is_doubtful(key, entry)
            };
            let entries = self.unit.inventory.entries().iter();
            let meant = entries.filter(|(key, entry)| is_meant(key, entry));
            meant.map(|(key, entry)| (Arc::clone(key), entry.clone())).collect()
        };
        if doubtful.is_empty() {
            return Ok(());
        }
        let seen = self.read_recorded(doubtful).await;
        let part_of = inventory::applyset_id(&self.unit.short);
        let hub = self.connection.ctx.hub.clone();
        let ours = Claimant { hub: &hub, part_of: &part_of };
        for (key, entry, found) in seen {
            let live = match found {
                Ok(found) => found.map(|(_, live)| live),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                // It waits for a word, as what was not shown does.
                Err(_) => continue,
            };
            match ownership::may_delete(&ours, &entry, live.as_ref()) {
                MayDelete::NotOurs(why) => self.let_go(&key, Some(&why), "not deleted, and no longer recorded"),
                // A kind that is hidden for a moment takes no object along.
                MayDelete::Absent if self.connection.view().hidden(&key, Instant::now()).is_none() => self.forget(&key),
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks who has what waits for a word and no watch shows: it may be another hub's, and then it stays. A list says so before somebody
    /// agrees to it.
    async fn look_for_holders(&mut self) -> Result<(), Error> {
        let waits = self.deletions.as_ref().is_some_and(|list| list.state == DeletionState::Waiting);
        let unseen: Vec<(Arc<HashedKey>, Entry)> = {
            let (view, now) = (self.connection.view(), Instant::now());
            let is_unseen =
                |key: &Arc<HashedKey>| view.observations.get(key).is_none() && view.hidden(key, now).is_none();
            let unseen: KeySet = self.going.iter().filter(|key| waits && is_unseen(key)).cloned().collect();
            let holders = &mut self.unit.past.holders;
            // What is shown again, and vanishes once more, is asked about once more.
            holders.retain(|key, (at, _)| unseen.contains(key) && at.elapsed() < limit::HOLDER_KEPT);
            let entries = self.unit.inventory.entries().iter();
            let unknown = entries.filter(|(key, _)| unseen.contains(*key) && !holders.contains_key(*key));
            unknown.map(|(key, entry)| (Arc::clone(key), entry.clone())).take(limit::HOLDERS_MAX).collect()
        };
        for (key, entry, found) in self.read_recorded(unseen).await {
            let live = match found {
                Ok(found) => found.map(|(_, live)| live),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                // What is not known is asked about as it is.
                Err(_) => None,
            };
            let part_of = inventory::applyset_id(&self.unit.short);
            let ours = Claimant { hub: &self.connection.ctx.hub, part_of: &part_of };
            let why = match ownership::may_delete(&ours, &entry, live.as_ref()) {
                MayDelete::NotOurs(why) => Some(why),
                _ => None,
            };
            self.unit.past.holders.insert(key, (Instant::now(), why));
        }
        Ok(())
    }

    /// Reads objects of the inventory, several at a time.
    async fn read_recorded(
        &self,
        keys: Vec<(Arc<HashedKey>, Entry)>,
    ) -> Vec<(Arc<HashedKey>, Entry, Result<Option<(Arc<Resource>, Value)>, Error>)> {
        let lanes = self.lanes(keys.len());
        let read = |(key, entry): (Arc<HashedKey>, Entry)| async move {
            let found = self.recorded(&key, &entry.version).await;
            (key, entry, found)
        };
        futures::stream::iter(keys.into_iter().map(read)).buffered(lanes.width).collect().await
    }

    /// How much longer a unit that leaves waits for others to leave its Namespaces too.
    pub(super) fn patience(&self) -> Duration {
        self.time_to_leave(limit::LEAVING_TOGETHER)
    }

    /// How much longer a unit that leaves waits for something that it waits for so long.
    fn time_to_leave(&self, within: Duration) -> Duration {
        let since = self.unit.past.leaving_since;
        since.map_or(Duration::ZERO, |since| within.saturating_sub(since.elapsed()))
    }

    /// When a unit that leaves is to be looked at again, since it waits for others no longer then.
    pub(super) fn patience_ends(&self) -> Option<Duration> {
        let is_awaiting = |waiting: &WaitingOn| matches!(waiting, WaitingOn::Occupied(_) | WaitingOn::Handover(_));
        let left = [limit::LEAVING_TOGETHER, limit::HANDED_OVER_WITHIN].map(|within| self.time_to_leave(within));
        left.into_iter().find(|left| !left.is_zero()).filter(|_| self.kept.iter().any(is_awaiting))
    }

    /// Forgets an object with which the unit has nothing more to do.
    fn forget(&mut self, key: &Arc<HashedKey>) {
        self.unit.inventory.remove(key);
        self.unit.past.memory.remove(key);
        self.unit.past.accepted.remove(key);
        self.unit.past.looks.remove(key);
        let mut view = self.connection.view();
        // What was seen of it is also for units that have it, want it, or wait for it to be gone.
        let is_shared = view.claims.units(key).any(|unit| *unit != self.unit.id);
        if !is_shared {
            view.observations.remove(key);
        }
    }

    /// Deletes objects, several at a time. True when any entry is gone. An error stops only its object.
    async fn delete(&mut self, keys: &[Arc<HashedKey>]) -> Result<bool, Error> {
        let now = Instant::now();
        let resting = |key: &&Arc<HashedKey>| {
            self.unit.past.memory.get(*key).and_then(|m| m.failure.as_ref()).is_none_or(|f| f.retry <= now)
        };
        let todo: Vec<Arc<HashedKey>> = keys.iter().filter(resting).cloned().collect();
        let pass = &*self;
        let try_one = |key: Arc<HashedKey>| async move {
            let result = pass.try_delete(&key).await;
            (key, result)
        };
        let lanes = self.lanes(todo.len());
        let tried = todo.into_iter().map(try_one);
        let results: Vec<_> = futures::stream::iter(tried).buffer_unordered(lanes.width).collect().await;
        let mut progress = false;
        for (key, result) in results {
            match result {
                Ok(Tried::NotOurs(why)) => {
                    self.let_go(&key, Some(&why), "not deleted, and no longer recorded");
                    progress = true;
                }
                Ok(gone @ (Tried::Deleted | Tried::Absent)) => {
                    // Somebody else may have deleted it.
                    let is_ours = self.unit.past.memory.get(&key).is_some_and(|memory| memory.is_going);
                    if is_ours || matches!(gone, Tried::Deleted) {
                        self.unit.past.count_deleted(self.connection.ctx.clock.now());
                    }
                    self.forget(&key);
                    progress = true;
                }
                Ok(Tried::Going) => self.memory(&key).is_going = true,
                Ok(Tried::Waiting) => {}
                Ok(Tried::Stays) => progress |= self.unit.inventory.update(&key, |entry| entry.kept = true),
                // It changed since it was read.
                Err(e) if e.code() == Some(409) => self.again = true,
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.remember_failure(&key, &e),
            }
        }
        Ok(progress)
    }

    fn remember_failure(&mut self, key: &Arc<HashedKey>, error: &Error) {
        let (jitter, digest) = (self.connection.jitter(), self.entry.payload);
        let secret = prepare::is_secret(key).then_some(&[][..]);
        self.memory(key).fail_with(digest, secret, error, jitter);
    }

    /// Reads an object that the inventory names, at whichever version the member serves it now.
    pub(super) async fn recorded(
        &self,
        key: &Arc<HashedKey>,
        version: &str,
    ) -> Result<Option<(Arc<Resource>, Value)>, Error> {
        self.connection.read_recorded(key, version).await
    }

    async fn try_delete(&self, key: &Arc<HashedKey>) -> Result<Tried, Error> {
        let Some(entry) = self.unit.inventory.get(key) else { return Ok(Tried::Absent) };
        let (resource, live) = match self.recorded(key, &entry.version).await? {
            Some((resource, live)) => (Some(resource), Some(live)),
            None => (None, None),
        };
        let part_of = inventory::applyset_id(&self.unit.short);
        let ours = Claimant { hub: &self.connection.ctx.hub, part_of: &part_of };
        match (ownership::may_delete(&ours, entry, live.as_ref()), resource, live) {
            (MayDelete::Delete, Some(resource), Some(live)) => match self.connection.delete(&resource, &live).await? {
                true => Ok(Tried::Deleted),
                false => Ok(Tried::Going),
            },
            (MayDelete::NotOurs(why), ..) => Ok(Tried::NotOurs(why)),
            (MayDelete::AsksToStay, ..) => Ok(Tried::Stays),
            (MayDelete::Waiting | MayDelete::OnlyReleased, ..) => Ok(Tried::Waiting),
            (MayDelete::Absent | MayDelete::Delete, ..) => Ok(Tried::Absent),
        }
    }

    /// Forgets an object, and notes why it is still there if it is not ours: a person may ask after the log is gone.
    fn let_go(&mut self, key: &Arc<HashedKey>, not_ours: Option<&NotOurs>, what: &str) {
        if let Some(why) = not_ours {
            self.unit.past.let_go += 1;
            tracing::warn!(object = %key, unit = %self.unit.id, %why, "{what}");
            self.unit.past.note_not_ours(key, why, self.entry.epoch);
        }
        self.forget(key);
    }

    /// Gives an object back: without our labels and our ownership of fields. True when its entry is gone.
    async fn release(&mut self, key: &Arc<HashedKey>) -> Result<bool, Error> {
        match self.try_release(key).await {
            Err(e) if e.code() == Some(409) => {
                self.again = true;
                Ok(false)
            }
            Ok(not_ours) => {
                let not_ours = not_ours.or_else(|| self.who_is_in(key).map(NotOurs::Inhabited));
                self.let_go(key, not_ours.as_ref(), "left as it is, and no longer recorded");
                Ok(true)
            }
            Err(e) if e.class() == Class::Unreachable => Err(e),
            Err(e) => {
                self.remember_failure(key, &e);
                Ok(false)
            }
        }
    }

    /// Who has something in a container, in the words of the plan, if that is why it is given back.
    fn who_is_in(&self, container: &Arc<HashedKey>) -> Option<String> {
        let lists = self.kept.iter().filter_map(|waiting| match waiting {
            WaitingOn::Inhabited(containers) | WaitingOn::InUse(containers) => Some(containers),
            _ => None,
        });
        lists.flatten().find(|(key, _)| key == container).map(|(_, who)| who.clone())
    }

    /// Why it was left as it is, if it is not ours.
    async fn try_release(&self, key: &Arc<HashedKey>) -> Result<Option<NotOurs>, Error> {
        let Some(entry) = self.unit.inventory.get(key) else { return Ok(None) };
        let Some((resource, live)) = self.recorded(key, &entry.version).await? else { return Ok(None) };
        let part_of = inventory::applyset_id(&self.unit.short);
        let ours = Claimant { hub: &self.connection.ctx.hub, part_of: &part_of };
        match ownership::may_release(&ours, entry, self.entry.removal, Some(&live)) {
            MayRelease::Nothing => Ok(None),
            MayRelease::NotOurs(why) => Ok(Some(why)),
            MayRelease::Release(patch) => {
                match self.connection.api.merge(&resource.target(&key.namespace, &key.name), &patch).await {
                    Err(e) if !e.is_gone() => Err(e.into()),
                    _ => Ok(None),
                }
            }
        }
    }
}
