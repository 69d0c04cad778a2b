//! Which Secrets there are and when they changed. Only names and versions are kept; content is read when it is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::informer::Key;

type Listener = Box<dyn Fn(&Key) + Send + Sync>;

/// Versions of all Secrets of the hub.
pub struct SecretVersions {
    versions: RwLock<BTreeMap<Key, String>>,
    listeners: RwLock<Vec<Listener>>,
    synced: watch::Sender<bool>,
}

impl SecretVersions {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { versions: RwLock::default(), listeners: RwLock::default(), synced: watch::Sender::new(false) })
    }

    /// The version of a Secret; `None` when it does not exist.
    pub(crate) fn version(&self, key: &Key) -> Option<String> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Calls back for each Secret that changed, came or went.
    pub(crate) fn on_change(&self, listener: impl Fn(&Key) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    pub(crate) fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    pub(crate) async fn synced(&self) {
        // The sender lives as long as `self`.
        let _ = self.synced.subscribe().wait_for(|done| *done).await;
    }

    /// Watches until shutdown; nothing is called back after that.
    pub(crate) async fn run(self: Arc<Self>, client: Client, shutdown: CancellationToken) {
        self.follow(client, shutdown).await;
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn follow(&self, client: Client, shutdown: CancellationToken) {
        let api: Api<PartialObjectMeta<Secret>> = Api::all(client);
        let stream = watcher::watcher(api, watcher::Config::default()).default_backoff();
        let mut stream = std::pin::pin!(stream);
        let mut listing = BTreeMap::new();
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = stream.try_next() => event,
            };
            match event {
                Ok(Some(Event::Init)) => listing.clear(),
                Ok(Some(Event::InitApply(secret))) => {
                    listing.insert(Key::of(&secret), secret.resource_version().unwrap_or_default());
                }
                Ok(Some(Event::InitDone)) => {
                    self.replace(std::mem::take(&mut listing));
                    self.synced.send_replace(true);
                }
                Ok(Some(Event::Apply(secret))) => {
                    self.put(Key::of(&secret), Some(secret.resource_version().unwrap_or_default()));
                }
                Ok(Some(Event::Delete(secret))) => self.put(Key::of(&secret), None),
                Ok(None) => return,
                Err(error) => tracing::debug!(%error, "watch of Secrets interrupted"),
            }
        }
    }

    fn replace(&self, listed: BTreeMap<Key, String>) {
        let before = std::mem::replace(&mut *self.versions.write().unwrap_or_else(PoisonError::into_inner), listed);
        let now = self.versions.read().unwrap_or_else(PoisonError::into_inner).clone();
        let gone = before.keys().filter(|key| !now.contains_key(*key));
        let other = now.iter().filter(|(key, version)| before.get(*key) != Some(*version)).map(|(key, _)| key);
        gone.chain(other).for_each(|key| self.tell(key));
    }

    fn put(&self, key: Key, version: Option<String>) {
        {
            let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
            match version {
                Some(version) => drop(versions.insert(key.clone(), version)),
                None => drop(versions.remove(&key)),
            }
        }
        self.tell(&key);
    }

    fn tell(&self, key: &Key) {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|listener| listener(key));
    }
}
