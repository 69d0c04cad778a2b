//! Defaults and validation of the fleet kinds: what Kurator's webhooks decide (reference/kurator.md 1.9), which fields we
//! accept without honouring them yet, and which kinds nothing acts on.
//!
//! Nothing is refused that Kurator accepts and that can work: what is wrong beyond its webhooks' rules becomes a warning or a
//! condition. A name of a namespace that no cluster takes cannot work. Limits of texts and lists, which no manifest in use
//! reaches, are in the schemas (`api::crd`).

mod application;
mod attached_cluster;
mod honour;
mod intent;
mod member;
mod orphan;
mod warning;

use model::{FieldError, GroupKind};
use serde_json::Value;

pub use attached_cluster::finalize;
pub use honour::not_implemented;
pub use intent::INTERVAL_MIN;
pub use orphan::orphan;
pub use warning::{is_stored_only, may_warn, warnings};

/// Validates an object that is about to be stored. Kinds that are not ours have no errors.
pub fn validate(kind: &GroupKind, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps.kurator.dev", "Application") => application::validate(new, old),
        ("cluster.kurator.dev", "AttachedCluster") => attached_cluster::validate(new),
        ("cluster.karmada.io", "Cluster") => member::validate(new, old),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
