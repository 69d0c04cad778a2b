//! `labels`, `commonLabels` and `commonAnnotations`, and their transformers: entries of the mappings at fields.

use model::object;
use serde_json::{Map, Value};

use super::config::{COMPARE_BYTES, Config, Table};
use super::entry::{Labels, Pairs};
use super::field::{self, Spec};
use super::generate::pairs_weight;
use super::place::Place;
use super::resource::Resources;
use crate::budget::Budget;
use crate::error::RenderError;

/// How many fields with labels kustomize knows, about.
const KNOWN: usize = 32;

/// Sets entries of the mappings at these fields of all objects.
///
/// # Errors
/// The budget is spent.
pub(crate) fn set(pairs: &Pairs, specs: &[&Spec], all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in &mut all.0 {
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        for spec in specs.iter().filter(|spec| spec.selects(&gvk)) {
            set_pairs(&mut resource.object, spec, pairs, budget)?;
        }
    }
    Ok(())
}

/// The fields that an entry of `labels` is for.
///
/// # Errors
/// Two of them disagree on whether the field is added where it is missing. The budget is spent.
pub(crate) fn fields(
    entry: &Labels,
    config: &Config,
    place: Place<'_>,
    budget: &Budget,
) -> Result<Vec<Spec>, RenderError> {
    // Each is compared with those before it.
    let added = entry.fields.len() + config.added(&[Table::Labels, Table::CommonLabels, Table::TemplateLabels]);
    budget.spend(added.saturating_mul(added + KNOWN).saturating_mul(COMPARE_BYTES))?;
    let mut specs: Vec<Spec> = entry.fields.clone();
    let mut add = |table: Table| {
        let mut more = config.specs(table).cloned();
        more.try_for_each(|spec| field::add(std::iter::empty(), spec, &mut specs))
    };
    let tables: &[Table] = match (entry.include_selectors, entry.include_templates) {
        (true, _) => &[Table::Labels, Table::CommonLabels],
        (false, true) => &[Table::Labels, Table::TemplateLabels],
        (false, false) => &[Table::Labels],
    };
    let mut added = tables.iter().try_for_each(|table| add(*table));
    if added.is_ok() && !entry.include_selectors {
        let metadata = Spec::new("", "", "metadata/labels", true);
        added = field::add(std::iter::empty(), metadata, &mut specs);
    }
    added.map_err(|why| place.fail(".fields", why))?;
    Ok(specs)
}

/// Sets entries of the mappings at a path.
fn set_pairs(object: &mut Value, spec: &Spec, pairs: &Pairs, budget: &Budget) -> Result<(), RenderError> {
    let weight = pairs_weight(pairs) + if spec.create { spec.path.len() } else { 0 };
    spec.each(object, budget, &mut |value| {
        budget.spend_made(weight)?;
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        if let Value::Object(map) = value {
            map.extend(pairs.iter().map(|(k, v)| (k.clone(), Value::from(v.0.clone()))));
        }
        Ok(())
    })
}
