//! Sending one object: what to ask of the member next, and what its answers mean.
//!
//! | state | answer | next |
//! |---|---|---|
//! | begun | | `Read` when somebody changed it, nobody sees it, its replicas may be an autoscaler's, or it has placeholders, else `Apply` |
//! | `Read` | being deleted, another hub's, gone | done: `Leaving`, `Foreign`, `Vanished` (`Ended`: it ran to its end) |
//! | `Read` | replicas differ | `AskAutoscalers` |
//! | `Read`, `AskAutoscalers` | as it was accepted after all | done: `AsIs` |
//! | | changed again and again | done: `Contested` |
//! | | else | `Apply` |
//! | `Apply` | taken | done: `Applied` |
//! | `Apply` | an immutable field | `Read` when it may be made again, else done: `Refused` |
//! | `Read` to make it again | ours | `Delete`, then done: `Renewed` |
//!
//! The applier makes the requests; every other error of theirs ends the send.

use std::borrow::Cow;
use std::sync::Arc;

use api::delivery::{DriftRecord, HubId, label};
use bytes::Bytes;
use model::Timestamp;
use serde_json::Value;

use crate::apply::{Accepted, Why};
use crate::drift::{self, Revert, Reverting};
use crate::field;
use crate::inventory::Entry;
use crate::mark;
use crate::ownership::{self, Claimant, MayDelete};
use crate::phase;
use crate::prepare::Prepared;

/// One object to send.
#[derive(Clone, Debug)]
pub struct Job {
    /// The object.
    pub object: Arc<Prepared>,
    /// What is recorded of it.
    pub entry: Entry,
    /// What is known of its last apply.
    pub accepted: Option<Arc<Accepted>>,
    /// Why it is sent.
    pub why: Why,
    /// Earlier reverts, oldest first.
    pub history: Vec<Revert>,
    /// The object as it was read just now, if it was.
    pub live: Option<Option<Value>>,
}

/// What holds for all objects of a pass.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The hub.
    pub hub: HubId,
    /// The id of the unit's ApplySet.
    pub part_of: String,
    /// Objects whose immutable fields changed are made again, and replicas are kept against autoscalers.
    pub force: bool,
    /// The hub knows less than the member was told before: nothing is deleted, not even to be made again.
    pub behind: bool,
}

/// What to ask of the member.
#[derive(Clone, Debug)]
pub enum Next {
    /// Read the object.
    Read,
    /// List the autoscalers of its namespace.
    AskAutoscalers,
    /// Apply this.
    Apply(Bytes),
    /// Delete exactly this object.
    Delete(Value),
    /// Nothing: this is what became of it.
    Done(Sent),
}

/// What the member answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To `Read`.
    Live(Option<Value>),
    /// To `AskAutoscalers`.
    Autoscalers(Vec<Value>),
    /// To `Apply`: the object was not there before (`created`), and as it is now.
    Applied {
        /// It was not there before.
        created: bool,
        /// The object.
        object: Value,
    },
    /// To `Apply`: a field cannot change.
    Immutable,
    /// To `Delete`: whether it is gone already.
    Deleted(bool),
}

/// What became of a send.
#[derive(Clone, Debug)]
pub enum Sent {
    /// The server took it.
    Applied {
        /// The object was not there before.
        created: bool,
        /// The server's answer.
        live: Value,
        /// An autoscaler owns its replicas.
        scaled: bool,
        /// Paths that admission changed.
        admission: Vec<String>,
        /// What was taken back.
        drift: Option<DriftRecord>,
    },
    /// It is as it was accepted after all.
    AsIs {
        /// The object.
        live: Value,
        /// An autoscaler owns its replicas.
        scaled: bool,
    },
    /// It is left alone until then.
    Contested {
        /// Until when.
        until: Timestamp,
        /// What was found changed.
        drift: DriftRecord,
    },
    /// Another hub took it.
    Foreign(String),
    /// Somebody is deleting it.
    Leaving,
    /// It was seen a moment ago and is gone: it is made again after its record says so.
    Vanished,
    /// It ran to its end, and is gone.
    Ended,
    /// An immutable field changed, and it may not be made again.
    Refused(Keeps),
    /// It is on its way out, and is made again; perhaps it is gone already.
    Renewed {
        /// It is gone.
        gone: bool,
        /// We deleted it just now. Otherwise somebody else had.
        deleted: bool,
    },
}

