//! What create, update, patch and apply have in common: from a wanted object to a stored one.

use std::sync::Arc;

use apimachinery::patch;
use bytes::{Bytes, BytesMut};
use model::{Status, object};
use serde_json::Value;
use store::{Entry, Expect, Write, WriteError};

use super::get;
use crate::admission::Operation;
use crate::call::Call;
use crate::meta::Meta;
use crate::reply::Answer;
use crate::state::{Current, write_failure};
use crate::{authz, lifecycle, network, semantics, stored, tracking};

/// Tries of a write that is not bound to a resourceVersion and meets a newer version
/// (`endpoints/handlers/patch.go`, maxRetryWhenPatchConflicts).
pub(super) const TRIES: usize = 5;

/// What became of a write.
pub(super) enum Outcome {
    /// It is done; the answer.
    Done(Answer),
    /// Another write came in between: the caller reads again and tries again.
    Raced,
}

/// How a wanted object came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The client sent the object, or a patch made it: changed fields go to its manager.
    Update,
    /// Server-side apply has set the managers already.
    Apply,
}

/// Finishes an object that is to be made, and stores it.
pub(super) async fn insert(call: &mut Call, mut new: Value, how: How, dry_run: bool) -> Result<Outcome, Status> {
    let state = call.state.clone();
    let served = call.served.clone();
    let now = state.now();
    lifecycle::drop_status(call, &mut new);
    semantics::normalize(&served, &mut new)?;
    let generated = lifecycle::before_create(call, &mut new, now)?;
    semantics::default(&served, &mut new);
    admit(call, Operation::Create, &mut new, None, dry_run)?;
    if how == How::Update {
        new = tracking::track(call, None, new, now);
    }
    // From here on the server itself sets fields: they have no owner.
    lifecycle::prepare_create(call, &mut new, now);
    // Held until the object is in the store: what is free is seen by one creation at a time.
    let _network = network::allocate(&state, &served, &mut new, None).await?;
    check(call, &new, None)?;
    validate_admission(call, Operation::Create, &new, None, dry_run)?;
    let name = object::name(&new).unwrap_or_default().to_owned();
    let key = state.key(&served, call.namespace(), &name);
    if dry_run {
        if state.store.snapshot().get(&key).is_some() {
            return Err(Status::already_exists(&served.resource, &name));
        }
        return Ok(Outcome::Done(get::object(call, 201, crate::stored::json_bytes(&new))?));
    }
    let bytes = semantics::encode(&served, &mut new)?;
    let write = Write { key, expect: Expect::Absent, value: Some(bytes.clone()) };
    match state.write(write).await {
        Ok(written) => Ok(Outcome::Done(answer(call, 201, &bytes, &written.entry)?)),
        Err(WriteError::Unexpected { .. }) if generated || how == How::Apply => Ok(Outcome::Raced),
        Err(WriteError::Unexpected { .. }) => Err(Status::already_exists(&served.resource, &name)),
        Err(error) => Err(write_failure(&error)),
    }
}

