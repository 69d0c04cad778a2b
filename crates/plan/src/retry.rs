//! When an object that is not as the payload says is tried again, and what is said of it until then.

use std::time::Duration;

use crate::apply::WaitingOn;

/// What is known of an object that could not be made as the payload says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observed<'a> {
    /// Its last attempt failed.
    pub failure: Option<Failure<'a>>,
    /// It is left alone after a fight over the payload's version of it.
    pub is_contested: bool,
    /// Its phase has run out of time without it.
    pub is_overdue: bool,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// Why.
    pub waiting: &'a WaitingOn,
    /// Time until the pause after it is over.
    pub left: Duration,
    /// Nothing is wrong but that the object is still there.
    pub until_gone: bool,
}

/// Why the object must wait before the payload's version of it is tried, if it must. `is_same` says that this version is
/// the one that failed: another one is tried at once, also after a fight. `is_gone` says that the member was seen not to have the object, so
/// that one that waits for that need not wait longer.
pub fn rest(observed: &Observed<'_>, is_same: bool, is_gone: bool) -> Option<WaitingOn> {
    let waits = |failure: &&Failure<'_>| is_same && !failure.left.is_zero() && !(failure.until_gone && is_gone);
    let failure = observed.failure.as_ref().filter(waits).map(|failure| failure.waiting.clone());
    failure.or_else(|| observed.is_contested.then_some(WaitingOn::Contested))
}

/// Why the object is not as the payload says, whether or not it may be tried now: the worst first. A failure whose pause is
/// over is not what the object waits for when it is left alone after a fight.
pub fn trouble(observed: &Observed<'_>) -> Option<WaitingOn> {
    let counts = |failure: &Failure<'_>| !(observed.is_contested && failure.left.is_zero());
    let failure = observed.failure.filter(counts).map(|failure| failure.waiting.clone());
    let contested = || observed.is_contested.then_some(WaitingOn::Contested);
    failure.or_else(contested).or_else(|| observed.is_overdue.then_some(WaitingOn::Overdue))
}

#[cfg(test)]
mod tests;
