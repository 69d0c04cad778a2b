//! `patch`: JSON, merge, strategic merge, and server-side apply.

use apimachinery::patch;
use model::{Reason, Status, object};
use serde_json::Value;

use super::update::{misnamed, nameless, preconditions};
use super::write::{How, Outcome, TRIES, conflict, insert, replace};
use crate::call::Call;
use crate::negotiate::{self, Encoding};
use crate::reply::Answer;
use crate::{semantics, tracking};

/// Patches an object; a patch that is not bound to a resourceVersion is tried again after another write came in
/// between.
pub(super) async fn patch(call: &mut Call) -> Result<Answer, Status> {
    let dry_run = call.query.dry_run("PatchOptions")?;
    let strategic = call.served.builtin().is_some();
    let encoding = negotiate::patch_body(call.content_type.as_deref(), strategic)?;
    if encoding == Encoding::Apply {
        return apply(call, dry_run).await;
    }
    if call.query.get("force").is_some() {
        let error =
            model::FieldError::forbidden(model::FieldPath::of("force"), "may not be specified for non-apply patch");
        return Err(Status::invalid(&model::GroupKind::new("meta.k8s.io", "PatchOptions"), "", &[error]));
    }
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|e| Status::bad_request(format!("error decoding patch: {e}")))?;
    for _ in 0..TRIES {
        let Some(current) = call.state.current(&call.served, call.namespace(), call.name())? else {
            return Err(call.not_found());
        };
        let mut new = changed(call, encoding, &current.object, &body)?;
        semantics::check_kind(&mut new, &call.served)?;
        match object::name(&new) {
            Some(name) if name == call.name() => {}
            name => return Err(misnamed(call, name.unwrap_or_default())),
        }
        let uid = object::uid(&new);
        if uid != object::uid(&current.object) {
            let path = model::FieldPath::of("metadata.uid");
            let error = model::FieldError::invalid(path, uid.unwrap_or_default(), "field is immutable");
            return Err(Status::invalid(&call.served.gvk.group_kind(), call.name(), &[error]));
        }
        call.warnings.clear();
        call.prune(&mut new, Vec::new())?;
        // The patched object carries the version it was made from, so only a patch that sets another one is refused.
        let bound = preconditions(call, &new, current.entry.modified, &current.object)
            .map(|_| names_version(encoding, &body))?;
        match replace(call, &current, new, How::Update, dry_run).await? {
            Outcome::Done(answer) => return Ok(answer),
            Outcome::Raced if bound => break,
            Outcome::Raced => {}
        }
    }
    Err(conflict(call))
}

fn names_version(encoding: Encoding, body: &Value) -> bool {
    encoding != Encoding::JsonPatch && object::resource_version(body).is_some()
}

fn changed(call: &Call, encoding: Encoding, current: &Value, body: &Value) -> Result<Value, Status> {
    let result = match encoding {
        Encoding::JsonPatch => patch::json(current, body),
        Encoding::StrategicPatch => patch::strategic(current, body, call.served.schema()),
        _ => Ok(patch::merge(current, body)),
    };
    result.map_err(|error| {
        let reason = match error.code() {
            413 => Reason::RequestEntityTooLarge,
            422 => Reason::Invalid,
            _ => Reason::BadRequest,
        };
        match reason {
            // Without a kind in the details: kubectl shows the message only then.
            Reason::Invalid => Status {
                details: serde_json::json!({}),
                ..Status::new(
                    reason,
                    format!("the server rejected our request due to an error in our request: {error}"),
                )
            },
            _ => Status::new(reason, error.to_string()),
        }
    })
}

/// Server-side apply: makes the object when it is not there.
async fn apply(call: &mut Call, dry_run: bool) -> Result<Answer, Status> {
    if call.query.get("fieldManager").is_none() {
        let error = model::FieldError::required(model::FieldPath::of("fieldManager"), "is required for apply patch");
        return Err(Status::invalid(&model::GroupKind::new("meta.k8s.io", "PatchOptions"), "", &[error]));
    }
    let text = std::str::from_utf8(&call.body).map_err(|e| Status::bad_request(format!("error decoding YAML: {e}")))?;
    // JSON is YAML; when it is plain JSON the faster parser does it.
    let (applied, duplicate) = match crate::json::parse(text.as_bytes()) {
        Ok((value, twice)) if twice.is_empty() => (value, None),
        _ => model::yaml::parse_and_duplicate(text)
            .map_err(|e| Status::bad_request(format!("error decoding YAML: {e}")))?,
    };
    semantics::check_kind_given(&applied, &call.served)?;
    // Not pruned: what the schema does not know cannot be owned, and is refused below.
    if let Some(name) = object::name(&applied).filter(|name| *name != call.name() && !name.is_empty()) {
        return Err(misnamed(call, name));
    }
    let force = call.query.flag("force");
    if let Some(duplicate) = duplicate {
        report_duplicate(call, &duplicate)?;
    }
    for _ in 0..TRIES {
        let now = call.state.now();
        let outcome = match call.state.current(&call.served, call.namespace(), call.name())? {
            Some(current) => {
                let bound = match object::resource_version(&applied) {
                    Some(_) => preconditions(call, &applied, current.entry.modified, &current.object)?,
                    None => false,
                };
                let new = tracking::apply(call, Some(&current.object), &applied, force, now)?;
                let outcome = replace(call, &current, new, How::Apply, dry_run).await?;
                if bound && matches!(outcome, Outcome::Raced) {
                    break;
                }
                outcome
            }
            None if !call.subresource().is_empty() => return Err(call.not_found()),
            None if object::uid(&applied).is_some() => {
                let uid = object::uid(&applied).unwrap_or_default();
                let why =
                    format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
                return Err(Status::conflict(&call.served.resource, call.name(), &why));
            }
            None if object::name(&applied).is_none_or(str::is_empty) => return Err(nameless(call)),
            // An object that has to be there already.
            None if object::resource_version(&applied).is_some() => return Err(conflict(call)),
            None => {
                call.may_create()?;
                let new = tracking::apply(call, None, &applied, force, now)?;
                insert(call, new, How::Apply, dry_run).await?
            }
        };
        if let Outcome::Done(answer) = outcome {
            return Ok(answer);
        }
    }
    Err(conflict(call))
}

/// Reports a key that an applied text has twice, as `fieldValidation` says.
fn report_duplicate(call: &mut Call, duplicate: &model::yaml::Duplicate) -> Result<(), Status> {
    let said = format!("error converting YAML to JSON: yaml: unmarshal errors:\n  {duplicate}");
    match call.query.get("fieldValidation") {
        Some("Ignore") => Ok(()),
        Some("Strict") => Err(Status::bad_request(format!("error strict decoding patch: {said}"))),
        _ => {
            call.warnings.push(said);
            Ok(())
        }
    }
}
