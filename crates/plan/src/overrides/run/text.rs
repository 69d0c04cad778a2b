//! Changes inside a field that holds YAML or JSON as text.
//!
//! As in Karmada the text is read, changed and written again. YAML comes back in the form of [`yaml::canonical`]: comments
//! go, and keys are in their natural order. JSON keeps the order of its fields.

use api::karmada::policy::v1alpha1::{DocumentPatchOperation, FieldOverrider, OverriderOperator};
use model::{limit, object, yaml};
use serde_json::Value;

use crate::overrides::document::Document;
use crate::overrides::error::Fault;
use crate::overrides::patch::{self, Effect, Tree};

/// A text with another content.
pub(super) struct Changed {
    /// The text.
    pub(super) effect: Effect,
    /// What was done in it, with paths into the document.
    pub(super) inside: Vec<Effect>,
}

/// Changes a text. `None`: nothing was to be changed.
pub(super) fn change(object: &mut Value, overrider: &FieldOverrider) -> Result<Option<Changed>, Fault> {
    let path = &overrider.field_path;
    let place = patch::find(object, path).map_err(|why| Fault::at(path, why))?;
    let text = place.as_str().ok_or_else(|| Fault::at(path, "it is no text"))?;
    let (text, inside) = if overrider.yaml.is_empty() {
        if overrider.json.is_empty() || text.is_empty() {
            return Ok(None);
        }
        change_json(text, path, &overrider.json)?
    } else {
        change_yaml(text, path, &overrider.yaml)?
    };
    let effect = patch::replace(object, path, &Value::from(text)).map_err(|why| Fault::at(path, why))?;
    Ok(effect.map(|effect| Changed { effect, inside }))
}

fn change_json(text: &str, path: &str, operations: &[DocumentPatchOperation]) -> Result<(String, Vec<Effect>), Fault> {
    let mut document = Document::parse(text).map_err(|why| Fault::at(path, why))?;
    let inside = run(&mut document, path, operations)?;
    Ok((document.to_string(), inside))
}

fn change_yaml(text: &str, path: &str, operations: &[DocumentPatchOperation]) -> Result<(String, Vec<Effect>), Fault> {
    let read = yaml::parse_embedded(text);
    let mut document =
        read.map_err(|e| Fault::of_value(path, format!("the text is {e}"), "the text is not valid YAML"))?;
    let inside = run(&mut document, path, operations)?;
    // Aliases may repeat long texts.
    if object::weight(&document) > limit::OBJECT_BYTES_MAX {
        return Err(Fault::at(path, format!("the YAML in it has more than {} bytes", limit::OBJECT_BYTES_MAX)));
    }
    Ok((yaml::canonical(&document), inside))
}

fn run<T: Tree>(document: &mut T, path: &str, operations: &[DocumentPatchOperation]) -> Result<Vec<Effect>, Fault> {
    if !document.has_parts() {
        return Err(Fault::at(path, "the text holds neither an object nor a list"));
    }
    let mut effects = Vec::new();
    for DocumentPatchOperation { sub_path, operator, value } in operations {
        let value = value.as_ref().filter(|_| *operator != OverriderOperator::Remove);
        let effect = patch::apply(document, *operator, sub_path, value);
        effects.extend(effect.map_err(|why| Fault::at(path, format!("inside the text: {why}")))?);
    }
    Ok(effects)
}

#[cfg(test)]
mod tests;
