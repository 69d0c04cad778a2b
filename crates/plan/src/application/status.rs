//! How an Application is, from what its members reported: `Ready`, `DeletionsHeld`, `syncStatus`, `summary`, `held`.
//! Read from stored objects alone.

use std::collections::{BTreeMap, BTreeSet};

use api::condition::{self, Condition, Statement};
use api::delivery::{DecisionSpec, DeletionState, Explanation, Missing, UnitId, UnitStatus, WaitingOn};
use api::kurator::apps::v1alpha1::{
    Application, ApplicationStatus, HeldDeletions, KustomizationStatus, Summary, SyncStatus,
};
use api::reason;
use model::{Digest, MemberName, Timestamp};

use super::pair::Pair;
use super::{SYNC_STATUS_MAX, held, unit_ids};
use crate::reach::MemberFacts;

/// Members named that an Application which is being deleted still has something in: enough to know whom to look at.
const LEFT_SHOWN: usize = 10;

/// Longest name of Kurator's Flux objects, which `syncStatus[].name` repeats.
const SYNC_NAME_MAX: usize = 63;

/// Digits of the digest in a name that would not be unique: 40 bits tell the entries of one Application apart.
const SYNC_NAME_DIGEST_LENGTH: usize = 10;

/// Most members, candidates or fields that a message lists.
const LISTED_MAX: usize = 20;

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
#[derive(Clone, Debug, PartialEq)]
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

    /// Whether a person waits for it: a condition changed its status or reason, or says otherwise why there is no source.
    /// Counts may wait.
    pub fn is_news(&self, before: Option<&Self>) -> bool {
        let said = |fold: &Self| -> Vec<(String, String, String, Option<String>)> {
            let why = |c: &Condition| (c.reason == reason::SOURCE_NOT_READY).then(|| c.message.clone());
            fold.conditions.iter().map(|c| (c.type_.clone(), c.status.clone(), c.reason.clone(), why(c))).collect()
        };
        before.is_none_or(|before| said(before) != said(self))
    }
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

    fn explanation(&self, unit: &UnitId) -> Option<&Explanation> {
        self.slices(unit).find_map(|decision| decision.explanation.as_ref())
    }
}

/// The first of a list, and how many more: a message is read, and a thousand members would not be.
pub(super) fn some(items: impl Iterator<Item = String>, between: &str) -> String {
    let mut items: Vec<String> = items.collect();
    let more = items.len().saturating_sub(LISTED_MAX);
    items.truncate(LISTED_MAX);
    let more = if more > 0 { format!("{between}and {more} more") } else { String::new() };
    items.join(between) + &more
}

/// A sum of what members report; one that would not fit is the largest number.
pub(super) fn total(counts: impl Iterator<Item = u32>) -> u32 {
    counts.fold(0, u32::saturating_add)
}

