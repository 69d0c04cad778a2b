//! Objects of which something is wanted while a list has their bodies at hand.
//!
//! A process that starts has to compare every object that was applied before with what it would send. Lists bring the
//! bodies anyway; what no list brought in time is read one by one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Digest, HashedKey, KeyMap, Uid};
use plan::apply::SeenState;
use plan::prepare::Bundle;
use plan::recall::{self, Answers, Recalled};
use serde_json::Value;

/// By object: the payload in which it is, and the UID that the inventory has.
type ByKey = KeyMap<(Arc<Bundle>, Uid)>;

/// What is awaited of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    /// How it compares with what has this digest.
    Digest(Digest),
    /// The same, of an object with another UID.
    OtherUid,
}

/// What a body told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Of which digest, and what.
    pub(crate) told: (Digest, Recalled),
    /// It is the object that the inventory has, and not one that was made in its place.
    pub(crate) is_of_recorded_uid: bool,
}

/// What is awaited.
#[derive(Default)]
pub(crate) struct Awaited(Mutex<ByKey>);

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, ByKey> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, bundle: &Arc<Bundle>, key: &Arc<HashedKey>, uid: &Uid) {
        self.lock().insert(Arc::clone(key), (Arc::clone(bundle), uid.clone()));
    }

    /// It is known now, or no longer wanted.
    pub(crate) fn remove(&self, key: &HashedKey) {
        let mut awaited = self.lock();
        awaited.remove(key);
        if awaited.is_empty() {
            // Needed again after the next start only: 80 bytes of table per object otherwise stay for good.
            awaited.shrink_to_fit();
        }
    }

    /// What is awaited of an object with this UID.
    pub(crate) fn wanted(&self, key: &HashedKey, uid: &Uid) -> Wanted {
        let awaited = self.lock();
        let Some((bundle, recorded)) = awaited.get(key) else { return Wanted::Nothing };
        match bundle.get(key) {
            None => Wanted::Nothing,
            Some(_) if recorded != uid => Wanted::OtherUid,
            Some(object) => Wanted::Digest(object.digest),
        }
    }

    /// What a body tells, if it is awaited. `state` is what is seen of it.
    pub(crate) fn recall(&self, key: &HashedKey, live: &Value, state: &SeenState) -> Option<Told> {
        let (bundle, uid) = self.lock().get(key).cloned()?;
        let object = bundle.get(key)?;
        let recalled = recall::plan(object, Some(&uid), live, state, Answers::default());
        let is_of_recorded_uid = model::object::uid(live).is_some_and(|live| Uid::from(live) == uid);
        Some(Told { told: (object.digest, recalled), is_of_recorded_uid })
    }
}
