//! What made a decision what it is, from the difference between before and after.

use std::collections::BTreeMap;

use api::delivery::{
    ArtifactInputs, DecisionSpec, Inputs, Leaving, LeavingCause, MemberDecision, RemoteInput, Removal, RevisionSpec,
    Trigger, TriggerCause as Cause, UnitPhase,
};
use model::{Digest, MemberName};
use serde_json::Value;

use super::{Observed, OwnerState, cluster};

/// Members, or remotes, that a message names.
const NAMED_MAX: usize = 3;

/// The most telling cause of a change of one slice. `new`: revisions that are made in the same plan.
pub(super) fn trigger(
    observed: &Observed<'_>,
    new: &[(String, RevisionSpec)],
    before: Option<&DecisionSpec>,
    after: &DecisionSpec,
) -> Trigger {
    let none = DecisionSpec::empty(after.unit.clone(), after.slice);
    let before = before.unwrap_or(&none);
    if let Some(trigger) = replaced(observed, before) {
        return trigger;
    }
    if observed.facts.state != OwnerState::Live && left(before, after) {
        return Trigger::new(Cause::Removal, format!("{} is being deleted, or is gone", observed.owner));
    }
    if let Some(trigger) = revision(observed, new, before, after) {
        return trigger;
    }
    let flags = |d: &DecisionSpec| (d.prune, d.suspended, d.force, d.overwrite);
    if before.explanation.is_some() && flags(before) != flags(after) {
        return edit(observed, "prune, suspend, force or kurator.dev/adopt was changed");
    }
    if let Some(known) = before.trigger.clone().filter(|_| is_only_noted(before, after)) {
        return known;
    }
    held(observed, before, after)
        .or_else(|| members(observed, before, after))
        .or_else(|| away(before, after))
        .or_else(|| granted(observed, before, after))
        .or_else(|| resolution(before, after))
        .unwrap_or_else(|| edit(observed, "the owner was changed"))
}

/// Is all that is new that lists are held, wait for others or were carried out, or to what a person agreed? What made the decision is what it was.
fn is_only_noted(before: &DecisionSpec, after: &DecisionSpec) -> bool {
    let (mut noted, mut before) = (after.clone(), before.clone());
    for explanation in [&mut noted, &mut before].into_iter().filter_map(|decision| decision.explanation.as_mut()) {
        explanation.waiting_on.retain(|waiting| !waiting.is_for_siblings());
    }
    for (member, entry) in &mut noted.members {
        let Some(was) = before.members.get(member) else { return false };
        if entry.carried_out > was.carried_out {
            (entry.granted, entry.expected) = (was.granted, was.expected.clone());
            entry.granted_shown.clone_from(&was.granted_shown);
        }
        (entry.withheld, entry.carried_out, entry.consent) = (was.withheld, was.carried_out, was.consent);
        entry.claimed.clone_from(&was.claimed);
    }
    noted.trigger.clone_from(&before.trigger);
    noted == before
}

/// Members that are other clusters than those for which it was decided before.
fn replaced(observed: &Observed<'_>, before: &DecisionSpec) -> Option<Trigger> {
    let others = before.members.iter().filter(|(member, entry)| cluster::is_of_another(observed, member, entry));
    let names: Vec<String> = others.map(|(member, _)| member.to_string()).collect();
    let why = "another cluster is the member now";
    (!names.is_empty()).then(|| Trigger::new(Cause::MemberLost, format!("{why}: {}", named(&names))))
}

fn edit(observed: &Observed<'_>, message: &str) -> Trigger {
    Trigger { by: observed.facts.edited_by.clone(), ..Trigger::new(Cause::Edit, message) }
}

/// Is a member's entry made a removal, or dropped?
pub(super) fn left(before: &DecisionSpec, after: &DecisionSpec) -> bool {
    before.members.iter().any(|(member, was)| {
        after.members.get(member).is_none_or(|is| is.removal != Removal::None && is.removal != was.removal)
    })
}

/// Another revision than before: which of its inputs differs.
fn revision(
    observed: &Observed<'_>,
    new: &[(String, RevisionSpec)],
    before: &DecisionSpec,
    after: &DecisionSpec,
) -> Option<Trigger> {
    let wanted = |d: &DecisionSpec| d.members.values().filter(|e| e.removal.is_none()).max_by_key(|e| e.epoch).cloned();
    let (was, is) = (wanted(before), wanted(after)?);
    let is = new.iter().find(|(name, _)| *name == is.revision).map(|(_, spec)| spec);
    // What was placed already moves to a revision that is new; a member that is added gets one that there was.
    let is = is?;
    let was = was.and_then(|entry: MemberDecision| observed.revisions.get(&entry.revision));
    let source = is.inputs.source_revision();
    let Some(was) = was else {
        return Some(Trigger::new(Cause::Source, format!("first revision, {source}").trim_end_matches([' ', ','])));
    };
    Some(match (&was.inputs, &is.inputs) {
        (Inputs::Artifact(a), Inputs::Artifact(b)) if !a.artifact.is_same(&b.artifact) => {
            Trigger::new(Cause::Source, source)
        }
        (Inputs::Artifact(a), Inputs::Artifact(b)) if a.kustomize == b.kustomize && a.remotes != b.remotes => {
            Trigger::new(Cause::Source, moved(a, b))
        }
        (a, b) if a.is_same(b) => Trigger::new(Cause::Renderer, format!("renderer {}", is.renderer)),
        _ => edit(observed, "what is rendered was changed"),
    })
}

