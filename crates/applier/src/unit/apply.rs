//! Applying a phase: take new objects into the inventory, send what differs, wait.

use std::sync::Arc;
use std::time::Duration;

use api::feed::Wait;
use client::Class;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use model::{Digest, HashedKey, KeyMap, KeySet};
use plan::adopt::{self, Known};
use plan::apply::{self as decision, Hold, Observed, Plan, Report, Step, WaitingOn, Why};
use plan::drift;
use plan::instruction;
use plan::inventory::{self, Entry};
use plan::phase;
use plan::prepare::{Batch, Prepared};
use plan::send::Job;
use plan::wait;
use serde_json::Value;
use tokio::time::Instant;

use crate::connection::{Kind, View};
use crate::error::Error;
use crate::record::Shared;
use crate::watch::Collection;

use super::{Pass, send};

/// Kinds of which objects run to an end. Asked for each object of each pass, so that nothing is looked up of others.
fn may_end(key: &HashedKey) -> bool {
    matches!((key.group.as_str(), key.kind.as_str()), ("batch", "Job") | ("", "Pod"))
}

/// An object, and how the member has it.
pub(super) type Looked = (Arc<Prepared>, Option<Value>);

/// An object that is to be sent, and why.
type Todo<'a> = (&'a Arc<Prepared>, Why);

impl Pass {
    /// Takes new objects into the inventory, before any of them is applied, with whose they are.
    pub(super) async fn admit(&mut self, objects: impl Iterator<Item = &Arc<Prepared>>) -> Result<(), Error> {
        let now = Instant::now();
        let (mut new, mut elsewhere) = (Vec::new(), Vec::new());
        let mut restored = false;
        for object in objects {
            if self.outside.contains_key(&object.key) {
                continue;
            }
            if !self.is_mine(&object.key) {
                self.elsewhere.insert(object.key.clone());
                elsewhere.push(object.clone());
                continue;
            }
            if let Some(entry) = self.unit.inventory.get(&object.key) {
                if entry.doomed.is_some() || entry.kept != object.stays {
                    // The source has it again: an earlier release of its deletion is over, also for later.
                    let restore = |entry: &mut Entry| (entry.doomed, entry.kept) = (None, object.stays);
                    restored |= self.unit.inventory.update(&object.key, restore);
                }
                continue;
            }
            let gone = self.is_gone(&object.key);
            if matches!(self.step(object), Step::LeftAlone(_)) {
                continue;
            }
            let rest = self.unit.past.memory.get(&object.key).and_then(|m| m.rest(object.digest, now, gone));
            // A word of the hub counts at once.
            if rest.is_none_or(|rest| rest == WaitingOn::Adoption && self.entry.overwrite) {
                new.push(object.clone());
            }
        }
        self.compare_shared(elsewhere).await?;
        let mut entries = Vec::new();
        for (object, live) in self.look_at(new).await? {
            if let Some(live) = &live
                && let Some(asked) = instruction::stronger(object.asked, instruction::asked(live))
            {
                self.left_alone.insert(object.key.clone(), asked);
                continue;
            }
            let scaled = self.is_scaled(&object, live.as_ref()).await?;
            let Some(plan) = self.judge(&object, live.as_ref(), Known { scaled, ..Known::default() }) else { continue };
            if let Some(hub) = self.taken_over_by().await? {
                self.leave_to(&object, hub);
                continue;
            }
            if let Some(memory) = self.unit.past.memory.get_mut(&object.key) {
                memory.failure = memory.failure.take().filter(|failure| failure.waiting != WaitingOn::Adoption);
            }
            let (adopted, unrecorded) = (plan.is_adopted(), plan.is_unrecorded());
            if let Some(live) = live.as_ref().filter(|_| adopted) {
                let changed = adopt::changes(&object, live, scaled).all;
                self.unit.past.adoptions.insert(object.key.clone(), changed);
            }
            let (version, kept) = (object.version.clone(), object.stays);
            let entry = Entry { version, adopted, unrecorded, kept, ..Entry::default() };
            entries.push((object.key.clone(), entry));
            self.read.insert(object.key.clone(), live.is_some());
        }
        if restored || !entries.is_empty() {
            // Room for all at once, as in `plan::handover::Claims::set_desires`.
            self.connection.view().observations.reserve(entries.len());
            self.unit.past.accepted.reserve(entries.len());
            self.unit.inventory.put_entries(entries, self.connection.ctx.limits.shard_bytes);
            self.save().await?;
        }
        Ok(())
    }

