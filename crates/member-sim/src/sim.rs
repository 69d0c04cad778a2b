//! The loop: watches into the world, changes into keys, keys into plans, plans into requests.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::contain::restarting;
use client::{Api, Backoff, Class, Delete, Deletion, Error, Event, Metrics, Next, Propagation, Queue, Watch, retry};
use model::{Clock, Timestamp};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::object::{Progress, Uid};
use crate::option::{NodeSpec, Pace};
use crate::plan::event::Said;
use crate::world::{Change, Name, World};

mod disruption;
mod event;
mod known;
mod kubelet;
mod node;
mod scheduler;
mod service;
mod workload;

use known::SimulatedKind;

/// Objects worked on at the same time in one member. Requests stay in the process; more would only wait for the store.
const CONCURRENCY: usize = 16;
/// Pauses before a look that failed is repeated: the server is in the process, and most failures are lost races.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(30));
/// Its name in logs.
const NAME: &str = "member-sim";

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    Deployment(Name),
    ReplicaSet(Name),
    StatefulSet(Name),
    DaemonSet(Name),
    Job(Name),
    Service(Name),
    Budget(Name),
    /// A pod, as its node's kubelet and the node lifecycle see it.
    Pod(Name),
    Node(String),
    /// All pods that wait for a node.
    Schedule,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut named = |kind: &str, name: &Name| write!(f, "{kind} {}/{}", name.0, name.1);
        match self {
            Self::Deployment(name) => named("Deployment", name),
            Self::ReplicaSet(name) => named("ReplicaSet", name),
            Self::StatefulSet(name) => named("StatefulSet", name),
            Self::DaemonSet(name) => named("DaemonSet", name),
            Self::Job(name) => named("Job", name),
            Self::Service(name) => named("Service", name),
            Self::Budget(name) => named("PodDisruptionBudget", name),
            Self::Pod(name) => named("Pod", name),
            Self::Node(name) => write!(f, "Node {name}"),
            Self::Schedule => f.write_str("pods without a node"),
        }
    }
}

/// What simulated members are made of.
pub(crate) struct Config {
    pub(crate) api: Api,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) pace: Pace,
    pub(crate) seed: u64,
    pub(crate) version: String,
    pub(crate) events: bool,
}

/// What the kubelets keep in memory.
#[derive(Default)]
struct Local {
    /// When a pod was first seen in a progress, and whether it was being deleted.
    since: HashMap<Uid, (Progress, bool, Timestamp)>,
    /// Addresses given out.
    ips: BTreeMap<String, Uid>,
    /// Pods bound by us whose event is still to come.
    assumed: HashMap<Uid, String>,
    /// Nodes that are down, or that nobody here answers for, and since when.
    silent: BTreeMap<String, Timestamp>,
    /// Nodes that pods are bound to and that are not there, and since when.
    lost: BTreeMap<String, Timestamp>,
}

/// The behaviours of one member.
pub(crate) struct Sim {
    api: Api,
    clock: Arc<dyn Clock>,
    nodes: Vec<NodeSpec>,
    pace: Pace,
    seed: u64,
    version: String,
    world: Mutex<World>,
    local: Mutex<Local>,
    queue: Queue<Key>,
    listed: Notify,
    /// In a member that writes Events.
    speaker: Option<event::Speaker>,
    said: tokio::sync::Mutex<Option<mpsc::Receiver<Said>>>,
}

