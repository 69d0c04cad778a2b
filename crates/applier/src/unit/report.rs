//! What a pass has to say. The words and rows are decided by [`plan::report`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{DeletionState, UnitId, UnitPhase};
use api::feed::{Going, UnitReport};
use client::{Backoff, Class};
use model::{HashedKey, KeySet, ObjectKey, Uid};
use plan::adopt::foreign_words;
use plan::apply::{self as decision, FOREIGN_HUB, Hold, Step, Why};
use plan::ownership::NotOurs;
use plan::prepare::Prepared;
use plan::prune::WaitingOn;
use plan::report::{self, Contest, Deleted, Elsewhere, Facts, PassEnd, Rows, Standing, Summary, Troubles};
use plan::rights::OUTSIDE_RIGHTS;
use tokio::time::Instant;

use crate::connection::View;
use crate::error::Error;
use crate::feed::Renewed;
use crate::limit;
use crate::member::is_unweighed;

use super::quick::Settled;
use super::{Outcome, Pass, Progress};

/// Time until a unit is looked at again that only waits for its payload.
const PAYLOAD_RETRY: Duration = Duration::from_secs(1);
/// Time until an object is looked at again that changed between reading and writing it.
const AT_ONCE: Duration = Duration::from_millis(50);

/// What is waited for, in the words of a report; `None` while nothing can be said.
fn pass_end(progress: &Progress) -> Option<PassEnd> {
    Some(match progress {
        Progress::Listing => return None,
        Progress::Unlisted { leaving } => PassEnd::Unlisted { leaving: *leaving },
        Progress::NoPayload(e) => PassEnd::NoPayload(e.to_string()),
        Progress::Suspended => PassEnd::Suspended,
        Progress::Waiting { phase, .. } => PassEnd::Waiting { phase: phase.clone() },
        Progress::Done | Progress::Quick => PassEnd::Done,
        Progress::Leaving { gone } => PassEnd::Leaving { gone: *gone },
    })
}

/// Is the payload's version of an object not in the member yet?
fn is_unsent(step: Step) -> bool {
    matches!(step, Step::Wait | Step::Recall | Step::Send(Why::New | Why::Changed | Why::Rerun))
}

/// The other unit that has an object which this one wants.
fn owner_of(view: &View, key: &HashedKey) -> Elsewhere {
    let owner = view.claims.owner(key);
    Elsewhere {
        unit: owner.map(ToString::to_string).unwrap_or_default(),
        is_idle: owner.is_some_and(|owner| view.claims.is_idle(owner)),
    }
}

impl Pass {
    pub(super) fn outcome(mut self, result: Result<Progress, Error>) -> Outcome {
        let mut next = self.connection.ctx.limits.resync;
        let summary = match &result {
            Ok(progress) => {
                match progress {
                    Progress::Listing => {}
                    Progress::Waiting { left, .. } => next = next.min(*left),
                    Progress::NoPayload(_) => next = PAYLOAD_RETRY,
                    _ => {}
                }
                pass_end(progress).map(|end| {
                    self.unit.failures = 0;
                    self.summarize(&end)
                })
            }
            Err(e) if e.class() == Class::Unreachable => None,
            // Nothing is wrong with the unit: the next pass knows what this one did not.
            Err(Error::Reread) => {
                self.again = true;
                None
            }
            Err(e) => {
                self.unit.failures += 1;
                next = Backoff::MEMBER.pause(self.unit.failures, self.connection.jitter());
                Some(Summary::new(UnitPhase::Failed, e.reason(), e.to_string()))
            }
        };
        let now = Instant::now();
        if let Some(since) = self.listing {
            // What cannot be seen until then is no longer said to be as it was.
            let left = limit::LISTED_WITHIN.saturating_sub(now - since);
            next = if left.is_zero() { next } else { next.min(left.max(AT_ONCE)) };
        }
        for memory in self.unit.past.memory.values() {
            if let Some(at) = memory.wake(self.began) {
                next = next.min(at.saturating_duration_since(now).max(AT_ONCE));
            }
        }
        if self.kept.iter().any(|waiting| matches!(waiting, WaitingOn::Unseen(_))) {
            next = next.min(limit::LOOK_KEPT);
        }
        if let Some(left) = self.patience_ends() {
            next = next.min(left.max(AT_ONCE));
        }
        if self.again {
            next = AT_ONCE;
        }
        let report = summary.map(|summary| match self.unit.settled.take() {
            // Its rows were kept up to date.
            Some(settled) if matches!(result, Ok(Progress::Quick)) => {
                let report = self.report(summary, &settled.rows);
                self.unit.settled = Some(settled);
                report
            }
            _ => {
                let hold = match summary.phase {
                    UnitPhase::Waiting => Some(Hold::Phase),
                    UnitPhase::Suspended => Some(Hold::Suspended),
                    _ => None,
                };
                let rows = self.rows(hold);
                let report = self.report(summary, &rows);
                self.unit.settled = self.settled(&result, &report, rows);
                report
            }
        });
        let unreachable = result.err().filter(|e| e.class() == Class::Unreachable);
        let waits_for_others = self.waits_for_others || !self.elsewhere.is_empty();
        let renewed = (!self.renewed.is_empty()).then(|| Renewed {
            member: self.connection.ctx.member.clone(),
            unit: self.unit.id.clone(),
            objects: self.renewed,
        });
        let (unit, restored) = (self.unit, self.restored);
        Outcome { unit, report, next, waits_for_others, moved: false, unreachable, panicked: false, restored, renewed }
    }

