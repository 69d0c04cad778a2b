//! Applying a phase: take new objects into the inventory, send what differs, wait.

use std::sync::Arc;
use std::time::Duration;

use api::feed::Wait;
use client::Class;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use model::{Digest, HashedKey, KeyMap, KeySet};
use plan::adopt;
use plan::apply::{self as decision, Hold, Observed, Plan, Report, WaitingOn, Why};
use plan::inventory::{self, Entry};
use plan::prepare::{Batch, Prepared};
use plan::send::Job;
use plan::wait;
use serde_json::Value;
use tokio::time::Instant;

use crate::connection::{Kind, View};
use crate::error::Error;

use super::{Pass, send};

/// An object that is to be sent, and why.
type Todo<'a> = (&'a Prepared, Why);

impl Pass {
    /// Takes new objects into the inventory, before any of them is applied, with whose they are.
    pub(super) async fn admit(&mut self, objects: impl Iterator<Item = &Prepared>) -> Result<(), Error> {
        let now = Instant::now();
        let mut new = Vec::new();
        let mut restored = false;
        for object in objects {
            if !self.is_mine(&object.key) {
                self.elsewhere.insert(object.key.clone());
                continue;
            }
            if let Some(entry) = self.unit.inventory.get(&object.key) {
                if entry.doomed {
                    // The source has it again: an earlier release of its deletion is over, also for later.
                    restored |= self.unit.inventory.update(&object.key, |entry| entry.doomed = false);
                }
                continue;
            }
            let gone = self.is_gone(&object.key);
            if self.unit.past.memory.get(&object.key).is_none_or(|m| m.rest(object.digest, now, gone).is_none()) {
                new.push(object.clone());
            }
        }
        let mut entries = Vec::new();
        for (object, live) in self.look_at(new).await? {
            let Some(plan) = self.judge(&object, live.as_ref(), None) else { continue };
            let (adopted, unrecorded) = (plan.is_adopted(), plan.is_unrecorded());
            let entry = Entry { version: object.version.clone(), adopted, unrecorded, ..Entry::default() };
            entries.push((object.key.clone(), entry));
            self.read.insert(object.key, live.is_some());
        }
        if restored || !entries.is_empty() {
            self.unit.inventory.put_entries(entries, self.connection.ctx.limits.shard_bytes);
            self.save().await?;
        }
        Ok(())
    }

    /// Reads objects as the member has them. One that cannot be read fails by itself.
    pub(super) async fn look_at(&mut self, objects: Vec<Prepared>) -> Result<Vec<(Prepared, Option<Value>)>, Error> {
        let lanes = self.lanes(objects.len());
        let connection = &self.connection;
        let read = |object: Prepared| async move {
            let live = connection.read(&object).await;
            (object, live)
        };
        let found: Vec<_> = futures::stream::iter(objects.into_iter().map(read)).buffered(lanes.width).collect().await;
        let mut out = Vec::with_capacity(found.len());
        for (object, live) in found {
            match live {
                Ok(live) => out.push((object, live)),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.fail(&object, &e),
            }
        }
        Ok(out)
    }

    /// Whose an object is that was read; `None` when it has to be left alone for now. `begun` as in
    /// [`adopt::plan`].
    fn judge(&mut self, object: &Prepared, live: Option<&Value>, begun: Option<&str>) -> Option<adopt::Plan> {
        let uid = live.and_then(model::object::uid).unwrap_or_default();
        let recorded = self.connection.view().claims.recorded(&object.key, uid, &self.unit.id);
        let (plan, Report { waiting }) = adopt::plan(live, &self.connection.ctx.hub, recorded, begun);
        if let Some(waiting) = waiting {
            match &waiting {
                WaitingOn::OtherHub(hub) => {
                    let message = format!("hub {hub} delivers it; remove it there, or its label kurator.dev/hub here");
                    self.hold(object, waiting, message);
                }
                _ => self.hold_until_gone(object),
            }
        }
        (plan != adopt::Plan::Leave).then_some(plan)
    }

