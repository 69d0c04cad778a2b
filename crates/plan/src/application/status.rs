//! How an Application is, from what its members reported: `Ready`, `DeletionsHeld`, `syncStatus`, `summary`, `held`.
//! Read from stored objects alone.

use std::collections::{BTreeMap, BTreeSet};

use api::condition::{self, Condition, Statement};
use api::delivery::{DecisionSpec, DeletionState, Explanation, Missing, Removal, UnitId, UnitStatus};
use api::kurator::apps::v1alpha1::{
    Application, ApplicationStatus, HeldDeletions, KustomizationStatus, Summary, SyncStatus,
};
use api::reason;
use model::{Digest, MemberName, Timestamp};

use super::cause::{broken_look, failed_fetch, no_members, some, suspended, waiting_in_words};
use super::{SYNC_STATUS_MAX, fleet_name, held, unit_ids};
use crate::reach::MemberFacts;
use crate::state::{self, Pair, State, statement};

/// Members named that an Application which is being deleted still has something in: enough to know whom to look at.
const LEFT_SHOWN: usize = 10;

/// Longest name of Kurator's Flux objects, which `syncStatus[].name` repeats.
const SYNC_NAME_MAX: usize = 63;

/// Digits of the digest in a name that would not be unique: 40 bits tell the entries of one Application apart.
const SYNC_NAME_DIGEST_LENGTH: usize = 10;

/// Between why the source cannot be fetched and how many members are ready.
const RUNS_ON: &str = "; what was fetched last runs on: ";

/// The stored objects that an Application's status is folded from.
#[derive(Debug)]
pub struct FoldFacts<'a> {
    /// The Application.
    pub application: &'a Application,
    /// Slices of its units' decisions, by object name.
    pub decisions: &'a BTreeMap<String, DecisionSpec>,
    /// What the source calls each revision of its units, by object name.
    pub revisions: BTreeMap<String, String>,
    /// What members report.
    pub statuses: &'a BTreeMap<(UnitId, MemberName), UnitStatus>,
    /// The members that its units may have to do with. One that has no record is left out.
    pub members: &'a BTreeMap<MemberName, MemberFacts>,
}

/// The fields of an Application's status that speak of its units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fold {
    /// `Ready`, and `DeletionsHeld` while deletions wait.
    pub conditions: Vec<Condition>,
    /// One entry per policy and member, not-ready first, at most [`SYNC_STATUS_MAX`].
    pub sync_status: Vec<SyncStatus>,
    /// How many entries are left out.
    pub truncated: Option<u32>,
    /// Generation that this speaks of.
    pub observed_generation: Option<i64>,
    /// Members and objects, counted.
    pub summary: Option<Summary>,
    /// Deletions that wait for approval.
    pub held: Vec<HeldDeletions>,
}

impl Fold {
    /// Types of conditions that are in this part.
    pub const CONDITIONS: [&str; 2] = [condition::DELETIONS_HELD, condition::READY];

    /// This part of a status.
    pub fn of(status: &ApplicationStatus) -> Self {
        let mine = |c: &&Condition| Self::CONDITIONS.contains(&c.type_.as_str());
        Self {
            conditions: status.conditions.iter().filter(mine).cloned().collect(),
            sync_status: status.sync_status.clone(),
            truncated: status.truncated,
            observed_generation: status.observed_generation,
            summary: status.summary.clone(),
            held: status.held.clone(),
        }
    }

    /// Whether a person waits for it: a condition changed its status or reason, or says otherwise why there is no source; an edit
    /// was looked at.
    /// Counts may wait.
    pub fn is_news(&self, before: Option<&Self>) -> bool {
        let said = |fold: &Self| -> Vec<(String, String, String, Option<String>)> {
            let fetching = [reason::SOURCE_NOT_READY, reason::FETCH_FAILED];
            // Counts follow why there is no source.
            let without_count = |text: &str| text.rsplit_once(RUNS_ON).map_or(text, |(why, _)| why).to_owned();
            let why = |c: &Condition| fetching.contains(&c.reason.as_str()).then(|| without_count(&c.message));
            fold.conditions.iter().map(|c| (c.type_.clone(), c.status.clone(), c.reason.clone(), why(c))).collect()
        };
        // Who made an edit waits for the answer to it.
        before.is_none_or(|before| said(before) != said(self) || before.observed_generation != self.observed_generation)
    }
}

