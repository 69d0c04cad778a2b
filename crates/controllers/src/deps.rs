//! What every controller is started with, and starting them.
//!
//! Nothing here knows which change concerns whom: each controller's `run` says that for itself. Controllers meet only at
//! stored objects, so that each may run in another process; what they share in one process are caches.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use api::delivery::HubId;
use applier::PushFeed;
use client::contain::{contained, restarting};
use client::queue::{BACKOFF, Key};
use client::{Api, Next, Queue, Trust};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use model::{Clock, Timestamp};
use plan::authenticator::HubKey;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::artifact::Artifacts;
use crate::connection::{Connect, Connections};
use crate::event::Recorder;
use crate::fetch::Fetcher;
use crate::inspect::Inspector;
use crate::metrics::Metrics;
use crate::rendering::Renderings;
use crate::stores::Stores;
use crate::write::WriteError;
use crate::{application, credential, delivery, event, fleet, member, status};

/// How the hub wants its controllers.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is allowed of members' kubeconfigs.
    pub trust: Trust,
    /// How members are reached.
    pub connect: Connect,
    /// Where artifacts are cached.
    pub cache: PathBuf,
    /// Most bytes of that cache.
    pub cache_bytes_max: u64,
    /// Which controllers run in this process.
    pub controllers: BTreeSet<Controller>,
    /// Where everything is counted.
    pub metrics: Metrics,
    /// Until when the process before this one lived, if that is known: members that were well then were seen until then.
    pub alive_before: Option<Timestamp>,
}

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// [`crate::member`].
    Member,
    /// [`crate::credential`].
    Credential,
    /// [`crate::fleet`].
    Fleet,
    /// [`crate::application`].
    Application,
    /// [`crate::delivery`].
    Delivery,
    /// [`crate::status`].
    Status,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Member, Self::Credential, Self::Fleet, Self::Application, Self::Delivery, Self::Status];
}

/// What a controller may be given. Caches are shared by the controllers of one process; whatever one controller must know
/// of another is stored.
pub struct Deps {
    /// The hub, as the controllers' own user. What writes has a field manager of its own.
    pub api: Api,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The hub's id.
    pub hub: HubId,
    /// Spreads retries: a number in 0..1 from the composition root.
    pub jitter: applier::Jitter,
    /// What is allowed of members' kubeconfigs.
    pub trust: Trust,
    /// The hub's objects: a cache.
    pub stores: Arc<Stores>,
    /// Clients of members: a cache.
    pub connections: Arc<Connections>,
    /// Fetched trees: a cache.
    pub artifacts: Arc<Artifacts>,
    /// Rendered units: a cache.
    pub renderings: Arc<Renderings>,
    /// Where everything is counted.
    pub metrics: Metrics,
    /// Where it is recorded what happened to objects.
    pub events: Recorder,
    /// See [`Options::alive_before`].
    pub alive_before: Option<Timestamp>,
    /// Background tasks, waited for at shutdown.
    pub tasks: TaskTracker,
    /// Ends everything.
    pub shutdown: CancellationToken,
}

impl Deps {
    /// A work queue of this name, counted.
    pub(crate) fn queue<K: Key>(&self, name: &'static str) -> Queue<K> {
        Queue::with(name, BACKOFF, self.jitter.clone(), self.metrics.queues())
    }

    /// Work that is begun again when it panics, and counted, under this name.
    pub(crate) fn restarting<T, F, M>(&self, name: &'static str, make: M) -> BoxFuture<'static, T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
        M: Fn() -> F + Send + Sync + 'static,
    {
        restarting(name, self.metrics.queues().clone(), self.jitter.clone(), make).boxed()
    }
}

/// What a controller's `run` returns: its wiring is done, and it works while this is polled.
pub(crate) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The controllers of one process.
pub struct Controllers {
    pub(crate) deps: Deps,
    which: BTreeSet<Controller>,
    /// The hub's objects as this process sees them.
    pub stores: Arc<Stores>,
    /// What appliers of this process reported last, object by object.
    pub feed: Arc<PushFeed>,
    /// Sources that this process follows.
    pub fetcher: Arc<Fetcher>,
    /// Rendered units.
    pub renderings: Arc<Renderings>,
    /// Answers what members get, have and would get.
    pub inspector: Inspector,
    reports: std::sync::Mutex<Option<delivery::Reports>>,
}

impl Controllers {
    /// Makes them. Nothing runs yet. `key` proves to appliers what this hub wrote in members.
    ///
    /// # Errors
    /// The cache directory cannot be used, or the HTTP client cannot be made.
    pub fn new(
        api: Api,
        clock: Arc<dyn Clock>,
        jitter: applier::Jitter,
        hub: HubId,
        key: HubKey,
        options: &Options,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, source::Error> {
        let cache = source::Cache::open(&options.cache, options.cache_bytes_max)?;
        let stores = Arc::new(Stores::new());
        let artifacts = Artifacts::new(api.clone(), cache.clone(), options.metrics.queues(), shutdown.clone())?;
        let artifacts = Arc::new(artifacts);
        let renderings = Arc::new(Renderings::new(cache, api.clone(), options.metrics.queues()));
        let (feed, reports) = PushFeed::new(hub.clone(), key.clone());
        let fetcher = Arc::new(Fetcher::new(
            artifacts.clone(),
            Queue::with("application", BACKOFF, jitter.clone(), options.metrics.queues()),
            clock.clone(),
            options.metrics.queues(),
            jitter.clone(),
        ));
        let deps = Deps {
            api,
            clock,
            hub,
            jitter,
            trust: options.trust,
            stores: stores.clone(),
            connections: Arc::new(Connections::new(options.connect.clone())),
            artifacts,
            renderings: renderings.clone(),
            metrics: options.metrics.clone(),
            events: Recorder::new(&options.metrics),
            alive_before: options.alive_before,
            tasks: TaskTracker::new(),
            shutdown,
        };
        let inspector = Inspector::new(&deps, feed.clone(), fetcher.clone(), key);
        Ok(Arc::new(Self {
            deps,
            which: options.controllers.clone(),
            stores,
            feed,
            fetcher,
            renderings,
            inspector,
            reports: std::sync::Mutex::new(Some(reports)),
        }))
    }

    /// The hub, as the controllers' own user.
    pub fn api(&self) -> &Api {
        &self.deps.api
    }

    /// Is everything listed? Nothing is decided before.
    pub fn is_synced(&self) -> bool {
        self.stores.is_synced()
    }

    /// Runs them until shutdown. A second call does nothing.
    pub fn run(self: Arc<Self>) -> BoxFuture<'static, ()> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        self.work().boxed()
    }