    /// Reads what a process that died may have left half done, or may leave so: objects whose first apply may have
    /// arrived or not, and objects that are gone. What turns out to be somebody else's is recorded as adopted before it is
    /// touched; what is made again loses its UID in the record first, so that its labels tell whose it is. Returns what
    /// was read; what could not be read, or has to be left alone, is taken out of `todo`.
    async fn verify(&mut self, todo: &mut Vec<Todo<'_>>) -> Result<KeyMap<Option<Value>>, Error> {
        let is_recorded = |key: &HashedKey| self.unit.inventory.get(key).is_some_and(|entry| entry.uid.is_some());
        let is_unsure = |(object, why): &&Todo<'_>| {
            *why == Why::Recreate || !(is_recorded(&object.key) || self.read.contains_key(&object.key))
        };
        let unsure: Vec<Prepared> = todo.iter().filter(is_unsure).map(|(object, _)| Prepared::clone(object)).collect();
        let mut read = KeyMap::default();
        if unsure.is_empty() {
            return Ok(read);
        }
        let asked: KeySet = unsure.iter().map(|object| Arc::clone(&object.key)).collect();
        let part_of = inventory::applyset_id(&self.unit.short);
        for (object, live) in self.look_at(unsure).await? {
            let Some(entry) = self.unit.inventory.get(&object.key) else { continue };
            let (mut adopted, mut unrecorded) = (entry.adopted, entry.unrecorded);
            if entry.uid.is_none() {
                let Some(plan) = self.judge(&object, live.as_ref(), Some(&part_of)) else { continue };
                adopted |= plan.is_adopted();
                unrecorded |= plan.is_unrecorded();
            }
            self.unit.inventory.update(&object.key, |entry| {
                (entry.adopted, entry.unrecorded) = (adopted, unrecorded);
                entry.uid = entry.uid.take().filter(|_| live.is_some());
            });
            self.read.insert(Arc::clone(&object.key), live.is_some());
            read.insert(object.key, live);
        }
        // Also what this pass changed before: an object whose deletion it began has lost its UID in memory only.
        self.save().await?;
        todo.retain(|(object, _)| !asked.contains(&object.key) || read.contains_key(&object.key));
        Ok(read)
    }

    pub(super) fn hold(&mut self, object: &Prepared, waiting: WaitingOn, message: String) {
        let jitter = self.connection.jitter();
        self.memory(&object.key).fail(object.digest, waiting, message, jitter);
    }

    /// What is to be done with an object, and why it is left as it is. `rest` keeps it from being tried.
    pub(super) fn decide(
        &self,
        view: &View,
        object: &Prepared,
        rest: Option<WaitingOn>,
        hold: Option<Hold>,
        ask: bool,
    ) -> (Plan, Report) {
        let elsewhere = self.elsewhere.contains(&object.key);
        let accepted = self.unit.past.accepted.get(&object.key);
        decision::plan(Observed {
            step: self.step_in(view, object),
            is_recorded: self.unit.inventory.get(&object.key).is_some(),
            elsewhere: elsewhere.then(|| view.claims.owner(&object.key).map(ToString::to_string).unwrap_or_default()),
            rest,
            ask_autoscaler: ask && accepted.is_some_and(|accepted| accepted.scaled),
            hold,
        })
    }

    /// Sends what differs of these objects, several at a time.
    pub(super) async fn apply<'a>(&mut self, objects: impl Iterator<Item = &'a Prepared>) -> Result<(), Error> {
        let now = Instant::now();
        let ask = self.unit.scaled + self.connection.ctx.limits.resync <= now;
        let mut todo: Vec<Todo<'a>> = Vec::new();
        for object in objects {
            let memory = self.unit.past.memory.get(&object.key);
            let rest = memory.and_then(|m| m.rest(object.digest, now, self.is_gone(&object.key)));
            let (plan, _) = self.decide(&self.connection.view(), object, rest, None, ask);
            match plan {
                Plan::Send(why) => todo.push((object, why)),
                Plan::Settled => {
                    if let Some(memory) = self.unit.past.memory.get_mut(&object.key) {
                        (memory.failure, memory.contested, memory.noticed) = (None, None, None);
                    }
                }
                Plan::Leave => {}
            }
        }
        let mut read = self.verify(&mut todo).await?;
        let (connection, terms) = (Arc::clone(&self.connection), self.terms());
        let lanes = self.lanes(todo.len());
        let mut todo = todo.into_iter();
        let mut sending = FuturesUnordered::new();
        loop {
            // A job is made when its turn comes: all of a unit's at once were 20 KiB in each member.
            while sending.len() < lanes.width
                && let Some((object, why)) = todo.next()
            {
                sending.extend(
                    self.job(object, why, read.remove(&object.key)).map(|job| send::send(&connection, job, &terms)),
                );
            }
            let Some((job, result)) = sending.next().await else { return Ok(()) };
            match result {
                Ok(sent) => self.settle(&job, sent),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.fail(&job.object, &e),
            }
        }
    }

    /// What is needed to send an object; `None` when it is not recorded. `live` is the object as it was read just now.
    fn job(&self, object: &Prepared, why: Why, live: Option<Option<Value>>) -> Option<Job> {
        Some(Job {
            object: object.clone(),
            entry: self.unit.inventory.get(&object.key)?.clone(),
            accepted: self.unit.past.accepted.get(&object.key).cloned(),
            why,
            history: self.unit.past.memory.get(&object.key).map(|memory| memory.history.clone()).unwrap_or_default(),
            live,
        })
    }

    /// Was the member seen not to have the object?
    fn is_gone(&self, key: &HashedKey) -> bool {
        let view = self.connection.view();
        !view.observations.contains_key(key) && view.kinds.get(&key.group_kind()) == Some(&Kind::Listed)
    }

    /// How much longer a phase waits; `None` to go on. Decided by [`plan::wait`].
    pub(super) fn wait(&mut self, payload: Digest, index: usize, batch: &Batch) -> Option<Duration> {
        let mut pending = Vec::new();
        {
            let (view, now) = (self.connection.view(), Instant::now());
            for object in &batch.objects {
                let key = &object.key;
                // What cannot be seen is served or not: it is not known, and what needs it is refused for now if it is not.
                let unseen = batch.wait == Wait::Established && view.hidden(key, now).is_some();
                let observation = view.observations.get(key);
                let memory = self.unit.past.memory.get_mut(key);
                let observed = wait::Observed {
                    key,
                    seen: observation.map(|observation| &*observation.seen.state),
                    is_given_up: unseen || self.elsewhere.contains(key),
                };
                let ready = wait::is_ready(batch.wait, &observed);
                let failed = memory.is_some_and(|memory| {
                    memory.overdue = memory.overdue.take().filter(|(of, _)| !ready && *of == payload);
                    memory.problem().is_some()
                });
                let observed = wait::Observed { is_given_up: observed.is_given_up || failed, ..observed };
                if wait::is_pending(batch.wait, &observed) {
                    pending.push(key.clone());
                }
            }
        }
        let since = match self.unit.batch {
            Some((digest, at, since)) if digest == payload && at == index => since,
            _ => Instant::now(),
        };
        let timeout = Duration::from_secs(batch.timeout_secs.into());
        let plan = wait::plan(batch.wait, !pending.is_empty(), timeout, since.elapsed());
        if plan != wait::Plan::GoOn {
            self.unit.batch = Some((payload, index, since));
        }
        match plan {
            wait::Plan::GoOn => None,
            wait::Plan::Wait(left) => Some(left),
            wait::Plan::Overdue(why) => {
                for key in pending {
                    self.memory(&key).overdue = Some((payload, why.clone()));
                }
                None
            }
        }
    }
}
