//! Validation of built-in kinds: what people run into, with kube-apiserver's sentences and field paths.
//!
//! Objects are expected after defaulting; a field that a default would fill in is not reported when it is missing, so
//! validation also works before. Source: `pkg/apis/*/validation` and `apimachinery/pkg/api/validation` of Kubernetes
//! 1.37.
//!
//! Absent on purpose: probes, security contexts, the sources of volumes beyond "exactly one", affinity and topology,
//! admission webhooks' rules, quotas. They are stored as given.

mod access;
mod apps;
mod batch;
mod collect;
mod config;
mod fixed;
mod meta;
mod network;
mod pod;
mod scaling;
mod storage;

#[cfg(test)]
mod tests;

use model::FieldError;
use serde_json::Value;

pub use meta::{NameRule, object_meta};

use crate::structural::parse_crd;
use collect::{FieldErrors, get, text};
use kinds::Kind;

/// What is wrong with an object of a built-in kind: metadata first, then its fields, at most
/// [`crate::structural::ERRORS_MAX`] errors. With `old` it is an update: fields that may not change are compared too.
pub fn builtin(kind: &Kind, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut found = FieldErrors::new();
    found.extend(object_meta(new, old, kind.namespaced, NameRule::for_kind(kind.group, kind.kind)));
    match (kind.group, kind.kind) {
        ("", "Pod") => pod::pod(new, old, &mut found),
        ("", "PodTemplate") => pod::template(new.get("template"), &"template".into(), &mut found),
        ("", "ReplicationController") => apps::replication_controller(new, &mut found),
        ("", "Service") => network::service(new, old, &mut found),
        ("", "ConfigMap") => config::config_map(new, old, &mut found),
        ("", "Secret") => config::secret(new, old, &mut found),
        ("", "PersistentVolumeClaim") => storage::claim(new, old, &mut found),
        ("", "Namespace") => config::namespace(new, old, &mut found),
        ("apps", "Deployment") => apps::deployment(new, old, &mut found),
        ("apps", "ReplicaSet") => apps::replica_set(new, old, &mut found),
        ("apps", "StatefulSet") => apps::stateful_set(new, old, &mut found),
        ("apps", "DaemonSet") => apps::daemon_set(new, old, &mut found),
        ("batch", "Job") => batch::job(new, old, &mut found),
        ("batch", "CronJob") => batch::cron_job(new, &mut found),
        ("networking.k8s.io", "Ingress") => network::ingress(new, &mut found),
        ("networking.k8s.io", "NetworkPolicy") => network::network_policy(new, &mut found),
        ("autoscaling", "HorizontalPodAutoscaler") => scaling::autoscaler(new, &mut found),
        ("policy", "PodDisruptionBudget") => scaling::disruption_budget(new, &mut found),
        ("rbac.authorization.k8s.io", "Role") => access::role(new, true, &mut found),
        ("rbac.authorization.k8s.io", "ClusterRole") => access::role(new, false, &mut found),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            access::binding(new, old, kind.namespaced, &mut found);
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom_kind(new, old, &mut found),
        _ => {}
    }
    if let Some(old) = old {
        fixed::fields(kind, new, old, &mut found);
    }
    found.into_vec()
}

/// A CRD is judged by [`parse_crd`]; once it is served its identity may not change.
fn custom_kind(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    if let Err(errors) = parse_crd(new) {
        found.extend(errors);
    }
    let Some(old) = old else { return };
    let established = get(old, "status.conditions")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|c| text(c, "type") == "Established" && text(c, "status") == "True"));
    let fixed: &[&str] = match established {
        true => &["spec.group", "spec.names.plural", "spec.scope", "spec.names.kind"],
        false => &["spec.group", "spec.names.plural"],
    };
    for path in fixed {
        found.immutable(new, old, path);
    }
    // Objects may still be stored in them.
    let stored = get(new, "status.storedVersions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let versions = get(new, "spec.versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (index, name) in stored.iter().filter_map(Value::as_str).enumerate() {
        if !versions.iter().any(|version| text(version, "name") == name) {
            let why = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions \
                 until a storage migration ensures no data remains persisted in {name} and removes {name} from \
                 status.storedVersions"
            );
            found.invalid(collect::At::from("status.storedVersions").index(index), name, why);
        }
    }
}
