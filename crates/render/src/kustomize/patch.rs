//! Patches: strategic merge and JSON 6902.

use std::collections::BTreeSet;

use model::ObjectKey;
use model::object;
use serde_json::{Map, Value};

use super::Context;
use super::entry::Patch;
use super::json_patch::JsonPatch;
use super::merge::{self, Outcome};
use super::place::Place;
use super::resource::{Keys, Resource, Resources};
use super::selector::Selector;
use crate::error::RenderError;

/// A patch, and the field that it is in.
pub(crate) type Written<'a> = (Place<'a>, &'a Patch);

/// Applies patches, one after the other.
///
/// # Errors
/// A patch that cannot be read, that has no target or more than one where it names one, or that does not apply.
pub(crate) fn apply<'a>(
    context: &'a Context<'a>,
    patches: impl IntoIterator<Item = Written<'a>>,
    all: &mut Resources,
) -> Result<(), RenderError> {
    let mut patching = Patching { context, all, keys: None };
    patches.into_iter().try_for_each(|(place, patch)| patching.apply(place, patch))
}

/// An entry of `patchesStrategicMerge`: a path, or a patch.
pub(crate) fn path_or_patch(entry: &str) -> Patch {
    let inline = entry.contains('\n') || entry.contains(": ");
    let entry = entry.to_owned();
    if inline { Patch { patch: entry, ..Patch::default() } } else { Patch { path: entry, ..Patch::default() } }
}

/// A text without the separators of documents at its end, after which there is nothing.
fn without_separators(mut text: &str) -> &str {
    while let Some(before) = text.trim_end().strip_suffix("---").filter(|before| before.ends_with('\n')) {
        text = before;
    }
    text
}

/// The objects while patches change them.
struct Patching<'a> {
    context: &'a Context<'a>,
    all: &'a mut Resources,
    /// The keys of the objects, once a patch needs them and until a patch changes one.
    keys: Option<Keys>,
}

