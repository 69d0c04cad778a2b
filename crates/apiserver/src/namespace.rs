//! Namespaces: which there are from the start, and what may be made in them (upstream's NamespaceLifecycle admission).

use model::{GroupResource, Reason, Status, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::key;

/// Namespaces that every cluster has; made at the start.
pub(crate) const SYSTEM: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Refuses to make an object in a namespace that is not there or is going away.
pub(crate) fn check_open(call: &Call, new: &Value) -> Result<(), Status> {
    if !call.state.registry().is_open(&call.served) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(Status::new(Reason::MethodNotAllowed, why));
    }
    let Some(namespace) = call.namespace().filter(|_| call.served.namespaced) else { return Ok(()) };
    let entry = call.state.store.snapshot().get(&key::object("", "namespaces", "", namespace));
    let Some(entry) = entry else {
        let resource = GroupResource { group: String::new(), resource: "namespaces".to_owned() };
        return Err(Status::not_found(&resource, namespace));
    };
    if !entry.meta.deleting {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut status = Status::forbidden(&call.served.resource, object::name(new).unwrap_or_default(), &why);
    status.details["causes"] = json!([{
        "reason": "NamespaceTerminating",
        "message": format!("namespace {namespace} is being terminated"),
        "field": "metadata.namespace",
    }]);
    Err(status)
}
