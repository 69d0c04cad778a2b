//! What the API does for Pods beyond storing them: quality of service, binding, eviction.

use model::{Quantity, Status, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::key;
use crate::reply::{self, Answer};
use crate::server::Inner;
use crate::verb::{DeleteOptions, replace_part};

/// Taints that every Pod tolerates for a while, unless it says otherwise (upstream's DefaultTolerationSeconds admission).
const TOLERATED: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const TOLERATED_SECS: i64 = 300;

/// What a new Pod is given: status, tolerations, and the value of its priority class.
pub(crate) fn prepare(server: &Inner, pod: &mut Value) {
    let class = quality(pod);
    *object::slot(pod, &["status"]) = json!({"phase": "Pending", "qosClass": class});
    tolerate(pod);
    let class = object::get_str(pod, &["spec", "priorityClassName"]).unwrap_or_default();
    let class = server.store.snapshot().get(&key::object("scheduling.k8s.io", "priorityclasses", "", class));
    let class: Value =
        class.and_then(|entry| serde_json::from_slice(&server.read(&entry).ok()?).ok()).unwrap_or_default();
    let spec = object::slot(pod, &["spec"]);
    spec["priority"] = class.get("value").cloned().unwrap_or_else(|| json!(0));
    spec["preemptionPolicy"] = class.get("preemptionPolicy").cloned().unwrap_or_else(|| json!("PreemptLowerPriority"));
}

fn tolerate(pod: &mut Value) {
    let tolerations = object::slot(pod, &["spec", "tolerations"]);
    if !tolerations.is_array() {
        *tolerations = json!([]);
    }
    let Some(list) = tolerations.as_array_mut() else { return };
    for key in TOLERATED {
        let covers = |t: &Value| {
            let key_of = t.get("key").and_then(Value::as_str).unwrap_or_default();
            let effect = t.get("effect").and_then(Value::as_str).unwrap_or_default();
            (key_of == key || key_of.is_empty()) && matches!(effect, "" | "NoExecute")
        };
        if !list.iter().any(covers) {
            list.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATED_SECS,
            }));
        }
    }
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
    Ok(reply::value(201, &success()))
}

fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}
