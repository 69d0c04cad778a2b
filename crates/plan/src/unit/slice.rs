//! The slices of a unit's decision: who stays in which, what leaves, what may be deleted.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{
    DecisionSpec, DeletionState, Deletions, Explanation, MemberDecision, Missing, ObjectSet, Owner, Removal, UnitId,
    UnitPhase, UnitStatus, WaitingOn, Withheld,
};
use model::{Digest, MemberName, Timestamp};

use super::decide::Wish;
use super::edit::{Edit, edits};
use super::held::{report_at, waiting};
use super::{Observed, OwnerState, Plan, cluster, consent, trigger, untaken};
use crate::guard::{self, Cause, Held, MemberScope};
use crate::sibling::Claim;

/// Siblings that an explanation names: which ones to look at.
const SIBLINGS_NAMED: usize = 3;

/// `stored`: the slices as they are stored, also with what is of other clusters. Says for which siblings deletions wait, and whether each
/// takes the commit up by itself.
pub(super) fn write(
    observed: &Observed<'_>,
    stored: &BTreeMap<String, DecisionSpec>,
    wishes: &BTreeMap<UnitId, Wish>,
    plan: &mut Plan,
    now: Timestamp,
) -> BTreeMap<Owner, bool> {
    let edits = edits(observed, wishes, now);
    let units: BTreeSet<&UnitId> = wishes.keys().chain(observed.decisions.values().map(|d| &d.unit)).collect();
    let mut all: BTreeMap<&UnitId, BTreeMap<u32, DecisionSpec>> = BTreeMap::new();
    for unit in units {
        let before: BTreeMap<u32, (&String, &DecisionSpec)> =
            observed.slices(unit).map(|(name, decision)| (decision.slice, (name, decision))).collect();
        let wish = wishes.get(unit);
        let mut after = members(observed, unit, wish, edits.get(unit), &before);
        if let Some(wish) = wish {
            // Slice 0 exists as long as the unit does: it explains, also that no member gets the unit.
            if wish.explanation.is_some() {
                after.entry(0).or_insert_with(|| DecisionSpec::empty(unit.clone(), 0));
            }
            for (slice, decision) in &mut after {
                decision.prune = wish.prune;
                decision.suspended = wish.suspended;
                decision.force = wish.force;
                decision.overwrite = wish.overwrite;
                if let Some(explanation) = &wish.explanation {
                    decision.frozen.clone_from(&wish.frozen);
                    decision.explanation = (*slice == 0).then(|| explanation.clone());
                }
            }
        }
        all.insert(unit, after);
    }
    untaken::hold(observed, &plan.create_revisions, &mut all);
    let mut waits_for: BTreeMap<Owner, bool> = BTreeMap::new();
    for (unit, mut after) in all {
        let wish = wishes.get(unit);
        let claims = grant(observed, unit, &mut after);
        for claim in &claims {
            *waits_for.entry(claim.owner.clone()).or_default() |= claim.stuck.is_none();
        }
        let before = observed.slices(unit).find_map(|(_, decision)| decision.explanation.as_ref());
        explain_siblings(observed.owner, &claims, before, &mut after);
        for (slice, mut decision) in after {
            let name = DecisionSpec::object_name(&unit.short(observed.hub), slice);
            let known = stored.get(&name);
            if decision.members.is_empty() && (wish.is_none() || slice != 0) {
                if known.is_some() {
                    plan.delete_decisions.push(name);
                }
                continue;
            }
            if known != Some(&decision) {
                if !cluster::is_only_learned(known, &decision) {
                    decision.trigger = Some(trigger::trigger(observed, &plan.create_revisions, known, &decision));
                }
                plan.write_decisions.push((name, decision));
            }
        }
    }
    // What is held because a unit leaves is written before it leaves.
    let is_left = |name: &String, is: &DecisionSpec| stored.get(name).is_some_and(|was| trigger::left(was, is));
    plan.write_decisions.sort_by_key(|(name, decision)| is_left(name, decision));
    waits_for
}

