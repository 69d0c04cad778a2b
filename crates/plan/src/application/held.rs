//! What of an Application waits for an approval: `held` of its status, and the condition `DeletionsHeld`.
//!
//! Two things may wait: deletions that the source causes, weighed by the [guard](crate::guard), and members that an edit takes
//! a policy out of. A person sees one list of both, and releases it with one command.

use std::collections::{BTreeMap, BTreeSet};

use api::condition::{self, Statement};
use api::delivery::{DecisionSpec, MemberDecision, ObjectsWaiting, UnitCounts, UnitId, WaitingCause};
use api::kurator::apps::v1alpha1::{Application, HeldCause, HeldDeletions};
use api::reason;
use model::{Digest, MemberName, words};

use super::cause::some;
use super::status::{FoldFacts, total};
use super::{SYNC_STATUS_MAX, removals_ignored};
use crate::guard::{Cause, Held};
use crate::unit;

/// Members whose held deletions the status lists; all of them are in `view.kurator.dev`. As for `syncStatus`.
const HELD_SHOWN: usize = SYNC_STATUS_MAX;

/// Members named that have not reported their deletions: enough to know whom to look at.
const WAITING_SHOWN: usize = 10;

/// What is said of a member that does not answer.
const AWAY: &str = " (away: done when it answers)";

/// Causes of one list: labels may differ from member to member, and a person reads a page of them.
const CAUSES_SHOWN: usize = 20;

/// Causes in a message, which has a line: all of them are in `held`.
const CAUSES_SAID: usize = 3;

/// Stands between what is said to be a mistake in the sources of an Application.
pub const BETWEEN_SENTENCES: &str = "; ";

/// Ends what is said of a policy whose directory is not in the source.
const WITHOUT_DIRECTORY: &str = ", so that it has no objects";

/// What is said of a policy whose directory was in the source and is not there now. `why`: which, in the renderer's words, of
/// which the advice after the first sentence is left out: sentences are told apart by what joins these.
pub fn without_directory(why: &str) -> String {
    let what = why.split(BETWEEN_SENTENCES).next().unwrap_or_default();
    format!("{what}{WITHOUT_DIRECTORY}")
}

/// What is said of a policy whose directory is there and in which nothing is an object: a README, a kustomization without
/// resources, a file with a comment only. That may be meant, as for a base that overlays fill later, so it is no fault.
pub fn without_objects(path: &str) -> String {
    let path = if path.is_empty() { "the root of the source".to_owned() } else { words::cut(path) };
    format!("there is no object in {path}")
}

/// The same, out of what is said to be a mistake in the sources of an Application.
fn missing_directory(application: &Application, policy: &str) -> Option<String> {
    let said = condition::find(&application.status.as_ref()?.conditions, condition::SOURCE_WARNINGS)?;
    let of_policy = format!("policy {policy}: ");
    let mut sentences = said.message.split(BETWEEN_SENTENCES).filter_map(|sentence| sentence.strip_prefix(&*of_policy));
    sentences.find_map(|sentence| sentence.strip_suffix(WITHOUT_DIRECTORY)).map(str::to_owned)
}

impl FoldFacts<'_> {
    /// What the guard holds of a unit.
    fn held(&self, unit: &UnitId) -> Option<Held> {
        let status_of = |u: &UnitId, m: &MemberName| self.statuses.get(&(u.clone(), m.clone())).cloned();
        let reports = |member: &MemberName| self.members.get(member).is_some_and(|facts| facts.reports());
        unit::held(unit, self.slices(unit), status_of, reports)
    }

    /// How many objects of a unit in a member other units of the Application wait for, which would take them over.
    fn taken_over(&self, unit: &UnitId, member: &MemberName) -> u32 {
        let unit_in_words = words::bounded(&unit.to_string(), ObjectsWaiting::DETAIL_MAX);
        let others = self.statuses.iter().filter(|((other, place), _)| other != unit && place == member);
        let waiting = others.flat_map(|(_, status)| &status.waiting);
        let mine =
            waiting.filter(|waiting| waiting.cause == WaitingCause::OtherUnit && waiting.detail == unit_in_words);
        total(mine.map(|waiting| waiting.count))
    }

    /// Members that an edit would take a unit out of, and which keep it.
    fn kept(&self, unit: &UnitId) -> BTreeMap<&MemberName, &MemberDecision> {
        let entries = self.slices(unit).flat_map(|decision| &decision.members);
        entries.filter(|(_, entry)| entry.kept().is_some()).collect()
    }

    /// Would an edit take a unit out of any member?
    pub(super) fn is_kept(&self, unit: &UnitId) -> bool {
        self.slices(unit).any(|decision| decision.members.values().any(|entry| entry.kept().is_some()))
    }
}

