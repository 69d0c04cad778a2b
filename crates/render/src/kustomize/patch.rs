//! Patches: strategic merge and JSON 6902.

use std::collections::BTreeSet;

use apimachinery::patch::PatchError;
use model::ObjectKey;
use model::object;
use model::tree;
use serde_json::Value;

use super::file::{Kustomization, Patch};
use super::merge::{self, Outcome};
use super::resource::{Keys, Resource, Resources};
use super::selector::Selector;
use crate::error::{RenderError, without_values};
use crate::files::Files;

/// `patchesStrategicMerge`, whose entries are paths or patches, and `patches`.
pub(crate) fn patches(files: &Files<'_>, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    let mut patching = Patching { files, file, all, keys: None };
    for (at, entry) in file.merge_patches.iter().enumerate() {
        let inline = entry.contains('\n') || entry.contains(": ");
        let patch = if inline {
            Patch { patch: entry.clone(), ..Patch::default() }
        } else {
            Patch { path: entry.clone(), ..Patch::default() }
        };
        patching.apply(&format!("patchesStrategicMerge[{at}]"), &patch)?;
    }
    file.patches.iter().try_for_each(|(field, patch)| patching.apply(field, patch))
}

/// `patchesJson6902`.
pub(crate) fn json_patches(files: &Files<'_>, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    let mut patching = Patching { files, file, all, keys: None };
    let indexed = file.json_patches.iter().enumerate();
    indexed.map(|(at, patch)| (format!("patchesJson6902[{at}]"), patch)).try_for_each(|(field, patch)| {
        if patch.target.is_none() {
            return Err(RenderError::field(&file.file, format!("{field}.target"), "it is missing"));
        }
        patching.apply(&field, patch)
    })
}

/// The objects while the patches of a kustomization file change them.
struct Patching<'a> {
    files: &'a Files<'a>,
    file: &'a Kustomization,
    all: &'a mut Resources,
    /// The keys of the objects, once a patch needs them and until a patch changes one.
    keys: Option<Keys>,
}

