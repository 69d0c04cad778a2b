//! Files to objects.

use model::object;
use model::tree::{FileTree, TreeError};
use serde_json::Value;

use crate::error::RenderError;
use crate::resource::{Origin, Resource};

/// Names of kustomization files, in the order in which they are looked for.
pub(crate) const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The text of a file; `at` says who asked for it.
pub(crate) fn text(tree: &FileTree, path: &str, at: &str) -> Result<String, RenderError> {
    let bytes = bytes(tree, path, at)?;
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| RenderError::Yaml { file: path.to_owned(), why: "it is not UTF-8 text".into() })
}

/// The bytes of a file; `at` says who asked for it.
pub(crate) fn bytes(tree: &FileTree, path: &str, at: &str) -> Result<std::sync::Arc<[u8]>, RenderError> {
    tree.read(path).map_err(|source| RenderError::Tree { origin: at.to_owned(), source })
}

/// Every document of a file.
pub(crate) fn documents(tree: &FileTree, path: &str, at: &str) -> Result<Vec<Value>, RenderError> {
    let text = text(tree, path, at)?;
    model::yaml::manifests(&text).map_err(|e| RenderError::Yaml { file: path.to_owned(), why: e.to_string() })
}

/// Every object of a file; lists are taken apart.
pub(crate) fn objects(tree: &FileTree, path: &str, at: &str) -> Result<Vec<Resource>, RenderError> {
    let mut out = Vec::new();
    for (number, document) in documents(tree, path, at)?.into_iter().enumerate() {
        let origin = Origin { file: path.to_owned(), document: number + 1 };
        take(document, origin, &mut out)?;
    }
    Ok(out)
}

fn take(document: Value, origin: Origin, out: &mut Vec<Resource>) -> Result<(), RenderError> {
    let fail = |why: &str| RenderError::NotAnObject { origin: origin.clone(), why: why.to_owned() };
    if !document.is_object() {
        return Err(fail("it is not a mapping"));
    }
    let gvk = object::gvk(&document).ok_or_else(|| fail("apiVersion or kind is missing or malformed"))?;
    if gvk.kind.ends_with("List") && document.get("items").is_some_and(Value::is_array) {
        let Some(Value::Array(items)) = document.get("items").cloned() else { return Ok(()) };
        return items.into_iter().try_for_each(|item| take(item, origin.clone(), out));
    }
    match object::name(&document) {
        None | Some("") if object::get_str(&document, &["metadata", "generateName"]).is_some() => {
            Err(fail("it has metadata.generateName and no metadata.name, so it would be a new object each time"))
        }
        None | Some("") => Err(fail("metadata.name is missing")),
        Some(_) => {
            let mut document = document;
            clean(&mut document);
            out.push(Resource::new(document, origin));
            Ok(())
        }
    }
}

/// An empty labels or annotations field says nothing, and neither does an empty namespace.
fn clean(document: &mut Value) {
    let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in ["labels", "annotations", "namespace"] {
        if metadata.get(name).is_some_and(|v| v.is_null() || *v == "") {
            metadata.remove(name);
        }
    }
}

/// The kustomization file of a directory, if it has one.
pub(crate) fn kustomization_file(tree: &FileTree, dir: &str) -> Result<Option<String>, RenderError> {
    let mut found: Option<String> = None;
    for name in KUSTOMIZATION_FILES {
        let path = model::tree::join(dir, name);
        match tree.node(&path) {
            Ok((_, model::tree::Node::File)) if found.is_some() => {
                let why = format!("{dir:?} has more than one kustomization file; keep one");
                return Err(RenderError::Yaml { file: path, why });
            }
            Ok((_, model::tree::Node::File)) => found = Some(path),
            Ok(_) | Err(TreeError::NotFound { .. } | TreeError::WrongNode { .. }) => {}
            Err(source) => return Err(RenderError::Tree { origin: dir.to_owned(), source }),
        }
    }
    Ok(found)
}
