//! What controllers, the scheduler and the kubelet say of changes, in the words of Kubernetes 1.37: Events.
//!
//! Absent on purpose: probes, volumes and image pulls that fail, since nothing here has them.

use crate::object::{Meta, Pod, Progress, ReplicaSet};

/// Something that a component says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// API version of the object.
    pub api_version: &'static str,
    /// Kind of the object.
    pub kind: &'static str,
    /// Its namespace, name and UID.
    pub about: (String, String, String),
    /// Who says it.
    pub component: &'static str,
    /// Where that runs: the node of a kubelet.
    pub host: String,
    /// Is it a `Warning`?
    pub warns: bool,
    /// Why, in one word.
    pub reason: &'static str,
    /// What, in words.
    pub message: String,
}

/// A workload that controls pods or ReplicaSets.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// API version.
    pub api_version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// The controller that looks after it.
    pub component: &'static str,
    /// Metadata.
    pub meta: &'a Meta,
}

impl Owner<'_> {
    fn report(&self, reason: &'static str, message: String) -> Said {
        let Self { api_version, kind, component, meta } = *self;
        let about = (meta.namespace.clone(), meta.name.clone(), meta.uid.to_string());
        Said { api_version, kind, about, component, host: String::new(), warns: false, reason, message }
    }
}

fn of_pod(pod: &Pod, component: &'static str, reason: &'static str, message: String) -> Said {
    let meta = &pod.meta;
    let about = (meta.namespace.clone(), meta.name.clone(), meta.uid.to_string());
    let host = if component == KUBELET { pod.node.clone() } else { String::new() };
    Said { api_version: "v1", kind: "Pod", about, component, host, warns: false, reason, message }
}

const KUBELET: &str = "kubelet";
const SCHEDULER: &str = "default-scheduler";

/// What is said of a pod's change; `owner` is the workload that controls it.
pub fn pod(old: Option<&Pod>, new: Option<&Pod>, owner: Option<&Owner<'_>>) -> Vec<Said> {
    let mut out = Vec::new();
    match (old, new) {
        (None, Some(new)) => out.extend(owner.map(|owner| {
            let name = &new.meta.name;
            let message = match owner.kind {
                "StatefulSet" => format!("create Pod {name} in StatefulSet {} successful", owner.meta.name),
                _ => format!("Created pod: {name}"),
            };
            owner.report("SuccessfulCreate", message)
        })),
        (Some(old), Some(new)) => {
            if old.node.is_empty() && !new.node.is_empty() {
                let Pod { meta, node, .. } = new;
                let message = format!("Successfully assigned {}/{} to {node}", meta.namespace, meta.name);
                out.push(of_pod(new, SCHEDULER, "Scheduled", message));
            }
            out.extend(unschedulable(old, new));
            out.extend(kubelet(old, new));
            if !old.meta.deleting() && new.meta.deleting() {
                out.extend(stopped(new, owner));
            }
        }
        (Some(old), None) if !old.meta.deleting() => out.extend(stopped(old, owner)),
        _ => {}
    }
    out
}

fn unschedulable(old: &Pod, new: &Pod) -> Option<Said> {
    let waits = |pod: &Pod| {
        let condition = pod.condition("PodScheduled").filter(|c| c.status == "False" && c.reason == "Unschedulable");
        condition.map(|condition| condition.message.clone())
    };
    let message = waits(new).filter(|message| waits(old).as_ref() != Some(message))?;
    Some(Said { warns: true, ..of_pod(new, SCHEDULER, "FailedScheduling", message) })
}

fn kubelet(old: &Pod, new: &Pod) -> Vec<Said> {
    let runs = |pod: &Pod| matches!(pod.progress, Progress::Started | Progress::Ready | Progress::Crashed { .. });
    let mut out = Vec::new();
    if !runs(old) && runs(new) {
        for container in &new.containers {
            let (name, image) = (&container.name, &container.image);
            let pulled = format!("Container image {image:?} already present on machine");
            out.push(of_pod(new, KUBELET, "Pulled", pulled));
            out.push(of_pod(new, KUBELET, "Created", format!("Container created: {name}")));
            out.push(of_pod(new, KUBELET, "Started", format!("Container started: {name}")));
        }
    }
    if let Progress::Crashed { .. } = new.progress
        && old.progress != new.progress
    {
        let Pod { meta, .. } = new;
        for container in new.containers.iter().filter(|container| container.fails()) {
            let pod = format!("{}_{}({})", meta.name, meta.namespace, meta.uid);
            let message = format!("Back-off restarting failed container {} in pod {pod}", container.name);
            out.push(Said { warns: true, ..of_pod(new, KUBELET, "BackOff", message) });
        }
    }
    out
}

fn stopped(pod: &Pod, owner: Option<&Owner<'_>>) -> Vec<Said> {
    let mut out = Vec::new();
    if matches!(pod.progress, Progress::Started | Progress::Ready) {
        let killing = |name: &String| of_pod(pod, KUBELET, "Killing", format!("Stopping container {name}"));
        out.extend(pod.containers.iter().map(|container| killing(&container.name)));
    }
    out.extend(owner.map(|owner| {
        let name = &pod.meta.name;
        let message = match owner.kind {
            "StatefulSet" => format!("delete Pod {name} in StatefulSet {} successful", owner.meta.name),
            _ => format!("Deleted pod: {name}"),
        };
        owner.report("SuccessfulDelete", message)
    }));
    out
}

/// What is said when a Deployment makes a ReplicaSet larger or smaller.
pub fn replica_set(old: Option<&ReplicaSet>, new: Option<&ReplicaSet>, owner: Option<&Owner<'_>>) -> Vec<Said> {
    let (Some(new), Some(owner)) = (new, owner.filter(|owner| owner.kind == "Deployment")) else { return Vec::new() };
    let (from, to) = (old.map_or(0, |old| old.replicas), new.replicas);
    if from == to {
        return Vec::new();
    }
    let direction = if to > from { "up" } else { "down" };
    let name = &new.meta.name;
    vec![owner.report("ScalingReplicaSet", format!("Scaled {direction} replica set {name} from {from} to {to}"))]
}

#[cfg(test)]
mod tests;
