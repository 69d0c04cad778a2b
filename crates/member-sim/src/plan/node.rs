//! Nodes: registering them as kubelet does, noticing their silence as the node lifecycle controller does.
//!
//! Heartbeats are not written: they are kept in memory, and only their absence becomes a write.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Timestamp, clock};
use serde_json::{Value, json};

use super::kubelet::Pace;
use crate::object::{Condition, Node, Pod, Taint, TaintEffect};
use crate::option::NodeSpec;

/// Taint of a node that does not answer.
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Taint of a node that says that it is not ready.
pub const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// The node object that a kubelet registers; its index among the member's nodes gives its addresses.
pub fn object(spec: &NodeSpec, index: usize) -> Value {
    let mut labels: BTreeMap<String, String> = spec.labels.clone();
    let mut put = |key: &str, value: &str| {
        if !value.is_empty() {
            labels.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
    };
    put("kubernetes.io/hostname", &spec.name);
    put("kubernetes.io/os", "linux");
    put("kubernetes.io/arch", "amd64");
    put("topology.kubernetes.io/region", &spec.region);
    put("topology.kubernetes.io/zone", &spec.zone);
    let cidr = format!("{}.0/24", pod_net(index));
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": spec.name, "labels": labels},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "providerID": format!("sim://{}", spec.name)},
    })
}

/// The first three bytes of the addresses of a node's pods: 10.64.0.0/10 split into networks of 254.
pub fn pod_net(index: usize) -> String {
    format!("10.{}.{}", 64 + (index / 256) % 64, index % 256)
}

/// A node's own address.
pub fn host_ip(index: usize) -> String {
    format!("172.18.{}.{}", index / 250, index % 250 + 2)
}

/// The status that a kubelet reports, as a merge patch; `None` when the node already says so.
pub fn report(spec: &NodeSpec, index: usize, version: &str, node: &Node, now: Timestamp) -> Option<Value> {
    let capacity = crate::object::Resources::read(&json!({"cpu": spec.cpu, "memory": spec.memory}));
    let fits = node.allocatable.amount_of("cpu") == capacity.amount_of("cpu")
        && node.allocatable.amount_of("memory") == capacity.amount_of("memory")
        && node.pods == i64::from(spec.pods);
    if fits && node.ready() {
        return None;
    }
    let capacity =
        json!({"cpu": spec.cpu, "memory": spec.memory, "pods": spec.pods.to_string(), "ephemeral-storage": "100Gi"});
    let stamp = clock::format_seconds(now);
    let condition = |kind: &str, on: bool, reason: &str, message: &str| {
        let status = if on { "True" } else { "False" };
        let before = node.conditions.iter().find(|c| c.kind == kind && c.status == status).and_then(|c| c.changed);
        json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": stamp,
            "lastTransitionTime": clock::format_seconds(before.unwrap_or(now)),
        })
    };
    Some(json!({"status": {
        "capacity": capacity, "allocatable": capacity,
        "conditions": [
            condition("MemoryPressure", false, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", true, "KubeletReady", "kubelet is posting ready status"),
        ],
        "addresses": [
            {"type": "InternalIP", "address": host_ip(index)}, {"type": "Hostname", "address": spec.name},
        ],
        "nodeInfo": {
            "machineID": spec.name, "systemUUID": spec.name, "bootID": spec.name,
            "kernelVersion": "6.12.0-sim", "osImage": "Kurator simulated node", "containerRuntimeVersion": "sim://1",
            "kubeletVersion": version, "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
        },
    }}))
}

/// What the node lifecycle controller wants written about a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lifecycle {
    /// A merge patch of the status.
    pub status: Option<Value>,
    /// A merge patch of the spec: taints.
    pub taints: Option<Value>,
    /// Look again then.
    pub again: Option<Duration>,
}

/// Decides whether a node counts as silent and which taints it has. `silent` is since when, if it is.
pub fn lifecycle(node: &Node, silent: Option<Timestamp>, pace: &Pace, now: Timestamp) -> Lifecycle {
    let mut out = Lifecycle::default();
    let unknown = node.conditions.iter().any(|c| c.kind == "Ready" && c.status == "Unknown");
    let mut lost = unknown;
    if let Some(since) = silent.filter(|_| !unknown) {
        let spent = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        if spent < pace.node_grace {
            out.again = Some(pace.node_grace - spent);
        } else {
            lost = true;
            out.status = Some(json!({"status": {"conditions": silence(node, now)}}));
        }
    }
    lost &= silent.is_some();
    let not_ready = !lost && node.conditions.iter().any(|c| c.kind == "Ready" && c.status == "False");
    out.taints = taints(node, lost, not_ready, now);
    out
}

/// Conditions that the node lifecycle controller keeps (`monitorNodeHealth` in `pkg/controller/nodelifecycle`).
const WATCHED: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];