/// The slices with their members as they should be; members stay in the slice that they are in.
fn members(
    observed: &Observed<'_>,
    unit: &UnitId,
    wish: Option<&Wish>,
    edit: Option<&Edit>,
    before: &BTreeMap<u32, (&String, &DecisionSpec)>,
) -> BTreeMap<u32, DecisionSpec> {
    let known = before.values().next().map(|(_, decision)| *decision);
    let prune = wish.map_or_else(|| known.is_some_and(|d| d.prune), |w| w.prune);
    let by_prune = if prune { Removal::Prune } else { Removal::Release };
    // A unit or owner that is gone takes its objects along unless told otherwise; a unit of a live owner once it may.
    let leaving = match (wish, observed.facts.state) {
        (Some(_), _) => None,
        (None, OwnerState::Leaving(Some(said))) => Some(said),
        (None, _) => Some(by_prune),
    };
    let mut out: BTreeMap<u32, DecisionSpec> = BTreeMap::new();
    let mut placed = BTreeSet::new();
    for (slice, (_, decision)) in before {
        let members = decision.members.iter().filter_map(|(member, entry)| {
            let chosen = wish.and_then(|w| w.members.as_ref());
            let kept = match (leaving, chosen) {
                (Some(removal), _) => leave(observed, unit, member, entry, removal, edit),
                (None, None) => Some(edit.map_or_else(|| entry.clone(), |edit| edit.undecided_entry(member, entry))),
                (None, Some(chosen)) => match chosen.get(member) {
                    // It is given to the member now only if it was leaving.
                    Some(wanted) if entry.removal.is_none() => {
                        let MemberDecision { placed, known_since, given_back, consent, .. } = *entry;
                        Some(MemberDecision { placed, known_since, given_back, consent, ..wanted.clone() })
                    }
                    Some(wanted) => Some(placed_again(entry, wanted)),
                    None => leave(observed, unit, member, entry, by_prune, edit),
                },
            };
            placed.insert(member.clone());
            let mut kept = kept?;
            if kept.removal.is_none() {
                let is_wanted = chosen.is_some_and(|chosen| chosen.contains_key(member));
                consent::note_consent(observed, unit, member, &mut kept, is_wanted);
            }
            if !matches!(observed.facts.state, OwnerState::Leaving(_)) {
                // From now on it stays, whatever becomes of an owner of this name.
                kept.given_back = given_back(&kept);
            }
            Some((member.clone(), kept))
        });
        let members: BTreeMap<_, _> = members.collect();
        // Of a unit that is not decided now, what was held stays held.
        let is_held = members.values().any(|entry| entry.kept().is_some());
        let held = edit.map_or(decision.held, Edit::held).filter(|_| is_held);
        out.insert(*slice, DecisionSpec { members, held, ..(*decision).clone() });
    }
    let added = wish.and_then(|w| w.members.as_ref()).into_iter().flatten();
    for (member, entry) in added.filter(|(member, _)| !placed.contains(*member)) {
        let free = (0..).find(|s| out.get(s).is_none_or(|d| d.members.len() < DecisionSpec::MEMBERS_MAX));
        let slice = free.unwrap_or_default();
        let decision = out.entry(slice).or_insert_with(|| DecisionSpec::empty(unit.clone(), slice));
        decision.members.insert(member.clone(), entry.clone());
    }
    out
}

/// The entry of a member to which the unit is given again before it is known to have left. What it was to leave there stays. What the
/// removal would have deleted may be deleted by a commit too, if all of it was to go; else nobody has seen what would go.
fn placed_again(entry: &MemberDecision, wanted: &MemberDecision) -> MemberDecision {
    let all_was_to_go =
        entry.removal == Removal::Prune && entry.leaving.as_ref().is_none_or(|leaving| leaving.shown.is_none());
    let known_since = entry.known_since.or(entry.placed).filter(|_| all_was_to_go);
    MemberDecision { known_since, given_back: given_back(entry), ..wanted.clone() }
}