    /// Remembers that there is nothing left to do, so that the next pass need not look at what has not changed.
    fn settled(&self, result: &Result<Progress, Error>, report: &UnitReport, rows: Rows) -> Option<Settled> {
        let done = matches!(result, Ok(Progress::Done)) && report.phase == UnitPhase::Applied;
        let all = report.objects.applied == report.objects.desired;
        let nothing_more = self.kept.is_empty() && self.deletions.is_none() && self.elsewhere.is_empty() && !self.again;
        let same = report.objects.inventory == report.objects.desired;
        let all = all && report.reason != report::NOT_VISIBLE && self.listing.is_none();
        let bundle = self.bundle.clone().ok().filter(|_| done && all && nothing_more && same)?;
        Some(Settled { entry: self.entry.clone(), bundle, rows })
    }

    /// Summarizes the pass for the unit's report.
    fn summarize(&self, end: &PassEnd) -> Summary {
        // Nothing of it is hidden, since it is settled.
        if matches!(end, PassEnd::Done) && self.is_quick {
            return report::summarize(
                end,
                &Troubles { adopted: self.adopted(), unrecorded: self.unrecorded(), ..Troubles::default() },
            );
        }
        let problems = || {
            let all = self.unit.past.memory.iter();
            let failed =
                all.filter_map(|(key, memory)| memory.problem().map(|(reason, message)| (&**key, reason, message)));
            failed.chain(self.wanted_outside().map(|(key, why)| (&**key, OUTSIDE_RIGHTS, why)))
        };
        let view = self.connection.view();
        let conflict = |key: &'_ Arc<HashedKey>| (Arc::clone(key), owner_of(&view, key));
        let bundle = self.bundle.as_ref().ok();
        let is_lost = |key: &HashedKey| bundle.is_none_or(|bundle| bundle.get(key).is_none());
        let serves_both = |key: &HashedKey| {
            bundle.and_then(|bundle| bundle.get(key)).is_some_and(|object| self.serves_both(&view, object))
        };
        let conflicts = || self.elsewhere.iter().filter(|key| !serves_both(key));
        let (conflict, conflicts) = (conflicts().next().map(conflict), conflicts().count());
        drop(view);
        let troubles = Troubles {
            // What the unit wants comes before what it lost.
            problem: problems()
                .min_by_key(|(key, ..)| (is_lost(key), *key))
                .map(|(key, reason, message)| (&**key, reason, message)),
            conflict: conflict.as_ref().map(|(key, owner)| (&***key, owner.clone())),
            failed: problems().count() + conflicts,
            pending: self.pending(),
            deleted: if self.entry.removal.is_none() { self.deleted() } else { self.going_out() },
            contested: self.contested(),
            hidden: self.hidden(),
            kept: &self.kept,
            deletions: self.deletions.as_ref(),
            left: self.unit.inventory.entries().len(),
            adopted: self.adopted(),
            unrecorded: self.unrecorded(),
        };
        report::summarize(end, &troubles)
    }

