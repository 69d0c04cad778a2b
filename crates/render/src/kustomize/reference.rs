//! Fields that name other objects follow when those are renamed (`kustomize/api/filters/nameref`).
//!
//! This happens once, after all layers: until then fields have the names that files give them. A field means an object that
//! had the name, is of the kind that the specification of the field names, and is in a namespace that the object with the
//! field can name. When more than one is left, those count that went through the same layers as the object with the field,
//! which the prefixes and suffixes of both tell.

mod index;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use model::{GroupVersionKind, object};
use serde_json::Value;

use super::config::{Config, Reference};
use super::field::Spec;
use super::generate::ENTRY_BYTES;
use super::resource::{Resource, Resources};
use crate::budget::Budget;
use crate::error::RenderError;
use index::{Index, ObjectFacts};

/// Updates every field that names an object which was renamed or moved.
///
/// # Errors
/// A name is ambiguous: more than one object had it. The budget is spent.
pub(crate) fn update(all: &mut Resources, config: &Config, budget: &Budget) -> Result<(), RenderError> {
    if all.0.iter().all(|r| r.earlier.is_empty()) {
        return Ok(());
    }
    budget.spend(config.references_weight().saturating_mul(all.0.len()))?;
    let index = Index::of(all, budget)?;
    let mut by_kind: HashMap<&str, Vec<(&Reference, &Spec)>> = HashMap::new();
    for reference in config.references() {
        for spec in &reference.referrers {
            by_kind.entry(spec.kind.as_str()).or_default().push((reference, spec));
        }
    }
    for at in 0..all.0.len() {
        let mut object = std::mem::take(&mut all.0[at].object);
        let done = Update { index: &index, by_kind: &by_kind, at, budget }.run(&all.0[at], &mut object);
        all.0[at].object = object;
        done?;
    }
    Ok(())
}

/// The update of one object.
struct Update<'a> {
    index: &'a Index,
    by_kind: &'a HashMap<&'a str, Vec<(&'a Reference, &'a Spec)>>,
    /// Place of the object.
    at: usize,
    budget: &'a Budget,
}

