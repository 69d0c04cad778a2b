//! What an edit takes out of members, and whether it is held.
//!
//! A selector, a label, a list of members or a list of policies may have been mistyped. So a unit that they take out of any
//! member stays there, until a person approves exactly that list, or the edit is taken back. The owner may allow a number of
//! members at once without approval (`kurator.dev/removals`). It is counted over all units of the owner: each member once,
//! those that are leaving already by that number included. When there are more, none of the new ones leaves.
//!
//! The list names members. Which objects a person saw of it stands beside the approval, when a command wrote that: the removals carry it,
//! and whatever else a member has waits for a word of its own ([`prune`](crate::prune)).
//!
//! A command that shows the list and makes the edit itself writes a consent first ([`consent`]): members in it leave, and are
//! part of no list that is held.
//!
//! A policy that is renamed deletes nothing: another unit has the same objects there ([`handover`]), and nobody is asked. Nor is
//! anybody of a unit that has nothing in the member ([`empty`]), as when an edit is taken back that moved the member to it.
//!
//! Of a unit that is not decided now, what is held stays held, and no more is. An edit that is taken back meanwhile ends that: made
//! again, it is another one.
//!
//! Absent on purpose: members that somebody else has chosen ([`Placement::Given`]). A scheduler decides under unchanged
//! objects, and no failover waits for a person.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{LabelDifference, Leaving, LeavingCause, MemberDecision, Removal, UnitId};
use api::kurator::consent::ShownList;
use model::{Digest, MemberName, Timestamp};
use place::{Candidate, Reason, Rules};

use super::decide::{Wish, choose};
use super::{Observed, OwnerState, Placement, UnitSpec, consent, empty, handover};

/// The members that an edit takes a unit out of.
pub(super) struct Edit {
    /// Those that wait, or leave together.
    leaving: BTreeMap<MemberName, Leaving>,
    verdict: Verdict,
    /// Those that leave since a person agreed to it before the edit was made, or since nothing is deleted: another unit takes
    /// over what is there, or there is nothing.
    agreed: BTreeMap<MemberName, Leaving>,
    /// What was shown of the list by which they leave, when the approval says so.
    shown: Option<ShownList>,
}

#[derive(Clone, Copy)]
enum Verdict {
    /// They are kept; the digest is what an approval must say.
    Held(Digest),
    /// They leave, by the approval of this list, or within the number that the owner allows.
    Goes(Option<Digest>),
}

impl Edit {
    /// What becomes of a member's entry: it stays as it is, or becomes a removal; either way it says why. `None`: the edit does
    /// not concern the member.
    pub(super) fn entry(
        &self,
        member: &MemberName,
        entry: &MemberDecision,
        removal: Removal,
    ) -> Option<MemberDecision> {
        if let Some(why) = self.agreed.get(member) {
            return Some(entry.removing(removal, Some(Box::new(why.clone()))));
        }
        let why = self.leaving.get(member)?;
        let (approval, removal) = match self.verdict {
            Verdict::Held(_) => (None, entry.removal),
            Verdict::Goes(digest) => (digest, removal),
        };
        let shown = self.shown.as_ref().filter(|_| approval.is_some()).map(|list| list.of(member));
        let leaving = Some(Box::new(Leaving { approval, shown, ..why.clone() }));
        Some(entry.removing(removal, leaving))
    }

    /// What becomes of a member's entry while the unit is not decided: it is held as before or for another reason, or no longer.
    pub(super) fn undecided_entry(&self, member: &MemberName, entry: &MemberDecision) -> MemberDecision {
        if entry.kept().is_none() {
            return entry.clone();
        }
        MemberDecision { leaving: self.leaving.get(member).cloned().map(Box::new), ..entry.clone() }
    }