/// This part of the status after a look at the Application panicked: `Ready` is Unknown, and the rest is what was known last.
pub fn broken_fold(application: &Application, now: Timestamp) -> Fold {
    let mut fold = application.status.as_ref().map(Fold::of).unwrap_or_default();
    fold.conditions = state::broken(&fold.conditions, condition::READY, fold.observed_generation, now);
    fold
}

/// Must the source's news wait for `Ready`? It must while the stored `Ready` says that all is well, and the decisions that
/// are stored now do not: a person who sees both together must not see what was ready before.
pub fn waits_for_ready(facts: &FoldFacts<'_>, now: Timestamp) -> bool {
    let is_true =
        |conditions: &[Condition]| condition::find(conditions, condition::READY).is_some_and(|c| c.status == "True");
    let stored = facts.application.status.as_ref();
    // The fold costs what the unit's members are: it is made only when it decides.
    stored.is_some_and(|status| is_true(&status.conditions))
        && fold(facts, now).is_some_and(|fold| !is_true(&fold.conditions))
}

impl FoldFacts<'_> {
    pub(super) fn slices(&self, unit: &UnitId) -> impl Iterator<Item = &DecisionSpec> {
        self.decisions.values().filter(move |decision| decision.unit == *unit)
    }

    pub(super) fn explanation(&self, unit: &UnitId) -> Option<&Explanation> {
        self.slices(unit).find_map(|decision| decision.explanation.as_ref())
    }
}

/// A sum of what members report; one that would not fit is the largest number.
pub(super) fn total(counts: impl Iterator<Item = u32>) -> u32 {
    counts.fold(0, u32::saturating_add)
}

/// Folds. `None` while a unit of the Application has not been decided at all: there is nothing to say yet.
pub fn fold(facts: &FoldFacts<'_>, now: Timestamp) -> Option<Fold> {
    let application = facts.application;
    let before = application.status.clone().unwrap_or_default();
    let generation = decided_generation(application, &before);
    let mut units = Vec::new();
    if application.metadata.deletion_timestamp.is_none() {
        for unit in unit_ids(application) {
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
    }
    let is_broken = broken_look(&before).is_some();
    if !is_broken && units.iter().any(|unit| facts.explanation(unit).is_none()) {
        return None;
    }
    let running = running(facts, &units);
    let placed: Vec<Placed<'_>> = placed(facts, &running);
    let held = held::lists(facts, &units);
    let statements = [Some(ready(facts, &units, &placed, &held, &before)), held::statement(facts, &held)];
    let statements = statements.into_iter().flatten().collect();
    // What a commit removed runs until it is approved.
    let objects = |s: &UnitStatus| {
        let waiting = s.held.as_ref().filter(|held| held.state == DeletionState::Waiting);
        s.objects.desired.saturating_add(waiting.map_or(0, |held| held.count))
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (sync_status, truncated) = sync_status(facts, &before, &placed, now);
    Some(Fold {
        sync_status,
        truncated,
        conditions: condition::merge(&before.conditions, statements, generation, now),
        observed_generation: generation,
        summary: Some(Summary {
            placed: count(placed.len()),
            ready: count(placed.iter().filter(|p| p.state == State::Ready).count()),
            objects: total(placed.iter().filter_map(|p| p.pair.status).map(objects)),
            held: total(held.iter().map(|h| h.count)),
        }),
        held,
    })
}

/// The generation that the stored decisions were made of: the source's part of the status is written after them, and says which
/// one was looked at. A fold that comes before that knows the edit and not what becomes of it.
fn decided_generation(application: &Application, before: &ApplicationStatus) -> Option<i64> {
    let newest = application.metadata.generation?;
    let source = condition::find(&before.conditions, condition::SOURCE_READY).and_then(|c| c.observed_generation);
    // Of one that is new its first generation was looked at: units are decided.
    Some(source.unwrap_or(1).min(newest))
}

/// The units that run or are to run: those that are asked for, and those that are kept though their policies are gone.
fn running(facts: &FoldFacts<'_>, units: &[UnitId]) -> Vec<UnitId> {
    let mut all = units.to_vec();
    if facts.application.metadata.deletion_timestamp.is_none() {
        for decision in facts.decisions.values() {
            if !all.contains(&decision.unit) && facts.is_kept(&decision.unit) {
                all.push(decision.unit.clone());
            }
        }
    }
    all
}

/// One unit at one member.
struct Placed<'a> {
    unit: &'a UnitId,
    member: &'a MemberName,
    pair: Pair<'a>,
    state: State,
}

/// Every unit at every member that it is placed on. While nothing is decided, what was decided before still runs and is
/// still worth seeing.
fn placed<'a>(facts: &'a FoldFacts<'_>, units: &'a [UnitId]) -> Vec<Placed<'a>> {
    let mut out = Vec::new();
    for unit in units {
        let explanation = facts.explanation(unit);
        let entries: BTreeMap<_, _> = facts.slices(unit).flat_map(|decision| &decision.members).collect();
        for (member, entry) in entries.into_iter().filter(|(_, entry)| entry.removal.is_none()) {
            let status = facts.statuses.get(&(unit.clone(), member.clone()));
            let pair = Pair::decided(Some(entry), explanation, member.as_str(), status, facts.members.get(member));
            out.push(Placed { unit, member, state: pair.state(), pair });
        }
    }
    out
}

