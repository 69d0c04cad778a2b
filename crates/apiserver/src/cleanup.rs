//! The end of a CRD: its objects go first, then the CRD itself.

use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use model::Reason;
use serde_json::Value;
use store::{Expect, Write};

use crate::crd::{CLEANUP, GROUP, RESOURCE};
use crate::registry::Definition;
use crate::state::{Current, State};
use crate::verb::{DeleteOptions, delete_entry};
use crate::{key, stored};

/// Goes on with clean-ups that a restart interrupted.
pub(crate) fn resume(state: &Arc<State>) {
    for entry in state.held_definitions() {
        start(state, &entry.meta.name);
    }
}

/// Starts the clean-up of a CRD, unless one is under way.
pub(crate) fn start(state: &Arc<State>, crd: &str) {
    let mut running = state.cleanups.lock().unwrap_or_else(PoisonError::into_inner);
    if !running.insert(crd.to_owned()) {
        return;
    }
    let (state, crd) = (state.clone(), crd.to_owned());
    tokio::spawn(async move {
        if let Err(why) = cleanup(&state, &crd).await {
            tracing::warn!(
                crd,
                why,
                "objects of a CustomResourceDefinition could not be cleaned up; a restart tries again"
            );
        }
        state.cleanups.lock().unwrap_or_else(PoisonError::into_inner).remove(&crd);
    });
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
