//! Patches: strategic merge and JSON 6902.

use apimachinery::patch::PatchError;
use model::ObjectKey;
use model::object;
use model::tree;
use serde_json::Value;

use super::file::{Kustomization, Patch};
use super::merge::{self, Outcome};
use super::resource::Resources;
use super::selector::Selector;
use crate::error::{RenderError, without_values};
use crate::files::Files;

/// Work of finding an object by its key, for each object that is compared: about the bytes of two keys.
const KEY_BYTES: usize = 128;

/// `patchesStrategicMerge`, whose entries are paths or patches.
pub(crate) fn merge_patches(files: &Files<'_>, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    for (at, entry) in file.merge_patches.iter().enumerate() {
        let field = format!("patchesStrategicMerge[{at}]");
        let inline = entry.contains('\n') || entry.contains(": ");
        let patch = if inline {
            Patch { patch: entry.clone(), ..Patch::default() }
        } else {
            Patch { path: entry.clone(), ..Patch::default() }
        };
        apply_patch(files, file, &field, &patch, all)?;
    }
    Ok(())
}

/// `patches`.
pub(crate) fn patches(files: &Files<'_>, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    file.patches.iter().try_for_each(|(field, patch)| apply_patch(files, file, field, patch, all))
}

/// `patchesJson6902`.
pub(crate) fn json_patches(files: &Files<'_>, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    let indexed = file.json_patches.iter().enumerate();
    indexed.map(|(at, patch)| (format!("patchesJson6902[{at}]"), patch)).try_for_each(|(field, patch)| {
        if patch.target.is_none() {
            return Err(RenderError::field(&file.file, format!("{field}.target"), "it is missing"));
        }
        apply_patch(files, file, &field, patch, all)
    })
}

fn apply_patch(
    files: &Files<'_>,
    file: &Kustomization,
    field: &str,
    patch: &Patch,
    all: &mut Resources,
) -> Result<(), RenderError> {
    let fail = |below: &str, why: String| RenderError::field(&file.file, format!("{field}{below}"), why);
    if let Some(name) = patch.options.keys().find(|k| !matches!(k.as_str(), "allowNameChange" | "allowKindChange")) {
        return Err(fail(&format!(".options.{name}"), "no such option".into()));
    }
    let (text, place) = match (patch.path.is_empty(), patch.patch.is_empty()) {
        (false, true) => {
            let path = tree::normalize(&file.dir, &patch.path).map_err(|e| fail(".path", e.to_string()))?;
            (files.text(&path, &format!("{}: {field}.path", file.file))?, path)
        }
        (true, false) => (patch.patch.clone(), format!("{field}.patch")),
        _ => return Err(fail("", "give either path or patch".into())),
    };
    let documents = model::yaml::manifests(&text).map_err(|e| fail("", format!("{place}: {e}")))?;
    match documents.as_slice() {
        [] => Err(fail("", format!("{place} is empty"))),
        [operations @ Value::Array(_)] => json(files, file, field, patch, operations, all),
        documents => documents.iter().try_for_each(|document| strategic(files, file, field, patch, document, all)),
    }
}

/// The places of the objects that a target selects. There may be none: kustomize accepts a patch whose target
/// selects nothing.
fn select(file: &Kustomization, field: &str, target: &Selector, all: &Resources) -> Result<Vec<usize>, RenderError> {
    let compiled = target.compile();
    let compiled =
        compiled.map_err(|(name, why)| RenderError::field(&file.file, format!("{field}.target.{name}"), why))?;
    let cluster = all.cluster_kinds();
    let selected = all.0.iter().enumerate().filter(|(_, r)| compiled.selects(r, &cluster));
    Ok(selected.map(|(at, _)| at).collect())
}

