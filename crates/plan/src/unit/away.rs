//! Members that do not answer are in the list of what their unit deletes: by what is known of them.
//!
//! What a member ran last is known, and what it is to run is: the objects that only the former has are those that it deletes when
//! it answers. They are stored in its entry, so that the list is the same at every look, and are released by the
//! same approval as the lists of the others. What was approved is kept apart from then on: a member that is away for long loses
//! more with each revision, and its next list has no more in it than what is new. A member that then has more asks about the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::delivery::{ExpectedDeletions, MemberDecision, ObjectSet, RevisionSpec, UnitId, UnitStatus};
use model::{Digest, HashedKey, MemberName, ObjectKey};

use super::decide::choose;
use super::held::{answer_at, waiting};
use super::{Observed, Placement, Rendered, UnitSpec, Wanted};
use crate::prune;

/// A member that does not answer, and whose unit has another revision now than it had there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The unit.
    pub unit: UnitId,
    /// The member.
    pub member: MemberName,
    /// Name of the Revision that it ran last.
    pub had: String,
    /// Digest of its list of deletions that waits since.
    pub held: Option<Digest>,
}

/// The members of which it is to be found out what they would delete: those that do not answer. Asked after everything is
/// rendered.
pub fn unanswered(observed: &Observed<'_>) -> Vec<Unanswered> {
    let prunes = observed.units.iter().filter(|unit| unit.prune && !unit.suspend && unit.frozen.is_none());
    let mut out = Vec::new();
    for unit in prunes.map(|unit| &unit.id) {
        let is_rendered = matches!(observed.rendered.get(unit), Some(Rendered::Payload { .. }));
        for (_, decision) in observed.slices(unit).filter(|_| is_rendered) {
            let away = decision.members.iter().filter(|(member, entry)| {
                let facts = observed.members.get(*member);
                entry.removal.is_none() && facts.is_some_and(|facts| !facts.reports())
            });
            for (member, entry) in away {
                let Some(status) = observed.statuses.get(&(unit.clone(), member.clone())) else { continue };
                if entry.gives_back(status.asked.placed) {
                    // What it had then stays.
                    continue;
                }
                if observed.revisions.contains_key(&status.revision) {
                    let (unit, member, had) = (unit.clone(), member.clone(), status.revision.clone());
                    let held = waiting(status).map(|list| list.digest);
                    out.push(Unanswered { unit, member, had, held });
                }
            }
        }
    }
    out
}

/// Which revision of each unit members that do not answer are to have, with its name: what one unit loses there and another has is
/// handed over, and not deleted. `wanted`: as [`wanted()`](super::wanted()) said.
pub fn wanted_there<'a>(
    observed: &'a Observed<'_>,
    wanted: &'a BTreeMap<UnitId, Wanted>,
    members: &BTreeSet<&MemberName>,
) -> BTreeMap<&'a UnitId, BTreeMap<MemberName, (&'a str, &'a RevisionSpec)>> {
    let of_unit = |unit: &'a UnitSpec| {
        let is_rendered = matches!(observed.rendered.get(&unit.id), Some(Rendered::Payload { .. }));
        let is_decided = is_rendered && unit.frozen.is_none() && !matches!(unit.placement, Placement::Missing(_));
        let mut there = stays_as_it_is(observed, &unit.id, members);
        if let Some(want) = wanted.get(&unit.id).filter(|_| is_decided) {
            let chosen = choose(&unit.placement).0.into_iter().filter(|(member, _)| members.contains(member));
            there.extend(chosen.map(|(member, _)| (member, (want.name.as_str(), &want.revision))));
        }
        (&unit.id, there)
    };
    // What an edit takes out is there until a person agrees.
    let decided = observed.decisions.values().map(|decision| &decision.unit);
    let before = decided.map(|unit| (unit, stays_as_it_is(observed, unit, members)));
    before.chain(observed.units.iter().map(of_unit)).collect()
}

/// Which revision of a unit the members have as it is decided.
fn stays_as_it_is<'a>(
    observed: &'a Observed<'_>,
    unit: &UnitId,
    members: &BTreeSet<&MemberName>,
) -> BTreeMap<MemberName, (&'a str, &'a RevisionSpec)> {
    let entries = observed.slices(unit).flat_map(|(_, decision)| &decision.members);
    let placed = entries.filter(|(member, entry)| entry.removal.is_none() && members.contains(member));
    let revision = |entry: &MemberDecision| observed.revisions.get_key_value(&entry.revision);
    let there = placed.filter_map(|(member, entry)| Some((member.clone(), revision(entry)?)));
    there.map(|(member, (name, spec))| (member, (name.as_str(), spec))).collect()
}

/// What is stored of a member for this epoch: nothing once it has said so itself.
pub(super) fn expected(
    observed: &Observed<'_>,
    entries: &BTreeMap<&MemberName, &MemberDecision>,
    unit: &UnitId,
    member: &MemberName,
    (epoch, desired): (u64, usize),
) -> Option<Box<ExpectedDeletions>> {
    let key = (unit.clone(), member.clone());
    let entry = entries.get(member).filter(|entry| entry.removal.is_none());
    let before = entry.and_then(|entry| Some((entry.epoch, entry.expected.as_ref()?)));
    let has_answered =
        entry.is_some_and(|entry| answer_at(observed.statuses.get(&key), epoch, &entry.question()).is_some());
    match before {
        // What was approved holds for as long as the epoch: the member may be about to do it.
        Some((at, known)) if at == epoch && (known.shown().is_some() || !has_answered) => Some(known.clone()),
        _ if has_answered => None,
        before => {
            let status = observed.statuses.get(&key);
            let goes = |lost: &&Arc<HashedKey>| {
                !status.is_some_and(|status| stays_there(status, lost)) && !observed.is_claimed(member, lost)
            };
            let lost: Vec<_> = observed.lost.get(&key)?.iter().filter(goes).cloned().collect();
            let approved = before.and_then(|(_, known)| known.shown()).unwrap_or_default();
            // Of what waited there nothing may be left to delete: that is known, and nothing waits any more.
            let waited = observed.statuses.get(&key).and_then(waiting).is_some();
            describe(&lost, desired, &approved)
                .filter(|known| waited || known.objects.len() + known.approved.len() > 0)
                .map(Box::new)
        }
    }
}

/// Does an object stay in a member when its unit has it no longer, by what the member said last? What was there before us does, and what asks
/// for that.
pub fn stays_there(status: &UnitStatus, key: &ObjectKey) -> bool {
    status.adopted.contains(key) || status.kept.contains(key)
}

/// Describes what a member would delete. What was approved at an earlier epoch stays approved, since the member has not been asked
/// since, and is not in the list.
fn describe(lost: &[Arc<HashedKey>], desired: usize, approved: &ObjectSet) -> Option<ExpectedDeletions> {
    if lost.len() > ExpectedDeletions::OBJECTS_MAX {
        return None;
    }
    let (before, new): (Vec<_>, Vec<_>) = lost.iter().cloned().partition(|key| approved.contains(key));
    let list = prune::deletions(&new, 0, false);
    let set = |keys: &[Arc<HashedKey>]| ObjectSet::new(keys.iter().map(|key| &***key));
    Some(ExpectedDeletions {
        digest: list.digest,
        count: list.count,
        sample: list.sample,
        guarded: list.guarded,
        desired: u32::try_from(desired).unwrap_or(u32::MAX),
        objects: set(&new),
        approval: None,
        going: None,
        approved: set(&before),
    })
}
