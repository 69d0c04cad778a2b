//! Carrying out a prune plan: forget, give back, delete in waves.

use std::collections::BTreeSet;

use api::delivery::{Removal, label};
use futures::StreamExt as _;
use model::ObjectKey;
use plan::adopt;
use plan::inventory;
use plan::prune::{self, Observed, Plan, WaitingOn};
use serde_json::Value;
use tokio::time::Instant;

use crate::discovery::Resource;
use crate::error::{Class, Error};

use super::Pass;

/// What became of a deletion.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// The object is gone, or is not the one that we recorded.
    Yes,
    /// It is being deleted.
    NotYet,
}

impl Pass {
    /// Plans and prunes until nothing more can be done now. True when the unit has left the member.
    pub(super) async fn prune(&mut self, desired: &BTreeSet<ObjectKey>, settled: bool) -> Result<bool, Error> {
        loop {
            let plan = self.plan_prune(desired, settled);
            let Plan { forget, release, doom, released: _, delete, finish } = &plan;
            // Another unit holds these objects now: dropping the entries deletes nothing.
            forget.iter().for_each(|key| drop(self.unit.inventory.entries.remove(key)));
            if !doom.is_empty() {
                prune::doom(&mut self.unit.inventory, &plan, self.entry.epoch);
                // What may be deleted is on record before anything is.
                self.save().await?;
            }
            let mut progress = !forget.is_empty();
            for key in release {
                progress |= self.release(key).await?;
            }
            let (first, last) = prune::waves(delete);
            // What contains others goes when the others are gone.
            let wave = if first.is_empty() { last } else { first };
            progress |= self.delete(&wave).await?;
            if *finish && self.unit.inventory.entries.is_empty() {
                self.unit.shelf.remove(&self.site.wire).await?;
                self.unit.inventory.epoch = 0;
                return Ok(true);
            }
            if !progress {
                // A unit that leaves writes its inventory too, so that what is gone is forgotten after a restart.
                if *finish {
                    self.save().await?;
                }
                return Ok(false);
            }
        }
    }

    fn plan_prune(&mut self, desired: &BTreeSet<ObjectKey>, settled: bool) -> Plan {
        let view = self.site.view();
        let mut entry = self.entry.clone();
        // Without knowing what the other units want, an object of theirs could be taken for nobody's.
        if entry.frozen.is_none() {
            entry.frozen.clone_from(&view.incomplete);
        }
        let observed =
            Observed { entry: &entry, inventory: &self.unit.inventory, desired, claims: &view.claims, settled };
        let (plan, report) = prune::plan(&observed);
        drop(view);
        self.entangled |= report.waiting.iter().any(|w| matches!(w, WaitingOn::Handover(_) | WaitingOn::Occupied(_)));
        self.kept = report.waiting;
        self.deletions = report.deletions;
        plan
    }

    fn done(&mut self, key: &ObjectKey, gone: Gone) -> bool {
        if gone == Gone::Yes {
            self.unit.inventory.entries.remove(key);
            self.unit.memory.remove(key);
            self.site.view().looks.remove(key);
        }
        gone == Gone::Yes
    }

    /// Deletes objects, several at a time. True when any entry is gone. An error stops only its object.
    async fn delete(&mut self, keys: &[ObjectKey]) -> Result<bool, Error> {
        let now = Instant::now();
        let resting = |key: &&ObjectKey| {
            self.unit.memory.get(*key).and_then(|m| m.failure.as_ref()).is_none_or(|f| f.retry <= now)
        };
        let todo: Vec<ObjectKey> = keys.iter().filter(resting).cloned().collect();
        let pass = &*self;
        let try_one = |key: ObjectKey| async move {
            let result = pass.try_delete(&key).await;
            (key, result)
        };
        let tried = todo.into_iter().map(try_one);
        let width = self.site.ctx.limits.objects_in_flight;
        let results: Vec<_> = futures::stream::iter(tried).buffer_unordered(width).collect().await;
        let mut progress = false;
        for (key, result) in results {
            match result {
                Ok(gone) => progress |= self.done(&key, gone),
                // It changed since it was read.
                Err(e) if e.code() == Some(409) => self.again = true,
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.keep(&key, &e),
            }
        }
        Ok(progress)
    }

