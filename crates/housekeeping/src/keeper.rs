//! The loop: events into the graph, looks into the queue, decisions into requests.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::contain::restarting;
use client::{Api, Backoff, Class, Error, Event, Metrics, Next, Queue, Resource, Served, retry};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use model::Clock;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::events::{Events, Sink, Watches, is_followed};
use crate::expiry;
use crate::graph::{Graph, Item, Uid};

mod absent;
mod account;
mod object;
mod role;
mod space;

use absent::Absent;

/// The field manager of everything written here.
const FIELD_MANAGER: &str = "housekeeping";
/// Objects worked on at the same time. Deletions are small; more than this would only queue at the server.
const CONCURRENCY: usize = 16;
/// How long the first lists may take before work begins without the missing ones. Nothing wrong comes of that: absent
/// owners are read live.
const LISTS_MAX: Duration = Duration::from_secs(10);

/// Pauses before a look that failed is repeated. The server is near, and most failures are lost races.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(30));
/// Its name in logs and counters.
const NAME: &str = "housekeeping";
/// Group of roles.
const RBAC: &str = "rbac.authorization.k8s.io";

/// What it works with.
pub struct Options {
    /// The CA that clients in this cluster trust, in PEM; published to each namespace.
    pub ca: Option<String>,
    /// Tells the time for conditions.
    pub clock: Arc<dyn Clock>,
    /// Where metadata comes from; by default one watch per kind.
    pub events: Option<Box<dyn Events>>,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Object(Uid),
    Namespace(String),
    Account(String),
    /// All ClusterRoles: they are few, and which ones gather which is not in their metadata.
    Roles,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(uid) => write!(f, "object {uid}"),
            Self::Namespace(name) => write!(f, "namespace {name}"),
            Self::Account(namespace) => write!(f, "service account of {namespace}"),
            Self::Roles => f.write_str("aggregated roles"),
        }
    }
}

#[derive(Default)]
struct State {
    graph: Graph,
    served: Arc<Served>,
    listed: HashSet<Arc<Resource>>,
    absent: Absent,
}

/// Keeps a cluster's house. Start with [`Housekeeper::new`], then [`Housekeeper::run`].
pub struct Housekeeper {
    inner: Arc<Inner>,
    events: Option<Box<dyn Events>>,
    metrics: Metrics,
}

struct Inner {
    api: Api,
    ca: Option<String>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    queue: Queue<Key>,
    listed: Notify,
}

impl Housekeeper {
    /// Over a client that may do everything.
    pub fn new(api: &Api, options: Options) -> Self {
        Self::with_metrics(api, options, &Metrics::default())
    }

    /// The same, counted.
    pub fn with_metrics(api: &Api, options: Options, metrics: &Metrics) -> Self {
        let (api, metrics) = (api.with_manager(FIELD_MANAGER), metrics.clone());
        let Options { ca, clock, events } = options;
        let queue = Queue::with(NAME, BACKOFF, retry::steady(), &metrics);
        let inner = Inner { api, ca, clock, state: Mutex::default(), queue, listed: Notify::new() };
        Self { inner: Arc::new(inner), events, metrics }
    }

