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
    mount_token(pod, surroundings);
}

/// Where programs look for the token of their account.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Begins the name of the volume with the token.
const TOKEN_VOLUME: &str = "kube-api-access-";
/// Life of the token in seconds: an hour, and a little more, so that kubelets and clients of different age agree on it.
const TOKEN_SECS: i64 = 3_607;

/// Gives each container the token of the Pod's account, unless the Pod or the account does not want it (upstream's
/// ServiceAccount admission). A Pod that names no account, or one that is not there, gets none.
fn mount_token(pod: &mut Value, surroundings: &dyn Surroundings) {
    let name = object::get_str(pod, &["spec", "serviceAccountName"]).unwrap_or_default();
    let namespace = object::namespace(pod).unwrap_or_default();
    let Some(account) = surroundings.stored("", "serviceaccounts", namespace, name) else { return };
    let wish = |object: Option<&Value>| object.and_then(Value::as_bool);
    let wanted = wish(object::get(pod, &["spec", "automountServiceAccountToken"]))
        .or_else(|| wish(account.get("automountServiceAccountToken")));
    if wanted == Some(false) {
        return;
    }
    let volume_name = {
        let volumes = object::get(pod, &["spec", "volumes"]).and_then(Value::as_array).into_iter().flatten();
        let mut names = volumes.filter_map(|volume| volume.get("name")?.as_str());
        names.find(|name| name.starts_with(TOKEN_VOLUME)).map(str::to_owned)
    };
    let (volume_name, known) = match volume_name {
        Some(name) => (name, true),
        None => (format!("{TOKEN_VOLUME}{}", surroundings.suffix()), false),
    };
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        let containers = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let mounts = object::slot(container, &["volumeMounts"]);
            if !mounts.is_array() {
                *mounts = json!([]);
            }
            let Some(mounts) = mounts.as_array_mut() else { continue };
            if !mounts.iter().any(|mount| mount.get("mountPath").is_some_and(|path| path == TOKEN_PATH)) {
                mounts.push(json!({"mountPath": TOKEN_PATH, "name": volume_name, "readOnly": true}));
                mounted = true;
            }
        }
    }
    if !mounted || known {
        return;
    }
    let volumes = object::slot(pod, &["spec", "volumes"]);
    if !volumes.is_array() {
        *volumes = json!([]);
    }
    if let Some(volumes) = volumes.as_array_mut() {
        volumes.push(json!({"name": volume_name, "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_SECS, "path": "token"}},
            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
            {"downwardAPI": {"items": [
                {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}]}},
        ]}}));
    }
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
