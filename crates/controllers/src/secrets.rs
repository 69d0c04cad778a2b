//! Which Secrets there are and when they changed. Only names and versions are kept; content is read when it is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use client::contain::call_each;
use client::{Api, Event, NamespacedName, Resource, Selection, Watch};
use k8s_openapi::api::core::v1::Secret;
use model::object;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

type Listener = Box<dyn Fn(&NamespacedName) + Send + Sync>;

/// Versions of all Secrets of the hub.
pub struct SecretVersions {
    versions: RwLock<BTreeMap<NamespacedName, String>>,
    listeners: RwLock<Vec<Listener>>,
    synced: watch::Sender<bool>,
}

impl SecretVersions {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { versions: RwLock::default(), listeners: RwLock::default(), synced: watch::Sender::new(false) })
    }

    /// The version of a Secret; `None` when it does not exist.
    pub(crate) fn version(&self, key: &NamespacedName) -> Option<String> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Calls back for each Secret that changed, came or went.
    pub(crate) fn on_change(&self, listener: impl Fn(&NamespacedName) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    pub(crate) fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    pub(crate) async fn synced(&self) {
        // The sender lives as long as `self`.
        let _ = self.synced.subscribe().wait_for(|done| *done).await;
    }

    /// Watches until shutdown; nothing is called back after that. Only metadata is asked for.
    pub(crate) async fn run(self: Arc<Self>, api: Api, shutdown: CancellationToken) {
        let project = |secret| {
            let version = object::resource_version(&secret).unwrap_or_default().to_owned();
            Some((NamespacedName::of_value(&secret), version))
        };
        let watch = Watch::new(api, Arc::new(Resource::typed::<Secret>()), project).selection(Selection::metadata());
        // A listener that panicked ended the run before: the first list tells of everything.
        let mut all = true;
        let on_event = |event| {
            let is_list = matches!(event, Event::Listed(..));
            self.on_event(event, all);
            all &= !is_list;
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = watch.follow(on_event) => {}
        }
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes in what the watch says. `all`: a list tells of Secrets that are as they were, too.
    fn on_event(&self, event: Event<(NamespacedName, String)>, all: bool) {
        match event {
            Event::Listed(listed, _) => {
                self.replace(listed.into_iter().collect(), all);
                self.synced.send_replace(true);
            }
            Event::Applied((name, version), _) => self.note_version(name, Some(version)),
            Event::Deleted((name, _), _) => self.note_version(name, None),
            Event::Absent => {}
            Event::Refused(error) => tracing::warn!(%error, "Secrets are not shown"),
            Event::Lost(error) => tracing::debug!(%error, "the watch of Secrets was interrupted"),
        }
    }

    fn replace(&self, listed: BTreeMap<NamespacedName, String>, all: bool) {
        let before = std::mem::replace(&mut *self.versions.write().unwrap_or_else(PoisonError::into_inner), listed);
        let now = self.versions.read().unwrap_or_else(PoisonError::into_inner).clone();
        let gone = before.keys().filter(|key| !now.contains_key(*key));
        let other = now.iter().filter(|(key, version)| all || before.get(*key) != Some(*version)).map(|(key, _)| key);
        call_each(gone.chain(other), |key| self.tell_listeners(key));
    }

    fn note_version(&self, key: NamespacedName, version: Option<String>) {
        {
            let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
            match version {
                Some(version) => drop(versions.insert(key.clone(), version)),
                None => drop(versions.remove(&key)),
            }
        }
        self.tell_listeners(&key);
    }

    fn tell_listeners(&self, key: &NamespacedName) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        call_each(listeners.iter(), |listener| listener(key));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_listener_that_panics_keeps_no_other_from_being_called_and_the_next_run_tells_of_everything() {
        let secrets = SecretVersions::new();
        let (broken, told) = (AtomicBool::new(true), Arc::new(Mutex::new(Vec::new())));
        secrets.on_change(move |_| assert!(!broken.swap(false, Ordering::SeqCst), "a bug"));
        let seen = told.clone();
        secrets.on_change(move |key| seen.lock().unwrap().push(key.name.clone()));
        let listed = || Event::Listed(vec![(NamespacedName::new("n", "a"), "1".to_owned())], None);
        let run = std::panic::AssertUnwindSafe(|| secrets.on_event(listed(), true));
        assert!(std::panic::catch_unwind(run).is_err());
        assert!(!secrets.is_synced());
        secrets.on_event(listed(), true);
        secrets.on_event(listed(), false);
        assert_eq!(*told.lock().unwrap(), ["a", "a"]);
        assert!(secrets.is_synced());
    }
}
