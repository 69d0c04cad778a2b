//! Making the requests of a send, and noting what became of it. What to ask next is decided by [`plan::send`].

use std::sync::Arc;

use client::{Class, Document};
use model::{Digest, HashedKey};
use plan::apply::{Accepted, Step, WaitingOn, Why};
use plan::difference::trial::IMMUTABLE;
use plan::drift;
use plan::inventory::{self, Entry};
use plan::ownership;
use plan::prepare::Prepared;
use plan::send::{Answer, Job, Keeps, Next, Send, Sent, Terms};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::Error;
use crate::immutable::is_change_refused;
use crate::observation::Observation;
use crate::record::Contest;

use super::Pass;

/// Sends an object, as far as its requests go.
pub(super) async fn send(connection: &Connection, job: Job, terms: &Terms) -> (Job, Result<Sent, Error>) {
    let result = attempt(connection, &job, terms).await;
    (job, result)
}

async fn attempt(connection: &Connection, job: &Job, terms: &Terms) -> Result<Sent, Error> {
    let key = &job.object.key;
    let resource = connection.resource(key, &job.object.version).await?;
    let now = connection.ctx.clock.now();
    let target = resource.target(&key.namespace, &key.name);
    let (mut send, mut next) = Send::begin(job, terms, now);
    let mut refused = None;
    loop {
        let answer = match next {
            Next::Read => Answer::Live(connection.api.get(&target).await?),
            Next::AskAutoscalers => Answer::Autoscalers(connection.autoscalers(key).await?),
            Next::Apply(body) => match connection.api.apply(&target, Document::from_bytes(body)).await {
                Ok(applied) => Answer::Applied { created: applied.created, object: applied.object },
                Err(e) if is_change_refused(&connection.api, &resource, &job.object, &e).await => {
                    refused = Some(e);
                    Answer::Immutable
                }
                Err(e) => return Err(explain(e, None)),
            },
            Next::Delete(live) => Answer::Deleted(connection.delete(&resource, &live).await?),
            Next::Done(Sent::Refused(why)) => match refused {
                Some(e) => return Err(explain(e, Some(why))),
                None => return Ok(Sent::Vanished),
            },
            Next::Done(sent) => return Ok(sent),
        };
        (send, next) = send.step(answer, now);
    }
}

/// Adds what to do. `keeps` says why an object whose immutable field changed is not made again.
fn explain(error: client::Error, keeps: Option<Keeps>) -> Error {
    match error {
        client::Error::Refused { code, reason, message, fields, missing } => {
            let lacks_namespace = missing.as_ref().is_some_and(|missing| missing.is_namespace());
            let hint = match (code, keeps) {
                (_, Some(keeps)) => keeps.advice(),
                // Admission answers 403 too, with words of its own.
                (403, None) if message.contains(" cannot ") => "; give the member's credential that right",
                (404, None) if lacks_namespace => "; deliver its namespace too, or make it",
                (404, None) if missing.is_some() => "; deliver that too, or make it",
                _ => "",
            };
            let reason = if keeps.is_some() { IMMUTABLE.to_owned() } else { reason };
            client::Error::Refused { code, reason, message: format!("{message}{hint}"), fields, missing }.into()
        }
        other => other.into(),
    }
}

