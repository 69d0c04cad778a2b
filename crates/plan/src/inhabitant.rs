//! Who lives in a Namespace, or of a CustomResourceDefinition, that would be deleted: everything in it would go along.
//!
//! Asked with what the member has in the container, metadata alone. Strangers are all objects but these: what the unit deletes,
//! what goes with that because its owners do, what every cluster puts into every namespace by itself, and what
//! is on its way out. A volume claim that a StatefulSet made has no owner: it is a stranger, since it holds data.
//!
//! The unit deletes what its inventory names with its UID, and what bears the labels of the unit where no UID is recorded yet: as
//! [`ownership::may_delete`](crate::ownership::may_delete) has it. An object that somebody made under the name of one of ours, with
//! copied labels, is a stranger. Other units have nothing in a container that is looked into: [`Claims::occupied`](crate::handover::Claims::occupied) is asked first.
//!
//! A name or an annotation that anybody may write does not make an object the cluster's: who wrote which keys of its data is in
//! its metadata (`managedFields`), and what cannot be told so is a stranger. What metadata does not say is the type of a Secret, and
//! values: a copy of a token of an account that is there counts as the token, and a bundle under the cluster's own name and key as
//! the cluster's.

use std::collections::HashSet;

use api::kurator::minted;
use model::{HashedKey, KeySet, ObjectKey, Uid, Weigh, object, words};
use serde_json::{Map, Value};

use crate::inventory::{Entry, Inventory};
use crate::keep;
use crate::ownership::Claimant;

/// An object inside a container.
#[derive(Debug)]
pub struct Inside {
    key: HashedKey,
    uid: Uid,
    /// Empty for an object without owners.
    owners: Vec<Owner>,
    /// It has the labels of the unit that asks.
    is_labelled: bool,
    /// An annotation on it asks that it stays.
    is_kept: bool,
    /// It is being deleted.
    is_going: bool,
    /// Did the cluster make it by itself?
    derived: Derived,
}

/// What the cluster made by itself, and removes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Derived {
    No,
    Yes,
    /// With the Service of its name, where there is one.
    OfService,
    /// With the service account of this UID, where that is there.
    OfAccount(Uid),
    /// Where OpenShift puts its CA into the namespace.
    OfOpenShift,
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
        let derived = if let Derived::OfAccount(uid) = &self.derived { uid.weight() } else { 0 };
        self.key.weight() + self.uid.weight() + owners + derived
    }
}

impl Inside {
    /// How many owners of an object are read; real objects have one or two.
    const OWNERS_MAX: usize = 16;

    /// Reads the metadata of an object of this group and kind. `asks`: the unit that asks, unless nothing in the container is ours.
    /// `is_namespaced` says whether a kind's objects live in namespaces.
    pub fn read(
        group: &str,
        kind: &str,
        metadata: &Value,
        asks: Option<&Claimant<'_>>,
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
            derived: derived(&key, metadata),
            key: key.into(),
            uid: object::uid(metadata).map(Uid::from).unwrap_or_default(),
            owners: references.into_iter().flatten().take(Self::OWNERS_MAX).map(owner).collect(),
            is_labelled: asks.is_some_and(|asks| asks.is_labelled(metadata)),
            is_kept: keep::asks_to_stay(metadata),
            is_going: object::is_deleting(metadata),
        }
    }
}

/// Bundle of CAs that kube-controller-manager keeps in every namespace, with its only key. It puts back what others write there.
const ROOT_CA: (&str, &[&str]) = ("kube-root-ca.crt", &["ca.crt"]);
/// Annotation that it has there since Kubernetes 1.22.
const DESCRIPTION: &str = "kubernetes.io/description";
/// That of Istio, and the label that Istio puts on it.
const ISTIO_CA: (&str, &str, &str) = ("istio-ca-root-cert", "istio.io/config", "true");
/// That of OpenShift, and the annotation that has it filled.
const OPENSHIFT_CA: (&str, &str) = ("openshift-service-ca.crt", "service.beta.openshift.io/inject-cabundle");
/// Service accounts of each namespace of OpenShift.
const OPENSHIFT_ACCOUNTS: [&str; 2] = ["builder", "deployer"];

/// Annotations of a token's Secret: name and UID of the service account that it is for.
const TOKEN_OF: [&str; 2] = ["kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"];
/// Keys of a token's Secret; the last one is of OpenShift.
const TOKEN_KEYS: [&str; 4] = ["token", "ca.crt", "namespace", "service-ca.crt"];

