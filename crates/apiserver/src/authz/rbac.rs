//! Role-based access control (`pkg/registry/rbac/validation/rule.go`), compiled once per change of an RBAC object.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::{Attributes, Authorizer, Policies};
use crate::user::UserInfo;

/// One policy rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    verbs: Vec<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    paths: Vec<String>,
}

/// Rules that a subject has in a namespace; the empty namespace stands for all.
#[derive(Clone, Debug, Default)]
struct Grants(Vec<(String, Arc<[Rule]>)>);

/// Subjects by the form `u:NAME` or `g:NAME`; service accounts are users.
#[derive(Debug, Default)]
struct Compiled {
    epoch: u64,
    subjects: HashMap<String, Grants>,
}

/// Evaluates Roles, ClusterRoles and their bindings. Aggregated ClusterRoles have the rules they are stored with.
#[derive(Debug, Default)]
pub struct Rbac {
    compiled: Mutex<Option<Arc<Compiled>>>,
}

impl Rbac {
    fn compiled(&self, policies: &dyn Policies) -> Arc<Compiled> {
        let epoch = policies.epoch();
        let mut held = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = held.as_ref().filter(|c| c.epoch == epoch) {
            return compiled.clone();
        }
        let compiled = Arc::new(compile(policies, epoch));
        *held = Some(compiled.clone());
        compiled
    }
}

impl Authorizer for Rbac {
    fn authorize(&self, user: &UserInfo, what: &Attributes<'_>, policies: &dyn Policies) -> Result<(), String> {
        let compiled = self.compiled(policies);
        let allowed = compiled.rules_of(user, what.namespace).any(|rule| rule.allows(what));
        if allowed { Ok(()) } else { Err(String::new()) }
    }

    fn rules(&self, user: &UserInfo, namespace: &str, policies: &dyn Policies) -> Option<Vec<Value>> {
        Some(self.compiled(policies).rules_of(user, namespace).map(Rule::to_value).collect())
    }
}

impl Compiled {
    /// The rules that hold for a user in a namespace.
    fn rules_of<'a>(&'a self, user: &'a UserInfo, namespace: &'a str) -> impl Iterator<Item = &'a Rule> {
        let groups = user.groups.iter().map(|group| format!("g:{group}"));
        std::iter::once(format!("u:{}", user.name))
            .chain(groups)
            .filter_map(|subject| self.subjects.get(&subject))
            .flat_map(|grants| &grants.0)
            .filter(move |(ns, _)| ns.is_empty() || ns == namespace)
            .flat_map(|(_, rules)| rules.iter())
    }
}

impl Rule {
    pub(super) fn from_value(rule: &Value) -> Self {
        let list = |field: &str| {
            let items = rule.get(field).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            paths: list("nonResourceURLs"),
        }
    }

