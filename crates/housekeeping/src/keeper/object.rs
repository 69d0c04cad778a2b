//! Applies [`crate::collect::decide`]. Every write carries the version that the decision was made on.

use std::sync::Arc;

use client::{Delete, Error, Next};
use serde_json::{Value, json};

use super::{Inner, Key};
use crate::collect::{Dependent, OwnerState, Step, decide};
use crate::graph::{FOREGROUND, Item, ORPHAN, Owner, Uid};

impl Inner {
    pub(super) async fn collect(&self, uid: &Uid) -> Result<Next, Error> {
        let Some((known, dependents)) = self.with_dependents(uid) else { return Ok(Next::Wait) };
        if known.owners.is_empty() && !known.deleting {
            return Ok(Next::Wait);
        }
        let live = self.api.get_metadata(&known.target()).await?;
        let live = live.filter(|object| model::object::uid(object) == Some(&**uid));
        let Some((item, live)) = live.and_then(|live| Some((Item::project(&known.resource, &live)?, live))) else {
            let looks = self.lock().graph.remove(uid);
            self.queue_objects(looks);
            return Ok(Next::Wait);
        };
        let mut owners = Vec::with_capacity(item.owners.len());
        for owner in &item.owners {
            owners.push(self.owner_state(&item, owner).await?);
        }
        for step in decide(&item, &owners, &dependents) {
            self.step(&item, &live, step).await?;
        }
        Ok(Next::Wait)
    }

    /// An object and what depends on it, as the graph has them.
    fn with_dependents(&self, uid: &Uid) -> Option<(Item, Vec<Dependent>)> {
        let state = self.lock();
        let item = state.graph.get(uid)?.clone();
        let seen_from_here = |d: &Item| Dependent {
            uid: d.uid.clone(),
            blocks: d.owners.iter().any(|o| o.uid == *uid && o.blocks),
            deleting: d.deleting,
            waiting: d.waiting(),
            circle: item.waiting() && state.graph.waits_for(&d.uid, uid),
        };
        let dependents = state.graph.dependents(uid).map(seen_from_here).collect();
        Some((item, dependents))
    }

    async fn owner_state(&self, item: &Item, owner: &Owner) -> Result<OwnerState, Error> {
        let resource = {
            let state = self.lock();
            // A namespaced owner counts only in the dependent's own namespace.
            let here = |o: &&Item| o.namespace.is_empty() || o.namespace == item.namespace;
            if let Some(known) = state.graph.get(&owner.uid).filter(here) {
                return Ok(if known.waiting() { OwnerState::Waiting } else { OwnerState::Present });
            }
            if state.absent.contains(&owner.uid) && state.graph.get(&owner.uid).is_none() {
                return Ok(OwnerState::Gone);
            }
            match state.served.kind(&owner.group, &owner.kind) {
                Some(resource) if !(resource.namespaced && item.namespace.is_empty()) => resource.clone(),
                _ => return Ok(OwnerState::Unknown),
            }
        };
        let namespace = if resource.namespaced { item.namespace.as_str() } else { "" };
        let found = self.api.get_metadata(&resource.target(namespace, &owner.name)).await?;
        let found = found.and_then(|object| Item::project(&resource, &object)).filter(|found| found.uid == owner.uid);
        Ok(match found {
            Some(found) if found.waiting() => OwnerState::Waiting,
            Some(_) => OwnerState::Present,
            None => {
                self.lock().absent.insert(owner.uid.clone());
                OwnerState::Gone
            }
        })
    }

    async fn step(&self, item: &Item, live: &Value, step: Step) -> Result<(), Error> {
        match step {
            Step::Release(dependent) => {
                self.edit_owners(&dependent, |o| release(o, std::slice::from_ref(&item.uid))).await
            }
            Step::Unblock(dependent) => self.edit_owners(&dependent, |o| unblock(o, &item.uid)).await,
            Step::Look(dependent) => {
                self.queue.add(Key::Object(dependent));
                Ok(())
            }
            Step::EndOrphan => self.end(item, live, ORPHAN).await,
            Step::EndForeground => self.end(item, live, FOREGROUND).await,
            Step::Disown(gone) => self.patch_owners(item, live, |owners| release(owners, &gone)).await,
            Step::Delete(policy) => {
                tracing::debug!(object = item.name, kind = %item.resource, policy = policy.as_str(), "its owners are gone");
                self.api.delete(&item.target(), &Delete::exactly(live).propagation(policy)).await.map(drop)
            }
        }
    }

    /// Removes one finalizer.
    async fn end(&self, item: &Item, live: &Value, finalizer: &str) -> Result<(), Error> {
        let mut rest = model::object::get(live, &["metadata", "finalizers"]).cloned().unwrap_or_else(|| json!([]));
        if let Some(list) = rest.as_array_mut() {
            list.retain(|f| f.as_str() != Some(finalizer));
        }
        self.patch(item, live, json!({"finalizers": rest})).await
    }

    async fn edit_owners(&self, uid: &Uid, edit: impl Fn(&mut Vec<Value>)) -> Result<(), Error> {
        let Some((item, _)) = self.with_dependents(uid) else { return Ok(()) };
        let Some(live) = self.api.get_metadata(&item.target()).await? else { return Ok(()) };
        if model::object::uid(&live) != Some(&**uid) {
            return Ok(());
        }
        self.patch_owners(&item, &live, edit).await
    }

    async fn patch_owners(&self, item: &Item, live: &Value, edit: impl Fn(&mut Vec<Value>)) -> Result<(), Error> {
        let owners = model::object::get(live, &["metadata", "ownerReferences"]).and_then(Value::as_array);
        let before = owners.cloned().unwrap_or_default();
        let mut after = before.clone();
        edit(&mut after);
        if after == before {
            return Ok(());
        }
        self.patch(item, live, json!({"ownerReferences": after})).await
    }

    /// Patches metadata of exactly the version that was read.
    async fn patch(&self, item: &Item, live: &Value, mut metadata: Value) -> Result<(), Error> {
        let meta = |field: &str| model::object::get(live, &["metadata", field]).cloned().unwrap_or_default();
        metadata["uid"] = meta("uid");
        metadata["resourceVersion"] = meta("resourceVersion");
        self.api.merge(&item.target(), &json!({"metadata": metadata})).await.map(drop)
    }
}

fn release(owners: &mut Vec<Value>, uids: &[Arc<str>]) {
    owners.retain(|owner| !uids.iter().any(|uid| owner["uid"] == **uid));
}

fn unblock(owners: &mut [Value], uid: &Uid) {
    owners
        .iter_mut()
        .filter(|owner| owner["uid"] == **uid)
        .for_each(|owner| owner["blockOwnerDeletion"] = json!(false));
}
