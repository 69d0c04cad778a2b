//! How an object is, and which rule says so.

use std::fmt;

use model::{GroupVersionKind, object, words};
use serde_json::Value;

use crate::read::{Condition, get, int};
use crate::{cluster, generic, network, pod, storage, workload};

/// Longest reason, in characters. A word in CamelCase has up to about 40.
pub const REASON_MAX: usize = 128;

/// Longest message, in characters. Those of well-known controllers are below 300; a member in which 10,000 objects say so
/// much costs 5 MB.
pub const MESSAGE_MAX: usize = 500;

/// What an object amounts to. Ordered from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Does what it should.
    Healthy,
    /// Paused by its own fields.
    Suspended,
    /// On its way.
    Progressing,
    /// Cannot be told.
    #[default]
    Unknown,
    /// Should be there and is not.
    Missing,
    /// Failed or stuck.
    Degraded,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A state with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How it is, in one word.
    pub state: State,
    /// One word in CamelCase; empty for a healthy object with nothing to say.
    pub reason: String,
    /// A sentence for people; may be empty.
    pub message: String,
}

impl Health {
    /// Puts the three together. What the object says is cut here, and nowhere before.
    pub fn new(state: State, reason: impl Into<String>, message: impl Into<String>) -> Self {
        let (mut reason, mut message) = (reason.into(), message.into());
        words::bound(&mut reason, REASON_MAX);
        words::bound(&mut message, MESSAGE_MAX);
        Self { state, reason, message }
    }

    /// Healthy, with nothing to say.
    pub fn healthy() -> Self {
        Self::new(State::Healthy, "", "")
    }

    pub(crate) fn progressing(reason: &str, message: impl Into<String>) -> Self {
        Self::new(State::Progressing, reason, message)
    }

    pub(crate) fn degraded(reason: &str, message: impl Into<String>) -> Self {
        Self::new(State::Degraded, reason, message)
    }

    pub(crate) fn suspended(message: &str) -> Self {
        Self::new(State::Suspended, "Suspended", message)
    }

    /// The same of an object that a field of its own stops: what is well is suspended. What is not stays as it is, and says first
    /// that it is stopped: waiting changes nothing before somebody lets it go on.
    pub(crate) fn while_suspended(self, why: &str) -> Self {
        match (self.state, self.message.as_str()) {
            (State::Healthy, _) => Self::suspended(why),
            (state, "") => Self::new(state, self.reason, why),
            (state, message) => Self::new(state, self.reason, format!("{why}; {message}")),
        }
    }

    /// As a condition says; `or` names the reason when the condition has none.
    pub(crate) fn of(state: State, condition: Condition<'_>, or: &str) -> Self {
        let reason = if condition.reason.is_empty() { or } else { condition.reason };
        Self::new(state, reason, condition.message)
    }
}

/// Tells the health of an object from its own fields.
///
/// An object that is being deleted is progressing whatever its status says, and so is one whose controller has not yet
/// seen its latest generation. Kinds without status, such as a ConfigMap, are healthy once they exist.
pub fn health(object: &Value) -> Health {
    let Some(gvk) = object::gvk(object) else {
        return Health::new(State::Unknown, "NotAnObject", "apiVersion or kind is missing");
    };
    if object::is_deleting(object) {
        return Health::progressing("Terminating", terminating(object));
    }
    if let Some(health) = unseen_generation(object) {
        return health;
    }
    native(&gvk, object).unwrap_or_else(|| generic::health(object))
}

/// Finalizers that are named of an object that is being deleted. Hardly an object has more.
const FINALIZERS_NAMED: usize = 3;

/// Longest name of a finalizer, in characters: a DNS name of 63, and a word behind it.
const FINALIZER_CHARS_MAX: usize = 100;

/// What the end of an object that is being deleted waits for: its finalizers, and of a Namespace what is in it.
fn terminating(object: &Value) -> String {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let named = finalizers.iter().filter_map(Value::as_str).take(FINALIZERS_NAMED);
    let mut waits: Vec<String> = named.map(|name| words::bounded(name, FINALIZER_CHARS_MAX)).collect();
    if finalizers.len() > waits.len() {
        waits.push(format!("{} more", finalizers.len() - waits.len()));
    }
    let remaining = ["NamespaceFinalizersRemaining", "NamespaceContentRemaining"];
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_left = |c: &&Value| c["status"] == "True" && remaining.iter().any(|type_| c["type"] == *type_);
    let left = conditions.iter().filter(is_left).filter_map(|c| c["message"].as_str()).map(|m| format!(": {m}"));
    match waits.len() {
        0 => format!("being deleted{}", left.collect::<String>()),
        1 => format!("being deleted, and waits for finalizer {}{}", waits[0], left.collect::<String>()),
        _ => format!("being deleted, and waits for finalizers {}{}", waits.join(", "), left.collect::<String>()),
    }
}

fn unseen_generation(object: &Value) -> Option<Health> {
    let seen = get(object, "status.observedGeneration")?.as_i64()?;
    let now = int(object, "metadata.generation");
    (now != 0 && seen != now)
        .then(|| Health::progressing("GenerationNotObserved", format!("generation is {now}, observed {seen}")))
}

fn native(gvk: &GroupVersionKind, object: &Value) -> Option<Health> {
    Some(match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => workload::deployment(object),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => workload::replica_set(object),
        ("apps", "StatefulSet") => workload::stateful_set(object),
        ("apps", "DaemonSet") => workload::daemon_set(object),
        ("batch", "Job") => workload::job(object),
        ("batch", "CronJob") => workload::cron_job(object),
        ("autoscaling", "HorizontalPodAutoscaler") => workload::autoscaler(object),
        ("policy", "PodDisruptionBudget") => workload::disruption_budget(object),
        ("", "Pod") => pod::health(object),
        ("", "Service") => network::service(object),
        ("networking.k8s.io", "Ingress") => network::ingress(object),
        ("", "PersistentVolumeClaim") => storage::claim(object),
        ("", "PersistentVolume") => storage::volume(object),
        ("", "Namespace") => cluster::namespace(object),
        ("", "Node") => cluster::node(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => cluster::custom_kind(object),
        ("apiregistration.k8s.io", "APIService") => cluster::api_service(object),
        ("certificates.k8s.io", "CertificateSigningRequest") => cluster::signing_request(object),
        // What else the core groups have is data: it is as it should be once it is there.
        ("", _) | ("rbac.authorization.k8s.io" | "storage.k8s.io" | "coordination.k8s.io", _) => Health::healthy(),
        _ => return None,
    })
}