    fn to_value(&self) -> Value {
        let mut value = json!({"verbs": self.verbs});
        let parts = [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.paths),
        ];
        for (field, list) in parts.into_iter().filter(|(_, list)| !list.is_empty()) {
            value[field] = json!(list);
        }
        value
    }

    /// Does it allow whatever the other rule allows (`ruleCovers`)? A star is covered by a star only.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let all = |held: &[String], wanted: &[String]| wanted.iter().all(|w| held.contains(w));
        let star = |held: &[String]| held.iter().any(|h| h == "*");
        let resource = |wanted: &String| {
            self.resources.contains(wanted)
                || wanted.split_once('/').is_some_and(|(_, sub)| self.resources.contains(&format!("*/{sub}")))
        };
        let path = |wanted: &String| {
            self.paths
                .iter()
                .any(|held| held == wanted || held.strip_suffix('*').is_some_and(|prefix| wanted.starts_with(prefix)))
        };
        (star(&self.verbs) || all(&self.verbs, &other.verbs))
            && (star(&self.groups) || all(&self.groups, &other.groups))
            && (star(&self.resources) || other.resources.iter().all(resource))
            && other.paths.iter().all(path)
            && (self.names.is_empty() || (!other.names.is_empty() && all(&self.names, &other.names)))
    }

    /// The single permissions of a rule, one verb on one thing each (`BreakdownRule`).
    pub(super) fn cells(&self) -> impl Iterator<Item = Self> + '_ {
        fn one(text: &str) -> Vec<String> {
            vec![text.to_owned()]
        }
        let paths = self.paths.iter().flat_map(move |path| {
            self.verbs.iter().map(move |verb| Self { verbs: one(verb), paths: one(path), ..Self::default() })
        });
        let names = move || {
            let unnamed = self.names.is_empty().then(Vec::new);
            unnamed.into_iter().chain(self.names.iter().map(|name| one(name)))
        };
        let objects = self.groups.iter().flat_map(move |group| {
            self.resources.iter().flat_map(move |resource| {
                self.verbs.iter().flat_map(move |verb| {
                    names().map(move |names| Self {
                        verbs: one(verb),
                        groups: one(group),
                        resources: one(resource),
                        names,
                        paths: Vec::new(),
                    })
                })
            })
        });
        paths.chain(objects)
    }

    /// The rule as refusals show it.
    pub(super) fn describe(&self) -> String {
        let parts = [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("ResourceNames", &self.names),
            ("NonResourceURLs", &self.paths),
            ("Verbs", &self.verbs),
        ];
        let shown =
            parts.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("{name}:{list:?}"));
        format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
    }

    fn allows(&self, what: &Attributes<'_>) -> bool {
        let has = |list: &[String], value: &str| list.iter().any(|item| item == "*" || item == value);
        if !has(&self.verbs, what.verb) {
            return false;
        }
        if what.resource.is_empty() {
            return self.paths.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => what.path.starts_with(prefix),
                None => pattern == what.path,
            });
        }
        let resource = |item: &String| {
            item == "*"
                || match (what.subresource, item.split_once('/')) {
                    ("", None) => item == what.resource,
                    ("", Some(_)) => false,
                    (sub, Some((name, wanted))) => (name == "*" || name == what.resource) && wanted == sub,
                    (_, None) => false,
                }
        };
        has(&self.groups, what.group)
            && self.resources.iter().any(resource)
            && (self.names.is_empty() || self.names.iter().any(|name| name == what.name))
    }
}

fn compile(policies: &dyn Policies, epoch: u64) -> Compiled {
    let text = |object: &Value, fields: &[&str]| model::object::get_str(object, fields).unwrap_or_default().to_owned();
    let mut roles: HashMap<(String, String), Arc<[Rule]>> = HashMap::new();
    for resource in ["roles", "clusterroles"] {
        for role in policies.objects(resource) {
            let rules =
                role.get("rules").and_then(Value::as_array).into_iter().flatten().map(Rule::from_value).collect();
            roles.insert((text(&role, &["metadata", "namespace"]), text(&role, &["metadata", "name"])), rules);
        }
    }
    let mut compiled = Compiled { epoch, subjects: HashMap::new() };
    for resource in ["rolebindings", "clusterrolebindings"] {
        for binding in policies.objects(resource) {
            let namespace = text(&binding, &["metadata", "namespace"]);
            let cluster_role = text(&binding, &["roleRef", "kind"]) == "ClusterRole";
            let role_namespace = if cluster_role { String::new() } else { namespace.clone() };
            let Some(rules) = roles.get(&(role_namespace, text(&binding, &["roleRef", "name"]))) else { continue };
            for subject in binding.get("subjects").and_then(Value::as_array).into_iter().flatten() {
                let name = text(subject, &["name"]);
                let key = match text(subject, &["kind"]).as_str() {
                    "User" => format!("u:{name}"),
                    "Group" => format!("g:{name}"),
                    "ServiceAccount" => {
                        let own = text(subject, &["namespace"]);
                        let ns = if own.is_empty() { &namespace } else { &own };
                        format!("u:system:serviceaccount:{ns}:{name}")
                    }
                    _ => continue,
                };
                compiled.subjects.entry(key).or_default().0.push((namespace.clone(), rules.clone()));
            }
        }
    }
    compiled
}
