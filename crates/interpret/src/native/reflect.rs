//! Which part of its status an object in a member reports.

use model::{GroupVersionKind, object};
use serde_json::{Map, Value, json};

use super::count;
use super::number::{has_generations, numbers};
use crate::fault::Fault;
use crate::label;
use crate::read::{get, text, whole as integer};

/// The whole status; `None` when there is none.
pub(super) fn whole(live: &Value) -> Result<Option<Value>, Fault> {
    match get(live, "status") {
        None => Ok(None),
        Some(status @ Value::Object(_)) => Ok(Some(status.clone())),
        Some(_) => Err(Fault::field("status", "an object")),
    }
}

/// The part that is reported of kinds with a rule of their own (Karmada's `native/reflectstatus.go`): what the template's
/// status is made of, and no more.
pub(super) fn part(kind: &GroupVersionKind, live: &Value) -> Result<Option<Value>, Fault> {
    let kind = kind.kind.as_str();
    if kind == "Ingress" {
        return whole(live);
    }
    if kind == "Service" && text(live, "spec.type") != "LoadBalancer" {
        return Ok(None);
    }
    let Some(status) = get(live, "status") else { return Ok(None) };
    if !status.is_object() {
        return Err(Fault::field("status", "an object"));
    }
    let mut part = Map::new();
    if has_generations(kind) {
        generations(&mut part, live)?;
    }
    for number in numbers(kind) {
        let value = count(live, &format!("status.{}", number.name))?.unwrap_or(0);
        if value != 0 || number.always {
            part.insert(number.name.to_owned(), json!(value));
        }
    }
    for (field, is_shaped, wanted) in others(kind) {
        match status.get(*field) {
            None | Some(Value::Null) => {}
            Some(found) if is_shaped(found) => drop(part.insert((*field).to_owned(), found.clone())),
            Some(_) => return Err(Fault::field(&format!("status.{field}"), wanted)),
        }
    }
    if kind == "Service" {
        part.entry("loadBalancer").or_insert_with(|| json!({}));
    }
    let is_nothing = kind == "Deployment" && part.is_empty();
    Ok((!is_nothing).then_some(Value::Object(part)))
}

/// Which generation the object has, which one its controller has seen, and which one of the template it was made from.
fn generations(part: &mut Map<String, Value>, live: &Value) -> Result<(), Fault> {
    let template = object::annotation(live, label::TEMPLATE_GENERATION).unwrap_or_default();
    let template = template.parse::<i64>().map_err(|_| {
        Fault::field(&format!("metadata.annotations[{}]", label::TEMPLATE_GENERATION), "a whole number")
    })?;
    let all = [
        ("generation", integer(live, "metadata.generation")?.unwrap_or(0)),
        ("resourceTemplateGeneration", template),
        ("observedGeneration", integer(live, "status.observedGeneration")?.unwrap_or(0)),
    ];
    part.extend(all.into_iter().filter(|(_, value)| *value != 0).map(|(name, value)| (name.to_owned(), json!(value))));
    Ok(())
}

/// A field that is no number, what its value is, and the words for that.
type Other = (&'static str, fn(&Value) -> bool, &'static str);

fn others(kind: &str) -> &'static [Other] {
    match kind {
        "Service" => &[("loadBalancer", Value::is_object, "an object")],
        "Job" => &[
            ("conditions", Value::is_array, "a list"),
            ("startTime", Value::is_string, "a time"),
            ("completionTime", Value::is_string, "a time"),
        ],
        "PodDisruptionBudget" => &[("disruptedPods", Value::is_object, "an object")],
        _ => &[],
    }
}
