//! The member's applier: it runs as long as the member's record says that it may be delivered to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::feed::TakeOver;
use api::karmada::cluster::v1alpha1::Cluster;
use applier::Applier;
use client::Credential;
use client::contain::restarting;
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Secret;
use model::MemberName;
use plan::inventory::Recollection;
use plan::member::CredentialRef;
use plan::rights::Rights;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::watch::is_deliverable;
use super::{Ctx, State, status};
use crate::connection::{Connection, Prepared, TRIED_AGAIN};
use crate::origin;
use crate::write::{self, WriteError};
use client::NamespacedName;

/// What an applier is started with. Another one of it needs another applier.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// Where the kubeconfig is.
    credential: CredentialRef,
    /// Version of that Secret.
    version: Option<String>,
    /// UID of the member's record: another record is another member, also under the same name.
    record: Option<String>,
    /// The identity that the applier is told to expect.
    cluster: Option<String>,
    /// What it takes over from another hub.
    take_over: Option<TakeOver>,
    /// What it may do in the member.
    rights: Rights,
}

/// Which cluster is behind a member: the UID of its record, and the identity. Another one has not said anything yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) record: Option<String>,
    pub(super) cluster: Option<String>,
}

/// An applier that runs.
pub(super) struct Running {
    target: Target,
    /// Of the connection that it uses.
    serial: u64,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it where it is, also in the middle of a request: the next one finishes what was begun.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        // A panic in it does not come this far.
        let _ = self.task.await;
    }
}

/// Starts, restarts or stops the applier as the member's record says.
///
/// Returns after how long to look again, though nothing changes: a new credential does not work, and the one before stays
/// in use.
///
/// # Errors
/// The hub cannot be asked for the kubeconfig; the applier goes on as it is.
pub(super) async fn apply(
    ctx: &Arc<Ctx>,
    member: &MemberName,
    cluster: &Cluster,
) -> Result<Option<Duration>, WriteError> {
    let mut target = origin::credential_of(cluster).filter(|_| is_deliverable(cluster)).map(|credential| Target {
        version: ctx.secrets.version(&NamespacedName::new(credential.namespace.clone(), credential.secret.clone())),
        credential,
        record: cluster.metadata.uid.clone(),
        cluster: cluster.spec.id.clone(),
        take_over: origin::take_over_of(cluster),
        rights: origin::rights_of(cluster),
    });
    let open = ctx.connections.get(member).map(|connection| connection.serial);
    let runs = |running: &Running| Some(&running.target) == target.as_ref() && Some(running.serial) == open;
    if ctx.state().appliers.get(member).is_some_and(runs) {
        return Ok(None);
    }
    let connection = match &target {
        Some(target) => connect(ctx, member, target).await?,
        None => None,
    };
    let (Some(target), Some((connection, again))) = (&mut target, connection) else {
        stop(ctx, member).await;
        return Ok(None);
    };
    if again.is_some() {
        // The version that was read is not in use: the next look tries it again.
        target.version = None;
    }
    let target = target.clone();
    {
        let mut state = ctx.state();
        if let Some(running) = state.appliers.get_mut(member) {
            // The Secret was written again with the same kubeconfig.
            let same = running.serial == connection.serial
                && running.target.cluster == target.cluster
                && running.target.record == target.record
                && running.target.take_over == target.take_over
                && running.target.rights == target.rights;
            if same {
                running.target = target;
                return Ok(again);
            }
        }
    }
    stop(ctx, member).await;
    note_behind(ctx, member, Behind { record: target.record.clone(), cluster: target.cluster.clone() });
    let running = start(ctx, member, target, connection);
    ctx.state().appliers.insert(member.clone(), running);
    Ok(again)
}

/// Notes which cluster an applier is started for. What another one said before, as until a person approved the new identity, is
/// forgotten: the applier of that one may have been stopped long ago.
pub(super) fn note_behind(ctx: &Ctx, member: &MemberName, behind: Behind) {
    let before = ctx.state().behind.insert(member.clone(), behind.clone());
    if before.is_some_and(|before| before != behind) {
        ctx.state().forget_reports(member);
        ctx.feed.forget_reports(member);
    }
}

async fn stop(ctx: &Ctx, member: &MemberName) {
    let running = ctx.state().appliers.remove(member);
    if let Some(running) = running {
        running.stop().await;
    }
}

