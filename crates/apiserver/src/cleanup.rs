//! The end of a CRD: its objects go first, then the CRD itself.

use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use model::Reason;
use serde_json::Value;
use store::{Expect, Write};

use crate::crd::{CLEANUP, GROUP, RESOURCE};
use crate::registry::Definition;
use crate::state::{Current, State};
use crate::verb::{DeleteOptions, delete_entry};
use crate::{key, stored};

/// Pause before the first repetition: an overloaded store has written its queue by then.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause: a person may wait at the keyboard until the kind is gone.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Goes on with clean-ups that a restart interrupted.
pub(crate) fn resume(state: &Arc<State>) {
    for entry in state.held_definitions() {
        start(state, &entry.meta.name);
    }
}

/// Starts the clean-up of a CRD, unless one is under way. It is tried again until the CRD is gone, or the server closes.
pub(crate) fn start(state: &Arc<State>, crd: &str) {
    let mut running = state.cleanups.lock().unwrap_or_else(PoisonError::into_inner);
    if running.insert(crd.to_owned()) {
        tokio::spawn(repeat(Running { state: state.clone(), crd: crd.to_owned() }));
    }
}

/// A clean-up that is under way.
struct Running {
    state: Arc<State>,
    crd: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.cleanups.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.crd);
    }
}

async fn repeat(running: Running) {
    let Running { state, crd } = &running;
    let mut pause = PAUSE_MIN;
    loop {
        let why = match AssertUnwindSafe(cleanup(state, crd)).catch_unwind().await {
            Ok(Ok(())) => break,
            Ok(Err(why)) => why,
            Err(_) => {
                state.counters.panicked();
                "it panicked; this is a bug, see the server's log".to_owned()
            }
        };
        tracing::warn!(crd, why, "objects of a CustomResourceDefinition could not be cleaned up; it is tried again");
        tokio::select! {
            () = state.closing.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
    let (state, crd) = (state.clone(), crd.clone());
    drop(running);
    // A CRD of the same name that was made and deleted a moment ago found this clean-up under way.
    if !state.closing.is_cancelled() && state.held_definitions().iter().any(|entry| *entry.meta.name == *crd) {
        start(&state, &crd);
    }
}

/// Deletes the objects of a CRD, waits until those with finalizers are gone, then lets the CRD go.
async fn cleanup(state: &Arc<State>, crd: &str) -> Result<(), String> {
    let definition = state.registry().definition(crd).cloned();
    if let Some(Definition { kind, .. }) = definition {
        let prefix = key::prefix(&kind.group, &kind.names.plural, None);
        let range = key::below(&prefix, Bound::Unbounded);
        let Some(served) = state.registry().all().find(|s| s.resource.to_string() == crd) else {
            return Err("the kind is not served".to_owned());
        };
        let mut events = state.store.watch(range, state.store.revision()).map_err(|error| error.to_string())?;
        loop {
            let entries = state.entries(&prefix);
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let (bytes, object) = state.parse(&served, &entry).map_err(|s| s.message)?;
                let current = Current { entry, bytes, object };
                match delete_entry(state, &served, current, &DeleteOptions::default()).await {
                    Ok(_) => {}
                    Err(status) if status.is(Reason::NotFound) => {}
                    Err(status) => return Err(status.message),
                }
            }
            if state.entries(&prefix).is_empty() {
                break;
            }
            tokio::select! {
                () = state.closing.cancelled() => return Ok(()),
                event = events.next() => if event.is_none() {
                    return Err("the watch ended".to_owned());
                },
            }
        }
    }
    release(state, crd).await
}

/// Removes the finalizer; the CRD goes when it was the last.
async fn release(state: &Arc<State>, crd: &str) -> Result<(), String> {
    let key = key::object(GROUP, RESOURCE, "", crd);
    loop {
        let Some(entry) = state.store.snapshot().get(&key) else { return Ok(()) };
        let bytes = state.read(&entry).map_err(|s| s.message)?;
        let mut object: Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        let Some(list) = object.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut) else {
            return Ok(());
        };
        if !list.iter().any(|f| f == CLEANUP) {
            return Ok(());
        }
        list.retain(|f| f != CLEANUP);
        let value = if list.is_empty() { None } else { Some(stored::encode(&mut object)) };
        match state.write(Write { key: key.clone(), expect: Expect::At(entry.modified), value }).await {
            Ok(_) => return Ok(()),
            Err(store::WriteError::Unexpected { .. } | store::WriteError::Absent) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