    /// Is this the tombstone of a member that leaves by the same approval as others that are still to be told? Without it, the
    /// rest would not be the list that was approved.
    pub(super) fn needs(&self, entry: &MemberDecision) -> bool {
        let approval = entry.leaving.as_ref().and_then(|leaving| leaving.approval);
        !entry.removal.is_none() && approval.is_some() && matches!(self.verdict, Verdict::Goes(by) if by == approval)
    }

    /// What an approval must say, while it is held.
    pub(super) fn held(&self) -> Option<Digest> {
        match self.verdict {
            Verdict::Held(digest) => Some(digest),
            Verdict::Goes(_) => None,
        }
    }
}

/// Weighs what edits of a live owner take out of members, for all of its units.
pub(super) fn edits(
    observed: &Observed<'_>,
    wishes: &BTreeMap<UnitId, Wish>,
    now: Timestamp,
) -> BTreeMap<UnitId, Edit> {
    if observed.facts.state != OwnerState::Live {
        return BTreeMap::new();
    }
    let units: BTreeSet<&UnitId> = observed.decisions.values().map(|decision| &decision.unit).collect();
    let mut out = BTreeMap::new();
    // By the number that the owner allows: those on their way, and those that would follow.
    let mut counted: BTreeSet<MemberName> = observed
        .decisions
        .values()
        .flat_map(|decision| &decision.members)
        .filter(|(_, entry)| entry.leaves_by_number())
        .map(|(member, _)| member.clone())
        .collect();
    for unit in &units {
        let wish = wishes.get(*unit);
        let mut leaving = leaving(observed, unit, wish);
        if leaving.is_empty() {
            continue;
        }
        date(observed, unit, &mut leaving, now);
        let mut agreed = handover::split_handed_over(observed, wishes, unit, &mut leaving);
        agreed.extend(empty::split_empty(observed, unit, &mut leaving));
        agreed.extend(consent::split_agreed(observed, unit, &mut leaving, now));
        let verdict = match leaving.is_empty() {
            true => Verdict::Goes(None),
            false => verdict(observed, unit, wish, &leaving),
        };
        if let Verdict::Held(_) = verdict {
            counted.extend(leaving.keys().cloned());
        }
        let shown = match verdict {
            Verdict::Goes(Some(digest)) => shown(observed, unit, digest),
            Verdict::Goes(None) | Verdict::Held(_) => None,
        };
        out.insert((*unit).clone(), Edit { leaving, verdict, agreed, shown });
    }
    if counted.len() <= usize::try_from(observed.facts.removals).unwrap_or(usize::MAX) {
        for edit in out.values_mut().filter(|edit| edit.held().is_some()) {
            edit.verdict = Verdict::Goes(None);
        }
    }
    let undecided = |unit: &&UnitId| Some(((*unit).clone(), undecided(observed, unit, wishes.get(*unit)?, now)?));
    out.extend(units.iter().filter_map(undecided));
    out
}

/// What is held of a unit that is not decided now, as far as it is known where the unit is to go. `None`: all of it stays held.
fn undecided(observed: &Observed<'_>, unit: &UnitId, wish: &Wish, now: Timestamp) -> Option<Edit> {
    let entries = observed.slices(unit).flat_map(|(_, decision)| &decision.members);
    let kept: BTreeMap<&MemberName, &Leaving> = entries.filter_map(|(m, entry)| Some((m, entry.kept()?))).collect();
    let mut specs = observed.units.iter().filter(|spec| spec.id == *unit);
    // Two units of one name: which of them it is that members have is not known.
    let (Some(spec), None) = (specs.next(), specs.next()) else { return None };
    let Placement::Rules(rules, candidates) = &spec.placement else { return None };
    if wish.members.is_some() || kept.is_empty() {
        return None;
    }
    let chosen: BTreeSet<MemberName> = choose(&spec.placement).0.into_iter().map(|(member, _)| member).collect();
    let left = kept.into_iter().filter(|(member, _)| !chosen.contains(*member));
    let why = Why::new(rules, candidates);
    let leaving = left.map(|(member, held)| match observed.members.contains_key(member) {
        true => (member.clone(), why.of(member)),
        false => (member.clone(), held.clone()),
    });
    let mut leaving: BTreeMap<MemberName, Leaving> = leaving.collect();
    date(observed, unit, &mut leaving, now);
    let verdict = Verdict::Held(List::new(observed, unit, Some(wish), &leaving).digest());
    Some(Edit { leaving, verdict, agreed: BTreeMap::new(), shown: None })
}