/// What is on other machines and is not what it was.
fn moved(was: &ArtifactInputs, is: &ArtifactInputs) -> String {
    let moved = is.remotes.iter().filter(|(id, fetched)| was.remotes.get(*id) != Some(fetched));
    let one = |(id, fetched): (&String, &RemoteInput)| {
        let name = fetched.revision.clone().unwrap_or_else(|| fetched.digest.to_string());
        format!("{id} is {name}")
    };
    let moved: Vec<String> = moved.map(one).collect();
    if moved.is_empty() { is.artifact.revision.clone() } else { named(&moved) }
}

/// Members that an edit would take the unit out of: they are kept, or kept no longer.
fn held(observed: &Observed<'_>, before: &DecisionSpec, after: &DecisionSpec) -> Option<Trigger> {
    let held = |d: &DecisionSpec| -> BTreeMap<MemberName, Leaving> {
        d.members.iter().filter_map(|(m, entry)| Some((m.clone(), entry.kept()?.clone()))).collect()
    };
    let (was, is) = (held(before), held(after));
    let names =
        |members: &mut dyn Iterator<Item = &MemberName>| named(&members.map(ToString::to_string).collect::<Vec<_>>());
    let released = after.members.iter().filter(|(member, _)| was.contains_key(*member));
    // Of what has nothing there no one was asked.
    let asked = |why: &&Leaving| why.cause != LeavingCause::NothingThere;
    let released =
        released.filter_map(|(member, entry)| Some((member, entry.leaving.as_deref().filter(asked)?.approval?)));
    let released: Vec<(&MemberName, Digest)> = released.collect();
    let handed_over = |entry: &MemberDecision| -> Option<Leaving> {
        entry.leaving.as_deref().filter(|why| why.cause == LeavingCause::HandedOver).cloned()
    };
    let new = after.members.iter().filter(|(member, entry)| {
        !entry.removal.is_none() && before.members.get(*member).is_none_or(|was| was.removal.is_none())
    });
    let new: Vec<(&MemberName, Leaving)> = new.filter_map(|(m, entry)| Some((m, handed_over(entry)?))).collect();
    if let Some((_, why)) = new.first() {
        let list = names(&mut new.iter().map(|(member, _)| *member));
        return Some(edit(observed, &format!("{}: in {list}", why.message)));
    }
    if let Some((_, digest)) = released.first() {
        let list = names(&mut released.iter().map(|(member, _)| *member));
        return Some(Trigger::new(Cause::Approval, format!("approved: -{list} ({digest})")));
    }
    let new: Vec<(&MemberName, &Leaving)> = is.iter().filter(|(member, why)| was.get(*member) != Some(*why)).collect();
    if let Some((_, why)) = new.first() {
        // A label and a list are of other objects than the owner; their editors are not known here.
        let is_edit = why.cause == LeavingCause::UnitRemoved || rule(before).is_some_and(|r| Some(r) != rule(after));
        let same = new.iter().filter(|(_, other)| other.message == why.message);
        let list = names(&mut same.clone().map(|(member, _)| *member));
        let others = new.len() - same.count();
        let others = if others > 0 { format!(", and {others} for other causes") } else { String::new() };
        let message = format!("{}: held in {list}{others}", why.message);
        return Some(if is_edit { edit(observed, &message) } else { Trigger::new(Cause::Membership, message) });
    }
    let stays = |entry: &MemberDecision| entry.leaving.is_none() && entry.removal.is_none();
    let mut back = was.keys().filter(|member| after.members.get(*member).is_some_and(stays)).peekable();
    back.peek()?;
    let message = format!("what would take it out is taken back: {}", names(&mut back));
    Some(Trigger::new(Cause::Membership, message))
}

/// The rule by which members are chosen, in words; slice 0 has it.
fn rule(decision: &DecisionSpec) -> Option<&String> {
    decision.explanation.as_ref().map(|explanation| &explanation.placement)
}

