//! Directories without a kustomization file: every manifest below them is a resource, as in Flux.

use model::tree::{self, Node};

use crate::error::RenderError;
use crate::files::{DEPTH_MAX, Files};

/// Paths from a directory to what it consists of, sorted: manifests, and directories that have a kustomization file. Links
/// to directories are not entered, as a walk over a disk does not: they may lead to each other, or to the same place many
/// times.
///
/// # Errors
/// Directories that are nested too deep, or that cannot be read.
pub(crate) fn manifests(files: &Files<'_>, dir: &str) -> Result<Vec<String>, RenderError> {
    let mut found = Vec::new();
    let mut todo = vec![String::new()];
    while let Some(below) = todo.pop() {
        let path = tree::join(dir, &below);
        let path = path.trim_end_matches('/');
        if !below.is_empty() && files.kustomization_file(path)?.is_some() {
            found.push(below);
            continue;
        }
        if below.split('/').count() > DEPTH_MAX {
            return Err(RenderError::TooDeep { file: path.to_owned(), limit: DEPTH_MAX });
        }
        let entries = files.tree().list(path);
        let entries = entries.map_err(|source| RenderError::Tree { location: dir.to_owned(), source })?;
        for (name, node) in entries {
            let inner = tree::join(&below, &name);
            match node {
                Node::Directory if is_link(files, dir, &inner) => {}
                Node::Directory => todo.push(inner),
                Node::File if name.ends_with(".yaml") || name.ends_with(".yml") => found.push(inner),
                Node::File => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the last part of the path is a link. The parts before it are not: the walk did not enter links.
fn is_link(files: &Files<'_>, dir: &str, path: &str) -> bool {
    let whole = tree::join(dir, path);
    files.tree().node(&whole).is_ok_and(|(found, _)| found != whole)
}
