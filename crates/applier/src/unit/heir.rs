//! Namespaces that this hub made, and whose unit left before the last object in them.
//!
//! A Namespace in which another unit has something is not deleted when the unit that made it leaves: it is given back, with a proof
//! on it that this hub made it. A unit that leaves takes such Namespaces over first, of those that it has something in, and then
//! does with them what it does with its own: the last one to leave deletes them, and none takes along what others made. The proof
//! is of the Namespace's UID, so that nobody can put it on another one.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::delivery::label;
use client::Class;
use model::{HashedKey, ObjectKey, Uid, object};
use plan::inventory::{self, Entry};
use serde_json::{Value, json};

use crate::error::Error;
use crate::shard::InventoryOwner;

use super::Pass;

/// Is it a Namespace?
pub(super) fn is_namespace(key: &ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "Namespace"
}

/// Adds the proof to the patch by which a Namespace is given back.
pub(super) fn mark(patch: &mut Value, live: &Value, owner: &InventoryOwner) {
    let Some(uid) = object::uid(live) else { return };
    let proof = owner.key.sign_left(&owner.hub, &owner.cluster, uid);
    patch["metadata"]["annotations"][label::LEFT_BEHIND] = json!(proof);
}

/// Did this hub make the Namespace, and leave it?
fn is_left(live: &Value, owner: &InventoryOwner) -> bool {
    let (uid, proof) = (object::uid(live), object::annotation(live, label::LEFT_BEHIND));
    uid.zip(proof).is_some_and(|(uid, proof)| owner.key.verifies_left(&owner.hub, &owner.cluster, uid, proof))
}

impl Pass {
    /// Takes over the Namespaces that were left, of those in which the unit has something.
    pub(super) async fn inherit(&mut self) -> Result<(), Error> {
        let entries = self.unit.inventory.entries().keys();
        let names: BTreeSet<String> =
            entries.map(|key| key.namespace.clone()).filter(|name| !name.is_empty()).collect();
        for name in names {
            let key: Arc<HashedKey> = ObjectKey { kind: "Namespace".into(), name, ..ObjectKey::default() }.into();
            if self.connection.ctx.rights.lack(&key).is_some() {
                continue;
            }
            if self.unit.inventory.get(&key).is_some() || self.connection.view().claims.owner(&key).is_some() {
                continue;
            }
            match self.take_over(&key).await {
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                // It stays behind, as it would without a heir.
                Err(e) => tracing::warn!(object = %key, unit = %self.unit.id, error = %e, "not taken over"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    async fn take_over(&mut self, key: &Arc<HashedKey>) -> Result<(), Error> {
        const VERSION: &str = "v1";
        let Some((resource, live)) = self.recorded(key, VERSION).await? else { return Ok(()) };
        if !is_left(&live, &self.connection.owner) || object::is_deleting(&live) {
            return Ok(());
        }
        // It is on record before it is marked as ours.
        let entry = Entry { version: VERSION.into(), uid: object::uid(&live).map(Uid::from), ..Entry::default() };
        self.unit.inventory.put_entry(Arc::clone(key), entry);
        self.save().await?;
        let patch = json!({"metadata": {
            "resourceVersion": object::resource_version(&live),
            "labels": {
                label::HUB: self.connection.ctx.hub.as_str(),
                label::APPLYSET_PART_OF: inventory::applyset_id(&self.unit.short),
            },
            "annotations": {label::LEFT_BEHIND: null},
        }});
        self.connection.api.merge(&resource.target("", &key.name), &patch).await?;
        // The next pass watches it, so that its end is seen.
        self.again = true;
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
    }
}
