//! What behaviours know: a projection of each object that matters to them, kept by watches and by the answers to their
//! own writes.
//!
//! Reading one's own writes is what keeps a controller from making a pod twice: an answer is taken in at once, and an
//! older event that arrives after it is not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::object::{
    Budget, DaemonSet, Deployment, Job, Node, Object, Pod, ReplicaSet, Revision, Service, Slice, StatefulSet, Uid,
};

/// How many objects that went are remembered. An answer or event about one of them is late by at most what is in flight:
/// some tens of requests.
const DEPARTED: usize = 1024;

/// Namespace and name.
pub(crate) type Name = (String, String);

/// One object's change.
pub(crate) struct Change<T> {
    pub(crate) old: Option<Arc<T>>,
    pub(crate) new: Option<Arc<T>>,
}

impl<T> Change<T> {
    /// Both sides.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Arc<T>> {
        self.old.iter().chain(&self.new)
    }
}

/// All objects of one kind.
pub(crate) struct Objects<T> {
    items: BTreeMap<Name, Arc<T>>,
    names: HashMap<Uid, Name>,
    owned: HashMap<Uid, BTreeSet<Name>>,
    /// Those that nothing controls.
    free: BTreeSet<Name>,
    /// What went last. UIDs never come back, so what is said of these later is old.
    departed: HashSet<Uid>,
    departures: VecDeque<Uid>,
    listed: bool,
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            names: HashMap::new(),
            owned: HashMap::new(),
            free: BTreeSet::new(),
            departed: HashSet::new(),
            departures: VecDeque::new(),
            listed: false,
        }
    }
}

impl<T: Object> Objects<T> {
    /// Has the first list arrived?
    pub(crate) fn listed(&self) -> bool {
        self.listed
    }

    pub(crate) fn get(&self, name: &Name) -> Option<&Arc<T>> {
        self.items.get(name)
    }

    /// One object by UID.
    pub(crate) fn by_uid(&self, uid: &Uid) -> Option<&Arc<T>> {
        self.items.get(self.names.get(uid)?)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.items.values()
    }

    /// Those of a namespace.
    pub(crate) fn within(&self, namespace: &str) -> impl Iterator<Item = &Arc<T>> {
        let from = (namespace.to_owned(), String::new());
        let inside = namespace.to_owned();
        self.items.range(from..).take_while(move |((ns, _), _)| *ns == inside).map(|(_, item)| item)
    }

    /// Those that an object controls.
    pub(crate) fn owned_by(&self, uid: &Uid) -> Vec<Arc<T>> {
        self.owned.get(uid).into_iter().flatten().filter_map(|name| self.items.get(name)).cloned().collect()
    }

    /// Those of a namespace that nothing controls.
    pub(crate) fn free_within(&self, namespace: &str) -> Vec<Arc<T>> {
        let from = (namespace.to_owned(), String::new());
        let names = self.free.range(from..).take_while(|(ns, _)| ns == namespace);
        names.filter_map(|name| self.items.get(name)).cloned().collect()
    }

    /// Takes in a state; `None` when a newer one is known.
    pub(crate) fn apply(&mut self, new: T) -> Option<Change<T>> {
        let meta = new.meta();
        let name = meta.key();
        if self.departed.contains(&meta.uid)
            || self.items.get(&name).is_some_and(|old| old.meta().version >= meta.version)
        {
            return None;
        }
        let owner = meta.controller.clone();
        let new = Arc::new(new);
        let old = self.items.insert(name.clone(), new.clone());
        if let Some(old) = old.as_ref().filter(|old| old.meta().uid != new.meta().uid) {
            self.names.remove(&old.meta().uid);
        }
        self.names.insert(new.meta().uid.clone(), name.clone());
        if let Some(old) = &old
            && old.meta().controller != owner
        {
            self.disown(old);
        }
        match owner {
            Some(owner) => {
                self.free.remove(&name);
                self.owned.entry(owner).or_default().insert(name);
            }
            None => drop(self.free.insert(name)),
        }
        Some(Change { old, new: Some(new) })
    }

    /// Takes in that an object went, from the watch.
    pub(crate) fn remove(&mut self, last: &T) -> Option<Change<T>> {
        self.depart(&last.meta().uid);
        self.remove_same(last.meta().key(), &last.meta().uid)
    }

    /// Takes in that we deleted an object for good.
    pub(crate) fn bury(&mut self, name: Name, uid: &Uid) -> Option<Change<T>> {
        self.depart(uid);
        self.remove_same(name, uid)
    }

    fn depart(&mut self, uid: &Uid) {
        if self.departed.insert(uid.clone()) {
            self.departures.push_back(uid.clone());
        }
        if self.departures.len() > DEPARTED
            && let Some(oldest) = self.departures.pop_front()
        {
            self.departed.remove(&oldest);
        }
    }

    fn remove_same(&mut self, name: Name, uid: &Uid) -> Option<Change<T>> {
        self.items.get(&name).filter(|item| item.meta().uid == *uid)?;
        let old = self.items.remove(&name)?;
        self.names.remove(uid);
        self.free.remove(&name);
        self.disown(&old);
        Some(Change { old: Some(old), new: None })
    }

    /// Takes in a list: what is not in it went.
    pub(crate) fn replace(&mut self, items: Vec<T>) -> Vec<Change<T>> {
        self.listed = true;
        let kept: HashSet<Uid> = items.iter().map(|item| item.meta().uid.clone()).collect();
        let gone: Vec<Arc<T>> = self.all().filter(|old| !kept.contains(&old.meta().uid)).cloned().collect();
        let mut out: Vec<Change<T>> =
            gone.iter().filter_map(|old| self.remove_same(old.meta().key(), &old.meta().uid)).collect();
        out.extend(items.into_iter().filter_map(|item| self.apply(item)));
        out
    }

    fn disown(&mut self, item: &T) {
        let Some(owner) = &item.meta().controller else { return };
        if let Some(names) = self.owned.get_mut(owner) {
            names.remove(&item.meta().key());
            if names.is_empty() {
                self.owned.remove(owner);
            }
        }
    }
}

/// Everything that behaviours know.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) nodes: Objects<Node>,
    pub(crate) pods: Objects<Pod>,
    pub(crate) replica_sets: Objects<ReplicaSet>,
    pub(crate) deployments: Objects<Deployment>,
    pub(crate) stateful_sets: Objects<StatefulSet>,
    pub(crate) revisions: Objects<Revision>,
    pub(crate) daemon_sets: Objects<DaemonSet>,
    pub(crate) jobs: Objects<Job>,
    pub(crate) services: Objects<Service>,
    pub(crate) budgets: Objects<Budget>,
    pub(crate) slices: Objects<Slice>,
}

impl World {
    /// Have all kinds been listed?
    pub(crate) fn listed(&self) -> bool {
        let workloads = self.deployments.listed() && self.replica_sets.listed() && self.stateful_sets.listed();
        let others = self.daemon_sets.listed() && self.jobs.listed() && self.revisions.listed();
        workloads
            && others
            && self.nodes.listed()
            && self.pods.listed()
            && self.services.listed()
            && self.budgets.listed()
            && self.slices.listed()
    }
}

#[cfg(test)]
mod tests;