    /// Works until the future is dropped. A panic costs one look, or one watch that begins again: never all of it.
    pub fn run(self) -> BoxFuture<'static, ()> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        self.keep_house().boxed()
    }

    async fn keep_house(self) {
        let Self { inner, events, metrics } = self;
        let watches = || Box::new(Watches::new(inner.api.clone()).with_metrics(&metrics));
        let events = events.unwrap_or_else(|| watches());
        let feed = restarting(NAME, metrics.clone(), retry::steady(), || events.run(inner.clone()));
        let work = async {
            let _ = timeout(LISTS_MAX, inner.listed.notified()).await;
            inner.queue.run(CONCURRENCY, CancellationToken::new(), |key| inner.work(key)).await;
        };
        let expiry = restarting(NAME, metrics.clone(), retry::steady(), || {
            let inner = inner.clone();
            async move { expiry::run(&inner.api, inner.clock.as_ref()).await }
        });
        tokio::join!(feed, work, expiry);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(&self, key: Key) -> Next {
        let next = match &key {
            Key::Object(uid) => self.collect(uid).await,
            Key::Namespace(name) => self.empty(name).await,
            Key::Account(namespace) => self.furnish(namespace).await,
            Key::Roles => self.gather_rules().await,
        };
        next.unwrap_or_else(|error| {
            tracing::debug!(%error, class = ?error.class(), "housekeeping looks again later");
            // Whatever the class: what would let a refused write pass (a webhook, a role, a quota) is not watched here.
            Next::Retry
        })
    }

    /// Queues a look at each of these objects.
    fn queue_objects(&self, uids: impl IntoIterator<Item = Uid>) {
        uids.into_iter().for_each(|uid| self.queue.add(Key::Object(uid)));
    }

    /// What has to be looked at besides owners and dependents, now that an object came, changed or went.
    fn notice(&self, state: &State, item: &Item, gone: bool) {
        let kind = (item.resource.group.as_str(), item.resource.kind.as_str());
        match kind {
            ("", "Namespace") if gone => {}
            ("", "Namespace") if item.deleting => self.queue.add(Key::Namespace(item.name.clone())),
            ("", "Namespace") => self.queue.add(Key::Account(item.name.clone())),
            ("", "ServiceAccount") if gone && item.name == crate::account::ACCOUNT => {
                self.queue.add(Key::Account(item.namespace.clone()));
            }
            // Also when it changed: it holds what clients trust.
            ("", "ConfigMap") if item.name == crate::account::ROOT_CA => {
                self.queue.add(Key::Account(item.namespace.clone()));
            }
            (RBAC, "ClusterRole") => self.queue.add(Key::Roles),
            _ => {}
        }
        if !item.namespace.is_empty() && state.namespace(&item.namespace).is_some_and(|ns| ns.deleting) {
            self.queue.add(Key::Namespace(item.namespace.clone()));
        }
    }

    /// Takes in what the server answered to a write, before the watch brings it.
    fn learn(&self, resource: &Arc<Resource>, object: &serde_json::Value) {
        if let Some(item) = Item::project(resource, object) {
            let looks = self.lock().graph.apply(item);
            self.queue_objects(looks);
        }
    }
}

impl State {
    fn namespace(&self, name: &str) -> Option<&Item> {
        self.graph.find(self.served.kind("", "Namespace")?, "", name)
    }
}

impl Sink for Inner {
    fn discovered(&self, served: Arc<Served>) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.served, served.clone());
        for gone in before.kinds.iter().filter(|kind| !served.kinds.contains(kind)) {
            state.listed.remove(gone);
            state.graph.forget(gone);
        }
        if !before.kinds.is_empty() {
            // An owner's kind may be among the new ones.
            let looks = state.graph.unresolved();
            drop(state);
            self.queue_objects(looks);
        }
    }

    fn event(&self, resource: &Arc<Resource>, event: Event<Item>) {
        let mut state = self.lock();
        let looks = match event {
            Event::Listed(items, _) => {
                let came = items.clone();
                let (looks, gone) = state.graph.replace(resource, items);
                came.iter().for_each(|item| self.notice(&state, item, false));
                gone.iter().for_each(|item| self.notice(&state, item, true));
                state.listed.insert(resource.clone());
                if state.served.kinds.iter().filter(|kind| is_followed(kind)).all(|kind| state.listed.contains(kind)) {
                    self.listed.notify_one();
                }
                looks
            }
            Event::Applied(item, _) => {
                self.notice(&state, &item, false);
                state.graph.apply(item)
            }
            Event::Deleted(item, _) => {
                let looks = state.graph.remove(&item.uid);
                self.notice(&state, &item, true);
                looks
            }
            // The watch goes on by itself. What it does not show is read live before anything is deleted.
            Event::Absent | Event::Refused(_) | Event::Lost(_) => return,
        };
        drop(state);
        self.queue_objects(looks);
    }
}

/// An error that only says that the object is no longer as it was read: nothing is wrong, it is looked at again.
fn is_stale(error: &Error) -> bool {
    error.class() == Class::Reread
}