/// What was shown of an approved list. `None`: the approval names a digest alone, and what is there goes. While a list goes slice by
/// slice its annotation may be replaced: of the rest nothing is known to be shown then.
fn shown(observed: &Observed<'_>, unit: &UnitId, digest: Digest) -> Option<ShownList> {
    let said = observed.facts.shown.iter().find(|list| list.digest == digest).cloned();
    let is_bound = || {
        let entries = observed.slices(unit).flat_map(|(_, decision)| decision.members.values());
        let mut gone = entries.filter(|entry| !entry.removal.is_none()).filter_map(|entry| entry.leaving.as_ref());
        gone.any(|why| why.approval == Some(digest) && why.shown.is_some())
    };
    said.or_else(|| is_bound().then(|| ShownList { digest, groups: Vec::new() }))
}

/// The members that a unit is to leave, though it is placed there, and why. None of one that is not decided now.
fn leaving(observed: &Observed<'_>, unit: &UnitId, wish: Option<&Wish>) -> BTreeMap<MemberName, Leaving> {
    let placed = observed.slices(unit).flat_map(|(_, decision)| &decision.members);
    let placed = placed.filter(|(member, entry)| entry.removal.is_none() && observed.members.contains_key(*member));
    let Some(wish) = wish else {
        let removed = Leaving::new(LeavingCause::UnitRemoved, unit_removed(unit));
        return placed.map(|(member, _)| (member.clone(), removed.clone())).collect();
    };
    let Some(chosen) = &wish.members else { return BTreeMap::new() };
    let spec: Option<&UnitSpec> = observed.units.iter().find(|spec| spec.id == *unit);
    let Some(Placement::Rules(rules, candidates)) = spec.map(|spec| &spec.placement) else { return BTreeMap::new() };
    let left: Vec<&MemberName> = placed.map(|(member, _)| member).filter(|m| !chosen.contains_key(*m)).collect();
    if left.is_empty() {
        return BTreeMap::new();
    }
    let why = Why::new(rules, candidates);
    left.into_iter().map(|member| (member.clone(), why.of(member))).collect()
}

/// Says since when each is so: from now on, or from when it was first held.
fn date(observed: &Observed<'_>, unit: &UnitId, leaving: &mut BTreeMap<MemberName, Leaving>, now: Timestamp) {
    let held = observed.slices(unit).flat_map(|(_, decision)| &decision.members);
    let held: BTreeMap<&MemberName, &Leaving> = held.filter_map(|(m, entry)| Some((m, entry.kept()?))).collect();
    for (member, why) in leaving {
        let before = held.get(member).filter(|before| before.is_same(why));
        why.since = before.and_then(|before| before.since).or(Some(now));
    }
}

fn unit_removed(unit: &UnitId) -> String {
    match &unit.policy {
        Some(policy) => format!("policy {policy} was removed or renamed"),
        None => format!("{} asks for it no longer", unit.owner()),
    }
}

/// Says why rules do not choose members.
struct Why<'a> {
    rules: &'a Rules,
    by_member: BTreeMap<&'a MemberName, &'a Candidate>,
    by_name: BTreeMap<&'a str, &'a Candidate>,
}

impl<'a> Why<'a> {
    fn new(rules: &'a Rules, candidates: &'a [Candidate]) -> Self {
        let by_member = candidates.iter().filter_map(|c| Some((c.member.as_ref()?, c))).collect();
        let by_name = candidates.iter().map(|c| (c.name.as_str(), c)).collect();
        Self { rules, by_member, by_name }
    }

