//! `list`: a page of a collection at one revision.

use std::ops::Bound;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use model::{FieldError, FieldPath, GroupKind, Reason, Status};
use serde_json::{Value, json};
use store::{Revision, Snapshot};

use super::filter::Filter;
use super::{get, shape};
use crate::call::Call;
use crate::key;
use crate::meta::Meta;
use crate::negotiate::Form;
use crate::page::Token;
use crate::reply::{self, Answer};

/// Answers a list.
pub(super) async fn list(call: &Call) -> Result<Answer, Status> {
    let filter = Filter::from_call(call)?;
    let limit = call.query.number("limit")?.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok());
    let token = call.query.get("continue").map(Token::decode).transpose()?;
    let snapshot = snapshot(call, token.as_ref())?;
    let prefix = key::prefix(&call.served.stored_as.group, &call.served.stored_as.resource, call.namespace());
    let start = token.as_ref().map_or(Bound::Unbounded, |token| token.start(&prefix));

    let mut page = Vec::new();
    let mut next = None;
    let mut rest = 0_usize;
    for entry in snapshot.range(key::below(&prefix, start)) {
        if next.is_some() {
            rest += 1;
            continue;
        }
        if !filter.matches(&call.state, &entry) {
            continue;
        }
        if limit.is_some_and(|limit| page.len() >= limit) {
            next = page.last().map(|last: &Arc<store::Entry<Meta>>| last.key[prefix.len()..].to_vec());
            rest = 1;
            if !filter.is_everything() {
                break;
            }
            continue;
        }
        page.push(entry);
    }
    let mut metadata = json!({"resourceVersion": snapshot.revision().to_string()});
    if let Some(after) = next {
        call.state.pages.pin(&snapshot, call.state.now());
        metadata["continue"] = json!(Token::new(Some(snapshot.revision()), &after).encode());
        if filter.is_everything() {
            metadata["remainingItemCount"] = json!(rest);
        }
    }
    match call.form {
        Form::Object | Form::Discovery => {
            let chunks = plain(call, &page, &metadata)?;
            Ok(reply::compressible(chunks, call.gzip))
        }
        form => {
            let items = page.iter().map(|e| Ok(call.state.parse(&call.served, e)?.1)).collect::<Result<_, Status>>()?;
            let value = shape::list(call, form, items, metadata);
            Ok(reply::compressible(vec![crate::stored::json_bytes(&value)], call.gzip))
        }
    }
}

/// The list as JSON, its items copied from the store.
fn plain(call: &Call, page: &[Arc<store::Entry<Meta>>], metadata: &Value) -> Result<Vec<Bytes>, Status> {
    let head = format!(
        "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
        call.served.gvk.kind, call.served.api_version
    );
    // Chunks of about a mebibyte, so that a list of 100 MB is not moved again and again while it grows.
    const CHUNK: usize = 1 << 20;
    let mut chunks = Vec::new();
    let mut out = BytesMut::from(head.as_bytes());
    for (index, entry) in page.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b",");
        }
        call.state.render(&mut out, &call.served, entry, entry.modified)?;
        if out.len() >= CHUNK {
            chunks.push(out.split().freeze());
        }
    }
    out.extend_from_slice(b"]}");
    chunks.push(out.freeze());
    Ok(chunks)
}

/// The snapshot that a list reads, by `continue`, `resourceVersion` and `resourceVersionMatch`
/// (the table in the API concepts documentation, "Semantics for list").
fn snapshot(call: &Call, token: Option<&Token>) -> Result<Arc<dyn Snapshot<Meta>>, Status> {
    let wanted = get::requested(call)?;
    let rule = call.query.get("resourceVersionMatch");
    let invalid = |detail: &str| {
        let error = FieldError::forbidden(FieldPath::of("resourceVersionMatch"), detail);
        Err(Status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &[error]))
    };
    if call.query.tristate("sendInitialEvents").is_some() {
        let error =
            FieldError::forbidden(FieldPath::of("sendInitialEvents"), "sendInitialEvents is forbidden for list");
        return Err(Status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &[error]));
    }
    match (rule, wanted) {
        (None, _) => {}
        (Some(_), None) => return invalid("resourceVersionMatch is forbidden unless resourceVersion is provided"),
        (Some(_), _) if token.is_some() => {
            return invalid("resourceVersionMatch is forbidden when continue is provided");
        }
        (Some("Exact"), Some(Revision(0))) => {
            return invalid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
        (Some("Exact" | "NotOlderThan"), _) => {}
        (Some(other), _) => {
            let path = FieldPath::of("resourceVersionMatch");
            let error = FieldError::not_supported(path, other, &["Exact", "NotOlderThan", ""]);
            return Err(Status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &[error]));
        }
    }
    if let Some(token) = token {
        if wanted.is_some_and(|r| r.0 != 0) {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        return match token.revision() {
            Some(revision) => call
                .state
                .pages
                .snapshot_at(call.state.store.snapshot(), revision, call.state.now())
                .ok_or_else(|| token.expired()),
            None => Ok(call.state.store.snapshot()),
        };
    }
    get::at_least(&call.state, wanted)?;
    match (rule, wanted) {
        (Some("Exact"), Some(revision)) => {
            call.state.pages.snapshot_at(call.state.store.snapshot(), revision, call.state.now()).ok_or_else(|| {
                let message = format!("The resourceVersion for the provided list is too old: {revision}");
                Status::new(Reason::Expired, message)
            })
        }
        _ => Ok(call.state.store.snapshot()),
    }
}