/// Why an object whose immutable field changed is not deleted and made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Deleting its kind takes others or data along.
    Guarded,
    /// Nobody asked for it.
    NotForced,
    /// It existed before us.
    Adopted,
    /// An annotation on it asks that it stays.
    Stays,
    /// The hub is behind.
    Behind,
    /// It is another object, or our labels are not on it.
    NotOurs,
}

impl Keeps {
    /// What to do, said after the refusal.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Guarded => "; delete it by hand to have it made again",
            Self::Stays => "; an annotation on it asks that it stays, so it is not deleted; delete it by hand",
            Self::Adopted => "; it existed before us, so it is not deleted; delete it by hand",
            Self::NotForced => "; set `force: true` to have it deleted and made again",
            Self::Behind => {
                "; the hub is behind what the member has seen, as after a restore or a take-over, so it is not deleted"
            }
            Self::NotOurs => "; it is not the object that was delivered, so it is not deleted",
        }
    }
}

/// May an object whose immutable fields changed be deleted and made again?
fn renewal(entry: &Entry, object: &Prepared, terms: &Terms) -> Option<Keeps> {
    let is_forced = terms.force || object.forced;
    match entry {
        _ if phase::is_guarded(&object.key) => Some(Keeps::Guarded),
        _ if !is_forced => Some(Keeps::NotForced),
        entry if entry.kept => Some(Keeps::Stays),
        entry if entry.is_only_released() => Some(Keeps::Adopted),
        _ if terms.behind => Some(Keeps::Behind),
        _ => None,
    }
}

#[derive(Clone, Debug)]
enum State {
    Reading,
    Asking { live: Value },
    Applying { scaled: bool, drift: Option<DriftRecord> },
    ReadingToRenew,
    Deleting,
    Over,
}

/// A send on its way.
#[derive(Clone, Debug)]
pub struct Send<'a> {
    job: &'a Job,
    terms: &'a Terms,
    state: State,
}

const REPLICAS: [&str; 2] = ["spec", "replicas"];

impl<'a> Send<'a> {
    /// Begins. `now` is when.
    pub fn begin(job: &'a Job, terms: &'a Terms, now: Timestamp) -> (Self, Next) {
        let send = Self { job, terms, state: State::Reading };
        let divided = send.wanted_replicas().is_some();
        let is_shared = divided && (job.why == Why::Changed || job.entry.adopted);
        // What nobody sees may bear another hub's label by now.
        let is_unseen = job.why == Why::Rerun;
        if !send.is_lost() && !is_unseen && !is_shared && !job.object.has_placeholders {
            return send.apply(None, false, None);
        }
        match &job.live {
            Some(live) => send.step(Answer::Live(live.clone()), now),
            None => (send, Next::Read),
        }
    }

    /// Takes an answer. One that was not asked for ends the send as if the object had vanished: it is looked at again.
    pub fn step(self, answer: Answer, now: Timestamp) -> (Self, Next) {
        match (self.state.clone(), answer) {
            (State::Reading, Answer::Live(live)) => self.read(live, now),
            (State::Asking { live }, Answer::Autoscalers(found)) => {
                let scaled = drift::is_autoscaled(&self.job.object.key, &found);
                self.compare(Some(live), scaled, now)
            }
            (State::Applying { scaled, drift }, Answer::Applied { created, object }) => {
                let sent = self.scaled_object(Some(&object), scaled);
                let admission = drift::changed_by_admission(&sent, &object, scaled);
                self.done(Sent::Applied { created, live: object, scaled, admission, drift })
            }
            (State::Applying { .. }, Answer::Immutable) => {
                match renewal(&self.job.entry, &self.job.object, self.terms) {
                    Some(why) => self.done(Sent::Refused(why)),
                    None => (Self { state: State::ReadingToRenew, ..self }, Next::Read),
                }
            }
            (State::ReadingToRenew, Answer::Live(live)) => self.renew(live),
            (State::Deleting, Answer::Deleted(gone)) => self.done(Sent::Renewed { gone, deleted: true }),
            _ => self.done(Sent::Vanished),
        }
    }