fn json(
    files: &Files<'_>,
    file: &Kustomization,
    field: &str,
    patch: &Patch,
    operations: &Value,
    all: &mut Resources,
) -> Result<(), RenderError> {
    let Some(target) = &patch.target else {
        return Err(RenderError::field(&file.file, format!("{field}.target"), "a JSON 6902 patch needs a target"));
    };
    let malformed = |error: PatchError| {
        let why = without_values(&error.to_string());
        RenderError::field(&file.file, field, why)
    };
    // A malformed patch is a mistake also when its target selects nothing, so it is read once without an object.
    let without_object = apimachinery::patch::json(&Value::Null, operations);
    if let Err(error @ (PatchError::Malformed { .. } | PatchError::TooManyOperations { .. })) = without_object {
        return Err(malformed(error));
    }
    let (count, weight) = (operations.as_array().map_or(0, Vec::len), object::weight(operations));
    for index in select(file, field, target, all)? {
        let resource = &mut all.0[index];
        // Each operation may walk over the whole object.
        files.budget().spend(weight.saturating_add(count.saturating_mul(object::weight(&resource.object))))?;
        let patched = apimachinery::patch::json(&resource.object, operations).map_err(|error| RenderError::Patch {
            file: file.file.clone(),
            field: field.to_owned(),
            key: resource.key().to_string(),
            why: error.to_string(),
        })?;
        let before = std::mem::replace(&mut resource.object, patched);
        settle(all, index, &before)?;
    }
    Ok(())
}

fn strategic(
    files: &Files<'_>,
    file: &Kustomization,
    field: &str,
    patch: &Patch,
    document: &Value,
    all: &mut Resources,
) -> Result<(), RenderError> {
    if !document.is_object() {
        let why = "neither a strategic merge patch (a mapping) nor a JSON 6902 patch (a list)";
        return Err(RenderError::field(&file.file, field, why));
    }
    let places = match &patch.target {
        Some(target) => select(file, field, target, all)?,
        None => {
            let key = ObjectKey::of(document);
            if key.kind.is_empty() || key.name.is_empty() {
                let why = "a strategic merge patch without target needs apiVersion, kind and metadata.name";
                return Err(RenderError::field(&file.file, field, why));
            }
            let target = format!("{key}");
            files.budget().spend(all.0.len().saturating_mul(KEY_BYTES))?;
            match all.find(&key).as_slice() {
                [] => return Err(RenderError::NoTarget { file: file.file.clone(), field: field.to_owned(), target }),
                [one] => vec![*one],
                [first, second, ..] => {
                    return Err(RenderError::ambiguous(
                        &file.file,
                        field,
                        target,
                        &all.0[*first].location,
                        &all.0[*second].location,
                    ));
                }
            }
        }
    };
    let allowed = |name: &str| patch.options.get(name).copied().unwrap_or(false);
    let weight = object::weight(document);
    let mut deleted = Vec::new();
    for index in places {
        files.budget().spend(weight)?;
        let resource = &mut all.0[index];
        let before = resource.object.clone();
        let schema = object::gvk(&before).and_then(|gvk| kinds::find(&gvk)).map(|kind| kind.schema());
        let outcome = merge::merge(&mut resource.object, document, schema).map_err(|why| RenderError::Patch {
            file: file.file.clone(),
            field: field.to_owned(),
            key: ObjectKey::of(&before).to_string(),
            why,
        })?;
        if outcome == Outcome::Delete {
            deleted.push(index);
            continue;
        }
        if !allowed("allowKindChange") {
            for name in ["apiVersion", "kind"] {
                resource.object[name] = before[name].clone();
            }
        }
        if !allowed("allowNameChange") {
            resource.object["metadata"]["name"] = before["metadata"]["name"].clone();
        }
        restore_namespace(&mut resource.object, &before);
        settle(all, index, &before)?;
    }
    for index in deleted.into_iter().rev() {
        all.0.remove(index);
    }
    Ok(())
}

/// A strategic merge patch names the namespace of its target and does not move it.
fn restore_namespace(object: &mut Value, before: &Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    match before["metadata"].get("namespace") {
        Some(namespace) => metadata.insert("namespace".into(), namespace.clone()),
        None => metadata.remove("namespace"),
    };
}

/// Checks that a patched object still has a key. When it is another one, the earlier key is remembered.
fn settle(all: &mut Resources, index: usize, before: &Value) -> Result<(), RenderError> {
    let resource = &mut all.0[index];
    let (old, new) = (ObjectKey::of(before), resource.key());
    if new.kind.is_empty() || new.name.is_empty() {
        let why = "a patch removed its apiVersion, kind or name".to_owned();
        return Err(RenderError::NotAnObject { location: resource.location.clone(), why });
    }
    if old != new && resource.earlier.last() != Some(&old) {
        // References follow an object that a patch renames, as they follow other renames.
        resource.earlier.push(old);
    }
    Ok(())
}
