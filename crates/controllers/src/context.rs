//! What controllers share, and how they are wired to each other.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use api::delivery::HubId;
use client::Trust;
use kube::{Api, Client};
use model::{Clock, MemberName};
use plan::authenticator::HubKey;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::Delivery;
use crate::fetch::Fetcher;
use crate::informer::Key;
use crate::member::Members;
use crate::queue::{Next, Queue};
use crate::rendering::Renderings;
use crate::world::{self, World};
use crate::{application, delivery, fleet, member};

/// How the hub wants its controllers.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is allowed of members' kubeconfigs.
    pub trust: Trust,
    /// Where artifacts are cached.
    pub cache: PathBuf,
    /// Most bytes of that cache.
    pub cache_bytes_max: u64,
}

/// What every controller is given.
pub struct Ctx {
    /// The hub, as the controllers' own user.
    pub client: Client,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The hub's id.
    pub hub: HubId,
    /// Spreads retries: a number in 0..1 from the composition root.
    pub jitter: applier::Jitter,
    /// What is allowed of members' kubeconfigs.
    pub trust: Trust,
    /// The hub's objects.
    pub world: World,
    /// Connections to members, and what their probes see.
    pub members: Members,
    /// Sources.
    pub fetcher: Fetcher,
    /// Rendered units.
    pub renderings: Renderings,
    /// Appliers and what they report.
    pub delivery: Delivery,
    /// AttachedClusters to look at.
    pub attached_queue: Queue<Key>,
    /// Fleets to look at.
    pub fleet_queue: Queue<Key>,
    /// Applications to look at.
    pub application_queue: Queue<Key>,
    /// Members whose delivery to look at.
    pub member_queue: Queue<MemberName>,
    /// Members whose report to store.
    pub status_queue: Queue<MemberName>,
    /// Background tasks, waited for at shutdown.
    pub tasks: TaskTracker,
    /// Ends everything.
    pub shutdown: CancellationToken,
}

/// How many members are looked at once: each waits for its own network, and none of them for another.
const MEMBERS_AT_ONCE: usize = 64;
/// How many Applications are looked at once: rendering is CPU work, and two cores are what a hub has.
const APPLICATIONS_AT_ONCE: usize = 8;
/// Fleets are cheap.
const FLEETS_AT_ONCE: usize = 8;

impl Ctx {
    /// Makes the context. Nothing runs yet. `key` proves to appliers what this hub wrote in members.
    ///
    /// # Errors
    /// The cache directory cannot be used, or the HTTP client cannot be made.
    pub fn new(
        client: Client,
        clock: Arc<dyn Clock>,
        jitter: applier::Jitter,
        hub: HubId,
        key: HubKey,
        options: &Options,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, source::Error> {
        let application_queue = Queue::new();
        let cache = source::Cache::open(&options.cache, options.cache_bytes_max)?;
        Ok(Arc::new(Self {
            fetcher: Fetcher::new(cache.clone(), application_queue.clone(), clock.clone())?,
            renderings: Renderings::new(cache),
            delivery: Delivery::new(hub.clone(), key),
            members: Members::default(),
            client,
            clock,
            hub,
            jitter,
            trust: options.trust,
            world: World::new(),
            attached_queue: Queue::new(),
            fleet_queue: Queue::new(),
            application_queue,
            member_queue: Queue::new(),
            status_queue: Queue::new(),
            tasks: TaskTracker::new(),
            shutdown,
        }))
    }

    /// Is everything listed? Nothing is decided before.
    pub fn is_synced(&self) -> bool {
        self.world.is_synced()
    }
}

/// Runs all controllers until shutdown.
pub async fn run(ctx: Arc<Ctx>) {
    world::wire(&ctx);
    let stop = ctx.shutdown.clone();
    let all = |client: &Client| client.clone();
    let w = &ctx.world;
    ctx.tasks.spawn(w.applications.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.fleets.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.attached.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.clusters.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.revisions.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.decisions.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.statuses.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(member::watch_secrets(ctx.clone()));
    tokio::select! {
        () = w.synced() => {}
        () = stop.cancelled() => return,
    }
    delivery::load(&ctx);
    tokio::join!(
        queue(&ctx, &ctx.attached_queue, MEMBERS_AT_ONCE, member::reconcile),
        queue(&ctx, &ctx.fleet_queue, FLEETS_AT_ONCE, fleet::reconcile),
        queue(&ctx, &ctx.application_queue, APPLICATIONS_AT_ONCE, application::reconcile),
        queue(&ctx, &ctx.member_queue, MEMBERS_AT_ONCE, delivery::reconcile),
        queue(&ctx, &ctx.status_queue, MEMBERS_AT_ONCE, delivery::store),
    );
    ctx.delivery.close().await;
    ctx.tasks.close();
    ctx.tasks.wait().await;
}

/// Runs one queue on a task of its own, so that one controller's work keeps no core from another's.
async fn queue<K, Fut>(ctx: &Arc<Ctx>, queue: &Queue<K>, parallel: usize, reconcile: fn(Arc<Ctx>, K) -> Fut)
where
    K: Ord + Clone + Send + Sync + 'static,
    Fut: Future<Output = Next> + Send + 'static,
{
    let (ctx, queue) = (ctx.clone(), queue.clone());
    let task = tokio::spawn(async move {
        let stop = ctx.shutdown.clone();
        queue.run(parallel, stop, |key| reconcile(ctx.clone(), key)).await;
    });
    // A panic of a reconcile does not come this far, and nobody aborts the task.
    let _ = task.await;
}