    async fn work(self: Arc<Self>) {
        let reports = self.reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(reports) = reports else { return };
        let deps = &self.deps;
        let stop = deps.shutdown.clone();
        // Wired before anything is listed, so that the first list is news to all.
        let mut running: Vec<Running> = Vec::new();
        for controller in &self.which {
            running.push(match controller {
                Controller::Member => member::run(deps),
                Controller::Credential => credential::run(deps),
                Controller::Fleet => fleet::run(deps),
                Controller::Application => application::run(deps, self.fetcher.clone()),
                Controller::Status => status::run(deps),
                Controller::Delivery => continue,
            });
        }
        if self.which.contains(&Controller::Delivery) {
            running.push(delivery::run(deps, self.feed.clone(), reports));
        }
        deps.stores.spawn(deps, &deps.api);
        let api = deps.api.with_manager(event::FIELD_MANAGER);
        deps.tasks.spawn(deps.events.clone().run(api, deps.clock.clone(), stop.clone()).boxed());
        let journal = deps.events.journal().clone();
        deps.tasks.spawn(journal.run(deps.stores.clone(), deps.clock.clone(), stop.clone()).boxed());
        tokio::select! {
            () = deps.stores.synced() => {}
            () = stop.cancelled() => return,
        }
        futures::future::join_all(running).await;
        deps.tasks.close();
        deps.tasks.wait().await;
    }
}

/// Says of an object that a look at it panicked.
pub(crate) type SayBroken<C, K> = fn(Arc<C>, K) -> BoxFuture<'static, Result<(), WriteError>>;

/// For work of whose panics the object says nothing: it is looked at again, and they are counted.
pub(crate) fn say_nothing<C, K>(_: Arc<C>, _: K) -> BoxFuture<'static, Result<(), WriteError>> {
    futures::future::ready(Ok(())).boxed()
}

/// Runs one queue on a task of its own, so that one controller's work keeps no core from another's. A reconcile that fails
/// is tried again with back-off: nothing else would make the object be looked at again. Of one that panics the object says so at
/// once: what it said before would stay for as long as the panic comes again.
pub(crate) async fn work<C, K, Fut>(
    ctx: Arc<C>,
    queue: Queue<K>,
    parallel: usize,
    stop: CancellationToken,
    reconcile: fn(Arc<C>, K) -> Fut,
    say_broken: SayBroken<C, K>,
) where
    C: Send + Sync + 'static,
    K: Key + Sync,
    Fut: Future<Output = Result<Next, WriteError>> + Send + 'static,
{
    let work = move |key: K| {
        let (ctx, reconciled) = (ctx.clone(), reconcile(ctx.clone(), key.clone()));
        async move {
            match contained(reconciled).await {
                Ok(reconciled) => next(reconciled),
                Err(panic) => {
                    // It may panic too; then it is said by the log alone.
                    if let Ok(Err(error)) = contained(say_broken(ctx, key)).await
                        && !error.is_conflict()
                    {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot say that its reconcile panicked"
                        );
                    }
                    // The queue logs and counts it, and tries again.
                    resume_unwind(Box::new(panic))
                }
            }
        }
    };
    let task = tokio::spawn(async move { queue.run(parallel, stop, work).await }.boxed());
    // A panic of a reconcile does not come this far, and the task is not aborted.
    let _ = task.await;
}

/// What follows a reconcile. A lost race is no failure, and nothing is said of it: another writer came first, and the
/// object is read again. The span around says which controller and which object.
fn next(reconciled: Result<Next, WriteError>) -> Next {
    reconciled.unwrap_or_else(|error| {
        if !error.is_conflict() {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot look after it, and will try again");
        }
        Next::Retry
    })
}

#[cfg(test)]
pub(crate) mod tests;
