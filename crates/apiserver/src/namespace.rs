//! Namespaces: what may be made in them, which may be deleted (upstream's NamespaceLifecycle admission).

use model::{GroupResource, Reason, Status, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::key;
use crate::registry::Served;

/// Namespaces that every cluster has; made at the start.
pub(crate) const SYSTEM: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];
/// Of these, the ones that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Refuses to make an object in a namespace that is not there or is going away.
pub(crate) fn check_open(call: &Call, new: &Value) -> Result<(), Status> {
    if !crate::crd::is_open(&call.server.registry(), &call.served) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(Status::new(Reason::MethodNotAllowed, why));
    }
    let Some(namespace) = call.namespace().filter(|_| call.served.namespaced) else { return Ok(()) };
    let entry = call.server.store.snapshot().get(&key::object("", "namespaces", "", namespace));
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

/// Refuses to delete the namespaces that everything else relies on.
pub(crate) fn check_deletable(served: &Served, name: &str) -> Result<(), Status> {
    if served.is("", "Namespace") && IMMORTAL.contains(&name) {
        return Err(Status::forbidden(&served.resource, name, "this namespace may not be deleted"));
    }
    Ok(())
}
