//! Fields that may not change, of kinds of which nothing else is validated here.

use kinds::Kind;
use serde_json::Value;

use super::collect::{FieldErrors, get};

/// Fields of kinds that answer `field is immutable`.
const IMMUTABLE: [(&str, &str, &[&str]); 6] = [
    ("storage.k8s.io", "StorageClass", &["volumeBindingMode"]),
    ("storage.k8s.io", "CSIDriver", &["spec.attachRequired", "spec.volumeLifecycleModes"]),
    ("scheduling.k8s.io", "PriorityClass", &["preemptionPolicy"]),
    ("networking.k8s.io", "IngressClass", &["spec.controller"]),
    ("node.k8s.io", "RuntimeClass", &["handler"]),
    ("discovery.k8s.io", "EndpointSlice", &["addressType"]),
];

/// Fields of kinds that forbid a change in words of their own.
const FORBIDDEN: [(&str, &str, &str, &str); 4] = [
    ("storage.k8s.io", "StorageClass", "parameters", "updates to parameters are forbidden."),
    ("storage.k8s.io", "StorageClass", "provisioner", "updates to provisioner are forbidden."),
    ("storage.k8s.io", "StorageClass", "reclaimPolicy", "updates to reclaimPolicy are forbidden."),
    ("scheduling.k8s.io", "PriorityClass", "value", "may not be changed in an update."),
];

/// Compares an object with what it was.
pub(super) fn fields(kind: &Kind, new: &Value, old: &Value, found: &mut FieldErrors) {
    for (_, _, field, why) in FORBIDDEN.iter().filter(|(group, name, ..)| (*group, *name) == (kind.group, kind.kind)) {
        if get(new, field) != get(old, field) {
            found.forbidden((*field).into(), *why);
        }
    }
    for (_, _, paths) in IMMUTABLE.iter().filter(|(group, name, _)| (*group, *name) == (kind.group, kind.kind)) {
        for path in *paths {
            found.immutable(new, old, path);
        }
    }
}
