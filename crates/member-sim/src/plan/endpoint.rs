//! A Service's EndpointSlices: the addresses of its pods.
//!
//! Follows `pkg/controller/endpointslice` and its reconciler: pods that are ready are `ready`, those on their way out are
//! `terminating`, and `serving` says whether they answer. Not here: the older Endpoints, topology hints, dual stack.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{hash, suffix};
use crate::object::{Node, Pod, Service, Slice};

/// Endpoints in a slice: upstream's default for `--max-endpoints-per-slice`.
const SLICE: usize = 100;
/// Who writes these slices.
pub const MANAGER: &str = "endpointslice-controller.k8s.io";
/// Label that says that the service has no address of its own.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Slices to create.
    pub create: Vec<Value>,
    /// Slices to replace what they hold: name and merge patch.
    pub patch: Vec<(String, Value)>,
    /// Slices to delete: name and UID.
    pub delete: Vec<(String, String)>,
}

/// Decides. `pods` are those that the selector matches; `slices` those that name the service.
pub fn plan(
    service: &Service,
    pods: &[Arc<Pod>],
    nodes: &dyn Fn(&str) -> Option<Arc<Node>>,
    slices: &[Arc<Slice>],
) -> Plan {
    let mut plan = Plan::default();
    if service.selector.is_empty() || service.external_name || service.meta.deleting() {
        return plan;
    }
    let mut wanted = contents(service, pods, nodes);
    let mut ours: Vec<&Arc<Slice>> = slices.iter().filter(|s| s.manager == MANAGER && !s.meta.deleting()).collect();
    ours.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    // Slices that are right stay as they are; the others take what is left.
    let mut free = Vec::new();
    for slice in ours {
        match wanted.iter().position(|content| *content == *slice.content) {
            Some(at) => drop(wanted.remove(at)),
            None => free.push(slice),
        }
    }
    let mut free = free.into_iter();
    for content in wanted {
        match free.next() {
            Some(slice) => {
                let mut patch = content;
                patch["metadata"] = json!({"uid": &*slice.meta.uid});
                plan.patch.push((slice.meta.name.clone(), patch));
            }
            None => {
                let new = create(service, content, slices.len() + plan.create.len());
                plan.create.push(new);
            }
        }
    }
    plan.delete = free.map(|slice| (slice.meta.name.clone(), slice.meta.uid.to_string())).collect();
    plan
}

fn create(service: &Service, mut content: Value, index: usize) -> Value {
    let meta = &service.meta;
    let mut labels = meta.labels.clone();
    labels.insert(crate::object::SERVICE_NAME.to_owned(), meta.name.clone());
    labels.insert(crate::object::MANAGED_BY.to_owned(), MANAGER.to_owned());
    if service.headless {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    let seed = hash(&[meta.uid.as_bytes(), &index.to_be_bytes(), content.to_string().as_bytes()]);
    content["apiVersion"] = json!("discovery.k8s.io/v1");
    content["kind"] = json!("EndpointSlice");
    content["metadata"] = json!({
        "name": format!("{}-{}", meta.name, suffix(seed, 5)), "namespace": meta.namespace, "labels": labels,
        "ownerReferences": [meta.own("v1", "Service")],
    });
    content
}

/// The ports of a pod, resolved; pods with the same ones share slices.
fn ports(service: &Service, pod: &Pod) -> Value {
    let resolve = |port: &crate::object::ServicePort| {
        let number = match &port.target {
            Ok(number) => Some(*number),
            Err(name) => {
                let ports = pod.containers.iter().flat_map(|c| &c.ports);
                ports.filter(|p| p.name == *name && p.protocol == port.protocol).map(|p| p.number).next()
            }
        }?;
        let mut out = json!({"name": port.name, "port": number, "protocol": port.protocol});
        if let Some(protocol) = &port.app_protocol {
            out["appProtocol"] = json!(protocol);
        }
        Some(out)
    };
    Value::Array(service.ports.iter().filter_map(resolve).collect())
}

fn contents(service: &Service, pods: &[Arc<Pod>], nodes: &dyn Fn(&str) -> Option<Arc<Node>>) -> Vec<Value> {
    let mut groups: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    let mut sorted: Vec<&Arc<Pod>> = pods.iter().filter(|p| !p.ip.is_empty() && !p.finished()).collect();
    sorted.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    let mut seen = BTreeSet::new();
    for pod in sorted.into_iter().filter(|pod| seen.insert(pod.meta.uid.clone())) {
        let serving = pod.ready();
        let terminating = pod.meta.deleting();
        let mut endpoint = json!({
            "addresses": [pod.ip],
            "conditions": {
                "ready": service.publish_not_ready || serving && !terminating,
                "serving": serving, "terminating": terminating,
            },
            "nodeName": pod.node,
            "targetRef": {"kind": "Pod", "namespace": pod.meta.namespace, "name": pod.meta.name, "uid": &*pod.meta.uid},
        });
        if let Some(zone) = nodes(&pod.node).and_then(|n| n.labels().get("topology.kubernetes.io/zone").cloned()) {
            endpoint["zone"] = json!(zone);
        }
        let ports = ports(service, pod);
        groups.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new())).1.push(endpoint);
    }
    let slice = |ports: &Value, endpoints: &[Value]| json!({"addressType": service.family, "ports": ports, "endpoints": endpoints});
    let mut out = Vec::new();
    for (ports, endpoints) in groups.values() {
        out.extend(endpoints.chunks(SLICE).map(|chunk| slice(ports, chunk)));
    }
    if out.is_empty() {
        // An empty slice says that the service was seen and has nobody.
        out.push(slice(&Value::Null, &[]));
    }
    out
}

#[cfg(test)]
mod tests;
