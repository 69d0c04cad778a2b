//! Which fields of which kinds the steps of a kustomization change: what kustomize knows by itself, and what the files of
//! `configurations` and `crds` add.

mod builtin;
mod crd;

use std::sync::LazyLock;

use model::GroupVersionKind;
use serde::Deserialize;

use super::field::{self, Spec};
use super::resource::KEY_BYTES_MAX;
use crate::budget::Budget;
use crate::error::RenderError;

pub(crate) use crd::from_crds;

/// Work of comparing two field specifications: two names and two paths.
pub(crate) const COMPARE_BYTES: usize = 64;

/// Fields that one kind of step changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    NamePrefix,
    NameSuffix,
    Namespace,
    CommonLabels,
    Labels,
    TemplateLabels,
    CommonAnnotations,
    VarReference,
    Images,
    Replicas,
}

const TABLES: usize = 10;

/// Fields that name objects of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reference {
    /// The kind that is named. An empty group, version or kind means any.
    pub(crate) target: GroupVersionKind,
    /// The fields that name it.
    pub(crate) referrers: Vec<Spec>,
}

/// Field specifications that files add to those that kustomize has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    tables: [Vec<Spec>; TABLES],
    references: Vec<Reference>,
}

/// What kustomize knows by itself.
static BUILTIN: LazyLock<Config> = LazyLock::new(builtin::config);

/// A file of `configurations`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Written {
    name_prefix: Vec<Spec>,
    name_suffix: Vec<Spec>,
    namespace: Vec<Spec>,
    common_labels: Vec<Spec>,
    labels: Vec<Spec>,
    template_labels: Vec<Spec>,
    common_annotations: Vec<Spec>,
    var_reference: Vec<Spec>,
    images: Vec<Spec>,
    replicas: Vec<Spec>,
    name_reference: Vec<WrittenReference>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct WrittenReference {
    group: String,
    version: String,
    kind: String,
    field_specs: Vec<Spec>,
}

impl Config {
    /// Reads a file of `configurations`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(file: &str, yaml: serde_json::Value) -> Result<Self, RenderError> {
        if yaml.is_null() {
            return Ok(Self::default());
        }
        let written = super::file::typed::<Written>(file, "", yaml)?;
        let Written {
            name_prefix,
            name_suffix,
            namespace,
            common_labels,
            labels,
            template_labels,
            common_annotations,
            var_reference,
            images,
            replicas,
            name_reference,
        } = written;
        let tables = [
            name_prefix,
            name_suffix,
            namespace,
            common_labels,
            labels,
            template_labels,
            common_annotations,
            var_reference,
            images,
            replicas,
        ];
        let references = name_reference.into_iter().map(|reference| {
            let WrittenReference { group, version, kind, field_specs } = reference;
            Reference { target: GroupVersionKind { group, version, kind }, referrers: field_specs }
        });
        let config = Self { tables, references: references.collect() };
        if let Some(why) = config.all().find_map(|spec| field::refusal(&spec.path)) {
            return Err(RenderError::field(file, "path", why));
        }
        let fields = config.all().map(|spec| spec.text_bytes() - spec.path.len());
        let kinds = fields.chain(config.references.iter().map(|reference| text_bytes(&reference.target)));
        if let Some(bytes) = kinds.max().filter(|bytes| *bytes > KEY_BYTES_MAX) {
            let why =
                format!("a group, version and kind have {bytes} bytes together, and {KEY_BYTES_MAX} are the most");
            return Err(RenderError::field(file, "kind", why));
        }
        Ok(config)
    }

    fn all(&self) -> impl Iterator<Item = &Spec> {
        self.tables.iter().flatten().chain(self.references.iter().flat_map(|reference| &reference.referrers))
    }

    /// The fields of a table: first those that kustomize has.
    pub(crate) fn specs(&self, table: Table) -> impl Iterator<Item = &Spec> {
        BUILTIN.tables[table as usize].iter().chain(&self.tables[table as usize])
    }

    /// The fields that name objects: first those that kustomize has.
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        BUILTIN.references.iter().chain(&self.references)
    }

    /// How many fields files added to these tables.
    pub(crate) fn added(&self, tables: &[Table]) -> usize {
        tables.iter().map(|table| self.tables[*table as usize].len()).sum()
    }

    /// Work of walking with the added fields of these tables over one object.
    pub(crate) fn weight(&self, tables: &[Table]) -> usize {
        tables.iter().flat_map(|table| &self.tables[*table as usize]).map(|spec| COMPARE_BYTES + spec.path.len()).sum()
    }

    /// Work of walking with the added references over one object.
    pub(crate) fn references_weight(&self) -> usize {
        self.references.iter().flat_map(|r| &r.referrers).map(|spec| COMPARE_BYTES + spec.path.len()).sum()
    }

    /// Adds what another one has.
    ///
    /// # Errors
    /// The budget is spent. Where both disagree is inside.
    pub(crate) fn merge(&mut self, more: Self, budget: &Budget) -> Result<Result<(), String>, RenderError> {
        let here = BUILTIN.all().count() + self.all().count();
        let incoming = more.all().count() + more.references.len();
        let targets = || more.references.iter().map(|reference| text_bytes(&reference.target));
        let specs = || more.all().map(Spec::text_bytes);
        // Two texts are compared as far as the shorter one goes.
        let compared: usize = specs().chain(targets()).map(|bytes| bytes.max(COMPARE_BYTES)).sum();
        budget.spend(compared.saturating_mul(here + incoming))?;
        budget.spend_made(specs().chain(targets()).map(|bytes| COMPARE_BYTES + bytes).sum())?;
        Ok(self.merged(more))
    }

    fn merged(&mut self, more: Self) -> Result<(), String> {
        for (at, specs) in more.tables.into_iter().enumerate() {
            for spec in specs {
                field::add(BUILTIN.tables[at].iter(), spec, &mut self.tables[at])?;
            }
        }
        more.references.into_iter().try_for_each(|reference| self.add_reference(reference))
    }

    fn add_reference(&mut self, reference: Reference) -> Result<(), String> {
        let Reference { target, referrers } = reference;
        let builtin = BUILTIN.references.iter().filter(|r| r.target == target).flat_map(|r| &r.referrers);
        let place = match self.references.iter().position(|r| r.target == target) {
            Some(place) => place,
            None => {
                self.references.push(Reference { target: target.clone(), referrers: Vec::new() });
                self.references.len() - 1
            }
        };
        let to = &mut self.references[place].referrers;
        referrers.into_iter().try_for_each(|spec| field::add(builtin.clone(), spec, to))
    }
}

fn text_bytes(kind: &GroupVersionKind) -> usize {
    kind.group.len() + kind.version.len() + kind.kind.len()
}

#[cfg(test)]
mod tests;
