//! Images, commands and arguments of containers.

use api::karmada::policy::v1alpha1::{CommandArgsOverrider, ImageOverrider, OverriderOperator};
use model::object;
use serde_json::{Value, json};

use crate::overrides::error::Fault;
use crate::overrides::image::Image;
use crate::overrides::patch::{self, Effect};
use crate::overrides::pointer;

/// Where the containers of a kind are, as field names. Init containers are not changed, and other kinds neither; kinds are
/// told by name alone, as in Karmada.
fn containers_of(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec", "containers"]),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => {
            Some(&["spec", "template", "spec", "containers"])
        }
        _ => None,
    }
}

/// The containers of an object, each with its path.
fn containers(object: &Value) -> Result<Vec<(String, &Value)>, Fault> {
    let kind = object::get_str(object, &["kind"]).unwrap_or_default();
    let Some(fields) = containers_of(kind) else { return Ok(Vec::new()) };
    let mut path = String::new();
    fields.iter().for_each(|field| pointer::push(&mut path, field));
    match object::get(object, fields) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            Ok(items.iter().enumerate().map(|(index, item)| (format!("{path}/{index}"), item)).collect())
        }
        Some(_) => Err(Fault::at(&path, "it is no list of containers")),
    }
}

/// Changes a part of an image, or of those of all containers.
pub(super) fn change_images(object: &mut Value, overrider: &ImageOverrider) -> Result<Vec<Effect>, Fault> {
    let paths = match &overrider.predicate {
        Some(predicate) => vec![predicate.path.clone()],
        None => containers(object)?.into_iter().map(|(path, _)| path + "/image").collect(),
    };
    let mut effects = Vec::new();
    for path in paths {
        effects.extend(change_image(object, &path, overrider)?);
    }
    Ok(effects)
}

fn change_image(object: &mut Value, path: &str, overrider: &ImageOverrider) -> Result<Option<Effect>, Fault> {
    let place = patch::find(object, path).map_err(|why| Fault::at(path, why))?;
    let text = place.as_str().ok_or_else(|| Fault::at(path, "it is no text"))?;
    let mut image =
        Image::parse(text).map_err(|why| Fault::of_value(path, why, "what stands there is no image reference"))?;
    image.change(overrider.component, overrider.operator, &overrider.value);
    let changed = Value::from(image.to_string());
    patch::replace(object, path, &changed).map_err(|why| Fault::at(path, why))
}

/// Adds words to the command or the arguments (`field`) of the containers with a name, or takes words out.
pub(super) fn change_words(
    object: &mut Value,
    field: &str,
    overrider: &CommandArgsOverrider,
) -> Result<Vec<Effect>, Fault> {
    let mut changes = Vec::new();
    for (path, container) in containers(object)? {
        if container.get("name").and_then(Value::as_str) != Some(&overrider.container_name) {
            continue;
        }
        let path = format!("{path}/{field}");
        let old = match container.get(field) {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(words)) if words.iter().all(Value::is_string) => words,
            Some(_) => return Err(Fault::at(&path, "it is no list of texts")),
        };
        if let Some(new) = changed(old, overrider) {
            changes.push((path, new));
        }
    }
    let mut effects = Vec::new();
    for (path, words) in changes {
        let effect = patch::apply(object, OverriderOperator::Add, &path, Some(&words));
        effects.extend(effect.map_err(|why| Fault::at(&path, why))?);
    }
    Ok(effects)
}

/// The words after a change; `None` when they are the same, so that no empty list appears where there was none.
fn changed(old: &[Value], overrider: &CommandArgsOverrider) -> Option<Value> {
    let words = overrider.value.iter().map(|word| json!(word));
    let new: Vec<Value> = match overrider.operator {
        OverriderOperator::Add => old.iter().cloned().chain(words).collect(),
        OverriderOperator::Remove => {
            let is_kept = |word: &&Value| !overrider.value.iter().any(|gone| word.as_str() == Some(gone));
            old.iter().filter(is_kept).cloned().collect()
        }
        OverriderOperator::Replace => return None,
    };
    (new != old).then_some(Value::Array(new))
}