/// The connection to a member, and after how long to look again when it is not that of the stored kubeconfig; `None` when no
/// kubeconfig can be used, which the member's record says by itself.
async fn connect(
    ctx: &Ctx,
    member: &MemberName,
    target: &Target,
) -> Result<Option<(Connection, Option<Duration>)>, WriteError> {
    let CredentialRef { namespace, secret: name, key } = &target.credential;
    let secret = write::read::<Secret>(&ctx.api, namespace, name).await?;
    let Some(kubeconfig) = secret.and_then(|s| s.data).and_then(|mut data| data.remove(key)) else { return Ok(None) };
    let id = target.cluster.as_deref();
    let prepared = match Credential::parse(&kubeconfig.0, ctx.trust) {
        Ok(credential) => ctx.connections.prepare(member, &credential, id).await,
        Err(error) => Err(error),
    };
    Ok(match prepared {
        Ok(prepared) => {
            let again = matches!(prepared, Prepared::Kept(..)).then_some(TRIED_AGAIN);
            Some((ctx.connections.open(member, prepared), again))
        }
        Err(_) => ctx.connections.working(member, id).await.map(|open| (open, Some(TRIED_AGAIN))),
    })
}

fn start(ctx: &Arc<Ctx>, member: &MemberName, target: Target, connection: Connection) -> Running {
    let stop = ctx.shutdown.child_token();
    let (back, look) = {
        let State { back, look, .. } = &mut *ctx.state();
        let of = |channels: &mut BTreeMap<MemberName, channel::Sender<u64>>| {
            channels.entry(member.clone()).or_insert_with(|| channel::Sender::new(0)).subscribe()
        };
        (of(back), of(look))
    };
    let needs = applier::Ctx {
        member: member.clone(),
        hub: ctx.hub.clone(),
        key_of: ctx.feed.key_of(),
        recollect: recollect(ctx, member),
        shared: ctx.feed.shared(),
        cluster: target.cluster.clone(),
        take_over: target.take_over.clone().map(Box::new),
        rights: target.rights.clone(),
        clock: ctx.clock.clone(),
        jitter: ctx.jitter.clone(),
        limits: applier::Limits::default(),
        metrics: ctx.metrics.queues().clone(),
        back,
        look,
    };
    let (feed, Connection { api, serial, .. }) = (ctx.feed.member(member), connection);
    let (stopped, metrics, jitter) = (stop.clone(), ctx.metrics.queues().clone(), ctx.jitter.clone());
    let work = async move {
        let run = restarting("applier", metrics, jitter, || Applier::run(feed.clone(), api.clone(), needs.clone()));
        // Dropping an applier at any moment is safe: the next one finishes what was begun.
        tokio::select! {
            never = run => match never {},
            () = stopped.cancelled() => {}
        }
    };
    let task = tokio::spawn(work.boxed());
    Running { target, serial, stop, task }
}

/// What is stored of the units of a member, for the case that their inventories are gone.
pub(super) fn recollect(ctx: &Ctx, member: &MemberName) -> applier::Recollect {
    let (statuses, clusters, member) = (Arc::clone(&ctx.statuses), Arc::clone(&ctx.clusters), member.clone());
    Arc::new(move |unit| {
        let record = clusters.get(&NamespacedName::new("", member.as_str()))?;
        Recollection::of(&status::stored_unit(&statuses, &member, &record, unit)?)
    })
}

/// The member has no record: its applier ends, and nothing is done in it.
pub(super) async fn forget(ctx: &Ctx, member: &MemberName) {
    stop(ctx, member).await;
    let reports = ctx.feed.reports_in(member);
    let with_objects = reports.iter().filter(|report| report.objects.inventory > 0);
    let left: Vec<_> = with_objects.map(|report| (report.unit.clone(), report.objects.inventory)).collect();
    if let Some(event) = plan::event::left_behind(&left) {
        tracing::warn!(%member, "{}", event.note);
        ctx.events.record_member(member, event);
    }
    ctx.feed.forget(member);
    ctx.sending.end(member);
    ctx.connections.close(member);
    let mut state = ctx.state();
    state.forget_reports(member);
    state.waiting.remove(member);
    state.back.remove(member);
    state.look.remove(member);
    state.behind.remove(member);
}
