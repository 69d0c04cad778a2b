//! What only a server or a controller of Kubernetes sets: it is found in manifests that were taken from a cluster, and is not
//! sent. Sending it would take the field from the controller, which takes it back.

use model::object;
use serde_json::Value;

/// Fields of the metadata.
const METADATA: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Annotations that controllers, kubectl and the API server write.
const ANNOTATIONS: [&str; 17] = [
    // kubectl apply, which compares with it.
    "kubectl.kubernetes.io/last-applied-configuration",
    // The deployment controller.
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.daemonset.template.generation",
    "batch.kubernetes.io/job-tracking",
    // Conversions of autoscaling/v1.
    "autoscaling.alpha.kubernetes.io/conditions",
    "autoscaling.alpha.kubernetes.io/current-metrics",
    // Tokens of service accounts.
    "kubernetes.io/service-account.uid",
    // Volumes: binder, provisioners, scheduler.
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    // Endpoints and elections.
    "endpoints.kubernetes.io/last-change-trigger-time",
    "control-plane.alpha.kubernetes.io/leader",
];

/// Labels by which a Job selects its pods, with its own UID, unless it says that it selects by itself.
const JOB_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

/// Takes out of an object what only servers set. Returns the paths of what had a value.
pub fn take_out(sent: &mut Value) -> Vec<String> {
    let mut paths: Vec<Vec<&str>> = METADATA.iter().map(|field| vec!["metadata", field]).collect();
    paths.extend(ANNOTATIONS.iter().map(|name| vec!["metadata", "annotations", name]));
    paths.push(vec!["status"]);
    let is_job = sent.get("kind").is_some_and(|kind| kind == "Job");
    if is_job && object::get(sent, &["spec", "manualSelector"]) != Some(&Value::Bool(true)) {
        let selector = object::get(sent, &["spec", "selector", "matchLabels"]).and_then(Value::as_object);
        if selector.is_some_and(|labels| labels.keys().all(|label| JOB_LABELS.contains(&label.as_str()))) {
            paths.push(vec!["spec", "selector"]);
        }
        for label in JOB_LABELS {
            paths.push(vec!["metadata", "labels", label]);
            paths.push(vec!["spec", "template", "metadata", "labels", label]);
        }
    }
    let mut found = Vec::new();
    for path in paths {
        // An empty one is what tools write that print structs.
        if object::remove(sent, &path).is_some_and(|value| !is_empty(&value)) {
            found.push(crate::field::Path::of_fields(&path).words());
        }
    }
    found
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(items) => items.iter().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_servers_set_is_taken_out_and_named() {
        for (given, expect, named) in [
            (
                json!({"metadata": {"name": "a", "creationTimestamp": null}, "status": {}}),
                json!({"metadata": {"name": "a"}}),
                &[][..],
            ),
            (
                json!({"metadata": {"uid": "u", "resourceVersion": "7", "generation": 3, "managedFields": [{"manager": "m"}],
                    "creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Active"}}),
                json!({"metadata": {}}),
                &[
                    "metadata.creationTimestamp",
                    "metadata.generation",
                    "metadata.managedFields",
                    "metadata.resourceVersion",
                    "metadata.uid",
                    "status",
                ],
            ),
            (
                json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "4", "team": "a",
                    "kubectl.kubernetes.io/last-applied-configuration": "{}"}}}),
                json!({"metadata": {"annotations": {"team": "a"}}}),
                &[
                    "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
                    "metadata.annotations[deployment.kubernetes.io/revision]",
                ],
            ),
            (
                json!({"kind": "Secret", "metadata": {"annotations": {"kubernetes.io/service-account.name": "a",
                    "kubernetes.io/service-account.uid": "u"}}}),
                json!({"kind": "Secret", "metadata": {"annotations": {"kubernetes.io/service-account.name": "a"}}}),
                &["metadata.annotations[kubernetes.io/service-account.uid]"],
            ),
            (
                json!({"kind": "Job", "spec": {"selector": {"matchLabels": {"controller-uid": "u"}},
                    "template": {"metadata": {"labels": {"controller-uid": "u", "app": "a"}}}}}),
                json!({"kind": "Job", "spec": {"template": {"metadata": {"labels": {"app": "a"}}}}}),
                &["spec.selector", "spec.template.metadata.labels.controller-uid"],
            ),
            (
                json!({"kind": "Job", "spec": {"manualSelector": true, "selector": {"matchLabels": {"controller-uid": "u"}}}}),
                json!({"kind": "Job", "spec": {"manualSelector": true, "selector": {"matchLabels": {"controller-uid": "u"}}}}),
                &[],
            ),
        ] {
            let mut sent = given.clone();
            assert_eq!(take_out(&mut sent), named, "{given}");
            assert_eq!(sent, expect);
        }
    }
}
