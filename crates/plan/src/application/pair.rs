//! One unit at one member.

use std::collections::BTreeMap;

use api::delivery::{Health, MemberLink, UnitId, UnitPhase, UnitStatus};
use api::reason;
use model::clock::format_seconds;
use model::{Digest, MemberName};

use crate::reach::{MemberFacts, Standing};

/// How one unit is at one member.
pub(super) struct Pair<'a> {
    pub(super) unit: &'a UnitId,
    /// Name of the revision that the member should have.
    pub(super) wanted: Option<&'a String>,
    pub(super) member: &'a MemberName,
    pub(super) status: Option<&'a UnitStatus>,
    /// `None`: it has no record.
    pub(super) facts: Option<&'a MemberFacts>,
    /// Digest of the payload that is decided for the member at the revision of its status.
    pub(super) payload: Option<Digest>,
}

impl Pair<'_> {
    fn runs_wanted(&self) -> bool {
        let phase_done = |s: &UnitStatus| matches!(s.phase, UnitPhase::Applied | UnitPhase::Suspended);
        let whole = |s: &UnitStatus| phase_done(s) && s.reason != reason::CONTESTED && self.has(s);
        self.status.is_some_and(|s| Some(&s.revision) == self.wanted && whole(s))
    }

    /// Did the member apply what its report speaks of? While it is suspended, or fails, an older payload may run.
    pub(super) fn has(&self, status: &UnitStatus) -> bool {
        matches!(status.phase, UnitPhase::Applied | UnitPhase::DeletionsHeld)
            || status.applied.is_some() && status.applied == self.payload
    }

    fn standing(&self) -> Option<Standing<'_>> {
        self.facts.map(MemberFacts::standing)
    }

    /// `None`: not known, since the member does not answer its prober, or its applier.
    pub(super) fn ready(&self) -> Option<bool> {
        match self.standing() {
            Some(Standing::Unknown(_)) | None => None,
            Some(Standing::Blocked(_)) => Some(false),
            Some(Standing::Current) => {
                let healthy = self.status.is_some_and(|s| matches!(s.health, Health::Healthy | Health::Suspended));
                Some(self.runs_wanted() && healthy)
            }
        }
    }

    /// Why it is ready or not. `revisions` is what the source calls each revision.
    pub(super) fn reason(&self, revisions: &BTreeMap<String, String>) -> (&'static str, String) {
        match (self.standing(), self.status) {
            (None, _) => (reason::MEMBER_GONE, format!("member {} has no record any more", self.member)),
            (Some(Standing::Unknown(link)), status) => (reason::MEMBER_UNKNOWN, unknown(link, status)),
            (Some(Standing::Blocked(None)), _) => {
                (reason::MEMBER_BLOCKED, "the member is not delivered to; see its Ready".to_owned())
            }
            (Some(Standing::Blocked(Some(link))), _) => {
                let since = format_seconds(link.since);
                let why = &link.message;
                (reason::MEMBER_BLOCKED, format!("the member is not delivered to since {since}: {why}"))
            }
            (Some(Standing::Current), None) => (reason::PENDING, "the member has not reported yet".to_owned()),
            (Some(Standing::Current), Some(s)) => {
                let word = match s.phase {
                    UnitPhase::Applied | UnitPhase::Applying if s.reason == reason::CONTESTED => reason::CONTESTED,
                    UnitPhase::Applied if self.ready() == Some(true) => reason::RECONCILIATION_SUCCEEDED,
                    UnitPhase::Failed => reason::RECONCILIATION_FAILED,
                    UnitPhase::DeletionsHeld => reason::DELETIONS_HELD,
                    UnitPhase::Suspended => reason::SUSPENDED,
                    _ if s.health == Health::Degraded => reason::HEALTH_CHECK_FAILED,
                    _ => reason::PROGRESSING,
                };
                let message = match &s.waiting_on {
                    // The cause; the applier sees only that a payload does not come.
                    Some(waiting_on) => format!("waits for {waiting_on}"),
                    None if s.message.is_empty() => format!("{}, {}", s.phase, s.health),
                    None => s.message.clone(),
                };
                match self.wanted.filter(|wanted| **wanted != s.revision) {
                    Some(wanted) => (word, format!("{}; {message}", differs(&s.revision, wanted, revisions))),
                    None => (word, message),
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
        None => "the member does not answer".to_owned(),
        Some(link) => {
            format!("the member answers, but not its applier since {}: {}", format_seconds(link.since), link.message)
        }
    };
    let known = status.map(|s| format!("; last known: {} {}", s.phase, s.health));
    why + &known.unwrap_or_default()
}
