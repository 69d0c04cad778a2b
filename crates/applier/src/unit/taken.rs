//! What another hub took over of what a unit had in the member. It took the unit with it: what is missing of that unit is not made here.

use std::sync::Arc;

use api::delivery::label;
use client::Class;
use futures::StreamExt as _;
use model::HashedKey;
use plan::adopt;
use plan::apply::WaitingOn;
use plan::ownership;
use plan::prepare::Prepared;

use crate::error::Error;
use crate::record::Memory;

use super::Pass;

impl Pass {
    /// Did another hub take the inventory over? It labels all objects of the inventory as its own before that goes: as long as
    /// one of them bears our label, nobody took it over. An object that the inventory never had says nothing of it.
    pub(super) fn is_taken_over(&self) -> bool {
        let is_others = |memory: &Memory| {
            memory.failure.as_ref().is_some_and(|failure| matches!(failure.waiting, WaitingOn::OtherHub(_)))
        };
        let mut recorded = self.unit.past.memory.iter().filter(|(key, _)| self.unit.inventory.get(key).is_some());
        recorded.any(|(_, memory)| is_others(memory)) && !self.has_any_labelled()
    }

    /// Do objects of the inventory bear another hub's label in the member by now, and none ours? The first one that bears ours answers. One
    /// that cannot be read says nothing.
    pub(super) async fn have_become_others(&self) -> Result<bool, Error> {
        let connection = &self.connection;
        let mut is_any = false;
        let entries = self.unit.inventory.entries().iter();
        for (key, entry) in entries.filter(|(key, _)| !self.outside.contains_key(*key)) {
            let live = match connection.read_recorded(key, &entry.version).await {
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                live => live.unwrap_or_default(),
            };
            match live.as_ref().and_then(|(_, live)| model::object::label(live, label::HUB)) {
                Some(hub) if hub == connection.ctx.hub.as_str() => return Ok(false),
                Some(_) => is_any = true,
                None => {}
            }
        }
        Ok(is_any)
    }

    /// The hub that has what the unit had here, if any has. As long as one object of the inventory bears our label, none has. What the unit
    /// never had says nothing of it. Asked once in a pass, and only when something would be made.
    pub(super) async fn taken_over_by(&mut self) -> Result<Option<String>, Error> {
        if self.taken_by.is_none() {
            let hub = if self.has_any_labelled() { None } else { self.find_other_hub().await? };
            self.taken_by = Some(hub);
        }
        Ok(self.taken_by.clone().flatten())
    }

    /// Reads what the unit had until an object tells whose it is.
    async fn find_other_hub(&self) -> Result<Option<String>, Error> {
        let entries = self.unit.inventory.entries().iter().filter(|(_, entry)| entry.uid.is_some());
        let had = entries.map(|(key, entry)| (key, &entry.version)).chain(&self.unit.past.taken);
        let had: Vec<_> = had.filter(|(key, _)| !self.outside.contains_key(*key)).collect();
        let (connection, lanes) = (&self.connection, self.lanes(had.len()));
        let read = |(key, version): (&'_ Arc<HashedKey>, &'_ Arc<str>)| {
            let (key, version) = (Arc::clone(key), Arc::clone(version));
            async move { connection.read_recorded(&key, &version).await }
        };
        let mut reads = futures::stream::iter(had.into_iter().map(read)).buffered(lanes.width);
        while let Some(live) = reads.next().await {
            let live = match live {
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                live => live.unwrap_or_default(),
            };
            let Some((_, live)) = live.filter(|(_, live)| model::object::label(live, label::HUB).is_some()) else {
                continue;
            };
            return Ok(ownership::other_hub(&live, &connection.ctx.hub));
        }
        Ok(None)
    }

    /// Leaves an object that is missing to the hub that has the rest of the unit.
    pub(super) fn leave_to(&mut self, object: &Prepared, hub: String) {
        let does = "took over what this unit had here, and what is missing of it is not made";
        let message = adopt::foreign_words(&hub, does, &self.connection.ctx.member, None);
        self.hold(object, WaitingOn::OtherHub(hub), message);
    }
}