    fn done(self, sent: Sent) -> (Self, Next) {
        (Self { state: State::Over, ..self }, Next::Done(sent))
    }

    /// Did somebody change or delete what was applied?
    fn is_lost(&self) -> bool {
        matches!(self.job.why, Why::Revert | Why::Recreate | Why::Confirm)
    }

    fn wanted_replicas(&self) -> Option<&'a Value> {
        model::object::get(&self.job.object.object, &REPLICAS)
    }

    fn was_scaled(&self) -> bool {
        self.job.accepted.as_ref().is_some_and(|accepted| accepted.scaled)
    }

    fn read(self, live: Option<Value>, now: Timestamp) -> (Self, Next) {
        let Some(live) = live else {
            return match self.job.why {
                Why::Revert => self.done(Sent::Vanished),
                Why::Confirm => self.done(Sent::Ended),
                _ => self.compare(None, false, now),
            };
        };
        if model::object::is_deleting(&live) {
            return self.done(Sent::Leaving);
        }
        if let Some(other) = ownership::other_hub(&live, &self.terms.hub) {
            return self.done(Sent::Foreign(other));
        }
        let (wants, has) = (self.wanted_replicas(), model::object::get(&live, &REPLICAS));
        if wants.is_some() && !self.terms.force && (has != wants || self.was_scaled()) {
            return (Self { state: State::Asking { live }, ..self }, Next::AskAutoscalers);
        }
        self.compare(Some(live), false, now)
    }

    /// Says what somebody changed, and whether it is taken back.
    fn compare(self, live: Option<Value>, scaled: bool, now: Timestamp) -> (Self, Next) {
        if !self.is_lost() {
            return self.apply(live.as_ref(), scaled, None);
        }
        let object = &self.job.object;
        let known = self.job.accepted.as_ref().map_or(&[][..], |accepted| &accepted.admission);
        let fields = live.as_ref().map(|live| drift::changed(&object.object, live, known, scaled));
        let mut fields = fields;
        if let (Some(live), Some(fields)) = (&live, &mut fields) {
            let is_same = fields.is_empty();
            if is_same {
                *fields = drift::taken_over(&object.object, live, scaled);
            }
            if self.is_as_it_was(live, is_same, scaled) || (fields.is_empty() && self.is_as_wanted(live, scaled)) {
                let live = live.clone();
                return self.done(Sent::AsIs { live, scaled });
            }
        }
        if let (Some(live), Some(first)) = (&live, fields.as_mut().and_then(|fields| fields.first_mut())) {
            // No other manager is to blame: the object itself may say that it was applied otherwise, under our name.
            let is_ours = || mark::is_of_another_apply(live, &object.mark(scaled));
            if first.manager.is_none() && is_ours() {
                first.manager = Some(label::FIELD_MANAGER.to_owned());
            }
        }
        // An autoscaler that went away leaves its replicas behind; nobody changed anything.
        let left_behind = self.was_scaled() && !scaled && live.is_some();
        let manager = fields.as_deref().and_then(|f| f.first()?.manager.clone());
        let record = drift::record(&object.key, fields, now);
        if !left_behind
            && let Reverting::Contested { until } = drift::contest(&self.job.history, manager.as_deref(), now)
        {
            return self.done(Sent::Contested { until, drift: record });
        }
        let record = (!left_behind).then_some(DriftRecord { reverted: true, ..record });
        self.apply(live.as_ref(), scaled, record)
    }

    /// Is the object what the server accepted, perhaps with replicas that an autoscaler has taken over since? An object
    /// without a UID in the record was made again by a process that could not note it.
    fn is_as_it_was(&self, live: &Value, is_same: bool, scaled: bool) -> bool {
        let Some(accepted) = self.accepted() else { return false };
        let taken_over = scaled && !accepted.scaled && is_same;
        let same = accepted.scaled == scaled && accepted.projection == Some(drift::projection(live, scaled));
        self.is_recorded(live) && (same || taken_over)
    }

    /// Has the object all that was sent, all of it still ours, but for placeholders that others filled and fields without
    /// a value? Then what we own has changed, and nothing that matters to us.
    fn is_as_wanted(&self, live: &Value, scaled: bool) -> bool {
        let sent = &self.job.object.object;
        self.accepted().is_some_and(|accepted| accepted.scaled == scaled)
            && self.is_recorded(live)
            && !field::applies_beyond(live, label::FIELD_MANAGER, sent)
    }

    fn accepted(&self) -> Option<&Accepted> {
        self.job.accepted.as_deref().filter(|accepted| accepted.projection.is_some())
    }

    fn is_recorded(&self, live: &Value) -> bool {
        let uid = model::object::uid(live);
        self.job.entry.uid.as_ref().is_none_or(|recorded| uid.is_some_and(|uid| recorded.is(uid)))
    }

    /// What is sent: the object, without placeholders that others filled. They own these fields, so leaving them out changes
    /// nothing there, and the next value is theirs as well.
    fn body(&self, live: Option<&Value>, scaled: bool) -> Cow<'a, Value> {
        let mut body = self.scaled_object(live, scaled);
        if let Some(live) = live.filter(|_| self.job.object.has_placeholders) {
            for (path, _) in drift::left_to_others(&self.job.object.object, live) {
                field::take_out(body.to_mut(), &path);
            }
        }
        body
    }

    /// The unit's object, or the same with the replicas that an autoscaler has set. They are sent as they are, since leaving
    /// them out would have the server reset them if nobody else owns them.
    fn scaled_object(&self, live: Option<&Value>, scaled: bool) -> Cow<'a, Value> {
        let object = &self.job.object;
        if !scaled {
            return Cow::Borrowed(object.object.as_ref());
        }
        let mut body = Value::clone(&object.object);
        let has = live.and_then(|live| model::object::get(live, &REPLICAS)).cloned();
        *model::object::slot(&mut body, &REPLICAS) = has.unwrap_or(Value::Null);
        object.mark(true).write(&mut body);
        Cow::Owned(body)
    }

    fn apply(self, live: Option<&Value>, scaled: bool, drift: Option<DriftRecord>) -> (Self, Next) {
        let bytes = match self.body(live, scaled) {
            Cow::Borrowed(_) => self.job.object.body.clone(),
            Cow::Owned(body) => Bytes::from(body.to_string()),
        };
        (Self { state: State::Applying { scaled, drift }, ..self }, Next::Apply(bytes))
    }

    fn renew(self, live: Option<Value>) -> (Self, Next) {
        let ours = Claimant { hub: &self.terms.hub, part_of: &self.terms.part_of };
        match (ownership::may_delete(&ours, &self.job.entry, live.as_ref()), live) {
            (MayDelete::Delete, Some(live)) => (Self { state: State::Deleting, ..self }, Next::Delete(live)),
            (MayDelete::Waiting, _) => self.done(Sent::Renewed { gone: false, deleted: false }),
            (MayDelete::AsksToStay, _) => self.done(Sent::Refused(Keeps::Stays)),
            (MayDelete::NotOurs(_) | MayDelete::OnlyReleased, _) => self.done(Sent::Refused(Keeps::NotOurs)),
            (MayDelete::Absent | MayDelete::Delete, _) => self.done(Sent::Renewed { gone: true, deleted: false }),
        }
    }
}

#[cfg(test)]
mod tests;
