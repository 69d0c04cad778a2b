//! What the API does for Pods beyond storing them: quality of service, binding, eviction.

use model::{Quantity, Status, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::reply::{self, Answer};
use crate::verb::{DeleteOptions, replace_part};

/// The status that a new Pod starts with.
pub(crate) fn prepare(pod: &mut Value) {
    let class = quality(pod);
    *object::slot(pod, &["status"]) = json!({"phase": "Pending", "qosClass": class});
}

/// The quality-of-service class (`pkg/apis/core/v1/helper/qos`): Guaranteed when every container limits cpu and memory
/// and requests just that, BestEffort when none says anything.
fn quality(pod: &Value) -> &'static str {
    let containers: Vec<&Value> = ["initContainers", "containers"]
        .iter()
        .filter_map(|list| object::get(pod, &["spec", list]).and_then(Value::as_array))
        .flatten()
        .collect();
    let amount = |container: &Value, side: &str, resource: &str| -> Option<Quantity> {
        let value = object::get(container, &["resources", side, resource])?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().ok()
    };
    let mut any = false;
    let mut guaranteed = !containers.is_empty();
    for container in containers {
        for resource in ["cpu", "memory"] {
            let limit = amount(container, "limits", resource);
            let request = amount(container, "requests", resource).or(limit);
            any |= limit.is_some() || request.is_some();
            guaranteed &= limit.is_some() && limit == request;
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// `pods/binding`: puts a Pod on a node.
pub(crate) async fn bind(call: &mut Call) -> Result<Answer, Status> {
    let (binding, _) = call.decode()?;
    let node = object::get_str(&binding, &["target", "name"]).unwrap_or_default().to_owned();
    if node.is_empty() {
        let error = model::FieldError::required(model::FieldPath::of("target.name"), "");
        return Err(Status::invalid(&model::GroupKind::new("", "Binding"), call.name(), &[error]));
    }
    let now = model::clock::format_seconds(call.server.now());
    let asked = object::uid(&binding).filter(|u| !u.is_empty()).map(str::to_owned);
    replace_part(call, |call, pod| {
        let why = |why: String| Err(Status::conflict(&call.served.resource, call.name(), &why));
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
    Ok(reply::value(201, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})))
}

/// `pods/eviction`: a delete. PodDisruptionBudgets are not consulted: nothing here computes their status.
pub(crate) async fn evict(call: &mut Call) -> Result<Answer, Status> {
    let (eviction, _) = call.decode()?;
    let options = DeleteOptions {
        uid: object::get_str(&eviction, &["deleteOptions", "preconditions", "uid"]).map(str::to_owned),
        grace_secs: object::get_i64(&eviction, &["deleteOptions", "gracePeriodSeconds"]),
        dry_run: call.query.dry_run("CreateOptions")?,
        ..DeleteOptions::default()
    };
    crate::verb::delete_object(call, call.name(), &options).await?;
    Ok(reply::value(
        201,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}
