//! Whether what this process was told says that something is where it is meant to be, and what keeps it from getting there.
//!
//! What was stored before this process started counts for nothing here: it is ready at once, and says nothing of what has
//! happened meanwhile.

use std::time::Duration;

use api::condition;
use api::reason;
use client::NamespacedName;
use controllers::Controllers;

/// How long something that only a person can change has to be in the way before nothing more is waited for: longer than
/// the hub takes from a fetch to the members' first reports on it.
pub(crate) const STUCK_FOR: Duration = Duration::from_secs(3);
/// The same for what may still mend itself: an applier's first retries, a container's first restarts.
pub(crate) const FAILING_FOR: Duration = Duration::from_secs(15);

/// How long nothing is said of what has not converged yet: a start takes a few seconds. In `up` of a hub with members of its own also the
/// least time between two lines about what it waits for.
pub(crate) const SAID_EVERY: Duration = Duration::from_secs(5);

/// What keeps something from converging, and for how long it has to before there is no hope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InTheWay {
    pub(crate) reason: String,
    pub(crate) long: Duration,
}

/// Since when the same is in the way.
#[derive(Debug, Default)]
pub(crate) struct Stuck(Option<(InTheWay, Duration)>);

impl Stuck {
    /// Remembers what is in the way now, and says whether it has been there for long enough. `now` is any time that goes
    /// on.
    pub(crate) fn is_stuck(&mut self, found: Option<InTheWay>, now: Duration) -> bool {
        let since = match (&self.0, &found) {
            (Some((before, since)), Some(found)) if before == found => *since,
            _ => now,
        };
        self.0 = found.map(|found| (found, since));
        self.0.as_ref().is_some_and(|(found, since)| now.saturating_sub(*since) >= found.long)
    }
}

/// How long a reason of an Application's `Ready` has to be there before nothing more is waited for; `None` for what passes by
/// itself.
pub(crate) fn patience(reason: &str) -> Option<Duration> {
    match reason {
        reason::BUILD_FAILED
        | reason::RESTRICTED_NAMESPACE
        | reason::FLEET_NOT_FOUND
        | reason::DUPLICATE_POLICY_NAME
        | reason::NOT_IMPLEMENTED
        | reason::NO_MEMBER_SELECTED
        | reason::NO_POLICIES
        | reason::DELETIONS_HELD
        | reason::MEMBER_NOT_FOUND
        | reason::FETCH_FAILED => Some(STUCK_FOR),
        reason::RECONCILIATION_FAILED
        | reason::HEALTH_CHECK_FAILED
        | reason::MEMBER_BLOCKED
        | reason::MEMBER_NOT_READY => Some(FAILING_FOR),
        _ => None,
    }
}

/// What keeps an Application, by its conditions.
pub(crate) fn hindrance(conditions: &[api::Condition]) -> Option<InTheWay> {
    let refused = |type_| condition::find(conditions, type_).filter(|c| c.status == "False");
    let ready =
        refused(condition::READY).and_then(|c| Some(InTheWay { reason: c.reason.clone(), long: patience(&c.reason)? }));
    let source = refused(condition::SOURCE_READY).map(|c| InTheWay { reason: c.reason.clone(), long: STUCK_FOR });
    ready.or(source)
}

/// Was the source of an Application asked since this process started, and is its answer what the Application shows?
pub(crate) fn source_is_newest(ctx: &Controllers, key: &NamespacedName) -> bool {
    let Some(app) = ctx.stores.applications.get(key) else { return false };
    if app.spec.source.git_repository.as_ref().is_some_and(|git| git.suspend) {
        return true;
    }
    let shown = app.status.as_ref().and_then(|s| s.source_status.clone()?.git_repo_status?.artifact);
    let heard = ctx.fetcher.heard(key);
    heard.is_some_and(|facts| {
        facts.error.is_none() && facts.artifact.map(|a| a.revision) == shown.map(|artifact| artifact.revision)
    })
}

#[cfg(test)]
mod tests;
