//! `deletecollection`.

use std::ops::Bound;

use model::{Reason, Status, object};
use serde_json::json;

use super::delete::{DeleteOptions, Deleted, delete_object};
use super::filter::Filter;
use super::shape;
use crate::call::Call;
use crate::key;
use crate::negotiate::Form;
use crate::reply::{self, Answer};

/// Deletes what the selectors select, one after another; what is gone meanwhile is no error.
pub(super) async fn delete_collection(call: &mut Call) -> Result<Answer, Status> {
    let options = DeleteOptions::from_call(call)?;
    let filter = Filter::from_call(call)?;
    let state = call.state.clone();
    let snapshot = state.store.snapshot();
    let prefix = key::prefix(&call.served.stored_as.group, &call.served.stored_as.resource, call.namespace());
    let entries: Vec<_> =
        snapshot.range(key::below(&prefix, Bound::Unbounded)).filter(|e| filter.matches(&state, e)).collect();
    let revision = snapshot.revision();
    drop(snapshot);
    let mut items = Vec::new();
    for entry in entries {
        match delete_object(call, &entry.meta.name, &options).await {
            Ok((Deleted::Gone(object) | Deleted::Waits(object), mut warnings)) => {
                call.warnings.append(&mut warnings);
                items.push(object);
            }
            Err(status) if status.is(Reason::NotFound) => {}
            Err(status) => return Err(status),
        }
    }
    items.sort_by(|a, b| (object::namespace(a), object::name(a)).cmp(&(object::namespace(b), object::name(b))));
    let metadata = json!({"resourceVersion": revision.to_string()});
    Ok(reply::value(200, &shape::list(call, Form::Object, items, metadata)))
}
