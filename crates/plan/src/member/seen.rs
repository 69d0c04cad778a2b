//! When a member was last seen, and who sees it: its prober, and its applier.

use api::condition::{self, Condition, Statement};
use api::delivery::{LinkState, MemberLink};
use api::reason;
use model::{Timestamp, clock::format_seconds};

use super::{Observed, Probe, RECORDED, Record};
use crate::state::{self, State};

/// How the words begin that say when a member was last seen.
const LAST_SEEN: &str = "last seen ";

/// A member that was never seen, as far as anyone knows.
const NEVER: &str = "last seen never";

/// When a member that does not answer was last seen.
pub(super) struct LastSeen {
    /// The time, if there is one to be stored.
    pub(super) at: Option<Timestamp>,
    /// The same for people, with what the time means.
    pub(super) words: String,
}

/// When a member was last seen that does not answer. What this process has not seen itself follows from what the process before
/// stored: a member that was well then was asked every few seconds for as long as that process lived.
pub(super) fn last_seen(observed: &Observed, probe: &Probe) -> LastSeen {
    if let Some(at) = probe.last_seen {
        return LastSeen { at: Some(at), words: format!("{LAST_SEEN}{}", format_seconds(at)) };
    }
    let stored = observed.record.as_ref().and_then(ready);
    let known = stored.filter(|ready| ready.reason == reason::CLUSTER_NOT_REACHABLE);
    // Said before, by the process before or by this one: it stays the truth, in the same words.
    if let Some((words, _)) = known.and_then(|ready| ready.message.split_once(": "))
        && words.starts_with(LAST_SEEN)
        && words != NEVER
    {
        return LastSeen { at: None, words: words.to_owned() };
    }
    let answered = stored.filter(|ready| ready.reason != reason::CLUSTER_NOT_REACHABLE && is_answer(&ready.reason));
    let since = answered.and_then(|ready| ready.last_transition_time.parse::<Timestamp>().ok());
    match since {
        Some(since) => {
            let at = since.max(observed.alive_before.unwrap_or(since));
            let time = format_seconds(at);
            LastSeen { at: Some(at), words: format!("{LAST_SEEN}before the hub's restart, at {time} or later") }
        }
        None => LastSeen { at: None, words: NEVER.to_owned() },
    }
}

fn ready(record: &Record) -> Option<&Condition> {
    condition::find(&record.status.conditions, condition::READY)
}

/// Does the reason of a `Ready` mean that the member answered its prober?
fn is_answer(reason: &str) -> bool {
    RECORDED.contains(&reason) || state::is_of_link(reason)
}

/// `Ready` as the prober sees it, with what the applier sees: a member that answers and is not delivered to is not ready. The
/// prober has the first word, since it says better what is wrong with the whole member.
pub(super) fn with_link(ready: Statement, link: Option<&MemberLink>) -> Statement {
    let Some(link) = link.filter(|_| ready.status == Some(true)) else { return ready };
    let since = format_seconds(link.since);
    let (reason, message) = match link.state {
        LinkState::Connected => return ready,
        LinkState::Blocked => {
            (reason::APPLIER_REFUSED, format!("it answers, and refuses deliveries since {since}: {}", link.message))
        }
        LinkState::Unreachable => (
            reason::APPLIER_NOT_ANSWERED,
            format!(
                "deliveries get no answer since {since}, though it said that it is ready when it was asked last: {}",
                link.message
            ),
        ),
    };
    Statement::new(condition::READY, State::of_reason(reason).status(), reason, message)
}
