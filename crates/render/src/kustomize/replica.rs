//! `replicas` and the ReplicaCountTransformer.

use model::object;

use super::entry::Replicas;
use super::field::Spec;
use super::place::Place;
use super::resource::Resources;
use crate::budget::Budget;
use crate::error::RenderError;

/// Sets the replicas of the objects with a name.
///
/// # Errors
/// There is none. The budget is spent.
pub(crate) fn set(
    change: &Replicas,
    specs: &[&Spec],
    all: &mut Resources,
    place: Place<'_>,
    budget: &Budget,
) -> Result<(), RenderError> {
    let mut found = false;
    for resource in &mut all.0 {
        let mut gvk = object::gvk(&resource.object).unwrap_or_default();
        let named: Vec<String> = resource.keys().filter(|key| key.name == change.name).map(|key| key.kind).collect();
        for spec in specs {
            let selected = named.iter().any(|kind| {
                gvk.kind.clone_from(kind);
                spec.selects(&gvk)
            });
            if !selected {
                continue;
            }
            found = true;
            if spec.selects(&object::gvk(&resource.object).unwrap_or_default()) {
                spec.each(&mut resource.object, budget, &mut |value| {
                    *value = change.count.into();
                    Ok(())
                })?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let mut kinds: Vec<&str> = Vec::new();
    for spec in specs.iter().filter(|spec| !spec.kind.is_empty()) {
        if !kinds.contains(&spec.kind.as_str()) {
            kinds.push(&spec.kind);
        }
    }
    let target = format!("name {:?} of a {}", change.name, kinds.join(", "));
    Err(RenderError::NoTarget { file: place.file.to_owned(), field: place.below(""), target })
}
