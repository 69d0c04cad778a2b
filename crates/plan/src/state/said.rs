//! A state with its cause, as it is stored.

use api::condition::{self, Condition};
use api::delivery::{LinkState, MemberLink};
use api::reason;
use model::Timestamp;

use super::State;
use crate::reach::{MemberFacts, Standing, reach};

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

    /// What is known of a member, which has two witnesses: its record says what its prober sees, and its link what its
    /// applier sees. The record has the first word, since it says better what is wrong with the whole member.
    pub fn of_member(conditions: &'a [Condition], link: Option<&'a MemberLink>) -> Self {
        let record = Self::of_conditions(conditions);
        let facts = MemberFacts { reach: reach(conditions), link: link.cloned() };
        let kept_out = matches!(facts.standing(), Standing::Unknown(Some(_)) | Standing::Blocked(Some(_)));
        let Some(link) = link.filter(|_| kept_out && record.state == State::Ready) else { return record };
        let (state, reason) = match link.state {
            LinkState::Blocked => (State::NotReady, reason::APPLIER_REFUSED),
            LinkState::Connected | LinkState::Unreachable => (State::Unknown, reason::APPLIER_NOT_ANSWERED),
        };
        Self { state, reason, message: &link.message, since: Some(link.since) }
    }
}
