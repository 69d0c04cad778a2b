//! What a unit has in a member for another one that was to take it over, and that leaves before it did.
//!
//! The source of the first one lost these objects earlier, and they stay for as long as the other one is there. What would delete them is
//! not that commit, but the edit that takes out the other one, whose list does not have them: they wait for a list of their own, however few
//! they are.
//!
//! | observed | decided |
//! |---|---|
//! | a unit leaves a member in which another one of its owner waits for it, or has not said whether it does | what that one deletes there is held |
//! | an edit changes what a unit is rendered from, and another one waits for it | what that one deletes there is held |
//! | a report lists deletions, and the one before waited for a unit, of any owner, that is not placed in the member now | its list says so |
//! | the other unit is there, and its source has the objects no longer | a commit deletes them: they are weighed as ever |
//!
//! The first two are written before the edit is carried out. The third is written with the list. So no list is weighed without it.

use std::collections::BTreeMap;

use api::delivery::{
    DecisionSpec, MemberDecision, ObjectsWaiting, RevisionSpec, UnitId, UnitStatus, WaitingCause, Withheld,
};
use api::feed::UnitReport;
use model::MemberName;

use super::decide::is_edited;
use super::held::{report_at, waiting};
use super::{Observed, OwnerState};

/// A unit that is not in a member what it was.
struct Changed {
    unit: UnitId,
    member: MemberName,
    /// It leaves. Otherwise it is another one by an edit.
    leaves: bool,
}

impl Changed {
    /// May a unit wait for this one to take something over? `entry`: its own. What a unit has that has never reported was not there before.
    fn may_be_awaited(&self, status: Option<&UnitStatus>, entry: &MemberDecision) -> bool {
        let Some(said) = status else { return false };
        let is_silent = || report_at(status, entry).is_none_or(|answer| answer.unweighed);
        awaits(said, &self.unit) || (self.leaves && is_silent())
    }
}

/// Holds what units would delete that were handing it over to units which leave, or which an edit changes. `new`: revisions that are
/// written with these decisions.
pub(super) fn hold(
    observed: &Observed<'_>,
    new: &[(String, RevisionSpec)],
    decisions: &mut BTreeMap<&UnitId, BTreeMap<u32, DecisionSpec>>,
) {
    if observed.facts.state != OwnerState::Live {
        return;
    }
    let changed = changed(observed, new, decisions);
    if changed.is_empty() {
        return;
    }
    for (unit, slices) in decisions {
        let entries = slices.values_mut().flat_map(|decision| &mut decision.members);
        for (member, entry) in entries.filter(|(_, entry)| entry.removal.is_none()) {
            let status = observed.statuses.get(&((*unit).clone(), member.clone()));
            let mut others = changed.iter().filter(|other| other.member == *member && other.unit != **unit);
            if others.any(|other| other.may_be_awaited(status, entry)) {
                hold_all(entry, status);
            }
        }
    }
}

/// Holds whatever the unit would delete in the member. A grant of a list that does not wait now is from before the objects were awaited.
fn hold_all(entry: &mut MemberDecision, status: Option<&UnitStatus>) {
    // One that may be another part of the owner since an edit is held as such.
    if !entry.withheld.is_some_and(|held| held.replaced) {
        let withheld = entry.withheld.unwrap_or_default();
        entry.withheld = Some(Withheld { epoch: entry.epoch, untaken: true, ..withheld });
    }
    let said = report_at(status, entry).and_then(|status| status.held.as_ref()).map(|list| list.digest);
    let expected = entry.expected.as_ref().map(|expected| expected.digest);
    if ![said, expected].contains(&entry.granted) {
        (entry.granted, entry.granted_shown) = (None, None);
    }
}

/// The units that leave members by these decisions, or are rendered from something else there by an edit.
fn changed(
    observed: &Observed<'_>,
    new: &[(String, RevisionSpec)],
    decisions: &BTreeMap<&UnitId, BTreeMap<u32, DecisionSpec>>,
) -> Vec<Changed> {
    let inputs = |name: &String| {
        let revision = new.iter().find(|(new, _)| new == name).map(|(_, revision)| revision);
        revision.or_else(|| observed.revisions.get(name)).map(|revision| &revision.inputs)
    };
    let mut out = Vec::new();
    for before in observed.decisions.values() {
        let after = decisions.get(&before.unit).and_then(|slices| slices.get(&before.slice));
        for (member, was) in before.members.iter().filter(|(_, was)| was.removal.is_none()) {
            let is = after.and_then(|decision| decision.members.get(member)).filter(|is| is.removal.is_none());
            let leaves = is.is_none();
            let is_edited = is.filter(|is| is.revision != was.revision).is_some_and(|is| {
                let both = inputs(&was.revision).zip(inputs(&is.revision));
                both.is_some_and(|(was, is)| is_edited(was, is))
            });
            if leaves || is_edited {
                out.push(Changed { unit: before.unit.clone(), member: member.clone(), leaves });
            }
        }
    }
    out
}

/// Does a unit wait for another one to take something over, by what its member said last? Where that is cut off, or was not counted, it may.
fn awaits(status: &UnitStatus, heir: &UnitId) -> bool {
    let is_unknown = || status.unlisted && status.heirs.is_empty() && !is_outside_rights(&status.waiting);
    status.heirs.contains(heir) || is_cut_off(status) || is_unknown()
}

/// May there be more units than are named?
fn is_cut_off(status: &UnitStatus) -> bool {
    status.heirs.len() >= UnitStatus::HEIRS_MAX
}

/// The units that are to take something over, as a report has them; or the last one did, if this one did not count them.
pub(super) fn heirs(report: &UnitReport, before: Option<&UnitStatus>) -> Vec<UnitId> {
    let has_failed = report.unlisted && !is_outside_rights(&report.waiting);
    let is_counted = !report.uncounted && !report.unweighed && !has_failed;
    let before = before.filter(|_| report.heirs.is_empty() && !is_counted);
    before.map_or(&report.heirs, |before| &before.heirs).iter().take(UnitStatus::HEIRS_MAX).cloned().collect()
}

/// Are there objects to which the member gives no rights? They are in no list either.
fn is_outside_rights(waiting: &[ObjectsWaiting]) -> bool {
    waiting.iter().any(|waiting| waiting.cause == WaitingCause::OutsideRights)
}

/// Says of a list of deletions that some of it was kept for a unit which has left since: what is stored now, beside what was stored
/// before. `is_placed`: is a unit to be in the member?
pub fn note_untaken(now: &mut UnitStatus, before: Option<&UnitStatus>, is_placed: impl Fn(&UnitId) -> bool) {
    let Some(before) = before.filter(|_| now.asked.removal.is_none() && waiting(now).is_some()) else { return };
    let was_said = waiting(before).is_some_and(|list| list.untaken);
    let has_left = || is_cut_off(before) || before.heirs.iter().any(|heir| !is_placed(heir));
    if let Some(list) = &mut now.held {
        list.untaken = was_said || has_left();
    }
}
