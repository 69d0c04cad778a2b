//! An object while layers change it, and the list of these objects.

use std::collections::HashMap;

use model::{ObjectKey, object};
use serde_json::Value;

use crate::error::RenderError;
use crate::object::{Location, Object};

/// Most objects of one unit: 100,000 placed objects is the design limit of a whole hub.
const OBJECTS_MAX: usize = 100_000;

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
}

impl Resource {
    pub(crate) fn new(object: Value, location: Location) -> Self {
        Self { object, location, earlier: Vec::new(), hashed: false }
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

    /// Remembers the current key before the name or namespace changes.
    pub(crate) fn remember(&mut self) {
        let key = self.key();
        if self.earlier.last() != Some(&key) {
            self.earlier.push(key);
        }
    }

    /// Whether the object is of a kind that lives in namespaces. A kind that is not known does.
    pub(crate) fn namespaced(&self, cluster_kinds: &[(String, String)]) -> bool {
        let Some(gvk) = object::gvk(&self.object) else { return true };
        match kinds::find(&gvk) {
            Some(kind) => kind.namespaced,
            None => !cluster_kinds.iter().any(|(group, kind)| *group == gvk.group && *kind == gvk.kind),
        }
    }
}

/// Whether two keys name the same object. An empty namespace and `default` are one, as in kustomize.
pub(crate) fn same_key(a: &ObjectKey, b: &ObjectKey) -> bool {
    a.group == b.group && a.kind == b.kind && a.name == b.name && same_namespace(&a.namespace, &b.namespace)
}

/// Whether two namespaces are the same. Empty means `default`.
pub(crate) fn same_namespace(a: &str, b: &str) -> bool {
    let effective = |n: &str| if n.is_empty() { "default".to_owned() } else { n.to_owned() };
    a == b || effective(a) == effective(b)
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

    /// About how many bytes the objects are.
    pub(crate) fn weight(&self) -> usize {
        self.0.iter().map(|resource| object::weight(&resource.object)).sum()
    }

    /// Checks that all keys differ.
    pub(crate) fn check(&self) -> Result<(), RenderError> {
        let mut seen: HashMap<ObjectKey, usize> = HashMap::with_capacity(self.0.len());
        for (at, resource) in self.0.iter().enumerate() {
            let key = resource.key();
            let mut effective = key.clone();
            if effective.namespace.is_empty() && resource.namespaced(&[]) {
                "default".clone_into(&mut effective.namespace);
            }
            if let Some(first) = seen.insert(effective, at) {
                return Err(RenderError::collision(&key, &self.0[first].location, &resource.location));
            }
        }
        Ok(())
    }

    /// Group and kind of the custom kinds that a CRD among the objects says are cluster-scoped.
    pub(crate) fn cluster_kinds(&self) -> Vec<(String, String)> {
        let is_crd = |r: &&Resource| object::get_str(&r.object, &["kind"]) == Some("CustomResourceDefinition");
        let scope = |r: &&Resource| object::get_str(&r.object, &["spec", "scope"]) == Some("Cluster");
        let names = |r: &Resource| {
            let group = object::get_str(&r.object, &["spec", "group"])?.to_owned();
            Some((group, object::get_str(&r.object, &["spec", "names", "kind"])?.to_owned()))
        };
        self.0.iter().filter(is_crd).filter(scope).filter_map(names).collect()
    }

    /// Places of the objects that have, or had, this key.
    pub(crate) fn find(&self, key: &ObjectKey) -> Vec<usize> {
        let with = |test: &dyn Fn(&Resource) -> bool| {
            self.0.iter().enumerate().filter(|(_, r)| test(r)).map(|(at, _)| at).collect::<Vec<_>>()
        };
        // The current name wins over names that others had before.
        let current = with(&|r| same_key(&r.key(), key));
        if current.is_empty() { with(&|r| r.keys().any(|k| same_key(&k, key))) } else { current }
    }
}
