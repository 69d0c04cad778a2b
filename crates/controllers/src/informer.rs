//! One watch per kind, shared by all controllers: the newest state of each object, and a call for each change.

mod index;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures::TryStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use index::Index;
use index::Objects;

/// Namespace (empty for cluster-scoped objects) and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// Makes a key.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The key of an object of this name in the same namespace.
    pub fn beside(&self, name: &str) -> Self {
        Self::new(self.namespace.clone(), name)
    }

    /// The key of an object.
    pub fn of(object: &impl ResourceExt) -> Self {
        Self::new(object.namespace().unwrap_or_default(), object.name_any())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

type Listener<K> = Box<dyn Fn(&Key, Option<&Arc<K>>) + Send + Sync>;

/// What is known, and how new it is.
struct State<K> {
    objects: Objects<K>,
    /// The newest revision that the watch has delivered, deletions included. What is older and not there was deleted.
    delivered: u64,
}

/// The newest known state of a kind.
pub struct Informer<K> {
    state: RwLock<State<K>>,
    listeners: RwLock<Vec<Listener<K>>>,
    synced: watch::Sender<bool>,
}

impl<K> Informer<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    /// Makes an informer that knows nothing yet.
    pub fn new() -> Arc<Self> {
        Self::indexed(Vec::new())
    }

    /// Makes an informer that knows nothing yet and finds objects by these indexes too.
    pub fn indexed(indexes: Vec<Index<K>>) -> Arc<Self> {
        Arc::new(Self {
            state: RwLock::new(State { objects: Objects::new(indexes), delivered: 0 }),
            listeners: RwLock::default(),
            synced: watch::Sender::new(false),
        })
    }

    fn state(&self) -> RwLockReadGuard<'_, State<K>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State<K>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls back for each change: the key, and the new state (`None`: deleted). Called on the informer's task: only
    /// add to a queue.
    pub fn on_change(&self, listener: impl Fn(&Key, Option<&Arc<K>>) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.state().objects.by_key().get(key).cloned()
    }

    /// All objects, in the order of their keys.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.state().objects.by_key().values().cloned().collect()
    }

    /// All objects of a namespace, in the order of their names.
    pub fn list_in(&self, namespace: &str) -> Vec<Arc<K>> {
        let from = Key::new(namespace, "");
        let state = self.state();
        let range = state.objects.by_key().range(from..);
        range.take_while(|(key, _)| key.namespace == namespace).map(|(_, object)| object.clone()).collect()
    }

    /// The objects that an index has under a term, in the order of their keys. Costs what it finds.
    pub fn by(&self, index: &str, term: &str) -> Vec<Arc<K>> {
        self.state().objects.by(index, term)
    }

    /// Waits until everything has been listed once.
    pub async fn synced(&self) {
        let mut synced = self.synced.subscribe();
        // The sender lives as long as `self`.
        let _ = synced.wait_for(|done| *done).await;
    }

    /// Has everything been listed once?
    pub fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    /// Takes over what a write returned, so that the writer's next look sees it even before the watch does. An older
    /// state is ignored, also one of an object that the watch has seen deleted since; listeners are not called.
    pub fn learn(&self, object: K) {
        let key = Key::of(&object);
        let mut state = self.state_mut();
        let known = state.objects.by_key().get(&key).map(|known| revision(known.as_ref()));
        if revision(&object) > known.unwrap_or(state.delivered) {
            state.objects.insert(key, Arc::new(object));
        }
    }

    /// Watches until shutdown. Errors are retried with back-off; the last known state stays. Nothing is called back after
    /// that: listeners look things up in other informers, which would keep each other alive.
    pub async fn run(self: Arc<Self>, api: Api<K>, shutdown: CancellationToken) {
        self.follow(api, shutdown).await;
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn follow(&self, api: Api<K>, shutdown: CancellationToken) {
        use kube::runtime::WatchStreamExt;
        let stream = watcher::watcher(api, watcher::Config::default()).default_backoff();
        let mut stream = std::pin::pin!(stream);
        let mut listing: Option<BTreeMap<Key, Arc<K>>> = None;
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = stream.try_next() => event,
            };
            match event {
                Ok(Some(Event::Init)) => listing = Some(BTreeMap::new()),
                Ok(Some(Event::InitApply(object))) => {
                    listing.get_or_insert_default().insert(Key::of(&object), Arc::new(object));
                }
                Ok(Some(Event::InitDone)) => {
                    self.replace(listing.take().unwrap_or_default());
                    self.synced.send_replace(true);
                }
                Ok(Some(Event::Apply(object))) => self.put(object),
                Ok(Some(Event::Delete(object))) => self.remove(&object),
                Ok(None) => return,
                Err(error) => tracing::debug!(kind = %K::kind(&()), %error, "watch interrupted"),
            }
        }
    }

    fn put(&self, object: K) {
        let key = Key::of(&object);
        let object = Arc::new(object);
        let known = {
            let mut state = self.state_mut();
            state.delivered = state.delivered.max(revision(object.as_ref()));
            match state.objects.by_key().get(&key) {
                // Learned from a write a moment ago, and still the newest.
                Some(known) if revision(known.as_ref()) >= revision(object.as_ref()) => known.clone(),
                _ => {
                    state.objects.insert(key.clone(), object.clone());
                    object
                }
            }
        };
        self.tell(&key, Some(&known));
    }

    fn remove(&self, object: &K) {
        let key = Key::of(object);
        {
            let mut state = self.state_mut();
            state.delivered = state.delivered.max(revision(object));
            let known = state.objects.by_key().get(&key);
            if known.is_some_and(|known| revision(known.as_ref()) > revision(object)) {
                // Made anew since, and learned from that write: the watch is about to say so too.
                return;
            }
            state.objects.remove(&key);
        }
        self.tell(&key, None);
    }

    fn replace(&self, listed: BTreeMap<Key, Arc<K>>) {
        let before = {
            let mut state = self.state_mut();
            let newest = listed.values().map(|object| revision(object.as_ref())).max().unwrap_or_default();
            state.delivered = state.delivered.max(newest);
            state.objects.replace(&listed)
        };
        for key in before.keys().filter(|key| !listed.contains_key(key)) {
            self.tell(key, None);
        }
        for (key, object) in &listed {
            self.tell(key, Some(object));
        }
    }

    fn tell(&self, key: &Key, object: Option<&Arc<K>>) {
        for listener in self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener(key, object);
        }
    }
}

/// A resource version as a number, as Kubernetes allows since 1.35 (KEP-5504) and every server that we meet has it.
fn revision(object: &impl ResourceExt) -> u64 {
    object.resource_version().and_then(|v| v.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
