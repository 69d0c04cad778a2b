//! A user may grant only what that user holds (`pkg/registry/rbac/*/policybased`,
//! `component-helpers/auth/rbac/validation`).
//!
//! The writer of a role must hold every rule of it, or the verb `escalate`. The writer of a binding must hold every
//! rule of the role that it refers to, or the verb `bind` on that role. Rules count where they are granted: for a Role
//! or RoleBinding in its namespace, else everywhere. Members of `system:masters` may grant anything.

use model::{GroupResource, Status, object};
use serde_json::{Value, json};

use super::Attributes;
use super::rbac::Rule;
use crate::key;
use crate::registry::Served;
use crate::state::State;
use crate::strategy::Grants;
use crate::user::{MASTERS, UserInfo};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Single permissions that one check looks at. The largest role of Kubernetes (`admin`) has some 700; a rule of 3 MiB
/// could ask for a billion.
const CELLS_MAX: usize = 10_000;

/// Missing permissions that a refusal lists: a person reads a handful.
const LISTED_MAX: usize = 10;

/// Checks a write of an RBAC object; writes of other kinds pass.
///
/// # Errors
/// 403 when the user would grant what they do not hold; 404 when a binding refers to a role that is not there
/// and the user may not bind it unseen.
pub(crate) fn check(
    state: &State,
    user: &UserInfo,
    served: &Served,
    new: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    let Some(grants) = served.strategy.grants else { return Ok(()) };
    if user.is_in(MASTERS) || old.is_some_and(|old| only_collected(new, old)) {
        return Ok(());
    }
    let namespace = object::namespace(new).unwrap_or_default();
    let name = object::name(new).unwrap_or_default();
    let may = |verb: &str, resource: &str, name: &str| {
        let what = Attributes { verb, group: GROUP, version: "*", resource, namespace, name, ..Attributes::default() };
        state.authorizer.authorize(user, &what, state).is_ok()
    };
    let held: Vec<Rule> =
        state.authorizer.rules(user, namespace, state).unwrap_or_default().iter().map(Rule::from_value).collect();
    let refused = |why: &str| Status::forbidden(&served.resource, name, why);
    let wanted = match grants {
        Grants::Rules => {
            if may("escalate", &served.resource.resource, name) {
                return Ok(());
            }
            // It gathers the rules of all roles that have a label, also of later ones.
            if (aggregates(new) || old.is_some_and(aggregates)) && missing(&held, &everything()).is_some() {
                return Err(refused("must have cluster-admin privileges to use the aggregationRule"));
            }
            rules(new)
        }
        Grants::Reference => {
            let role = object::get_str(new, &["roleRef", "name"]).unwrap_or_default();
            let (resource, place) = match object::get_str(new, &["roleRef", "kind"]) {
                Some("ClusterRole") => ("clusterroles", ""),
                _ => ("roles", namespace),
            };
            if may("bind", resource, role) {
                return Ok(());
            }
            let missing = || {
                let resource = GroupResource { group: GROUP.to_owned(), resource: resource.to_owned() };
                Status::not_found(&resource, role)
            };
            let entry = state.store.snapshot().get(&key::object(GROUP, resource, place, role)).ok_or_else(missing)?;
            rules(&serde_json::from_slice(&state.read(&entry)?).map_err(Status::internal)?)
        }
    };
    match missing(&held, &wanted) {
        None => Ok(()),
        Some(list) => Err(refused(&format!(
            "user {:?} (groups={:?}) is attempting to grant RBAC permissions not currently held:\n{}",
            user.name,
            user.groups,
            list.join("\n")
        ))),
    }
}

/// Does an update change only what garbage collection changes?
fn only_collected(new: &Value, old: &Value) -> bool {
    let stripped = |object: &Value| {
        let mut object = object.clone();
        for field in ["ownerReferences", "finalizers", "managedFields", "resourceVersion"] {
            object::remove(&mut object, &["metadata", field]);
        }
        object
    };
    stripped(new) == stripped(old)
}

fn aggregates(role: &Value) -> bool {
    role.get("aggregationRule").is_some_and(Value::is_object)
}

fn everything() -> Vec<Rule> {
    [json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}), json!({"verbs": ["*"], "nonResourceURLs": ["*"]})]
        .iter()
        .map(Rule::from_value)
        .collect()
}

fn rules(role: &Value) -> Vec<Rule> {
    role.get("rules").and_then(Value::as_array).into_iter().flatten().map(Rule::from_value).collect()
}

/// The wanted permissions that are not held, as a refusal lists them; `None` when all are.
fn missing(held: &[Rule], wanted: &[Rule]) -> Option<Vec<String>> {
    let mut list = Vec::new();
    let mut looked_at = 0;
    for rule in wanted.iter().filter(|rule| !held.iter().any(|h| h.covers(rule))) {
        // Several rules may hold together what none holds alone.
        for cell in rule.cells() {
            looked_at += 1;
            if looked_at > CELLS_MAX {
                list.push(format!("more than {CELLS_MAX} single permissions: grant them in several roles"));
                return Some(list);
            }
            if held.iter().any(|h| h.covers(&cell)) {
                continue;
            }
            if list.len() == LISTED_MAX {
                list.push("and more".to_owned());
                return Some(list);
            }
            list.push(cell.describe());
        }
    }
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests;