/// What is held of each unit, also of units whose policies are gone.
pub(super) fn lists(facts: &FoldFacts<'_>, units: &[UnitId]) -> Vec<HeldDeletions> {
    let mut all: Vec<&UnitId> = units.iter().collect();
    for decision in facts.decisions.values() {
        if !all.contains(&&decision.unit) {
            all.push(&decision.unit);
        }
    }
    // What goes with the whole Application is no edit.
    let is_going = facts.application.metadata.deletion_timestamp.is_some();
    let of_edits = |unit| (!is_going).then(|| by_edit(facts, unit)).flatten();
    all.into_iter().flat_map(|unit| [by_source(facts, unit), of_edits(unit)]).flatten().collect()
}

/// Deletions that the source of a unit causes.
fn by_source(facts: &FoldFacts<'_>, unit: &UnitId) -> Option<HeldDeletions> {
    let held = facts.held(unit)?;
    let count = u32::try_from(held.count).unwrap_or(u32::MAX);
    let member_count = u32::try_from(held.members.len()).unwrap_or(u32::MAX);
    let policy = unit.policy.as_deref().unwrap_or_default();
    let missing = missing_directory(facts.application, policy).map(|why| format!(": {why}")).unwrap_or_default();
    let cause = |cause: &Cause| HeldCause {
        cause: format!("{cause:?}"),
        message: format!("{}{}", held.in_words(*cause), if *cause == Cause::Empties { &missing } else { "" }),
        members: member_count,
        objects: count,
    };
    let members = held.members.iter().take(HELD_SHOWN);
    let line = |member: &MemberName, count: u32, names: &[String]| {
        let away = if held.away.contains(member) { AWAY } else { "" };
        format!("{member}: {}{away}", sample(count, names))
    };
    Some(HeldDeletions {
        policy: unit.policy.clone().unwrap_or_default(),
        digest: held.digest.to_string(),
        reason: reason::SOURCE_REMOVES_OBJECTS.to_owned(),
        count,
        member_count,
        object_count: count,
        causes: held.causes.iter().map(cause).collect(),
        members: members.map(|(m, count, names)| line(m, *count, names)).collect(),
        waiting_on: held.waiting_on.iter().take(WAITING_SHOWN).map(MemberName::to_string).collect(),
        away: held.away.iter().take(WAITING_SHOWN).map(MemberName::to_string).collect(),
        away_count: u32::try_from(held.away.len()).unwrap_or(u32::MAX),
    })
}

/// What becomes of a unit's objects in a member that it leaves, as far as inventories are counted. The list by name
/// ([`crate::departure`]) also knows Namespaces that stay since something in them does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Numbers {
    goes: u32,
    stays: u32,
    taken: u32,
}

impl Numbers {
    /// What was adopted is let go of in any case, and what another policy waits for is handed over.
    fn of(objects: UnitCounts, taken: u32, prune: bool) -> Self {
        let adopted = objects.adopted.min(objects.inventory);
        let taken = taken.min(objects.inventory);
        let goes = if prune { objects.inventory.saturating_sub(adopted).saturating_sub(taken) } else { 0 };
        Self { goes, taken, stays: objects.inventory.saturating_sub(goes).saturating_sub(taken) }
    }

    fn in_words(self) -> String {
        let what = match (self.goes, self.stays) {
            (0, 0) => None,
            (0, 1) => Some("1 object that stays".to_owned()),
            (0, many) => Some(format!("{many} objects that stay")),
            (1, _) => Some("1 object".to_owned()),
            (many, _) => Some(format!("{many} objects")),
        };
        let taken = match self.taken {
            0 => None,
            1 => Some("1 that another policy takes over".to_owned()),
            many => Some(format!("{many} that other policies take over")),
        };
        match (what, taken) {
            (None, None) => "no objects".to_owned(),
            (what, taken) => what.into_iter().chain(taken).collect::<Vec<_>>().join(", and "),
        }
    }
}