    fn of(&self, member: &MemberName) -> Leaving {
        let candidate = self.by_member.get(member).or_else(|| self.by_name.get(member.as_str()));
        let Some(candidate) = candidate else {
            let how = if self.by_name.is_empty() { "is empty" } else { "does not list it" };
            return Leaving::new(LeavingCause::NotListed, format!("{} {how}", self.rules.list));
        };
        match place::refusal(self.rules, candidate) {
            Some(reason @ Reason::LabelDiffers { .. }) => {
                let mut leaving = Leaving::new(LeavingCause::SelectorDiffers, reason.to_string());
                if let Reason::LabelDiffers { key, wanted, found } = reason {
                    leaving.label = Some(LabelDifference::new(&key, found.as_deref(), &wanted));
                }
                leaving
            }
            _ => Leaving::new(
                LeavingCause::NotAMember,
                format!("{} lists {}, which makes no such member now", self.rules.list, candidate.name),
            ),
        }
    }
}

/// Members that a unit is to leave, with when each was given it, and why: what an approval is of.
struct List<'a> {
    unit: &'a UnitId,
    prune: bool,
    members: BTreeMap<&'a MemberName, (Option<Timestamp>, &'a Leaving)>,
}

impl<'a> List<'a> {
    fn new(
        observed: &Observed<'_>,
        unit: &'a UnitId,
        wish: Option<&Wish>,
        leaving: &'a BTreeMap<MemberName, Leaving>,
    ) -> Self {
        let prune = wish.map_or_else(|| observed.slices(unit).any(|(_, decision)| decision.prune), |wish| wish.prune);
        let entries: BTreeMap<&MemberName, &MemberDecision> =
            observed.slices(unit).flat_map(|(_, decision)| &decision.members).collect();
        let placed = |member: &MemberName| entries.get(member).and_then(|entry| entry.placed);
        Self { unit, prune, members: leaving.iter().map(|(member, why)| (member, (placed(member), why))).collect() }
    }

    /// When each member was given the unit, and since when it is held, are part of it: an approval is for once, and the same edit
    /// made again is another list, whether the first one was carried out or taken back.
    fn digest(&self) -> Digest {
        let what = if self.prune { "prune" } else { "release" };
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let entries = self.members.iter().flat_map(|(member, (placed, why))| {
            [member.to_string(), text(*placed), text(why.since), why.cause.to_string(), why.message.clone()]
        });
        Digest::of_texts([self.unit.to_string(), what.to_owned()].into_iter().chain(entries))
    }
}

/// Was exactly this list approved? One that was and of which a part is carried out already, since decisions are written
/// slice by slice, is still that list.
fn verdict(
    observed: &Observed<'_>,
    unit: &UnitId,
    wish: Option<&Wish>,
    leaving: &BTreeMap<MemberName, Leaving>,
) -> Verdict {
    let list = List::new(observed, unit, wish, leaving);
    let whole = list.digest();
    if observed.facts.approved.contains(&whole) {
        return Verdict::Goes(Some(whole));
    }
    let gone = observed.slices(unit).flat_map(|(_, decision)| &decision.members);
    let gone: Vec<(&MemberName, Option<Timestamp>, &Leaving)> = gone
        .filter(|(_, entry)| !entry.removal.is_none())
        .filter_map(|(member, entry)| Some((member, entry.placed, entry.leaving.as_deref()?)))
        .collect();
    let approvals: BTreeSet<Digest> = gone.iter().filter_map(|(_, _, why)| why.approval).collect();
    let is_part = |approved: &Digest| {
        let same = gone.iter().filter(|(_, _, why)| why.approval == Some(*approved));
        let mut members = list.members.clone();
        members.extend(same.map(|(member, placed, why)| (*member, (*placed, *why))));
        List { unit, prune: list.prune, members }.digest() == *approved
    };
    let approved = approvals.into_iter().find(is_part);
    approved.map_or(Verdict::Held(whole), |digest| Verdict::Goes(Some(digest)))
}
