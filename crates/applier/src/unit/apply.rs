//! Applying a phase: take new objects into the inventory, send what differs, wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::Class;
use futures::StreamExt as _;
use model::{Digest, ObjectKey};
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
            if self.unit.inventory.get(&object.key).is_some() {
                // The source has it again: an earlier release of its deletion is over, also for later.
                restored |= self.unit.inventory.update(&object.key, |entry| entry.doomed = false);
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
            self.unit.inventory.put_all(entries, self.connection.ctx.limits.shard_bytes);
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
    /// touched; what is made again loses its UID in the record first, so that its labels tell whose it is.
    async fn verify(&mut self, jobs: Vec<Job>) -> Result<Vec<Job>, Error> {
        let unsure = |job: &Job| {
            job.why == Why::Recreate || (job.entry.uid.is_none() && !self.read.contains_key(&job.object.key))
        };
        let (unsure, mut sure): (Vec<_>, Vec<_>) = jobs.into_iter().partition(unsure);
        if unsure.is_empty() {
            return Ok(sure);
        }
        let part_of = inventory::applyset_id(&self.unit.short);
        let mut jobs: BTreeMap<Arc<ObjectKey>, Job> =
            unsure.into_iter().map(|job| (job.object.key.clone(), job)).collect();
        let objects = jobs.values().map(|job| job.object.clone()).collect();
        for (object, live) in self.look_at(objects).await? {
            let Some(mut job) = jobs.remove(&object.key) else { continue };
            if job.entry.uid.is_none() {
                let Some(plan) = self.judge(&object, live.as_ref(), Some(&part_of)) else { continue };
                job.entry.adopted |= plan.is_adopted();
                job.entry.unrecorded |= plan.is_unrecorded();
            }
            self.unit.inventory.update(&object.key, |entry| {
                (entry.adopted, entry.unrecorded) = (job.entry.adopted, job.entry.unrecorded);
                entry.uid = entry.uid.take().filter(|_| live.is_some());
            });
            self.read.insert(object.key, live.is_some());
            job.live = Some(live);
            sure.push(job);
        }
        // Also what this pass changed before: an object whose deletion it began has lost its UID in memory only.
        self.save().await?;
        Ok(sure)
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
        let mut todo = Vec::new();
        for object in objects {
            let memory = self.unit.past.memory.get(&object.key);
            let rest = memory.and_then(|m| m.rest(object.digest, now, self.is_gone(&object.key)));
            let (plan, _) = self.decide(&self.connection.view(), object, rest, None, ask);
            match (plan, self.unit.inventory.get(&object.key)) {
                (Plan::Send(why), Some(entry)) => {
                    let history = memory.map(|m| m.history.clone()).unwrap_or_default();
                    let accepted = self.unit.past.accepted.get(&object.key).cloned();
                    let (object, entry) = (object.clone(), entry.clone());
                    todo.push(Job { object, entry, accepted, why, history, live: None });
                }
                (Plan::Settled, _) => {
                    if let Some(memory) = self.unit.past.memory.get_mut(&object.key) {
                        (memory.failure, memory.contested, memory.noticed) = (None, None, None);
                    }
                }
                (Plan::Send(_) | Plan::Leave, _) => {}
            }
        }
        let todo = self.verify(todo).await?;
        let (connection, terms) = (Arc::clone(&self.connection), self.terms());
        let lanes = self.lanes(todo.len());
        let jobs = todo.into_iter().map(|job| send::send(&connection, job, &terms));
        let mut sent = futures::stream::iter(jobs).buffer_unordered(lanes.width);
        while let Some((job, result)) = sent.next().await {
            match result {
                Ok(sent) => self.settle(&job, sent),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.fail(&job.object, &e),
            }
        }
        Ok(())
    }

    /// Was the member seen not to have the object?
    fn is_gone(&self, key: &ObjectKey) -> bool {
        let view = self.connection.view();
        !view.observations.contains_key(key) && view.kinds.get(&key.group_kind()) == Some(&Kind::Listed)
    }

    /// How much longer a phase waits; `None` to go on. Decided by [`plan::wait`].
    pub(super) fn wait(&mut self, payload: Digest, index: usize, batch: &Batch) -> Option<Duration> {
        let mut pending = Vec::new();
        {
            let view = self.connection.view();
            for object in &batch.objects {
                let key = &object.key;
                let observation = view.observations.get(key);
                let memory = self.unit.past.memory.get_mut(key);
                let observed = wait::Observed {
                    key,
                    seen: observation.map(|observation| &*observation.seen.state),
                    is_given_up: self.elsewhere.contains(key),
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
