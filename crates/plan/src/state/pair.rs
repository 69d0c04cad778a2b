//! How one unit is at one member.

use std::collections::BTreeMap;

use api::condition::Statement;
use api::delivery::{Health, MemberLink, UnitPhase, UnitStatus};
use api::reason;
use model::Digest;
use model::clock::format_seconds;

use super::{State, statement};
use crate::reach::{MemberFacts, Standing};

/// What is stored of one unit at one member.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// Name of the revision that the member should have; `None` when it is not known.
    pub wanted: Option<&'a String>,
    /// The member's name.
    pub member: &'a str,
    /// What the member reported last.
    pub status: Option<&'a UnitStatus>,
    /// How the member is reached; `None` when it has no record.
    pub facts: Option<&'a MemberFacts>,
    /// Digest of the payload that is decided for the member at the revision of its status.
    pub payload: Option<Digest>,
}

impl Pair<'_> {
    /// Did the member apply what its report speaks of? While it is suspended, or fails, an older payload may run.
    pub fn has(&self, status: &UnitStatus) -> bool {
        matches!(status.phase, UnitPhase::Applied | UnitPhase::DeletionsHeld)
            || status.applied.is_some() && status.applied == self.payload
    }

    /// How it is.
    pub fn state(&self) -> State {
        State::of_reason(self.reason())
    }

    /// Why it is so, in one word.
    pub fn reason(&self) -> &'static str {
        match (self.facts.map(MemberFacts::standing), self.status) {
            (None, _) => reason::MEMBER_GONE,
            (Some(Standing::Unknown(_)), _) => reason::MEMBER_UNKNOWN,
            (Some(Standing::Blocked(_)), _) => reason::MEMBER_BLOCKED,
            (Some(Standing::NotReady), _) => reason::MEMBER_NOT_READY,
            (Some(Standing::Current), None) => reason::PENDING,
            (Some(Standing::Current), Some(status)) => self.reported_reason(status),
        }
    }

    /// Why it is so, when the report is true now.
    fn reported_reason(&self, status: &UnitStatus) -> &'static str {
        let is_newest = self.wanted == Some(&status.revision) && self.has(status);
        match status.phase {
            UnitPhase::Applied | UnitPhase::Applying if status.reason == reason::CONTESTED => reason::CONTESTED,
            UnitPhase::Failed => reason::RECONCILIATION_FAILED,
            UnitPhase::DeletionsHeld => reason::DELETIONS_HELD,
            UnitPhase::Removing | UnitPhase::Removed => reason::DELETING,
            UnitPhase::Unknown => reason::MEMBER_UNKNOWN,
            _ if status.health == Health::Degraded => reason::HEALTH_CHECK_FAILED,
            UnitPhase::Suspended => reason::SUSPENDED,
            UnitPhase::Applied if is_newest && matches!(status.health, Health::Healthy | Health::Suspended) => {
                reason::RECONCILIATION_SUCCEEDED
            }
            UnitPhase::Applied | UnitPhase::Pending | UnitPhase::Applying | UnitPhase::Waiting => reason::PROGRESSING,
        }
    }

    /// How it is and why, as `Ready`. `revisions` is what the source calls each revision.
    pub fn ready(&self, revisions: &BTreeMap<String, String>) -> Statement {
        statement(self.reason(), self.message(revisions))
    }

    /// Why it is so, in words.
    pub fn message(&self, revisions: &BTreeMap<String, String>) -> String {
        match (self.facts.map(MemberFacts::standing), self.status) {
            (None, _) => format!("member {} has no record any more", self.member),
            (Some(Standing::Unknown(link)), status) => unknown(link, status),
            (Some(Standing::Blocked(None)), _) => "the member is not delivered to; see its Ready".to_owned(),
            (Some(Standing::Blocked(Some(link))), _) => {
                let since = format_seconds(link.since);
                format!("the member is not delivered to since {since}: {}", link.message)
            }
            (Some(Standing::NotReady), status) => {
                "the member answers and is not well; see its Ready".to_owned() + &last_known(status)
            }
            (Some(Standing::Current), None) => "the member has not reported yet".to_owned(),
            (Some(Standing::Current), Some(status)) => {
                let message = match &status.waiting_on {
                    // The cause; the applier sees only that a payload does not come.
                    Some(waiting_on) => format!("waits for {waiting_on}"),
                    None if status.message.is_empty() => format!("{}, {}", status.phase, status.health),
                    None => status.message.clone(),
                };
                match self.wanted.filter(|wanted| **wanted != status.revision) {
                    Some(wanted) => format!("{}; {message}", differs(&status.revision, wanted, revisions)),
                    None => message,
                }
            }
        }
    }
}

/// Which revision is there, and which one should be. Two revisions of one commit are told apart by their own names.
fn differs(has: &String, wanted: &String, revisions: &BTreeMap<String, String>) -> String {
    let [has_text, wanted_text] = [has, wanted].map(|name| revisions.get(name).unwrap_or(name));
    if has_text == wanted_text {
        format!("has {has}, wanted {wanted}")
    } else {
        format!("has {has_text}, wanted {wanted_text}")
    }
}

/// Why nothing is known of a unit, and what was known last. The link is that of a member that answers its prober.
fn unknown(link: Option<&MemberLink>, status: Option<&UnitStatus>) -> String {
    let why = match link {
        None => "nothing is known of the member now; see its Ready".to_owned(),
        Some(link) => {
            format!("the member answers, but not its applier since {}: {}", format_seconds(link.since), link.message)
        }
    };
    why + &last_known(status)
}

fn last_known(status: Option<&UnitStatus>) -> String {
    status.map(|status| format!("; last known: {} {}", status.phase, status.health)).unwrap_or_default()
}
