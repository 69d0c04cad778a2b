//! How an Application is, from what its members report.

use std::collections::BTreeSet;

use api::condition::{self, Condition, Verdict};
use api::delivery::{Health, MemberDecision, UnitId, UnitPhase, UnitStatus};
use api::kurator::apps::v1alpha1::{
    Application, ApplicationStatus, ArtifactStatus, GitRepoStatus, HeldDeletions, KustomizationStatus, SourceStatus,
    Summary, SyncStatus,
};
use api::reason;
use model::{Digest, MemberName, Timestamp, clock::format_seconds};

use crate::guard::{Held, MemberScope};

use super::{Observed, Reach, Report, SYNC_STATUS_MAX, UnitReport, WaitingOn};

/// Members whose held deletions the status lists; all of them are in `view.kurator.dev`. As for `syncStatus`.
const HELD_SHOWN: usize = SYNC_STATUS_MAX;

/// Members named that have not reported their deletions: enough to know whom to look at.
const WAITING_SHOWN: usize = 10;

/// Longest name of Kurator's Flux objects, which `syncStatus[].name` repeats.
const SYNC_NAME_MAX: usize = 63;

/// Most members, candidates or fields that a message lists.
const LISTED_MAX: usize = 20;

/// How one unit is at one member.
struct Pair<'a> {
    unit: &'a UnitReport,
    member: MemberName,
    status: Option<&'a UnitStatus>,
    reach: Option<Reach>,
    /// Digest of the payload that is decided for the member at the revision of its status.
    payload: Option<Digest>,
}

impl Pair<'_> {
    fn runs_wanted(&self) -> bool {
        let phase_done = |s: &UnitStatus| matches!(s.phase, UnitPhase::Applied | UnitPhase::Suspended);
        let whole = |s: &UnitStatus| phase_done(s) && s.reason != reason::CONTESTED && self.has(s);
        self.status.is_some_and(|s| Some(&s.revision) == self.unit.revision.as_ref() && whole(s))
    }

    /// Did the member apply what its report speaks of? While it is suspended, or fails, an older payload may run.
    fn has(&self, status: &UnitStatus) -> bool {
        matches!(status.phase, UnitPhase::Applied | UnitPhase::DeletionsHeld)
            || status.applied.is_some() && status.applied == self.payload
    }

    /// `None`: not known, since the member does not answer.
    fn ready(&self) -> Option<bool> {
        match self.reach {
            Some(Reach::Unknown) | None => None,
            Some(Reach::Blocked) => Some(false),
            Some(Reach::Reachable) => {
                let healthy = self.status.is_some_and(|s| matches!(s.health, Health::Healthy | Health::Suspended));
                Some(self.runs_wanted() && healthy)
            }
        }
    }

    fn reason(&self) -> (&'static str, String) {
        match (self.reach, self.status) {
            (None, _) => (reason::MEMBER_GONE, format!("member {} has no record any more", self.member)),
            (Some(Reach::Unknown), Some(s)) => {
                (reason::MEMBER_UNKNOWN, format!("the member does not answer; last known: {} {}", s.phase, s.health))
            }
            (Some(Reach::Unknown), None) => (reason::MEMBER_UNKNOWN, "the member does not answer".to_owned()),
            (Some(Reach::Blocked), _) => {
                (reason::MEMBER_BLOCKED, "the member is not delivered to; see its Ready".to_owned())
            }
            (Some(Reach::Reachable), None) => (reason::PENDING, "the member has not reported yet".to_owned()),
            (Some(Reach::Reachable), Some(s)) => {
                let word = match s.phase {
                    UnitPhase::Applied if s.reason == reason::CONTESTED => reason::CONTESTED,
                    UnitPhase::Applied if s.health == Health::Healthy => reason::RECONCILIATION_SUCCEEDED,
                    UnitPhase::Failed => reason::RECONCILIATION_FAILED,
                    UnitPhase::DeletionsHeld => reason::DELETIONS_HELD,
                    UnitPhase::Suspended => reason::SUSPENDED,
                    _ if s.health == Health::Degraded => reason::HEALTH_CHECK_FAILED,
                    _ => reason::PROGRESSING,
                };
                let message =
                    if s.message.is_empty() { format!("{}, {}", s.phase, s.health) } else { s.message.clone() };
                (word, message)
            }
        }
    }
}

