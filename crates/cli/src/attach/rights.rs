//! What `kurator attach` makes in a member, and what each of it is for: the one place that says so. docs/rights.md shows it,
//! and a test compares.

use std::collections::BTreeSet;

use anyhow::bail;
use api::kurator::annotation::ATTACHED_AT;
use api::kurator::cluster::v1alpha1::AttachedClusterSpec;
use api::kurator::minted::{
    CREDENTIAL_ROLE, IDENTITY_ROLE, INVENTORY_ROLE, MANAGED_BY, MANAGER, NAMESPACE, SERVICE_ACCOUNT,
};
use client::Resource;
use model::Timestamp;
use serde_json::{Value, json};

/// The namespace by whose UID clusters are told apart.
const IDENTITY_NAMESPACE: &str = "kube-system";

/// Namespaces in which no rights are given one by one, and why.
const RESERVED: [(&str, &str); 2] = [
    (IDENTITY_NAMESPACE, "who has all rights there has them in the whole cluster: say so, without --namespaces"),
    (NAMESPACE, "the hub has there what it needs, and delivers nothing there"),
];

/// The namespaces that were asked for, each once and in order.
///
/// # Errors
/// One of them cannot be given, or there are too many.
pub(super) fn asked(namespaces: &[String]) -> anyhow::Result<Vec<String>> {
    let all: BTreeSet<&String> = namespaces.iter().collect();
    let reserved = |namespace: &&&String| RESERVED.into_iter().find(|(name, _)| name == **namespace);
    if let Some((name, why)) = all.iter().find_map(|namespace| reserved(&namespace)) {
        bail!("--namespaces {name}: {why}");
    }
    let max = AttachedClusterSpec::NAMESPACES_MAX;
    if all.len() > max {
        bail!(
            "--namespaces names {} namespaces, and at most {max} can be given one by one; give rights in the whole cluster, \
             without --namespaces",
            all.len()
        );
    }
    Ok(all.into_iter().cloned().collect())
}

/// The namespaces that a cluster gives and those that are to come. `before`: the ones that it gives; `None` when it is not attached.
///
/// # Errors
/// It is not attached, or gives rights in the whole cluster; and as of [`asked`].
pub(super) fn added(name: &str, before: Option<&[String]>, namespaces: &[String]) -> anyhow::Result<Vec<String>> {
    match before {
        None => bail!("--add-namespaces: {name} is not attached yet, and nothing was changed: say --namespaces"),
        Some([]) => {
            bail!("--add-namespaces: {name} gives rights in the whole cluster already, and nothing was changed")
        }
        Some(before) => asked(&[before, namespaces].concat()),
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// One object in the member.
pub(super) struct Grant {
    pub(super) resource: Resource,
    pub(super) object: Value,
    /// What it is for, in words of the person who is asked.
    pub(super) why: &'static str,
    /// It is left as it is where it is there.
    pub(super) only_if_missing: bool,
}

impl Grant {
    /// May an object that is there be written? One without our label is not ours: its rules, or who is bound to it, would be
    /// changed for others. A namespace only gets the label.
    pub(super) fn may_be_written(&self, found: &Value) -> bool {
        self.resource.kind == "Namespace" || model::object::label(found, MANAGED_BY) == Some(MANAGER)
    }

    /// Is it a role, or a binding of one?
    fn is_right(&self) -> bool {
        self.resource.group == RBAC
    }

    /// The object as it is applied at this time.
    pub(super) fn made_at(&self, now: Timestamp) -> Value {
        let mut object = self.object.clone();
        if self.is_right() {
            object["metadata"]["annotations"] = json!({ATTACHED_AT: now.to_string()});
        }
        object
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

/// Is an owner of an object the ClusterRole? A hub that leaves makes it the owner of everything, and deletes it: the cluster
/// removes the rest a moment later, also what was applied meanwhile, since applying takes no owner away.
pub(super) fn is_role(owner: &Value) -> bool {
    owner["kind"] == "ClusterRole" && owner["name"] == SERVICE_ACCOUNT
}

/// The owners of an object that are the ClusterRole, or were one of this name.
pub(super) fn role_owners(found: &Value) -> impl Iterator<Item = &Value> {
    let owners = model::object::get(found, &["metadata", "ownerReferences"]).and_then(Value::as_array);
    owners.into_iter().flatten().filter(|owner| is_role(owner))
}

/// Everything, in the order in which it is applied: for the whole cluster, or for these namespaces of it. What needs most comes
/// first: who may not give these rights changes nothing.
pub(super) fn grants(namespaces: &[String]) -> Vec<Grant> {
    let mut grants = if namespaces.is_empty() { in_cluster() } else { in_namespaces(namespaces) };
    // With rights in the whole cluster these are among them.
    let inventory = (!namespaces.is_empty()).then(inventory);
    let credential = json!([
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [SERVICE_ACCOUNT], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "delete"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": [SERVICE_ACCOUNT], "verbs": ["get", "patch"]},
    ]);
    let credential_why = match namespaces {
        [] => "lets the hub renew its own token, and note that it leaves, also where you narrow the ClusterRole",
        _ => "lets the hub renew its own token, and note that it leaves",
    };
    grants.push(grant(
        Resource::core("Namespace", "namespaces", false),
        "",
        NAMESPACE,
        json!({}),
        "holds the account, and later the list of what was delivered",
    ));
    grants.push(grant(
        Resource::core("ServiceAccount", "serviceaccounts", true),
        NAMESPACE,
        SERVICE_ACCOUNT,
        // Nothing runs as it in the member.
        json!({"automountServiceAccountToken": false}),
        "as whom the hub works",
    ));
    grants.extend(inventory.into_iter().flatten());
    grants.extend(role(NAMESPACE, CREDENTIAL_ROLE, credential, credential_why));
    grants
}

/// The rights to what the hub keeps in the member.
fn inventory() -> [Grant; 2] {
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "update", "delete"]}]);
    role(NAMESPACE, INVENTORY_ROLE, rules, "lets the hub keep there the list of what it delivered")
}

