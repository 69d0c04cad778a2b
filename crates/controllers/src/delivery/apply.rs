//! The member's feed, and its applier.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{MemberName, Snapshot, UnitId};
use applier::Applier;
use plan::prepare::Bundle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Ctx;
use crate::informer::Key;

/// An applier that runs.
pub(super) struct Running {
    /// Of the connection that it uses.
    serial: u64,
    /// The identity that it was told to expect.
    cluster: Option<String>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it after what it has begun.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        // A panic in it was reported when it happened.
        let _ = self.task.await;
    }
}

/// Publishes the snapshot; starts, restarts or stops the applier as the connection says.
pub(super) async fn apply(
    ctx: &Arc<Ctx>,
    member: &MemberName,
    snapshot: Snapshot,
    bundles: BTreeMap<UnitId, Arc<Bundle>>,
) {
    ctx.delivery.feed.set(snapshot, bundles);
    let connection = ctx.members.deliverable(member.as_str());
    let record = ctx.world.clusters.get(&Key::new("", member.as_str()));
    let cluster = record.and_then(|c| c.spec.id.clone());
    let outdated = {
        let mut state = ctx.delivery.state();
        match (state.appliers.get(member), &connection) {
            (Some(running), Some(connection))
                if (running.serial, &running.cluster) == (connection.serial, &cluster) =>
            {
                return;
            }
            _ => state.appliers.remove(member),
        }
    };
    if let Some(running) = outdated {
        running.stop().await;
    }
    let Some(connection) = connection else { return };
    let stop = ctx.shutdown.child_token();
    let run = Applier::run(
        ctx.delivery.feed.member(member),
        connection.client,
        applier::Ctx {
            member: member.clone(),
            hub: ctx.hub.clone(),
            cluster: cluster.clone(),
            clock: ctx.clock.clone(),
            jitter: ctx.jitter.clone(),
            limits: applier::Limits::default(),
        },
    );
    let stopped = stop.clone();
    // Dropping an applier at any moment is safe: the next one finishes what was begun.
    let task = tokio::spawn(async move {
        tokio::select! {
            never = run => match never {},
            () = stopped.cancelled() => {}
        }
    });
    let running = Running { serial: connection.serial, cluster, stop, task };
    ctx.delivery.state().appliers.insert(member.clone(), running);
}

/// The member is no more: its applier ends, and nothing is done in it.
pub(super) async fn forget(ctx: &Ctx, member: &MemberName) {
    let running = ctx.delivery.state().appliers.remove(member);
    if let Some(running) = running {
        running.stop().await;
    }
    ctx.delivery.feed.forget(member);
    let mut state = ctx.delivery.state();
    state.reporting.remove(member);
    for unit in state.units.remove(member).unwrap_or_default() {
        state.waiting.remove(&(unit.clone(), member.clone()));
        if let Some(members) = state.statuses.get_mut(&unit) {
            members.remove(member);
        }
    }
    state.statuses.retain(|_, members| !members.is_empty());
    state.grants.retain(|(_, m), _| m != member);
}
