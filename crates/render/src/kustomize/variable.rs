//! `vars`: names for the values of fields, which stand as `$(NAME)` in other fields
//! (`kustomize/api/internal/accumulator`, `kustomize/api/filters/refvar`).
//!
//! A layer says which object a variable reads; its value is read and put in place after all layers, when names are final.

use std::collections::BTreeMap;
use std::rc::Rc;

use model::{ObjectKey, limit, object};
use serde_json::Value;

use super::config::{Config, Table};
use super::entry::{ObjectReference, Variable};
use super::fieldpath::{FieldPath, Part};
use super::place::Place;
use super::resource::{ClusterKinds, KEY_BYTES, Resource, Resources, effective_namespace};
use super::value_text::text_of;
use crate::budget::Budget;
use crate::error::RenderError;

/// The field that is meant when none is named.
const DEFAULT_PATH: &str = "metadata.name";

/// The variables of the layers so far, with the file and field that each is in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(BTreeMap<String, (String, String, Variable)>);

impl Variables {
    /// Adds those of a layer, and notes in the objects which variables read them.
    ///
    /// # Errors
    /// A name that is there already; a variable that may read more than one object.
    pub(crate) fn add(
        &mut self,
        place: Place<'_>,
        variables: &[Variable],
        all: &mut Resources,
        budget: &Budget,
    ) -> Result<(), RenderError> {
        for (at, variable) in variables.iter().enumerate() {
            let below = format!("[{at}]");
            let mut found: Option<usize> = None;
            for (number, resource) in all.0.iter().enumerate() {
                budget.spend(KEY_BYTES + resource.earlier_weight())?;
                if !reads(&variable.objref, resource) {
                    continue;
                }
                if let Some(first) = found {
                    let (first, second) = (&all.0[first].location, &resource.location);
                    let target = format!("variable {:?}", limit::cut(&variable.name));
                    return Err(RenderError::ambiguous(place.file, &place.below(&below), target, first, second));
                }
                found = Some(number);
            }
            if let Some(found) = found {
                budget.spend_made(variable.name.len())?;
                all.0[found].variables.push(Rc::from(variable.name.as_str()));
            }
            let entry = (place.file.to_owned(), place.below(&below), variable.clone());
            self.insert(entry)?;
        }
        Ok(())
    }

    /// Adds those of another layer.
    ///
    /// # Errors
    /// A name that is there already.
    pub(crate) fn merge(&mut self, more: Self) -> Result<(), RenderError> {
        more.0.into_values().try_for_each(|entry| self.insert(entry))
    }

    fn insert(&mut self, entry: (String, String, Variable)) -> Result<(), RenderError> {
        let (file, field, variable) = &entry;
        if let Some((other, at, _)) = self.0.get(&variable.name) {
            let why = format!("{:?} is there already: {other}: {at}", limit::cut(&variable.name));
            return Err(RenderError::field(file, format!("{field}.name"), why));
        }
        self.0.insert(variable.name.clone(), entry);
        Ok(())
    }

    /// Reads the values, and puts them in place.
    ///
    /// # Errors
    /// A variable that reads no object, or no field of it. The budget is spent.
    pub(crate) fn resolve(self, all: &mut Resources, config: &Config, budget: &Budget) -> Result<(), RenderError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut places: BTreeMap<&str, &Resource> = BTreeMap::new();
        for resource in &all.0 {
            budget.spend(resource.variables.len() * KEY_BYTES)?;
            for name in &resource.variables {
                places.entry(name).or_insert(resource);
            }
        }
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        for (name, (file, field, variable)) in &self.0 {
            let Some(resource) = places.get(name.as_str()) else {
                let target = format!("{:?}", reference_text(&variable.objref));
                return Err(RenderError::NoTarget { file: file.clone(), field: format!("{field}.objref"), target });
            };
            let value = read(variable, &resource.object);
            let value = value.map_err(|why| {
                let why = format!("{}: {why}", resource.key());
                RenderError::field(file, format!("{field}.fieldref.fieldPath"), why)
            })?;
            budget.spend(object::weight(value))?;
            values.insert(name.clone(), value.clone());
        }
        drop(places);
        let tables = [Table::VarReference];
        budget.spend(config.weight(&tables).saturating_mul(all.0.len()))?;
        budget.spend(all.weight())?;
        for resource in &mut all.0 {
            let gvk = object::gvk(&resource.object).unwrap_or_default();
            for spec in config.specs(Table::VarReference).filter(|spec| spec.selects(&gvk)) {
                spec.each_there(&mut resource.object, budget, &mut |value| replace(value, &values, budget))?;
            }
        }
        Ok(())
    }
}