/// Rights in the whole cluster.
fn in_cluster() -> Vec<Grant> {
    let rules = json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]);
    vec![
        grant(
            rbac("ClusterRole", "clusterroles", false),
            "",
            SERVICE_ACCOUNT,
            json!({"rules": rules}),
            "everything, everywhere, as cluster-admin: an Application may deliver any object",
        ),
        grant(
            rbac("ClusterRoleBinding", "clusterrolebindings", false),
            "",
            SERVICE_ACCOUNT,
            bound("ClusterRole", SERVICE_ACCOUNT),
            "gives these rights to the account below",
        ),
    ]
}

/// Rights in these namespaces, which are made where they are not there, and to read who the cluster is.
fn in_namespaces(namespaces: &[String]) -> Vec<Grant> {
    let mut grants = Vec::new();
    for namespace in namespaces {
        let made =
            grant(Resource::core("Namespace", "namespaces", false), "", namespace, json!({}), "it is not there yet");
        grants.push(Grant { only_if_missing: true, ..made });
        let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
        grants.extend(role(
            namespace,
            SERVICE_ACCOUNT,
            rules,
            "everything in this namespace, its Secrets and roles among it: an Application may deliver any object there",
        ));
    }
    let rules = json!([{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [IDENTITY_NAMESPACE], "verbs": ["get"]}]);
    let why = "lets the hub read the UID of this namespace, by which it tells one cluster from another";
    grants.extend(role(IDENTITY_NAMESPACE, IDENTITY_ROLE, rules, why));
    grants
}

/// A role in a namespace, and its binding to the account.
fn role(namespace: &str, name: &str, rules: Value, why: &'static str) -> [Grant; 2] {
    [
        grant(rbac("Role", "roles", true), namespace, name, json!({"rules": rules}), why),
        grant(
            rbac("RoleBinding", "rolebindings", true),
            namespace,
            name,
            bound("Role", name),
            "gives this right to the account",
        ),
    ]
}

fn rbac(kind: &str, plural: &str, namespaced: bool) -> Resource {
    Resource::new(RBAC, "v1", kind, plural, namespaced)
}