/// The last placement of which everything that the member still has is to stay, by its entry.
fn given_back(entry: &MemberDecision) -> Option<Timestamp> {
    if entry.removal == Removal::Release { entry.given_back.max(entry.placed) } else { entry.given_back }
}

/// The entry of a member that is being left: its tombstone, or nothing once it is done or the member has no record. What was
/// approved as one list keeps its tombstones until all of the list is written. An edit may have to wait for an approval; then it stays, and says why it would be left.
///
/// A tombstone that lets go of objects never becomes one that deletes them, whatever its policy says later; while the owner is
/// being deleted, its word counts for what it takes out itself, and not for what was let go of before, also by another owner of its name. A
/// tombstone that deletes may be made to let go.
///
/// Once the owner is gone, a tombstone stays what the owner made it. If our finalizer was taken off by hand, no word is
/// left that anything may be deleted: it is released.
fn leave(
    observed: &Observed<'_>,
    unit: &UnitId,
    member: &MemberName,
    entry: &MemberDecision,
    removal: Removal,
    edit: Option<&Edit>,
) -> Option<MemberDecision> {
    if edit.is_some_and(|edit| edit.needs(entry)) {
        return Some(entry.clone());
    }
    observed.members.get(member)?;
    if let Some(weighed) = edit.and_then(|edit| edit.entry(member, entry, removal)) {
        return Some(weighed);
    }
    let removal = match (observed.facts.state, entry.removal) {
        (OwnerState::Gone, Removal::None) => Removal::Release,
        (OwnerState::Gone, said) => said,
        // The person who agreed was told that the objects stay, and no guard weighs what leaves.
        (OwnerState::Live, Removal::Release) => Removal::Release,
        (OwnerState::Leaving(_), Removal::Release) if entry.leaving.is_some() || is_promised(entry) => Removal::Release,
        (OwnerState::Live | OwnerState::Leaving(_), _) => removal,
    };
    let status = observed.statuses.get(&(unit.clone(), member.clone()));
    // It may have left once before, and have been given the unit again since.
    let is_of_now = |s: &UnitStatus| s.asked.placed == entry.placed && s.phase == UnitPhase::Removed;
    let done = status.is_some_and(is_of_now) && entry.removal != Removal::None;
    // What was held is not what takes it out now.
    let mut leaving = entry.leaving.clone().filter(|_| !entry.removal.is_none());
    if let (OwnerState::Leaving(_), Removal::Prune, Some(leaving)) = (observed.facts.state, removal, &mut leaving) {
        // The owner goes with all that it has: no list that was shown before is left to ask about the rest.
        leaving.shown = None;
    }
    if observed.facts.state != OwnerState::Live && removal == Removal::Prune {
        // It goes with its owner now, and no longer by an edit that may be taken back.
        leaving = leaving.filter(|why| why.approval.is_some() || why.shown.is_some());
    }
    (!done).then(|| entry.removing(removal, leaving))
}

/// Was the unit let go of by this tombstone otherwise than by the deletion of the owner that there is now?
fn is_promised(entry: &MemberDecision) -> bool {
    entry.given_back.is_some() && entry.given_back >= entry.placed
}

