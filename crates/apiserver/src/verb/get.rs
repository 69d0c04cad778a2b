//! `get`.

use bytes::{Bytes, BytesMut};
use model::{Reason, Status};
use serde_json::json;
use store::Revision;

use super::shape;
use crate::call::Call;
use crate::negotiate::Form;
use crate::reply::{self, Answer};
use crate::state::State;

/// One object, copied from the store.
pub(super) fn get(call: &Call) -> Result<Answer, Status> {
    at_least(&call.state, requested(call)?)?;
    let key = call.state.key(&call.served, call.namespace(), call.name());
    let entry = call.state.store.snapshot().get(&key).ok_or_else(|| call.not_found())?;
    let mut out = BytesMut::new();
    call.state.render(&mut out, &call.served, &entry, entry.modified)?;
    object(call, 200, out.freeze())
}

/// An object as JSON bytes, in the form that the client wants.
pub(super) fn object(call: &Call, code: u16, bytes: Bytes) -> Result<Answer, Status> {
    match call.form {
        Form::Object | Form::Discovery => {
            if code == 200 && call.gzip {
                Ok(reply::compressible(vec![bytes], true))
            } else {
                Ok(reply::json(code, bytes))
            }
        }
        form => {
            let object = serde_json::from_slice(&bytes).map_err(Status::internal)?;
            Ok(reply::value(code, &shape::single(call, form, object)))
        }
    }
}

/// The `resourceVersion` parameter.
pub(super) fn requested(call: &Call) -> Result<Option<Revision>, Status> {
    let Some(text) = call.query.get("resourceVersion") else { return Ok(None) };
    let number = text.parse().map_err(|_| {
        let why = format!("Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax");
        Status::bad_request(format!("invalid resource version: resourceVersion: {why}"))
    })?;
    Ok(Some(Revision(number)))
}

/// Refuses a revision that has not happened yet (`storage/errors.go`, NewTooLargeResourceVersionError).
pub(super) fn at_least(state: &State, revision: Option<Revision>) -> Result<(), Status> {
    let newest = state.store.revision();
    match revision {
        Some(asked) if asked > newest => {
            let message = format!("Too large resource version: {asked}, current: {newest}");
            let mut status = Status::new(Reason::Timeout, format!("Timeout: {message}")).retry_after(1);
            status.details["causes"] =
                json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
            Err(status)
        }
        _ => Ok(()),
    }
}
