//! The loop: events into the graph, looks into the queue, decisions into requests.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Clock;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::api::{Api, Class, Error};
use crate::discovery::{Discovery, Served};
use crate::events::{Events, Sink, Watches, is_followed};
use crate::graph::{Graph, Item, Uid};
use crate::informer::Event;
use crate::queue::{Queue, Turn};

mod absent;
mod account;
mod object;
mod space;

use absent::Absent;

/// The field manager of everything written here.
const FIELD_MANAGER: &str = "housekeeping";
/// Objects worked on at the same time. Deletions are small; more than this would only queue at the server.
const CONCURRENCY: usize = 16;
/// How long the first lists may take before work begins without the missing ones. Nothing wrong comes of that: absent
/// owners are read live.
const LISTS_MAX: Duration = Duration::from_secs(10);

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
}

#[derive(Default)]
struct State {
    graph: Graph,
    discovery: Arc<Discovery>,
    listed: HashSet<Arc<Served>>,
    absent: Absent,
}

/// Keeps a cluster's house. Start with [`Housekeeper::new`], then [`Housekeeper::run`].
pub struct Housekeeper {
    inner: Arc<Inner>,
    events: Box<dyn Events>,
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
    pub fn new(client: kube::Client, options: Options) -> Self {
        let api = Api::new(client, FIELD_MANAGER);
        let Options { ca, clock, events } = options;
        let events = events.unwrap_or_else(|| Box::new(Watches::new(api.clone())));
        let inner = Inner { api, ca, clock, state: Mutex::default(), queue: Queue::default(), listed: Notify::new() };
        Self { inner: Arc::new(inner), events }
    }

    /// Works until the future is dropped.
    pub async fn run(self) {
        let Self { inner, events } = self;
        let work = async {
            let _ = timeout(LISTS_MAX, inner.listed.notified()).await;
            inner.queue.run(CONCURRENCY, |key| inner.work(key)).await;
        };
        tokio::join!(events.run(inner.clone()), work);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(&self, key: Key) -> Turn {
        let turn = match &key {
            Key::Object(uid) => self.collect(uid).await,
            Key::Namespace(name) => self.empty(name).await,
            Key::Account(namespace) => self.furnish(namespace).await,
        };
        turn.unwrap_or_else(|error| {
            let level = error.class();
            tracing::debug!(?key, error = %error, ?level, "housekeeping looks again later");
            if level == Class::AwaitChange { Turn::Done } else { Turn::Retry }
        })
    }

    fn look(&self, looks: impl IntoIterator<Item = Uid>) {
        looks.into_iter().for_each(|uid| self.queue.push(Key::Object(uid)));
    }

    /// What has to be looked at besides owners and dependents, now that an object came, changed or went.
    fn notice(&self, state: &State, item: &Item, gone: bool) {
        let kind = (item.served.group.as_str(), item.served.kind.as_str());
        match kind {
            ("", "Namespace") if gone => {}
            ("", "Namespace") if item.deleting => self.queue.push(Key::Namespace(item.name.clone())),
            ("", "Namespace") => self.queue.push(Key::Account(item.name.clone())),
            ("", "ServiceAccount") if gone && item.name == crate::account::ACCOUNT => {
                self.queue.push(Key::Account(item.namespace.clone()));
            }
            ("", "ConfigMap") if gone && item.name == crate::account::ROOT_CA => {
                self.queue.push(Key::Account(item.namespace.clone()));
            }
            _ => {}
        }
        if !item.namespace.is_empty() && state.namespace(&item.namespace).is_some_and(|ns| ns.deleting) {
            self.queue.push(Key::Namespace(item.namespace.clone()));
        }
    }

    /// Takes in what the server answered to a write, before the watch brings it.
    fn learn(&self, served: &Arc<Served>, object: &serde_json::Value) {
        if let Some(item) = Item::project(served, object) {
            let looks = self.lock().graph.apply(item);
            self.look(looks);
        }
    }
}

impl State {
    fn namespace(&self, name: &str) -> Option<&Item> {
        self.graph.find(self.discovery.kind("", "Namespace")?, "", name)
    }
}

impl Sink for Inner {
    fn discovered(&self, discovery: Arc<Discovery>) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.discovery, discovery.clone());
        for gone in before.kinds.iter().filter(|kind| !discovery.kinds.contains(kind)) {
            state.listed.remove(gone);
            state.graph.forget(gone);
        }
        if !before.kinds.is_empty() {
            // An owner's kind may be among the new ones.
            let looks = state.graph.unresolved();
            drop(state);
            self.look(looks);
        }
    }

    fn event(&self, served: &Arc<Served>, event: Event<Item>) {
        let mut state = self.lock();
        let looks = match event {
            Event::Listed(items) => {
                let came = items.clone();
                let (looks, gone) = state.graph.replace(served, items);
                came.iter().for_each(|item| self.notice(&state, item, false));
                gone.iter().for_each(|item| self.notice(&state, item, true));
                state.listed.insert(served.clone());
                if state.discovery.kinds.iter().filter(|kind| is_followed(kind)).all(|kind| state.listed.contains(kind))
                {
                    self.listed.notify_one();
                }
                looks
            }
            Event::Applied(item) => {
                self.notice(&state, &item, false);
                state.graph.apply(item)
            }
            Event::Deleted(item) => {
                let looks = state.graph.remove(&item.uid);
                self.notice(&state, &item, true);
                looks
            }
        };
        drop(state);
        self.look(looks);
    }
}

/// An error that only says that the object is no longer as it was read: nothing is wrong, it is looked at again.
fn is_stale(error: &Error) -> bool {
    error.class() == Class::Reread
}