/// Puts what a person approved and what the guard lets go into the slices. A grant is bound to the digest of exactly one
/// member's list and stays for its epoch; what leaves may need one as well. Once the owner is gone, the last approval
/// stays.
///
/// What siblings are to have waits for them. Says what they claim of it.
fn grant<'a>(observed: &'a Observed<'_>, unit: &UnitId, slices: &mut BTreeMap<u32, DecisionSpec>) -> Vec<&'a Claim> {
    end_grants(observed, unit, slices);
    let mut claims = note_claimed(observed, unit, slices);
    let scopes = observed.weigh(unit, slices.values());
    if observed.facts.state != OwnerState::Gone {
        // An approval counts while it is of what is held now, or was held and is being released.
        let held = guard::plan(&scopes, None).1.held.map(|held| held.digest);
        let approved = held.filter(|digest| observed.facts.approved.contains(digest));
        slices.values_mut().for_each(|decision| decision.approved = approved);
    }
    let approved = slices.values().find_map(|decision| decision.approved);
    let (mut plan, report) = guard::plan(&scopes, approved);
    let unknown = wait_for_siblings(observed, &scopes, slices, &mut plan);
    let is_known = unknown.is_empty();
    claims.extend(unknown);
    if is_known {
        note_held(&scopes, (&plan, &report), slices);
    }
    for (member, digest) in plan.grants {
        let entry = slices.values_mut().find_map(|decision| decision.members.get_mut(&member));
        let Some(entry) = entry else { continue };
        entry.granted = Some(digest);
        if plan.by_approval.contains(&member) {
            let list = observed.facts.shown.iter().find(|list| Some(list.digest) == approved);
            entry.granted_shown = list.map(|list| Box::new(list.of(&member)));
        }
        // A person saw these objects: they go when the member answers, also when it has fewer of them by then.
        let expected = entry.expected.as_mut().filter(|_| plan.by_approval.contains(&member));
        if let Some(expected) = expected.filter(|expected| expected.digest == digest) {
            expected.approval = expected.approval.or(approved);
            expected.going = entry.granted_shown.as_deref().cloned();
        }
    }
    claims
}

/// Notes in each member's entry what of its list, and of what was noted there before, other owners are to have: the member keeps that, and
/// asks about the rest. Says what is claimed.
fn note_claimed<'a>(
    observed: &'a Observed<'_>,
    unit: &UnitId,
    slices: &mut BTreeMap<u32, DecisionSpec>,
) -> Vec<&'a Claim> {
    let mut all: Vec<&Claim> = Vec::new();
    for (member, entry) in slices.values_mut().flat_map(|decision| &mut decision.members) {
        let key = (unit.clone(), member.clone());
        let (status, lost) = (observed.statuses.get(&key), observed.lost.get(&key));
        let list = report_at(status, entry).and_then(waiting).filter(|list| entry.granted != Some(list.digest));
        let known = [list.and_then(|list| list.objects.as_deref()), entry.claimed.as_deref()];
        let lost = ObjectSet::new(lost.into_iter().flatten().map(|key| &***key));
        let candidates = known.into_iter().flatten().fold(lost, |all, objects| all.union(objects));
        if candidates.is_empty() || !entry.removal.is_none() {
            continue;
        }
        let there = observed.claims.iter().filter(|claim| claim.members.contains(member));
        let mut claimed = ObjectSet::default();
        for claim in there {
            let objects = claim.objects.as_ref().map(|objects| candidates.common(objects)).unwrap_or_default();
            // Of what was noted before it may be true still.
            let objects =
                if claim.objects.is_some() { objects } else { entry.claimed.as_deref().cloned().unwrap_or_default() };
            if objects.is_empty() {
                continue;
            }
            claimed = claimed.union(&objects);
            if !all.contains(&claim) {
                all.push(claim);
            }
        }
        entry.claimed = (!claimed.is_empty()).then(|| Box::new(claimed));
    }
    all
}

/// Takes grants back of lists of which it is not known now whether other owners are to have something of them. A list that is granted already
/// stays so. Says what is claimed.
fn wait_for_siblings<'a>(
    observed: &'a Observed<'_>,
    scopes: &[MemberScope],
    slices: &BTreeMap<u32, DecisionSpec>,
    plan: &mut guard::Plan,
) -> Vec<&'a Claim> {
    if observed.claims.is_empty() {
        return Vec::new();
    }
    let granted = |member: &MemberName| slices.values().find_map(|decision| decision.members.get(member)?.granted);
    let mut all: Vec<&Claim> = Vec::new();
    for scope in scopes.iter().filter(|scope| !scope.leaving) {
        let list = scope.report.as_ref().and_then(Option::as_ref);
        let list = list.filter(|list| list.state == DeletionState::Waiting && list.count > 0);
        let Some(list) = list.filter(|list| granted(&scope.member) != Some(list.digest)) else { continue };
        let before = all.len();
        let claims = observed.claims.iter().filter(|claim| claim.may_be_for(&scope.member, list));
        all.extend(claims);
        if all.len() > before {
            plan.grants.retain(|(member, _)| *member != scope.member);
        }
    }
    all
}

