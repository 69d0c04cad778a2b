//! Sending one object, and what its answer means.

use api::delivery::{ChangedField, DriftRecord, label};
use model::{Digest, ObjectKey};
use plan::apply::Why;
use plan::drift::{self, Revert, Verdict};
use plan::inventory::Entry;
use plan::phase;
use plan::prepare::Prepared;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{Class, Error};
use crate::look::Look;
use crate::site::Site;

use super::{Pass, Step};

/// One object to send.
pub(super) struct Job {
    pub(super) object: Prepared,
    pub(super) entry: Entry,
    pub(super) why: Why,
    pub(super) history: Vec<Revert>,
    /// The object as it was read just now, if it was.
    pub(super) live: Option<Option<Value>>,
}

/// What became of it.
pub(super) enum Sent {
    /// The server took it.
    Applied { created: bool, look: Box<Look>, scaled: bool, admission: Vec<String>, drift: Option<DriftRecord> },
    /// It is as it was accepted after all.
    AsIs { look: Box<Look>, scaled: bool },
    /// It is left alone until then.
    Contested { until: Instant, drift: DriftRecord },
    /// Another hub took it.
    Foreign(String),
    /// Somebody is deleting it.
    Leaving,
    /// We deleted it, to make it anew; perhaps it is gone already.
    Renewed { gone: bool },
}

/// Sends an object. What somebody changed is read first, so that it can be said what and by whom.
pub(super) async fn send(site: &Site, job: Job, force: bool) -> (Job, Result<Sent, Error>) {
    let result = attempt(site, &job, force).await;
    (job, result)
}

async fn attempt(site: &Site, job: &Job, force: bool) -> Result<Sent, Error> {
    let Job { object, entry, why, history, live } = job;
    let key = &object.key;
    let resource = site.resource(key, &object.version).await?;
    let wants = model::object::get(&object.object, &["spec", "replicas"]);
    let lost = matches!(why, Why::Revert | Why::Recreate);
    let mut body = Value::clone(&object.object);
    let (mut scaled, mut drift) = (false, None);
    if lost || (wants.is_some() && (*why == Why::Changed || entry.adopted)) {
        let live = match live {
            Some(live) => live.clone(),
            None => site.wire.get(&resource, &key.namespace, &key.name).await?,
        };
        if let Some(live) = &live {
            if model::object::is_deleting(live) {
                return Ok(Sent::Leaving);
            }
            if let Some(other) = model::object::label(live, label::HUB).filter(|hub| *hub != site.ctx.hub.as_str()) {
                return Ok(Sent::Foreign(other.to_owned()));
            }
            let has = model::object::get(live, &["spec", "replicas"]);
            if wants.is_some() && !force && (has != wants || entry.scaled) {
                scaled = drift::is_autoscaled(key, &site.autoscalers(&key.namespace).await?);
            }
            if scaled {
                // Sent as it is: leaving it out would have the server reset it if nobody else owns it.
                *model::object::slot(&mut body, &["spec", "replicas"]) = has.cloned().unwrap_or(Value::Null);
            }
        }
        if lost {
            let fields = live.as_ref().map(|live| drift::changed(&object.object, live, &entry.admission, scaled));
            if let (Some(live), Some(fields)) = (&live, &fields)
                && let Some(look) = as_it_was(entry, live, fields, scaled)
            {
                return Ok(Sent::AsIs { look: Box::new(look), scaled });
            }
            // An autoscaler that went away leaves its replicas behind; nobody changed anything.
            let left_behind = entry.scaled && !scaled && live.is_some();
            let manager = fields.as_deref().and_then(|f| f.first()?.manager.clone());
            let now = site.ctx.clock.now();
            let record = drift::record(key, fields, now);
            if !left_behind && let Verdict::Contested { until } = drift::contest(history, manager.as_deref(), now) {
                let pause = until.duration_since(now).unsigned_abs();
                return Ok(Sent::Contested { until: Instant::now() + pause, drift: record });
            }
            drift = (!left_behind).then_some(DriftRecord { reverted: true, ..record });
        }
    }
    match site.wire.apply(&resource, &body).await {
        Ok(applied) => Ok(Sent::Applied {
            created: applied.created,
            look: Box::new(Look::of(&applied.object)),
            scaled,
            admission: drift::changed_by_admission(&body, &applied.object, scaled),
            drift,
        }),
        Err(e) if e.is_immutable() && force && !entry.adopted && !phase::is_guarded(key) => {
            renew(site, &resource, key, entry).await
        }
        Err(e) => Err(explain(e, key, force)),
    }
}

