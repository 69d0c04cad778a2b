//! Credential: what `kurator attach` made in a member is renewed before it ends.
//!
//! Reads the AttachedCluster, its Secret and the Cluster record. Writes that Secret, its kubeconfig and the annotation
//! `kurator.dev/minted`; makes tokens of Kurator's own service account in the member, with the rights of that account, and
//! removes its token Secrets whose time is over. A Secret without the annotation, or with another token than the one that the
//! annotation speaks of, is a person's, and is never written.
//!
//! | step | what |
//! |---|---|
//! | `observe` | the Secret with its annotation, whether its credential is in use |
//! | [`plan::credential`] | when it is renewed |
//! | `apply` | another token, tried, into the Secret; token Secrets whose time is over go, also those that nobody remembers |
//!
//! The Secret is the status: when it was made, until when it is good, and why the last try failed. The member controller
//! says of it what people should know.
//!
//! Failure modes: a member that does not answer or refuses is asked again every [`plan::credential::AGAIN`], since two thirds
//! of the time are left; a new token that does not work is not written, and the one before stays ([`crate::connection`]).

mod apply;
pub(crate) mod kubeconfig;
mod observe;

use std::sync::Arc;
use std::time::Duration;

use api::delivery::HubId;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use client::queue::note_generation;
use client::{Api, NamespacedName, Next, Queue, Store, Trust};
use model::Clock;
use plan::credential::Renewal;

use crate::WriteError;
use crate::connection::Connections;
use crate::deps::{Deps, Running, say_nothing, work};
use crate::event::Recorder;
use crate::index::SECRET;

/// Field manager of renewed credentials.
const FIELD_MANAGER: &str = "kurator-credential";

/// How many members are looked at once: each waits for its own network.
const AT_ONCE: usize = 16;

/// What a pass needs.
struct Ctx {
    api: Api,
    clock: Arc<dyn Clock>,
    hub: HubId,
    trust: Trust,
    attached: Arc<Store<AttachedCluster>>,
    clusters: Arc<Store<Cluster>>,
    connections: Arc<Connections>,
    events: Recorder,
    queue: Queue<NamespacedName>,
}

/// Wires the controller, and runs it.
pub(crate) fn run(deps: &Deps) -> Running {
    let ctx = Arc::new(Ctx {
        api: deps.api.with_manager(FIELD_MANAGER),
        clock: deps.clock.clone(),
        hub: deps.hub.clone(),
        trust: deps.trust,
        attached: deps.stores.attached.clone(),
        clusters: deps.stores.clusters.clone(),
        connections: deps.connections.clone(),
        events: deps.events.clone(),
        queue: deps.queue("credential"),
    });
    watch(&ctx, deps);
    let (queue, stop) = (ctx.queue.clone(), deps.shutdown.clone());
    Box::pin(work(ctx, queue, AT_ONCE, stop, reconcile, say_nothing))
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
}

/// Looks at the credential of one AttachedCluster.
async fn reconcile(ctx: Arc<Ctx>, key: NamespacedName) -> Result<Next, WriteError> {
    let (ctx, key) = (&ctx, &key);
    let Some(attached) = ctx.attached.get(key) else { return Ok(Next::Wait) };
    note_generation(attached.metadata.generation);
    let Some(observed) = observe::observe(ctx, &attached, key).await? else { return Ok(Next::Wait) }; // client
    let now = ctx.clock.now();
    Ok(match plan::credential::renewal(&observed.minted, now) {
        // pure
        Renewal::Now => return apply::renew(ctx, &observed, now).await, // client
        Renewal::At(at) => Next::After(Duration::try_from(at.duration_since(now)).unwrap_or_default()),
    })
}