    fn keep(&mut self, key: &ObjectKey, error: &Error) {
        let (jitter, digest) = (self.site.jitter(), self.entry.payload);
        self.memory(key).fail_with(digest, false, error, jitter);
    }

    /// Reads an object that the inventory names, at whichever version the member serves it now.
    async fn recorded(&self, key: &ObjectKey, version: &str) -> Result<Option<(Resource, Value)>, Error> {
        let Some(resource) = self.site.recorded_resource(key, version).await? else { return Ok(None) };
        let live = self.site.wire.get(&resource, &key.namespace, &key.name).await?;
        Ok(live.map(|live| (resource, live)))
    }

    /// Is an object this unit's, by its label? False when another unit has taken it over, which may have happened since
    /// this one looked at what the others want.
    fn is_part(&self, live: &Value) -> Option<bool> {
        let part_of = model::object::label(live, label::APPLYSET_PART_OF)?;
        Some(part_of == inventory::applyset_id(&self.unit.short))
    }

    async fn try_delete(&self, key: &ObjectKey) -> Result<Gone, Error> {
        let Some(entry) = self.unit.inventory.entries.get(key) else { return Ok(Gone::Yes) };
        let Some((resource, live)) = self.recorded(key, &entry.version).await? else { return Ok(Gone::Yes) };
        let hub = model::object::label(&live, label::HUB);
        let ours = match &entry.uid {
            Some(uid) => model::object::uid(&live) == Some(uid.as_str()),
            // We do not know whether our first apply arrived: its labels tell.
            None => hub == Some(self.site.ctx.hub.as_str()) && self.is_part(&live) == Some(true),
        };
        let foreign = hub.is_some_and(|h| h != self.site.ctx.hub.as_str());
        if !ours || foreign || self.is_part(&live) == Some(false) {
            tracing::warn!(object = %key, unit = %self.unit.id, "not deleted: it is not the object that was delivered");
            return Ok(Gone::Yes);
        }
        if model::object::is_deleting(&live) {
            return Ok(Gone::NotYet);
        }
        match self.site.wire.delete(&resource, &live).await {
            Ok(true) => Ok(Gone::Yes),
            Ok(false) => Ok(Gone::NotYet),
            Err(e) => Err(e),
        }
    }

    /// Gives an object back: without our labels and our ownership of fields. True when its entry is gone.
    async fn release(&mut self, key: &ObjectKey) -> Result<bool, Error> {
        match self.try_release(key).await {
            Err(e) if e.code() == Some(409) => {
                self.again = true;
                Ok(false)
            }
            Ok(gone) => Ok(self.done(key, gone)),
            Err(e) if e.class() == Class::Unreachable => Err(e),
            Err(e) => {
                self.keep(key, &e);
                Ok(false)
            }
        }
    }

    async fn try_release(&self, key: &ObjectKey) -> Result<Gone, Error> {
        let Some(entry) = self.unit.inventory.entries.get(key) else { return Ok(Gone::Yes) };
        let Some((resource, live)) = self.recorded(key, &entry.version).await? else { return Ok(Gone::Yes) };
        if self.is_part(&live) == Some(false) {
            return Ok(Gone::Yes);
        }
        if entry.uid.is_some()
            && model::object::uid(&live) != entry.uid.as_deref()
            && self.entry.removal != Removal::Release
        {
            return Ok(Gone::Yes);
        }
        let Some(patch) = adopt::release(&live) else { return Ok(Gone::Yes) };
        match self.site.wire.merge(&resource, &key.namespace, &key.name, &patch).await {
            Ok(()) => Ok(Gone::Yes),
            Err(e) if e.code() == Some(404) => Ok(Gone::Yes),
            Err(e) => Err(e),
        }
    }
}
