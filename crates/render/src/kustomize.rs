//! Kustomization files to objects, with what a policy adds to them.
//!
//! | file | what it does |
//! |---|---|
//! | `file` | a kustomization file as a value |
//! | `policy` | the fields of a sync policy, added to the kustomization file of its directory |
//! | `layer` | the order of the steps; bases and components |
//! | `generate`, `patch`, `merge`, `transform`, `image` | the steps |
//! | `reference`, `hash` | names: fields that follow renamed objects, suffixes of generated objects |
//! | `resource` | an object on its way through the steps, and the list of these objects |
//! | `selector`, `pattern`, `field` | which objects and fields a step changes |

mod field;
mod file;
mod generate;
mod hash;
mod image;
mod layer;
mod merge;
mod patch;
mod pattern;
mod policy;
mod reference;
mod resource;
mod selector;
mod transform;

use std::collections::BTreeSet;

use api::kurator::apps::v1alpha1::KustomizeInputs;

use crate::Question;
use crate::budget::Budget;
use crate::error::RenderError;
use crate::files::Files;
use crate::object::Object;

pub(crate) use file::Kustomization;
use layer::Layers;
use resource::Resources;

/// Reads a kustomization file; `asked_by` says which field names it.
pub(crate) fn read(files: &Files<'_>, path: &str, asked_by: &str) -> Result<Kustomization, RenderError> {
    Kustomization::parse(path, files.document(path, asked_by)?)
}

/// What stands for the kustomization file of a directory that has none: one that lists these resources.
pub(crate) fn with_resources(dir: &str, resources: Vec<String>) -> Kustomization {
    Kustomization { file: dir.to_owned(), dir: dir.to_owned(), resources, ..Kustomization::default() }
}

/// The objects of a kustomization, with what the policy adds. Questions that came up before the last one are added to
/// `questions`.
pub(crate) fn build(
    files: &Files<'_>,
    mut file: Kustomization,
    inputs: &KustomizeInputs,
    questions: &mut BTreeSet<Question>,
) -> Result<Vec<Object>, RenderError> {
    if file.component {
        return Err(RenderError::field(
            &file.file,
            "kind",
            "a Component cannot be rendered alone; list it in components",
        ));
    }
    let common_metadata = policy::add_to(&mut file, inputs);
    let mut all = Resources::default();
    Layers::new(files, questions).layer(&file, &mut all)?;
    add_hash_suffixes(&mut all, files.budget())?;
    reference::update(&mut all, files.budget())?;
    all.check()?;
    let mut objects: Vec<Object> =
        all.0.into_iter().map(|resource| Object { value: resource.object, location: resource.location }).collect();
    for object in &mut objects {
        policy::add_metadata(&mut object.value, common_metadata, files.budget())?;
    }
    Ok(objects)
}

/// Adds the hash of the content to generated names. This comes after every step that changes content.
fn add_hash_suffixes(all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    for resource in all.0.iter_mut().filter(|r| r.hashed) {
        if let Some(suffix) = hash::suffix(&resource.object) {
            resource.remember(budget)?;
            let name = format!("{}-{suffix}", resource.key().name);
            resource.object["metadata"]["name"] = name.into();
        }
    }
    Ok(())
}