/// Finishes a changed object, and stores it if it differs from what is stored.
pub(super) async fn replace(
    call: &mut Call,
    current: &Current,
    mut new: Value,
    how: How,
    dry_run: bool,
) -> Result<Outcome, Status> {
    let state = call.state.clone();
    let served = call.served.clone();
    let now = state.now();
    semantics::normalize(&served, &mut new)?;
    lifecycle::before_update(call, &mut new, &current.object)?;
    semantics::default(&served, &mut new);
    admit(call, Operation::Update, &mut new, Some(&current.object), dry_run)?;
    if how == How::Update {
        new = tracking::track(call, Some(&current.object), new, now);
    }
    let _network = network::allocate(&state, &served, &mut new, Some(&current.object)).await?;
    lifecycle::after_update(call, &mut new, &current.object, now);
    check(call, &new, Some(&current.object))?;
    validate_admission(call, Operation::Update, &new, Some(&current.object), dry_run)?;
    // What only came about by normalizing and defaulting again is no change, and gets no new time.
    patch::keep_times(&current.object, &mut new);
    if dry_run {
        stored::set_revision(&mut new, current.entry.modified);
        return Ok(Outcome::Done(get::object(call, 200, crate::stored::json_bytes(&new))?));
    }
    let gone = lifecycle::is_finished(&served, &new);
    let bytes = semantics::encode(&served, &mut new)?;
    if !gone && bytes == current.bytes {
        return Ok(Outcome::Done(answer(call, 200, &bytes, &current.entry)?));
    }
    let expect = Expect::At(current.entry.modified);
    if gone {
        // The last finalizer went: the object goes with it. Watchers see it as it was before.
        let write = Write { key: current.entry.key.clone(), expect, value: None };
        return match state.write(write).await {
            Ok(written) => {
                stored::set_revision(&mut new, written.revision);
                semantics::convert(&mut new, &served);
                Ok(Outcome::Done(get::object(call, 200, crate::stored::json_bytes(&new))?))
            }
            Err(WriteError::Unexpected { .. } | WriteError::Absent) => Ok(Outcome::Raced),
            Err(error) => Err(write_failure(&error)),
        };
    }
    let write = Write { key: current.entry.key.clone(), expect, value: Some(bytes.clone()) };
    match state.write(write).await {
        Ok(written) => Ok(Outcome::Done(answer(call, 200, &bytes, &written.entry)?)),
        Err(WriteError::Unexpected { .. }) => Ok(Outcome::Raced),
        Err(error) => Err(write_failure(&error)),
    }
}

/// Says that a write lost against another.
pub(super) fn conflict(call: &Call) -> Status {
    let why = "the object has been modified; please apply your changes to the latest version and try again";
    Status::conflict(&call.served.resource, call.name(), why)
}

fn answer(call: &Call, code: u16, bytes: &Bytes, entry: &Arc<Entry<Meta>>) -> Result<Answer, Status> {
    let mut out = BytesMut::new();
    if stored::is_version(bytes, &call.served.api_version) {
        stored::splice(&mut out, bytes, &entry.meta, entry.modified);
    } else {
        call.state.render(&mut out, &call.served, entry, entry.modified)?;
    }
    get::object(call, code, out.freeze())
}

fn admit(call: &Call, operation: Operation, new: &mut Value, old: Option<&Value>, dry_run: bool) -> Result<(), Status> {
    let mut changed = false;
    for admission in call.state.admissions.iter().filter(|a| a.handles(&call.served.resource, operation)) {
        let name = object::name(new).unwrap_or_default().to_owned();
        let request = call.admission(operation, &name, old, dry_run);
        admission.mutate(&request, new).map_err(|denied| denied.into_status(&request))?;
        changed = true;
    }
    if changed {
        semantics::prune(&call.served, new);
        semantics::default(&call.served, new);
    }
    Ok(())
}

fn validate_admission(
    call: &mut Call,
    operation: Operation,
    new: &Value,
    old: Option<&Value>,
    dry_run: bool,
) -> Result<(), Status> {
    let mut warnings = lifecycle::warnings(call, new, old);
    for admission in call.state.admissions.iter().filter(|a| a.handles(&call.served.resource, operation)) {
        let request = call.admission(operation, object::name(new).unwrap_or_default(), old, dry_run);
        warnings.extend(admission.validate(&request, Some(new)).map_err(|denied| denied.into_status(&request))?);
    }
    // A write that met a newer version of the object comes here again.
    warnings.retain(|warning| !call.warnings.contains(warning));
    call.warnings.append(&mut warnings);
    Ok(())
}

fn check(call: &Call, new: &Value, old: Option<&Value>) -> Result<(), Status> {
    let mut errors = semantics::validate(&call.served, new, old);
    errors.extend(lifecycle::check(call, new, old));
    if !errors.is_empty() {
        let name = object::name(new).unwrap_or_default();
        return Err(Status::invalid(&call.served.gvk.group_kind(), name, &errors));
    }
    authz::signer::check(call, new, old)?;
    authz::escalation::check(&call.state, &call.user, &call.served, new, old)
}
