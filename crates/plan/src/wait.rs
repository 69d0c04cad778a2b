//! Whether a phase of a unit is waited for: which of its objects are not as they should be, and for how much longer.
//!
//! A payload's phase runs out of time once: its objects are then overdue, and the later phases go on without them.

use std::time::Duration;

use api::delivery::Health;
use api::feed::Wait;
use model::ObjectKey;

use crate::apply::SeenState;

/// What is known of an object of the phase.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The object.
    pub key: &'a ObjectKey,
    /// As it was last seen; `None` when it was not.
    pub seen: Option<&'a SeenState>,
    /// It is refused, overdue, another unit's, or its kind cannot be seen: waiting does not help.
    pub is_given_up: bool,
}

/// What to do about a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Go on with the next one.
    GoOn,
    /// Wait for its objects, this much longer.
    Wait(Duration),
    /// Its time is over: its objects are overdue, for this reason in words, and the next phase goes on without them.
    Overdue(String),
}

/// Is an object as its phase waits for?
pub fn is_ready(wait: Wait, object: &Observed<'_>) -> bool {
    match wait {
        Wait::Accepted => true,
        Wait::Established => {
            object.key.kind != "CustomResourceDefinition" || object.seen.is_some_and(|seen| seen.established)
        }
        Wait::Healthy => object.seen.is_some_and(|seen| seen.reading.part.health == Health::Healthy),
    }
}

/// Is an object waited for?
pub fn is_pending(wait: Wait, object: &Observed<'_>) -> bool {
    !object.is_given_up && !is_ready(wait, object)
}

/// Decides about a phase of which some objects are pending or none, and which was waited for so long already.
pub fn plan(wait: Wait, any_pending: bool, timeout: Duration, waited: Duration) -> Plan {
    let left = timeout.saturating_sub(waited);
    match any_pending {
        false => Plan::GoOn,
        true if left.is_zero() => Plan::Overdue(format!("not {} after {} s", word(wait), timeout.as_secs())),
        true => Plan::Wait(left),
    }
}

fn word(wait: Wait) -> &'static str {
    match wait {
        Wait::Accepted => "accepted",
        Wait::Established => "Established",
        Wait::Healthy => "healthy",
    }
}

#[cfg(test)]
mod tests;
