//! The steps that the fields of a kustomization file ask for, in the order of kustomize.

use super::Context;
use super::config::Table;
use super::field::Spec;
use super::file::Kustomization;
use super::layer::STEP_BYTES;
use super::name::{self, Side};
use super::namespace::{Namespace, Subjects};
use super::place::Place;
use super::resource::Resources;
use super::{image, label, patch, replacement, replica};
use crate::error::RenderError;

/// Notes that a step went over all objects so many times.
type Note<'a> = &'a mut dyn FnMut(&str, usize, &mut Resources) -> Result<(), RenderError>;

/// Runs the steps.
///
/// # Errors
/// The first one that does not apply. The budget is spent.
pub(crate) fn apply(
    context: &Context<'_>,
    file: &Kustomization,
    place: Place<'_>,
    all: &mut Resources,
    note: Note<'_>,
) -> Result<(), RenderError> {
    let (config, budget) = (context.config, context.budget());
    let tables = [
        Table::Namespace,
        Table::NamePrefix,
        Table::NameSuffix,
        Table::CommonLabels,
        Table::Labels,
        Table::TemplateLabels,
        Table::CommonAnnotations,
        Table::Replicas,
        Table::Images,
    ];
    // Each added field is looked for in each object, once for each entry.
    let entries = 1 + file.labels.len() + file.replicas.len() + file.images.len();
    budget.spend(config.weight(&tables).saturating_mul(1 + all.0.len()).saturating_mul(entries))?;
    merge_patches(context, file, place, all, note)?;
    if !file.namespace.is_empty() {
        let (name, specs) = (file.namespace.as_str(), specs(context, Table::Namespace));
        Namespace { name, specs, unset_only: false, subjects: Subjects::DefaultOnly }.apply(all, budget)?;
        note("NamespaceTransformer", 1, all)?;
    }
    for (side, text, table, kind) in [
        (Side::Prefix, &file.name_prefix, Table::NamePrefix, "PrefixTransformer"),
        (Side::Suffix, &file.name_suffix, Table::NameSuffix, "SuffixTransformer"),
    ] {
        if !text.is_empty() {
            name::add(side, text, &specs(context, table), all, budget)?;
            note(kind, 1, all)?;
        }
    }
    labels(context, file, place, all, note)?;
    let json = file.json_patches.iter().enumerate().map(|(at, one)| (format!("patchesJson6902[{at}]"), one));
    let json: Vec<_> = json.collect();
    for (field, one) in &json {
        if one.target.is_none() {
            return Err(place.at(field).fail(".target", "it is missing"));
        }
    }
    patch::apply(context, json.iter().map(|(field, one)| (place.at(field), *one)), all)?;
    note("PatchJson6902Transformer", json.len(), all)?;
    for (at, one) in file.replicas.iter().enumerate() {
        let field = format!("replicas[{at}]");
        replica::set(one, &specs(context, Table::Replicas), all, place.at(&field), budget)?;
        note("ReplicaCountTransformer", 1, all)?;
    }
    if !file.images.is_empty() {
        // Each walks over all of every object, with what the steps before this one added.
        budget.spend(file.images.len().saturating_mul(all.weight() + STEP_BYTES))?;
    }
    for (at, one) in file.images.iter().enumerate() {
        let field = format!("images[{at}]");
        image::change(one, &specs(context, Table::Images), all, place.at(&field), budget)?;
        note("ImageTagTransformer", 1, all)?;
    }
    if !file.replacements.is_empty() {
        for (named, field, one) in replacement::read(context.files, place.at("replacements"), &file.replacements)? {
            replacement::apply(context, Place { file: &named, dir: place.dir, field: &field }, &one, all)?;
        }
        note("ReplacementTransformer", 1, all)?;
    }
    Ok(())
}

fn specs<'a>(context: &'a Context<'_>, table: Table) -> Vec<&'a Spec> {
    context.config.specs(table).collect()
}

/// `patchesStrategicMerge`, and `patches`.
fn merge_patches(
    context: &Context<'_>,
    file: &Kustomization,
    place: Place<'_>,
    all: &mut Resources,
    note: Note<'_>,
) -> Result<(), RenderError> {
    let entries = file.merge_patches.iter().enumerate();
    let merge: Vec<_> =
        entries.map(|(at, entry)| (format!("patchesStrategicMerge[{at}]"), patch::path_or_patch(entry))).collect();
    patch::apply(context, merge.iter().map(|(field, one)| (place.at(field), one)), all)?;
    note("PatchStrategicMergeTransformer", usize::from(!merge.is_empty()), all)?;
    patch::apply(context, file.patches.iter().map(|(field, one)| (place.at(field), one)), all)?;
    note("PatchTransformer", file.patches.len(), all)
}

/// `labels`, `commonLabels` and `commonAnnotations`.
fn labels(
    context: &Context<'_>,
    file: &Kustomization,
    place: Place<'_>,
    all: &mut Resources,
    note: Note<'_>,
) -> Result<(), RenderError> {
    let (config, budget) = (context.config, context.budget());
    for (at, entry) in file.labels.iter().enumerate() {
        let field = format!("labels[{at}]");
        let specs = label::fields(entry, config, place.at(&field), budget)?;
        let weight: usize = entry.fields.iter().map(|spec| spec.path.len()).sum();
        budget.spend(weight.saturating_mul(all.0.len()))?;
        label::set(&entry.pairs, &specs.iter().collect::<Vec<_>>(), all, budget)?;
    }
    label::set(&file.common_labels, &specs(context, Table::CommonLabels), all, budget)?;
    if !file.labels.is_empty() || !file.common_labels.is_empty() {
        note("LabelTransformer", file.labels.len() + 1, all)?;
    }
    if !file.common_annotations.is_empty() {
        label::set(&file.common_annotations, &specs(context, Table::CommonAnnotations), all, budget)?;
        note("AnnotationsTransformer", 1, all)?;
    }
    Ok(())
}
