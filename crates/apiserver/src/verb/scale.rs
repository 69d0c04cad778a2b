//! The `scale` subresource: `autoscaling/v1 Scale` as a view of an object.

use apimachinery::patch;
use model::{FieldError, FieldPath, LabelSelector, Status, object};
use serde_json::{Value, json};

use super::update::{misnamed, preconditions};
use super::write::{How, Outcome, TRIES, conflict, replace};
use crate::call::Call;
use crate::negotiate::{self, Encoding};
use crate::registry::ScalePaths;
use crate::reply::{self, Answer};
use crate::resource::not_allowed;

/// Reads or writes the replicas of an object.
pub(super) async fn scale(call: &mut Call, verb: &str) -> Result<Answer, Status> {
    let paths = call.served.scale.clone().ok_or_else(Status::no_such_path)?;
    for _ in 0..TRIES {
        let current = call.state.current(&call.served, call.namespace(), call.name())?;
        let current = current.ok_or_else(|| call.not_found())?;
        let shown = view(&current.object, &paths);
        let wanted = match verb {
            "get" => return Ok(reply::value(200, &shown)),
            "update" => call.decode()?.0,
            _ => patched(call, &shown)?,
        };
        let wanted_kind = wanted.get("kind").and_then(Value::as_str).unwrap_or("Scale");
        if wanted_kind != "Scale" {
            return Err(Status::bad_request(format!("expected an autoscaling/v1 Scale, got {wanted_kind}")));
        }
        if let Some(name) = object::name(&wanted).filter(|name| !name.is_empty() && *name != call.name()) {
            return Err(misnamed(call, name));
        }
        let dry_run = call.query.dry_run("UpdateOptions")?;
        let bound = preconditions(call, &wanted, current.entry.modified, &current.object)? && verb == "update";
        let replicas = object::get_i64(&wanted, &["spec", "replicas"]).unwrap_or(0);
        if replicas < 0 {
            let path = FieldPath::of("spec.replicas");
            let error = FieldError::invalid(path, replicas, "must be greater than or equal to 0");
            return Err(Status::invalid(&model::GroupKind::new("autoscaling", "Scale"), call.name(), &[error]));
        }
        let mut new = current.object.clone();
        let at: Vec<&str> = paths.spec.iter().map(String::as_str).collect();
        *object::slot(&mut new, &at) = json!(replicas);
        match replace(call, &current, new, How::Update, dry_run).await? {
            Outcome::Done(answer) if !answer.status().is_success() => return Ok(answer),
            Outcome::Done(_) if dry_run => {
                let mut shown = shown;
                shown["spec"]["replicas"] = json!(replicas);
                return Ok(reply::value(200, &shown));
            }
            Outcome::Done(_) => {
                let written = call.state.current(&call.served, call.namespace(), call.name())?;
                let written = written.ok_or_else(|| call.not_found())?;
                return Ok(reply::value(200, &view(&written.object, &paths)));
            }
            Outcome::Raced if bound => break,
            Outcome::Raced => {}
        }
    }
    Err(conflict(call))
}

fn patched(call: &Call, shown: &Value) -> Result<Value, Status> {
    let body = || serde_json::from_slice::<Value>(&call.body).map_err(|e| Status::bad_request(e.to_string()));
    match negotiate::patch_body(call.content_type.as_deref(), true)? {
        Encoding::JsonPatch => patch::json(shown, &body()?).map_err(|e| Status::bad_request(e.to_string())),
        // A Scale has no lists: its strategic merge is a merge.
        Encoding::MergePatch | Encoding::StrategicPatch => Ok(patch::merge(shown, &body()?)),
        // Applying a Scale would need field ownership of a view; kubectl scale uses get, update and merge patch.
        _ => Err(not_allowed()),
    }
}

fn view(object: &Value, paths: &ScalePaths) -> Value {
    let number = |path: &[String]| {
        let fields: Vec<&str> = path.iter().map(String::as_str).collect();
        object::get_i64(object, &fields).unwrap_or(0)
    };
    let mut status = json!({"replicas": number(&paths.status)});
    if let Some(path) = &paths.selector {
        let fields: Vec<&str> = path.iter().map(String::as_str).collect();
        let text = match object::get(object, &fields) {
            Some(Value::String(text)) => text.clone(),
            Some(selector) if selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some() => {
                LabelSelector::from_object(selector).map(|s| s.to_string()).unwrap_or_default()
            }
            selector => LabelSelector::from_map(&object::string_map(selector)).to_string(),
        };
        if !text.is_empty() {
            status["selector"] = json!(text);
        }
    }
    let metadata: serde_json::Map<String, Value> = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"]
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), object::get(object, &["metadata", field])?.clone())))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number(&paths.spec)}, "status": status,
    })
}
