//! Whether a member answers and may be delivered to: a function of its stored record and of what its applier stored.

use api::condition::{self, Condition};
use api::delivery::LinkState;

/// Whether a member's record exists and its member answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It answers.
    Reachable,
    /// It does not answer: nothing is known of it now.
    Unknown,
    /// It answers, and nothing may be delivered to it (another identity, a refused credential).
    Blocked,
}

/// Reads the conditions of a member's record. A member that is not ready and may be delivered to is reachable: it answers.
pub fn reach(conditions: &[Condition]) -> Reach {
    let status = |type_| condition::find(conditions, type_).map(|c| c.status.as_str());
    match (status(condition::READY), status(condition::DELIVERABLE)) {
        (Some("True"), _) | (Some("False"), Some("True")) => Reach::Reachable,
        (Some("False"), _) => Reach::Blocked,
        _ => Reach::Unknown,
    }
}

/// What a decision needs of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberFacts {
    /// What its record says.
    pub reach: Reach,
    /// What its applier stored last, if it did.
    pub link: Option<LinkState>,
}

impl MemberFacts {
    /// A member of which no applier has said anything.
    pub fn new(reach: Reach) -> Self {
        Self { reach, link: None }
    }

    /// Are its reports waited for? One whose applier is kept out, though it answers probes, would be waited for in vain.
    pub fn reports(self) -> bool {
        self.reach == Reach::Reachable && matches!(self.link, None | Some(LinkState::Connected))
    }
}

#[cfg(test)]
mod tests;
