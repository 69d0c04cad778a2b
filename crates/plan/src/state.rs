//! How a thing is, in one word: the one function behind phases, columns of kubectl, and everything that the command line
//! shows (ADR 40).
//!
//! Facts become a `Ready` statement, whose status follows from its reason ([`statement`]); the stored condition becomes a
//! [`State`] ([`State::of`]). No other code compares the status of a `Ready` with a reason, so that no two places
//! disagree. The cause stays beside the word: it is the condition's reason and message.
//!
//! | state | the condition says |
//! |---|---|
//! | `Ready` | `True` |
//! | `Unknown` | `Unknown`; or there is no condition yet |
//! | the others | `False`, with a reason that decides which |

mod pair;
mod said;
#[cfg(test)]
mod tests;

use std::fmt;

use api::condition::{self, Condition, Statement};
use api::reason;
use model::Timestamp;

pub use pair::{Pair, hangs, is_kept_there, stuck};
pub use said::{Said, is_of_link};

/// How a member, a fleet, an application or a unit in a member is. Ordered from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It is as it should be, and that is known now.
    Ready,
    /// A person stopped it. What runs is as it should be.
    Suspended,
    /// It is on its way, and nobody has to do anything.
    Progressing,
    /// It waits for an approval.
    Held,
    /// Nothing is known of it now.
    #[default]
    Unknown,
    /// It is known not to be as it should be; the reason says who acts.
    NotReady,
    /// It is being deleted.
    Terminating,
}

impl State {
    /// All of them, in their order.
    pub const ALL: [Self; 7] =
        [Self::Ready, Self::Suspended, Self::Progressing, Self::Held, Self::Unknown, Self::NotReady, Self::Terminating];

    /// The word that people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Held => "Held",
            Self::Unknown => "Unknown",
            Self::NotReady => "NotReady",
            Self::Terminating => "Terminating",
        }
    }

    /// The state that a reason of `Ready` means.
    pub fn of_reason(reason: &str) -> Self {
        match reason {
            reason::RECONCILIATION_SUCCEEDED | reason::ALL_MEMBERS_READY | reason::CLUSTER_READY => Self::Ready,
            reason::SUSPENDED => Self::Suspended,
            reason::PROGRESSING | reason::PENDING | reason::SOURCE_NOT_READY => Self::Progressing,
            reason::DELETIONS_HELD => Self::Held,
            reason::MEMBER_UNKNOWN
            | reason::MEMBER_GONE
            | reason::CLUSTER_NOT_REACHABLE
            | reason::CREDENTIAL_REFUSED
            | reason::CREDENTIAL_EXPIRED
            | reason::APPLIER_NOT_ANSWERED
            | reason::INTERNAL_ERROR
            | reason::PROBING => Self::Unknown,
            reason::DELETING => Self::Terminating,
            _ => Self::NotReady,
        }
    }

    /// The state that a `Ready` condition means. Its status has the last word: a `False` never means ready.
    pub fn of(ready: Option<&Condition>) -> Self {
        let Some(ready) = ready else { return Self::Unknown };
        match (ready.status.as_str(), Self::of_reason(&ready.reason)) {
            ("True", _) => Self::Ready,
            ("False", Self::Ready | Self::Unknown) => Self::NotReady,
            ("False", state) => state,
            _ => Self::Unknown,
        }
    }

    /// The same of a list of conditions.
    pub fn of_conditions(conditions: &[Condition]) -> Self {
        Self::of(condition::find(conditions, condition::READY))
    }

    /// The same of an object of this generation: one that was edited and not looked at since is on its way.
    pub fn of_object(conditions: &[Condition], generation: Option<i64>) -> Self {
        Said::of_object(conditions, generation).state
    }

    /// The status of a `Ready` condition that means this.
    pub fn status(self) -> Option<bool> {
        match self {
            Self::Ready => Some(true),
            Self::Unknown => None,
            Self::Suspended | Self::Progressing | Self::Held | Self::NotReady | Self::Terminating => Some(false),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A `Ready` statement: its status follows from its reason.
pub fn statement(reason: &'static str, message: impl AsRef<str>) -> Statement {
    Statement::new(condition::READY, State::of_reason(reason).status(), reason, message)
}

/// What is said of an object when a look at it panicked. Not what the panic said: that may be anything, a secret too.
const BROKEN: &str = "the hub failed where it should not when it looked at this, and tries again: this is a bug, please report it with the \
                      hub's own output, which has the panic; nothing is known of it until a look succeeds";

/// The conditions of an object after a look at it panicked: the one of this type is Unknown, and the others stay as they are. The
/// next look that succeeds decides them all again.
pub fn broken(
    conditions: &[Condition],
    type_: &'static str,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let statement = Statement::new(type_, None, reason::INTERNAL_ERROR, BROKEN);
    let mut out = condition::merge(conditions, vec![statement], generation, now);
    out.extend(conditions.iter().filter(|condition| condition.type_ != type_).cloned());
    out.sort_by(|a, b| a.type_.cmp(&b.type_));
    out
}
