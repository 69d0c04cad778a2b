//! Field specifications in the OpenAPI definitions that `crds` lists: extensions say which field of a custom kind names
//! another object, is a label selector, holds annotations or is an identity (`LoadConfigFromCRDs` in kustomize).

use std::collections::{BTreeMap, BTreeSet};

use model::{GroupVersionKind, limit, object};
use serde_json::Value;

use super::{Config, Reference, Table};
use crate::budget::Budget;
use crate::error::RenderError;
use crate::kustomize::field::{self, Spec};
use crate::kustomize::resource::KEY_BYTES_MAX;

/// How deep definitions may refer to each other. Real ones stay below 10; kustomize follows a circle until it crashes.
const DEPTH_MAX: usize = 32;

/// What a field takes in memory beside its texts: an entry of a set, and the specification that it becomes.
const FIELD_BYTES: usize = 256;

/// What a part of a path takes in memory beside its text.
const PART_BYTES: usize = 48;

/// Reads the definitions of one file: a mapping of names to definitions, each with a `Schema`.
///
/// # Errors
/// The file is no such mapping. The budget is spent.
pub(crate) fn from_crds(file: &str, yaml: &Value, budget: &Budget) -> Result<Config, RenderError> {
    let Value::Object(definitions) = yaml else {
        let why = "it is not a mapping of names to OpenAPI definitions";
        return Err(RenderError::Yaml { file: file.to_owned(), why: why.into() });
    };
    let mut config = Config::default();
    let mut reading = Reading { file, definitions, budget, fields: BTreeMap::new(), references: BTreeMap::new() };
    for (name, definition) in definitions {
        let properties = properties(definition);
        let has = |name: &str| properties.is_some_and(|p| p.contains_key(name));
        if has("kind") && has("apiVersion") && has("metadata") {
            let kind = name.rsplit('.').next().unwrap_or(name);
            if kind.len() > KEY_BYTES_MAX {
                let why = format!("its kind has {} bytes, and {KEY_BYTES_MAX} are the most", kind.len());
                return Err(RenderError::field(file, limit::cut(name), why));
            }
            reading.definition(kind, name, "", 0)?;
        }
    }
    for (table, fields) in reading.fields {
        config.tables[table].extend(fields.into_iter().map(|(kind, path)| Spec::new("", &kind, &path, false)));
    }
    config.references = reading
        .references
        .into_iter()
        .map(|(target, fields)| {
            let referrers = fields.into_iter().map(|(kind, path)| Spec::new("", &kind, &path, false));
            Reference { target, referrers: referrers.collect() }
        })
        .collect();
    Ok(config)
}

/// The properties of a definition. Go's field name is `Schema`, and its reader takes any case.
fn properties(definition: &Value) -> Option<&serde_json::Map<String, Value>> {
    let schema = definition.get("Schema").or_else(|| definition.get("schema"))?;
    schema.get("properties")?.as_object()
}

/// Kinds and paths.
type Fields = BTreeSet<(String, String)>;

struct Reading<'a> {
    file: &'a str,
    definitions: &'a serde_json::Map<String, Value>,
    budget: &'a Budget,
    /// By the place of the table.
    fields: BTreeMap<usize, Fields>,
    references: BTreeMap<GroupVersionKind, Fields>,
}

impl Reading<'_> {
    /// Looks whether a field that a definition names can be added, and takes what it costs. A definition is followed as
    /// often as others refer to it, and each time its fields have other paths.
    fn admit(&self, kind: &str, definition: &str, path: &str, target_bytes: usize) -> Result<(), RenderError> {
        let parts = path.split('/').count();
        self.budget.spend_made(FIELD_BYTES + kind.len() + 2 * path.len() + parts * PART_BYTES + target_bytes)?;
        let refused = field::refusal(path).map(|why| format!("the path {:?}: {why}", limit::cut(path)));
        refused.map_or(Ok(()), |why| Err(RenderError::field(self.file, limit::cut(definition), why)))
    }

    /// Adds the fields of a kind that a definition describes below a path.
    fn definition(&mut self, kind: &str, name: &str, at: &str, depth: usize) -> Result<(), RenderError> {
        if depth > DEPTH_MAX {
            let why = format!("definitions refer to each other more than {DEPTH_MAX} deep");
            return Err(RenderError::field(self.file, limit::cut(name), why));
        }
        let Some(properties) = self.definitions.get(name).and_then(properties) else { return Ok(()) };
        for (property, schema) in properties {
            self.budget.spend(property.len() + at.len() + super::COMPARE_BYTES)?;
            let path = if at.is_empty() { property.clone() } else { format!("{at}/{property}") };
            let has = |extension: &str| object::get_str(schema, &[extension]);
            for (extension, table) in [
                ("x-kubernetes-annotation", Table::CommonAnnotations),
                ("x-kubernetes-label-selector", Table::CommonLabels),
                ("x-kubernetes-identity", Table::NamePrefix),
            ] {
                if has(extension).is_some() {
                    self.admit(kind, name, &path, 0)?;
                    self.fields.entry(table as usize).or_default().insert((kind.to_owned(), path.clone()));
                }
            }
            let (version, named) = ("x-kubernetes-object-ref-api-version", "x-kubernetes-object-ref-kind");
            if let (Some(version), Some(named)) = (has(version), has(named)) {
                let key = has("x-kubernetes-object-ref-name-key").unwrap_or("name");
                let path = format!("{path}/{key}");
                self.admit(kind, name, &path, version.len() + named.len())?;
                let target = GroupVersionKind::new("", version, named);
                let field = (kind.to_owned(), path);
                self.references.entry(target).or_default().insert(field);
            }
            if let Some(other) = has("$ref") {
                self.definition(kind, other, &path, depth + 1)?;
            }
        }
        Ok(())
    }
}
