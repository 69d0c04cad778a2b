//! What the deletion guard weighs of a unit, and what it holds.

use api::delivery::{
    DecisionSpec, DeletionState, Deletions, ExpectedDeletions, MemberDecision, Question, UnitId, UnitPhase, UnitStatus,
};
use model::MemberName;

use super::Observed;
use crate::guard::{self, Held, MemberScope};
use crate::report::CONFLICT;

/// What the guard weighs of a unit: one scope per member that its decisions name. Members report for the epoch that
/// their entry asks for; an older report says nothing of this one. `reports`: whether a member's report is waited for.
pub fn scopes<'a>(
    unit: &UnitId,
    decisions: impl IntoIterator<Item = &'a DecisionSpec>,
    status_of: impl Fn(&UnitId, &MemberName) -> Option<UnitStatus>,
    reports: impl Fn(&MemberName) -> bool,
) -> Vec<MemberScope> {
    let scope = |(decision, member, entry): (&DecisionSpec, &MemberName, &MemberDecision)| {
        let status = status_of(unit, member);
        let current = report_at(status.as_ref(), entry);
        // What another owner is to have was taken out of the list since.
        let is_claimed = |list: &Deletions| {
            let both = list.objects.as_deref().zip(entry.claimed.as_deref());
            both.is_some_and(|(objects, claimed)| objects.meets(claimed))
        };
        let current = current.filter(|status| !waiting(status).is_some_and(is_claimed));
        // What it said while it was not asked says nothing of what it would delete now.
        let current = current.filter(|status| !(status.unweighed && decision.weighs()));
        let leaving = !entry.removal.is_none();
        let is_kept = entry.kept().is_some();
        // What leaves is not weighed, unless its member says that it waits for a word. Nor is what an edit would take out:
        // what is kept there for now must not hide that a commit empties the other members.
        if (leaving || is_kept) && current.is_none_or(|s| s.held.is_none()) {
            return None;
        }
        let (expected, is_asked) = (entry.expected.as_deref(), reports(member));
        let expected = expected.filter(|_| current.is_none() && !leaving && !is_kept);
        let unanswered = current.is_none() && !is_asked && !leaving && !is_kept;
        let carried = status.as_ref().filter(|_| unanswered).and_then(|status| carried(status, entry));
        let desired = current.map(|s| s.objects.desired).or(expected.map(|e| e.desired));
        // What the new revision has is not known then; that it has nothing is not likely.
        let desired = desired.or(status.as_ref().filter(|_| carried.is_some()).map(|s| s.objects.desired));
        let desired = desired.unwrap_or_default();
        let mut report = current.map(|s| s.held.clone()).or(expected.map(of_expected)).or(carried.cloned().map(Some));
        if let Some(Some(list)) = &mut report {
            note_grant(list, entry, !is_asked || expected.is_some());
        }
        let mut scope = MemberScope {
            member: member.clone(),
            epoch: entry.epoch,
            placed: entry.placed,
            inventory: status.as_ref().map_or(0, |s| u64::from(s.objects.inventory)),
            desired: u64::from(desired),
            report,
            expected: is_asked,
            away: !is_asked,
            leaving,
            unweighed: status.as_ref().is_some_and(|status| status.epoch == entry.epoch && status.unweighed),
            // What a unit that leaves would delete is no list of what the source lost.
            unlisted: leaving || current.is_none_or(|status| status.unlisted),
            supposed: current.is_none(),
            granted: entry.granted.is_some(),
            carried_out: entry.carried_out,
            withheld: entry.withheld,
        };
        if is_kept {
            keep_only_the_list(&mut scope);
        }
        Some(scope)
    };
    let decisions = decisions.into_iter();
    let all =
        decisions.flat_map(|decision| decision.members.iter().map(move |(member, entry)| (decision, member, entry)));
    all.filter_map(scope).collect()
}

/// The list of deletions that a member said last waits there.
pub(super) fn waiting(status: &UnitStatus) -> Option<&Deletions> {
    status.held.as_ref().filter(|list| list.state == DeletionState::Waiting && list.count > 0)
}

/// The list of a member that stopped answering while its list was held, and whose unit has another revision since: what waited
/// there waits still. Where it is known what the new revision adds, `expected` has both.
pub fn carried<'a>(status: &'a UnitStatus, entry: &MemberDecision) -> Option<&'a Deletions> {
    let list = waiting(status)?;
    let is_of_entry = status.epoch < entry.epoch && status.asked == entry.question();
    (is_of_entry && entry.expected.is_none()).then_some(list)
}

