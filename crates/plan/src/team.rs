//! What Applications of a restricted namespace may deliver (ADR 43).
//!
//! A namespace of the hub is restricted by the label `kurator.dev/restricted`, which only those can take away who may
//! update Namespaces. What its Applications deliver stays inside of namespaces, and out of those that the cluster itself
//! runs in:
//!
//! | object | why it is refused |
//! |---|---|
//! | a cluster-scoped one, of whichever kind | rights in the whole member, or what gives them: a ClusterRole, a webhook, an APIService, a definition, a volume of a node's files, labels of a Namespace that lift its protection. A list of kinds would never be whole |
//! | one without a namespace, of a kind that is not known here | it may be cluster-scoped. With a namespace it is not: an applier refuses a namespace on a cluster-scoped kind |
//! | anything in `kube-system`, `kube-public`, `kube-node-lease` or `kurator-system` | who runs something there, or binds roles there, has the rights of what runs there |
//!
//! Absent on purpose: which of the other namespaces belong to whom. That is decided in the member, by the identity that an
//! Application is delivered with, which is the second half of ADR 43.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use api::delivery::label::SYSTEM_NAMESPACE;
use api::feed::Payload;
use api::kurator::annotation::RESTRICTED;
use model::{GroupVersionKind, ObjectKey, object};
use serde_json::Value;

/// Namespaces that a cluster itself runs in, and that of inventories.
const SYSTEM_NAMESPACES: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", SYSTEM_NAMESPACE];

/// Most refusals of a payload that are kept: they go into one message.
const REFUSALS_MAX: usize = 5;

/// By which rule an object is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is not in a namespace.
    ClusterScoped,
    /// It has no namespace, and its kind is not known here.
    UnknownScope,
    /// It is where the cluster itself runs.
    SystemNamespace,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClusterScoped => "is cluster-scoped",
            Self::UnknownScope => "has no metadata.namespace, and its kind may be cluster-scoped",
            Self::SystemNamespace => "is in a namespace that the cluster itself runs in",
        })
    }
}

/// What a restricted namespace may not deliver of a payload. Cheap to clone: most have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    first: Option<Arc<[(ObjectKey, Rule)]>>,
    count: usize,
}

impl Refusals {
    /// May all of it be delivered?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What is wrong and who can change it, for the Application's condition.
    pub fn sentence(&self, namespace: &str) -> String {
        let first = self.first.as_deref().unwrap_or_default();
        let shown: Vec<String> = first.iter().map(|(key, rule)| format!("{key} {rule}")).collect();
        let more = match self.count - first.len() {
            0 => String::new(),
            more => format!("; and {more} more objects"),
        };
        format!(
            "{}{more}: namespace {namespace} is restricted to objects inside of namespaces. Take them out, or have an \
             administrator of the hub deliver them from another namespace, or take label {RESTRICTED} off this one",
            shown.join("; ")
        )
    }
}

/// Whether a namespace with these labels is restricted. Any value but `false` restricts: a mistyped one must not open it.
pub fn is_restricted(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels.and_then(|labels| labels.get(RESTRICTED)).is_some_and(|value| value != "false")
}

/// What a restricted namespace may not deliver of a payload, in whose objects every kind that is known has a namespace
/// exactly if it is namespaced (`plan::phase`).
pub fn refusals(payload: &Payload) -> Refusals {
    let found = payload.objects().filter_map(|object| Some((ObjectKey::of(object), rule(object)?)));
    let mut all: Vec<(ObjectKey, Rule)> = found.collect();
    let count = all.len();
    all.truncate(REFUSALS_MAX);
    Refusals { first: (count > 0).then(|| all.into()), count }
}

fn rule(value: &Value) -> Option<Rule> {
    match object::namespace(value) {
        Some(namespace) if SYSTEM_NAMESPACES.contains(&namespace) => Some(Rule::SystemNamespace),
        Some(_) => None,
        None => {
            let is_known = |gvk: GroupVersionKind| kinds::find(&gvk).is_some();
            let is_known = object::gvk(value).is_some_and(is_known);
            Some(if is_known { Rule::ClusterScoped } else { Rule::UnknownScope })
        }
    }
}

#[cfg(test)]
mod tests;