    /// Does an autoscaler have the replicas of an object that is there before us? Asked only where they differ.
    async fn is_scaled(&self, object: &Prepared, live: Option<&Value>) -> Result<bool, Error> {
        if !live.is_some_and(|live| adopt::has_other_replicas(object, live)) || self.entry.force {
            return Ok(false);
        }
        match self.connection.autoscalers(&object.key).await {
            Ok(found) => Ok(drift::is_autoscaled(&object.key, &found)),
            Err(e) if e.class() == Class::Unreachable => Err(e),
            // Not known to have one: what differs is told, and asked again after a pause.
            Err(_) => Ok(false),
        }
    }

    /// Finds out of Namespaces and definitions that another unit delivers whether they are as this one has them. Each is read once for each
    /// change of it.
    async fn compare_shared(&mut self, elsewhere: Vec<Arc<Prepared>>) -> Result<(), Error> {
        let seen: KeyMap<Digest> = {
            let view = self.connection.view();
            let projection = |key: &HashedKey| view.observations.get(key).map(|seen| seen.seen.state.projection);
            elsewhere.iter().filter_map(|object| Some((object.key.clone(), projection(&object.key)?))).collect()
        };
        let is_known = |object: &Prepared, projection: &Digest| {
            let shared = self.unit.past.shared.get(&object.key);
            shared.is_some_and(|shared| (shared.digest, shared.projection) == (object.digest, *projection))
        };
        let is_shared = |object: &Arc<Prepared>| phase::is_container(&object.key);
        let is_new =
            |object: &Arc<Prepared>| seen.get(&object.key).is_some_and(|projection| !is_known(object, projection));
        let unknown: Vec<Arc<Prepared>> = elsewhere.into_iter().filter(is_shared).filter(is_new).collect();
        for (object, live) in self.look_at(unknown).await? {
            let Some(projection) = seen.get(&object.key) else { continue };
            let same = |live| adopt::changes(&object, live, false).all.is_empty();
            let serves_both = live.as_ref().is_some_and(same);
            let shared = Shared { digest: object.digest, projection: *projection, serves_both };
            self.unit.past.shared.insert(object.key.clone(), shared);
        }
        Ok(())
    }

    /// Is an object that another unit delivers there, as this unit has it?
    pub(super) fn serves_both(&self, view: &View, object: &Prepared) -> bool {
        let projection = view.observations.get(&object.key).map(|seen| seen.seen.state.projection);
        let shared = self.unit.past.shared.get(&object.key).filter(|shared| shared.serves_both);
        shared.is_some_and(|shared| shared.digest == object.digest && Some(shared.projection) == projection)
    }

    /// Records of objects which content of them ran to its end, before they may be gone.
    pub(super) fn note_ended(&mut self) {
        let Ok(bundle) = self.bundle.clone() else { return };
        for object in bundle.objects().filter(|object| may_end(&object.key)) {
            let Some(entry) = self.unit.inventory.get(&object.key) else { continue };
            let accepted = self.unit.past.accepted.get(&object.key).map(|accepted| &**accepted);
            let view = self.connection.view();
            let seen = view.observations.get(&object.key);
            let seen = seen.and_then(|seen| Some((&seen.seen.uid, seen.seen.state.ended?)));
            let seen = seen.or_else(|| view.ended.get(&object.key).map(|(uid, failed)| (uid, *failed)));
            let ended = decision::ended(object.digest, entry, accepted, seen);
            drop(view);
            if entry.uid.is_some() {
                // It is recorded, or not of this object.
                self.connection.view().ended.remove(&object.key);
            }
            if ended.is_some() {
                self.unit.inventory.update(&object.key, |entry| entry.ended = ended.map(Box::new));
            }
        }
    }

    /// Reads objects as the member has them. One that cannot be read fails by itself. Of a unit that leaves, one whose kind is no longer
    /// served is gone: nothing brings that kind back for it.
    pub(super) async fn look_at(&mut self, objects: Vec<Arc<Prepared>>) -> Result<Vec<Looked>, Error> {
        let (connection, lanes) = (Arc::clone(&self.connection), self.lanes(objects.len()));
        let (connection, leaves) = (&*connection, !self.entry.removal.is_none());
        let read = |object: Arc<Prepared>| async move {
            let live = match leaves {
                true => connection
                    .read_recorded(&object.key, &object.version)
                    .await
                    .map(|found| found.map(|(_, live)| live)),
                false => connection.read(&object).await,
            };
            (object, live)
        };
        let mut out = Vec::with_capacity(objects.len());
        let mut found = futures::stream::iter(objects.into_iter().map(read)).buffered(lanes.width);
        while let Some((object, live)) = found.next().await {
            match live {
                Ok(live) => out.push((object, live)),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.fail(&object, &e),
            }
        }
        Ok(out)
    }

