//! Making the requests of a send, and noting what became of it. What to ask next is decided by [`plan::send`].

use model::Digest;
use plan::apply::{Accepted, Step, Why};
use plan::drift;
use plan::inventory;
use plan::ownership;
use plan::prepare::Prepared;
use plan::send::{Answer, Job, Keeps, Next, Send, Sent, Terms};
use tokio::time::Instant;

use crate::error::{Class, Error};
use crate::look::Look;
use crate::site::Site;

use super::Pass;

/// Sends an object, as far as its requests go.
pub(super) async fn send(site: &Site, job: Job, terms: &Terms) -> (Job, Result<Sent, Error>) {
    let result = attempt(site, &job, terms).await;
    (job, result)
}

async fn attempt(site: &Site, job: &Job, terms: &Terms) -> Result<Sent, Error> {
    let key = &job.object.key;
    let resource = site.resource(key, &job.object.version).await?;
    let now = site.ctx.clock.now();
    let (mut send, mut next) = Send::begin(job, terms, now);
    let mut refused = None;
    loop {
        let answer = match next {
            Next::Read => Answer::Live(site.wire.get(&resource, &key.namespace, &key.name).await?),
            Next::AskAutoscalers => Answer::Autoscalers(site.autoscalers(&key.namespace).await?),
            Next::Apply(body) => match site.wire.apply(&resource, key, body).await {
                Ok(applied) => Answer::Applied { created: applied.created, object: applied.object },
                Err(e) if e.is_immutable() => {
                    refused = Some(e);
                    Answer::Immutable
                }
                Err(e) => return Err(explain(e, None)),
            },
            Next::Delete(live) => Answer::Deleted(site.wire.delete(&resource, &live).await?),
            Next::Done(Sent::Refused(why)) => match refused {
                Some(e) => return Err(explain(e, Some(why))),
                None => return Ok(Sent::Vanished),
            },
            Next::Done(sent) => return Ok(sent),
        };
        (send, next) = send.step(answer, now);
    }
}

/// Adds what to do. `keeps` says why an object whose immutable field changed is not made anew.
fn explain(error: Error, keeps: Option<Keeps>) -> Error {
    match error {
        Error::Api { code, reason, message, fields } => {
            let hint = match (code, keeps) {
                (_, Some(Keeps::Guarded)) => "; delete it by hand to have it made anew",
                (_, Some(Keeps::Adopted)) => "; it existed before us, so it is not deleted; delete it by hand",
                (_, Some(Keeps::NotForced)) => "; set `force: true` to have it deleted and made anew",
                (_, Some(Keeps::Behind)) => {
                    "; the hub is behind what the member has seen, as after a restore, so it is not deleted"
                }
                (_, Some(Keeps::NotOurs)) => "; it is not the object that was delivered, so it is not deleted",
                // Admission answers 403 too, with words of its own.
                (403, None) if message.contains(" cannot ") => "; give the member's credential that right",
                (404, None) => "; deliver its namespace too, or make it",
                _ => "",
            };
            let reason = if keeps.is_some() { "Immutable".to_owned() } else { reason };
            Error::Api { code, reason, message: format!("{message}{hint}"), fields }
        }
        other => other,
    }
}

