//! Directories without a kustomization file: every manifest below them is a resource, as in Flux.

use model::tree::{self, Listed, Node, TreeError};

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
        let fail = |source: TreeError| RenderError::Tree { location: dir.to_owned(), source };
        for (name, listed) in files.list(path)?.map_err(fail)? {
            let inner = tree::join(&below, &name);
            let manifest = name.ends_with(".yaml") || name.ends_with(".yml");
            match listed {
                Listed::Directory => todo.push(inner),
                Listed::File if manifest => found.push(inner),
                Listed::Link if manifest => match files.node(&tree::join(dir, &inner))? {
                    Ok((_, Node::File)) => found.push(inner),
                    Err(source @ TreeError::LinkTooLong { .. }) => return Err(fail(source)),
                    // A link that leads nowhere is no manifest.
                    Ok((_, Node::Directory)) | Err(_) => {}
                },
                Listed::File | Listed::Link | Listed::Submodule => {}
            }
        }
    }
    found.sort();
    Ok(found)
}
