//! What a pass has to say.

use std::time::Duration;

use api::delivery::{DeletionState, Health, PodCounts, UnitCounts, UnitPhase};
use api::feed::{ObjectReport, SyncState, UnitReport};
use api::reason;
use model::ObjectKey;
use plan::apply::{Step, Why};
use plan::health::{self, Part};
use plan::prune::WaitingOn;
use tokio::time::Instant;

use crate::error::{Class, Error};

use super::{Outcome, Pass, Progress};

/// Time until a unit is looked at again that only waits for its payload.
const PAYLOAD_RETRY: Duration = Duration::from_secs(1);
/// Time until an object is looked at again that changed between reading and writing it.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Phase, reason and message of a unit.
struct Verdict {
    phase: UnitPhase,
    reason: String,
    message: String,
}

fn verdict(phase: UnitPhase, reason: &str, message: impl Into<String>) -> Verdict {
    Verdict { phase, reason: reason.to_owned(), message: message.into() }
}

impl Pass {
    pub(super) fn outcome(mut self, result: Result<Progress, Error>) -> Outcome {
        let resync = self.site.ctx.limits.resync;
        let mut next = resync;
        let verdict = match &result {
            Ok(Progress::Listing) => None,
            Ok(progress) => {
                self.unit.failures = 0;
                match progress {
                    Progress::Waiting { left, .. } => next = next.min(*left),
                    Progress::NoPayload(_) => next = PAYLOAD_RETRY,
                    _ => {}
                }
                Some(self.verdict(progress))
            }
            Err(e) if e.class() == Class::Unreachable => None,
            Err(e) => {
                self.unit.failures += 1;
                next = plan::retry::pause(self.unit.failures, self.site.jitter());
                Some(verdict(UnitPhase::Failed, e.reason(), e.to_string()))
            }
        };
        let now = Instant::now();
        for memory in self.unit.past.memory.values() {
            if let Some(at) = memory.wake() {
                next = next.min(at.saturating_duration_since(now).max(AT_ONCE));
            }
        }
        if self.again {
            next = AT_ONCE;
        }
        let report = verdict.map(|v| self.report(v));
        let unreachable = result.err().filter(|e| e.class() == Class::Unreachable);
        let entangled = self.entangled || !self.elsewhere.is_empty();
        Outcome { unit: self.unit, report, next, entangled, moved: false, unreachable }
    }

    fn verdict(&self, progress: &Progress) -> Verdict {
        let problems = || self.unit.past.memory.iter().filter_map(|(k, m)| Some((k, m.problem()?)));
        let failed = problems().count() + self.elsewhere.len();
        match progress {
            Progress::Listing => verdict(UnitPhase::Pending, "Listing", "the member's objects are being listed"),
            Progress::NoPayload(e) => verdict(UnitPhase::Pending, "NoPayload", e.to_string()),
            Progress::Suspended => verdict(UnitPhase::Suspended, "Suspended", "observed only"),
            Progress::Waiting { phase, .. } => {
                verdict(UnitPhase::Waiting, "PhaseWaiting", format!("waiting for the {phase} of the unit"))
            }
            Progress::Leaving { gone: true } => verdict(UnitPhase::Removed, "Removed", ""),
            Progress::Leaving { gone: false } => {
                let left = self.unit.inventory.entries().len();
                verdict(UnitPhase::Removing, "Removing", format!("{left} objects are left{}", self.kept_words()))
            }
            Progress::Done if failed > 0 => {
                let (reason, message) = match problems().min_by_key(|(key, _)| *key) {
                    Some((key, (reason, message))) => (reason.to_owned(), format!("{key}: {message}")),
                    None => ("Conflict".to_owned(), self.conflict_words()),
                };
                let more = if failed > 1 { format!(" (and {} more)", failed - 1) } else { String::new() };
                // What waits because of it is said too: an approved deletion comes after everything else.
                verdict(UnitPhase::Failed, &reason, message + &more + &self.kept_words())
            }
            Progress::Done if let Some(key) = self.pending() => {
                verdict(UnitPhase::Applying, "ObjectsPending", format!("{key} is not applied yet"))
            }
            Progress::Done if self.deletions.as_ref().is_some_and(|d| d.state == DeletionState::Waiting) => {
                let count = self.deletions.as_ref().map_or(0, |d| d.count);
                verdict(
                    UnitPhase::DeletionsHeld,
                    "DeletionsHeld",
                    format!("{count} deletions wait to be released{}", self.kept_words()),
                )
            }
            Progress::Done if let Some(key) = self.contested() => verdict(
                UnitPhase::Applied,
                reason::CONTESTED,
                format!("{key} is changed again and again by the same manager; it is left alone for a while"),
            ),
            Progress::Done => {
                let kept = self.kept_words();
                let reason = if kept.is_empty() { "Applied" } else { "PruneWaits" };
                verdict(UnitPhase::Applied, reason, kept.trim_start_matches("; "))
            }
        }
    }

