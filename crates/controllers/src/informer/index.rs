//! Objects by what they speak of, so that a look-up costs what it finds and not what there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Key;

/// One way of looking up a kind: a name, and the terms under which an object is found.
pub struct Index<K> {
    /// What [`super::Informer::by`] asks for.
    pub name: &'static str,
    /// The object's terms. The same object must always have the same terms.
    pub terms: fn(&K) -> Vec<String>,
}

struct Entries<K> {
    index: Index<K>,
    keys: HashMap<String, BTreeSet<Key>>,
}

/// Objects by key, and by the terms of every index. The two never disagree: every change goes through [`Self::insert`],
/// [`Self::remove`] or [`Self::replace`].
pub(super) struct Objects<K> {
    by_key: BTreeMap<Key, Arc<K>>,
    indexes: Vec<Entries<K>>,
}

impl<K> Objects<K> {
    pub(super) fn new(indexes: Vec<Index<K>>) -> Self {
        let indexes = indexes.into_iter().map(|index| Entries { index, keys: HashMap::new() }).collect();
        Self { by_key: BTreeMap::new(), indexes }
    }

    pub(super) fn by_key(&self) -> &BTreeMap<Key, Arc<K>> {
        &self.by_key
    }

    pub(super) fn insert(&mut self, key: Key, object: Arc<K>) {
        let before = self.by_key.insert(key.clone(), object.clone());
        for entries in &mut self.indexes {
            let terms = entries.index.terms;
            let now = terms(&object);
            for term in before.iter().flat_map(|old| terms(old)).filter(|term| !now.contains(term)) {
                entries.drop(&term, &key);
            }
            for term in now {
                entries.keys.entry(term).or_default().insert(key.clone());
            }
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<K>> {
        let gone = self.by_key.remove(key)?;
        for entries in &mut self.indexes {
            for term in (entries.index.terms)(&gone) {
                entries.drop(&term, key);
            }
        }
        Some(gone)
    }

    /// Puts other objects in place of all; says which there were.
    pub(super) fn replace(&mut self, objects: &BTreeMap<Key, Arc<K>>) -> BTreeMap<Key, Arc<K>> {
        let before = std::mem::take(&mut self.by_key);
        self.indexes.iter_mut().for_each(|entries| entries.keys.clear());
        for (key, object) in objects {
            self.insert(key.clone(), object.clone());
        }
        before
    }

    /// The objects that have a term, in the order of their keys. An index that there is not finds nothing.
    pub(super) fn by(&self, index: &str, term: &str) -> Vec<Arc<K>> {
        let entries = self.indexes.iter().find(|entries| entries.index.name == index);
        debug_assert!(entries.is_some(), "there is no index {index:?}");
        let keys = entries.and_then(|entries| entries.keys.get(term)).into_iter().flatten();
        keys.filter_map(|key| self.by_key.get(key).cloned()).collect()
    }
}

impl<K> Entries<K> {
    fn drop(&mut self, term: &str, key: &Key) {
        if let Some(keys) = self.keys.get_mut(term) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys.remove(term);
            }
        }
    }
}
