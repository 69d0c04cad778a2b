//! The newest known state of a kind, shared by all who read it: found by name and by index, with a call for each change.
//!
//! One watch fills it. Kinds with a Rust type are read into that ([`Store::typed`]); kinds that are known only at run time
//! stay JSON ([`Store::dynamic`]).

mod index;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kinds::Wire;
use kube::ResourceExt;
use model::Weigh;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::contain::call_each;
use crate::resource::Resource;
use crate::watch::{Event, Position, Watch};
pub use index::Index;
use index::Objects;

/// Namespace (empty for cluster-scoped objects) and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedName {
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl NamespacedName {
    /// Makes one.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// That of an object of this name in the same namespace.
    pub fn beside(&self, name: &str) -> Self {
        Self::new(self.namespace.clone(), name)
    }

    /// That of a typed object.
    pub fn of(object: &impl ResourceExt) -> Self {
        Self::new(object.namespace().unwrap_or_default(), object.name_any())
    }

    /// That of a JSON object.
    pub fn of_value(object: &Value) -> Self {
        let namespace = model::object::namespace(object).unwrap_or_default();
        Self::new(namespace, model::object::name(object).unwrap_or_default())
    }
}

impl Weigh for NamespacedName {
    fn weight(&self) -> usize {
        self.namespace.weight() + self.name.weight()
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// How objects of a kind are read.
struct Reader<K> {
    /// Makes an object of its JSON; `None` when it does not have the form.
    parse: fn(Value) -> Option<K>,
    /// Takes off what is not kept of an object that came from a write.
    trim: fn(&mut K),
    /// Its name, and its resourceVersion as text.
    identify: fn(&K) -> (NamespacedName, Option<String>),
}

type Listener<K> = Box<dyn Fn(&NamespacedName, Option<&Arc<K>>) + Send + Sync>;

/// An object and how new it is.
struct Entry<K> {
    object: Arc<K>,
    revision: u64,
    /// Do listeners know this state? They do not know what was learned from a write until the watch delivers it.
    told: bool,
}

/// What is known, and how new it is.
struct State<K> {
    objects: Objects<K>,
    /// The newest revision that the watch has delivered, deletions included. What is older and not there was deleted.
    delivered: u64,
}

/// The newest known state of a kind.
pub struct Store<K> {
    resource: Arc<Resource>,
    reader: Reader<K>,
    state: RwLock<State<K>>,
    listeners: RwLock<Vec<Listener<K>>>,
    synced: watch::Sender<bool>,
}

impl<K> Store<K>
where
    K: kube::Resource<DynamicType = ()> + Wire + Send + Sync + 'static,
    K::Scope: 'static,
{
    /// A store of a Rust type that knows nothing yet, and finds objects by these indexes too.
    pub fn typed(indexes: Vec<Index<K>>) -> Arc<Self> {
        let reader = Reader {
            parse: |value| K::from_json(value).ok(),
            trim: |_| {},
            identify: |object: &K| (NamespacedName::of(object), object.resource_version()),
        };
        Self::new(Arc::new(Resource::typed::<K>()), reader, indexes)
    }

    /// The same without `metadata.managedFields`, which take several times the memory of all else: a small map for each
    /// object in an object. A write of what is found here must not rely on them: to a server, an object without them
    /// says nothing of them.
    pub fn without_managed_fields(indexes: Vec<Index<K>>) -> Arc<Self> {
        let reader = Reader {
            parse: |mut value| {
                model::object::remove(&mut value, &["metadata", "managedFields"]);
                K::from_json(value).ok()
            },
            trim: |object: &mut K| object.meta_mut().managed_fields = None,
            identify: |object: &K| (NamespacedName::of(object), object.resource_version()),
        };
        Self::new(Arc::new(Resource::typed::<K>()), reader, indexes)
    }
}

impl Store<Value> {
    /// A store of a kind that is known only at run time.
    pub fn dynamic(resource: Arc<Resource>, indexes: Vec<Index<Value>>) -> Arc<Self> {
        let reader = Reader {
            parse: Some,
            trim: |_| {},
            identify: |object: &Value| {
                let version = model::object::resource_version(object).map(str::to_owned);
                (NamespacedName::of_value(object), version)
            },
        };
        Self::new(resource, reader, indexes)
    }
}

impl<K: Send + Sync + 'static> Store<K> {
    fn new(resource: Arc<Resource>, reader: Reader<K>, indexes: Vec<Index<K>>) -> Arc<Self> {
        let state = RwLock::new(State { objects: Objects::new(indexes), delivered: 0 });
        let synced = watch::Sender::new(false);
        Arc::new(Self { resource, reader, state, listeners: RwLock::default(), synced })
    }

    fn state(&self) -> RwLockReadGuard<'_, State<K>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State<K>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kind.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// Calls back for each change: the name, and the new state (`None`: deleted). Called on the watch's task: only add to
    /// a queue.
    pub fn on_change(&self, listener: impl Fn(&NamespacedName, Option<&Arc<K>>) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    /// One object.
    pub fn get(&self, name: &NamespacedName) -> Option<Arc<K>> {
        self.state().objects.by_name().get(name).map(|entry| entry.object.clone())
    }

    /// All objects, in the order of their names.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.state().objects.by_name().values().map(|entry| entry.object.clone()).collect()
    }

    /// All objects of a namespace, in the order of their names.
    pub fn list_in(&self, namespace: &str) -> Vec<Arc<K>> {
        let from = NamespacedName::new(namespace, "");
        let state = self.state();
        let range = state.objects.by_name().range(from..);
        range.take_while(|(name, _)| name.namespace == namespace).map(|(_, entry)| entry.object.clone()).collect()
    }

    /// The objects that an index has under a term, in the order of their names. Costs what it finds.
    pub fn by_index(&self, index: &str, term: &str) -> Vec<Arc<K>> {
        self.state().objects.by_term(index, term)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.state().objects.by_name().len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
    /// state is ignored, also one of an object that the watch has seen deleted since. Listeners are called when the watch
    /// delivers it, as an event or in a list.
    pub fn learn(&self, mut object: K) {
        (self.reader.trim)(&mut object);
        let (name, version) = (self.reader.identify)(&object);
        let revision = number(version.as_deref());
        let mut state = self.state_mut();
        let known = state.objects.by_name().get(&name).map(|known| known.revision);
        if revision > known.unwrap_or(state.delivered) {
            state.objects.insert(name, Entry { object: Arc::new(object), revision, told: false });
        }
    }

    /// A watch that fills this store: what [`Store::run`] takes. Stores are of the hub's own API, and keep what it keeps. Narrow it or change its back-off before.
    pub fn watch(&self, api: Api) -> Watch<K> {
        let (parse, kind) = (self.reader.parse, self.resource.clone());
        Watch::of_own_server(api, self.resource.clone(), move |value| {
            let name = NamespacedName::of_value(&value);
            let object = parse(value);
            if object.is_none() {
                // One bad object stops only itself.
                tracing::warn!(%kind, %name, "an object does not have the form of its kind, and is passed over");
            }
            object
        })
    }

    /// Follows the kind until shutdown. The last known state stays while the server does not answer. Nothing is called
    /// back after that: listeners look things up in other stores, and stores would keep each other alive.
    ///
    /// A listener that panics ends it, and keeps no other listener from being called. Begun again, it tells of everything
    /// that is listed: see [`crate::contain::restarting`].
    pub async fn run(&self, mut watch: Watch<K>, shutdown: CancellationToken) {
        self.state_mut().objects.for_each_mut(|entry| entry.told = false);
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => break,
                event = watch.next() => event,
            };
            self.apply_event(event);
        }
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Applies an event of a watch.
    pub fn apply_event(&self, event: Event<K>) {
        match event {
            Event::Listed(objects, position) => {
                self.replace(objects, position);
                self.synced.send_replace(true);
            }
            Event::Applied(object, _) => self.put_object(object),
            Event::Deleted(object, _) => self.remove_object(&object),
            Event::Absent => tracing::debug!(kind = %self.resource, "the server does not serve this kind"),
            Event::Refused(error) => {
                tracing::warn!(kind = %self.resource, %error, "the server does not show this kind");
            }
            Event::Lost(error) => tracing::debug!(kind = %self.resource, %error, "the server cannot be reached"),
        }
    }

    fn identify(&self, object: &K) -> (NamespacedName, u64) {
        let (name, version) = (self.reader.identify)(object);
        (name, number(version.as_deref()))
    }

    /// Puts in an object that a watch delivered, unless a write has shown a newer state.
    fn put_object(&self, object: K) {
        let (name, revision) = self.identify(&object);
        let object = Arc::new(object);
        let newest = {
            let mut state = self.state_mut();
            state.delivered = state.delivered.max(revision);
            match state.objects.get_mut(&name) {
                // Learned from a write a moment ago, and still the newest.
                Some(known) if known.revision >= revision => {
                    known.told = true;
                    known.object.clone()
                }
                _ => {
                    state.objects.insert(name.clone(), Entry { object: object.clone(), revision, told: true });
                    object
                }
            }
        };
        self.tell_listeners(&name, Some(&newest));
    }

    /// Removes an object that a watch saw deleted, unless it was made again since.
    fn remove_object(&self, object: &K) {
        let (name, revision) = self.identify(object);
        {
            let mut state = self.state_mut();
            state.delivered = state.delivered.max(revision);
            if state.objects.by_name().get(&name).is_some_and(|known| known.revision > revision) {
                // Made again since, and learned from that write: the watch is about to say so too.
                return;
            }
            state.objects.remove(&name);
        }
        self.tell_listeners(&name, None);
    }

    /// Takes a whole list. Listeners are called for what is new, changed or gone, and for what this process wrote and the
    /// watch has not delivered before. What was learned from a write that is newer than the list stays: the watch delivers
    /// it next.
    fn replace(&self, listed: Vec<K>, position: Position) {
        let changed = {
            let mut state = self.state_mut();
            let mut next = BTreeMap::new();
            let mut newest = position.unwrap_or_default();
            for object in listed {
                let (name, revision) = self.identify(&object);
                newest = newest.max(revision);
                next.insert(name, Entry { object: Arc::new(object), revision, told: true });
            }
            state.delivered = state.delivered.max(newest);
            let mut changed: BTreeMap<NamespacedName, Option<Arc<K>>> =
                next.iter().map(|(name, entry)| (name.clone(), Some(entry.object.clone()))).collect();
            for (name, known) in state.objects.take_all() {
                match next.get(&name) {
                    Some(entry) if known.revision < entry.revision => {}
                    // Learned from a write, and delivered now.
                    Some(entry) if known.revision == entry.revision && !known.told => {}
                    // Gone.
                    None if known.revision <= newest => drop(changed.insert(name, None)),
                    // The same, or newer than the list.
                    _ => {
                        changed.remove(&name);
                        next.insert(name, known);
                    }
                }
            }
            next.into_iter().for_each(|(name, entry)| state.objects.insert(name, entry));
            changed
        };
        call_each(&changed, |(name, object)| self.tell_listeners(name, object.as_ref()));
    }

    fn tell_listeners(&self, name: &NamespacedName, object: Option<&Arc<K>>) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        call_each(listeners.iter(), |listener| listener(name, object));
    }
}

/// A resourceVersion as a number, as Kubernetes allows since 1.35 (KEP-5504) and every server that we meet has it.
fn number(version: Option<&str>) -> u64 {
    version.and_then(|version| version.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
