//! What an applier's report becomes in the member's stored status.

use std::collections::BTreeMap;

use api::delivery::{
    ApplierCount, ChangedField, Deletions, DriftRecord, MemberLink, MemberStatusSpec, ObjectSet, ObjectsWaiting,
    UnitId, UnitPhase, UnitStatus, WaitingCause, WaitingOn,
};
use api::feed::{ObjectReport, SyncState, UnitReport};
use api::reason;
use model::{ObjectKey, Timestamp, words};

use super::untaken;
use crate::report::{NOT_ANSWERED, NOT_VISIBLE};

/// A report as it is stored, beside what was stored before. `None` when it says nothing: the applier only looks again at
/// what it had delivered already. After a restart, a lost connection or a revert it passes through the same phases; what
/// it had reached stays the truth until it says otherwise.
pub fn merge_report(report: &UnitReport, before: Option<&UnitStatus>, now: Timestamp) -> Option<UnitStatus> {
    if let (UnitPhase::Unknown, Some(before)) = (report.phase, before) {
        return out_of_reach(report, before, now);
    }
    // Neither says how a unit is of which nothing was known.
    match (report.phase, before) {
        (_, before) if report.reason == NOT_ANSWERED => return unanswered(report, before?, now),
        (UnitPhase::Unknown, None) if report.reason == NOT_VISIBLE => return None,
        _ => {}
    }
    if before.is_some_and(|before| is_on_the_way(report, before)) {
        return None;
    }
    let same = before.filter(|b| b.phase == report.phase && b.health == report.health);
    let applied = match report.phase {
        UnitPhase::Applied | UnitPhase::DeletionsHeld => Some(report.payload),
        _ => before.and_then(|b| b.applied),
    };
    let (reverts, reverts_counted) =
        added(report.reverts, before.map(|before| (before.reverts, before.reverts_counted)));
    let (deleted, deleted_counted) = deleted(report, before);
    let held = held(report, before);
    let mut status = UnitStatus {
        revision: report.revision.clone(),
        epoch: report.epoch,
        asked: report.asked.clone(),
        applied,
        phase: report.phase,
        health: report.health,
        objects: report.objects,
        pods: report.pods,
        since: same.map_or(now, |b| b.since),
        reason: report.reason.clone(),
        message: report.message.clone(),
        waiting_on: before.and_then(|b| b.waiting_on.clone()),
        waiting: waiting(report, before),
        // What was counted before is the best that is known, and not all that there is.
        unlisted: report.unlisted || report.uncounted,
        heirs: untaken::heirs(report, before),
        held,
        unweighed: report.unweighed,
        reverts,
        reverts_counted,
        deleted,
        deleted_counted,
        last_drift: report.last_drift.clone().or_else(|| before.and_then(|b| b.last_drift.clone())),
        adopted: adopted(report, before),
        kept: few(report, before.map(|before| &before.kept), |row| row.kept),
        unmade: few(report, before.map(|before| &before.unmade), is_settled_unmade),
        reflected: before.and_then(|b| b.reflected.clone()),
    };
    bound(&mut status);
    Some(status)
}

/// The deletions that wait, or were released. An applier that has not come to them, since it waits for a phase, failed before or
/// panicked, has the list that it had when it was asked the same before.
fn held(report: &UnitReport, before: Option<&UnitStatus>) -> Option<Deletions> {
    let is_asked = !report.uncounted || report.unweighed;
    let has_come = is_asked && !matches!(report.phase, UnitPhase::Pending | UnitPhase::Waiting);
    let same =
        before.filter(|before| !has_come && (asks_the_same(report, before) || is_of_same_revision(report, before)));
    report.deletions.clone().or_else(|| same.and_then(|before| before.held.clone()))
}

/// Which objects were there before us. A report without rows says nothing of them.
fn adopted(report: &UnitReport, before: Option<&UnitStatus>) -> ObjectSet {
    let rows = report.details.iter().filter(|row| row.adopted);
    let known = ObjectSet::new(rows.map(|row| &**row.key));
    match known.len() {
        0 if report.objects.adopted > 0 => before.map(|before| before.adopted.clone()).unwrap_or_default(),
        ..=UnitStatus::ADOPTED_MAX => known,
        _ => ObjectSet::default(),
    }
}