/// What the guard weighs of a unit: one scope per member that its decision names. Members report for the epoch that
/// their entry asks for; an older report says nothing of this one.
pub fn scopes(
    unit: &UnitId,
    entries: &[(&MemberName, &MemberDecision)],
    status_of: impl Fn(&UnitId, &MemberName) -> Option<UnitStatus>,
    reach_of: impl Fn(&MemberName) -> Option<Reach>,
) -> Vec<MemberScope> {
    // In these phases a member has not yet come to what it would delete. In `Applying` it has: an object that is stuck
    // there must not hold up what the others may delete.
    let knows = |s: &UnitStatus| !matches!(s.phase, UnitPhase::Pending | UnitPhase::Waiting | UnitPhase::Unknown);
    let scope = |(member, entry): &(&MemberName, &MemberDecision)| {
        let status = status_of(unit, member);
        let current = status.as_ref().filter(|s| s.epoch == entry.epoch && knows(s));
        let leaving = !entry.removal.is_none();
        // What leaves is nobody's to weigh, unless its member says that it waits for a word.
        if leaving && current.is_none_or(|s| s.held.is_none()) {
            return None;
        }
        Some(MemberScope {
            member: (*member).clone(),
            epoch: entry.epoch,
            inventory: status.as_ref().map_or(0, |s| u64::from(s.objects.inventory)),
            desired: current.map_or(0, |s| u64::from(s.objects.desired)),
            report: current.map(|s| s.held.clone()),
            expected: reach_of(member) == Some(Reach::Reachable),
            leaving,
        })
    };
    entries.iter().filter_map(scope).collect()
}

/// What is held of a unit.
pub(super) fn held(observed: &Observed<'_>, unit: &UnitId) -> Option<Held> {
    let slices = observed.decisions.values().filter(|d| d.unit == *unit);
    let entries: Vec<_> = slices.flat_map(|d| &d.members).collect();
    let status_of = |u: &UnitId, m: &MemberName| observed.statuses.get(&(u.clone(), m.clone())).cloned();
    let scopes = scopes(unit, &entries, status_of, |m| observed.members.get(m).copied());
    crate::guard::plan(&scopes, None).1.held
}

