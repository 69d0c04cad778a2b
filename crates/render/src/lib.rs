//! Trees of files to objects: plain YAML and Kustomize (`kustomize.config.k8s.io/v1beta1`, components `v1alpha1`).
//!
//! [`render`] is a pure function: the same tree and request give the same objects in the same order, each with the file
//! it comes from. A file that the tree knows and has not loaded is asked for by [`RenderError::needs`]; the caller loads
//! it and calls again. What a kustomization file says and this crate does not do is an error that lists the fields
//! ([`RenderError::NotImplemented`]); nothing is ignored in silence. Remote resources are refused: what is rendered is
//! what was fetched.
//!
//! Differences from kustomize, on purpose:
//! - objects come in the order of their resources (kubectl sorts them), and base64 values are not wrapped into lines;
//! - custom kinds whose CRD is among the objects and says `scope: Cluster` get no namespace;
//! - a `scaleTargetRef`, or a subject of a binding, follows a renamed object only if it is of the kind that it names;
//! - `labels` without `includeSelectors` never reach a selector (kustomize's share a value with labels set earlier);
//! - a merged list whose items have two keys, such as ports, takes a missing `protocol` for `TCP`.

mod accumulate;
mod error;
mod field;
mod generate;
mod hash;
mod image;
mod kustomization;
mod load;
mod merge;
mod patch;
mod reference;
mod resource;
mod selector;
mod transform;

use std::collections::BTreeMap;

use model::tree::FileTree;
use serde::Deserialize;
use serde_json::Value;

pub use error::{RenderError, Unsupported};
pub use kustomization::{Image, Patch};
pub use resource::Origin;
pub use selector::Selector;

/// What to render.
#[derive(Clone, Debug, Default)]
pub struct Render {
    /// Directory of the tree, from its root; empty for the root.
    pub path: String,
    /// What the policy puts on top of the directory.
    pub overlay: Overlay,
}

/// The fields of a sync policy that change what is rendered (Flux' Kustomization spec); it can be deserialized from such
/// a spec, whose other fields it does not read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Overlay {
    /// Namespace of every namespaced object; wins over `namespace` of the kustomization file.
    pub target_namespace: Option<String>,
    /// Patches, after those of the kustomization file.
    pub patches: Vec<Patch>,
    /// Images, which win over those of the same name in the kustomization file.
    pub images: Vec<Image>,
    /// Components, after those of the kustomization file; paths from the directory.
    pub components: Vec<String>,
    /// Labels and annotations of every object.
    pub common_metadata: CommonMetadata,
}

/// Labels and annotations that every object gets. Selectors and templates stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CommonMetadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// One rendered object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The object.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

/// What was rendered, in the order of the resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The objects. No two have the same key.
    pub objects: Vec<Object>,
}

/// Renders a directory of a tree.
///
/// Without a kustomization file in it, every `*.yaml` and `*.yml` below it is a resource, and directories below it that
/// have a kustomization file are rendered as such, as Flux does.
///
/// # Errors
/// See [`RenderError`]. Each names the file and the field, and says what to do.
pub fn render(tree: &FileTree, request: &Render) -> Result<Rendered, RenderError> {
    accumulate::render(tree, request)
}
