//! What appliers report.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use api::delivery::{DeletionState, UnitId, UnitPhase, UnitStatus};
use api::feed::UnitReport;
use applier::Report;
use model::{MemberName, Timestamp};

use super::State;
use crate::Ctx;
use crate::informer::Key;

/// How long reports are gathered before anybody looks at them: a thousand members that report within a second make 50 looks
/// at their Application, each over a thousand members, and not a thousand. Nobody sees 20 ms.
const GATHER: Duration = Duration::from_millis(20);

/// Takes over what was stored before this process, and reads reports from now on.
pub(crate) fn load(ctx: &Arc<Ctx>) {
    {
        let mut state = ctx.delivery.state();
        for stored in ctx.world.statuses.list() {
            for (unit, status) in stored.status.iter().flat_map(|s| &s.units) {
                state.put(&stored.spec.member, unit, status.clone());
            }
        }
    }
    let reports = ctx.delivery.reports.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut reports) = reports else { return };
    let ctx = ctx.clone();
    let tasks = ctx.tasks.clone();
    tasks.spawn(async move {
        loop {
            let report = tokio::select! {
                () = ctx.shutdown.cancelled() => return,
                report = reports.recv() => report,
            };
            match report {
                Some(Report::Unit(report)) => take(&ctx, &report, ctx.clock.now()),
                // Whether it is waited for may have changed.
                Some(Report::Member(report)) => ctx.member_queue.add(report.member),
                None => return,
            }
        }
    });
}

impl State {
    /// Keeps a status.
    pub(super) fn put(&mut self, member: &MemberName, unit: &UnitId, status: UnitStatus) {
        if status.held.as_ref().is_some_and(|d| d.state == DeletionState::Waiting) {
            self.waiting.entry(unit.clone()).or_default().insert(member.clone());
        } else {
            self.release(member, unit);
        }
        self.units.entry(member.clone()).or_default().insert(unit.clone());
        self.statuses.entry(unit.clone()).or_default().insert(member.clone(), status);
    }

    /// The member has no list of deletions of the unit that waits.
    fn release(&mut self, member: &MemberName, unit: &UnitId) {
        if let Some(members) = self.waiting.get_mut(unit) {
            members.remove(member);
            if members.is_empty() {
                self.waiting.remove(unit);
            }
        }
    }

    /// Drops what nobody asks of a member any more.
    pub(super) fn retain(&mut self, member: &MemberName, wanted: impl Fn(&UnitId) -> bool) {
        let Some(units) = self.units.get_mut(member) else { return };
        let gone: Vec<UnitId> = units.iter().filter(|unit| !wanted(unit)).cloned().collect();
        units.retain(|unit| wanted(unit));
        if units.is_empty() {
            self.units.remove(member);
        }
        for unit in gone {
            self.release(member, &unit);
            if let Some(members) = self.statuses.get_mut(&unit) {
                members.remove(member);
                if members.is_empty() {
                    self.statuses.remove(&unit);
                }
            }
        }
    }

    /// A member's statuses, by unit.
    pub(super) fn of(&self, member: &MemberName) -> Vec<(UnitId, UnitStatus)> {
        let units = self.units.get(member).into_iter().flatten();
        units.filter_map(|unit| Some((unit.clone(), self.statuses.get(unit)?.get(member)?.clone()))).collect()
    }
}

fn take(ctx: &Ctx, report: &UnitReport, now: Timestamp) {
    let (changed, others) = {
        let mut state = ctx.delivery.state();
        let before = state.statuses.get(&report.unit).and_then(|m| m.get(&report.member)).cloned();
        if before.as_ref().is_some_and(|before| is_on_the_way(report, before)) {
            return;
        }
        let status = status(report, before.as_ref(), now);
        let changed = before.as_ref() != Some(&status);
        // Everything that `plan::application::scopes` reads: a phase that has come far enough is a report at last.
        let weight = |s: &UnitStatus| (s.held.clone(), s.objects.inventory, s.objects.desired, s.epoch, s.phase);
        let weighs = before.as_ref().map(weight) != Some(weight(&status));
        state.put(&report.member, &report.unit, status);
        // Only a list that waits can be granted because of what another member says.
        let waiting = state.waiting.get(&report.unit).filter(|_| changed && weighs);
        (changed, waiting.into_iter().flatten().cloned().collect::<Vec<_>>())
    };
    if !changed {
        return;
    }
    ctx.members.changed(report.member.as_str());
    ctx.status_queue.add_after(report.member.clone(), GATHER);
    others.into_iter().for_each(|member| ctx.member_queue.add(member));
    if let Some((namespace, name)) = plan::application::owner(&report.unit) {
        ctx.application_queue.add_after(Key::new(namespace, name), GATHER);
    }
}

/// Is the applier only looking again at what it had delivered already? After a restart, a lost connection or a revert it
/// passes through the same phases; what it had reached stays the truth until it says otherwise.
fn is_on_the_way(report: &UnitReport, before: &UnitStatus) -> bool {
    let passing =
        matches!(report.phase, UnitPhase::Pending | UnitPhase::Applying | UnitPhase::Waiting | UnitPhase::Unknown);
    passing && before.epoch == report.epoch && before.applied == Some(report.payload) && report.deletions.is_none()
}

/// A report as it is stored. Counters that the applier starts anew add to what was counted before.
fn status(report: &UnitReport, before: Option<&UnitStatus>, now: Timestamp) -> UnitStatus {
    let same = before.filter(|b| b.phase == report.phase && b.health == report.health);
    let applied = match report.phase {
        UnitPhase::Applied | UnitPhase::DeletionsHeld => Some(report.payload),
        _ => before.and_then(|b| b.applied),
    };
    UnitStatus {
        revision: report.revision.clone(),
        epoch: report.epoch,
        applied,
        phase: report.phase,
        health: report.health,
        objects: report.objects,
        pods: report.pods,
        since: same.map_or(now, |b| b.since),
        reason: report.reason.clone(),
        message: report.message.clone(),
        held: report.deletions.clone(),
        reverts: report.reverts.max(before.map_or(0, |b| b.reverts)),
        last_drift: report.last_drift.clone().or_else(|| before.and_then(|b| b.last_drift.clone())),
    }
}
