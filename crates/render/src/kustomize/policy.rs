//! What a sync policy adds to the kustomization file of its directory, as Flux does it.
//!
//! Every field of [`KustomizeInputs`] and of the types in it is named here: a new field does not compile until it is used.

use std::collections::HashMap;

use api::kurator::apps::v1alpha1::{CommonMetadata, KustomizeInputs, PatchTarget, PolicyImage, PolicyPatch};
use model::object;
use serde_json::{Map, Value};

use super::entry::{Image, Patch};
use super::file::Kustomization;
use super::generate::ENTRY_BYTES;
use super::selector::Selector;
use crate::budget::Budget;
use crate::error::RenderError;

/// Adds the fields of the policy to a kustomization file. Returns the metadata that [`add_metadata`] adds at the end.
pub(super) fn add_to<'a>(file: &mut Kustomization, inputs: &'a KustomizeInputs) -> Option<&'a CommonMetadata> {
    let KustomizeInputs {
        // The file is that of this directory.
        path: _,
        target_namespace,
        components,
        patches,
        images,
        common_metadata,
        // It bounds the wait for objects, and does not change them.
        timeout: _,
    } = inputs;
    if let Some(namespace) = target_namespace.as_ref().filter(|n| !n.is_empty()) {
        file.namespace.clone_from(namespace);
    }
    let patches = patches.iter().enumerate();
    file.patches.extend(patches.map(|(index, patch)| (format!("(policy) patches[{index}]"), patch.into())));
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, image) in file.images.iter().enumerate() {
        places.entry(image.name.clone()).or_insert(at);
    }
    for image in images.iter().map(Image::from) {
        match places.get(&image.name) {
            Some(at) => file.images[*at] = image,
            None => {
                places.insert(image.name.clone(), file.images.len());
                file.images.push(image);
            }
        }
    }
    file.components.extend(components.iter().cloned());
    common_metadata.as_ref()
}

/// Adds labels and annotations to an object.
pub(super) fn add_metadata(
    object: &mut Value,
    metadata: Option<&CommonMetadata>,
    budget: &Budget,
) -> Result<(), RenderError> {
    let Some(CommonMetadata { labels, annotations }) = metadata else { return Ok(()) };
    for (name, pairs) in [("labels", labels), ("annotations", annotations)] {
        if pairs.is_empty() {
            continue;
        }
        budget.spend_made(pairs.iter().map(|(name, value)| name.len() + value.len() + ENTRY_BYTES).sum())?;
        let place = object::slot(object, &["metadata", name]);
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        if let Value::Object(map) = place {
            map.extend(pairs.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))));
        }
    }
    Ok(())
}

impl From<&PolicyPatch> for Patch {
    fn from(policy: &PolicyPatch) -> Self {
        let PolicyPatch { patch, target } = policy;
        Self { patch: patch.clone(), target: target.as_ref().map(Selector::from), ..Self::default() }.trimmed()
    }
}

impl From<&PatchTarget> for Selector {
    fn from(target: &PatchTarget) -> Self {
        let PatchTarget { group, version, kind, name, namespace, label_selector, annotation_selector } = target.clone();
        Self { group, version, kind, name, namespace, label_selector, annotation_selector }
    }
}

impl From<&PolicyImage> for Image {
    fn from(image: &PolicyImage) -> Self {
        let PolicyImage { name, new_name, new_tag, digest } = image.clone();
        Self { name, new_name, new_tag, digest, ..Self::default() }
    }
}
