//! How one unit is at one member.

use std::collections::BTreeMap;

use api::condition::Statement;
use api::delivery::{
    DeletionState, Explanation, Health, Leaving, MemberDecision, MemberLink, Missing, ObjectsWaiting, UnitPhase,
    UnitStatus, WaitingCause, WaitingOn,
};
use api::reason;
use model::clock::format_seconds;
use model::{Digest, Timestamp};

use super::{State, statement};
use crate::reach::{MemberFacts, Standing};

/// Why a unit that is to leave a member stays there until a person acts; `None` while it goes by itself.
pub fn stuck(status: &UnitStatus) -> Option<&ObjectsWaiting> {
    let stays = [WaitingCause::Refused, WaitingCause::OutsideRights, WaitingCause::Unseen];
    status.waiting.iter().find(|waiting| status.phase == UnitPhase::Removing && stays.contains(&waiting.cause))
}

/// After this time a unit that leaves a member is not merely on its way: what is deleted goes within seconds, and a Namespace after
/// what is in it.
const LEAVES_WITHIN_SECS: i64 = 60;

/// Is a unit that is to leave a member kept there by what time alone does not mend: a refusal, or a finalizer on one of its objects?
pub fn is_kept_there(status: &UnitStatus) -> bool {
    stuck(status).is_some() || leaves(status) && status.reason == reason::BEING_DELETED
}

/// The same, or has it been on its way out for so long, and waits for nothing that is known, that somebody should look?
pub fn hangs(status: &UnitStatus, now: Timestamp) -> bool {
    let age = now.as_second() - status.since.as_second();
    // Volumes, load balancers and definitions have finalizers that take a moment.
    let is_known = !status.waiting.is_empty() && status.reason != reason::BEING_DELETED;
    stuck(status).is_some() || leaves(status) && !is_known && age >= LEAVES_WITHIN_SECS
}

/// Is it on its way out, and waits for no approval?
fn leaves(status: &UnitStatus) -> bool {
    let is_held = status.held.as_ref().is_some_and(|held| held.state == DeletionState::Waiting);
    status.phase == UnitPhase::Removing && !is_held
}

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
    /// Why an edit would take the unit out of the member, which keeps it until a person agrees.
    pub kept: Option<&'a Leaving>,
    /// Deletions are held: a person has to agree.
    pub is_withheld: bool,
    /// What is missing for the newest revision to be sent, or for what it deletes to go ahead.
    pub missing: &'a [WaitingOn],
}