/// Label of endpoints that a controller of Kubernetes keeps: which one.
const SLICE_BY: (&str, &[&str]) = (
    "endpointslice.kubernetes.io/managed-by",
    &["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"],
);
/// The same of Endpoints, since Kubernetes 1.33.
const ENDPOINTS_BY: (&str, &[&str]) = ("endpoints.kubernetes.io/managed-by", &["endpoint-controller"]);

/// What the controllers of Kubernetes call themselves as managers of fields: the name of their program, of which some
/// distributions have one for all.
const CONTROLLERS: [&str; 4] = ["kube-controller-manager", "hyperkube", "k3s", "kubelite"];

fn derived(key: &ObjectKey, metadata: &Value) -> Derived {
    let is_by =
        |(label, values): (&str, &[&str])| object::label(metadata, label).is_some_and(|by| values.contains(&by));
    let if_so = |is_so: bool| if is_so { Derived::Yes } else { Derived::No };
    match (key.group.as_str(), key.kind.as_str()) {
        ("" | "events.k8s.io", "Event") => Derived::Yes,
        ("discovery.k8s.io", "EndpointSlice") => if_so(is_by(SLICE_BY)),
        // Others keep their state in Endpoints, or name servers outside of the cluster there.
        ("", "Endpoints") if is_by(ENDPOINTS_BY) || is_by_controllers(managers(metadata)) => Derived::Yes,
        ("", "Endpoints") => Derived::OfService,
        ("", "ConfigMap") => if_so(is_bundle(&key.name, metadata)),
        ("", "Secret") => of_token(metadata),
        ("", "ServiceAccount") if key.name == "default" => Derived::Yes,
        ("", "ServiceAccount") if OPENSHIFT_ACCOUNTS.contains(&key.name.as_str()) => Derived::OfOpenShift,
        _ => if_so(is_account(key, metadata)),
    }
}

/// Is it a bundle of CAs that the cluster keeps in each namespace?
fn is_bundle(name: &str, metadata: &Value) -> bool {
    if name == ROOT_CA.0 {
        return match keys(metadata) {
            Some(keys) => is_all_of(&keys, ROOT_CA.1),
            None => object::annotation(metadata, DESCRIPTION).is_some(),
        };
    }
    let (istio, label, value) = ISTIO_CA;
    let is_istios = name == istio && object::label(metadata, label) == Some(value);
    is_istios || is_openshift_ca(name, metadata)
}

fn is_openshift_ca(name: &str, metadata: &Value) -> bool {
    name == OPENSHIFT_CA.0 && object::annotation(metadata, OPENSHIFT_CA.1).is_some()
}

/// Is a Secret the token of a service account? Any Secret may have the annotation with its name.
fn of_token(metadata: &Value) -> Derived {
    let [Some(_), Some(account)] = TOKEN_OF.map(|annotation| object::annotation(metadata, annotation)) else {
        return Derived::No;
    };
    match keys(metadata) {
        Some(keys) if is_all_of(&keys, &TOKEN_KEYS) => {
            // It is gone a moment after its account.
            let written = managers(metadata).filter(|(_, fields)| fields.is_some_and(has_data)).collect::<Vec<_>>();
            match is_by_controllers(written.into_iter()) {
                true => Derived::Yes,
                false => Derived::OfAccount(account.into()),
            }
        }
        _ => Derived::No,
    }
}

/// Who wrote an object, and which fields.
fn managers(metadata: &Value) -> impl Iterator<Item = (&str, Option<&Map<String, Value>>)> {
    let entries = object::get(metadata, &["metadata", "managedFields"]).and_then(Value::as_array);
    entries.into_iter().flatten().map(|entry| {
        let manager = entry.get("manager").and_then(Value::as_str).unwrap_or_default();
        (manager, entry.get("fieldsV1").and_then(Value::as_object))
    })
}

/// Is there a writer, and are all of them controllers of Kubernetes?
fn is_by_controllers<'a>(mut managers: impl Iterator<Item = (&'a str, Option<&'a Map<String, Value>>)>) -> bool {
    let is_one = |(manager, _): (&str, Option<&Map<String, Value>>)| CONTROLLERS.contains(&manager);
    managers.next().is_some_and(is_one) && managers.all(is_one)
}

/// Fields with the data of a Secret or ConfigMap.
const DATA: [&str; 2] = ["f:data", "f:binaryData"];

fn has_data(fields: &Map<String, Value>) -> bool {
    DATA.iter().any(|field| fields.contains_key(*field))
}