impl Pass {
    /// What holds for all sends of this pass.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            hub: self.site.ctx.hub.clone(),
            part_of: inventory::applyset_id(&self.unit.short),
            force: self.entry.force,
            behind: self.unit.inventory.is_behind(&self.entry),
        }
    }

    /// Records what became of an object.
    pub(super) fn settle(&mut self, job: &Job, sent: Sent) {
        let Job { object, .. } = job;
        let key = &object.key;
        let (now, clock) = (Instant::now(), self.site.ctx.clock.now());
        match sent {
            Sent::Applied { created, live, scaled, admission, drift } => {
                let look = Look::of(&live);
                let was_absent = self.read.get(key) == Some(&false);
                self.unit.inventory.update(key, |entry| {
                    entry.adopted = ownership::is_adopted_after(entry, created, was_absent, &look.seen.uid);
                    entry.version.clone_from(&object.version);
                    entry.uid = Some(look.seen.uid.clone());
                    entry.doomed = false;
                });
                self.accept(object, &look, scaled, admission);
                self.site.view().looks.insert(key.clone(), look);
                let memory = self.memory(key);
                (memory.failure, memory.contested, memory.noticed) = (None, None, None);
                if let Some(drift) = drift {
                    memory.notice(drift, clock);
                }
            }
            Sent::AsIs { live, scaled } => {
                let look = Look::of(&live);
                self.unit.inventory.update(key, |entry| entry.uid = Some(look.seen.uid.clone()));
                let admission = job.accepted.as_ref().map(|accepted| accepted.admission.clone());
                self.accept(object, &look, scaled, admission.unwrap_or_default());
                self.site.view().looks.insert(key.clone(), look);
            }
            Sent::Contested { until, drift } => {
                let until = now + until.duration_since(clock).unsigned_abs();
                let memory = self.memory(key);
                memory.contested = Some(until);
                memory.notice(drift, clock);
            }
            Sent::Foreign(hub) => {
                let message = format!("hub {hub} took it over; remove it there, or its label kurator.dev/hub here");
                self.hold(object, "ForeignHub", message);
            }
            Sent::Leaving => self.hold_until_gone(object),
            // Sends that are refused are errors.
            Sent::Vanished | Sent::Refused(_) => {
                self.site.view().looks.remove(key);
                self.again = true;
            }
            Sent::Renewed { gone } => {
                self.unit.inventory.update(key, |entry| entry.uid = None);
                self.unit.past.accepted.remove(key);
                if gone {
                    // Its record is written without a UID before it is made again.
                    self.site.view().looks.remove(key);
                    self.memory(key).failure = None;
                    self.again = true;
                } else {
                    self.hold_until_gone(object);
                }
            }
        }
    }

    /// Notes how the server has it.
    fn accept(&mut self, object: &Prepared, look: &Look, scaled: bool, admission: Vec<String>) {
        let projection = Some(look.seen.accepted(scaled));
        let accepted = Accepted { applied: Some(object.digest), projection, scaled, admission };
        self.unit.past.accepted.insert(object.key.clone(), accepted);
    }

    /// What sees it go wakes the unit.
    fn hold_until_gone(&mut self, object: &Prepared) {
        self.hold(object, "BeingDeleted", "it is being deleted; it is made anew when it is gone".to_owned());
        if let Some(failure) = &mut self.memory(&object.key).failure {
            failure.until_gone = true;
        }
    }

    /// While nothing may be written: reads what somebody changed, once per change, and notes it.
    pub(super) async fn notice(&mut self) -> Result<(), Error> {
        let Ok(bundle) = self.bundle.clone() else { return Ok(()) };
        for object in bundle.objects() {
            let lost = matches!(self.step(object), Step::Send(Why::Revert | Why::Recreate));
            let state: Option<Digest> = self.site.view().looks.get(&object.key).map(|l| l.seen.projection);
            let memory = self.memory(&object.key);
            if !lost {
                memory.noticed = None;
                continue;
            }
            if memory.noticed == Some(state) {
                continue;
            }
            memory.noticed = Some(state);
            let accepted = self.unit.past.accepted.get(&object.key).cloned().unwrap_or_default();
            let live = match self.site.resource(&object.key, &object.version).await {
                Ok(resource) => self.site.wire.get(&resource, &object.key.namespace, &object.key.name).await,
                Err(e) => Err(e),
            };
            match live {
                Ok(live) => {
                    let changed = |live| drift::changed(&object.object, live, &accepted.admission, accepted.scaled);
                    let now = self.site.ctx.clock.now();
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