impl<'a> Pair<'a> {
    /// One by what is decided: for the member, and for all members of the unit.
    pub fn decided(
        entry: Option<&'a MemberDecision>,
        explanation: Option<&'a Explanation>,
        member: &'a str,
        status: Option<&'a UnitStatus>,
        facts: Option<&'a MemberFacts>,
    ) -> Self {
        let newest = explanation.and_then(|explanation| explanation.revision.as_ref());
        let same = |entry: &&MemberDecision| status.is_some_and(|status| status.revision == entry.revision);
        // A member that an edit would take it out of keeps what it has.
        let wanted = entry.filter(|entry| entry.kept().is_some()).map(|entry| &entry.revision).or(newest);
        Self {
            wanted,
            member,
            status,
            facts,
            payload: entry.filter(same).and_then(|entry| entry.digest),
            kept: entry.and_then(MemberDecision::kept),
            is_withheld: entry.is_some_and(|entry| entry.withheld.is_some()),
            missing: explanation.map(|explanation| explanation.waiting_on.as_slice()).unwrap_or_default(),
        }
    }

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
            UnitPhase::Applying | UnitPhase::Waiting if status.reason == reason::BEING_DELETED => reason::BEING_DELETED,
            UnitPhase::Failed => reason::RECONCILIATION_FAILED,
            UnitPhase::DeletionsHeld if self.awaits_siblings().is_some() => reason::PROGRESSING,
            UnitPhase::DeletionsHeld => reason::DELETIONS_HELD,
            UnitPhase::Removing | UnitPhase::Removed => reason::DELETING,
            UnitPhase::Unknown => reason::MEMBER_UNKNOWN,
            _ if status.health == Health::Degraded => reason::HEALTH_CHECK_FAILED,
            // Nothing of this mends itself while nothing is applied, and none of it is what suspending a unit is for: a change by hand is.
            UnitPhase::Suspended if status.objects.failed > 0 => reason::RECONCILIATION_FAILED,
            UnitPhase::Suspended if status.health == Health::Missing => reason::HEALTH_CHECK_FAILED,
            UnitPhase::Suspended => reason::SUSPENDED,
            UnitPhase::Applied if is_newest && matches!(status.health, Health::Healthy | Health::Suspended) => {
                // What it has is well, and is not what the last edit says.
                self.kept.map_or(reason::RECONCILIATION_SUCCEEDED, |_| reason::DELETIONS_HELD)
            }
            UnitPhase::Applied | UnitPhase::Pending | UnitPhase::Applying | UnitPhase::Waiting => {
                self.unsendable(status).map_or(reason::PROGRESSING, |(reason, _)| reason)
            }
        }
    }

    /// The Applications of which it is not known yet whether they want what would be deleted; `None` where that is not what it waits for.
    pub fn awaits_siblings(&self) -> Option<&'a str> {
        let siblings = self.missing.iter().find(|missing| missing.is_for_siblings());
        siblings.filter(|_| !self.is_withheld).map(|siblings| siblings.detail.as_str())
    }

    /// Why what is wanted does not come before a person acts, as reason and words; `None` when it does.
    fn unsendable(&self, status: &UnitStatus) -> Option<(&'static str, &'static str)> {
        self.wanted.filter(|wanted| **wanted != status.revision)?;
        self.missing.iter().find_map(|missing| match missing.what {
            Missing::Render => Some((reason::BUILD_FAILED, "cannot be rendered")),
            Missing::Rights => Some((reason::RESTRICTED_NAMESPACE, "may not be delivered from its namespace")),
            _ => None,
        })
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
                let siblings = self.awaits_siblings().filter(|_| status.phase == UnitPhase::DeletionsHeld);
                let message = match &status.waiting_on {
                    None if siblings.is_some() => {
                        let count = status.held.as_ref().map_or(0, |held| held.count);
                        format!(
                            "{count} deletions wait until it is known whether the objects move to {}",
                            siblings.unwrap_or_default()
                        )
                    }
                    // The cause; the applier sees only that a payload does not come.
                    Some(waiting_on) => format!("waits for {waiting_on}"),
                    None if status.message.is_empty() => format!("{}, {}", status.phase, status.health),
                    None => status.message.clone(),
                };
                match (self.wanted.filter(|wanted| **wanted != status.revision), self.unsendable(status)) {
                    (Some(_), Some((_, why))) => {
                        let has = revisions.get(&status.revision).map_or("an earlier one", String::as_str);
                        format!("has {has}, and the newest one {why}: see the Ready of the application; {message}")
                    }
                    (Some(wanted), None) => format!("{}; {message}", differs(&status.revision, wanted, revisions)),
                    (None, _) => match self.kept.filter(|_| self.reason() == reason::DELETIONS_HELD) {
                        Some(leaving) => format!("it keeps what it has until that is approved: {}", leaving.message),
                        None => message,
                    },
                }
            }
        }
    }
}

/// Which revision is there, and which one should be, as the source calls them: names of Revisions say nothing to people.
fn differs(has: &String, wanted: &String, revisions: &BTreeMap<String, String>) -> String {
    match (revisions.get(has), revisions.get(wanted)) {
        (Some(has), Some(wanted)) if has == wanted => format!("has {has} as an earlier edit had it"),
        (Some(has), Some(wanted)) => format!("has {has}, wanted {wanted}"),
        (Some(has), None) => format!("has {has}, wanted a newer one"),
        (None, Some(wanted)) => format!("has an earlier one, wanted {wanted}"),
        (None, None) => "has an earlier one than is wanted".to_owned(),
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