/// Says in the unit's explanation for which siblings deletions wait, and no longer when they do not.
fn explain_siblings(
    owner: &Owner,
    claims: &[&Claim],
    before: Option<&Explanation>,
    slices: &mut BTreeMap<u32, DecisionSpec>,
) {
    let explanation = slices.get_mut(&0).and_then(|decision| decision.explanation.as_mut());
    let Some(explanation) = explanation else { return };
    explanation.waiting_on.retain(|waiting| !waiting.is_for_siblings());
    if claims.is_empty() {
        return;
    }
    let is_coming = claims.iter().any(|claim| claim.stuck.is_none());
    let what = if is_coming { Missing::Siblings } else { Missing::StuckSiblings };
    let names: BTreeSet<String> = claims.iter().map(|claim| claim.named(owner)).collect();
    // It is written once as long as it is true of any of them: a thousand may take the commit up one after the other.
    let is_true = |waiting: &&WaitingOn| waiting.detail.split(", ").any(|said| names.contains(said));
    let mut before = before.into_iter().flat_map(|before| &before.waiting_on).filter(|waiting| waiting.what == what);
    let said = before.find(is_true).cloned().unwrap_or_else(|| {
        let more = if names.len() > SIBLINGS_NAMED { ", and others" } else { "" };
        let first: Vec<&str> = names.iter().take(SIBLINGS_NAMED).map(String::as_str).collect();
        WaitingOn::new(what, format!("{}{more}", first.join(", ")))
    });
    explanation.waiting_on.push(said);
}

/// A grant is good for once: when all that it was for is gone, it ends, and what a person saw of a member that was away with it. A
/// member that is restored from its own backup has the same list again, and nobody has seen that one.
fn end_grants(observed: &Observed<'_>, unit: &UnitId, slices: &mut BTreeMap<u32, DecisionSpec>) {
    let entries = slices.values_mut().flat_map(|decision| &mut decision.members);
    for (member, entry) in entries.filter(|(_, entry)| entry.removal.is_none()) {
        let status = observed.statuses.get(&(unit.clone(), member.clone()));
        let list = report_at(status, entry).and_then(|status| status.held.as_ref());
        let is_of = |list: &&Deletions| entry.granted == Some(list.digest);
        if list.filter(is_of).is_some_and(|list| list.state == DeletionState::Released && list.count + list.left == 0) {
            (entry.granted, entry.granted_shown, entry.expected) = (None, None, None);
            entry.carried_out = entry.carried_out.saturating_add(1);
        }
    }
}

/// Notes whose list is held. Before all have reported it is not known whether it is; and a member that says nothing of its
/// deletions now, or not of all of them, may still have those that were held: that ends no hold, and makes none smaller.
fn note_held(
    scopes: &[MemberScope],
    (plan, report): (&guard::Plan, &guard::Report),
    slices: &mut BTreeMap<u32, DecisionSpec>,
) {
    if !report.waiting_on.is_empty() {
        return;
    }
    let held: BTreeMap<&MemberName, u32> =
        report.held.iter().flat_map(|held| &held.members).map(|(member, count, _)| (member, *count)).collect();
    for scope in scopes.iter().filter(|scope| scope.report.is_some() && !scope.unweighed) {
        let entry = slices.values_mut().find_map(|decision| decision.members.get_mut(&scope.member));
        if let Some(entry) = entry {
            // A person agrees to what is expected of a member that does not answer, so that the next commit is another list. It may be
            // another policy's after an edit: what is in no list there, nobody has seen.
            let is_agreed = scope.supposed && plan.by_approval.contains(&scope.member);
            // Or to all that was held, and what the list lacks was not among it.
            let list = scope.report.as_ref().and_then(Option::as_ref).map(|list| list.digest);
            let is_all =
                |held: &Withheld| plan.by_approval.contains(&scope.member) && list.is_some() && held.digest == list;
            entry.withheld = match held.get(&scope.member) {
                Some(count) => Some(withheld(scope, (*count, list), report.held.as_ref())),
                // What is in no list now may be in one later.
                None => entry
                    .withheld
                    .filter(|held| scope.unlisted && (held.replaced || held.untaken || !(is_agreed || is_all(held)))),
            };
        }
    }
}

