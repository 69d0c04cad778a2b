//! `namePrefix` and `nameSuffix`, and their transformers.

use std::rc::Rc;

use model::object;
use serde_json::Value;

use super::field::Spec;
use super::resource::{Resource, Resources};
use crate::budget::Budget;
use crate::error::RenderError;

/// Kinds whose names carry meaning and get neither prefix nor suffix.
const NAMES_KEPT: [(&str, &str); 3] =
    [("", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService"), ("", "Namespace")];

/// Where a text is added to names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Prefix,
    Suffix,
}

/// Adds a text to the names of objects and to other fields that stand for a name.
///
/// # Errors
/// The budget is spent, or a name becomes too long.
pub(crate) fn add(
    side: Side,
    text: &str,
    specs: &[&Spec],
    all: &mut Resources,
    budget: &Budget,
) -> Result<(), RenderError> {
    if text.is_empty() {
        return Ok(());
    }
    budget.spend_made((text.len() + std::mem::size_of::<Rc<str>>()).saturating_mul(all.0.len()))?;
    let text: Rc<str> = text.into();
    all.0.iter_mut().try_for_each(|resource| one(side, &text, specs, resource, budget))
}

fn one(
    side: Side,
    text: &Rc<str>,
    specs: &[&Spec],
    resource: &mut Resource,
    budget: &Budget,
) -> Result<(), RenderError> {
    let mut first = object::gvk(&resource.object).unwrap_or_default();
    first.kind = resource.first_key().kind;
    if NAMES_KEPT.iter().any(|(group, kind)| first.kind == *kind && (group.is_empty() || first.group == *group)) {
        return Ok(());
    }
    for spec in specs.iter().filter(|spec| spec.selects(&first)) {
        if spec.path == "metadata/name" {
            match side {
                Side::Prefix => resource.prefixes.push(Rc::clone(text)),
                Side::Suffix => resource.suffixes.push(Rc::clone(text)),
            }
            resource.remember(budget)?;
        }
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        if !spec.selects(&gvk) {
            continue;
        }
        spec.each(&mut resource.object, budget, &mut |value| {
            let name = match value {
                Value::String(name) => name.clone(),
                Value::Null => String::new(),
                Value::Number(number) => number.to_string(),
                _ => return Ok(()),
            };
            // The field may be a long text, and many steps may change it.
            budget.spend(name.len())?;
            budget.spend_made(text.len())?;
            *value = match side {
                Side::Prefix => format!("{text}{name}"),
                Side::Suffix => format!("{name}{text}"),
            }
            .into();
            Ok(())
        })?;
    }
    resource.checked_key().map(|_| ())
}
