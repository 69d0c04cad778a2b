//! Who owns whom, from metadata alone.
//!
//! One small [`Item`] per object of the server and an index by owner. Edits say which objects deserve a look; what to do
//! with them is [`crate::collect`]'s decision. Owners that are named but were never seen are not nodes here: they are
//! absent until a live read says otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use client::{Resource, Target};
use serde_json::Value;

/// A UID. Shared, because each owner is named by all of its dependents.
pub type Uid = Arc<str>;

/// Finalizer that the API server sets for deletion in the foreground.
pub const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer that the API server sets for deletion that leaves dependents behind.
pub const ORPHAN: &str = "orphan";

/// One owner reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// UID: what counts.
    pub uid: Uid,
    /// API group of the owner's kind.
    pub group: String,
    /// The owner's kind.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// Does this dependent hold up a deletion of the owner in the foreground?
    pub blocks: bool,
}

/// What is remembered of an object.
#[derive(Clone, Debug)]
pub struct Item {
    /// UID.
    pub uid: Uid,
    /// Its kind.
    pub resource: Arc<Resource>,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its owners.
    pub owners: Vec<Owner>,
    /// Has a deletion timestamp?
    pub deleting: bool,
    /// Has the foreground finalizer?
    pub foreground: bool,
    /// Has the orphan finalizer?
    pub orphan: bool,
    /// Finalizers that are not ours to remove.
    pub held: Vec<String>,
}