/// A list that is held. While it may lack something it is as long as it was, unless there is another reason to hold it.
fn withheld(scope: &MemberScope, (count, digest): (u32, Option<Digest>), held: Option<&Held>) -> Withheld {
    match scope.withheld {
        None => Withheld { epoch: scope.epoch, count, digest, replaced: false, untaken: false },
        Some(before) if scope.unlisted && before.count > count => {
            let is_still = held.is_some_and(|held| matches!(held.causes[..], [Cause::StillHeld | Cause::Unlisted]));
            Withheld { epoch: if is_still { before.epoch } else { scope.epoch }, ..before }
        }
        Some(before) => {
            // A list that may lack something may lack some of what was held before.
            let digest = digest.filter(|_| !scope.unlisted || before.digest == digest);
            Withheld { epoch: scope.epoch, count, digest, ..before }
        }
    }
}

/// A unit that is given a member is decided before another loses it: decisions are written one by one, and a member that
/// is told of the loss alone deletes what it should hand over.
pub(super) fn place_before_removing(observed: &Observed<'_>, plan: &mut Plan) {
    let stays = |entry: &MemberDecision| entry.removal == Removal::None;
    let placed = |decision: Option<&DecisionSpec>, member: &MemberName| {
        decision.and_then(|d| d.members.get(member)).is_some_and(stays)
    };
    let given = plan.write_decisions.iter().any(|(name, decision)| {
        let before = observed.decisions.get(name);
        decision.members.iter().any(|(member, entry)| stays(entry) && !placed(before, member))
    });
    if !given {
        return;
    }
    let wanted = std::mem::take(&mut plan.write_decisions);
    let mut last = Vec::new();
    for (name, decision) in wanted {
        let before = observed.decisions.get(&name);
        let lost = before.into_iter().flat_map(|d| &d.members);
        let lost = lost.filter(|(member, entry)| stays(entry) && !placed(Some(&decision), member));
        let mut first = decision.clone();
        first.members.extend(lost.map(|(member, entry)| (member.clone(), entry.clone())));
        if first == decision {
            plan.write_decisions.push((name, decision));
            continue;
        }
        if before.is_some_and(|before| before.members != first.members) {
            plan.write_decisions.push((name.clone(), first));
        }
        last.push((name, decision));
    }
    plan.write_decisions.extend(last);
}

/// The finalizer stays until every member that can be asked has reported its removal; the others keep their tombstones
/// in the decisions, which outlive the owner.
pub(super) fn finalizer(observed: &Observed<'_>, plan: &Plan) -> Option<bool> {
    let has = observed.facts.has_finalizer;
    match observed.facts.state {
        OwnerState::Gone => return None,
        OwnerState::Live => return (!has).then_some(true),
        OwnerState::Leaving(_) => {}
    }
    let written: BTreeMap<&String, &DecisionSpec> = plan.write_decisions.iter().map(|(n, d)| (n, d)).collect();
    let waits = observed
        .decisions
        .iter()
        .filter(|(name, _)| !plan.delete_decisions.contains(name))
        .map(|(name, decision)| written.get(name).copied().unwrap_or(decision))
        .flat_map(|decision| decision.members.keys())
        .any(|member| observed.members.get(member).is_some_and(|facts| facts.reach.is_delivered_to()));
    (has && !waits).then_some(false)
}