/// Folds. `None` while a unit of the Application has not been decided at all: there is nothing to say yet.
pub fn fold(facts: &FoldFacts<'_>, now: Timestamp) -> Option<Fold> {
    let application = facts.application;
    let generation = application.metadata.generation;
    let before = application.status.clone().unwrap_or_default();
    let mut units = Vec::new();
    if application.metadata.deletion_timestamp.is_none() {
        for unit in unit_ids(application) {
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
    }
    if units.iter().any(|unit| facts.explanation(unit).is_none()) {
        return None;
    }
    let running = running(facts, &units);
    let pairs = pairs(facts, &running);
    let held = held::lists(facts, &units);
    let statements = [Some(ready(facts, &units, &pairs, &held, &before)), held::statement(facts, &held)];
    let statements = statements.into_iter().flatten().collect();
    // What a commit removed runs until it is approved.
    let objects = |s: &UnitStatus| {
        let waiting = s.held.as_ref().filter(|held| held.state == DeletionState::Waiting);
        s.objects.desired.saturating_add(waiting.map_or(0, |held| held.count))
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (sync_status, truncated) = sync_status(facts, &before, &pairs, now);
    Some(Fold {
        sync_status,
        truncated,
        conditions: condition::merge(&before.conditions, statements, generation, now),
        observed_generation: generation,
        summary: Some(Summary {
            placed: count(pairs.len()),
            ready: count(pairs.iter().filter(|p| p.ready() == Some(true)).count()),
            objects: total(pairs.iter().filter_map(|p| p.status).map(objects)),
            held: total(held.iter().map(|h| h.count)),
        }),
        held,
    })
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

/// Every unit at every member that it is placed on. While nothing is decided, what was decided before still runs and is
/// still worth seeing.
fn pairs<'a>(facts: &'a FoldFacts<'_>, units: &'a [UnitId]) -> Vec<Pair<'a>> {
    let mut out = Vec::new();
    for unit in units {
        let wanted = facts.explanation(unit).and_then(|explanation| explanation.revision.as_ref());
        let entries: BTreeMap<_, _> = facts.slices(unit).flat_map(|decision| &decision.members).collect();
        for (member, entry) in entries.into_iter().filter(|(_, entry)| entry.removal.is_none()) {
            let status = facts.statuses.get(&(unit.clone(), member.clone()));
            // A member that an edit would take it out of keeps what it has.
            let wanted = if entry.kept().is_some() { Some(&entry.revision) } else { wanted };
            let payload = entry.digest.filter(|_| status.is_some_and(|s| s.revision == entry.revision));
            out.push(Pair { unit, wanted, member, status, facts: facts.members.get(member), payload });
        }
    }
    out
}

fn ready(
    facts: &FoldFacts<'_>,
    units: &[UnitId],
    pairs: &[Pair<'_>],
    held: &[HeldDeletions],
    before: &ApplicationStatus,
) -> Statement {
    let application = facts.application;
    let statement = |status, reason, message: String| Statement::new(condition::READY, status, reason, message);
    if application.metadata.deletion_timestamp.is_some() && held.is_empty() {
        let left = facts.decisions.values().flat_map(|d| d.members.keys());
        let left: BTreeSet<&str> = left.map(MemberName::as_str).collect();
        let names = left.into_iter().take(LEFT_SHOWN).collect::<Vec<_>>().join(", ");
        return statement(Some(false), reason::DELETING, format!("it is being taken out of its members: {names}"));
    }
    for unit in units {
        let explanation = facts.explanation(unit).cloned().unwrap_or_default();
        let policy = unit.policy.as_deref().unwrap_or_default();
        // That no member is selected is why it is held, and is said with the list of what is.
        let waiting = explanation.waiting_on.iter().filter(|w| w.what != Missing::Member || !facts.is_kept(unit));
        let waiting = waiting.into_iter().find_map(|w| waiting_in_words(policy, w, &explanation, before));
        if let Some((reason, message)) = waiting {
            return statement(Some(false), reason, message);
        }
    }
    let (mut good, mut worst, mut unknown) = (0, None, Vec::new());
    for pair in pairs {
        match pair.ready() {
            Some(true) => good += 1,
            Some(false) => worst = worst.or(Some(pair)),
            None => unknown.push(pair),
        }
    }
    let total = pairs.len();
    if !held.is_empty() {
        return statement(
            Some(false),
            reason::DELETIONS_HELD,
            format!("{good} of {total} ready; {}", held::in_short(held)),
        );
    }
    // A policy without a kustomization makes the Application not ready: nothing of that policy is delivered.
    if let Some(index) = application.spec.sync_policies.iter().position(|p| p.kustomization.is_none()) {
        let message = format!(
            "{good} of {total} ready; spec.syncPolicies[{index}] has no kustomization: nothing else is delivered so far"
        );
        return statement(Some(false), reason::NOT_IMPLEMENTED, message);
    }
    if let Some(worst) = worst {
        let (reason, message) = worst.reason(&facts.revisions);
        return statement(Some(false), reason, format!("{good} of {total} ready; {}: {message}", worst.member));
    }
    if !unknown.is_empty() {
        let names = unknown.into_iter().map(|pair| pair.member.to_string());
        return statement(
            None,
            reason::MEMBER_UNKNOWN,
            format!("{good} of {total} ready; not answering: {}", some(names, ", ")),
        );
    }
    statement(Some(true), reason::RECONCILIATION_SUCCEEDED, format!("{good} of {total} ready"))
}

/// What a unit waits for, as reason and sentence; `None` for what is said later, with what its members report.
fn waiting_in_words(
    policy: &str,
    waiting: &WaitingOn,
    explanation: &Explanation,
    before: &ApplicationStatus,
) -> Option<(&'static str, String)> {
    let detail = &waiting.detail;
    Some(match waiting.what {
        Missing::Source => {
            let failed = condition::find(&before.conditions, condition::SOURCE_READY).filter(|c| c.status == "False");
            let why = failed.map(|c| format!(": {}", c.message)).unwrap_or_default();
            (reason::SOURCE_NOT_READY, format!("the source has not been fetched yet{why}"))
        }
        Missing::Fleet => {
            (reason::FLEET_NOT_FOUND, format!("Fleet {detail:?} does not exist in this namespace; what runs stays"))
        }
        Missing::Render => (reason::BUILD_FAILED, format!("policy {policy}: {detail}; what runs stays")),
        Missing::Rights => (reason::RESTRICTED_NAMESPACE, format!("policy {policy}: {detail}; what runs stays")),
        Missing::UniqueName => {
            (reason::DUPLICATE_POLICY_NAME, format!("two policies are named {policy:?}; give each a name of its own"))
        }
        Missing::HubDelivery => (
            reason::NOT_IMPLEMENTED,
            "no fleet is named: delivery to the hub itself is not implemented; set spec.destination.fleet".to_owned(),
        ),
        Missing::Member => {
            let shown = explanation.passed_over.iter().map(|p| format!("{}: {}", p.name, p.reason));
            (reason::NO_MEMBER_SELECTED, format!("policy {policy} selects no member ({})", some(shown, "; ")))
        }
        Missing::Support => return None,
    })
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
    pairs: &[Pair<'_>],
    now: Timestamp,
) -> (Vec<SyncStatus>, Option<u32>) {
    let text_of = |name: &String| facts.revisions.get(name).cloned();
    let artifact = before.source_status.as_ref().and_then(|s| s.git_repo_status.as_ref()?.artifact.as_ref());
    let newest = artifact.map(|artifact| artifact.revision.clone());
    let known_by_name: BTreeMap<&str, &SyncStatus> = before.sync_status.iter().map(|s| (s.name.as_str(), s)).collect();
    let mut entries: Vec<(bool, SyncStatus)> = pairs
        .iter()
        .map(|pair| {
            let name = sync_name(pair.unit.policy.as_deref().unwrap_or_default(), pair.member);
            let known = known_by_name.get(name.as_str()).and_then(|s| s.kustomization_status.as_ref());
            let none: &[Condition] = &[];
            let ready = pair.ready();
            let (reason, message) = pair.reason(&facts.revisions);
            let statement = Statement::new(condition::READY, ready, reason, message);
            let applied = pair.status.filter(|s| pair.has(s)).and_then(|s| text_of(&s.revision));
            let status = KustomizationStatus {
                conditions: condition::merge(known.map_or(none, |k| &k.conditions), vec![statement], None, now),
                last_applied_revision: applied.or_else(|| known.and_then(|k| k.last_applied_revision.clone())),
                last_attempted_revision: pair.wanted.and_then(text_of).or_else(|| newest.clone()),
                observed_generation: None,
            };
            (ready == Some(true), SyncStatus { name, kustomization_status: Some(status) })
        })
        .collect();
    entries.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    let left_out = entries.len().saturating_sub(SYNC_STATUS_MAX);
    entries.truncate(SYNC_STATUS_MAX);
    let truncated = (left_out > 0).then(|| u32::try_from(left_out).unwrap_or(u32::MAX));
    (entries.into_iter().map(|(_, status)| status).collect(), truncated)
}
