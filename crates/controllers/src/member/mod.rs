//! Member: an AttachedCluster becomes a member of the hub, and is watched from then on.
//!
//! Reads the Secret, the member, and whether its applier gets through; of one that leaves, what is decided for it. Writes the Cluster record (spec by server-side apply, all of its status) and
//! `AttachedCluster.status`; takes `spec.takeOver` away when that is done. Deleting an AttachedCluster deletes the record and nothing in the member. One that has our finalizer
//! and says `kurator.dev/on-detach: release` waits until delivery has given back everything that this hub has there; then the
//! account goes that `kurator attach` made there, and what became of it is an Event. One that says
//! `kurator.dev/on-detach: remove` is taken out of its Fleets, and deleted when what they delivered has left (`leave`); that is waited
//! for also when somebody deletes it meanwhile.
//!
//! | step | what |
//! |---|---|
//! | `observe` | the record of that name, the Secret's kubeconfig, the last probe |
//! | [`plan::member`] | whose name it is, who it is, how it is, whether it may be delivered to |
//! | `apply` | the record; the connection and its prober |
//! | `status` | both statuses, when they differ |
//!
//! An AttachedCluster that gets another `memberName` gives its record up: the old name makes no member any more, as after
//! detaching, and nothing is deleted in it.
//!
//! Failure modes: a Secret that is missing or refused leaves the record and says so; a member that does not answer is
//! probed for ever with back-off by its own task.

mod account;
mod apply;
mod leave;
mod observe;
mod probe;
mod registry;
mod status;

use std::sync::Arc;