fn silence(node: &Node, now: Timestamp) -> Vec<Value> {
    let unknown = |kind: &str, reason: &str, message: &str| Condition {
        updated: None,
        ..Condition::new(kind, "Unknown", reason, message, now)
    };
    let stopped = |c: &Condition| unknown(&c.kind, "NodeStatusUnknown", "Kubelet stopped posting node status.");
    let never = |kind: &&str| unknown(kind, "NodeStatusNeverUpdated", "Kubelet never posted node status.");
    let absent = WATCHED.iter().filter(|kind| !node.conditions.iter().any(|c| c.kind == **kind));
    node.conditions.iter().map(stopped).chain(absent.map(never)).map(|c| c.to_value()).collect()
}

fn taints(node: &Node, lost: bool, not_ready: bool, now: Timestamp) -> Option<Value> {
    let wanted = |key: &str, on: bool, effect: TaintEffect| {
        on.then(|| Taint { key: key.to_owned(), value: String::new(), effect, added: Some(now) })
    };
    let ours: Vec<Taint> = [(UNREACHABLE, lost), (NOT_READY, not_ready)]
        .into_iter()
        .flat_map(|(key, on)| [wanted(key, on, TaintEffect::NoSchedule), wanted(key, on, TaintEffect::NoExecute)])
        .flatten()
        .collect();
    let is_ours = |t: &&Taint| t.key == UNREACHABLE || t.key == NOT_READY;
    let have: Vec<&Taint> = node.taints.iter().filter(is_ours).collect();
    let same = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect;
    if have.len() == ours.len() && ours.iter().all(|t| have.iter().any(|h| same(h, t))) {
        return None;
    }
    let mut all: Vec<Taint> = node.taints.iter().filter(|t| !is_ours(t)).cloned().collect();
    all.extend(ours.into_iter().map(|t| have.iter().find(|h| same(h, &t)).map_or(t, |h| (*h).clone())));
    let value = |t: &Taint| {
        let mut out = json!({"key": t.key, "effect": t.effect.as_str()});
        if !t.value.is_empty() {
            out["value"] = json!(t.value);
        }
        if let Some(added) = t.added {
            out["timeAdded"] = json!(clock::format_seconds(added));
        }
        out
    };
    let list = if all.is_empty() { Value::Null } else { all.iter().map(value).collect() };
    Some(json!({"metadata": {"uid": &*node.meta.uid}, "spec": {"taints": list}}))
}

/// What becomes of a pod on a node with `NoExecute` taints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// It may stay.
    Stay,
    /// It may stay for that long.
    Later(Duration),
    /// It goes now.
    Now,
}

/// Decides about one pod: it goes when the shortest of its tolerations runs out, at once for a taint that it does not
/// tolerate. Node trouble is tolerated by default, as kube-apiserver's DefaultTolerationSeconds admission says.
pub fn evict(pod: &Pod, node: &Node, pace: &Pace, now: Timestamp) -> Eviction {
    if pod.meta.deleting() || pod.finished() {
        return Eviction::Stay;
    }
    let mut out = Eviction::Stay;
    for taint in node.taints.iter().filter(|t| t.effect == TaintEffect::NoExecute) {
        let mut tolerations = pod.tolerations.iter().filter(|t| t.tolerates(taint)).peekable();
        let trouble = taint.key == UNREACHABLE || taint.key == NOT_READY;
        let limit = match (tolerations.peek(), trouble) {
            (None, false) => Some(Duration::ZERO),
            (None, true) => Some(pace.eviction),
            _ => tolerations
                .filter_map(|t| t.seconds)
                .min()
                .map(|s| Duration::from_secs(u64::try_from(s).unwrap_or_default())),
        };
        let Some(limit) = limit else { continue };
        let spent = Duration::try_from(now.duration_since(taint.added.unwrap_or(now))).unwrap_or_default();
        let next = if spent >= limit { Eviction::Now } else { Eviction::Later(limit - spent) };
        out = match (out, next) {
            (Eviction::Now, _) | (_, Eviction::Now) => Eviction::Now,
            (Eviction::Later(a), Eviction::Later(b)) => Eviction::Later(a.min(b)),
            (Eviction::Stay, next) => next,
            (out, Eviction::Stay) => out,
        };
    }
    out
}

/// The status of a pod whose node has gone silent: not ready any more.
pub fn lost_pod(pod: &Pod, now: Timestamp) -> Option<Value> {
    if !pod.ready() {
        return None;
    }
    let one = |c: &Condition| {
        let mut next = c.clone();
        if c.kind == "Ready" {
            next.status = "False".to_owned();
            next.reason = "NodeNotReady".to_owned();
            next.changed = Some(now);
        }
        next.to_value()
    };
    Some(json!({
        "metadata": {"uid": &*pod.meta.uid},
        "status": {"conditions": pod.conditions.iter().map(one).collect::<Vec<_>>()},
    }))
}

#[cfg(test)]
mod tests;
