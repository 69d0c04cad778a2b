//! Persistent volumes and claims for them.

use model::object;
use serde_json::{Value, json};

use crate::surroundings::Surroundings;

/// A new volume or claim waits to be bound.
pub(super) fn prepare_create(volume: &mut Value, _: &dyn Surroundings) {
    *object::slot(volume, &["status", "phase"]) = json!("Pending");
}
