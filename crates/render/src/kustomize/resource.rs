//! An object while layers change it, and the list of these objects.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use model::{GroupKind, ObjectKey, limit, object};
use serde_json::Value;

use super::origin::Origin;
use crate::budget::Budget;
use crate::error::RenderError;
use crate::object::{Location, Object};

/// Most objects of one unit: 100,000 placed objects is the design limit of a whole hub.
const OBJECTS_MAX: usize = 100_000;

/// Most earlier keys of one object. A layer makes at most four, and each patch that renames makes one; real ones stay
/// below 10. It bounds what an index of keys holds.
const EARLIER_MAX: usize = 256;

/// Most bytes of an object's group, kind, name and namespace together. An API server takes 253 of each; this is twice that.
/// Each step copies them, and a renamed object keeps them.
pub(crate) const KEY_BYTES_MAX: usize = 2048;

/// Group and kind of custom kinds whose objects have no namespace.
pub(crate) type ClusterKinds = HashSet<GroupKind>;

/// What a generator does when the object is already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// This is an error.
    #[default]
    Create,
    /// The generated data replaces the data there.
    Replace,
    /// The generated data is added to the data there.
    Merge,
}

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) object: Value,
    pub(crate) location: Location,
    /// Earlier keys, oldest first, without the current one: patches and references may still use them.
    pub(crate) earlier: Vec<ObjectKey>,
    /// Whether the name gets a suffix made of the content, after everything else is done.
    pub(crate) hashed: bool,
    /// What was put before and after its name, in this order: it tells objects that had the same name apart.
    pub(crate) prefixes: Vec<Rc<str>>,
    pub(crate) suffixes: Vec<Rc<str>>,
    /// Names of the variables that read it.
    pub(crate) variables: Vec<Rc<str>>,
    /// Where it comes from, if its annotations shall say so.
    pub(crate) origin: Option<Rc<Origin>>,
    /// What changed it, if its annotations shall say so.
    pub(crate) transformations: Vec<Rc<Origin>>,
}

impl Resource {
    pub(crate) fn new(object: Value, location: Location) -> Self {
        Self {
            object,
            location,
            earlier: Vec::new(),
            hashed: false,
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            variables: Vec::new(),
            origin: None,
            transformations: Vec::new(),
        }
    }

    /// The current key.
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::of(&self.object)
    }

    /// The key as written in the file.
    pub(crate) fn first_key(&self) -> ObjectKey {
        self.earlier.first().cloned().unwrap_or_else(|| self.key())
    }

    /// The current key and the earlier ones.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ObjectKey> {
        std::iter::once(self.key()).chain(self.earlier.iter().rev().cloned())
    }

    /// The current key, when it is no longer than one may be.
    pub(crate) fn checked_key(&self) -> Result<ObjectKey, RenderError> {
        let key = self.key();
        let length = key_len(&key);
        if length > KEY_BYTES_MAX {
            let why = format!("its group, kind, name and namespace have {length} bytes; {KEY_BYTES_MAX} are the most");
            return Err(RenderError::field(&self.location.to_string(), "metadata", why));
        }
        Ok(key)
    }

    /// Checks that it still is an object, after a step that may have written something else over its metadata, kind or
    /// name.
    pub(crate) fn check_object(&self, key: &ObjectKey) -> Result<(), RenderError> {
        let why = match self.object.get("metadata") {
            Some(Value::Object(_)) if key.kind.is_empty() => {
                "a step removed its apiVersion or kind, or made it another value than text"
            }
            Some(Value::Object(_)) if key.name.is_empty() => {
                "a step removed its metadata.name, or made it another value than text"
            }
            Some(Value::Object(_)) => return Ok(()),
            _ => "a step removed its metadata, or made it another value than a mapping",
        };
        Err(RenderError::NotAnObject { location: self.location.clone(), why: why.to_owned() })
    }

    /// Remembers the current key before the name or namespace changes.
    pub(crate) fn remember(&mut self, budget: &Budget) -> Result<(), RenderError> {
        self.remember_key(self.checked_key()?, budget)
    }

    /// Remembers a key that the object had until now.
    pub(crate) fn remember_key(&mut self, key: ObjectKey, budget: &Budget) -> Result<(), RenderError> {
        if self.earlier.last() != Some(&key) {
            budget.spend_made(key_len(&key))?;
            self.earlier.push(key);
        }
        Ok(())
    }

    /// Work of looking at the earlier keys.
    pub(crate) fn earlier_weight(&self) -> usize {
        self.earlier.iter().map(|key| KEY_BYTES.max(key_len(key))).sum()
    }

    /// Whether the object is of a kind that lives in namespaces. A kind that is not known does.
    pub(crate) fn namespaced(&self, cluster_kinds: &ClusterKinds) -> bool {
        let Some(gvk) = object::gvk(&self.object) else { return true };
        match kinds::find(&gvk) {
            Some(kind) => kind.namespaced,
            None => cluster_kinds.is_empty() || !cluster_kinds.contains(&gvk.group_kind()),
        }
    }
}

/// The namespace that a text means. Empty means `default`, also for kinds without namespaces, as in kustomize.
pub(crate) fn effective_namespace(text: &str) -> &str {
    if text.is_empty() { "default" } else { text }
}