/// The Application's `Ready`. The cause comes first, the count last.
fn ready(
    facts: &FoldFacts<'_>,
    units: &[UnitId],
    placed: &[Placed<'_>],
    held: &[HeldDeletions],
    before: &ApplicationStatus,
) -> Statement {
    let application = facts.application;
    // First: whatever else is stored may be older than what could not be looked at.
    if let Some(why) = broken_look(before) {
        return statement(reason::INTERNAL_ERROR, why);
    }
    if application.metadata.deletion_timestamp.is_some() && held.is_empty() {
        let left = facts.decisions.values().flat_map(|d| d.members.keys());
        let left: BTreeSet<&str> = left.map(MemberName::as_str).collect();
        let names = left.into_iter().take(LEFT_SHOWN).collect::<Vec<_>>().join(", ");
        let stuck = stuck_in(facts).map(|why| format!("; {why}")).unwrap_or_default();
        let mut removals =
            facts.decisions.values().flat_map(|d| d.members.values()).map(|entry| entry.removal).peekable();
        let all_stay = removals.peek().is_some() && removals.all(|removal| removal == Removal::Release);
        let stays = if all_stay { ", where its objects stay" } else { "" };
        return statement(reason::DELETING, format!("it is being taken out of its members{stays}: {names}{stuck}"));
    }
    for unit in units {
        let explanation = facts.explanation(unit).cloned().unwrap_or_default();
        let policy = unit.policy.as_deref().unwrap_or_default();
        // That no member is selected is why it is held, and is said with the list of what is.
        let waiting = explanation.waiting_on.iter().filter(|w| w.what != Missing::Member || !facts.is_kept(unit));
        let waiting = waiting.into_iter().find_map(|w| waiting_in_words(policy, w, &explanation, before));
        if let Some((reason, message)) = waiting {
            return statement(reason, message);
        }
    }
    let in_state = |state: State| placed.iter().filter(move |p| p.state == state);
    let ready_count = format!("{} of {} ready", in_state(State::Ready).count(), placed.len());
    if !held.is_empty() {
        let in_short = held::in_short(held);
        let broken: BTreeSet<&MemberName> = in_state(State::NotReady).map(|p| p.member).collect();
        let broken = match broken.len() {
            0 => String::new(),
            1 => "; 1 member is not ready".to_owned(),
            many => format!("; {many} members are not ready"),
        };
        return statement(reason::DELETIONS_HELD, format!("{in_short}{broken}; {ready_count}"));
    }
    // A policy without a kustomization makes the Application not ready: nothing of that policy is delivered.
    if let Some(index) = application.spec.sync_policies.iter().position(|p| p.kustomization.is_none()) {
        let message =
            format!("spec.syncPolicies[{index}] has no kustomization: nothing else is delivered so far; {ready_count}");
        return statement(reason::NOT_IMPLEMENTED, message);
    }
    if application.spec.sync_policies.is_empty() {
        let message = "spec.syncPolicies is empty, so that nothing is delivered";
        return statement(reason::NO_POLICIES, message);
    }
    // From here on the worst wins. First what is known to be wrong, then what is not known, then what passes by itself.
    let first_in = |state: State| {
        let mut all = in_state(state);
        let first = all.next()?;
        let more = all.count();
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        let message = first.pair.message(&facts.revisions);
        Some(statement(first.pair.reason(), format!("{}: {message}{more}; {ready_count}", first.member)))
    };
    if let Some(said) = first_in(State::NotReady) {
        return said;
    }
    if let Some(why) = failed_fetch(before) {
        return statement(reason::FETCH_FAILED, format!("{why}{RUNS_ON}{ready_count}"));
    }
    let strangers: BTreeSet<String> = units.iter().flat_map(|unit| no_members(facts.explanation(unit))).collect();
    if !strangers.is_empty() {
        let fleet = fleet_name(application).unwrap_or_default();
        let names = some(strangers.into_iter(), ", ");
        let message = format!("Fleet {fleet} lists what is no member (see its Ready): {names}; {ready_count}");
        return statement(reason::MEMBER_NOT_FOUND, message);
    }
    let unknown: Vec<String> = in_state(State::Unknown).map(|p| p.member.to_string()).collect();
    if !unknown.is_empty() {
        let message = format!("nothing is known of {}; {ready_count}", some(unknown.into_iter(), ", "));
        return statement(reason::MEMBER_UNKNOWN, message);
    }
    if let Some(said) = waits_for_siblings(facts, units) {
        return statement(reason::PROGRESSING, format!("{said}; {ready_count}"));
    }
    if let Some(said) = [State::Terminating, State::Held, State::Progressing].into_iter().find_map(first_in) {
        return said;
    }
    let suspended = suspended(application);
    if !suspended.is_empty() {
        let message = format!("{}; what runs stays: {ready_count}", some(suspended.into_iter(), ", "));
        return statement(reason::SUSPENDED, message);
    }
    if in_state(State::Suspended).count() > 0 {
        return statement(reason::PROGRESSING, format!("it goes on after it was suspended; {ready_count}"));
    }
    let leaving = leaves_later(facts).map(|said| format!("; {said}")).unwrap_or_default();
    statement(reason::RECONCILIATION_SUCCEEDED, format!("{ready_count}{leaving}"))
}

/// That what a commit deletes waits for other Applications of the same source.
fn waits_for_siblings(facts: &FoldFacts<'_>, units: &[UnitId]) -> Option<String> {
    let waiting = units.iter().filter_map(|unit| facts.explanation(unit)).flat_map(|said| &said.waiting_on);
    let mut siblings = waiting.filter(|waiting| waiting.is_for_siblings());
    siblings
        .next()
        .map(|waiting| format!("what the commit deletes waits for {}, which is to have some of it", waiting.detail))
}

/// What is to leave members that do not answer. That was agreed to, so that it is no fault, and it is not done.
fn leaves_later(facts: &FoldFacts<'_>) -> Option<String> {
    let is_away = |member: &MemberName| facts.members.get(member).is_some_and(|facts| !facts.reports());
    let mut leaving: BTreeMap<&MemberName, BTreeSet<&str>> = BTreeMap::new();
    for decision in facts.decisions.values() {
        let entries = decision.members.iter().filter(|(member, entry)| !entry.removal.is_none() && is_away(member));
        let policy = decision.unit.policy.as_deref().unwrap_or_default();
        for (member, _) in entries {
            leaving.entry(member).or_default().insert(policy);
        }
    }
    let all = leaving.iter().map(|(member, policies)| {
        let noun = if policies.len() == 1 { "policy" } else { "policies" };
        format!("{member} ({noun} {})", some(policies.iter().map(ToString::to_string), ", "))
    });
    let all = some(all, ", ");
    (!leaving.is_empty()).then(|| format!("left as soon as it answers: {all}"))
}

/// The first member that what is to leave it does not leave by itself, and why.
fn stuck_in(facts: &FoldFacts<'_>) -> Option<String> {
    let entries = facts.decisions.values().flat_map(|d| d.members.keys().map(|member| (d.unit.clone(), member)));
    let reports = entries.filter_map(|(unit, member)| Some((member, facts.statuses.get(&(unit, member.clone()))?)));
    let mut stuck = reports.filter(|(_, status)| state::is_kept_there(status));
    stuck.next().map(|(member, status)| format!("{member}: {}", status.message))
}

/// The name of an entry of `syncStatus`: as Kurator names its Flux objects. By it the entry of the status before is found,
/// so no two pairs have the same one: a name that is cut, or that another pair could have too, ends with a digest.
fn sync_name(policy: &str, member: &MemberName) -> String {
    const BETWEEN: &str = "-attachedcluster-";
    let whole = format!("{policy}{BETWEEN}{member}");
    let name = whole.to_lowercase();
    if name == whole && name.chars().count() <= SYNC_NAME_MAX && whole.matches(BETWEEN).count() == 1 {
        return name;
    }
    let digest = &Digest::of_texts([policy, member.as_str()]).hex()[..SYNC_NAME_DIGEST_LENGTH];
    // Cut by characters: a policy's name may be any text.
    let start: String = name.chars().take(SYNC_NAME_MAX - 1 - SYNC_NAME_DIGEST_LENGTH).collect();
    format!("{start}-{digest}")
}

/// Not-ready pairs first, then by name; at most [`SYNC_STATUS_MAX`].
fn sync_status(
    facts: &FoldFacts<'_>,
    before: &ApplicationStatus,
    placed: &[Placed<'_>],
    now: Timestamp,
) -> (Vec<SyncStatus>, Option<u32>) {
    let text_of = |name: &String| facts.revisions.get(name).cloned();
    let artifact = before.source_status.as_ref().and_then(|s| s.git_repo_status.as_ref()?.artifact.as_ref());
    let newest = artifact.map(|artifact| artifact.revision.clone());
    let known_by_name: BTreeMap<&str, &SyncStatus> = before.sync_status.iter().map(|s| (s.name.as_str(), s)).collect();
    let mut entries: Vec<(bool, SyncStatus)> = placed
        .iter()
        .map(|Placed { unit, member, pair, state }| {
            let name = sync_name(unit.policy.as_deref().unwrap_or_default(), member);
            let known = known_by_name.get(name.as_str()).and_then(|s| s.kustomization_status.as_ref());
            let none: &[Condition] = &[];
            let statements = vec![pair.ready(&facts.revisions)];
            let applied = pair.status.filter(|s| pair.has(s)).and_then(|s| text_of(&s.revision));
            let status = KustomizationStatus {
                conditions: condition::merge(known.map_or(none, |k| &k.conditions), statements, None, now),
                last_applied_revision: applied.or_else(|| known.and_then(|k| k.last_applied_revision.clone())),
                last_attempted_revision: pair.wanted.and_then(text_of).or_else(|| newest.clone()),
                observed_generation: None,
            };
            (*state == State::Ready, SyncStatus { name, kustomization_status: Some(status) })
        })
        .collect();
    entries.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    let left_out = entries.len().saturating_sub(SYNC_STATUS_MAX);
    entries.truncate(SYNC_STATUS_MAX);
    let truncated = (left_out > 0).then(|| u32::try_from(left_out).unwrap_or(u32::MAX));
    (entries.into_iter().map(|(_, status)| status).collect(), truncated)
}