/// Which objects are so, as long as they are few. A report without rows says nothing of them.
fn few(report: &UnitReport, before: Option<&ObjectSet>, is_so: impl Fn(&ObjectReport) -> bool) -> ObjectSet {
    let is_blank = report.details.is_empty() && (report.objects.desired > 0 || report.objects.inventory > 0);
    if is_blank {
        return before.cloned().unwrap_or_default();
    }
    let known = ObjectSet::new(report.details.iter().filter(|row| is_so(row)).map(|row| &**row.key));
    if known.len() <= UnitStatus::KEPT_MAX { known } else { ObjectSet::default() }
}

/// Is nothing to be done with an object though the unit has not made it?
fn is_settled_unmade(row: &ObjectReport) -> bool {
    row.unmade && matches!(row.sync, SyncState::LeftAlone | SyncState::Synced)
}

/// What waits, and what was let go of since it is not ours. An applier forgets the latter with its restart, and so does the
/// inventory, since such an object is no longer recorded: what is stored of it stays for as long as the unit's epoch lasts.
fn waiting(report: &UnitReport, before: Option<&UnitStatus>) -> Vec<ObjectsWaiting> {
    let mut waiting = report.waiting.clone();
    let before = before.filter(|before| before.epoch == report.epoch).into_iter().flat_map(|before| &before.waiting);
    for known in before.filter(|known| known.cause == WaitingCause::NotOurs) {
        match waiting.iter_mut().find(|said| said.cause == known.cause && said.detail == known.detail) {
            Some(said) => {
                said.count = said.count.max(known.count);
                said.first = known.first.clone().min(std::mem::take(&mut said.first));
            }
            None => waiting.push(known.clone()),
        }
    }
    waiting.sort_by(|a, b| (a.cause, &a.detail).cmp(&(b.cause, &b.detail)));
    waiting
}

/// Cuts every word of a unit's status to what may be stored of it. Appliers cut what they read; this holds whatever they
/// report, since one status that is too large would stand in the way of those of 99 other units.
fn bound(status: &mut UnitStatus) {
    let UnitStatus { reason, message, waiting, held, last_drift, .. } = status;
    words::bound(reason, UnitStatus::REASON_MAX);
    words::bound(message, UnitStatus::MESSAGE_MAX);
    waiting.truncate(ObjectsWaiting::ENTRIES_MAX);
    for ObjectsWaiting { first, detail, cause: _, count: _ } in waiting {
        words::bound(first, ObjectKey::CHARS_MAX);
        words::bound(detail, ObjectsWaiting::DETAIL_MAX);
    }
    if let Some(Deletions { sample, .. }) = held {
        sample.truncate(Deletions::SAMPLE_MAX);
        sample.iter_mut().for_each(|object| words::bound(object, ObjectKey::CHARS_MAX));
    }
    if let Some(DriftRecord { object, fields, .. }) = last_drift {
        words::bound(object, ObjectKey::CHARS_MAX);
        fields.truncate(DriftRecord::FIELDS_MAX);
        for ChangedField { path, manager, time: _ } in fields {
            words::bound(path, ChangedField::PATH_MAX);
            manager.iter_mut().for_each(|manager| words::bound(manager, ChangedField::MANAGER_MAX));
        }
    }
}

/// A unit's status without what may be long: what is stored when a server does not take the whole of it. What was let go as
/// not ours stays, since nothing else remembers it (`waiting`); it is bounded.
pub fn without_details(status: &UnitStatus) -> UnitStatus {
    let mut held = status.held.clone();
    if let Some(held) = &mut held {
        held.sample.clear();
    }
    let not_ours = status.waiting.iter().filter(|waiting| waiting.cause == WaitingCause::NotOurs);
    let waiting_on = status.waiting_on.as_ref().map(|waiting_on| Box::new(WaitingOn::new(waiting_on.what, "")));
    UnitStatus {
        message: DETAILS_LEFT_OUT.to_owned(),
        waiting_on,
        waiting: not_ours.cloned().collect(),
        held,
        last_drift: None,
        reflected: None,
        ..status.clone()
    }
}

/// What a status says of which the details could not be stored.
pub const DETAILS_LEFT_OUT: &str =
    "the hub could not store the details of this report; its log says why, and `kurator tree` shows the objects";