impl Sim {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let Config { api, clock, nodes, pace, seed, version, events } = config;
        let (world, local) = (Mutex::default(), Mutex::default());
        let queue = Queue::with(NAME, BACKOFF, retry::steady(), &Metrics::default());
        let listed = Notify::new();
        let (speaker, said) = if events { Some(event::Speaker::new()).unzip() } else { (None, None) };
        let said = tokio::sync::Mutex::new(said);
        Arc::new(Self { api, clock, nodes, pace, seed, version, world, local, queue, listed, speaker, said })
    }

    /// Works until the future is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        for node in &self.nodes {
            self.queue.add(Key::Node(node.name.clone()));
        }
        let work = async {
            // Deciding on half a world would make pods that are there already.
            self.listed.notified().await;
            self.queue.run(CONCURRENCY, CancellationToken::new(), |key| self.work(key)).await;
        };
        tokio::join!(
            self.follow::<crate::object::Node>(),
            self.follow::<crate::object::Pod>(),
            self.follow::<crate::object::ReplicaSet>(),
            self.follow::<crate::object::Deployment>(),
            self.follow::<crate::object::StatefulSet>(),
            self.follow::<crate::object::Revision>(),
            self.follow::<crate::object::DaemonSet>(),
            self.follow::<crate::object::Job>(),
            self.follow::<crate::object::Service>(),
            self.follow::<crate::object::Budget>(),
            self.follow::<crate::object::Slice>(),
            self.speak(),
            work,
        );
    }

    /// Writes what is said.
    async fn speak(&self) {
        if let Some(said) = self.said.lock().await.as_mut() {
            event::write(&self.api, &self.clock, said).await;
        }
    }

    /// Takes a node down or brings it back.
    pub(crate) fn set_node_down(&self, name: &str, down: bool) {
        let now = self.now();
        let mut local = self.local();
        if down {
            local.silent.entry(name.to_owned()).or_insert(now);
        } else {
            local.silent.remove(name);
        }
        drop(local);
        self.queue.add(Key::Node(name.to_owned()));
        let world = self.world();
        for pod in world.pods.all().filter(|pod| pod.node == name) {
            // Its kubelet starts afresh.
            self.local().since.remove(&pod.meta.uid);
            self.queue.add(Key::Pod(pod.meta.key()));
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow<T: SimulatedKind>(&self) {
        let sink = |event: Event<T>| {
            let mut world = self.world();
            let objects = T::objects(&mut world);
            // What a list brings is not new.
            let is_told = matches!(event, Event::Applied(..) | Event::Deleted(..));
            let changes = match event {
                Event::Listed(items, _) => objects.replace(items),
                Event::Applied(item, _) => objects.apply(item).into_iter().collect(),
                Event::Deleted(item, _) => objects.remove(&item).into_iter().collect(),
                // The watch goes on by itself.
                Event::Absent | Event::Refused(_) | Event::Lost(_) => return,
            };
            changes.iter().for_each(|change| self.notice(&world, change, is_told));
            if world.listed() {
                self.listed.notify_one();
            }
        };
        restarting(NAME, Metrics::default(), retry::steady(), || {
            Watch::of_own_server(self.api.clone(), T::resource().clone(), |object| T::read(&object)).follow(sink)
        })
        .await;
    }

    fn notice<T: SimulatedKind>(&self, world: &World, change: &Change<T>, is_told: bool) {
        if is_told && self.speaker.is_some() {
            self.record_events(T::happened(change, world));
        }
        if let (Some(old), None) = (&change.old, &change.new) {
            self.forget(&old.meta().uid);
        }
        T::wake(change, world, &mut |key| self.queue.add(key));
    }

    /// Forgets what was kept in memory of a pod that is gone. Takes the local lock: callers hold the world's at most.
    fn forget(&self, uid: &Uid) {
        let mut local = self.local();
        local.assumed.remove(uid);
        if local.since.remove(uid).is_some() {
            local.ips.retain(|_, owner| owner != uid);
        }
    }

    /// Takes in what the server answered to a write, before the watch brings it.
    fn learn<T: SimulatedKind>(&self, object: &Value) {
        let Some(item) = T::read(object) else { return };
        let mut world = self.world();
        if let Some(change) = T::objects(&mut world).apply(item) {
            self.notice(&world, &change, true);
        }
    }

    async fn create<T: SimulatedKind>(&self, namespace: &str, object: &Value) -> Result<(), Error> {
        let stored = self.api.create(T::resource(), namespace, object).await?;
        self.learn::<T>(&stored);
        Ok(())
    }

    /// Patches an object; one that is gone, or is another one by now, is left to the watch.
    async fn patch<T: SimulatedKind>(&self, name: &Name, part: &str, patch: &Value) -> Result<(), Error> {
        let stored = self.api.merge(&T::resource().target(&name.0, &name.1).part(part), patch).await?;
        self.learn::<T>(&stored);
        Ok(())
    }

    /// Deletes exactly this object; with a grace period of its own unless told otherwise.
    async fn delete<T: SimulatedKind>(&self, name: &Name, uid: &str, grace: Option<i64>) -> Result<(), Error> {
        let propagation = Some(Propagation::Background);
        let options = Delete { uid: Some(uid), grace_secs: grace, propagation, ..Delete::default() };
        match self.api.delete(&T::resource().target(&name.0, &name.1), &options).await? {
            Deletion::Going(object) => self.learn::<T>(&object),
            Deletion::Gone | Deletion::Absent => {
                let mut world = self.world();
                if let Some(change) = T::objects(&mut world).bury(name.clone(), &uid.into()) {
                    self.notice(&world, &change, true);
                }
            }
        }
        Ok(())
    }

    async fn work(&self, key: Key) -> Next {
        let next = match &key {
            Key::Deployment(name) => self.deployment(name).await,
            Key::ReplicaSet(name) => self.replica_set(name).await,
            Key::StatefulSet(name) => self.stateful_set(name).await,
            Key::DaemonSet(name) => self.daemon_set(name).await,
            Key::Job(name) => self.job(name).await,
            Key::Service(name) => self.service(name).await,
            Key::Budget(name) => self.budget(name).await,
            Key::Pod(name) => self.pod(name).await,
            Key::Node(name) => self.node(name).await,
            Key::Schedule => self.schedule().await,
        };
        next.unwrap_or_else(|error| {
            tracing::debug!(%error, "a behaviour looks again later");
            // What the server refuses for good is tried again when the object changes.
            if error.class() == Class::AwaitChange { Next::Wait } else { Next::Retry }
        })
    }
}

fn again(after: Option<std::time::Duration>) -> Next {
    after.map_or(Next::Wait, Next::After)
}