impl Patching<'_> {
    fn apply(&mut self, place: Place<'_>, patch: &Patch) -> Result<(), RenderError> {
        let files = self.context.files;
        let options = patch.options.iter().flat_map(|options| options.keys());
        if let Some(name) = options.clone().find(|k| !matches!(k.as_str(), "allowNameChange" | "allowKindChange")) {
            return Err(place.fail(&format!(".options.{name}"), "no such option"));
        }
        let (text, from) = match (patch.path.is_empty(), patch.patch.is_empty()) {
            (false, true) => place.text(files, ".path", &patch.path)?,
            (true, false) => (patch.patch.clone(), place.below(".patch")),
            _ => return Err(place.fail("", "give either path or patch")),
        };
        let documents = files.documents(&text)?.map_err(|e| place.fail("", format!("{from}: {e}")))?;
        match documents.as_slice() {
            [] => Err(place.fail("", format!("{from} is empty"))),
            [Value::Array(_)] => {
                // Here words such as `yes` are booleans, as in kustomize.
                let operations =
                    files.value(without_separators(&text))?.map_err(|e| place.fail("", format!("{from}: {e}")))?;
                self.json(place, patch, &operations)
            }
            documents => documents.iter().try_for_each(|document| self.strategic(place, patch, document)),
        }
    }

    /// The places of the objects that a target selects. There may be none: kustomize accepts a patch whose target
    /// selects nothing.
    fn select(&self, place: Place<'_>, target: &Selector) -> Result<Vec<usize>, RenderError> {
        let budget = self.context.budget();
        let compiled = target.compile(budget)?;
        let compiled = compiled.map_err(|(name, why)| place.fail(&format!(".target.{name}"), why))?;
        // Each object may be compared with each part of the target.
        budget.spend(target.len().saturating_mul(self.all.0.len()))?;
        let cluster = self.all.cluster_kinds();
        let mut selected = Vec::new();
        for (at, resource) in self.all.0.iter().enumerate() {
            if compiled.selects(resource, &cluster, budget)? {
                selected.push(at);
            }
        }
        if selected.is_empty() {
            self.context.warn(format!("{}: {target} selects no object", place.asked_by("")));
        }
        Ok(selected)
    }

    fn json(&mut self, place: Place<'_>, patch: &Patch, operations: &Value) -> Result<(), RenderError> {
        let Some(target) = &patch.target else {
            return Err(place.fail(".target", "a JSON 6902 patch needs a target"));
        };
        // A malformed patch is a mistake also when its target selects nothing.
        let read = JsonPatch::parse(operations).map_err(|why| place.fail("", why))?;
        let weight = object::weight(operations);
        for index in self.select(place, target)? {
            let resource = &mut self.all.0[index];
            // Each operation may walk over the whole object.
            let size = object::weight(&resource.object);
            self.context.budget().spend(weight.saturating_add(read.len().saturating_mul(size)))?;
            // Kustomize keeps notes in annotations, so there is always a mapping of them.
            let noted = noted(&mut resource.object);
            let patched = read.apply(&resource.object).map_err(|why| wrong(place, resource, why));
            if noted {
                remove_empty_annotations(&mut resource.object);
            }
            let mut patched = patched?;
            if noted {
                remove_empty_annotations(&mut patched);
            }
            self.context.budget().spend_made(object::weight(&patched).saturating_sub(size))?;
            let before = std::mem::replace(&mut resource.object, patched);
            self.settle(index, &before)?;
        }
        Ok(())
    }

    fn strategic(&mut self, place: Place<'_>, patch: &Patch, document: &Value) -> Result<(), RenderError> {
        if !document.is_object() {
            return Err(place.fail("", "neither a strategic merge patch (a mapping) nor a JSON 6902 patch (a list)"));
        }
        let places = match &patch.target {
            Some(target) => self.select(place, target)?,
            None => vec![self.named(place, document)?],
        };
        let allowed = |name: &str| patch.options.as_ref().and_then(|o| o.get(name)).copied().unwrap_or(false);
        let weight = object::weight(document);
        let mut deleted = BTreeSet::new();
        for index in places {
            self.context.budget().spend_made(weight)?;
            // It is copied, and patches before this one may have made it larger than the layer found it.
            self.context.budget().spend(object::weight(&self.all.0[index].object))?;
            let resource = &mut self.all.0[index];
            let before = resource.object.clone();
            let schema = match object::gvk(&before) {
                Some(gvk) => self.context.schema(&gvk)?,
                None => None,
            };
            let outcome = merge::merge(&mut resource.object, document, schema.as_deref());
            if outcome.map_err(|why| wrong(place, resource, why))? == Outcome::Delete {
                deleted.insert(index);
                continue;
            }
            if resource.object.get("metadata").is_some_and(|metadata| !metadata.is_object()) {
                resource.object = before;
                return Err(wrong(place, resource, "metadata is not a mapping any more".into()));
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
    fn named(&mut self, place: Place<'_>, document: &Value) -> Result<usize, RenderError> {
        let key = ObjectKey::of(document);
        if key.kind.is_empty() || key.name.is_empty() {
            let why = "a strategic merge patch without target needs apiVersion, kind and metadata.name";
            return Err(place.fail("", why));
        }
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => Keys::of(self.all, self.context.budget())?,
        };
        let keys = self.keys.insert(keys);
        match keys.find(&key) {
            [] => Err(RenderError::NoTarget {
                file: place.file.to_owned(),
                field: place.below(""),
                target: key.to_string(),
            }),
            [one] => Ok(*one),
            [first, second, ..] => {
                let (first, second) = (&self.all.0[*first].location, &self.all.0[*second].location);
                Err(RenderError::ambiguous(place.file, &place.below(""), key.to_string(), first, second))
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
            resource.remember_key(old, self.context.budget())?;
        }
        Ok(())
    }
}

/// A patch that does not apply to an object, which is as it was before.
fn wrong(place: Place<'_>, resource: &Resource, why: String) -> RenderError {
    let (file, field, key) = (place.file.to_owned(), place.below(""), resource.key().to_string());
    RenderError::Patch { file, field, key, why }
}

/// Adds annotations to an object that has none. Returns whether it had none.
fn noted(object: &mut Value) -> bool {
    let missing =
        object.get("metadata").is_some_and(|m| m.is_object() && m.get("annotations").is_none_or(Value::is_null));
    if missing {
        *object::slot(object, &["metadata", "annotations"]) = Value::Object(Map::new());
    }
    missing
}

/// Removes annotations that are empty.
pub(super) fn remove_empty_annotations(object: &mut Value) {
    let annotations = object::get(object, &["metadata", "annotations"]);
    if annotations.is_some_and(|map| map.as_object().is_some_and(Map::is_empty)) {
        object::remove(object, &["metadata", "annotations"]);
    }
}

/// A strategic merge patch names the namespace of its target and does not move it.
fn restore_namespace(object: &mut Value, before: &Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    match before["metadata"].get("namespace") {
        Some(namespace) => metadata.insert("namespace".into(), namespace.clone()),
        None => metadata.remove("namespace"),
    };
}
