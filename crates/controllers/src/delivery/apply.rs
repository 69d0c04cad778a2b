//! The member's feed, and its applier.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::UnitId;
use api::feed::Snapshot;
use applier::Applier;
use futures::FutureExt;
use model::MemberName;
use plan::prepare::Bundle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Ctx;
use crate::informer::Key;
use crate::member::Connection;

/// Time until an applier that panicked is started again: what made it panic is most likely still there.
const PANIC_AGAIN: Duration = Duration::from_secs(10);

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
    /// Does it use this connection, expect this identity, and still run?
    fn serves(&self, connection: &Connection, cluster: Option<&String>) -> bool {
        self.serial == connection.serial && self.cluster.as_ref() == cluster && !self.task.is_finished()
    }

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
            (Some(running), Some(connection)) if running.serves(connection, cluster.as_ref()) => return,
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
            key_of: ctx.delivery.feed.key_of(),
            cluster: cluster.clone(),
            clock: ctx.clock.clone(),
            jitter: ctx.jitter.clone(),
            limits: applier::Limits::default(),
            back: connection.back,
        },
    );
    let (stopped, member_queue, name) = (stop.clone(), ctx.member_queue.clone(), member.clone());
    let task = tokio::spawn(async move {
        // Dropping an applier at any moment is safe: the next one finishes what was begun.
        let ended = tokio::select! {
            ended = AssertUnwindSafe(run).catch_unwind() => ended,
            () = stopped.cancelled() => return,
        };
        match ended {
            Ok(never) => match never {},
            Err(_) => tracing::error!(member = %name, "the applier panicked and starts anew; please report this bug"),
        }
        member_queue.add_after(name, PANIC_AGAIN);
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
    state.retain(member, |_| false);
    state.grants.remove(member);
}
