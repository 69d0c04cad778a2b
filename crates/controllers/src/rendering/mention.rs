//! What the files of a directory mention that cannot be rendered, from the cache of artifacts.

use std::collections::BTreeSet;

use api::delivery::ArtifactInputs;
use model::ObjectKey;
use render::Mentions;
use source::Cache;

use super::Failure;

/// Most directories and files that are read besides the first one. A repository with more is read as a whole.
const LINKS_MAX: usize = 256;

/// The objects, and whether there may be others whose names nobody can tell.
pub(super) fn keys(cache: &Cache, inputs: &ArtifactInputs) -> Result<(BTreeSet<ObjectKey>, bool), Failure> {
    let digest = inputs.artifact.digest;
    let artifact = cache.artifact(&digest.to_string(), &inputs.artifact.revision)?;
    let artifact = artifact.ok_or(Failure::ArtifactLost(digest))?;
    let first = render::directory(&inputs.kustomize)?;
    let (mut tree, mut mentions) = (artifact.names()?, Mentions::default());
    let mut seen = BTreeSet::from([first.clone()]);
    let components = inputs.kustomize.components.iter();
    let components = components.filter_map(|path| model::tree::normalize(&first, path).ok());
    let mut todo: Vec<String> = components.chain([first.clone()]).collect();
    while let Some(path) = todo.pop() {
        // A path that is not there mentions nothing.
        artifact.load(&mut tree, &path)?;
        let path = tree.node(&path).map_or(path, |(found, _)| found);
        todo.extend(mentions.read(&tree, &path).into_iter().filter(|link| seen.insert(link.clone())));
        if mentions.is_open() || seen.len() > LINKS_MAX {
            artifact.load(&mut tree, "")?;
            mentions.read(&tree, "");
            break;
        }
    }
    Ok((mentions.keys(inputs.kustomize.target_namespace.as_deref()), mentions.generates()))
}
