//! What `kurator attach` makes in a member, and what each of it is for: the one place that says so. docs/rights.md shows it,
//! and a test compares.

use api::kurator::minted::{CREDENTIAL_ROLE, MANAGED_BY, MANAGER, NAMESPACE, SERVICE_ACCOUNT};
use client::Resource;
use serde_json::{Value, json};

/// One object in the member.
pub(super) struct Grant {
    pub(super) resource: Resource,
    pub(super) object: Value,
    /// What it is for, in words of the person who is asked.
    pub(super) why: &'static str,
}

impl Grant {
    /// May an object that is there be written? One without our label is not ours: its rules, or who is bound to it, would be
    /// changed for others. A namespace only gets the label.
    pub(super) fn may_be_written(&self, found: &Value) -> bool {
        self.resource.kind == "Namespace" || model::object::label(found, MANAGED_BY) == Some(MANAGER)
    }

    /// `-n kurator-system serviceaccount kurator`, as `kubectl get` takes it.
    pub(super) fn kubectl_words(&self) -> String {
        let (kind, name) = (self.resource.kind.to_lowercase(), model::object::name(&self.object).unwrap_or_default());
        match model::object::namespace(&self.object) {
            Some(namespace) => format!("-n {namespace} {kind} {name}"),
            None => format!("{kind} {name}"),
        }
    }

    /// `ClusterRole kurator`.
    pub(super) fn name(&self) -> String {
        let name = model::object::name(&self.object).unwrap_or_default();
        match model::object::namespace(&self.object) {
            Some(namespace) => format!("{} {namespace}/{name}", self.resource.kind),
            None => format!("{} {name}", self.resource.kind),
        }
    }
}

/// Is an object on its way out? A hub that leaves gives everything the ClusterRole as its owner, and deletes that: the cluster
/// removes the rest a moment later, also what was applied meanwhile, since applying takes no owner away.
pub(super) fn is_going(found: &Value) -> bool {
    let owners = model::object::get(found, &["metadata", "ownerReferences"]).and_then(Value::as_array);
    let is_role = |owner: &Value| owner["kind"] == "ClusterRole" && owner["name"] == SERVICE_ACCOUNT;
    model::object::is_deleting(found) || owners.is_some_and(|owners| owners.iter().any(is_role))
}

/// Everything, in the order in which it is applied. What needs most comes first: who may not give these rights changes nothing.
pub(super) fn grants() -> Vec<Grant> {
    let rbac = |kind: &str, plural: &str, namespaced| {
        Resource::new("rbac.authorization.k8s.io", "v1", kind, plural, namespaced)
    };
    let subject = json!({"kind": "ServiceAccount", "namespace": NAMESPACE, "name": SERVICE_ACCOUNT});
    let object = |resource: &Resource, namespace: &str, name: &str, mut body: Value| {
        body["apiVersion"] = json!(resource.api_version());
        body["kind"] = json!(resource.kind);
        body["metadata"] = json!({"name": name, "labels": {MANAGED_BY: MANAGER}});
        if !namespace.is_empty() {
            body["metadata"]["namespace"] = json!(namespace);
        }
        body
    };
    let bound = |kind: &str, name: &str| json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}, "subjects": [subject]});
    let grant = |resource: Resource, namespace: &str, name: &str, body: Value, why| {
        let object = object(&resource, namespace, name, body);
        Grant { resource, object, why }
    };
    vec![
        grant(
            rbac("ClusterRole", "clusterroles", false),
            "",
            SERVICE_ACCOUNT,
            json!({"rules": [
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["*"]},
            ]}),
            "everything, everywhere, as cluster-admin: an Application may deliver any object",
        ),
        grant(
            rbac("ClusterRoleBinding", "clusterrolebindings", false),
            "",
            SERVICE_ACCOUNT,
            bound("ClusterRole", SERVICE_ACCOUNT),
            "gives these rights to the account below",
        ),
        grant(
            Resource::core("Namespace", "namespaces", false),
            "",
            NAMESPACE,
            json!({}),
            "holds the account, and later the list of what was delivered",
        ),
        grant(
            Resource::core("ServiceAccount", "serviceaccounts", true),
            NAMESPACE,
            SERVICE_ACCOUNT,
            // Nothing runs as it in the member.
            json!({"automountServiceAccountToken": false}),
            "as whom the hub works",
        ),
        grant(
            rbac("Role", "roles", true),
            NAMESPACE,
            CREDENTIAL_ROLE,
            json!({"rules": [
                {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [SERVICE_ACCOUNT], "verbs": ["create"]},
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "delete"]},
            ]}),
            "lets the hub renew its own token, also where you narrow the ClusterRole",
        ),
        grant(
            rbac("RoleBinding", "rolebindings", true),
            NAMESPACE,
            CREDENTIAL_ROLE,
            bound("Role", CREDENTIAL_ROLE),
            "gives this right to the account",
        ),
    ]
}

/// The rules of a role as lines: `create serviceaccounts/token kurator`.
#[cfg(test)]
fn rules(object: &Value) -> String {
    let words = |rule: &Value, field: &str| {
        let words: Vec<&str> = rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        words.join(", ")
    };
    let line = |rule: &Value| {
        let what = match rule.get("nonResourceURLs") {
            Some(_) => format!("paths {}", words(rule, "nonResourceURLs")),
            None => match words(rule, "apiGroups").as_str() {
                "" => words(rule, "resources"),
                groups => format!("{} in groups {groups}", words(rule, "resources")),
            },
        };
        let names = words(rule, "resourceNames");
        let named = if names.is_empty() { String::new() } else { format!(" named {names}") };
        format!("`{}` of `{what}`{named}", words(rule, "verbs"))
    };
    object["rules"].as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("; ")
}

/// The table of docs/rights.md.
#[cfg(test)]
pub(super) fn table() -> String {
    let rows = grants().into_iter().map(|grant| {
        let rules = rules(&grant.object);
        format!("| `{}` | {rules} | {} |\n", grant.name(), grant.why)
    });
    "| object | allows | why |\n|---|---|---|\n".to_owned() + &rows.collect::<String>()
}