/// What becomes of a unit whose member cannot be asked. What the report says besides that is what its applier had seen,
/// which is nothing when the hub has just started; so all that is known stays as it is stored. What is applied stays so: that the member
/// cannot be asked is said of the member. Of one that is reached and does not show what it has, nothing else says it.
fn out_of_reach(report: &UnitReport, before: &UnitStatus, now: Timestamp) -> Option<UnitStatus> {
    match before.phase {
        UnitPhase::Applied | UnitPhase::DeletionsHeld if report.reason != NOT_VISIBLE => None,
        phase => {
            let (reason, message) = (
                words::bounded(&report.reason, UnitStatus::REASON_MAX),
                words::bounded(&report.message, UnitStatus::MESSAGE_MAX),
            );
            // After how many seconds it was given up is nothing new.
            let is_new = before.reason != reason || without_numbers(&before.message) != without_numbers(&message);
            Some(UnitStatus {
                phase: report.phase,
                health: report.health,
                since: if phase == report.phase { before.since } else { now },
                message: if is_new { message } else { before.message.clone() },
                reason,
                ..before.clone()
            })
        }
    }
}

/// What becomes of a unit that was well, when an object of it is known to be otherwise and the member does not answer. All else stays
/// as it is stored, and what was not well says more.
fn unanswered(report: &UnitReport, before: &UnitStatus, now: Timestamp) -> Option<UnitStatus> {
    let was_well = before.phase == UnitPhase::Applied && asks_the_same(report, before);
    was_well.then(|| UnitStatus {
        phase: report.phase,
        since: now,
        reason: words::bounded(&report.reason, UnitStatus::REASON_MAX),
        message: words::bounded(&report.message, UnitStatus::MESSAGE_MAX),
        ..before.clone()
    })
}

/// Does the unit leave the member, or has it left?
pub(crate) fn is_leaving(phase: UnitPhase) -> bool {
    matches!(phase, UnitPhase::Removing | UnitPhase::Removed)
}

/// How many objects were deleted. It begins at nothing with each epoch, and when a unit leaves, so that what is said at the end is
/// what went with it. A unit that leaves may fail, or be out of reach, in between.
fn deleted(report: &UnitReport, before: Option<&UnitStatus>) -> (u64, Option<ApplierCount>) {
    let goes_on = |before: &UnitStatus| match is_leaving(report.phase) {
        true => is_leaving(before.phase) || matches!(before.phase, UnitPhase::Failed | UnitPhase::Unknown),
        false => before.epoch == report.epoch,
    };
    let stored = |before: &UnitStatus| (if goes_on(before) { before.deleted } else { 0 }, before.deleted_counted);
    added(report.deleted, before.map(stored))
}

/// All that were ever counted, and how many of them are of the applier that reports now. An applier counts from its
/// start, and each of its reports replaces the one before: what is stored of the same count is taken off, so that a report
/// that comes twice, or to a hub that has restarted, adds nothing. An applier that has not counted anything yet says
/// nothing, so that a restart writes nothing. `stored`: both as they are stored.
fn added(counted: Option<ApplierCount>, stored: Option<(u64, Option<ApplierCount>)>) -> (u64, Option<ApplierCount>) {
    let (total, known) = stored.unwrap_or_default();
    let Some(counted) = counted else { return (total, known) };
    let stored = known.filter(|known| known.since == counted.since).map_or(0, |known| known.count);
    // A report of the same count that comes late is older than what is stored.
    let count = counted.count.max(stored);
    (total + (count - stored), Some(ApplierCount { count, ..counted }))
}

fn is_on_the_way(report: &UnitReport, before: &UnitStatus) -> bool {
    let passing = matches!(report.phase, UnitPhase::Pending | UnitPhase::Applying | UnitPhase::Waiting);
    passing
        && ![NOT_VISIBLE, reason::BEING_DELETED].contains(&report.reason.as_str())
        // What is stored of an object that was on its way out, or that no answer came about, is over.
        && ![reason::BEING_DELETED, NOT_ANSWERED].contains(&before.reason.as_str())
        // Nothing was known, and now something is.
        && before.phase != UnitPhase::Unknown
        && asks_the_same(report, before)
        && report.deletions.is_none()
}

/// Is the report of the payload that was applied in full before, at the same epoch, and of the same question?
fn asks_the_same(report: &UnitReport, before: &UnitStatus) -> bool {
    before.epoch == report.epoch && before.asked == report.asked && before.applied == Some(report.payload)
}

