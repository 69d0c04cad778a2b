//! Namespaces that this hub made, and whose unit left before the last object in them.
//!
//! A Namespace in which another unit has something is not deleted when the unit that made it leaves: it is given back, with a proof
//! on it that this hub made it. A unit that leaves takes such Namespaces over first, of those that it has something in, and then
//! does with them what it does with its own: the last one to leave deletes them, and none takes along what others made. What
//! another hub or unit has adopted since is theirs, and a list that a person agreed to has no more in it than was shown. The proof
//! is of the Namespace's UID, so that nobody can put it on another one.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::delivery::{Removal, label};
use client::{Class, Resource};
use model::{HashedKey, ObjectKey, Uid, object};
use plan::inventory::{self, Entry};
use serde_json::{Value, json};

use crate::error::Error;
use crate::shard::InventoryOwner;

use super::Pass;

/// Adds the proof to the patch by which a Namespace is given back.
pub(super) fn mark(patch: &mut Value, live: &Value, owner: &InventoryOwner) {
    let Some(uid) = object::uid(live) else { return };
    let proof = owner.key.sign_left(&owner.hub, &owner.cluster, uid);
    patch["metadata"]["annotations"][label::LEFT_BEHIND] = json!(proof);
}

/// Did this hub make the Namespace, and leave it, and has it no other owner since? A hub or unit that adopts it takes no
/// annotation off.
fn is_left(live: &Value, owner: &InventoryOwner) -> bool {
    if [label::HUB, label::APPLYSET_PART_OF].iter().any(|key| object::label(live, key).is_some()) {
        return false;
    }
    let (uid, proof) = (object::uid(live), object::annotation(live, label::LEFT_BEHIND));
    uid.zip(proof).is_some_and(|(uid, proof)| owner.key.verifies_left(&owner.hub, &owner.cluster, uid, proof))
}

impl Pass {
    /// Takes over the Namespaces that were left, of those in which the unit has something. One that a person was shown no list
    /// with stays as it is: it is marked, for the next unit that leaves.
    pub(super) async fn inherit(&mut self) -> Result<(), Error> {
        if self.entry.removal != Removal::Prune || self.unit.past.has_inherited {
            return Ok(());
        }
        let entries = self.unit.inventory.entries().keys();
        let names: BTreeSet<String> =
            entries.map(|key| key.namespace.clone()).filter(|name| !name.is_empty()).collect();
        for name in names {
            let key: Arc<HashedKey> = ObjectKey { kind: "Namespace".into(), name, ..ObjectKey::default() }.into();
            if self.connection.ctx.rights.lack(&key).is_some() || !self.may_inherit(&key) {
                continue;
            }
            // It stays behind, as it would without an heir, and is not tried again: that would be written in each pass.
            if let Err(e) = self.take_over(&key).await? {
                tracing::warn!(object = %key, unit = %self.unit.id, error = %e, "not taken over");
            }
        }
        self.unit.past.has_inherited = true;
        Ok(())
    }

    /// Another unit that has it, or wants it, does with it what its own policy says.
    fn may_inherit(&self, key: &Arc<HashedKey>) -> bool {
        let is_shown = self.entry.shown.as_ref().is_none_or(|shown| shown.contains(key));
        let is_adopted = self.unit.inventory.get(key).is_some_and(|entry| entry.adopted);
        is_shown && !is_adopted && !self.connection.view().claims.units(key).any(|unit| *unit != self.unit.id)
    }

    /// Takes over one Namespace, if it was left. The inner error is why it stays behind; the outer one ends the pass.
    async fn take_over(&mut self, key: &Arc<HashedKey>) -> Result<Result<(), Error>, Error> {
        const VERSION: &str = "v1";
        let (resource, live) = match self.recorded(key, VERSION).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(())),
            Err(e) => return self.stays_behind(e),
        };
        if !is_left(&live, &self.connection.owner) || object::is_deleting(&live) {
            return Ok(Ok(()));
        }
        let uid = object::uid(&live).map(Uid::from);
        match self.unit.inventory.get(key) {
            // It is on record before it is marked as ours.
            None => {
                let entry = Entry { version: VERSION.into(), uid, ..Entry::default() };
                self.unit.inventory.put_entry(Arc::clone(key), entry);
            }
            // It was recorded, and the process ended before the patch.
            Some(entry) if entry.uid == uid => {}
            Some(_) => return Ok(Ok(())),
        }
        self.save().await?;
        match self.mark_as_ours(key, &resource, &live).await {
            // The next pass watches it, so that its end is seen.
            Ok(()) => self.again = true,
            Err(e) => {
                // What may have arrived stays recorded: if it has, the Namespace is ours, and goes with the unit.
                if !e.is_ambiguous() {
                    self.unit.inventory.remove(key);
                }
                return self.stays_behind(e);
            }
        }
        Ok(Ok(()))
    }

    /// What becomes of a Namespace that could not be taken over. What passes by itself is tried again, for as long as the unit waits for
    /// others anyway.
    fn stays_behind(&self, error: Error) -> Result<Result<(), Error>, Error> {
        match error.class() {
            // It changed since it was read.
            _ if error.code() == Some(409) => Err(Error::Reread),
            Class::Unreachable => Err(error),
            Class::Retry if !self.patience().is_zero() => Err(error),
            _ => Ok(Err(error)),
        }
    }

    async fn mark_as_ours(&self, key: &HashedKey, resource: &Resource, live: &Value) -> Result<(), Error> {
        let patch = json!({"metadata": {
            "resourceVersion": object::resource_version(live),
            "labels": {
                label::HUB: self.connection.ctx.hub.as_str(),
                label::APPLYSET_PART_OF: inventory::applyset_id(&self.unit.short),
            },
            "annotations": {label::LEFT_BEHIND: null},
        }});
        self.connection.api.merge(&resource.target("", &key.name), &patch).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use api::delivery::HubId;
    use plan::authenticator::HubKey;

    use super::*;

    #[test]
    fn a_proof_is_of_one_namespace_of_this_hub_in_this_cluster() {
        let owner = |hub: u8, cluster: &str| {
            let hub = HubId::from_random([hub; 10]);
            let key = HubKey::from_random([7; 32]).of_member(&hub, cluster);
            InventoryOwner { hub, cluster: cluster.to_owned(), key, is_unproven: false }
        };
        let namespace = |uid: &str| json!({"metadata": {"name": "shop", "uid": uid}});
        let mut patch = json!({"metadata": {"labels": {}}});
        mark(&mut patch, &namespace("u"), &owner(1, "c"));
        let marked = |uid: &str| {
            let mut live = namespace(uid);
            live["metadata"]["annotations"] = patch["metadata"]["annotations"].clone();
            live
        };
        assert!(is_left(&marked("u"), &owner(1, "c")));
        for (uid, hub, cluster) in [("v", 1, "c"), ("u", 2, "c"), ("u", 1, "d")] {
            assert!(!is_left(&marked(uid), &owner(hub, cluster)), "{uid} {hub} {cluster}");
        }
        assert!(!is_left(&namespace("u"), &owner(1, "c")));
        for key in [label::HUB, label::APPLYSET_PART_OF] {
            let mut adopted = marked("u");
            adopted["metadata"]["labels"] = json!({key: "another"});
            assert!(!is_left(&adopted, &owner(1, "c")), "{key}");
        }
    }
}
