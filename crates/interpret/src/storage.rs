//! Volumes and claims.

use serde_json::Value;

use crate::health::{Health, State};
use crate::read::text;

pub(crate) fn claim(object: &Value) -> Health {
    match text(object, "status.phase") {
        "Bound" => Health::healthy(),
        "Lost" => Health::degraded("Lost", "the volume that the claim was bound to is gone"),
        _ => Health::progressing("Pending", "the claim is not bound yet"),
    }
}

pub(crate) fn volume(object: &Value) -> Health {
    match text(object, "status.phase") {
        "Available" | "Bound" | "Released" => Health::healthy(),
        "Failed" => {
            let reason = text(object, "status.reason");
            let reason = if reason.is_empty() { "Failed" } else { reason };
            Health::new(State::Degraded, reason, text(object, "status.message"))
        }
        _ => Health::progressing("Pending", "the volume is not available yet"),
    }
}
