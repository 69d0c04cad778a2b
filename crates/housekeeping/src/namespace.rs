//! Emptying a namespace that is being deleted: pods first, then everything else, then the finalizer in `spec`.
//!
//! *Triggered by* the deletion of a namespace and of each object in one that is being emptied. *Reads* the namespace, the
//! graph, and at the end one live page per kind. *Writes* deletions of collections, `status.conditions` when something
//! stays, and `spec.finalizers` through `/finalize`. Follows
//! `pkg/controller/namespace/deletion/namespaced_resources_deleter.go`.

use model::clock::format_seconds;
use model::{Timestamp, object};
use serde_json::{Value, json};

/// The finalizer in `spec.finalizers` that is removed once nothing is left.
pub const FINALIZER: &str = "kubernetes";

/// What is left in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Kind as `pods` or `deployments.apps`, and how many.
    pub kinds: Vec<(String, usize)>,
    /// Finalizers that hold objects, and how many each.
    pub finalizers: Vec<(String, usize)>,
    /// Kinds whose deletion failed, with the reason.
    pub failures: Vec<String>,
    /// Group versions that could not be discovered, with the reason.
    pub undiscovered: Vec<String>,
}

/// What to do with the namespace object.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It is not being deleted, or somebody else's finalizer holds it.
    Leave,
    /// Nothing is left: the object to send to `/finalize`.
    Finalize(Value),
    /// Something is left: the conditions to write, if they say something new.
    Wait(Option<Vec<Value>>),
}

/// Is a namespace's content to be deleted?
pub fn is_emptying(namespace: &Value) -> bool {
    object::is_deleting(namespace) && finalizers(namespace).any(|f| f == FINALIZER)
}

fn finalizers(namespace: &Value) -> impl Iterator<Item = &str> {
    object::get(namespace, &["spec", "finalizers"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Decides, given what is left after everything was told to go.
pub fn plan(namespace: &Value, rest: &Rest, now: Timestamp) -> Plan {
    if !is_emptying(namespace) {
        return Plan::Leave;
    }
    if rest.kinds.is_empty() && rest.failures.is_empty() && rest.undiscovered.is_empty() {
        let others: Vec<&str> = finalizers(namespace).filter(|f| *f != FINALIZER).collect();
        let mut object = namespace.clone();
        *object::slot(&mut object, &["spec", "finalizers"]) = json!(others);
        return Plan::Finalize(object);
    }
    let old = object::get(namespace, &["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let new = conditions(&old, rest, now);
    Plan::Wait((new != old).then_some(new))
}

fn conditions(old: &[Value], rest: &Rest, now: Timestamp) -> Vec<Value> {
    let remaining: Vec<String> =
        rest.kinds.iter().map(|(kind, count)| format!("{kind} has {count} resource instances")).collect();
    let held: Vec<String> =
        rest.finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
    let wanted = [
        (
            "NamespaceDeletionDiscoveryFailure",
            rest.undiscovered.as_slice(),
            ("DiscoveryFailed", "Discovery failed for some groups, "),
            ("ResourcesDiscovered", "All resources successfully discovered"),
        ),
        (
            "NamespaceDeletionContentFailure",
            rest.failures.as_slice(),
            ("ContentDeletionFailed", "Failed to delete all resource types, "),
            ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        (
            "NamespaceContentRemaining",
            remaining.as_slice(),
            ("SomeResourcesRemain", "Some resources are remaining: "),
            ("ContentRemoved", "All content successfully removed"),
        ),
        (
            "NamespaceFinalizersRemaining",
            held.as_slice(),
            ("SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: "),
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ),
    ];
    let mut out: Vec<Value> = old.iter().filter(|c| !wanted.iter().any(|w| c["type"] == w.0)).cloned().collect();
    for (kind, found, (bad_reason, bad_text), (good_reason, good_text)) in wanted {
        let bad = !found.is_empty();
        let status = if bad { "True" } else { "False" };
        let reason = if bad { bad_reason } else { good_reason };
        let message = if bad { format!("{bad_text}{}", found.join(", ")) } else { good_text.to_owned() };
        let before = old.iter().find(|c| c["type"] == kind);
        let since = before.filter(|c| c["status"] == status).map(|c| c["lastTransitionTime"].clone());
        let since = since.unwrap_or_else(|| json!(format_seconds(now)));
        out.push(
            json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(deleting: bool) -> Value {
        let mut out = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes", "other.io/x"]}});
        if deleting {
            out["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        out
    }

    #[test]
    fn a_living_namespace_is_left_alone() {
        assert_eq!(plan(&namespace(false), &Rest::default(), Timestamp::UNIX_EPOCH), Plan::Leave);
    }

    #[test]
    fn an_empty_one_loses_our_finalizer_only() {
        let Plan::Finalize(object) = plan(&namespace(true), &Rest::default(), Timestamp::UNIX_EPOCH) else {
            panic!("not finalized")
        };
        assert_eq!(object["spec"]["finalizers"], json!(["other.io/x"]));
    }

    #[test]
    fn what_stays_is_said_once() {
        let rest = Rest { kinds: vec![("pods".to_owned(), 2)], ..Rest::default() };
        let mut object = namespace(true);
        let Plan::Wait(Some(conditions)) = plan(&object, &rest, Timestamp::UNIX_EPOCH) else { panic!("no conditions") };
        assert_eq!(conditions[2]["message"], "Some resources are remaining: pods has 2 resource instances");
        object["status"] = json!({"conditions": conditions});
        let later = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(60);
        assert_eq!(plan(&object, &rest, later), Plan::Wait(None));
    }
}
