//! The owners of fields: what a write does to `metadata.managedFields`, and server-side apply.

use apimachinery::fieldset::{FieldSet, Path};
use apimachinery::patch::apply::{self, Change};
use model::{Status, Timestamp};
use serde_json::Value;

use crate::call::Call;

/// What tracking and apply need to know of a write.
fn change<'a>(call: &'a Call, live: Option<&'a Value>, reset: &'a FieldSet, now: Timestamp) -> Change<'a> {
    Change {
        live,
        schema: call.served.schema(),
        manager: call.manager(),
        api_version: &call.served.api_version,
        subresource: call.subresource(),
        reset: Some(reset),
        now,
    }
}

/// The fields that a write of this path never changes: the writer does not become their owner.
fn reset(call: &Call) -> FieldSet {
    if call.subresource() == "status"
        && let Some(kept) = call.served.strategy.status_metadata
    {
        let kept = kept.iter().map(|field| Path::fields(["metadata", *field]));
        return kept.chain([Path::fields(["spec"])]).collect::<Vec<_>>().iter().collect();
    }
    apply::reset_fields(call.subresource(), call.served.status)
}

/// Writes down who owns the fields that changed.
pub(crate) fn track(call: &Call, old: Option<&Value>, new: Value, now: Timestamp) -> Value {
    let reset = reset(call);
    apply::update(change(call, old, &reset, now), new)
}

/// Server-side apply.
pub(crate) fn apply(
    call: &Call,
    live: Option<&Value>,
    applied: &Value,
    force: bool,
    now: Timestamp,
) -> Result<Value, Status> {
    let reset = reset(call);
    apply::apply(change(call, live, &reset, now), applied, force).map_err(|error| error.to_status())
}
