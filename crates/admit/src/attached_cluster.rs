//! A kubeconfig's Secret and key can exist, and the member's name can be one; one that is to be emptied waits for that.

use api::kurator::annotation::{DETACH_FINALIZER, ON_DETACH, REMOVE};
use model::{FieldError, FieldPath, GroupKind, name, object};
use serde_json::{Value, json};

/// Puts the finalizer on an AttachedCluster that says `kurator.dev/on-detach: remove`, with the same write. The hub puts it on too, a
/// moment later: one that is deleted in this moment would go, and everything stay in the cluster. Other objects stay as they are.
pub fn finalize(kind: &GroupKind, written: &mut Value) {
    let is_meant = (kind.group.as_str(), kind.kind.as_str()) == ("cluster.kurator.dev", "AttachedCluster")
        && object::annotation(written, ON_DETACH) == Some(REMOVE)
        // None can come to an object that is being deleted.
        && object::get(written, &["metadata", "deletionTimestamp"]).is_none();
    if !is_meant {
        return;
    }
    let finalizers = object::slot(written, &["metadata", "finalizers"]);
    if finalizers.is_null() {
        *finalizers = json!([]);
    }
    if let Value::Array(finalizers) = finalizers
        && !finalizers.iter().any(|finalizer| finalizer == DETACH_FINALIZER)
    {
        finalizers.push(json!(DETACH_FINALIZER));
    }
}

pub(crate) fn validate(attached: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["name", "key"] {
        let path = FieldPath::of("spec.kubeconfig").field(field);
        match object::get_str(attached, &["spec", "kubeconfig", field]).unwrap_or_default() {
            "" => errors.push(FieldError::required(path, "names the Secret and its key that hold the kubeconfig")),
            text => {
                if let Err(why) = name::check_dns_subdomain(text) {
                    errors.push(FieldError::invalid(path, text, why));
                }
            }
        }
    }
    if let Some(member) = object::get_str(attached, &["spec", "memberName"])
        && let Err(why) = crate::member::check_name(member)
    {
        errors.push(FieldError::invalid(FieldPath::of("spec.memberName"), member, why));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_be_emptied_waits_for_it_from_the_same_write_on() {
        let check = |kind: &str, metadata: Value, expect: Value| {
            let mut written = json!({ "metadata": metadata });
            finalize(&GroupKind::new("cluster.kurator.dev", kind), &mut written);
            assert_eq!(written["metadata"]["finalizers"], expect, "{written}");
        };
        let says = |how: &str| json!({ ON_DETACH: how });
        check("AttachedCluster", json!({"annotations": says(REMOVE)}), json!([DETACH_FINALIZER]));
        check(
            "AttachedCluster",
            json!({"annotations": says(REMOVE), "finalizers": ["a"]}),
            json!(["a", DETACH_FINALIZER]),
        );
        let has = json!([DETACH_FINALIZER]);
        check("AttachedCluster", json!({"annotations": says(REMOVE), "finalizers": has}), has.clone());
        check("AttachedCluster", json!({"annotations": says("release")}), Value::Null);
        check("AttachedCluster", json!({}), Value::Null);
        let going =
            json!({"annotations": says(REMOVE), "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a"]});
        check("AttachedCluster", going, json!(["a"]));
        check("Cluster", json!({"annotations": says(REMOVE)}), Value::Null);
        // What is no list is refused by its schema.
        check("AttachedCluster", json!({"annotations": says(REMOVE), "finalizers": "a"}), json!("a"));
    }
}
