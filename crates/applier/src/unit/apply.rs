//! Applying a phase: take new objects into the inventory, send what differs, wait.

use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Digest, Wait};
use futures::StreamExt as _;
use model::ObjectKey;
use plan::adopt::{self, Adoption};
use plan::apply::{Step, Why};
use plan::inventory::Entry;
use plan::prepare::{Prepared, Stage};
use tokio::time::Instant;

use crate::error::{Class, Error};

use super::{Pass, send};

impl Pass {
    /// Takes new objects into the inventory, before any of them is applied, with whose they are.
    pub(super) async fn admit(&mut self, objects: impl Iterator<Item = &Prepared>) -> Result<(), Error> {
        let now = Instant::now();
        let mut new = Vec::new();
        for object in objects {
            if !self.is_mine(&object.key) {
                self.elsewhere.insert(object.key.clone());
                continue;
            }
            let waiting = self.unit.memory.get(&object.key).is_some_and(|m| m.is_waiting(object.digest, now));
            if !self.unit.inventory.entries.contains_key(&object.key) && !waiting {
                new.push(object.clone());
            }
        }
        let width = self.site.ctx.limits.objects_in_flight;
        let site = &self.site;
        let read = |object: Prepared| async move {
            let live = match site.resource(&object.key, &object.version).await {
                Ok(resource) => site.wire.get(&resource, &object.key.namespace, &object.key.name).await,
                Err(e) => Err(e),
            };
            (object, live)
        };
        let found: Vec<_> = futures::stream::iter(new.into_iter().map(read)).buffered(width).collect().await;
        let mut grown = self.unit.inventory.epoch < self.entry.epoch;
        for (object, live) in found {
            let live = match live {
                Ok(live) => live,
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => {
                    self.fail(&object, &e);
                    continue;
                }
            };
            let recorded = self.recorded_elsewhere(&object.key);
            let adopted = match adopt::plan(live.as_ref(), &self.site.ctx.hub, recorded) {
                Adoption::Ours => false,
                Adoption::Adopt => true,
                Adoption::Leaving => {
                    self.hold(
                        &object,
                        "BeingDeleted",
                        "it is being deleted; it is made anew when it is gone".to_owned(),
                    );
                    continue;
                }
                Adoption::Foreign(hub) => {
                    let message = format!("hub {hub} delivers it; remove it there, or its label kurator.dev/hub here");
                    self.hold(&object, "ForeignHub", message);
                    continue;
                }
            };
            let entry = Entry { version: object.version.clone(), adopted, ..Entry::default() };
            self.unit.inventory.put(object.key.clone(), entry);
            grown = true;
        }
        if grown {
            self.unit.inventory.epoch = self.unit.inventory.epoch.max(self.entry.epoch);
            self.save().await?;
        }
        Ok(())
    }

    pub(super) fn hold(&mut self, object: &Prepared, reason: &str, message: String) {
        let jitter = self.site.jitter();
        self.memory(&object.key).fail(object.digest, reason, message, jitter);
    }

    /// How another unit's inventory has an object: a handover keeps it.
    fn recorded_elsewhere(&self, key: &ObjectKey) -> Option<bool> {
        self.site.view().claims.recorded(key, &self.unit.id)
    }

    /// Sends what differs of a phase, several at a time.
    pub(super) async fn apply(&mut self, stage: &Stage) -> Result<(), Error> {
        let now = Instant::now();
        let ask = self.unit.scaled + self.site.ctx.limits.resync <= now;
        let mut todo = Vec::new();
        for object in &stage.objects {
            let Some(entry) = self.unit.inventory.entries.get(&object.key) else { continue };
            if self.elsewhere.contains(&object.key) {
                continue;
            }
            let mut step = self.step(object);
            if step == Step::Skip && entry.scaled && ask {
                step = Step::Send(Why::Revert);
            }
            let memory = self.unit.memory.get(&object.key);
            match step {
                Step::Send(_) if memory.is_some_and(|m| m.is_waiting(object.digest, now)) => {}
                Step::Send(why) => {
                    let history = memory.map(|m| m.history.clone()).unwrap_or_default();
                    todo.push(send::Job { object: object.clone(), entry: entry.clone(), why, history });
                }
                Step::Skip => {
                    if let Some(memory) = self.unit.memory.get_mut(&object.key) {
                        (memory.failure, memory.contested, memory.noticed) = (None, None, None);
                    }
                }
                Step::Wait => {}
            }
        }
        let (site, force) = (Arc::clone(&self.site), self.entry.force);
        let width = site.ctx.limits.objects_in_flight;
        let jobs = todo.into_iter().map(|job| send::send(&site, job, force));
        let mut sent = futures::stream::iter(jobs).buffer_unordered(width);
        while let Some((job, result)) = sent.next().await {
            match result {
                Ok(sent) => self.settle(&job, sent),
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.fail(&job.object, &e),
            }
        }
        Ok(())
    }

    /// How much longer a phase waits; `None` to go on.
    pub(super) fn wait(&mut self, payload: Digest, index: usize, stage: &Stage) -> Option<Duration> {
        let pending: Vec<Prepared> = {
            let view = self.site.view();
            let ready = |o: &&Prepared| {
                let look = view.looks.get(&o.key);
                match stage.wait {
                    Wait::Accepted => true,
                    Wait::Established => {
                        o.key.kind != "CustomResourceDefinition" || look.is_some_and(|l| l.established)
                    }
                    Wait::Healthy => look.is_some_and(|l| l.verdict.part.health == api::delivery::Health::Healthy),
                }
            };
            let failed = |o: &&Prepared| self.unit.memory.get(&o.key).is_some_and(|m| m.failure.is_some());
            stage
                .objects
                .iter()
                .filter(|o| !failed(o) && !self.elsewhere.contains(&o.key) && !ready(o))
                .cloned()
                .collect()
        };
        if pending.is_empty() {
            return None;
        }
        let since = match self.unit.stage {
            Some((digest, at, since)) if digest == payload && at == index => since,
            _ => Instant::now(),
        };
        self.unit.stage = Some((payload, index, since));
        let limit = Duration::from_secs(stage.timeout_secs.into());
        let left = limit.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Some(left);
        }
        for object in pending {
            let message = format!("not {} after {} s", word(stage.wait), stage.timeout_secs);
            self.hold(&object, "PhaseTimeout", message);
        }
        None
    }
}

fn word(wait: Wait) -> &'static str {
    match wait {
        Wait::Accepted => "accepted",
        Wait::Established => "Established",
        Wait::Healthy => "healthy",
    }
}
