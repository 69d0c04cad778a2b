//! Patches: strategic merge and JSON 6902.

use model::ObjectKey;
use model::object;
use model::tree::{self, FileTree};
use serde_json::Value;

use crate::error::{RenderError, without_values};
use crate::kustomization::{Kustomization, Patch};
use crate::load;
use crate::merge::{self, Outcome};
use crate::resource::Resources;
use crate::selector::Selector;

/// Most bytes that the `copy` operations of one patch make, as the API server allows: each may copy what the one before
/// has made, and sixty of them would fill any memory.
const COPIED_BYTES_MAX: usize = 3 << 20;

/// `patchesStrategicMerge`, whose entries are paths or patches.
pub(crate) fn merge_patches(tree: &FileTree, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    for (at, entry) in file.merge_patches.iter().enumerate() {
        let field = format!("patchesStrategicMerge[{at}]");
        let inline = entry.contains('\n') || entry.contains(": ");
        let patch = if inline {
            Patch { patch: entry.clone(), ..Patch::default() }
        } else {
            Patch { path: entry.clone(), ..Patch::default() }
        };
        one(tree, file, &field, &patch, all)?;
    }
    Ok(())
}

/// `patches`.
pub(crate) fn patches(tree: &FileTree, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    file.patches.iter().try_for_each(|(field, patch)| one(tree, file, field, patch, all))
}

/// `patchesJson6902`.
pub(crate) fn json_patches(tree: &FileTree, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    let indexed = file.json_patches.iter().enumerate();
    indexed.map(|(at, patch)| (format!("patchesJson6902[{at}]"), patch)).try_for_each(|(field, patch)| {
        if patch.target.is_none() {
            return Err(RenderError::field(&file.file, format!("{field}.target"), "it is missing"));
        }
        one(tree, file, &field, patch, all)
    })
}

fn one(
    tree: &FileTree,
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
            (load::text(tree, &path, &format!("{}: {field}.path", file.file))?, path)
        }
        (true, false) => (patch.patch.clone(), format!("{field}.patch")),
        _ => return Err(fail("", "give either path or patch".into())),
    };
    let documents = model::yaml::manifests(&text).map_err(|e| fail("", format!("{place}: {e}")))?;
    match documents.as_slice() {
        [] => Err(fail("", format!("{place} is empty"))),
        [operations @ Value::Array(_)] => json(file, field, patch, operations, all),
        documents => documents.iter().try_for_each(|document| strategic(file, field, patch, document, all)),
    }
}

/// The places of what a target selects; none is an error of its own, since a patch that does nothing is a mistake.
fn select(file: &Kustomization, field: &str, target: &Selector, all: &Resources) -> Result<Vec<usize>, RenderError> {
    let compiled = target.compile();
    let compiled =
        compiled.map_err(|(name, why)| RenderError::field(&file.file, format!("{field}.target.{name}"), why))?;
    let cluster = all.cluster_kinds();
    let selected = all.0.iter().enumerate().filter(|(_, r)| compiled.selects(r, &cluster));
    Ok(selected.map(|(at, _)| at).collect())
}

fn json(
    file: &Kustomization,
    field: &str,
    patch: &Patch,
    operations: &Value,
    all: &mut Resources,
) -> Result<(), RenderError> {
    let Some(target) = &patch.target else {
        return Err(RenderError::field(&file.file, format!("{field}.target"), "a JSON 6902 patch needs a target"));
    };
    let parsed: json_patch::Patch = serde_json::from_value(operations.clone())
        .map_err(|e| RenderError::field(&file.file, field, format!("not a JSON 6902 patch: {}", without_values(&e))))?;
    for at in select(file, field, target, all)? {
        let resource = &mut all.0[at];
        let key = resource.key().to_string();
        let before = resource.object.clone();
        if let Err(why) = apply(&mut resource.object, &parsed) {
            return Err(RenderError::Patch { file: file.file.clone(), field: field.to_owned(), key, why });
        }
        settle(all, at, &before)?;
    }
    Ok(())
}

/// Applies the operations, as long as what they copy stays within the limit.
fn apply(object: &mut Value, patch: &json_patch::Patch) -> Result<(), String> {
    let copies = |operation: &&json_patch::PatchOperation| matches!(operation, json_patch::PatchOperation::Copy(_));
    if patch.0.iter().filter(copies).count() == 0 {
        return json_patch::patch(object, patch).map_err(|error| error.to_string());
    }
    let mut copied = 0;
    for (number, operation) in patch.0.iter().enumerate() {
        if let json_patch::PatchOperation::Copy(copy) = operation {
            copied += object.pointer(copy.from.as_str()).map_or(0, size);
            if copied > COPIED_BYTES_MAX {
                return Err(format!("operation '/{number}': copies make more than {COPIED_BYTES_MAX} bytes"));
            }
        }
        let one = std::slice::from_ref(operation);
        json_patch::patch(object, one)
            .map_err(|e| format!("operation '/{number}' failed at path '{}': {}", e.path, e.kind))?;
    }
    Ok(())
}

/// About how many bytes of JSON a value is.
fn size(value: &Value) -> usize {
    8 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    }
}

fn strategic(
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
            match all.find(&key).as_slice() {
                [] => return Err(RenderError::NoTarget { file: file.file.clone(), field: field.to_owned(), target }),
                [one] => vec![*one],
                [first, second, ..] => {
                    return Err(RenderError::ambiguous(
                        &file.file,
                        field,
                        target,
                        &all.0[*first].origin,
                        &all.0[*second].origin,
                    ));
                }
            }
        }
    };
    let allowed = |name: &str| patch.options.get(name).copied().unwrap_or(false);
    let mut deleted = Vec::new();
    for at in places {
        let resource = &mut all.0[at];
        let before = resource.object.clone();
        let schema = object::gvk(&before).and_then(|gvk| kinds::find(&gvk)).map(|kind| kind.schema());
        let outcome = merge::merge(&mut resource.object, document, schema).map_err(|why| RenderError::Patch {
            file: file.file.clone(),
            field: field.to_owned(),
            key: ObjectKey::of(&before).to_string(),
            why,
        })?;
        if outcome == Outcome::Delete {
            deleted.push(at);
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
        settle(all, at, &before)?;
    }
    for at in deleted.into_iter().rev() {
        all.0.remove(at);
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

/// Keeps the object an object, and its earlier key when it got another one.
fn settle(all: &mut Resources, at: usize, before: &Value) -> Result<(), RenderError> {
    let resource = &mut all.0[at];
    let (old, new) = (ObjectKey::of(before), resource.key());
    if new.kind.is_empty() || new.name.is_empty() {
        let why = "a patch removed its apiVersion, kind or name".to_owned();
        return Err(RenderError::NotAnObject { origin: resource.origin.clone(), why });
    }
    if old != new && resource.earlier.last() != Some(&old) {
        // A patch that renames is a rename like any other: references follow.
        resource.earlier.push(old);
    }
    Ok(())
}