/// Members that an edit takes a unit out of.
fn by_edit(facts: &FoldFacts<'_>, unit: &UnitId) -> Option<HeldDeletions> {
    let kept = facts.kept(unit);
    let held = |decision: &DecisionSpec| -> Option<(Digest, bool)> { Some((decision.held?, decision.prune)) };
    let (digest, prune) = facts.slices(unit).find_map(held).filter(|_| !kept.is_empty())?;
    let objects = |member: &MemberName| {
        let objects = facts.statuses.get(&(unit.clone(), member.clone())).map(|status| status.objects)?;
        Some(Numbers::of(objects, facts.taken_over(unit, member), prune))
    };
    // Where nothing goes from any member, what is concerned is what stays.
    let deletions = total(kept.keys().filter_map(|member| Some(objects(member)?.goes)));
    let concerned = |numbers: Numbers| if deletions > 0 { numbers.goes } else { numbers.stays };
    let mut causes: BTreeMap<(String, &str), HeldCause> = BTreeMap::new();
    for (member, why) in kept.iter().filter_map(|(member, entry)| Some((*member, entry.kept()?))) {
        let cause = causes.entry((why.cause.to_string(), why.message.as_str())).or_insert_with(|| HeldCause {
            cause: why.cause.to_string(),
            message: why.message.clone(),
            ..HeldCause::default()
        });
        cause.members += 1;
        cause.objects = cause.objects.saturating_add(concerned(objects(member).unwrap_or_default()));
    }
    let is_away = |member: &MemberName| facts.members.get(member).is_some_and(|facts| !facts.reports());
    let away: Vec<String> = kept.keys().filter(|member| is_away(member)).map(ToString::to_string).collect();
    let tells = causes.len() > 1;
    let line = |member: &MemberName, entry: &MemberDecision| {
        let what = objects(member).map_or_else(|| "nothing reported yet".to_owned(), Numbers::in_words);
        let why = entry.kept().filter(|_| tells).map(|why| format!(" ({})", why.message)).unwrap_or_default();
        let absent = if is_away(member) { AWAY } else { "" };
        format!("{member}: {what}{why}{absent}")
    };
    let object_count = total(causes.values().map(|cause| cause.objects));
    Some(HeldDeletions {
        policy: unit.policy.clone().unwrap_or_default(),
        digest: digest.to_string(),
        reason: reason::EDIT_REMOVES_MEMBERS.to_owned(),
        count: deletions,
        member_count: u32::try_from(kept.len()).unwrap_or(u32::MAX),
        object_count,
        members: kept.iter().take(HELD_SHOWN).map(|(member, entry)| line(member, entry)).collect(),
        causes: causes.into_values().take(CAUSES_SHOWN).collect(),
        waiting_on: Vec::new(),
        away_count: u32::try_from(away.len()).unwrap_or(u32::MAX),
        away: away.into_iter().take(WAITING_SHOWN).collect(),
    })
}

/// The condition, while something waits.
pub(super) fn statement(facts: &FoldFacts<'_>, held: &[HeldDeletions]) -> Option<Statement> {
    if held.is_empty() {
        return None;
    }
    let is_edit = held.iter().any(|list| list.reason == reason::EDIT_REMOVES_MEMBERS);
    let reason = if is_edit { reason::EDIT_REMOVES_MEMBERS } else { reason::SOURCE_REMOVES_OBJECTS };
    let used = if is_edit { used(facts) } else { String::new() };
    let message = message(facts.application, held) + &used;
    Some(Statement::new(condition::DELETIONS_HELD, Some(true), reason, message))
}

/// Which members count towards the number that the owner allows. One that never answers again does so until its record is
/// gone, and everything else waits meanwhile.
fn used(facts: &FoldFacts<'_>) -> String {
    let entries = facts.decisions.values().flat_map(|decision| &decision.members);
    let leaving: BTreeSet<String> =
        entries.filter(|(_, entry)| entry.leaves_by_number()).map(|(member, _)| member.to_string()).collect();
    if leaving.is_empty() {
        return String::new();
    }
    let members = some(leaving.into_iter(), ", ");
    let number = api::kurator::annotation::REMOVALS;
    format!("; these count towards {number} until the policy has left them or their record is deleted: {members}")
}

/// What `Ready` says of what waits.
pub(super) fn in_short(held: &[HeldDeletions]) -> &'static str {
    if held.iter().any(|list| list.count > 0) {
        "deletions wait for approval"
    } else {
        "what an edit takes out of members waits for approval"
    }
}

/// The command that releases what waits in an application. It names the namespace, since its reader may be in another.
pub fn approve_command(application: &Application) -> String {
    let name = application.metadata.name.as_deref().unwrap_or_default();
    let namespace = application.metadata.namespace.as_deref().unwrap_or_default();
    format!("kurator approve app/{name} -n {namespace}")
}

fn message(application: &Application, held: &[HeldDeletions]) -> String {
    let command = approve_command(application);
    let causes: BTreeSet<&str> =
        held.iter().flat_map(|list| &list.causes).map(|cause| cause.message.as_str()).collect();
    let are_more = causes.len() > CAUSES_SAID;
    let mut said = causes.into_iter().take(CAUSES_SAID).collect::<Vec<_>>().join("; ");
    if are_more {
        said.push_str("; and more causes");
    }
    let count = total(held.iter().map(|list| list.count));
    let head = if count > 0 { format!("{count} deletions wait for approval") } else { in_short(held).to_owned() };
    let list = some(held.iter().flat_map(|list| list.members.iter().cloned()), "; ");
    let waiting: BTreeSet<&String> = held.iter().flat_map(|list| &list.waiting_on).collect();
    let then = if waiting.is_empty() {
        format!("`{command}` releases exactly these")
    } else {
        let waiting = some(waiting.into_iter().cloned(), ", ");
        format!("not reported yet: {waiting}; then `{command}` releases the whole list")
    };
    let ignored = removals_ignored(application.metadata.annotations.as_ref());
    let ignored = ignored.map(|why| format!("; {why}")).unwrap_or_default();
    format!("{head} ({said}): {list}; {then}{ignored}")
}

fn sample(count: u32, names: &[String]) -> String {
    let shown = names.len().min(3);
    let more = (count as usize).saturating_sub(shown);
    let mut out = names[..shown].join(", ");
    if more > 0 {
        out.push_str(&format!(" and {more} more"));
    }
    out
}
