//! Namespaces.

use model::{Timestamp, object};
use serde_json::{Value, json};

use crate::surroundings::Surroundings;

/// Namespaces that everything else relies on.
pub(super) const PERMANENT: &[&str] = &["default", "kube-system", "kube-public"];

/// Every namespace carries its name as a label (`plugin/.../namespace/strategy.go`, since Kubernetes 1.21).
pub(super) fn default(namespace: &mut Value) {
    if let Some(name) = object::name(namespace).map(str::to_owned) {
        *object::slot(namespace, &["metadata", "labels", "kubernetes.io/metadata.name"]) = json!(name);
    }
}

/// A new namespace is active, and is held until its content is gone.
pub(super) fn prepare_create(namespace: &mut Value, _: &dyn Surroundings) {
    *object::slot(namespace, &["spec", "finalizers"]) = json!(["kubernetes"]);
    *object::slot(namespace, &["status", "phase"]) = json!("Active");
}

/// Shows in the status that the namespace is being deleted.
pub(super) fn mark_deleted(namespace: &mut Value, _: Timestamp) {
    object::remove(namespace, &["metadata", "deletionGracePeriodSeconds"]);
    *object::slot(namespace, &["status", "phase"]) = json!("Terminating");
}
