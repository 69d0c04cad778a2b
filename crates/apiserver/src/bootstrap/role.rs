//! The roles that people are given: `view`, `edit` and `admin`.
//!
//! Each gathers the rules of all ClusterRoles that have a label, so that a kind that comes later can be added by a role of
//! its own; the controller that gathers is part of housekeeping. The rules are those of Kubernetes 1.37
//! (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`).

use serde_json::{Value, json};

/// Verbs, API groups and resources.
type Rule = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const ALL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// What `admin` may do beyond `edit`: hand on rights within the namespace.
const ADMIN: &[Rule] = &[
    (&["create"], &["authorization.k8s.io"], &["localsubjectaccessreviews"]),
    (ALL, &["rbac.authorization.k8s.io"], &["rolebindings", "roles"]),
];

/// What `edit` may do beyond `view`. Secrets are here: who reads them may act as every account of the namespace.
const EDIT: &[Rule] = &[
    (READ, &[""], &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]),
    (&["impersonate"], &[""], &["serviceaccounts"]),
    (WRITE, &[""], &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"]),
    (&["create"], &[""], &["pods/eviction"]),
    (
        WRITE,
        &[""],
        &[
            "configmaps",
            "persistentvolumeclaims",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
            "services/proxy",
        ],
    ),
    (&["create"], &[""], &["serviceaccounts/token"]),
    (WRITE, &["", "events.k8s.io"], &["events"]),
    (
        WRITE,
        &["apps"],
        &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
    ),
    (WRITE, &["autoscaling"], &["horizontalpodautoscalers"]),
    (WRITE, &["batch"], &["cronjobs", "jobs"]),
    (
        WRITE,
        &["extensions"],
        &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "ingresses",
            "networkpolicies",
            "replicasets",
            "replicasets/scale",
            "replicationcontrollers/scale",
        ],
    ),
    (WRITE, &["policy"], &["poddisruptionbudgets"]),
    (WRITE, &["networking.k8s.io"], &["ingresses", "networkpolicies"]),
    (ALL, &["coordination.k8s.io"], &["leases"]),
    (WRITE, &["resource.k8s.io"], &["resourceclaims", "resourceclaimtemplates"]),
];

/// What `view` may do: read, but no Secrets, roles and bindings.
const VIEW: &[Rule] = &[
    (
        READ,
        &[""],
        &[
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "persistentvolumeclaims/status",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
            "services/status",
        ],
    ),
    (
        READ,
        &[""],
        &[
            "bindings",
            "limitranges",
            "namespaces/status",
            "pods/log",
            "pods/status",
            "replicationcontrollers/status",
            "resourcequotas",
            "resourcequotas/status",
        ],
    ),
    (READ, &[""], &["namespaces"]),
    (READ, &["", "events.k8s.io"], &["events"]),
    (READ, &["discovery.k8s.io"], &["endpointslices"]),
    (
        READ,
        &["apps"],
        &[
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status",
        ],
    ),
    (READ, &["autoscaling"], &["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
    (READ, &["batch"], &["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
    (
        READ,
        &["extensions"],
        &[
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "ingresses",
            "ingresses/status",
            "networkpolicies",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "replicationcontrollers/scale",
        ],
    ),
    (READ, &["policy"], &["poddisruptionbudgets", "poddisruptionbudgets/status"]),
    (READ, &["networking.k8s.io"], &["ingresses", "ingresses/status", "networkpolicies"]),
    (READ, &["resource.k8s.io"], &["resourceclaims", "resourceclaims/status", "resourceclaimtemplates"]),
];

/// The label that adds the rules of a ClusterRole to one of these roles.
fn label(role: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{role}")
}

fn role(name: &str, part_of: Option<&str>) -> Value {
    let mut role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
    });
    if let Some(larger) = part_of {
        role["metadata"]["labels"][label(larger)] = json!("true");
    }
    role
}

/// The three roles, and those that they gather.
pub(super) fn gathered() -> Vec<Value> {
    let mut all = Vec::new();
    for (name, larger, rules) in [("view", Some("edit"), VIEW), ("edit", Some("admin"), EDIT), ("admin", None, ADMIN)] {
        let mut gathers = role(name, larger);
        gathers["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label(name): "true"}}]});
        let mut part = role(&format!("system:aggregate-to-{name}"), Some(name));
        let rule =
            |(verbs, groups, resources): &Rule| json!({"verbs": verbs, "apiGroups": groups, "resources": resources});
        part["rules"] = rules.iter().map(rule).collect();
        all.extend([gathers, part]);
    }
    all
}

#[cfg(test)]
mod tests;