use api::delivery::{Decision, HubId, MemberStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{Api, Trust};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::ResourceExt;
use model::{Clock, MemberName, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::WriteError;
use crate::changes::Changes;
use crate::connection::{Connections, TRIED_AGAIN};
use crate::deps::{Deps, Running, work};
use crate::event::Recorder;
use crate::index::{CLAIM, SECRET};
use crate::metrics::Metrics;
use crate::origin::{self, Origins};
use client::queue::note_generation;
use client::{NamespacedName, Store};
use client::{Next, Queue};
use registry::Probes;

/// Field manager of members' records.
const FIELD_MANAGER: &str = "kurator-member";

/// How many members are looked at once: each waits for its own network, and none of them for another.
const AT_ONCE: usize = 64;

/// What a pass needs.
struct Ctx {
    api: Api,
    clock: Arc<dyn Clock>,
    trust: Trust,
    attached: Arc<Store<AttachedCluster>>,
    clusters: Arc<Store<Cluster>>,
    statuses: Arc<Store<MemberStatus>>,
    applications: Arc<Store<Application>>,
    fleets: Arc<Store<Fleet>>,
    decisions: Arc<Store<Decision>>,
    hub: HubId,
    origins: Origins,
    connections: Arc<Connections>,
    probes: Arc<Probes>,
    metrics: Metrics,
    events: Recorder,
    alive_before: Option<Timestamp>,
    jitter: client::Jitter,
    queue: Queue<NamespacedName>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

fn context(deps: &Deps) -> Arc<Ctx> {
    Arc::new(Ctx {
        api: deps.api.with_manager(FIELD_MANAGER),
        clock: deps.clock.clone(),
        trust: deps.trust,
        attached: deps.stores.attached.clone(),
        clusters: deps.stores.clusters.clone(),
        statuses: deps.stores.statuses.clone(),
        applications: deps.stores.applications.clone(),
        fleets: deps.stores.fleets.clone(),
        decisions: deps.stores.decisions.clone(),
        hub: deps.hub.clone(),
        origins: Origins::new(&deps.stores.attached),
        connections: deps.connections.clone(),
        probes: Arc::default(),
        metrics: deps.metrics.clone(),
        events: deps.events.clone(),
        alive_before: deps.alive_before,
        jitter: deps.jitter.clone(),
        queue: deps.queue("member"),
        tasks: deps.tasks.clone(),
        shutdown: deps.shutdown.clone(),
    })
}

/// Wires the controller, and runs it.
pub(crate) fn run(deps: &Deps) -> Running {
    let ctx = context(deps);
    watch(&ctx, deps);
    let (queue, stop) = (ctx.queue.clone(), deps.shutdown.clone());
    Box::pin(work(ctx, queue, AT_ONCE, stop, reconcile, say_broken))
}

fn watch(ctx: &Arc<Ctx>, deps: &Deps) {
    // An AttachedCluster: itself.
    let queue = ctx.queue.clone();
    deps.stores.attached.on_change(move |key, _| queue.add(key.clone()));

    // A Secret: the AttachedClusters whose kubeconfig is in it.
    let (queue, attached) = (ctx.queue.clone(), ctx.attached.clone());
    deps.stores.secrets.on_change(move |key| {
        attached.by_index(SECRET, &key.to_string()).iter().for_each(|a| queue.add(NamespacedName::of(a.as_ref())));
    });

    // A member's record: the AttachedCluster that made it, and those that want its name.
    let (queue, attached) = (ctx.queue.clone(), ctx.attached.clone());
    let ids: Changes<Option<String>> = Changes::new();
    deps.stores.clusters.on_change(move |key, cluster| {
        let claims = attached.by_index(CLAIM, &key.name);
        claims.iter().for_each(|a| queue.add(NamespacedName::of(a.as_ref())));
        let origin = cluster.and_then(|c| origin::of_record(c));
        origin.into_iter().for_each(|o| queue.add(NamespacedName::new(o.namespace, o.name)));
        let id = cluster.and_then(|c| c.spec.id.clone());
        if let Some(Some(Some(_))) = ids.replace(key, cluster.map(|_| id)) {
            // An AttachedCluster that was refused for being the same cluster may be accepted now. This is rare: all look.
            attached.list().iter().for_each(|a| queue.add(NamespacedName::of(a.as_ref())));
        }
    });

    // A member's report: what its prober counted there is out of date. What is on its way between its hubs, and whether its
    // applier gets through: the AttachedCluster that says so.
    let known: Changes<Arc<MemberStatus>> = Changes::new();
    let (probes, queue, clusters) = (ctx.probes.clone(), ctx.queue.clone(), ctx.clusters.clone());
    deps.stores.statuses.on_change(move |key, status| {
        let Some(before) = known.replace(key, status.cloned()) else { return };
        let Some(status) = status else { return };
        let member = &status.spec.member;
        probes.changed(member);
        let said = |slice: &MemberStatus| {
            let status = slice.status.as_ref();
            status.map(|status| (status.moving.clone(), status.link.clone())).unwrap_or_default()
        };
        if before.as_deref().map(said).unwrap_or_default() != said(status) {
            let record = clusters.get(&NamespacedName::new("", member.as_str()));
            let origin = record.and_then(|record| origin::of_record(&record));
            origin.into_iter().for_each(|o| queue.add(NamespacedName::new(o.namespace, o.name)));
        }
    });
}

/// Says that a look at it panicked.
fn say_broken(ctx: Arc<Ctx>, key: NamespacedName) -> BoxFuture<'static, Result<(), WriteError>> {
    async move { status::write_broken(&ctx, &key).await }.boxed()
}

/// Looks at one AttachedCluster.
async fn reconcile(ctx: Arc<Ctx>, key: NamespacedName) -> Result<Next, WriteError> {
    let (ctx, key) = (&ctx, &key);
    let Some(attached) = ctx.attached.get(key) else {
        return apply::detach(ctx, key, None).await.map(|()| Next::Wait);
    };
    let (observed, prepared) = observe::observe(ctx, &attached, key).await?; // client
    note_generation(attached.metadata.generation);
    let (plan, report) = plan::member::plan(&observed, attached.metadata.generation, ctx.clock.now()); // pure
    tracing::debug!(attached = %attached.name_any(), ?report, "decided");
    let member: Option<&MemberName> = observed.member.as_ref().ok();
    apply::apply(ctx, key, member, &plan, prepared).await?; // client
    let (may_go, is_taken_over) = (plan.let_go, plan.is_taken_over);
    let written = status::write(ctx, &attached, member, plan).await?; // client
    if is_taken_over {
        apply::forget_take_over(ctx, key, written.as_ref().unwrap_or(&attached)).await?; // client
    }
    if may_go {
        if let Some(again) = account::leave(ctx, key, &attached, &observed).await? {
            return Ok(Next::After(again));
        }
        apply::let_go(ctx, key, &attached).await?; // client
    }
    if let Some(emptying) = &observed.emptying {
        return leave::go_on(ctx, key, written.as_ref().unwrap_or(&attached), emptying).await; // client
    }
    Ok(Next::Wait.or_after(observed.standing.unused.as_ref().map(|_| TRIED_AGAIN)))
}

#[cfg(test)]
mod tests;
