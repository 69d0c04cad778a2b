//! `serviceaccounts/token`: tokens on request.

use model::{FieldError, FieldPath, GroupKind, Status, clock, object};
use serde_json::{Value, json};

use crate::authn::{self, Grant};
use crate::call::Call;
use crate::key;
use crate::reply::{self, Answer};

/// Bounds of a token's life in seconds (`pkg/apis/authentication/validation`).
const LIFE_MIN_SECS: i64 = 600;
const LIFE_MAX_SECS: i64 = 1 << 32;

/// Answers a `TokenRequest`.
pub(crate) async fn create(call: &mut Call) -> Result<Answer, Status> {
    let (mut request, _) = call.decode()?;
    if !request.is_object() {
        return Err(Status::bad_request("the object provided is not a JSON object"));
    }
    let (audiences, life_secs) = authn::requested(&request);
    let invalid = |error| Status::invalid(&GroupKind::new("authentication.k8s.io", "TokenRequest"), "", &[error]);
    let path = FieldPath::of("spec.expirationSeconds");
    if life_secs < LIFE_MIN_SECS {
        return Err(invalid(FieldError::invalid(path, life_secs, "may not specify a duration less than 10 minutes")));
    }
    if life_secs > LIFE_MAX_SECS {
        return Err(invalid(FieldError::invalid(
            path,
            life_secs,
            "may not specify a duration larger than 2^32 seconds",
        )));
    }
    let key = call.state.key(&call.served, call.namespace(), call.name());
    let account = call.state.store.snapshot().get(&key).ok_or_else(|| call.not_found())?;
    let namespace = call.namespace().unwrap_or_default();
    let bound = object::get(&request, &["spec", "boundObjectRef"]).filter(|v| v.is_object());
    let bound = bound.map(|reference| bound_object(call, namespace, reference)).transpose()?;
    let now = call.state.now();
    let expires = now.checked_add(jiff::SignedDuration::from_secs(life_secs)).map_err(Status::internal)?;
    let token = authn::sign(
        &call.state,
        Grant {
            namespace,
            account: call.name(),
            uid: &account.meta.uid,
            audiences: audiences.clone(),
            expires,
            bound_to: bound.as_ref().map(|(kind, name, uid)| (kind.as_str(), name.as_str(), uid.as_str())),
        },
    )
    .map_err(Status::internal)?;
    request["apiVersion"] = json!("authentication.k8s.io/v1");
    request["kind"] = json!("TokenRequest");
    request["metadata"] = json!({
        "name": call.name(), "namespace": namespace, "creationTimestamp": clock::format_seconds(now),
    });
    *object::slot(&mut request, &["spec", "audiences"]) = json!(audiences);
    *object::slot(&mut request, &["spec", "expirationSeconds"]) = json!(life_secs);
    request["status"] = json!({"token": token, "expirationTimestamp": clock::format_seconds(expires)});
    Ok(reply::value(201, &request))
}

/// Kind, name and uid of the object that a token is bound to.
fn bound_object(call: &Call, namespace: &str, reference: &Value) -> Result<(String, String, String), Status> {
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, name, uid) = (text("kind"), text("name"), text("uid"));
    let resource = match kind.as_str() {
        "Pod" => "pods",
        "Secret" => "secrets",
        _ => return Err(Status::bad_request(format!("cannot bind token for serviceaccount to object of type {kind}"))),
    };
    let entry = call.state.store.snapshot().get(&key::object("", resource, namespace, &name));
    let group_resource = model::GroupResource { group: String::new(), resource: resource.to_owned() };
    let entry = entry.ok_or_else(|| Status::not_found(&group_resource, &name))?;
    if !uid.is_empty() && *uid != *entry.meta.uid {
        let why = format!("the UID in the bound object reference ({uid}) does not match the UID in record");
        return Err(Status::conflict(&group_resource, &name, &why));
    }
    let uid = entry.meta.uid.to_string();
    Ok((kind, name, uid))
}