/// Is the report of the same revision and question, whether it was applied in full before or not?
fn is_of_same_revision(report: &UnitReport, before: &UnitStatus) -> bool {
    before.epoch == report.epoch && before.revision == report.revision && before.asked == report.asked
}

/// How a unit came to an end in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Everything is applied as the payload says.
    Applied,
    /// Something could not be applied.
    Failed,
    /// The unit has left the member.
    Removed,
}

impl Delivered {
    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Removed => "removed",
        }
    }
}

/// What a report says for the first time, to be counted once: a payload that was applied, a revision that failed, a unit
/// that has left.
pub fn delivered(before: Option<&UnitStatus>, now: &UnitStatus) -> Option<Delivered> {
    let same_revision = before.is_some_and(|before| before.revision == now.revision);
    let same_phase = same_revision && before.is_some_and(|before| before.phase == now.phase);
    match now.phase {
        UnitPhase::Applied | UnitPhase::DeletionsHeld => {
            (before.and_then(|before| before.applied) != now.applied || !same_revision).then_some(Delivered::Applied)
        }
        UnitPhase::Failed => (!same_phase).then_some(Delivered::Failed),
        UnitPhase::Removed => (!same_phase).then_some(Delivered::Removed),
        _ => None,
    }
}

/// Divides a member's units into slices. A unit stays in the slice that it is in: slices are written one by one, and a
/// unit that moved between two of them would be in none for a while. New units fill the first slice with room; slices
/// without a unit are left out.
pub fn slices(
    stored: &BTreeMap<u32, BTreeMap<UnitId, UnitStatus>>,
    units: BTreeMap<UnitId, UnitStatus>,
) -> BTreeMap<u32, BTreeMap<UnitId, UnitStatus>> {
    let place_of = |unit: &UnitId| stored.iter().find(|(_, units)| units.contains_key(unit)).map(|(slice, _)| *slice);
    let mut out: BTreeMap<u32, BTreeMap<UnitId, UnitStatus>> = BTreeMap::new();
    let mut new = Vec::new();
    for (unit, status) in units {
        match place_of(&unit) {
            Some(slice) => drop(out.entry(slice).or_default().insert(unit, status)),
            None => new.push((unit, status)),
        }
    }
    for (unit, status) in new {
        let has_room = |slice: &u32| out.get(slice).is_none_or(|units| units.len() < MemberStatusSpec::UNITS_MAX);
        let slice = (0..).find(has_room).unwrap_or_default();
        out.entry(slice).or_default().insert(unit, status);
    }
    out
}

/// Whether others wait for it: a unit came, went, or changed its phase, health, revision or deletions.
pub fn is_news(before: &BTreeMap<UnitId, UnitStatus>, after: &BTreeMap<UnitId, UnitStatus>) -> bool {
    let said = |s: &UnitStatus| {
        let what = (s.epoch, s.asked.clone(), s.revision.clone(), s.applied);
        (what, s.phase, s.health, s.held.clone(), s.waiting_on.clone())
    };
    before.len() != after.len()
        || before.iter().zip(after).any(|((a, was), (b, is))| a != b || (was != is && said(was) != said(is)))
}

/// Says in a unit's status what the hub lacks to deliver it. What was said stays while only numbers in it differ: a status
/// must not be written for each second that passes.
pub fn set_waiting_on(status: &mut UnitStatus, waiting_on: Option<&WaitingOn>) {
    let same = |known: &WaitingOn, now: &WaitingOn| {
        known.what == now.what && without_numbers(&known.detail) == without_numbers(&now.detail)
    };
    if let (Some(known), Some(now)) = (status.waiting_on.as_deref(), waiting_on)
        && same(known, now)
    {
        return;
    }
    status.waiting_on = waiting_on.cloned().map(Box::new);
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// A link as it is stored, beside the one that was stored before: the time and the message stay while only numbers in
/// the message differ, such as since how many seconds a certificate has run out.
pub fn merge_link(new: MemberLink, before: Option<&MemberLink>) -> MemberLink {
    let message = words::bounded(&new.message, MemberLink::MESSAGE_MAX);
    match before.filter(|before| before.state == new.state) {
        Some(before) if without_numbers(&before.message) == without_numbers(&message) => before.clone(),
        Some(before) => MemberLink { message, since: before.since, ..new },
        None => MemberLink { message, ..new },
    }
}
