//! Units in members, by what members reported last.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{
    DeletionState, Explanation, MemberDecision, ObjectsWaiting, UnitId, UnitPhase, UnitStatus, WaitingCause,
};
use api::reason;
use kube::ResourceExt;
use model::Timestamp;
use plan::reach::{MemberFacts, reach};
use plan::report::{NOT_ANSWERED, RECORD_LOST};
use plan::state::{Pair, State};

use super::super::fault::{self, Names, Place, Severity};
use super::super::remedy;
use super::{DECISIONS, Facts, Finding, Known, UNDER_WAY_SECS_MAX, coming, fine, found};

/// Reason of an object that another unit delivers.
const CONFLICT: &str = "Conflict";

/// What is decided of units, as far as it could be read.
struct Decided<'a> {
    entries: BTreeMap<(&'a UnitId, &'a str), &'a MemberDecision>,
    explanations: BTreeMap<&'a UnitId, &'a Explanation>,
    /// How each member is reached.
    members: BTreeMap<String, MemberFacts>,
    /// Not all of them could be read.
    is_in_part: bool,
}

impl<'a> Decided<'a> {
    fn of(facts: &'a Facts, known: &BTreeMap<&str, Known<'_>>) -> Self {
        let entries = facts.decisions.iter().flat_map(|decision| {
            let members = decision.spec.members.iter();
            members.map(|(member, entry)| ((&decision.spec.unit, member.as_str()), entry))
        });
        let explained = facts.decisions.iter().filter_map(|d| Some((&d.spec.unit, d.spec.explanation.as_ref()?)));
        let members = facts.members.iter().map(|member| {
            let conditions = member.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            let name = member.name_any();
            let link = known.get(name.as_str()).and_then(|known| known.link).cloned();
            (name, MemberFacts { link, ..MemberFacts::new(reach(conditions)) })
        });
        Self {
            entries: entries.collect(),
            explanations: explained.collect(),
            members: members.collect(),
            is_in_part: facts.near.is_some() || facts.unread.iter().any(|(what, _)| *what == DECISIONS),
        }
    }

    /// The unit in the member, as everything else that shows it has it.
    fn pair(&'a self, unit: &UnitId, member: &'a str, status: &'a UnitStatus) -> Pair<'a> {
        let entry = self.entries.get(&(unit, member)).copied();
        let explanation = self.explanations.get(unit).copied();
        let pair = Pair::decided(entry, explanation, member, Some(status), self.members.get(member));
        // What cannot be read is no difference.
        let is_unread = entry.is_none() && self.is_in_part;
        if is_unread { Pair { wanted: Some(&status.revision), ..pair } } else { pair }
    }

    /// Would an edit take the unit out of the member, which keeps it until that is approved?
    fn is_kept(&self, unit: &UnitId, member: &str) -> bool {
        self.entries.get(&(unit, member)).is_some_and(|entry| entry.kept().is_some())
    }

    /// Does the member keep another unit of the same owner, which may have what this one is to get?
    fn keeps_another(&self, unit: &UnitId, member: &str) -> bool {
        let mut others = self.entries.iter().filter(|((other, place), _)| *place == member && *other != unit);
        others.any(|((other, _), entry)| other.owner() == unit.owner() && entry.kept().is_some())
    }
}

/// What was found of applications and members, so that it is not said once more of each of their units.
struct Said<'a>(BTreeSet<(Place, &'a str)>);

impl<'a> Said<'a> {
    fn of(findings: &'a [Finding]) -> Self {
        let broken = findings.iter().filter(|finding| finding.severity != Severity::Fine);
        Self(broken.map(|finding| (finding.place, finding.object.as_str())).collect())
    }

    fn covers(&self, unit: &UnitId, member: &str) -> bool {
        let application = format!("{}/{}", unit.namespace, unit.name);
        self.0.contains(&(Place::Application, &application)) || self.0.contains(&(Place::Member, member))
    }
}

/// Every unit in each member that answers.
pub(super) fn all(
    facts: &Facts,
    known: &BTreeMap<&str, Known<'_>>,
    before: &[Finding],
    now: Timestamp,
) -> Vec<Finding> {
    let (decided, said) = (Decided::of(facts, known), Said::of(before));
    let mut out = Vec::new();
    for slice in &facts.statuses {
        let member = slice.spec.member.as_str();
        if known.get(member).is_none_or(|known| !known.answers) {
            continue;
        }
        let unasked = slice.status.iter().flat_map(|status| &status.moving.unasked).map(ToString::to_string).collect();
        for (id, status) in slice.status.iter().flat_map(|s| &s.units) {
            match broken(id, member, status, now) {
                Some(finding) if status.reason == CONFLICT && is_of_any(&unasked, status) => {
                    out.push(finding.with_remedy(remedy::UNASKED));
                }
                Some(finding) if status.reason == CONFLICT && decided.keeps_another(id, member) => {
                    // The other unit has it until that is approved.
                    out.push(finding.with_remedy(remedy::HANDED_OVER));
                }
                Some(finding) => out.push(finding),
                None => out.extend(by_state(id, &decided, member, status, &said)),
            }
        }
    }
    out
}

