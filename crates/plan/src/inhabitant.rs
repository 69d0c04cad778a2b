//! Who lives in a Namespace, or of a CustomResourceDefinition, that would be deleted: everything in it would go along.
//!
//! Asked with what the member has in the container, metadata alone. Strangers are all objects but these: what units of this
//! hub deliver, what goes with that because its owners do, what every cluster puts into every namespace by itself, and what
//! is on its way out. A volume claim that a StatefulSet made has no owner: it is a stranger, since it holds data.

use std::collections::HashSet;

use api::delivery::{HubId, label};
use api::kurator::minted;
use model::{HashedKey, KeySet, ObjectKey, Uid, Weigh, object, words};
use serde_json::Value;

use crate::handover::Claims;
use crate::inventory::{Entry, Inventory};
use crate::keep;

/// An object inside a container.
#[derive(Debug)]
pub struct Inside {
    key: HashedKey,
    uid: Uid,
    /// Empty for an object without owners.
    owners: Vec<Owner>,
    /// It has the label of this hub.
    is_labelled: bool,
    /// An annotation on it asks that it stays.
    is_kept: bool,
    /// It is being deleted.
    is_going: bool,
    /// Kubernetes made it for a service account or a Service, and removes it with that.
    is_derived: bool,
}

/// Who owns an object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    uid: Uid,
    /// It is in the same namespace, so that a look into that shows it.
    is_namespaced: bool,
}

impl Weigh for Inside {
    fn weight(&self) -> usize {
        let owners = self.owners.iter().map(|owner| size_of::<Owner>() + owner.uid.weight()).sum::<usize>();
        self.key.weight() + self.uid.weight() + owners
    }
}

impl Inside {
    /// How many owners of an object are read; real objects have one or two.
    const OWNERS_MAX: usize = 16;

    /// Reads the metadata of an object of this group and kind. `is_namespaced` says whether a kind's objects live in
    /// namespaces.
    pub fn read(
        group: &str,
        kind: &str,
        metadata: &Value,
        hub: &HubId,
        is_namespaced: impl Fn(&str, &str) -> bool,
    ) -> Self {
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let references = object::get(metadata, &["metadata", "ownerReferences"]).and_then(Value::as_array);
        let owner = |reference: &Value| {
            let version = text(reference, "apiVersion");
            let group = version.split_once('/').map_or("", |(group, _)| group);
            let is_namespaced = is_namespaced(group, &text(reference, "kind"));
            Owner { uid: text(reference, "uid").into(), is_namespaced }
        };
        let key = ObjectKey {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: object::namespace(metadata).unwrap_or_default().to_owned(),
            name: object::name(metadata).unwrap_or_default().to_owned(),
        };
        Self {
            is_derived: is_derived(&key, metadata),
            key: key.into(),
            uid: object::uid(metadata).map(Uid::from).unwrap_or_default(),
            owners: references.into_iter().flatten().take(Self::OWNERS_MAX).map(owner).collect(),
            is_labelled: object::label(metadata, label::HUB) == Some(hub.as_str()),
            is_kept: keep::asks_to_stay(metadata),
            is_going: object::is_deleting(metadata),
        }
    }
}

/// What Kubernetes and the platforms on it put into every namespace without being asked.
const MADE_BY_CLUSTERS: [(&str, &str, &str); 6] = [
    ("", "ConfigMap", "kube-root-ca.crt"),
    ("", "ServiceAccount", "default"),
    // Istio and OpenShift.
    ("", "ConfigMap", "istio-ca-root-cert"),
    ("", "ConfigMap", "openshift-service-ca.crt"),
    ("", "ServiceAccount", "builder"),
    ("", "ServiceAccount", "deployer"),
];

/// Annotation of a token's Secret: the service account that it is for.
const TOKEN_OF: &str = "kubernetes.io/service-account.name";
/// Label of endpoints that a controller of Kubernetes keeps: which one.
const ENDPOINTS_BY: &str = "endpointslice.kubernetes.io/managed-by";

fn is_derived(key: &ObjectKey, metadata: &Value) -> bool {
    let of = |group: &str, kind: &str| key.group == group && key.kind == kind;
    let is_made = |(group, kind, name): &(&str, &str, &str)| of(group, kind) && key.name == *name;
    MADE_BY_CLUSTERS.iter().any(is_made)
        || of("", "Event")
        || of("events.k8s.io", "Event")
        // Those that a person keeps belong to a Service without a selector, which is a stranger itself, or ours.
        || of("", "Endpoints")
        || (of("discovery.k8s.io", "EndpointSlice")
            && object::label(metadata, ENDPOINTS_BY).is_some_and(|by| by.ends_with(".k8s.io")))
        || (of("", "Secret") && object::annotation(metadata, TOKEN_OF).is_some())
        || is_account(key, metadata)
}

