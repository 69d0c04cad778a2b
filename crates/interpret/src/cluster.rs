//! What a cluster is made of: namespaces, nodes, kinds, APIs.

use serde_json::Value;

use crate::health::{Health, State};
use crate::read::{condition, flag, text};

pub(crate) fn namespace(object: &Value) -> Health {
    match text(object, "status.phase") {
        "Terminating" => Health::progressing("Terminating", "being deleted"),
        // A namespace works from the moment it exists; the phase is filled in by a default.
        _ => Health::healthy(),
    }
}

pub(crate) fn node(object: &Value) -> Health {
    match condition(object, "Ready") {
        None => Health::new(State::Unknown, "NoStatus", "the node has not reported yet"),
        Some(ready) if ready.is_true() => {
            if flag(object, "spec.unschedulable") {
                Health::new(State::Suspended, "Unschedulable", "the node takes no new pods")
            } else {
                Health::healthy()
            }
        }
        Some(ready) if ready.is_false() => Health::of(State::Degraded, ready, "NotReady"),
        Some(ready) => Health::of(State::Unknown, ready, "NodeStatusUnknown"),
    }
}

pub(crate) fn custom_kind(object: &Value) -> Health {
    if let Some(refused) = condition(object, "NamesAccepted").filter(|c| c.is_false()) {
        return Health::of(State::Degraded, refused, "NamesNotAccepted");
    }
    match condition(object, "Established") {
        Some(found) if found.is_true() => Health::healthy(),
        Some(found) => Health::of(State::Progressing, found, "NotEstablished"),
        None => Health::progressing("NotEstablished", "the kind is not served yet"),
    }
}

pub(crate) fn api_service(object: &Value) -> Health {
    match condition(object, "Available") {
        Some(found) if found.is_true() => Health::healthy(),
        Some(found) => Health::of(State::Progressing, found, "NotAvailable"),
        None => Health::progressing("NotAvailable", "the API has not been tried yet"),
    }
}

pub(crate) fn signing_request(object: &Value) -> Health {
    for ty in ["Denied", "Failed"] {
        if let Some(found) = condition(object, ty) {
            return Health::of(State::Degraded, found, ty);
        }
    }
    if !text(object, "status.certificate").is_empty() {
        return Health::healthy();
    }
    Health::progressing("Pending", "no certificate has been issued yet")
}
