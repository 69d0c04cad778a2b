//! What a deletion with `--cascade=orphan` means for the fleet kinds: what was delivered stays in the members.
//!
//! The word is written into the object as the annotation that people can write themselves: it stays when the garbage collector
//! takes Kubernetes' finalizer `orphan` off, when the hub is restarted, and when somebody deletes the object once more.

use api::kurator::annotation::{DETACH_FINALIZER, ON_DELETE, ON_DETACH, RELEASE, REMOVE};
use model::{GroupKind, object};
use serde_json::{Value, json};

/// What `kurator.dev/on-delete` says of an Application whose objects stay.
const ORPHAN: &str = "orphan";

/// Writes into an object that is being deleted that what was delivered stays, and says so. A Fleet deletes nothing in members when it
/// is deleted, and an AttachedCluster does only when it was told to.
pub fn orphan(kind: &GroupKind, deleted: &mut Value) -> Option<String> {
    let name = object::name(deleted).unwrap_or_default().to_owned();
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps.kurator.dev", "Application") => {
            *object::slot(deleted, &["metadata", "annotations", ON_DELETE]) = json!(ORPHAN);
            Some(format!(
                "what Application {name} placed stays in its members and is given back ({ON_DELETE}: {ORPHAN})"
            ))
        }
        ("cluster.kurator.dev", "AttachedCluster") if is_emptied(deleted) => {
            *object::slot(deleted, &["metadata", "annotations", ON_DETACH]) = json!(RELEASE);
            Some(format!(
                "what AttachedCluster {name} still has of what was delivered stays there and is given back ({ON_DETACH}: {RELEASE})"
            ))
        }
        _ => None,
    }
}

/// Does it wait until everything is deleted in its member?
fn is_emptied(attached: &Value) -> bool {
    let finalizers = object::get(attached, &["metadata", "finalizers"]).and_then(Value::as_array);
    object::annotation(attached, ON_DETACH) == Some(REMOVE)
        && finalizers.into_iter().flatten().any(|finalizer| finalizer == DETACH_FINALIZER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_delivered_stays_whatever_was_said_before() {
        let check = |group: &str, kind: &str, metadata: Value, expect: Value| {
            let mut object = json!({"metadata": metadata});
            let said = orphan(&GroupKind::new(group, kind), &mut object);
            assert_eq!(object["metadata"]["annotations"], expect, "{kind}: {said:?}");
            assert_eq!(said.is_some(), metadata["annotations"] != expect, "{kind}: {said:?}");
        };
        let says = |name: &str, value: &str| json!({ name: value });
        let app = |annotations: Value, expect: Value| {
            check("apps.kurator.dev", "Application", json!({"name": "a", "annotations": annotations}), expect);
        };
        app(json!({}), says(ON_DELETE, "orphan"));
        app(says(ON_DELETE, "prune"), says(ON_DELETE, "orphan"));
        let attached = |annotations: Value, finalizers: Value, expect: Value| {
            let metadata = json!({"name": "a", "annotations": annotations, "finalizers": finalizers});
            check("cluster.kurator.dev", "AttachedCluster", metadata, expect);
        };
        attached(says(ON_DETACH, REMOVE), json!(["x", DETACH_FINALIZER]), says(ON_DETACH, RELEASE));
        // It does not wait for anything, and nothing is deleted.
        attached(says(ON_DETACH, REMOVE), json!([]), says(ON_DETACH, REMOVE));
        attached(says(ON_DETACH, RELEASE), json!([DETACH_FINALIZER]), says(ON_DETACH, RELEASE));
        check("fleet.kurator.dev", "Fleet", json!({"name": "f", "annotations": {}}), json!({}));
    }
}