/// Whether a variable reads an object: it has, or had, this name.
fn reads(wanted: &ObjectReference, resource: &Resource) -> bool {
    let gvk = object::gvk(&resource.object).unwrap_or_default();
    let (group, version) = match wanted.api_version.split_once('/') {
        Some((group, version)) => (group, version),
        None if wanted.api_version.is_empty() => (wanted.group.as_str(), wanted.version.as_str()),
        None => (wanted.group.as_str(), wanted.api_version.as_str()),
    };
    if gvk.group != group || gvk.version != version {
        return false;
    }
    let namespaced = resource.namespaced(&ClusterKinds::new());
    let is = |key: ObjectKey| {
        let here =
            effective_namespace(&key.namespace) == wanted.namespace || wanted.namespace.is_empty() || !namespaced;
        key.kind == wanted.kind && key.name == wanted.name && here
    };
    resource.keys().any(is)
}

fn reference_text(wanted: &ObjectReference) -> String {
    let ObjectReference { api_version, group, version, kind, name, namespace } = wanted;
    let parts = [api_version, group, version, kind, namespace, name];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

/// The value that a variable reads.
fn read<'a>(variable: &Variable, object: &'a Value) -> Result<&'a Value, String> {
    let text = &variable.fieldref.field_path;
    let text = if text.is_empty() { DEFAULT_PATH } else { text };
    let mut path = FieldPath(Vec::new());
    // `ports[0]` is `ports` and `0`.
    for part in FieldPath::parse(text)?.0 {
        match &part {
            Part::Field(name) => match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
                Some((name, place)) if place.parse::<usize>().is_ok() => {
                    path.0.extend((!name.is_empty()).then(|| Part::Field(name.to_owned())));
                    path.0.extend(place.parse().ok().map(Part::Place));
                }
                _ => path.0.push(part),
            },
            _ => path.0.push(part),
        }
    }
    path.read(object)?.ok_or_else(|| format!("it has no {}", limit::cut(text)))
}

/// Puts values into a text, into the texts of a list, or into those of a mapping.
fn replace(value: &mut Value, values: &BTreeMap<String, Value>, budget: &Budget) -> Result<(), RenderError> {
    match value {
        Value::String(text) if text.contains('$') => {
            *value = expanded(text, values, budget)?;
            Ok(())
        }
        Value::Array(items) => {
            items.iter_mut().filter(|item| item.is_string()).try_for_each(|item| replace(item, values, budget))
        }
        Value::Object(map) => {
            map.values_mut().filter(|inner| inner.is_string()).try_for_each(|inner| replace(inner, values, budget))
        }
        _ => Ok(()),
    }
}

/// A text with the values of its variables. A text that is one variable gets the type of the value. `$$` is a dollar, and
/// what names no variable stays.
fn expanded(text: &str, values: &BTreeMap<String, Value>, budget: &Budget) -> Result<Value, RenderError> {
    let value_of = |name: &str| values.get(name).filter(|value| !value.is_object() && !value.is_array());
    let whole = text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')).filter(|name| !name.contains(')'));
    if let Some(value) = whole.and_then(value_of) {
        budget.spend_made(object::weight(value))?;
        return Ok(if value.is_null() { "null".into() } else { value.clone() });
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let variable = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = variable {
            match value_of(name).and_then(text_of) {
                Some(text) => {
                    budget.spend_made(text.len())?;
                    out.push_str(&text);
                }
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out.into())
}

#[cfg(test)]
mod tests;