impl Item {
    /// Reads an object's metadata. `None` without a UID, which no stored object lacks.
    pub fn project(resource: &Arc<Resource>, object: &Value) -> Option<Self> {
        let meta = object.get("metadata")?;
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |field: &str| meta.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let owners = list("ownerReferences").iter().map(|owner| {
            let api_version = text(owner, "apiVersion");
            Owner {
                uid: text(owner, "uid").into(),
                group: api_version.split_once('/').map_or_else(String::new, |(group, _)| group.to_owned()),
                kind: text(owner, "kind"),
                name: text(owner, "name"),
                blocks: owner.get("blockOwnerDeletion").and_then(Value::as_bool).unwrap_or_default(),
            }
        });
        let finalizers = list("finalizers");
        let has = |name: &str| finalizers.iter().any(|f| f.as_str() == Some(name));
        Some(Self {
            uid: meta.get("uid")?.as_str()?.into(),
            resource: resource.clone(),
            namespace: text(meta, "namespace"),
            name: text(meta, "name"),
            owners: owners.collect(),
            deleting: model::object::is_deleting(object),
            foreground: has(FOREGROUND),
            orphan: has(ORPHAN),
            held: finalizers
                .iter()
                .filter_map(Value::as_str)
                .filter(|f| ![FOREGROUND, ORPHAN].contains(f))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Is it being deleted, waiting for its dependents to go first?
    pub fn waiting(&self) -> bool {
        self.deleting && self.foreground
    }

    /// Where it is.
    pub fn target(&self) -> Target<'_> {
        self.resource.target(&self.namespace, &self.name)
    }
}

/// The graph.
#[derive(Default)]
pub struct Graph {
    items: HashMap<Uid, Item>,
    dependents: HashMap<Uid, BTreeSet<Uid>>,
    names: HashMap<(Arc<Resource>, String), HashMap<String, Uid>>,
}

impl Graph {
    /// One object.
    pub fn get(&self, uid: &str) -> Option<&Item> {
        self.items.get(uid)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The objects that name an owner, in the order of their UIDs.
    pub fn dependents(&self, uid: &str) -> impl Iterator<Item = &Item> {
        self.dependents.get(uid).into_iter().flatten().filter_map(|uid| self.items.get(uid))
    }

    /// Does one object that waits for its dependents wait, over objects that wait too, for another one? Costs a walk over
    /// what waits below it.
    pub fn waits_for(&self, uid: &Uid, other: &Uid) -> bool {
        let (mut todo, mut seen) = (vec![uid], BTreeSet::new());
        while let Some(uid) = todo.pop() {
            if !seen.insert(uid) || !self.items.get(uid).is_some_and(Item::waiting) {
                continue;
            }
            for dependent in self.dependents(uid).filter(|d| d.owners.iter().any(|o| o.uid == *uid && o.blocks)) {
                if dependent.uid == *other {
                    return true;
                }
                todo.push(&dependent.uid);
            }
        }
        false
    }

    /// One object by name.
    pub fn find(&self, resource: &Arc<Resource>, namespace: &str, name: &str) -> Option<&Item> {
        let uid = self.names.get(&(resource.clone(), namespace.to_owned()))?.get(name)?;
        self.items.get(uid)
    }

    /// The objects of a namespace, kind by kind in the order of kinds.
    pub fn contents(&self, namespace: &str) -> BTreeMap<Arc<Resource>, Vec<&Item>> {
        let here = self.names.iter().filter(|((_, place), _)| place == namespace);
        here.map(|((resource, _), names)| {
            (resource.clone(), names.values().filter_map(|uid| self.items.get(uid)).collect())
        })
        .collect()
    }

    /// Objects with an owner that was never seen.
    pub fn unresolved(&self) -> Vec<Uid> {
        let ghost = |item: &&Item| item.owners.iter().any(|owner| !self.items.contains_key(&owner.uid));
        self.items.values().filter(ghost).map(|item| item.uid.clone()).collect()
    }

    /// Forgets all objects of a kind that is no longer served.
    pub fn forget(&mut self, resource: &Arc<Resource>) {
        self.replace(resource, Vec::new());
    }

    /// Takes in an object; returns those that deserve a look because of it.
    pub fn apply(&mut self, item: Item) -> Vec<Uid> {
        let mut affected = Vec::new();
        let uid = item.uid.clone();
        // The same name with another UID: the old object went without our seeing it.
        let same_name = self.find(&item.resource, &item.namespace, &item.name).map(|old| old.uid.clone());
        if let Some(old) = same_name.filter(|old| *old != uid) {
            affected.extend(self.remove(&old));
        }
        let place = (item.resource.clone(), item.namespace.clone());
        self.names.entry(place).or_default().insert(item.name.clone(), uid.clone());
        let before = self.items.get(&uid);
        let owners_before: &[Owner] = before.map_or(&[], |old| &old.owners);
        let changed = before.is_none() || owners_before != item.owners.as_slice();
        let began = item.deleting && before.is_none_or(|old| !old.deleting || !old.waiting() && item.waiting());
        let dropped: Vec<Uid> = owners_before
            .iter()
            .filter(|old| !item.owners.iter().any(|new| new.uid == old.uid && new.blocks == old.blocks))
            .map(|old| old.uid.clone())
            .collect();
        for owner in &dropped {
            self.unlink(owner, &uid);
            if self.items.get(owner).is_some_and(Item::waiting) {
                affected.push(owner.clone());
            }
        }
        for owner in &item.owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(uid.clone());
            match self.items.get(&owner.uid) {
                Some(known) if known.waiting() && changed => affected.extend([uid.clone(), owner.uid.clone()]),
                None if changed => affected.push(uid.clone()),
                _ => {}
            }
        }
        if item.deleting && (item.foreground || item.orphan) {
            affected.push(uid.clone());
        }
        if began && item.waiting() {
            affected.extend(self.dependents.get(&uid).into_iter().flatten().cloned());
        }
        if began {
            // A dependent that is on its way out no longer has to be deleted for its owner's sake.
            affected.extend(
                item.owners.iter().filter(|o| self.items.get(&o.uid).is_some_and(Item::waiting)).map(|o| o.uid.clone()),
            );
        }
        self.items.insert(uid, item);
        affected
    }

    /// Forgets an object; returns those that deserve a look because of it: its dependents, and owners that wait for it.
    pub fn remove(&mut self, uid: &str) -> Vec<Uid> {
        let Some(item) = self.items.remove(uid) else { return Vec::new() };
        let place = (item.resource.clone(), item.namespace.clone());
        if let Some(names) = self.names.get_mut(&place) {
            if names.get(&item.name) == Some(&item.uid) {
                names.remove(&item.name);
            }
            if names.is_empty() {
                self.names.remove(&place);
            }
        }
        let mut affected: Vec<Uid> = self.dependents.get(uid).into_iter().flatten().cloned().collect();
        for owner in &item.owners {
            self.unlink(&owner.uid, uid);
            if self.items.get(&owner.uid).is_some_and(Item::waiting) {
                affected.push(owner.uid.clone());
            }
        }
        affected
    }

    /// Replaces all objects of one kind; returns those that deserve a look, and those that went.
    pub fn replace(&mut self, resource: &Arc<Resource>, items: Vec<Item>) -> (Vec<Uid>, Vec<Item>) {
        let kept: HashSet<&Uid> = items.iter().map(|item| &item.uid).collect();
        let gone: Vec<Item> =
            self.items.values().filter(|old| old.resource == *resource && !kept.contains(&old.uid)).cloned().collect();
        let mut affected: Vec<Uid> = gone.iter().flat_map(|item| self.remove(&item.uid)).collect();
        for item in items {
            affected.extend(self.apply(item));
        }
        (affected, gone)
    }

    fn unlink(&mut self, owner: &str, dependent: &str) {
        if let Some(set) = self.dependents.get_mut(owner) {
            set.remove(dependent);
            if set.is_empty() {
                self.dependents.remove(owner);
            }
        }
    }
}
