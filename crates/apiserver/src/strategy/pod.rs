//! Pods: quality of service, tolerations, priority, grace.

use model::{Quantity, object};
use serde_json::{Value, json};

use crate::surroundings::Surroundings;

/// Taints that every Pod tolerates for a while, unless it says otherwise (upstream's DefaultTolerationSeconds admission).
const TOLERATED: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const TOLERATED_SECS: i64 = 300;
/// Grace of a Pod that names none.
const GRACE_SECS: i64 = 30;

/// What a new Pod is given: status, tolerations, and the value of its priority class.
pub(super) fn prepare_create(pod: &mut Value, surroundings: &dyn Surroundings) {
    let class = quality(pod);
    *object::slot(pod, &["status"]) = json!({"phase": "Pending", "qosClass": class});
    tolerate(pod);
    let class = object::get_str(pod, &["spec", "priorityClassName"]).unwrap_or_default();
    let class = surroundings.stored("scheduling.k8s.io", "priorityclasses", "", class).unwrap_or_default();
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

/// Seconds until a deleted Pod may go: only Pods that run on a node wait.
pub(super) fn grace_secs(pod: &Value, asked: Option<i64>) -> i64 {
    let asked =
        asked.or_else(|| object::get_i64(pod, &["spec", "terminationGracePeriodSeconds"])).unwrap_or(GRACE_SECS);
    let unscheduled = object::get_str(pod, &["spec", "nodeName"]).unwrap_or_default().is_empty();
    let ended = matches!(object::get_str(pod, &["status", "phase"]), Some("Succeeded" | "Failed"));
    if unscheduled || ended { 0 } else { asked.max(0) }
}
