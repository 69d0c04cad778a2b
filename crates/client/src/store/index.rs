//! Objects by what they speak of, so that a look-up costs what it finds and not what there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Entry, NamespacedName};

/// One way of looking up a kind: a name, and the terms under which an object is found.
pub struct Index<K> {
    /// What [`super::Store::by_index`] asks for.
    pub name: &'static str,
    /// The object's terms. The same object must always have the same terms.
    pub terms: fn(&K) -> Vec<String>,
}

struct Terms<K> {
    index: Index<K>,
    names: HashMap<String, BTreeSet<NamespacedName>>,
}

/// Objects by name, and by the terms of every index. The two never disagree: every change goes through
/// [`Self::insert`], [`Self::remove`] or [`Self::take_all`].
pub(super) struct Objects<K> {
    by_name: BTreeMap<NamespacedName, Entry<K>>,
    indexes: Vec<Terms<K>>,
}

impl<K> Objects<K> {
    pub(super) fn new(indexes: Vec<Index<K>>) -> Self {
        let indexes = indexes.into_iter().map(|index| Terms { index, names: HashMap::new() }).collect();
        Self { by_name: BTreeMap::new(), indexes }
    }

    pub(super) fn by_name(&self) -> &BTreeMap<NamespacedName, Entry<K>> {
        &self.by_name
    }

    /// The entry of a name, of which everything but the object may be changed: the indexes speak of that.
    pub(super) fn get_mut(&mut self, name: &NamespacedName) -> Option<&mut Entry<K>> {
        self.by_name.get_mut(name)
    }

    /// Changes every entry, but for the object.
    pub(super) fn for_each_mut(&mut self, change: impl FnMut(&mut Entry<K>)) {
        self.by_name.values_mut().for_each(change);
    }

    pub(super) fn insert(&mut self, name: NamespacedName, entry: Entry<K>) {
        let object = entry.object.clone();
        let before = self.by_name.insert(name.clone(), entry);
        for terms in &mut self.indexes {
            let of = terms.index.terms;
            let now = of(&object);
            for term in before.iter().flat_map(|old| of(&old.object)).filter(|term| !now.contains(term)) {
                terms.drop(&term, &name);
            }
            for term in now {
                terms.names.entry(term).or_default().insert(name.clone());
            }
        }
    }

    pub(super) fn remove(&mut self, name: &NamespacedName) {
        let Some(gone) = self.by_name.remove(name) else { return };
        for terms in &mut self.indexes {
            for term in (terms.index.terms)(&gone.object) {
                terms.drop(&term, name);
            }
        }
    }

    /// Takes out all objects.
    pub(super) fn take_all(&mut self) -> BTreeMap<NamespacedName, Entry<K>> {
        self.indexes.iter_mut().for_each(|terms| terms.names.clear());
        std::mem::take(&mut self.by_name)
    }

    /// The objects that have a term, in the order of their names. An index that there is not finds nothing.
    pub(super) fn by_term(&self, index: &str, term: &str) -> Vec<Arc<K>> {
        let terms = self.indexes.iter().find(|terms| terms.index.name == index);
        debug_assert!(terms.is_some(), "there is no index {index:?}");
        let names = terms.and_then(|terms| terms.names.get(term)).into_iter().flatten();
        names.filter_map(|name| self.by_name.get(name)).map(|entry| entry.object.clone()).collect()
    }
}

impl<K> Terms<K> {
    fn drop(&mut self, term: &str, name: &NamespacedName) {
        if let Some(names) = self.names.get_mut(term) {
            names.remove(name);
            if names.is_empty() {
                self.names.remove(term);
            }
        }
    }
}
