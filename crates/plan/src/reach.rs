//! Whether a member answers and may be delivered to: a function of its stored record and of what its applier stored.

use api::condition::{self, Condition};
use api::delivery::{LinkState, MemberLink};
use model::Uid;

use crate::state::is_of_link;

/// Whether a member's record exists and its member answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It answers.
    Reachable,
    /// It answers, says that it is not well, and is delivered to all the same.
    NotReady,
    /// It does not answer: nothing is known of it now.
    Unknown,
    /// It answers, and nothing may be delivered to it (another identity, a refused credential).
    Blocked,
}

impl Reach {
    /// Is it asked and delivered to?
    pub fn is_delivered_to(self) -> bool {
        matches!(self, Self::Reachable | Self::NotReady)
    }
}

/// Reads the conditions of a member's record. A member that is not ready and may be delivered to answers.
pub fn reach(conditions: &[Condition]) -> Reach {
    let status = |type_| condition::find(conditions, type_).map(|c| c.status.as_str());
    // The prober gets through. What the applier sees is stored by itself, with its cause.
    if condition::find(conditions, condition::READY).is_some_and(|ready| is_of_link(&ready.reason)) {
        return Reach::Reachable;
    }
    match (status(condition::READY), status(condition::DELIVERABLE)) {
        (Some("True"), _) => Reach::Reachable,
        (Some("False"), Some("True")) => Reach::NotReady,
        (Some("False"), _) => Reach::Blocked,
        _ => Reach::Unknown,
    }
}

/// What a decision needs of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFacts {
    /// What its record says.
    pub reach: Reach,
    /// What its applier stored last, if it did.
    pub link: Option<MemberLink>,
    /// Which cluster it is by its record, once that is known: another one than before after a person approved it.
    pub cluster: Option<Uid>,
}

/// Whether what a member reported last is true now. A member has two witnesses: its prober, which asks whether it is ready,
/// and its applier, which applies and watches. Only when both get through is its last report current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is: changes would have been seen. What was not listed yet since the connection came about is said of the unit itself.
    Current,
    /// It is as far as the applier sees, and the member says of itself that it is not well.
    NotReady,
    /// Nothing is known of it now. The link is there when the member answers its prober, and not its applier.
    Unknown(Option<&'a MemberLink>),
    /// Nothing may be delivered to it. The link is there when only its applier is kept out.
    Blocked(Option<&'a MemberLink>),
}

impl MemberFacts {
    /// A member of which no applier has said anything.
    pub fn new(reach: Reach) -> Self {
        Self { reach, link: None, cluster: None }
    }

    /// Whether its last report is true now. A member of which no applier has said anything yet has none that is out of date.
    pub fn standing(&self) -> Standing<'_> {
        match (self.reach, &self.link) {
            (Reach::Unknown, _) => Standing::Unknown(None),
            (Reach::Blocked, _) => Standing::Blocked(None),
            (Reach::Reachable | Reach::NotReady, Some(link)) if link.state == LinkState::Unreachable => {
                Standing::Unknown(Some(link))
            }
            (Reach::Reachable | Reach::NotReady, Some(link)) if link.state == LinkState::Blocked => {
                Standing::Blocked(Some(link))
            }
            (Reach::Reachable, _) => Standing::Current,
            (Reach::NotReady, _) => Standing::NotReady,
        }
    }

    /// Are its reports waited for? One whose applier is kept out, though it answers probes, would be waited for in vain.
    pub fn reports(&self) -> bool {
        matches!(self.standing(), Standing::Current | Standing::NotReady)
    }
}

#[cfg(test)]
mod tests;
