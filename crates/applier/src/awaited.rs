//! Objects of which something is wanted while a list has their bodies at hand.
//!
//! A process that starts has to compare every object that was applied before with what it would send. Lists bring the
//! bodies anyway; what no list brought in time is read one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Digest, ObjectKey, Uid};
use plan::apply::SeenState;
use plan::prepare::Bundle;
use plan::recall::{self, Answers, Recalled};
use serde_json::Value;

/// By object: the payload in which it is, and the UID that the inventory has.
type Wanted = HashMap<Arc<ObjectKey>, (Arc<Bundle>, Uid)>;

/// What is awaited.
#[derive(Default)]
pub(crate) struct Awaited(Mutex<Wanted>);

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, bundle: &Arc<Bundle>, key: &Arc<ObjectKey>, uid: &Uid) {
        self.lock().insert(Arc::clone(key), (Arc::clone(bundle), uid.clone()));
    }

    /// It is known now, or no longer wanted.
    pub(crate) fn remove(&self, key: &ObjectKey) {
        let mut awaited = self.lock();
        awaited.remove(key);
        if awaited.is_empty() {
            // Needed again after the next start only: 80 bytes of table per object otherwise stay for good.
            awaited.shrink_to_fit();
        }
    }

    /// What a body tells, if it is awaited. `state` is what is seen of it.
    pub(crate) fn recall(&self, key: &ObjectKey, live: &Value, state: &SeenState) -> Option<(Digest, Recalled)> {
        let (bundle, uid) = self.lock().get(key).cloned()?;
        let object = bundle.get(key)?;
        Some((object.digest, recall::plan(object, Some(&uid), live, state, Answers::default())))
    }
}
