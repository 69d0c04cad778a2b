//! Which objects had which names.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use model::{GroupVersionKind, ObjectKey, object};

use crate::budget::Budget;
use crate::error::RenderError;
use crate::kustomize::resource::{ClusterKinds, KEY_BYTES, Resource, Resources, effective_namespace};
use crate::object::Location;

/// Work of looking whether an object is the one that a name means.
const LOOK_BYTES: usize = 64;

/// What is known of an object while fields change.
pub(super) struct ObjectFacts {
    pub(super) key: ObjectKey,
    pub(super) location: Location,
    pub(super) prefixes: Vec<Rc<str>>,
    pub(super) suffixes: Vec<Rc<str>>,
    version: String,
    namespaced: bool,
    /// Kinds, names and namespaces that it had.
    earlier: Vec<ObjectKey>,
}

impl ObjectFacts {
    fn of(resource: &Resource) -> Self {
        Self {
            key: resource.key(),
            location: resource.location.clone(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            version: object::gvk(&resource.object).unwrap_or_default().version,
            namespaced: resource.namespaced(&ClusterKinds::new()),
            earlier: resource.earlier.clone(),
        }
    }

    /// The namespace that it is in; `None` when its kind has none.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespaced.then(|| effective_namespace(&self.key.namespace))
    }

    /// The namespace that it was in at first.
    pub(super) fn first_namespace(&self) -> Option<&str> {
        let first = self.earlier.first().unwrap_or(&self.key);
        self.namespaced.then(|| effective_namespace(&first.namespace))
    }

    /// Whether it had a name, and was of a kind. An object that was never renamed has no former name.
    pub(super) fn is_or_was(&self, target: &GroupVersionKind, name: &str) -> bool {
        let any = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        any(&target.group, &self.key.group)
            && any(&target.version, &self.version)
            && self.earlier.iter().any(|key| key.name == name)
            && self.earlier.iter().any(|key| any(&target.kind, &key.kind))
    }
}

/// Objects that had one name.
#[derive(Default)]
struct Named {
    all: Vec<usize>,
    /// Those of kinds without a namespace.
    cluster: Vec<usize>,
    /// The others, by the namespace that they are in now.
    spaces: HashMap<String, Vec<usize>>,
}

/// Namespaces of objects.
#[derive(Default)]
struct Spaces {
    /// Where objects are that are in none as far as they say: in `default`.
    effective: HashSet<String>,
    written: HashSet<String>,
}

/// All objects, by the names that they had.
pub(super) struct Index {
    known: Vec<ObjectFacts>,
    names: HashMap<String, Named>,
    /// By the namespace that objects were in at first: those that they are in now.
    first: HashMap<String, Spaces>,
}

impl Index {
    pub(super) fn of(all: &Resources, budget: &Budget) -> Result<Self, RenderError> {
        let mut index = Self { known: Vec::with_capacity(all.0.len()), names: HashMap::new(), first: HashMap::new() };
        for (at, resource) in all.0.iter().enumerate() {
            budget.spend_made(KEY_BYTES + resource.earlier_weight())?;
            let known = ObjectFacts::of(resource);
            if let (Some(first), Some(now)) = (known.first_namespace(), known.namespace()) {
                let spaces = index.first.entry(first.to_owned()).or_default();
                spaces.effective.insert(now.to_owned());
                spaces.written.insert(known.key.namespace.clone());
            }
            let names: HashSet<&str> = known.earlier.iter().map(|key| key.name.as_str()).collect();
            for name in names {
                let named = index.names.entry(name.to_owned()).or_default();
                named.all.push(at);
                match known.namespace() {
                    None => named.cluster.push(at),
                    Some(namespace) => named.spaces.entry(namespace.to_owned()).or_default().push(at),
                }
            }
            index.known.push(known);
        }
        Ok(index)
    }

    pub(super) fn entry(&self, at: usize) -> &ObjectFacts {
        &self.known[at]
    }

    /// Calls `look` with the objects that had a name and that an object can name: those in its namespace and in these
    /// others, and those without one; all of them when it has no namespace itself. In the order of all objects.
    ///
    /// # Errors
    /// The budget is spent.
    pub(super) fn named<'a>(
        &'a self,
        name: &str,
        referrer: &ObjectFacts,
        others: &HashSet<String>,
        budget: &Budget,
        look: &mut dyn FnMut(&'a ObjectFacts),
    ) -> Result<(), RenderError> {
        budget.spend(LOOK_BYTES)?;
        let Some(named) = self.names.get(name) else { return Ok(()) };
        let places = match referrer.namespace() {
            None => named.all.clone(),
            Some(here) => {
                let in_space = |namespace: &str| named.spaces.get(namespace).into_iter().flatten().copied();
                let mut places: Vec<usize> = in_space(here).chain(named.cluster.iter().copied()).collect();
                // A binding may name many namespaces, and a list of subjects many objects that are in few.
                let spaces = &named.spaces;
                budget.spend(others.len().min(spaces.len()).saturating_mul(LOOK_BYTES))?;
                let both: Vec<&String> = match others.len() < spaces.len() {
                    true => others.iter().filter(|other| spaces.contains_key(*other)).collect(),
                    false => spaces.keys().filter(|space| others.contains(*space)).collect(),
                };
                for other in both.into_iter().filter(|other| *other != here) {
                    // An object that says no namespace is not in one that a binding names, not even in `default`.
                    places.extend(in_space(other).filter(|at| self.known[*at].key.namespace == *other));
                }
                places.sort_unstable();
                places
            }
        };
        for at in places {
            budget.spend(LOOK_BYTES)?;
            look(&self.known[at]);
        }
        Ok(())
    }

    /// Whether an object that can be named was in a namespace at first.
    ///
    /// # Errors
    /// The budget is spent.
    pub(super) fn was_in(
        &self,
        namespace: &str,
        referrer: &ObjectFacts,
        others: &HashSet<String>,
        budget: &Budget,
    ) -> Result<bool, RenderError> {
        let Some(now) = self.first.get(namespace) else { return Ok(false) };
        let Some(here) = referrer.namespace() else { return Ok(true) };
        budget.spend(others.len().min(now.written.len()).saturating_mul(LOOK_BYTES))?;
        // It walks over the smaller one.
        Ok(now.effective.contains(here) || !others.is_disjoint(&now.written))
    }
}