/// What is in a binding of a role to the account.
fn bound(kind: &str, name: &str) -> Value {
    let subject = json!({"kind": "ServiceAccount", "namespace": NAMESPACE, "name": SERVICE_ACCOUNT});
    json!({"roleRef": {"apiGroup": RBAC, "kind": kind, "name": name}, "subjects": [subject]})
}

fn grant(resource: Resource, namespace: &str, name: &str, body: Value, why: &'static str) -> Grant {
    let mut object = body;
    object["apiVersion"] = json!(resource.api_version());
    object["kind"] = json!(resource.kind);
    object["metadata"] = json!({"name": name, "labels": {MANAGED_BY: MANAGER}});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    Grant { resource, object, why, only_if_missing: false }
}

/// What there may be in the member of rights in some namespaces only.
#[derive(Default)]
pub(super) struct Before {
    /// The namespaces.
    pub(super) namespaces: BTreeSet<String>,
    /// Is there anything of such rights?
    pub(super) is_limited: bool,
}

impl Before {
    /// Rights in these namespaces; none for the whole cluster.
    pub(super) fn recorded(namespaces: impl IntoIterator<Item = String>) -> Self {
        let namespaces: BTreeSet<String> = namespaces.into_iter().collect();
        Self { is_limited: !namespaces.is_empty(), namespaces }
    }

    /// Takes note of a role or a binding that `kurator attach` made. Each is looked at: a command may have ended between two.
    pub(super) fn note_right(&mut self, found: &Value) {
        match model::object::name(found) {
            Some(SERVICE_ACCOUNT) => {
                self.namespaces.extend(model::object::namespace(found).map(str::to_owned));
                self.is_limited = true;
            }
            Some(IDENTITY_ROLE | INVENTORY_ROLE) => self.is_limited = true,
            _ => {}
        }
    }
}

/// The bindings and roles that were made for other rights than these: for the whole cluster, or for namespaces that are not
/// among them. Bindings first. Namespaces and the account stay in any case.
pub(super) fn surplus(before: &Before, namespaces: &[String]) -> Vec<Grant> {
    let wanted: BTreeSet<String> = grants(namespaces).iter().map(Grant::name).collect();
    let before_in: Vec<String> = before.namespaces.iter().cloned().collect();
    let limited = match before.is_limited {
        true => in_namespaces(&before_in).into_iter().chain(inventory()).collect(),
        false => Vec::new(),
    };
    let all = in_cluster().into_iter().chain(limited);
    let mut surplus: Vec<Grant> = all.filter(|grant| grant.is_right() && !wanted.contains(&grant.name())).collect();
    surplus.reverse();
    surplus
}

/// The commands that remove from a member what was made there for these rights.
pub(crate) fn removal(namespaces: &[String]) -> Vec<String> {
    let mut places: Vec<(String, Vec<String>)> = Vec::new();
    for grant in grants(namespaces).iter().rev().filter(|grant| grant.resource.kind != "Namespace") {
        let namespace = model::object::namespace(&grant.object).unwrap_or_default();
        let name = model::object::name(&grant.object).unwrap_or_default();
        let object = format!("{}/{name}", grant.resource.kind.to_ascii_lowercase());
        match places.iter_mut().find(|(place, _)| place == namespace) {
            Some((_, objects)) => objects.push(object),
            None => places.push((namespace.to_owned(), vec![object])),
        }
    }
    // The account goes last.
    let command = |(namespace, objects): (String, Vec<String>)| match namespace.as_str() {
        "" => format!("kubectl delete {}", objects.join(" ")),
        namespace => format!("kubectl delete -n {namespace} {}", objects.join(" ")),
    };
    places.into_iter().rev().map(command).collect()
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

/// The table of docs/rights.md for the whole cluster, or for these namespaces.
#[cfg(test)]
pub(super) fn table(namespaces: &[String]) -> String {
    let rows = grants(namespaces).into_iter().map(|grant| {
        let rules = rules(&grant.object);
        format!("| `{}` | {rules} | {} |\n", grant.name(), grant.why)
    });
    "| object | allows | why |\n|---|---|---|\n".to_owned() + &rows.collect::<String>()
}