/// A report that says what the member would delete by this entry: it was asked just this. What a unit that leaves would delete says nothing
/// of one that stays, nor the other way round, though the list may have the same objects. In these phases it has not yet come to that, unless it had before: a
/// phase is waited for again when somebody deletes an object. In `Applying` it has: an object that is stuck there must not hold up what
/// the others may delete.
pub fn report_at<'a>(status: Option<&'a UnitStatus>, entry: &MemberDecision) -> Option<&'a UnitStatus> {
    answer_at(status, entry.epoch, &entry.question())
}

/// The same of an entry that is not made yet.
pub(super) fn answer_at<'a>(status: Option<&'a UnitStatus>, epoch: u64, question: &Question) -> Option<&'a UnitStatus> {
    let knows = |status: &UnitStatus| match status.phase {
        UnitPhase::Unknown => false,
        UnitPhase::Pending | UnitPhase::Waiting => status.held.is_some(),
        _ => true,
    };
    status.filter(|status| status.epoch == epoch && status.asked == *question && knows(status))
}

/// The list of a member that does not answer, by what is known of it. All of it may have been approved before.
fn of_expected(expected: &ExpectedDeletions) -> Option<Deletions> {
    (expected.count > 0).then(|| Deletions {
        digest: expected.digest,
        count: expected.count,
        sample: expected.sample.clone(),
        guarded: expected.guarded,
        state: DeletionState::Waiting,
        released: 0,
        behind: false,
        unshown: false,
        untaken: false,
        left: 0,
        objects: Some(Box::new(expected.objects.clone())),
    })
}

/// A list that was granted to a member that does not answer waits for nothing but the member. So does one that was approved
/// while it did not (`away`: it still does not).
fn note_grant(list: &mut Deletions, entry: &MemberDecision, away: bool) {
    let is_approved = entry.expected.as_ref().is_some_and(|e| e.approval.is_some() && e.digest == list.digest);
    if list.state == DeletionState::Waiting && (is_approved || away && entry.granted == Some(list.digest)) {
        (list.state, list.released, list.count) = (DeletionState::Released, list.released + list.count, 0);
    }
}

/// Of a member that an edit would take the unit out of, only the list that waits counts. What was released there before stays
/// part of the list of the whole unit, whose approval others may be about to use, and weighs nothing.
fn keep_only_the_list(scope: &mut MemberScope) {
    (scope.inventory, scope.desired) = (0, 0);
    if let Some(Some(list)) = &mut scope.report {
        list.released = 0;
        if list.state == DeletionState::Waiting {
            scope.inventory = u64::from(list.count);
        }
    }
}

/// Can a change of what a member reports of a unit change what is decided? It can when a removal is done, when a list of
/// deletions came, went, changed or became complete, and while some member's list or an edit waits (`is_weighed`) when anything changed that
/// [`scopes`] or `empty` reads. Everything else is counts and messages, of which there are many.
pub fn decides(was: Option<&UnitStatus>, is: Option<&UnitStatus>, is_weighed: impl FnOnce() -> bool) -> bool {
    let removed = |s: Option<&UnitStatus>| s.is_some_and(|s| s.phase == UnitPhase::Removed);
    let held = |s: Option<&UnitStatus>| s.and_then(|s| s.held.clone());
    // What was held is over with the first report that counts everything.
    let unlisted = |s: Option<&UnitStatus>| s.is_some_and(|s| s.unlisted);
    let read = |s: Option<&UnitStatus>| {
        let counts = |s: &UnitStatus| (s.objects.inventory, s.objects.desired, s.unweighed);
        s.map(|s| (counts(s), s.epoch, s.asked.clone(), s.phase, s.reason == CONFLICT))
    };
    let is_new = removed(was) != removed(is) || held(was) != held(is) || unlisted(was) != unlisted(is);
    is_new || (read(was) != read(is) && is_weighed())
}

/// What is held of a unit, by its decisions.
pub fn held<'a>(
    unit: &UnitId,
    decisions: impl IntoIterator<Item = &'a DecisionSpec>,
    status_of: impl Fn(&UnitId, &MemberName) -> Option<UnitStatus>,
    reports: impl Fn(&MemberName) -> bool,
) -> Option<Held> {
    guard::plan(&scopes(unit, decisions, status_of, reports), None).1.held
}

impl Observed<'_> {
    /// What the guard weighs of a unit whose decisions are these.
    pub(super) fn weigh<'a>(
        &self,
        unit: &UnitId,
        decisions: impl IntoIterator<Item = &'a DecisionSpec>,
    ) -> Vec<MemberScope> {
        let status_of = |u: &UnitId, m: &MemberName| self.statuses.get(&(u.clone(), m.clone())).cloned();
        scopes(unit, decisions, status_of, |member| self.members.get(member).is_some_and(|facts| facts.reports()))
    }
}