    /// How many objects were there before us.
    fn adopted(&self) -> usize {
        self.unit.inventory.entries().values().filter(|entry| entry.adopted).count()
    }

    /// How many of them bear our label.
    fn unrecorded(&self) -> usize {
        self.unit.inventory.entries().values().filter(|entry| entry.unrecorded).count()
    }

    /// The first object that was neither sent nor refused: it is being deleted.
    fn pending(&self) -> Option<&ObjectKey> {
        let bundle = self.bundle.as_ref().ok()?;
        let view = self.connection.view();
        let idle = |key: &HashedKey| {
            let memory = self.unit.past.memory.get(key);
            let is_elsewhere = self.elsewhere.contains(key) || self.outside.contains_key(key);
            !is_elsewhere && memory.is_none_or(|m| m.problem().is_none())
        };
        bundle.objects().find(|o| is_unsent(self.step_in(&view, o)) && idle(&o.key)).map(|o| &**o.key)
    }

    /// The objects that somebody deletes in the member, and that this unit would make again.
    fn deleted(&self) -> Option<Deleted<'_>> {
        let bundle = self.bundle.as_ref().ok().filter(|_| self.entry.removal.is_none())?;
        let view = self.connection.view();
        let is_deleted = |object: &&Arc<Prepared>| {
            let is_ours = !self.elsewhere.contains(&object.key) && !self.outside.contains_key(&object.key);
            is_ours && self.step_in(&view, object) == Step::Wait
        };
        let mut deleted = bundle.objects().filter(is_deleted);
        let first = deleted.next()?;
        let count = 1 + deleted.count();
        let seen = view.observations.get(&first.key).map(|observation| &observation.seen.state.reading.message);
        Some(Deleted { key: &first.key, message: seen.cloned().unwrap_or_default(), count })
    }

    /// The objects of a unit that leaves which are deleted and not gone: first one that waits for somebody. What contains others goes
    /// after them, and says nothing of its own.
    fn going_out(&self) -> Option<Deleted<'_>> {
        let view = self.connection.view();
        let message = |key: &Arc<HashedKey>| {
            let seen = &view.observations.get(key)?.seen;
            seen.state.deleting.then(|| seen.state.reading.message.clone())
        };
        let going = self.unit.inventory.entries().keys().filter_map(|key| Some((key, message(key)?)));
        let going: Vec<_> = going.collect();
        let count = going.iter().filter(|(_, message)| Deleted::waits_for_somebody(message)).count().max(1);
        let first = going.into_iter().min_by_key(|(key, message)| (!Deleted::waits_for_somebody(message), *key));
        first.map(|(key, message)| Deleted { key, message, count })
    }

    /// The first object that is left alone after a fight.
    fn contested(&self) -> Option<Contest<'_>> {
        let now = Instant::now();
        let fought = self.unit.past.memory.keys().filter_map(|key| self.contest(key, now));
        fought.min_by_key(|contest| contest.key)
    }

    /// The fight over what the unit has of an object now, while it is left alone.
    fn contest<'a>(&'a self, key: &'a HashedKey, now: Instant) -> Option<Contest<'a>> {
        let memory = self.unit.past.memory.get(key)?;
        let wanted = self.bundle.as_ref().ok().filter(|_| self.entry.removal.is_none())?.get(key)?;
        let contest = memory.contest(wanted.digest, now)?;
        Some(Contest { key, manager: contest.manager.as_deref(), until: contest.until })
    }

    /// The first object that cannot be seen, and why.
    fn hidden(&self) -> Option<(&ObjectKey, String)> {
        let (view, now) = (self.connection.view(), Instant::now());
        if !view.kinds.values().any(|kind| kind.hidden(now).is_some()) {
            return None;
        }
        let wanted = self.bundle.as_ref().ok().filter(|_| self.entry.removal.is_none());
        let desired = wanted.into_iter().flat_map(|bundle| bundle.objects().map(|object| &object.key));
        let mut all = desired.chain(self.unit.inventory.entries().keys());
        all.find_map(|key| Some((&***key, view.hidden(key, now)?.to_owned())))
    }

    /// What is known of an object.
    fn facts<'a>(&'a self, view: &'a View, key: &'a Arc<HashedKey>, version: &'a str, standing: Standing) -> Facts<'a> {
        let memory = self.unit.past.memory.get(key);
        let now = Instant::now();
        let outside = self.outside.get(key).map(|outside| outside.sentence.as_str());
        Facts {
            key,
            version,
            standing,
            waiting: None,
            phase_waits: false,
            problem: outside.map(|why| (OUTSIDE_RIGHTS, why)).or_else(|| memory.and_then(|m| m.problem())),
            contest: self.contest(key, now),
            entry: self.unit.inventory.get(key),
            accepted: self.unit.past.accepted.get(key).map(|accepted| &**accepted),
            reading: view.observations.get(key).map(|observation| &observation.seen.state.reading),
            hidden: outside.or_else(|| view.hidden(key, now)),
            reverts: memory.map_or(0, |m| m.reverts),
            drift: memory.map_or(&[], |m| &m.drift),
            unsent: &[],
            unhonoured: &[],
            misspelt: view.observations.get(key).map_or(&[], |observation| &observation.seen.state.misspelt),
            adoption: self.unit.past.adoptions.get(key).map_or(&[], Vec::as_slice),
            serves_both: false,
            stays: view.observations.get(key).is_some_and(|observation| observation.seen.state.stays),
            replaced: self.unit.inventory.get(key).is_some_and(|entry| view.is_replaced(key, entry))
                || matches!(self.holder(view, key), Some(NotOurs::OtherObject)),
        }
    }

    /// What is known of an object that the unit wants.
    pub(super) fn facts_of<'a>(&'a self, view: &'a View, object: &'a Prepared) -> Facts<'a> {
        let standing = if self.elsewhere.contains(&object.key) {
            Standing::Elsewhere(owner_of(view, &object.key))
        } else {
            Standing::Wanted(self.step_in(view, object))
        };
        let serves_both = matches!(standing, Standing::Elsewhere(_)) && self.serves_both(view, object);
        let facts = self.facts(view, &object.key, &object.version, standing);
        Facts { unsent: &object.unsent, unhonoured: &object.unhonoured, serves_both, ..facts }
    }

    /// The rows of all objects.
    fn rows(&self, hold: Option<Hold>) -> Rows {
        let (view, now) = (self.connection.view(), Instant::now());
        let wanted = self.bundle.as_ref().ok().filter(|_| self.entry.removal.is_none());
        let pool = &self.connection.ctx.shared.pools.rows;
        let mut rows = Rows::with_room(wanted.map_or(0, |bundle| bundle.keys.len()));
        for object in wanted.into_iter().flat_map(|bundle| bundle.objects()) {
            let trouble = self.unit.past.memory.get(&object.key).and_then(|m| m.trouble(object.digest, now));
            let facts = self.facts_of(&view, object);
            let as_wanted = trouble.is_none() && (facts.standing == Standing::Wanted(Step::Skip) || facts.serves_both);
            let waiting = if as_wanted { None } else { self.decide(&view, object, trouble, hold, false).1.waiting };
            rows.push_wanted(&Facts { phase_waits: hold == Some(Hold::Phase), waiting, ..facts }, pool);
        }
        let (held, waits) = (self.held(), self.waits());
        let is_frozen = self.kept.iter().any(|waiting| matches!(waiting, WaitingOn::Frozen { .. }));
        let is_wanted = |key: &HashedKey| wanted.is_some_and(|bundle| bundle.get(key).is_some());
        for (key, entry) in self.unit.inventory.entries().iter().filter(|(key, _)| !is_wanted(key)) {
            let is_doomed = self.unit.inventory.is_doomed(key, self.entry.epoch);
            let leaving = !self.entry.removal.is_none();
            let standing = match () {
                () if held.contains(key) => Standing::Held,
                () if waits.contains(key) => Standing::Lost,
                () if is_doomed || (leaving && !is_frozen) => Standing::Leaving,
                // It goes when its unit leaves with what it has: a person who agrees to that has to see it.
                // While it is not known what the unit wants, it may want all of it.
                () if !leaving && !self.entry.prune && self.bundle.is_ok() => Standing::NotPruned,
                () => Standing::Lost,
            };
            let facts = self.facts(&view, key, &entry.version, standing);
            let stays = self.kept.iter().find_map(|waiting| waiting.stays(key));
            let stays = stays.as_ref().map(|(reason, why)| (*reason, why.as_str()));
            let theirs = match self.holder(&view, key) {
                Some(NotOurs::OtherHub(hub)) => {
                    Some(foreign_words(hub, "delivers it", &self.connection.ctx.member, None))
                }
                _ => None,
            };
            let theirs = theirs.as_deref().map(|words| (FOREIGN_HUB, words));
            let waiting = self.refusal(key);
            rows.push_unwanted(&Facts { problem: facts.problem.or(stays).or(theirs), waiting, ..facts }, pool);
        }
        rows
    }

    /// Why an object whose deletion waits, and that no watch shows, would not be deleted.
    fn holder(&self, view: &View, key: &HashedKey) -> Option<&NotOurs> {
        let (_, why) = self.unit.past.holders.get(key)?;
        why.as_ref().filter(|_| view.observations.get(key).is_none())
    }

    /// Why the member did not delete an object that the unit has lost, or did not take our marks off it.
    fn refusal(&self, key: &HashedKey) -> Option<decision::WaitingOn> {
        let failure = self.unit.past.memory.get(key)?.failure.as_ref()?;
        // What an apply failed for is of a payload that had it.
        (failure.digest == self.entry.payload).then(|| failure.waiting.clone())
    }

    /// What is only deleted when the hub or a person says so.
    fn held(&self) -> KeySet {
        let is_held = self.kept.contains(&WaitingOn::Guard);
        self.going.iter().filter(|_| is_held).cloned().collect()
    }

    /// What waits for something else, by name.
    fn waits(&self) -> KeySet {
        self.kept.iter().flat_map(WaitingOn::objects).cloned().collect()
    }

    /// The UIDs of the objects of the rows.
    fn uids(&self, rows: &Rows) -> Vec<Option<Uid>> {
        let entries = self.unit.inventory.entries();
        rows.keys().map(|key| entries.get(key).and_then(|entry| entry.uid.clone())).collect()
    }

    /// The list of deletions that waits, by name.
    fn going(&self) -> Option<Arc<Going>> {
        let waits = self.deletions.as_ref().filter(|deletions| deletions.state == DeletionState::Waiting)?;
        Some(Arc::new(Going { digest: waits.digest, objects: self.going.clone() }))
    }

    /// The units that are to take over something.
    fn heirs(&self) -> Vec<UnitId> {
        let heirs: BTreeSet<&UnitId> = self.kept.iter().flat_map(WaitingOn::heirs).collect();
        heirs.into_iter().cloned().collect()
    }

    fn report(&self, summary: Summary, rows: &Rows) -> UnitReport {
        let summary = summary.with_unready(rows);
        let (objects, sum) = rows.sum(self.unit.counts());
        let memory = || self.unit.past.memory.values();
        let last_drift = memory().filter_map(|m| m.drift.first()).max_by_key(|d| (d.seen, &d.object)).cloned();
        let is_unlisted = |waiting: &WaitingOn| waiting.is_unlisted(&self.unit.inventory);
        UnitReport {
            member: self.connection.ctx.member.clone(),
            unit: self.unit.id.clone(),
            revision: self.entry.revision.clone(),
            epoch: self.entry.epoch,
            asked: self.entry.question(),
            payload: self.entry.payload,
            phase: summary.phase,
            health: sum.health,
            objects,
            pods: sum.pods,
            reason: summary.reason,
            message: summary.message,
            waiting: rows.waiting(&self.kept, self.deletions.as_ref(), self.unit.past.not_ours_at(self.entry.epoch)),
            deletions: self.deletions.clone(),
            uncounted: !self.counted && !self.is_quick && self.entry.removal.is_none(),
            unweighed: is_unweighed(&self.entry),
            unlisted: self.kept.iter().any(is_unlisted) && self.entry.removal.is_none(),
            heirs: if self.entry.removal.is_none() { self.heirs() } else { Vec::new() },
            reverts: self.unit.past.reverts,
            deleted: self.unit.past.deleted,
            last_drift,
            details: rows.shared(),
            // Of what is not written again yet there are no rows.
            unreadable: self.unit.unknown || self.unit.recollection.is_some(),
            uids: if self.going.is_empty() { Vec::new() } else { self.uids(rows) },
            going: self.going(),
        }
    }
}