/// Does one of these units have what this one is to get?
fn is_of_any(units: &BTreeSet<String>, status: &UnitStatus) -> bool {
    let theirs = |waiting: &ObjectsWaiting| waiting.cause == WaitingCause::OtherUnit && units.contains(&waiting.detail);
    status.waiting.iter().any(theirs)
}

/// One unit of whose own report nothing is wrong: by the word that everything else shows. What waits for a person, or for
/// what is wrong elsewhere, is not as it should be, and is mostly said already of its application or its member.
fn by_state(id: &UnitId, decided: &Decided<'_>, member: &str, status: &UnitStatus, said: &Said<'_>) -> Option<Finding> {
    let (object, names) = unit_in(id, member);
    let pair = decided.pair(id, member, status);
    let is_listed = status.phase == UnitPhase::DeletionsHeld
        || status.held.as_ref().is_some_and(|held| held.state == DeletionState::Waiting);
    let is_held = is_listed && pair.awaits_siblings().is_none() || decided.is_kept(id, member);
    let reason = if is_held { reason::DELETIONS_HELD } else { pair.reason() };
    match State::of_reason(reason) {
        State::Ready => Some(fine(Place::Unit, &object, status.message.clone())),
        State::Progressing | State::Terminating => Some(coming(Place::Unit, &object, status.message.clone())),
        State::Suspended | State::Held | State::Unknown | State::NotReady if said.covers(id, member) => None,
        State::Suspended | State::Held | State::Unknown | State::NotReady => {
            Some(found(Place::Unit, &object, names, reason, &pair.message(&BTreeMap::new())))
        }
    }
}

/// What a unit in a member is called, and the names of its remedy.
pub(super) fn unit_in(id: &UnitId, member: &str) -> (String, Names) {
    let names = Names { namespace: id.namespace.clone(), name: id.name.clone(), member: member.to_owned() };
    let object = match &id.policy {
        Some(policy) => format!("{names}/{policy} in {member}"),
        None => format!("{names} in {member}"),
    };
    (object, names)
}

/// What is wrong with one unit in a member, by what the member reported last. What it cannot report now is the member's own
/// finding.
fn broken(id: &UnitId, member: &str, status: &UnitStatus, now: Timestamp) -> Option<Finding> {
    let (object, names) = unit_in(id, member);
    if let Some(stuck) = plan::state::stuck(status) {
        // A refusal has a reason of its own.
        let is_refused = stuck.cause == WaitingCause::Refused && !stuck.detail.is_empty();
        let reason = if is_refused { stuck.detail.clone() } else { stuck.cause.to_string() };
        return Some(found(Place::Unit, &object, names, &reason, &status.message));
    }
    if plan::state::hangs(status, now) {
        let remedy =
            if status.reason == reason::BEING_DELETED { remedy::HELD_BY_FINALIZER } else { remedy::LEAVES_SLOWLY };
        let said = found(Place::Unit, &object, names, &status.reason, &status.message);
        return Some(Finding { severity: Severity::Warning, ..said.with_remedy(remedy) });
    }
    let long = now.as_second() - status.since.as_second() >= UNDER_WAY_SECS_MAX;
    let broken = match status.phase {
        UnitPhase::Failed => true,
        UnitPhase::Applied => [reason::CONTESTED, RECORD_LOST].contains(&status.reason.as_str()),
        UnitPhase::Pending | UnitPhase::Applying | UnitPhase::Waiting | UnitPhase::Removing => {
            // What leaves has been looked at above: a finalizer takes its moment.
            let is_leaving = status.phase == UnitPhase::Removing;
            let at_once = [reason::CONTESTED, reason::BEING_DELETED, NOT_ANSWERED];
            long || !is_leaving && at_once.contains(&status.reason.as_str())
        }
        UnitPhase::DeletionsHeld | UnitPhase::Suspended | UnitPhase::Removed | UnitPhase::Unknown => false,
    };
    if !broken {
        return None;
    }
    let known = fault::find_fault(Place::Unit, &status.reason);
    Some(Finding {
        // What is only slow is not broken.
        severity: if status.phase == UnitPhase::Failed {
            known.map_or(Severity::Fault, |fault| fault.severity)
        } else {
            Severity::Warning
        },
        ..found(Place::Unit, &object, names, &status.reason, &status.message)
    })
}
