//! What a template has and a member must not get: what the hub's API server and controllers wrote.

use model::object::{self, remove};
use serde_json::Value;

use crate::label;
use crate::read::{flag, list, text};

/// Metadata that the hub's API server fills in, and what ties an object to other objects of the hub.
const METADATA: [&str; 10] = [
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
    "ownerReferences",
    "finalizers",
];

/// Annotations by which the hub's Deployment controller numbers revisions.
const REVISIONS: [&str; 2] = ["deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history"];

/// Annotation that a scheduler writes to a claim.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Annotation with the UID of a token's ServiceAccount.
const SERVICE_ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

/// Labels that a Job's controller puts into its selector, and onto its pods.
const JOB_LABELS: [&str; 4] =
    ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"];

/// Removes from an object what no member is to get (`karmada.md 3.2`; Karmada's `prune.RemoveIrrelevantFields` with
/// `RemoveJobTTLSeconds`). Doing so twice removes nothing more.
///
/// The time after which a finished Job is deleted goes too: the member would delete what the hub then makes again.
pub fn prune(object: &mut Value) {
    for field in METADATA {
        remove(object, &["metadata", field]);
    }
    remove(object, &["status"]);
    let Some(kind) = object::gvk(object) else { return };
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment") => {
            for annotation in REVISIONS {
                remove(object, &["metadata", "annotations", annotation]);
            }
        }
        ("batch", "Job") => job(object),
        ("", "Secret") if text(object, "type") == label::SERVICE_ACCOUNT_TOKEN => {
            remove(object, &["metadata", "annotations", SERVICE_ACCOUNT_UID]);
            remove(object, &["data"]);
        }
        ("", "ServiceAccount") => tokens(object),
        // A Service that is to have no address of its own says `None` there.
        ("", "Service") if object::get_str(object, &["spec", "clusterIP"]).is_some_and(|ip| ip != "None") => {
            remove(object, &["spec", "clusterIP"]);
            remove(object, &["spec", "clusterIPs"]);
        }
        ("", "PersistentVolumeClaim") => {
            remove(object, &["metadata", "annotations", SELECTED_NODE]);
        }
        _ => {}
    }
}

fn job(job: &mut Value) {
    remove(job, &["spec", "ttlSecondsAfterFinished"]);
    if flag(job, "spec.manualSelector") {
        return;
    }
    for label in JOB_LABELS {
        remove(job, &["spec", "template", "metadata", "labels", label]);
        // A selector by the name of a Job is somebody's own.
        if label.ends_with("controller-uid") {
            remove(job, &["spec", "selector", "matchLabels", label]);
        }
    }
}

/// Secrets that the hub made for the account.
fn tokens(account: &mut Value) {
    let prefix = format!("{}-token-", object::name(account).unwrap_or_default());
    let is_token = |reference: &Value| text(reference, "name").starts_with(&prefix);
    if list(account, "secrets").iter().any(is_token)
        && let Some(secrets) = account.get_mut("secrets").and_then(Value::as_array_mut)
    {
        secrets.retain(|reference| !is_token(reference));
    }
}