    /// The first object that was neither sent nor refused: it is being deleted.
    fn pending(&self) -> Option<&ObjectKey> {
        let bundle = self.bundle.as_ref().ok()?;
        let idle = |key: &ObjectKey| {
            !self.elsewhere.contains(key) && self.unit.past.memory.get(key).is_none_or(|m| m.problem().is_none())
        };
        let unsent = |step| matches!(step, Step::Wait | Step::Recall | Step::Send(Why::New | Why::Changed));
        bundle.objects().find(|o| idle(&o.key) && unsent(self.step(o))).map(|o| &o.key)
    }

    /// The first object that is left alone after a fight.
    fn contested(&self) -> Option<&ObjectKey> {
        let now = Instant::now();
        let fought = self.unit.past.memory.iter().filter(|(_, m)| m.contested.is_some_and(|c| c > now));
        fought.map(|(key, _)| key).min()
    }

    fn conflict_words(&self) -> String {
        let view = self.site.view();
        let words = |key: &ObjectKey| Some(format!("{key}: unit {} delivers it already", view.claims.owner(key)?));
        self.elsewhere.first().and_then(words).unwrap_or_default()
    }

    fn kept_words(&self) -> String {
        let word = |w: &WaitingOn| match w {
            // Not pruning is what the policy asks for.
            WaitingOn::NotAsked(_) => String::new(),
            WaitingOn::Guard if self.deletions.as_ref().is_some_and(|d| d.behind) => {
                "; the hub is behind what the member has seen, as after a restore: deletions wait for approval"
                    .to_owned()
            }
            WaitingOn::Guard => String::new(),
            WaitingOn::Suspended(n) => format!("; {n} objects are not pruned while the unit is suspended"),
            WaitingOn::Frozen(why) => format!("; nothing is pruned: {why}"),
            WaitingOn::Apply(n) => format!("; {n} objects are not pruned before everything is applied"),
            WaitingOn::Handover(moving) => format!("; {} objects are being handed over", moving.len()),
            WaitingOn::Occupied(keys) => {
                let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
                format!("; waiting for what other units have in {}", names.join(", "))
            }
        };
        self.kept.iter().map(word).collect()
    }

