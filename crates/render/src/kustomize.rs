//! Kustomization files to objects, with what a policy adds to them.
//!
//! | file | what it does |
//! |---|---|
//! | `file`, `entry` | a kustomization file as a value, and the entries of its lists |
//! | `policy` | the fields of a sync policy, added to the kustomization file of its directory |
//! | `layer` | the order of the steps; bases, components, generators and transformers |
//! | `transform` | the steps of a kustomization file's own fields, in their order |
//! | `generate`, `patch`, `merge`, `json_patch`, `namespace`, `name`, `label`, `image`, `replica`, `replacement`, `value_add` | the steps |
//! | `plugin` | the same steps, configured by objects |
//! | `config`, `openapi` | which fields the steps change, and how lists merge: what is known, and what files add |
//! | `reference`, `hash` | names, after all layers: fields that follow renamed objects, suffixes of generated objects |
//! | `variable`, `sort`, `origin` | after all layers: `vars`, `sortOptions`, `buildMetadata` |
//! | `resource` | an object on its way through the steps, and the list of these objects |
//! | `selector`, `pattern`, `field`, `fieldpath`, `structured`, `splice` | which objects and fields a step changes |
//! | `place`, `value_text` | where something is written, for errors; scalars as text |

mod config;
mod entry;
mod field;
mod fieldpath;
mod file;
mod generate;
mod hash;
mod image;
mod json_patch;
mod label;
mod layer;
mod merge;
mod name;
mod namespace;
mod openapi;
mod origin;
mod patch;
mod pattern;
pub(crate) mod place;
mod plugin;
mod policy;
mod reference;
mod replacement;
mod replica;
mod resource;
mod selector;
mod sort;
mod splice;
mod structured;
mod transform;
mod value_add;
mod value_text;
mod variable;

use std::cell::RefCell;
use std::collections::BTreeSet;

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::{GroupVersionKind, object};
use serde_json::Value;

use crate::budget::Budget;
use crate::error::RenderError;
use crate::files::Files;
use crate::object::Object;
use crate::{Question, Rendered};

use config::Config;
pub(crate) use file::Kustomization;
use layer::{Accumulated, Layers};
use openapi::{Found, Schemas};
use place::Place;
use resource::{Resource, Resources};

/// The annotation of an object that configures a tool and is not delivered.
const LOCAL: &str = "config.kubernetes.io/local-config";

/// Annotations that tools use between themselves. Kustomize removes them.
const INTERNAL: [&str; 7] = [
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/seqindent",
];

/// What steps need beside the objects.
pub(crate) struct Context<'a> {
    pub(crate) files: &'a Files<'a>,
    pub(crate) config: &'a Config,
    pub(crate) schemas: &'a Schemas,
    /// Where mistakes that are no errors are noted; nowhere in a component.
    pub(crate) warnings: Option<&'a Warnings>,
}

/// What is likely to be a mistake, each with its file and its field.
pub(crate) type Warnings = RefCell<BTreeSet<String>>;

/// Most warnings of one rendering: enough to see what is wrong.
const WARNINGS_MAX: usize = 20;

impl Context<'_> {
    /// Notes what is likely to be a mistake.
    pub(crate) fn warn(&self, warning: String) {
        if let Some(warnings) = self.warnings.filter(|warnings| warnings.borrow().len() < WARNINGS_MAX) {
            warnings.borrow_mut().insert(warning);
        }
    }

    pub(crate) fn budget(&self) -> &Budget {
        self.files.budget()
    }

    /// The schema of a kind, if it is known.
    pub(crate) fn schema(&self, gvk: &GroupVersionKind) -> Result<Option<Found>, RenderError> {
        self.schemas.find(gvk, self.budget())
    }
}

/// Reads a kustomization file; `asked_by` says which field names it.
pub(crate) fn read(files: &Files<'_>, path: &str, asked_by: &str) -> Result<Kustomization, RenderError> {
    Kustomization::parse(path, files.document(path, asked_by)?)
}

/// What stands for the kustomization file of a directory that has none: one that lists these resources.
pub(crate) fn with_resources(dir: &str, resources: Vec<String>) -> Kustomization {
    let file = if dir.is_empty() { "." } else { dir };
    Kustomization { file: file.to_owned(), plain: true, dir: dir.to_owned(), resources, ..Kustomization::default() }
}

/// The objects of a kustomization, with what the policy adds. Questions that came up before the last one are added to
/// `questions`.
pub(crate) fn build(
    files: &Files<'_>,
    mut file: Kustomization,
    inputs: &KustomizeInputs,
    questions: &mut BTreeSet<Question>,
) -> Result<Rendered, RenderError> {
    let place = |field| Place { file: &file.file, dir: &file.dir, field };
    if let Some(word) = file.build_metadata.iter().find(|word| !origin::OPTIONS.contains(&word.as_str())) {
        let why = format!("{word:?} is none of {}", origin::OPTIONS.join(", "));
        return Err(place("buildMetadata").fail("", why));
    }
    let common_metadata = policy::add_to(&mut file, inputs);
    let budget = files.budget();
    let mut all = Accumulated::default();
    let mut layers = Layers::new(files, questions, !file.build_metadata.is_empty());
    layers.layer(&file, &mut all)?;
    let (remotes, warnings) = layers.into_notes();
    let Accumulated { objects: mut all, config, variables } = all;
    add_hash_suffixes(&mut all, budget)?;
    reference::update(&mut all, &config, budget)?;
    variables.resolve(&mut all, &config, budget)?;
    all.check()?;
    all.0.retain(|resource| object::annotation(&resource.object, LOCAL).is_none_or(|value| value == "false"));
    if let Some(options) = &file.sort {
        sort::apply(options, Place { file: &file.file, dir: &file.dir, field: "sortOptions" }, &mut all)?;
    }
    origin::annotate(&mut all, &file.build_metadata, budget)?;
    for resource in &mut all.0 {
        texts_of_annotations(&mut resource.object);
        INTERNAL.iter().for_each(|name| drop(object::remove(&mut resource.object, &["metadata", "annotations", name])));
        patch::remove_empty_annotations(&mut resource.object);
        policy::add_metadata(&mut resource.object, common_metadata, budget)?;
    }
    let object = |resource: Resource| Object { value: resource.object, location: resource.location };
    Ok(Rendered { objects: all.0.into_iter().map(object).collect(), remotes, warnings })
}

/// Annotations are text, also where a number or a boolean is written, and a label or annotation without a value is empty:
/// kustomize writes all of them again.
fn texts_of_annotations(object: &mut Value) {
    for field in ["labels", "annotations"] {
        let map = object.get_mut("metadata").and_then(|metadata| metadata.get_mut(field));
        for value in map.and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut()) {
            match value {
                Value::Null => *value = "".into(),
                Value::Number(_) | Value::Bool(_) if field == "annotations" => {
                    *value = value_text::text_of(value).into()
                }
                _ => {}
            }
        }
    }
}

/// Adds the hash of the content to generated names. This comes after every step that changes content.
fn add_hash_suffixes(all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    for resource in all.0.iter_mut().filter(|r| r.hashed) {
        if let Some(suffix) = hash::suffix(&resource.object) {
            resource.check_object(&resource.key())?;
            resource.remember(budget)?;
            let name = format!("{}-{suffix}", resource.key().name);
            *object::slot(&mut resource.object, &["metadata", "name"]) = name.into();
        }
    }
    Ok(())
}
