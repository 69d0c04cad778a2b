//! Objects of which something is wanted while a list has their bodies at hand.
//!
//! A process that starts has to compare every object that was applied before with what it would send. Lists bring the
//! bodies anyway; what no list brought in time is read one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Digest, ObjectKey};
use plan::prepare::Prepared;
use plan::recall::{self, Recalled};
use serde_json::Value;

/// By object: what would be sent, and the UID that the inventory has.
type Wanted = HashMap<Arc<ObjectKey>, (Prepared, Option<String>)>;

/// What is awaited.
#[derive(Default)]
pub(crate) struct Awaited(Mutex<Wanted>);

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, object: &Prepared, uid: Option<&str>) {
        self.lock().insert(object.key.clone(), (object.clone(), uid.map(str::to_owned)));
    }

    /// It is known now, or no longer wanted.
    pub(crate) fn remove(&self, key: &ObjectKey) {
        let mut awaited = self.lock();
        awaited.remove(key);
        if awaited.is_empty() {
            // Needed again after the next start only: 450 bytes of table per object otherwise stay for good.
            awaited.shrink_to_fit();
        }
    }

    /// What a body tells, if it is awaited.
    pub(crate) fn recall(&self, key: &ObjectKey, live: &Value) -> Option<(Digest, Recalled)> {
        let (object, uid) = self.lock().get(key).cloned()?;
        Some((object.digest, recall::plan(&object, uid.as_deref(), live, None)))
    }
}
