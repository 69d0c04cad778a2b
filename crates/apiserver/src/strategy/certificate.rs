//! Requests for certificates.

use std::cmp::Ordering;

use model::{FieldError, FieldPath, object};
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

/// What only `/approval` may change, and with it who has the right to approve: whether the request is approved or denied
/// (`pkg/apis/certificates/validation`, `ValidateCertificateSigningRequestStatusUpdate`).
pub(crate) fn decided_elsewhere(new: &Value, old: &Value) -> Vec<FieldError> {
    let conditions = |request: &'_ Value, of: &str| -> Vec<Value> {
        let all = object::get(request, &["status", "conditions"]).and_then(Value::as_array);
        all.into_iter().flatten().filter(|condition| condition["type"] == of).cloned().collect()
    };
    let check = |of: &str| {
        let (new, old) = (conditions(new, of), conditions(old, of));
        let verb = match new.len().cmp(&old.len()) {
            Ordering::Less => "remove",
            Ordering::Greater => "add",
            Ordering::Equal if new != old => "modify",
            Ordering::Equal => return None,
        };
        let detail = format!("updates may not {verb} a condition of type {of:?}");
        Some(FieldError::forbidden(FieldPath::of("status.conditions"), detail))
    };
    ["Approved", "Denied"].into_iter().filter_map(check).collect()
}
