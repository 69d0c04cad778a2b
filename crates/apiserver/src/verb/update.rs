//! `update`, of objects and of their subresources.

use model::{Status, object};
use serde_json::Value;
use store::{Expect, Revision, Write, WriteError};

use super::write::{How, Outcome, TRIES, conflict, insert, replace};
use crate::call::Call;
use crate::reply::Answer;
use crate::semantics;
use crate::state::write_failure;

/// Replaces an object.
pub(super) async fn update(call: &mut Call) -> Result<Answer, Status> {
    let dry_run = call.query.dry_run("UpdateOptions")?;
    let new = call.decode_object()?;
    match object::name(&new) {
        Some(name) if name == call.name() => {}
        Some(name) if !name.is_empty() => {
            return Err(misnamed(call, name));
        }
        _ => return Err(nameless(call)),
    }
    for _ in 0..TRIES {
        let Some(current) = call.state.current(&call.served, call.namespace(), call.name())? else {
            if call.subresource().is_empty() && call.served.strategy.create_on_update {
                if object::resource_version(&new).is_some_and(|rv| !rv.is_empty() && rv != "0") {
                    return Err(conflict(call));
                }
                call.may_create()?;
                match insert(call, new.clone(), How::Update, dry_run).await? {
                    Outcome::Done(answer) => return Ok(answer),
                    Outcome::Raced => continue,
                }
            }
            return Err(call.not_found());
        };
        let bound = preconditions(call, &new, current.entry.modified, &current.object)?;
        match replace(call, &current, new.clone(), How::Update, dry_run).await? {
            Outcome::Done(answer) => return Ok(answer),
            Outcome::Raced if bound => break,
            Outcome::Raced => {}
        }
    }
    Err(conflict(call))
}

/// 400 for a body with another name than the path.
pub(super) fn misnamed(call: &Call, name: &str) -> Status {
    let url = call.name();
    Status::bad_request(format!("the name of the object ({name}) does not match the name on the URL ({url})"))
}

/// 400 for a body without a name.
pub(super) fn nameless(call: &Call) -> Status {
    let name = call.name();
    Status::bad_request(format!(
        "the name of the object ({name} based on URL) was undeterminable: name must be provided"
    ))
}

/// Changes an object on behalf of the server itself (`pods/binding`): the fields get no owner, and generations do
/// not count.
pub(super) async fn replace_part(
    call: &mut Call,
    change: impl Fn(&Call, &mut Value) -> Result<(), Status>,
) -> Result<(), Status> {
    let dry_run = call.query.dry_run("CreateOptions")?;
    for _ in 0..TRIES {
        let current = call.state.current(&call.served, call.namespace(), call.name())?;
        let mut current = current.ok_or_else(|| call.not_found())?;
        change(call, &mut current.object)?;
        if dry_run {
            return Ok(());
        }
        let value = Some(semantics::encode(&call.served, &mut current.object)?);
        let write = Write { key: current.entry.key.clone(), expect: Expect::At(current.entry.modified), value };
        match call.state.write(write).await {
            Ok(_) => return Ok(()),
            Err(WriteError::Unexpected { .. } | WriteError::Absent) => {}
            Err(error) => return Err(write_failure(&error)),
        }
    }
    Err(conflict(call))
}

/// Checks what the object says about the version it is based on; is it bound to one?
pub(super) fn preconditions(call: &Call, new: &Value, at: Revision, old: &Value) -> Result<bool, Status> {
    let asked = object::uid(new).filter(|uid| !uid.is_empty());
    if let (Some(asked), Some(actual)) = (asked, object::uid(old))
        && asked != actual
    {
        let why = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {actual}");
        return Err(Status::conflict(&call.served.resource, call.name(), &why));
    }
    match object::resource_version(new).filter(|rv| !rv.is_empty() && *rv != "0") {
        Some(text) => {
            let asked: u64 = text.parse().map_err(|_| {
                let path = model::FieldPath::of("metadata.resourceVersion");
                let error = model::FieldError::invalid(path, text, "must be an unsigned integer");
                Status::invalid(&call.served.gvk.group_kind(), call.name(), &[error])
            })?;
            if Revision(asked) == at { Ok(true) } else { Err(conflict(call)) }
        }
        None if call.served.strategy.unconditional_update || call.subresource() == "scale" => Ok(false),
        None => {
            let path = model::FieldPath::of("metadata.resourceVersion");
            let error = model::FieldError::invalid(path, 0, "must be specified for an update");
            // Upstream names the resource here, not the kind (`registry/generic/registry/store.go`).
            let resource = &call.served.resource;
            let named = model::GroupKind::new(resource.group.clone(), resource.resource.clone());
            Err(Status::invalid(&named, call.name(), &[error]))
        }
    }
}