/// Members that came or went.
fn members(observed: &Observed<'_>, before: &DecisionSpec, after: &DecisionSpec) -> Option<Trigger> {
    let stays = |d: &DecisionSpec, member: &MemberName| d.members.get(member).is_some_and(|e| e.removal.is_none());
    let names = |d: &DecisionSpec, other: &DecisionSpec| -> Vec<MemberName> {
        d.members.keys().filter(|m| stays(d, m) && !stays(other, m)).cloned().collect()
    };
    let (came, went) = (names(after, before), names(before, after));
    if came.is_empty() && went.is_empty() {
        // A tombstone that is dropped, or a removal of another kind.
        let dropped: Vec<MemberName> =
            before.members.keys().filter(|m| !after.members.contains_key(*m)).cloned().collect();
        if dropped.is_empty() {
            return left(before, after).then(|| edit(observed, "what happens to what leaves was changed"));
        }
        return Some(without(observed, after, &dropped));
    }
    let gone: Vec<MemberName> = went.iter().filter(|m| !observed.members.contains_key(*m)).cloned().collect();
    if came.is_empty() && gone.len() == went.len() {
        return Some(without(observed, after, &gone));
    }
    let came: Vec<String> = came.iter().map(|m| format!("+{m}")).collect();
    let went: Vec<String> = went.iter().map(|m| format!("-{m}")).collect();
    let list = named(&came.into_iter().chain(went).collect::<Vec<_>>());
    let edited = after.slice == 0 && rule(before).is_some_and(|was| Some(was) != rule(after));
    Some(if edited { edit(observed, &list) } else { Trigger::new(Cause::Membership, list) })
}

/// Members whose entries are dropped: they are done, or have no record.
fn without(observed: &Observed<'_>, after: &DecisionSpec, members: &[MemberName]) -> Trigger {
    let done = |member: &MemberName| {
        let status = observed.statuses.get(&(after.unit.clone(), member.clone()));
        status.is_some_and(|status| status.phase == UnitPhase::Removed)
    };
    let list = named(&members.iter().map(ToString::to_string).collect::<Vec<_>>());
    if members.iter().all(done) {
        Trigger::new(Cause::Removal, format!("removed from {list}"))
    } else {
        Trigger::new(Cause::MemberLost, format!("no record: {list}"))
    }
}

fn granted(observed: &Observed<'_>, before: &DecisionSpec, after: &DecisionSpec) -> Option<Trigger> {
    let grants = |d: &DecisionSpec| -> BTreeMap<_, _> {
        d.members.iter().filter_map(|(m, e)| Some((m.clone(), e.granted?))).collect()
    };
    if grants(before) == grants(after) && before.approved == after.approved {
        return None;
    }
    let message = match (after.approved, observed.facts.state) {
        (Some(digest), _) => format!("approved: {digest}"),
        (None, _) if before.approved.is_some() => "what was approved has been released".to_owned(),
        (None, _) => "deletions within the guard's budget".to_owned(),
    };
    Some(Trigger::new(Cause::Approval, message))
}

/// Members that do not answer, and whose part of a list is known.
fn away(before: &DecisionSpec, after: &DecisionSpec) -> Option<Trigger> {
    let known = |d: &DecisionSpec, member: &MemberName| d.members.get(member).is_some_and(|e| e.expected.is_some());
    let new = after.members.keys().filter(|member| known(after, member) && !known(before, member));
    let names: Vec<String> = new.map(ToString::to_string).collect();
    let why = "no answer, so that what it deletes is weighed by what is known of it";
    (!names.is_empty()).then(|| Trigger::new(Cause::MemberLost, format!("{why}: {}", named(&names))))
}

fn resolution(before: &DecisionSpec, after: &DecisionSpec) -> Option<Trigger> {
    if before.frozen != after.frozen {
        return Some(Trigger::new(Cause::Resolution, after.frozen.clone().unwrap_or_else(|| "it resolves".to_owned())));
    }
    let (was, is) = (before.explanation.as_ref(), after.explanation.as_ref()?);
    if was.is_none_or(|was| was.waiting_on != is.waiting_on) {
        let why = is.waiting_on.first().map(|w| format!("{:?} {}", w.what, w.detail).trim_end().to_owned());
        return Some(Trigger::new(Cause::Resolution, why.unwrap_or_else(|| "it resolves".to_owned())));
    }
    let passed = |e: &api::delivery::Explanation| (e.passed_over.clone(), e.passed_over_count);
    (was.map(passed) != Some(passed(is))).then(|| Trigger::new(Cause::Membership, "other candidates are passed over"))
}

fn named(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let shown = names[..names.len().min(NAMED_MAX)].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Who last edited the spec of an object, by its `metadata.managedFields` as JSON: the manager with the newest time among
/// those that own something below `spec`. Of two at the same time, the first by name.
pub fn editor(managed_fields: &Value) -> Option<String> {
    let entries = managed_fields.as_array()?.iter().filter(|entry| {
        let subresource = entry["subresource"].as_str().unwrap_or_default();
        subresource.is_empty() && entry["fieldsV1"].get("f:spec").is_some()
    });
    let newest = entries.max_by(|a, b| {
        let time = |entry: &Value| entry["time"].as_str().unwrap_or_default().to_owned();
        let name = |entry: &Value| entry["manager"].as_str().unwrap_or_default().to_owned();
        time(a).cmp(&time(b)).then_with(|| name(b).cmp(&name(a)))
    })?;
    newest["manager"].as_str().map(str::to_owned)
}
