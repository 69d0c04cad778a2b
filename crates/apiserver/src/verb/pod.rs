//! `pods/binding`.

use model::{Status, object};
use serde_json::{Value, json};

use super::update::replace_part;
use crate::call::Call;
use crate::reply::{self, Answer};

/// Puts a Pod on a node.
pub(super) async fn bind(call: &mut Call) -> Result<Answer, Status> {
    let (binding, _) = call.decode()?;
    let node = object::get_str(&binding, &["target", "name"]).unwrap_or_default().to_owned();
    if node.is_empty() {
        let error = model::FieldError::required(model::FieldPath::of("target.name"), "");
        return Err(Status::invalid(&model::GroupKind::new("", "Binding"), call.name(), &[error]));
    }
    let now = model::clock::format_seconds(call.state.now());
    let asked = object::uid(&binding).filter(|u| !u.is_empty()).map(str::to_owned);
    replace_part(call, |call, pod| {
        let resource = model::GroupResource { group: String::new(), resource: "pods/binding".to_owned() };
        let why = |why: String| Err(Status::conflict(&resource, call.name(), &why));
        if let Some(asked) = &asked
            && object::uid(pod) != Some(asked)
        {
            return why(format!("Precondition failed: UID in precondition: {asked}"));
        }
        if object::is_deleting(pod) {
            return why(format!("pod {} is being deleted, cannot be assigned to a host", call.name()));
        }
        match object::get_str(pod, &["spec", "nodeName"]).filter(|n| !n.is_empty()) {
            Some(host) => return why(format!("pod {} is already assigned to node {host:?}", call.name())),
            None => *object::slot(pod, &["spec", "nodeName"]) = json!(node),
        }
        let conditions = object::slot(pod, &["status", "conditions"]);
        if !conditions.is_array() {
            *conditions = json!([]);
        }
        if let Some(list) = conditions.as_array_mut() {
            list.retain(|c| c.get("type").and_then(Value::as_str) != Some("PodScheduled"));
            list.push(json!({
                "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now,
            }));
        }
        Ok(())
    })
    .await?;
    Ok(reply::value(201, &success()))
}

fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}