/// Is the object what the server accepted, perhaps with replicas that an autoscaler has taken over since? An object
/// without a UID in the record was made again by a process that could not note it.
fn as_it_was(entry: &Entry, live: &Value, fields: &[ChangedField], scaled: bool) -> Option<Look> {
    let look = Look::of(live);
    let same_object = entry.uid.as_deref().is_none_or(|uid| uid == look.seen.uid);
    let taken_over = scaled && !entry.scaled && fields.is_empty();
    let same = entry.scaled == scaled && entry.accepted == Some(look.seen.accepted(scaled));
    (same_object && (same || taken_over)).then_some(look)
}

/// Deletes an object whose immutable fields have to change, so that it can be made anew.
async fn renew(
    site: &Site,
    resource: &crate::discovery::Resource,
    key: &ObjectKey,
    entry: &Entry,
) -> Result<Sent, Error> {
    let gone = match site.wire.get(resource, &key.namespace, &key.name).await? {
        // Without a UID in the record it was read, and found to be ours, before it was sent.
        Some(live) if entry.uid.as_deref().is_none_or(|uid| model::object::uid(&live) == Some(uid)) => {
            site.wire.delete(resource, &live).await?
        }
        // Another object is in its place: it is judged anew.
        Some(_) => false,
        None => true,
    };
    Ok(Sent::Renewed { gone })
}

/// Adds what to do.
fn explain(error: Error, key: &ObjectKey, force: bool) -> Error {
    let immutable = error.is_immutable();
    match error {
        Error::Api { code, reason, message, fields } => {
            let hint = match code {
                422 if immutable && phase::is_guarded(key) => "; delete it by hand to have it made anew",
                422 if immutable && force => "; it existed before us, so it is not deleted; delete it by hand",
                422 if immutable => "; set `force: true` to have it deleted and made anew",
                // Admission answers 403 too, with words of its own.
                403 if message.contains(" cannot ") => "; give the member's credential that right",
                404 => "; deliver its namespace too, or make it",
                _ => "",
            };
            let reason = if immutable { "Immutable".to_owned() } else { reason };
            Error::Api { code, reason, message: format!("{message}{hint}"), fields }
        }
        other => other,
    }
}

impl Pass {
    /// Records what became of an object.
    pub(super) fn settle(&mut self, job: &Job, sent: Sent) {
        let Job { object, .. } = job;
        let key = &object.key;
        let (now, clock) = (Instant::now(), self.site.ctx.clock.now());
        match sent {
            Sent::Applied { created, look, scaled, admission, drift } => {
                if let Some(entry) = self.unit.inventory.entries.get_mut(key) {
                    let uid = Some(look.seen.uid.clone());
                    let was_absent = self.read.get(key) == Some(&false);
                    if created {
                        entry.adopted = false;
                    } else if was_absent || (entry.uid.is_some() && entry.uid != uid) {
                        // Somebody made theirs in its place, perhaps since we read that it is not there.
                        entry.adopted = true;
                    }
                    entry.version.clone_from(&object.version);
                    entry.uid = uid;
                    entry.applied = Some(object.digest);
                    entry.scaled = scaled;
                    entry.accepted = Some(look.seen.accepted(scaled));
                    entry.admission = admission;
                    entry.doomed = false;
                }
                self.site.view().looks.insert(key.clone(), *look);
                let memory = self.memory(key);
                (memory.failure, memory.contested, memory.noticed) = (None, None, None);
                if let Some(drift) = drift {
                    memory.notice(drift, clock);
                }
            }
            Sent::AsIs { look, scaled } => {
                if let Some(entry) = self.unit.inventory.entries.get_mut(key) {
                    entry.uid = Some(look.seen.uid.clone());
                    entry.scaled = scaled;
                    entry.accepted = Some(look.seen.accepted(scaled));
                }
                self.site.view().looks.insert(key.clone(), *look);
            }
            Sent::Contested { until, drift } => {
                let memory = self.memory(key);
                memory.contested = Some(until.max(now));
                memory.notice(drift, clock);
            }
            Sent::Foreign(hub) => {
                let message = format!("hub {hub} took it over; remove it there, or its label kurator.dev/hub here");
                self.hold(object, "ForeignHub", message);
            }
            Sent::Leaving => self.hold_until_gone(object),
            Sent::Renewed { gone } => {
                if let Some(entry) = self.unit.inventory.entries.get_mut(key) {
                    (entry.uid, entry.applied, entry.accepted) = (None, None, None);
                }
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
            let Some(entry) = self.unit.inventory.entries.get(&object.key).cloned() else { continue };
            let live = match self.site.resource(&object.key, &object.version).await {
                Ok(resource) => self.site.wire.get(&resource, &object.key.namespace, &object.key.name).await,
                Err(e) => Err(e),
            };
            match live {
                Ok(live) => {
                    let changed = |live| drift::changed(&object.object, live, &entry.admission, entry.scaled);
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