/// The keys that a Secret or ConfigMap has, by who wrote them; `None` where that was not kept.
fn keys(metadata: &Value) -> Option<Vec<&str>> {
    let mut fields = managers(metadata).filter_map(|(_, fields)| fields).peekable();
    fields.peek()?;
    let data = fields.flat_map(|fields| DATA.iter().filter_map(|field| fields.get(*field)?.as_object()));
    Some(data.flat_map(Map::keys).filter_map(|key| key.strip_prefix("f:")).collect())
}

/// Are there keys, and none but these?
fn is_all_of(keys: &[&str], known: &[&str]) -> bool {
    !keys.is_empty() && keys.iter().all(|key| known.contains(key))
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

/// Does a unit keep an object that it has, or only give it back?
fn stays(key: &HashedKey, entry: &Entry, desired: &KeySet, leaving: bool) -> bool {
    entry.is_only_released() || (!leaving && desired.contains(key))
}

/// An object that the unit itself keeps in a Namespace: the first by key that its payload names, else the first that it only gives back.
/// What it keeps of a definition's kind is seen when that is looked into.
pub fn stays_inside<'a>(
    container: &ObjectKey,
    inventory: &'a Inventory,
    desired: &KeySet,
    leaving: bool,
) -> Option<&'a HashedKey> {
    let is_namespace = container.group.is_empty() && container.kind == "Namespace";
    let inside = || inventory.entries().iter().filter(|(key, _)| is_namespace && is_within(container, key));
    let wanted = inside().find(|(key, _)| !leaving && desired.contains(*key));
    wanted.or_else(|| inside().find(|(key, entry)| stays(key, entry, desired, leaving))).map(|(key, _)| &**key)
}

/// What a unit deletes of what it has.
#[derive(Clone, Copy, Debug)]
pub struct Deletes<'a> {
    /// What it has.
    pub inventory: &'a Inventory,
    /// The keys of its payload.
    pub desired: &'a KeySet,
    /// It leaves the member.
    pub leaving: bool,
}

impl Deletes<'_> {
    /// Does it delete this object, and not only one that had its name?
    fn is_deleted(&self, one: &Inside) -> bool {
        let Some(entry) = self.inventory.get(&one.key) else { return false };
        let is_it = entry.uid.as_ref().is_none_or(|recorded| *recorded == one.uid);
        is_it && one.is_labelled && !one.is_kept && !stays(&one.key, entry, self.desired, self.leaving)
    }
}

/// Who else lives where these objects are. `deletes`: what the unit that asks deletes there, if it has anything there.
pub fn inhabitants(container: &ObjectKey, deletes: Option<Deletes<'_>>, inside: &[Inside]) -> Inhabitants {
    let is_ours = |one: &Inside| deletes.is_some_and(|deletes| deletes.is_deleted(one));
    let present: HashSet<&Uid> = inside.iter().map(|one| &one.uid).collect();
    let is_namespace = container.kind == "Namespace";
    let is_there = |kind: &str, name: &str| {
        inside.iter().any(|one| one.key.group.is_empty() && one.key.kind == kind && one.key.name == name)
    };
    let is_openshift = inside.iter().any(|one| one.derived == Derived::Yes && one.key.name == OPENSHIFT_CA.0);
    let is_derived = |one: &Inside| match &one.derived {
        Derived::No => false,
        Derived::Yes => true,
        // The Service is a stranger itself, or ours.
        Derived::OfService => is_there("Service", &one.key.name),
        Derived::OfAccount(account) => present.contains(account),
        Derived::OfOpenShift => is_openshift,
    };
    let first = inside.iter().filter(|one| one.is_going || is_derived(one) || is_ours(one));
    let mut going: HashSet<&Uid> = first.map(|one| &one.uid).collect();
    let mut others: Vec<&Inside> = inside.iter().filter(|one| !going.contains(&one.uid)).collect();
    // What is owned goes with its owners whatever is on it: the cluster's garbage collector asks for no annotation, and controllers copy those
    // of their object to what they make, where they stay.
    for _ in 0..OWNED_DEPTH_MAX {
        // An owner in the namespace that is not there any more takes what it owned along. Of a definition only the objects of
        // its own kind are seen, so that an owner may be anywhere.
        let is_gone = |owner: &Owner| is_namespace && owner.is_namespaced && !present.contains(&owner.uid);
        let goes = |owner: &Owner| going.contains(&owner.uid) || is_gone(owner);
        let (with_owners, rest): (Vec<&Inside>, Vec<&Inside>) =
            others.iter().partition(|one| !one.owners.is_empty() && one.owners.iter().all(goes));
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