/// Is it the account that `kurator attach` made, or a right of it? It goes with the last hub that works as it.
fn is_account(key: &ObjectKey, metadata: &Value) -> bool {
    let rbac = "rbac.authorization.k8s.io";
    let made = [
        ("", "ServiceAccount", minted::SERVICE_ACCOUNT),
        (rbac, "Role", minted::CREDENTIAL_ROLE),
        (rbac, "RoleBinding", minted::CREDENTIAL_ROLE),
        (rbac, "Role", minted::INVENTORY_ROLE),
        (rbac, "RoleBinding", minted::INVENTORY_ROLE),
    ];
    key.namespace == minted::NAMESPACE
        && made.contains(&(key.group.as_str(), key.kind.as_str(), key.name.as_str()))
        && object::label(metadata, minted::MANAGED_BY) == Some(minted::MANAGER)
}

/// How many objects own each other in a row at most; real ones are three (Deployment, ReplicaSet, Pod). More are strangers.
const OWNED_DEPTH_MAX: usize = 16;

/// Who lives in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inhabitants {
    /// Nobody but units of this hub: it may go.
    Nobody,
    /// Others: how many objects, and the first of them by key.
    Strangers {
        /// How many.
        count: usize,
        /// The first, in words.
        first: String,
    },
    /// It cannot be seen, for this reason.
    Unseen(String),
}

impl Inhabitants {
    /// Longest words that say who or why, in characters.
    pub const WORDS_MAX: usize = 300;

    /// It cannot be seen who is there.
    pub fn unseen(why: &str) -> Self {
        Self::Unseen(words::bounded(why, Self::WORDS_MAX))
    }

    /// Who others are, in words, if there are any.
    pub fn strangers(&self) -> Option<String> {
        match self {
            Self::Strangers { count: 1, first } => Some(first.clone()),
            Self::Strangers { count, first } => Some(format!("{first} and {} more", count - 1)),
            Self::Nobody | Self::Unseen(_) => None,
        }
    }
}

/// Is the object in this Namespace, or of this definition?
pub fn is_within(container: &ObjectKey, key: &ObjectKey) -> bool {
    match (container.group.as_str(), container.kind.as_str()) {
        ("", "Namespace") => key.namespace == container.name,
        // A definition's name is PLURAL.GROUP; which kind has that plural is not known here.
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            container.name.split_once('.').is_some_and(|(_, group)| key.group == group)
        }
        _ => false,
    }
}

/// The first object by key that the unit itself keeps in a Namespace: what its payload names, and what it only gives back.
/// What it keeps of a definition's kind is seen when that is looked into.
pub fn stays_inside<'a>(
    container: &ObjectKey,
    inventory: &'a Inventory,
    desired: &KeySet,
    leaving: bool,
) -> Option<&'a HashedKey> {
    let stays = |key: &HashedKey, entry: &Entry| entry.is_only_released() || (!leaving && desired.contains(key));
    let is_namespace = container.group.is_empty() && container.kind == "Namespace";
    let mut entries = inventory.entries().iter().filter(|_| is_namespace);
    entries.find(|(key, entry)| is_within(container, key) && stays(key, entry)).map(|(key, _)| &**key)
}

/// Who else lives where these objects are. `claims` are those of all units of the member; `is_deleted` says of an
/// object that this unit has whether it deletes it.
pub fn inhabitants(
    container: &ObjectKey,
    claims: &Claims,
    is_deleted: impl Fn(&HashedKey) -> Option<bool>,
    inside: &[Inside],
) -> Inhabitants {
    // What this unit has and does not delete stays. What another unit has is weighed before anybody looks here.
    let is_ours = |one: &Inside| {
        one.is_labelled
            && !one.is_kept
            && is_deleted(&one.key).unwrap_or_else(|| claims.units(&one.key).next().is_some())
    };
    let present: HashSet<&Uid> = inside.iter().map(|one| &one.uid).collect();
    let is_namespace = container.kind == "Namespace";
    let first = inside.iter().filter(|one| one.is_going || one.is_derived || is_ours(one));
    let mut going: HashSet<&Uid> = first.map(|one| &one.uid).collect();
    let mut others: Vec<&Inside> = inside.iter().filter(|one| !going.contains(&one.uid)).collect();
    for _ in 0..OWNED_DEPTH_MAX {
        // An owner in the namespace that is not there any more takes what it owned along. Of a definition only the objects of
        // its own kind are seen, so that an owner may be anywhere.
        let is_gone = |owner: &Owner| is_namespace && owner.is_namespaced && !present.contains(&owner.uid);
        let goes = |owner: &Owner| going.contains(&owner.uid) || is_gone(owner);
        let (with_owners, rest): (Vec<&Inside>, Vec<&Inside>) =
            others.iter().partition(|one| !one.is_kept && !one.owners.is_empty() && one.owners.iter().all(goes));
        if with_owners.is_empty() {
            break;
        }
        going.extend(with_owners.iter().map(|one| &one.uid));
        others = rest;
    }
    match others.iter().map(|one| &*one.key).min() {
        None => Inhabitants::Nobody,
        Some(first) => Inhabitants::Strangers {
            count: others.len(),
            first: words::bounded(&first.to_string(), Inhabitants::WORDS_MAX),
        },
    }
}

#[cfg(test)]
mod tests;