    /// Whose an object is that was read; `None` when it has to be left alone for now.
    fn judge(&mut self, object: &Prepared, live: Option<&Value>, known: Known<'_>) -> Option<adopt::Plan> {
        let uid = live.and_then(model::object::uid).unwrap_or_default();
        let recorded = self.connection.view().claims.recorded(&object.key, uid, &self.unit.id);
        let known = Known { recorded, overwrites: self.entry.overwrite, ..known };
        let (plan, Report { waiting }) = adopt::plan(object, live, &self.connection.ctx.hub, known);
        if let Some(waiting) = waiting {
            match &waiting {
                WaitingOn::OtherHub(hub) => {
                    let message = adopt::foreign_words(hub, "delivers it", &self.connection.ctx.member, live);
                    self.hold(object, waiting, message);
                }
                WaitingOn::Adoption => {
                    let restarts = live.map(|live| adopt::changes(object, live, known.scaled).restarts);
                    self.hold(object, waiting, adopt::refusal_words(&restarts.unwrap_or_default()));
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
            matches!(why, Why::Recreate | Why::Rerun)
                || !(is_recorded(&object.key) || self.read.contains_key(&object.key))
        };
        let unsure: Vec<_> = todo.iter().filter(is_unsure).map(|(object, _)| Arc::clone(object)).collect();
        let mut read = KeyMap::default();
        if unsure.is_empty() {
            return Ok(read);
        }
        let asked: KeySet = unsure.iter().map(|object| Arc::clone(&object.key)).collect();
        let part_of = inventory::applyset_id(&self.unit.short);
        for (object, live) in self.look_at(unsure).await? {
            if live.is_none()
                && let Some(hub) = self.taken_over_by().await?
            {
                self.leave_to(&object, hub);
                continue;
            }
            let Some(entry) = self.unit.inventory.get(&object.key) else { continue };
            let (mut adopted, mut unrecorded) = (entry.adopted, entry.unrecorded);
            if entry.uid.is_none() {
                let scaled = self.is_scaled(&object, live.as_ref()).await?;
                let known = Known { begun: Some(&part_of), scaled, ..Known::default() };
                let Some(plan) = self.judge(&object, live.as_ref(), known) else { continue };
                adopted |= plan.is_adopted();
                unrecorded |= plan.is_unrecorded();
            }
            self.unit.inventory.update(&object.key, |entry| {
                (entry.adopted, entry.unrecorded) = (adopted, unrecorded);
                entry.uid = entry.uid.take().filter(|_| live.is_some());
            });
            self.read.insert(Arc::clone(&object.key), live.is_some());
            read.insert(object.key.clone(), live);
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
            lack: self.lack(&object.key),
            elsewhere: elsewhere.then(|| view.claims.owner(&object.key).map(ToString::to_string).unwrap_or_default()),
            rest,
            ask_autoscaler: ask && accepted.is_some_and(|accepted| accepted.scaled),
            hold,
        })
    }

    /// Sends what differs of these objects, several at a time.
    pub(super) async fn apply<'a>(&mut self, objects: impl Iterator<Item = &'a Arc<Prepared>>) -> Result<(), Error> {
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
    fn job(&self, object: &Arc<Prepared>, why: Why, live: Option<Option<Value>>) -> Option<Job> {
        Some(Job {
            object: Arc::clone(object),
            entry: self.unit.inventory.get(&object.key)?.clone(),
            accepted: self.unit.past.accepted.get(&object.key).cloned(),
            why,
            history: self.unit.past.memory.get(&object.key).map(|memory| memory.history.clone()).unwrap_or_default(),
            live,
        })
    }

    /// Was the member seen not to have the object?
    pub(super) fn is_gone(&self, key: &HashedKey) -> bool {
        let collection = Collection::of(key, &self.connection.ctx.rights);
        let view = self.connection.view();
        !view.observations.contains_key(key) && view.kinds.get(&collection) == Some(&Kind::Listed)
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
                    is_given_up: unseen
                        || self.outside.contains_key(key)
                        || self.elsewhere.contains(key)
                        || self.left_alone.contains_key(key),
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