    fn report(&self, said: Verdict) -> UnitReport {
        let now = Instant::now();
        let view = self.site.view();
        let (mut details, mut parts) = (Vec::new(), Vec::new());
        let mut counts = UnitCounts::default();
        let entries = self.unit.inventory.entries();
        counts.inventory = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        counts.adopted = u32::try_from(entries.values().filter(|e| e.adopted).count()).unwrap_or(u32::MAX);
        let describe = |key: &ObjectKey, version: &str, sync: SyncState| {
            let (look, memory, entry) = (view.looks.get(key), self.unit.past.memory.get(key), entries.get(key));
            let accepted = self.unit.past.accepted.get(key);
            let mut out = ObjectReport {
                key: key.clone(),
                version: version.to_owned(),
                sync,
                health: Health::Unknown,
                reason: String::new(),
                message: String::new(),
                changed_by_admission: accepted.map(|a| a.admission.clone()).unwrap_or_default(),
                adopted: entry.is_some_and(|e| e.adopted),
                reverts: memory.map_or(0, |m| m.reverts),
                drift: memory.map(|m| m.drift.clone()).unwrap_or_default(),
            };
            let mut pods = PodCounts::default();
            match (look, view.kinds.get(&key.group_kind())) {
                (Some(look), _) => {
                    out.health = look.verdict.part.health;
                    pods = look.verdict.part.pods;
                    (out.reason, out.message) = (look.verdict.reason.clone(), look.verdict.message.clone());
                }
                (None, Some(kind)) if let Some(why) = kind.hidden() => {
                    (out.reason, out.message) = ("NotVisible".to_owned(), why.to_owned());
                }
                (None, _) => match sync {
                    SyncState::Pending | SyncState::Waiting => out.health = Health::Progressing,
                    _ => out.health = Health::Missing,
                },
            }
            if let Some((reason, message)) = memory.and_then(|m| m.problem()) {
                (out.reason, out.message) = (reason.to_owned(), message.to_owned());
            }
            (out, pods)
        };
        let mut desired = std::collections::BTreeSet::new();
        if let Ok(bundle) = &self.bundle
            && self.entry.removal.is_none()
        {
            for object in bundle.objects() {
                desired.insert(object.key.clone());
                counts.desired += 1;
                let elsewhere = self.elsewhere.contains(&object.key);
                let memory = self.unit.past.memory.get(&object.key);
                let step = self.step_in(&view, object);
                let sync = if elsewhere || memory.is_some_and(|m| m.problem().is_some()) {
                    SyncState::Failed
                } else if memory.is_some_and(|m| m.contested.is_some_and(|c| c > now)) {
                    SyncState::Contested
                } else {
                    match step {
                        Step::Skip => SyncState::Synced,
                        Step::Wait => SyncState::Deleting,
                        Step::Send(Why::Revert | Why::Recreate) => SyncState::Drifted,
                        Step::Send(_) if said.phase == UnitPhase::Waiting => SyncState::Waiting,
                        Step::Send(_) | Step::Recall => SyncState::Pending,
                    }
                };
                counts.applied += u32::from(sync == SyncState::Synced);
                counts.failed += u32::from(sync == SyncState::Failed);
                let (mut detail, pods) = describe(&object.key, &object.version, sync);
                if elsewhere {
                    let owner = view.claims.owner(&object.key).map(ToString::to_string).unwrap_or_default();
                    (detail.reason, detail.message) =
                        ("Conflict".to_owned(), format!("unit {owner} delivers it already"));
                }
                parts.push(Part { health: detail.health, pods });
                details.push(detail);
            }
        }
        for (key, entry) in entries.iter().filter(|(key, _)| !desired.contains(*key)) {
            let leaving = entry.doomed || !self.entry.removal.is_none();
            let sync = if leaving { SyncState::Deleting } else { SyncState::DeletionHeld };
            if leaving || self.entry.prune {
                details.push(describe(key, &entry.version, sync).0);
            }
        }
        drop(view);
        let sum = health::sum(parts);
        counts.healthy = sum.healthy;
        let reverts = self.unit.past.memory.values().map(|m| m.reverts).sum();
        let last_drift =
            self.unit.past.memory.values().filter_map(|m| m.drift.first()).max_by_key(|d| (d.seen, &d.object)).cloned();
        UnitReport {
            member: self.site.ctx.member.clone(),
            unit: self.unit.id.clone(),
            revision: self.entry.revision.clone(),
            epoch: self.entry.epoch,
            payload: self.entry.payload,
            phase: said.phase,
            health: sum.health,
            objects: counts,
            pods: sum.pods,
            reason: said.reason,
            message: said.message,
            deletions: self.deletions.clone(),
            reverts,
            last_drift,
            details,
        }
    }
}