impl Patching<'_> {
    fn apply(&mut self, field: &str, patch: &Patch) -> Result<(), RenderError> {
        let file = self.file;
        let fail = |below: &str, why: String| RenderError::field(&file.file, format!("{field}{below}"), why);
        if let Some(name) = patch.options.keys().find(|k| !matches!(k.as_str(), "allowNameChange" | "allowKindChange"))
        {
            return Err(fail(&format!(".options.{name}"), "no such option".into()));
        }
        let (text, place) = match (patch.path.is_empty(), patch.patch.is_empty()) {
            (false, true) => {
                let path = tree::normalize(&file.dir, &patch.path).map_err(|e| fail(".path", e.to_string()))?;
                (self.files.text(&path, &format!("{}: {field}.path", file.file))?, path)
            }
            (true, false) => (patch.patch.clone(), format!("{field}.patch")),
            _ => return Err(fail("", "give either path or patch".into())),
        };
        let documents = self.files.documents(&text)?.map_err(|e| fail("", format!("{place}: {e}")))?;
        match documents.as_slice() {
            [] => Err(fail("", format!("{place} is empty"))),
            [operations @ Value::Array(_)] => self.json(field, patch, operations),
            documents => documents.iter().try_for_each(|document| self.strategic(field, patch, document)),
        }
    }

    /// The places of the objects that a target selects. There may be none: kustomize accepts a patch whose target
    /// selects nothing.
    fn select(&self, field: &str, target: &Selector) -> Result<Vec<usize>, RenderError> {
        let compiled = target.compile(self.files.budget())?;
        let compiled = compiled
            .map_err(|(name, why)| RenderError::field(&self.file.file, format!("{field}.target.{name}"), why))?;
        // Each object may be compared with each part of the target.
        self.files.budget().spend(target.len().saturating_mul(self.all.0.len()))?;
        let cluster = self.all.cluster_kinds();
        let mut selected = Vec::new();
        for (at, resource) in self.all.0.iter().enumerate() {
            if compiled.selects(resource, &cluster, self.files.budget())? {
                selected.push(at);
            }
        }
        Ok(selected)
    }

    fn json(&mut self, field: &str, patch: &Patch, operations: &Value) -> Result<(), RenderError> {
        let Some(target) = &patch.target else {
            return Err(RenderError::field(
                &self.file.file,
                format!("{field}.target"),
                "a JSON 6902 patch needs a target",
            ));
        };
        // A malformed patch is a mistake also when its target selects nothing, so it is read once without an object.
        let without_object = apimachinery::patch::json(&Value::Null, operations);
        if let Err(error @ (PatchError::Malformed { .. } | PatchError::TooManyOperations { .. })) = without_object {
            return Err(RenderError::field(&self.file.file, field, without_values(&error.to_string())));
        }
        let (count, weight) = (operations.as_array().map_or(0, Vec::len), object::weight(operations));
        for index in self.select(field, target)? {
            let resource = &mut self.all.0[index];
            // Each operation may walk over the whole object.
            let size = object::weight(&resource.object);
            self.files.budget().spend(weight.saturating_add(count.saturating_mul(size)))?;
            let patched = apimachinery::patch::json(&resource.object, operations);
            let patched = patched.map_err(|error| wrong(self.file, field, resource, error.to_string()))?;
            self.files.budget().spend_made(object::weight(&patched).saturating_sub(size))?;
            let before = std::mem::replace(&mut resource.object, patched);
            self.settle(index, &before)?;
        }
        Ok(())
    }

    fn strategic(&mut self, field: &str, patch: &Patch, document: &Value) -> Result<(), RenderError> {
        if !document.is_object() {
            let why = "neither a strategic merge patch (a mapping) nor a JSON 6902 patch (a list)";
            return Err(RenderError::field(&self.file.file, field, why));
        }
        let places = match &patch.target {
            Some(target) => self.select(field, target)?,
            None => vec![self.named(field, document)?],
        };
        let allowed = |name: &str| patch.options.get(name).copied().unwrap_or(false);
        let weight = object::weight(document);
        let mut deleted = BTreeSet::new();
        for index in places {
            self.files.budget().spend_made(weight)?;
            // It is copied, and patches before this one may have made it larger than the layer found it.
            self.files.budget().spend(object::weight(&self.all.0[index].object))?;
            let resource = &mut self.all.0[index];
            let before = resource.object.clone();
            let schema = object::gvk(&before).and_then(|gvk| kinds::find(&gvk)).map(|kind| kind.schema());
            let outcome = merge::merge(&mut resource.object, document, schema);
            if outcome.map_err(|why| wrong(self.file, field, resource, why))? == Outcome::Delete {
                deleted.insert(index);
                continue;
            }
            if resource.object.get("metadata").is_some_and(|metadata| !metadata.is_object()) {
                resource.object = before;
                return Err(wrong(self.file, field, resource, "metadata is not a mapping any more".into()));
            }
            if !allowed("allowKindChange") {
                for name in ["apiVersion", "kind"] {
                    *object::slot(&mut resource.object, &[name]) = before[name].clone();
                }
            }
            if !allowed("allowNameChange") {
                *object::slot(&mut resource.object, &["metadata", "name"]) = before["metadata"]["name"].clone();
            }
            restore_namespace(&mut resource.object, &before);
            self.settle(index, &before)?;
        }
        if !deleted.is_empty() {
            let mut at = 0..;
            self.all.0.retain(|_| at.next().is_none_or(|at| !deleted.contains(&at)));
            self.keys = None;
        }
        Ok(())
    }

    /// The place of the one object that a patch without a target names.
    fn named(&mut self, field: &str, document: &Value) -> Result<usize, RenderError> {
        let file = &self.file.file;
        let key = ObjectKey::of(document);
        if key.kind.is_empty() || key.name.is_empty() {
            let why = "a strategic merge patch without target needs apiVersion, kind and metadata.name";
            return Err(RenderError::field(file, field, why));
        }
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => Keys::of(self.all, self.files.budget())?,
        };
        let keys = self.keys.insert(keys);
        match keys.find(&key) {
            [] => Err(RenderError::NoTarget { file: file.clone(), field: field.to_owned(), target: key.to_string() }),
            [one] => Ok(*one),
            [first, second, ..] => {
                let (first, second) = (&self.all.0[*first].location, &self.all.0[*second].location);
                Err(RenderError::ambiguous(file, field, key.to_string(), first, second))
            }
        }
    }

    /// Checks that a patched object still has a key. When it is another one, the earlier key is remembered.
    fn settle(&mut self, index: usize, before: &Value) -> Result<(), RenderError> {
        let resource = &mut self.all.0[index];
        let (old, new) = (ObjectKey::of(before), resource.checked_key()?);
        if new.kind.is_empty() || new.name.is_empty() {
            let why = "a patch removed its apiVersion, kind or name".to_owned();
            return Err(RenderError::NotAnObject { location: resource.location.clone(), why });
        }
        if old != new {
            self.keys = None;
            // References follow an object that a patch renames, as they follow other renames.
            resource.remember_key(old, self.files.budget())?;
        }
        Ok(())
    }
}

/// A patch that does not apply to an object, which is as it was before.
fn wrong(file: &Kustomization, field: &str, resource: &Resource, why: String) -> RenderError {
    let (file, field, key) = (file.file.clone(), field.to_owned(), resource.key().to_string());
    RenderError::Patch { file, field, key, why }
}

/// A strategic merge patch names the namespace of its target and does not move it.
fn restore_namespace(object: &mut Value, before: &Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    match before["metadata"].get("namespace") {
        Some(namespace) => metadata.insert("namespace".into(), namespace.clone()),
        None => metadata.remove("namespace"),
    };
}