impl Pass {
    /// What holds for all sends of this pass.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            hub: self.connection.ctx.hub.clone(),
            part_of: inventory::applyset_id(&self.unit.short),
            force: self.entry.force,
            behind: self.unit.inventory.is_behind(&self.entry),
        }
    }

    /// Records what became of an object.
    pub(super) fn settle(&mut self, job: &Job, sent: Sent) {
        let Job { object, .. } = job;
        let key = &object.key;
        let (now, clock) = (Instant::now(), self.connection.ctx.clock.now());
        match sent {
            Sent::Applied { created, live, scaled, admission, drift } => {
                let observation = Observation::of(&live, &self.connection.ctx.shared.pools.states);
                let was_absent = self.read.get(key) == Some(&false);
                self.unit.inventory.update(key, |entry| {
                    entry.adopted = ownership::is_adopted_after(entry, created, was_absent, &observation.seen.uid);
                    entry.unrecorded &= entry.adopted;
                    entry.version.clone_from(&object.version);
                    entry.uid = Some(observation.seen.uid.clone());
                    entry.doomed = None;
                    // What ran before was another content.
                    entry.ended = entry.ended.take().filter(|ended| ended.digest == object.digest);
                });
                let left = drift::left_words(&drift::left_to_others(&object.object, &live));
                self.accept(object, &observation, Accepted { scaled, admission, left, ..Accepted::default() });
                if created && key.group.is_empty() && key.kind == "Namespace" {
                    self.forget_ends(&key.name);
                }
                {
                    let mut view = self.connection.view();
                    view.note_observation(key, observation);
                    // No watch tells others what we wrote ourselves.
                    self.wrote_for_others |= view.claims.units(key).any(|unit| *unit != self.unit.id);
                }
                if let Some(memory) = self.unit.past.memory.get_mut(key) {
                    (memory.failure, memory.contested, memory.noticed) = (None, None, None);
                }
                if let Some(drift) = drift {
                    if drift.reverted {
                        self.unit.past.count_revert(clock);
                    }
                    self.memory(key).notice(drift, clock);
                }
            }
            Sent::AsIs { live, scaled } => {
                let observation = Observation::of(&live, &self.connection.ctx.shared.pools.states);
                self.unit.inventory.update(key, |entry| entry.uid = Some(observation.seen.uid.clone()));
                let known = job.accepted.as_deref().cloned().unwrap_or_default();
                let left = drift::left_words(&drift::left_to_others(&object.object, &live));
                self.accept(object, &observation, Accepted { scaled, left, ..known });
                self.connection.view().note_observation(key, observation);
            }
            Sent::Contested { until, drift } => {
                let wake = now + until.duration_since(clock).unsigned_abs();
                let manager = drift.fields.first().and_then(|field| field.manager.clone());
                let memory = self.memory(key);
                // What failed before is over: it was looked at since, and is left alone for another reason.
                memory.failure = None;
                memory.contested = Some(Contest { manager, digest: object.digest, until, wake });
                memory.notice(drift, clock);
            }
            Sent::Foreign(hub) => {
                let message = plan::adopt::foreign_words(&hub, "took it over", &self.connection.ctx.member, None);
                self.hold(object, WaitingOn::OtherHub(hub), message);
            }
            Sent::Leaving => self.hold_until_gone(object),
            Sent::Ended => self.note_gone(key),
            // Sends that are refused are errors.
            Sent::Vanished | Sent::Refused(_) => {
                self.connection.view().observations.remove(key);
                self.again = true;
            }
            Sent::Renewed { gone, deleted } => {
                if deleted {
                    let (member, unit) = (&self.connection.ctx.member, &self.unit.id);
                    tracing::info!(%member, %unit, object = %key, "deleted, to be made again: a field cannot change, and `force` asks for it");
                    self.renewed.push(Arc::clone(key));
                }
                self.unit.inventory.update(key, |entry| entry.uid = None);
                self.unit.past.accepted.remove(key);
                if gone {
                    // Its record is written without a UID before it is made again.
                    self.connection.view().observations.remove(key);
                    self.memory(key).failure = None;
                    self.again = true;
                } else {
                    self.hold_until_gone(object);
                }
            }
        }
    }

    /// What ran to its end was read, and is gone: it is not read again.
    fn note_gone(&mut self, key: &Arc<HashedKey>) {
        let uid = self.unit.inventory.get(key).and_then(|entry| entry.uid.clone());
        self.unit.past.gone.extend(uid.map(|uid| (Arc::clone(key), uid)));
        if let Some(memory) = self.unit.past.memory.get_mut(key) {
            (memory.failure, memory.contested, memory.noticed) = (None, None, None);
        }
    }

    /// What ran to its end in a Namespace that was made again runs again: what it made there is gone.
    fn forget_ends(&mut self, namespace: &str) {
        let inside = |(key, entry): (&Arc<HashedKey>, &Entry)| {
            (key.namespace == namespace && entry.ended.is_some()).then(|| Arc::clone(key))
        };
        let ended: Vec<Arc<HashedKey>> = self.unit.inventory.entries().iter().filter_map(inside).collect();
        for key in ended {
            self.unit.inventory.update(&key, |entry| entry.ended = None);
        }
    }

    /// Notes how the server has it. `known`: what is known besides.
    fn accept(&mut self, object: &Prepared, observation: &Observation, known: Accepted) {
        let projection = Some(observation.seen.state.accepted(known.scaled));
        let accepted = Accepted { applied: Some(object.digest), projection, ..known };
        let accepted = self.connection.ctx.shared.pools.accepted.share(accepted);
        self.unit.past.accepted.insert(object.key.clone(), accepted);
    }

    /// What sees it go wakes the unit.
    pub(super) fn hold_until_gone(&mut self, object: &Prepared) {
        self.hold(object, WaitingOn::BeingDeleted, "it is being deleted; it is made again when it is gone".to_owned());
        if let Some(failure) = &mut self.memory(&object.key).failure {
            failure.until_gone = true;
        }
    }

    /// While nothing may be written: reads what somebody changed, once per change, and notes it.
    pub(super) async fn notice(&mut self) -> Result<(), Error> {
        let Ok(bundle) = self.bundle.clone() else { return Ok(()) };
        for object in bundle.objects() {
            if self.outside.contains_key(&object.key) {
                continue;
            }
            let lost = matches!(self.step(object), Step::Send(Why::Revert | Why::Recreate | Why::Confirm));
            let state: Option<Digest> =
                self.connection.view().observations.get(&object.key).map(|l| l.seen.state.projection);
            if !lost {
                if let Some(memory) = self.unit.past.memory.get_mut(&object.key) {
                    memory.noticed = None;
                }
                continue;
            }
            let memory = self.memory(&object.key);
            if memory.noticed == Some(state) {
                continue;
            }
            memory.noticed = Some(state);
            let accepted = self.unit.past.accepted.get(&object.key).cloned().unwrap_or_default();
            match self.connection.read(object).await {
                Ok(None) if self.step(object) == Step::Send(Why::Confirm) => self.note_gone(&object.key),
                Ok(live) => {
                    let changed = |live| {
                        let changed = drift::changed(&object.object, live, &accepted.admission, accepted.scaled);
                        if changed.is_empty() {
                            drift::taken_over(&object.object, live, accepted.scaled)
                        } else {
                            changed
                        }
                    };
                    let now = self.connection.ctx.clock.now();
                    let record = drift::record(&object.key, live.as_ref().map(changed), now);
                    self.memory(&object.key).notice(record, now);
                }
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.fail(object, &e),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Size of what an async function makes, without calling it.
    fn size_of_future<A, B, C, F: Future>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_request_that_is_on_its_way_takes_little() {
        // More than a thousand may be on their way at the same time: 3 MB.
        let size = size_of_future(send);
        assert!(size <= 3_000, "{size}");
    }
}