/// The first of a list, and how many more: a message is read, and a thousand members would not be.
fn some(items: impl Iterator<Item = String>, between: &str) -> String {
    let mut items: Vec<String> = items.collect();
    let more = items.len().saturating_sub(LISTED_MAX);
    items.truncate(LISTED_MAX);
    let more = if more > 0 { format!("{between}and {more} more") } else { String::new() };
    items.join(between) + &more
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

pub(super) fn status(
    observed: &Observed<'_>,
    application: &Application,
    report: &Report,
    now: Timestamp,
) -> ApplicationStatus {
    let generation = application.metadata.generation;
    let before = application.status.clone().unwrap_or_default();
    let pairs = pairs(observed, report);
    // Policies that are gone may still have something to delete.
    let mut units: Vec<&UnitId> = report.units.iter().map(|u| &u.unit).collect();
    for decision in observed.decisions.values() {
        if !units.contains(&&decision.unit) {
            units.push(&decision.unit);
        }
    }
    let held: Vec<(Held, HeldDeletions)> = units
        .into_iter()
        .filter_map(|unit| {
            let facts = held(observed, unit)?;
            let members = facts.members.iter().take(HELD_SHOWN);
            let members = members.map(|(m, count, names)| format!("{m}: {}", sample(*count, names)));
            let entry = HeldDeletions {
                policy: unit.policy.clone().unwrap_or_default(),
                digest: facts.digest.to_string(),
                count: u32::try_from(facts.count).unwrap_or(u32::MAX),
                members: members.collect(),
                waiting_on: facts.waiting_on.iter().take(WAITING_SHOWN).map(MemberName::to_string).collect(),
            };
            Some((facts, entry))
        })
        .collect();
    let causes: Vec<&str> = held.iter().flat_map(|(facts, _)| facts.causes.iter().map(|c| c.as_str())).collect();
    let causes = causes.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("; ");
    let held: Vec<HeldDeletions> = held.into_iter().map(|(_, entry)| entry).collect();
    let mut verdicts = vec![ready(observed, application, report, &pairs, &held), source(observed, &before)];
    if !held.is_empty() {
        let count: u32 = held.iter().map(|h| h.count).sum();
        let list = some(held.iter().flat_map(|h| h.members.iter().cloned()), "; ");
        let name = &observed.key.1;
        let waiting: BTreeSet<&String> = held.iter().flat_map(|h| &h.waiting_on).collect();
        let then = if waiting.is_empty() {
            format!("`kurator approve app/{name}` releases exactly these")
        } else {
            let waiting = some(waiting.into_iter().cloned(), ", ");
            format!("not reported yet: {waiting}; then `kurator approve app/{name}` releases the whole list")
        };
        let message = format!("{count} deletions wait for approval ({causes}): {list}; {then}");
        verdicts.push(Verdict::new(condition::DELETIONS_HELD, Some(true), reason::SOURCE_REMOVES_OBJECTS, message));
    }
    if !observed.not_implemented.is_empty() {
        let paths = observed.not_implemented.iter().map(ToString::to_string);
        let message = format!("accepted, not honoured yet: {}", some(paths, ", "));
        verdicts.push(Verdict::new(condition::NOT_IMPLEMENTED, Some(true), reason::FIELDS_NOT_HONOURED, message));
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (sync_status, truncated) = sync_status(observed, &before, &pairs, now);
    ApplicationStatus {
        source_status: source_status(observed, application, &before, now).or_else(|| before.source_status.clone()),
        sync_status,
        truncated,
        conditions: condition::merge(&before.conditions, verdicts, generation, now),
        observed_generation: generation,
        last_handled_sync: observed.source.handled_sync.clone().or(before.last_handled_sync),
        summary: Some(Summary {
            placed: count(pairs.len()),
            ready: count(pairs.iter().filter(|p| p.ready() == Some(true)).count()),
            objects: pairs.iter().filter_map(|p| p.status).map(|s| s.objects.desired).sum(),
            held: held.iter().map(|h| h.count).sum(),
        }),
        held,
    }
}

fn pairs<'a>(observed: &'a Observed<'_>, report: &'a Report) -> Vec<Pair<'a>> {
    let mut out = Vec::new();
    for unit in &report.units {
        let mut members: Vec<MemberName> = unit.chosen.iter().filter_map(|(m, _)| m.parse().ok()).collect();
        if unit.chosen.is_empty() && !unit.waiting_on.is_empty() {
            // Not decided now: what was decided before still runs and is still worth seeing.
            let decisions = observed.decisions.values().filter(|d| d.unit == unit.unit);
            members = decisions
                .flat_map(|d| d.members.iter().filter(|(_, e)| e.removal.is_none()))
                .map(|(m, _)| m.clone())
                .collect();
        }
        for member in members {
            let status = observed.statuses.get(&(unit.unit.clone(), member.clone()));
            let reach = observed.members.get(&member).copied();
            let mut decided = observed.decisions.values().filter(|d| d.unit == unit.unit);
            let entry = decided.find_map(|d| d.members.get(&member));
            let payload = entry.filter(|e| status.is_some_and(|s| s.revision == e.revision)).and_then(|e| e.digest);
            out.push(Pair { unit, member, status, reach, payload });
        }
    }
    out
}