impl Update<'_> {
    fn run(&self, resource: &Resource, object: &mut Value) -> Result<(), RenderError> {
        let now = object::gvk(object).unwrap_or_default();
        let first_kind = resource.earlier.first().map_or_else(|| now.kind.clone(), |key| key.kind.clone());
        let first = GroupVersionKind { kind: first_kind, ..now.clone() };
        // Kinds that a specification names, and those that it leaves open.
        let specs = [first.kind.as_str(), ""].into_iter().filter_map(|kind| self.by_kind.get(kind)).flatten();
        let spaces = self.subject_namespaces(object, &now);
        for (reference, spec) in specs.filter(|(_, spec)| spec.selects(&first)) {
            let target = &reference.target;
            if spec.path.ends_with("roleRef/name") && !self.may_be_role(object, target) {
                continue;
            }
            if spec.path == "spec/scaleTargetRef/name" {
                // A reference that names its kind means no other one.
                let named = object::get_str(object, &["spec", "scaleTargetRef", "kind"]);
                if named.is_some_and(|kind| kind != target.kind) {
                    continue;
                }
            }
            spec.each_there(object, self.budget, &mut |value| self.change(&spaces, target, spec, value))?;
        }
        Ok(())
    }

    /// Whether the target may be what a `roleRef` names.
    fn may_be_role(&self, object: &Value, target: &GroupVersionKind) -> bool {
        let named = |field: &str| object::get_str(object, &["roleRef", field]);
        match (named("apiGroup"), named("kind")) {
            (Some(group), Some(kind)) => {
                (kind.is_empty() || kind == target.kind) && (group.is_empty() || group == target.group)
            }
            _ => true,
        }
    }

    /// Namespaces of the service accounts that a RoleBinding names: they may be others than its own.
    fn subject_namespaces(&self, object: &Value, gvk: &GroupVersionKind) -> HashSet<String> {
        if gvk.kind != "RoleBinding" {
            return HashSet::new();
        }
        let subjects = object.get("subjects").and_then(Value::as_array).into_iter().flatten();
        let accounts = subjects.filter(|subject| subject["kind"] == "ServiceAccount");
        accounts.filter_map(|subject| subject["namespace"].as_str().map(str::to_owned)).collect()
    }

    /// Changes a value that is a name, a mapping with a name, or a list of these.
    fn change(
        &self,
        spaces: &HashSet<String>,
        target: &GroupVersionKind,
        spec: &Spec,
        value: &mut Value,
    ) -> Result<(), RenderError> {
        match value {
            Value::String(name) => {
                if let Some(found) = self.find(spaces, target, spec, name, None)?
                    && found.key.name != *name
                {
                    self.budget.spend_made(found.key.name.len())?;
                    name.clone_from(&found.key.name);
                }
                Ok(())
            }
            Value::Array(items) => items
                .iter_mut()
                .filter(|item| !item.is_array())
                .try_for_each(|item| self.change(spaces, target, spec, item)),
            Value::Object(_) => self.mapping(spaces, target, spec, value),
            _ => Ok(()),
        }
    }

    fn mapping(
        &self,
        spaces: &HashSet<String>,
        target: &GroupVersionKind,
        spec: &Spec,
        value: &mut Value,
    ) -> Result<(), RenderError> {
        // A subject that is a user or a group is no service account of the same name.
        if spec.path == "subjects" && value.get("kind").is_some_and(|kind| *kind != target.kind.as_str()) {
            return Ok(());
        }
        let Some(name) = value["name"].as_str() else { return Ok(()) };
        let written = value.get("namespace").filter(|n| !n.is_null()).map(|n| n.as_str().unwrap_or_default());
        let Some(found) = self.find(spaces, target, spec, name, Some(written))? else { return Ok(()) };
        let (name, namespace) = (found.key.name.clone(), found.key.namespace.clone());
        self.budget.spend_made(name.len() + namespace.len() + ENTRY_BYTES)?;
        value["name"] = name.into();
        // An object without a namespace goes into the namespace that it is applied to, so the reference keeps its own.
        if !namespace.is_empty() {
            value["namespace"] = namespace.into();
        }
        Ok(())
    }

    /// The object that a name means, if it is one of these. `mapping` is there when the name stands in a mapping, with the
    /// namespace that is beside it.
    fn find(
        &self,
        spaces: &HashSet<String>,
        target: &GroupVersionKind,
        spec: &Spec,
        name: &str,
        mapping: Option<Option<&str>>,
    ) -> Result<Option<&ObjectFacts>, RenderError> {
        let referrer = self.index.entry(self.at);
        let mut found: Vec<&ObjectFacts> = Vec::new();
        self.index.named(name, referrer, spaces, self.budget, &mut |known| {
            if known.is_or_was(target, name) && self.in_reach(referrer, known) {
                found.push(known);
            }
        })?;
        if let Some(Some(namespace)) = mapping {
            let original = self.index.was_in(namespace, referrer, spaces, self.budget)?;
            found.retain(|known| {
                let there = if original { known.first_namespace() } else { known.namespace() };
                there == Some(namespace)
            });
        }
        if found.len() != 1 {
            found.retain(|known| same_layers(known, referrer, true));
        }
        if found.len() > 1 {
            found.retain(|known| same_layers(known, referrer, false));
        }
        let Some((first, others)) = found.split_first() else { return Ok(None) };
        let same = |other: &&ObjectFacts| {
            other.key.name == first.key.name && (mapping.is_none() || other.key.namespace == first.key.namespace)
        };
        match others.iter().find(|other| !same(other)) {
            None => Ok(Some(first)),
            Some(other) => {
                let (named, field) = (format!("{} {name:?}", target.kind), spec.path.replace('/', "."));
                let file = &referrer.location.file;
                Err(RenderError::ambiguous(file, &field, named, &first.location, &other.location))
            }
        }
    }

    /// Whether an object may be named: it is in the same namespace, or one of both has none.
    fn in_reach(&self, referrer: &ObjectFacts, known: &ObjectFacts) -> bool {
        let (Some(here), Some(there)) = (referrer.namespace(), known.namespace()) else { return true };
        here == there || known.key.kind == "ServiceAccount"
    }
}

/// Whether two objects went through the same layers, as their prefixes and suffixes say. With `lenient`, no prefix is like
/// any, and no suffix too.
fn same_layers(one: &ObjectFacts, other: &ObjectFacts, lenient: bool) -> bool {
    let same = |one: &[Rc<str>], other: &[Rc<str>]| match (one.is_empty(), other.is_empty()) {
        (true, true) => true,
        (false, false) => one.iter().rev().zip(other.iter().rev()).all(|(a, b)| a == b),
        _ => lenient,
    };
    same(&one.prefixes, &other.prefixes) && same(&one.suffixes, &other.suffixes)
}

#[cfg(test)]
mod tests;
