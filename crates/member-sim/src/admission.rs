//! What a cluster's admission fills in for Pods: an account, and how long they stay on a node in trouble.
//!
//! Follows kube-apiserver's ServiceAccount and DefaultTolerationSeconds plugins. The token volume of the account is
//! the work of the API server.

use apiserver::{Admission, AdmissionRequest, Denied, Operation};
use model::{GroupResource, object};
use serde_json::{Value, json};

use crate::plan::node::{NOT_READY, UNREACHABLE};

/// Defaults of Pods.
pub(crate) struct PodDefaults {
    /// Seconds that pods stay on a node in trouble when they say nothing.
    pub(crate) eviction_secs: i64,
}

impl Admission for PodDefaults {
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool {
        operation == Operation::Create && resource.group.is_empty() && resource.resource == "pods"
    }

    fn mutate(&self, request: &AdmissionRequest<'_>, pod: &mut Value) -> Result<(), Denied> {
        if request.subresource.is_empty() {
            fill(pod, self.eviction_secs);
        }
        Ok(())
    }
}

fn fill(pod: &mut Value, eviction_secs: i64) {
    let named = object::get_str(pod, &["spec", "serviceAccountName"]).filter(|name| !name.is_empty());
    let account = named.unwrap_or("default").to_owned();
    let spec = object::slot(pod, &["spec"]);
    spec["serviceAccountName"] = json!(account);
    // The old name of the same field, which kube-apiserver keeps equal.
    spec["serviceAccount"] = json!(account);
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in [NOT_READY, UNREACHABLE] {
        let tolerated = tolerations.iter().any(|t| {
            let field = |name: &str| t[name].as_str().unwrap_or_default();
            (field("key") == key || field("key").is_empty()) && matches!(field("effect"), "" | "NoExecute")
        });
        if !tolerated {
            let seconds = eviction_secs;
            tolerations
                .push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}));
        }
    }
    spec["tolerations"] = Value::Array(tolerations);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_filled_in_once() {
        let mut pod = json!({"spec": {}});
        fill(&mut pod, 300);
        assert_eq!(pod["spec"]["serviceAccountName"], "default");
        assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len(), 2);
        let before = pod.clone();
        fill(&mut pod, 300);
        assert_eq!(pod, before);
        let mut own = json!({"spec": {"serviceAccountName": "robot", "tolerations": [{"operator": "Exists"}]}});
        fill(&mut own, 300);
        assert_eq!(own["spec"]["serviceAccount"], "robot");
        assert_eq!(own["spec"]["tolerations"].as_array().unwrap().len(), 1);
    }
}
