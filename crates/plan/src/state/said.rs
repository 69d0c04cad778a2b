//! A state with its cause, as it is stored.

use api::condition::{self, Condition};
use api::delivery::{LinkState, MemberLink};
use api::reason;
use model::Timestamp;

use super::State;

/// A state, why it is so, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// The state.
    pub state: State,
    /// Why, in one word; empty when nothing is stored.
    pub reason: &'a str,
    /// Why, in words.
    pub message: &'a str,
    /// Since when the condition's status is as it is.
    pub since: Option<Timestamp>,
}

impl<'a> Said<'a> {
    /// What a `Ready` condition says.
    pub fn of(ready: Option<&'a Condition>) -> Self {
        let state = State::of(ready);
        let Some(ready) = ready else {
            return Self { state, reason: "", message: "the hub has not looked at it yet", since: None };
        };
        let since = ready.last_transition_time.parse().ok();
        Self { state, reason: &ready.reason, message: &ready.message, since }
    }

    /// The same of a list of conditions.
    pub fn of_conditions(conditions: &'a [Condition]) -> Self {
        Self::of(condition::find(conditions, condition::READY))
    }

    /// The same of an object of this generation. What was well before an edit says nothing of the edit; what was not well stays
    /// the best that is known.
    pub fn of_object(conditions: &'a [Condition], generation: Option<i64>) -> Self {
        let ready = condition::find(conditions, condition::READY);
        let said = Self::of(ready);
        let observed = ready.and_then(|ready| ready.observed_generation);
        let is_older = observed.zip(generation).is_some_and(|(observed, generation)| observed < generation);
        if !is_older || !matches!(said.state, State::Ready | State::Suspended) {
            return said;
        }
        let message = "the hub has not looked at the last edit yet";
        Self { state: State::Progressing, reason: reason::PROGRESSING, message, since: None }
    }

    /// What is known of a member, which has two witnesses: its record says what its prober sees, and its link what its
    /// applier sees. The record has the first word, since it says better what is wrong with the whole member.
    pub fn of_member(conditions: &'a [Condition], link: Option<&'a MemberLink>) -> Self {
        let record = Self::of_conditions(conditions);
        let Some((link, reason)) = link.and_then(|link| Some((link, kept_out(record.state, link)?))) else {
            return record;
        };
        Self { state: State::of_reason(reason), reason, message: &link.message, since: Some(link.since) }
    }
}

/// Does a reason of `Ready` say that a member answers its prober, and not its applier?
pub fn is_of_link(reason: &str) -> bool {
    [reason::APPLIER_REFUSED, reason::APPLIER_NOT_ANSWERED].contains(&reason)
}

/// Why a member is not ready whose record says that it is; `None` when its applier gets through.
fn kept_out(record: State, link: &MemberLink) -> Option<&'static str> {
    match link.state {
        LinkState::Blocked if record == State::Ready => Some(reason::APPLIER_REFUSED),
        LinkState::Unreachable if record == State::Ready => Some(reason::APPLIER_NOT_ANSWERED),
        LinkState::Connected | LinkState::Blocked | LinkState::Unreachable => None,
    }
}

impl State {
    /// The same of a member of which only the state is at hand, as its record says it.
    pub fn with_link(self, link: Option<&MemberLink>) -> Self {
        link.and_then(|link| kept_out(self, link)).map_or(self, Self::of_reason)
    }
}
