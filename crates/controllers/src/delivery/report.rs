//! What appliers report.

use std::sync::{Arc, PoisonError};

use api::delivery::{DeletionState, MemberName, UnitId, UnitPhase, UnitReport, UnitStatus};
use applier::Report;
use model::Timestamp;

use super::State;
use crate::Ctx;
use crate::informer::Key;

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
    /// Keeps a status. Says what was there before.
    fn put(&mut self, member: &MemberName, unit: &UnitId, status: UnitStatus) -> Option<UnitStatus> {
        self.units.entry(member.clone()).or_default().insert(unit.clone());
        let place = (unit.clone(), member.clone());
        if status.held.as_ref().is_some_and(|d| d.state == DeletionState::Waiting) {
            self.waiting.insert(place);
        } else {
            self.waiting.remove(&place);
        }
        self.statuses.entry(unit.clone()).or_default().insert(member.clone(), status)
    }

    /// Drops what nobody asks of a member any more.
    pub(super) fn retain(&mut self, member: &MemberName, wanted: impl Fn(&UnitId) -> bool) {
        let Some(units) = self.units.get_mut(member) else { return };
        let gone: Vec<UnitId> = units.iter().filter(|unit| !wanted(unit)).cloned().collect();
        for unit in gone {
            units.remove(&unit);
            self.waiting.remove(&(unit.clone(), member.clone()));
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
    let (changed, weighs, others) = {
        let mut state = ctx.delivery.state();
        let before = state.statuses.get(&report.unit).and_then(|m| m.get(&report.member)).cloned();
        if before.as_ref().is_some_and(|before| is_on_the_way(report, before)) {
            return;
        }
        let status = status(report, before.as_ref(), now);
        let changed = before.as_ref() != Some(&status);
        let weighs = before.as_ref().map(|s| (&s.held, s.objects.inventory, s.epoch))
            != Some((&status.held, status.objects.inventory, status.epoch));
        state.put(&report.member, &report.unit, status);
        // Only a list that waits can be granted because of what another member says.
        let waiting = state.waiting.iter().filter(|(unit, _)| *unit == report.unit);
        let others: Vec<MemberName> = waiting.map(|(_, m)| m.clone()).collect();
        (changed, weighs, others)
    };
    if !changed {
        return;
    }
    ctx.member_queue.add(report.member.clone());
    if weighs {
        others.into_iter().for_each(|member| ctx.member_queue.add(member));
    }
    if let Some((namespace, name)) = plan::application::owner(&report.unit) {
        ctx.application_queue.add(Key::new(namespace, name));
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