fn ready(
    observed: &Observed<'_>,
    application: &Application,
    report: &Report,
    pairs: &[Pair<'_>],
    held: &[HeldDeletions],
) -> Verdict {
    let verdict = |status, reason, message: String| Verdict::new(condition::READY, status, reason, message);
    if application.metadata.deletion_timestamp.is_some() && held.is_empty() {
        let left = observed.decisions.values().flat_map(|d| d.members.keys());
        let left: BTreeSet<&str> = left.map(MemberName::as_str).collect();
        let names = left.into_iter().take(WAITING_SHOWN).collect::<Vec<_>>().join(", ");
        return verdict(Some(false), reason::DELETING, format!("it is being taken out of its members: {names}"));
    }
    for unit in &report.units {
        let policy = unit.unit.policy.as_deref().unwrap_or_default();
        for waiting in &unit.waiting_on {
            let (reason, message) = match waiting {
                WaitingOn::Source => {
                    let why = observed.source.error.as_ref().map(|(_, why)| format!(": {why}")).unwrap_or_default();
                    (reason::SOURCE_NOT_READY, format!("the source has not been fetched yet{why}"))
                }
                WaitingOn::Fleet(name) => (
                    reason::FLEET_NOT_FOUND,
                    format!("Fleet {name:?} does not exist in this namespace; what runs stays"),
                ),
                WaitingOn::Render(why) => (reason::BUILD_FAILED, format!("policy {policy}: {why}; what runs stays")),
                WaitingOn::DuplicateName => (
                    reason::DUPLICATE_POLICY_NAME,
                    format!("two policies are named {policy:?}; give each a name of its own"),
                ),
                WaitingOn::HubDestination => (
                    reason::NOT_IMPLEMENTED,
                    "no fleet is named: delivery to the hub itself is not implemented; set spec.destination.fleet"
                        .to_owned(),
                ),
                WaitingOn::NoMember => {
                    let why = unit.passed_over.iter().map(|(m, r)| format!("{m}: {r}"));
                    (reason::NO_MEMBER_SELECTED, format!("policy {policy} selects no member ({})", some(why, "; ")))
                }
                WaitingOn::Members(_) => continue,
            };
            return verdict(Some(false), reason, message);
        }
    }
    let count = |want: Option<bool>| pairs.iter().filter(|p| p.ready() == want).count();
    let (good, bad, unknown) = (count(Some(true)), count(Some(false)), count(None));
    let total = pairs.len();
    if !held.is_empty() {
        return verdict(
            Some(false),
            reason::DELETIONS_HELD,
            format!("{good} of {total} ready; deletions wait for approval"),
        );
    }
    if let Some(worst) = pairs.iter().find(|p| p.ready() == Some(false)) {
        let (reason, message) = worst.reason();
        return verdict(Some(false), reason, format!("{good} of {total} ready; {}: {message}", worst.member));
    }
    // A policy of which nothing is delivered is not ready, however well the others are.
    if let Some(index) = application.spec.sync_policies.iter().position(|p| p.kustomization.is_none()) {
        let message = format!(
            "{good} of {total} ready; spec.syncPolicies[{index}] has no kustomization: nothing else is delivered so far"
        );
        return verdict(Some(false), reason::NOT_IMPLEMENTED, message);
    }
    if unknown > 0 {
        let names = pairs.iter().filter(|p| p.ready().is_none()).map(|p| p.member.to_string());
        return verdict(
            None,
            reason::MEMBER_UNKNOWN,
            format!("{good} of {total} ready; not answering: {}", some(names, ", ")),
        );
    }
    debug_assert_eq!(bad, 0);
    verdict(Some(true), reason::RECONCILIATION_SUCCEEDED, format!("{good} of {total} ready"))
}

fn source(observed: &Observed<'_>, before: &ApplicationStatus) -> Verdict {
    let facts = &observed.source;
    let known = before.source_status.as_ref().and_then(|s| s.git_repo_status.as_ref()?.artifact.as_ref());
    if let (None, None, Some(known), false) = (&facts.artifact, &facts.error, known, facts.suspended) {
        // A hub that has just started has not asked yet; what it knew stays until it has.
        return Verdict::new(condition::SOURCE_READY, Some(true), reason::SUCCEEDED, known.revision.clone());
    }
    let (status, reason, message) = match (&facts.error, &facts.artifact) {
        (Some((_, why)), _) => (Some(false), reason::FETCH_FAILED, why.clone()),
        (None, Some(artifact)) if facts.suspended => (Some(true), reason::SUSPENDED, artifact.revision.clone()),
        (None, Some(artifact)) => (Some(true), reason::SUCCEEDED, artifact.revision.clone()),
        (None, None) if facts.suspended && known.is_some() => {
            (Some(true), reason::SUSPENDED, known.map(|artifact| artifact.revision.clone()).unwrap_or_default())
        }
        (None, None) if facts.suspended => {
            (Some(false), reason::SUSPENDED, "suspended before the first fetch".to_owned())
        }
        (None, None) => (None, reason::FETCHING, "waiting for the first fetch".to_owned()),
    };
    Verdict::new(condition::SOURCE_READY, status, reason, message)
}

fn source_status(
    observed: &Observed<'_>,
    application: &Application,
    before: &ApplicationStatus,
    now: Timestamp,
) -> Option<SourceStatus> {
    application.spec.source.git_repository.as_ref()?;
    let known = before.source_status.as_ref().and_then(|s| s.git_repo_status.clone()).unwrap_or_default();
    let artifact = observed.source.artifact.as_ref().map(|artifact| {
        let same = known.artifact.as_ref().filter(|a| a.revision == artifact.revision);
        let first_seen = observed.source.since.unwrap_or(now);
        ArtifactStatus {
            digest: Some(artifact.digest.to_string()),
            last_update_time: same.map_or_else(|| format_seconds(first_seen), |a| a.last_update_time.clone()),
            path: artifact.digest.to_string(),
            revision: artifact.revision.clone(),
            url: artifact.url.clone(),
        }
    });
    let mut verdict = source(observed, before);
    verdict.type_ = condition::READY;
    let generation = application.metadata.generation;
    Some(SourceStatus {
        git_repo_status: Some(GitRepoStatus {
            artifact: artifact.or(known.artifact),
            conditions: condition::merge(&known.conditions, vec![verdict], generation, now),
            observed_generation: generation,
            url: observed.source.artifact.as_ref().map(|a| a.url.clone()).or(known.url),
        }),
    })
}

/// Not-ready pairs first, then by name; at most [`SYNC_STATUS_MAX`].
fn sync_status(
    observed: &Observed<'_>,
    before: &ApplicationStatus,
    pairs: &[Pair<'_>],
    now: Timestamp,
) -> (Vec<SyncStatus>, Option<u32>) {
    let text_of = |name: &String| observed.revisions.get(name).map(|r| r.artifact.revision.clone());
    let mut entries: Vec<(bool, SyncStatus)> = pairs
        .iter()
        .map(|pair| {
            let policy = pair.unit.unit.policy.as_deref().unwrap_or_default();
            // Cut by characters: a policy's name may be any text.
            let name = format!("{policy}-attachedcluster-{}", pair.member).to_lowercase();
            let name: String = name.chars().take(SYNC_NAME_MAX).collect();
            let known =
                before.sync_status.iter().find(|s| s.name == name).and_then(|s| s.kustomization_status.as_ref());
            let none: &[Condition] = &[];
            let ready = pair.ready();
            let (reason, message) = pair.reason();
            let verdict = Verdict::new(condition::READY, ready, reason, message);
            let applied = pair.status.filter(|s| pair.has(s)).and_then(|s| text_of(&s.revision));
            let status = KustomizationStatus {
                conditions: condition::merge(known.map_or(none, |k| &k.conditions), vec![verdict], None, now),
                last_applied_revision: applied.or_else(|| known.and_then(|k| k.last_applied_revision.clone())),
                last_attempted_revision: pair
                    .unit
                    .revision
                    .as_ref()
                    .and_then(text_of)
                    .or_else(|| observed.source.artifact.as_ref().map(|a| a.revision.clone())),
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
