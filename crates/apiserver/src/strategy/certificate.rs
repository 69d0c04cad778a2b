//! Requests for certificates.

use model::object;
use serde_json::{Value, json};

use crate::surroundings::Surroundings;

/// Writes down the user that asks, as the server authenticated it. What the body says does not count.
pub(super) fn prepare_create(request: &mut Value, surroundings: &dyn Surroundings) {
    let user = surroundings.user();
    let spec = object::slot(request, &["spec"]);
    spec["username"] = json!(&*user.name);
    spec["groups"] = json!(&*user.groups);
    match &user.uid {
        Some(uid) => spec["uid"] = json!(&**uid),
        None => drop(object::remove(request, &["spec", "uid"])),
    }
    let extra = &*user.extra;
    match extra.is_empty() {
        false => *object::slot(request, &["spec", "extra"]) = json!(extra),
        true => drop(object::remove(request, &["spec", "extra"])),
    }
}