impl From<Object> for Resource {
    fn from(object: Object) -> Self {
        Self::new(object.value, object.location)
    }
}

/// Objects in order, no two with the same key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resources(pub(crate) Vec<Resource>);

impl Resources {
    /// Adds objects. Call [`check`](Self::check) when the layer is complete.
    pub(crate) fn append(&mut self, more: Vec<Resource>) -> Result<(), RenderError> {
        self.0.extend(more);
        if self.0.len() > OBJECTS_MAX {
            return Err(RenderError::TooMany { limit: OBJECTS_MAX });
        }
        Ok(())
    }

    /// About how many bytes the objects are, with the names that they had.
    pub(crate) fn weight(&self) -> usize {
        self.0.iter().map(|resource| object::weight(&resource.object) + resource.earlier_weight()).sum()
    }

    /// Checks that all keys differ, that no step wrote something else over what makes an object one, and that none made an object that nests deeper than what can be read again, or
    /// that had too many names.
    pub(crate) fn check(&self) -> Result<(), RenderError> {
        self.check_where(|_| true)
    }

    /// The same at the end of a layer, where objects that get a suffix of their content may still have one name.
    pub(crate) fn check_unhashed(&self) -> Result<(), RenderError> {
        self.check_where(|resource| !resource.hashed)
    }

    fn check_where(&self, has_its_name: impl Fn(&Resource) -> bool) -> Result<(), RenderError> {
        let mut seen: HashMap<ObjectKey, usize> = HashMap::with_capacity(self.0.len());
        let no_kinds = ClusterKinds::new();
        for (at, resource) in self.0.iter().enumerate() {
            let key = resource.checked_key()?;
            resource.check_object(&key)?;
            if object::depth(&resource.object) > limit::NESTING_MAX {
                let why = format!("it nests deeper than {} levels", limit::NESTING_MAX);
                return Err(RenderError::field(&resource.location.to_string(), key.to_string(), why));
            }
            if resource.earlier.len() > EARLIER_MAX {
                let (key, location) = (key.to_string(), resource.location.clone());
                return Err(RenderError::TooManyNames { key, location, limit: EARLIER_MAX });
            }
            if !has_its_name(resource) {
                continue;
            }
            let mut effective = key.clone();
            if effective.namespace.is_empty() && resource.namespaced(&no_kinds) {
                "default".clone_into(&mut effective.namespace);
            }
            if let Some(first) = seen.insert(effective, at) {
                return Err(RenderError::collision(&key, &self.0[first].location, &resource.location));
            }
        }
        Ok(())
    }

    /// Group and kind of the custom kinds that a CRD among the objects says are cluster-scoped.
    pub(crate) fn cluster_kinds(&self) -> ClusterKinds {
        let is_crd = |r: &&Resource| object::get_str(&r.object, &["kind"]) == Some("CustomResourceDefinition");
        let scope = |r: &&Resource| object::get_str(&r.object, &["spec", "scope"]) == Some("Cluster");
        let names = |r: &Resource| {
            let group = object::get_str(&r.object, &["spec", "group"])?;
            Some(GroupKind::new(group, object::get_str(&r.object, &["spec", "names", "kind"])?))
        };
        self.0.iter().filter(is_crd).filter(scope).filter_map(names).collect()
    }
}

/// Work of entering a key into an index and of looking it up: about the bytes of two keys of usual length.
pub(crate) const KEY_BYTES: usize = 128;

/// Which objects have a key, or had it. It is built once for many lookups, and holds until a key changes.
pub(crate) struct Keys {
    current: HashMap<ObjectKey, Vec<usize>>,
    earlier: HashMap<ObjectKey, Vec<usize>>,
}

impl Keys {
    /// The keys of these objects.
    ///
    /// # Errors
    /// The budget is spent.
    pub(crate) fn of(all: &Resources, budget: &Budget) -> Result<Self, RenderError> {
        let mut keys = Self { current: HashMap::new(), earlier: HashMap::new() };
        for (at, resource) in all.0.iter().enumerate() {
            budget.spend(KEY_BYTES + resource.earlier_weight())?;
            keys.insert(at, resource);
        }
        Ok(keys)
    }

    /// Adds an object at a place after all others.
    pub(crate) fn insert(&mut self, at: usize, resource: &Resource) {
        self.current.entry(effective(resource.key())).or_default().push(at);
        for key in &resource.earlier {
            let places = self.earlier.entry(effective(key.clone())).or_default();
            if places.last() != Some(&at) {
                places.push(at);
            }
        }
    }

    /// Places of the objects that have this key; if there is none, of those that had it. The current name wins over names
    /// that others had before.
    pub(crate) fn find(&self, key: &ObjectKey) -> &[usize] {
        let key = effective(key.clone());
        self.current.get(&key).or_else(|| self.earlier.get(&key)).map_or(&[], Vec::as_slice)
    }
}

fn key_len(key: &ObjectKey) -> usize {
    let ObjectKey { group, kind, namespace, name } = key;
    group.len() + kind.len() + namespace.len() + name.len()
}

/// The key with which objects are compared. An empty namespace and `default` are one, as in kustomize.
fn effective(mut key: ObjectKey) -> ObjectKey {
    key.namespace = effective_namespace(&key.namespace).to_owned();
    key
}

#[cfg(test)]
mod tests;
