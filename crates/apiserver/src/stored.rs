//! Objects as the store holds them: canonical JSON in the storage version, without `metadata.resourceVersion`.
//!
//! The revision of the write *is* the resourceVersion; it is put in while bytes are copied to an answer.

use bytes::{BufMut as _, Bytes, BytesMut};
use model::Status;
use serde_json::Value;
use store::Revision;

use crate::meta::Meta;

/// Room for `"resourceVersion":"18446744073709551615",`.
const SPLICED_MAX: usize = 42;

/// The bytes to store. Removes `metadata.resourceVersion`.
pub(crate) fn encode(object: &mut Value) -> Bytes {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    json_bytes(object)
}

/// A value as compact JSON.
pub(crate) fn json_bytes(value: &Value) -> Bytes {
    // Several times faster than `to_string`, which goes through a formatter.
    Bytes::from(serde_json::to_vec(value).expect("keys of a Value are strings, so it is always JSON"))
}

/// Parses stored bytes and sets the revision.
pub(crate) fn decode(bytes: &[u8], revision: Revision) -> Result<Value, Status> {
    let mut object: Value =
        serde_json::from_slice(bytes).map_err(|e| Status::internal(format!("stored object: {e}")))?;
    set_revision(&mut object, revision);
    Ok(object)
}

/// Sets `metadata.resourceVersion`.
pub(crate) fn set_revision(object: &mut Value, revision: Revision) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), Value::String(revision.to_string()));
    }
}

/// Appends stored bytes with the revision put in.
pub(crate) fn splice(out: &mut BytesMut, bytes: &[u8], meta: &Meta, revision: Revision) {
    use std::fmt::Write as _;
    let at = usize::try_from(meta.splice).unwrap_or(usize::MAX).min(bytes.len());
    out.reserve(bytes.len() + SPLICED_MAX);
    out.put_slice(&bytes[..at]);
    let written = write!(out, "\"resourceVersion\":\"{revision}\"");
    debug_assert!(written.is_ok(), "room was reserved");
    if bytes.get(at) != Some(&b'}') {
        out.put_u8(b',');
    }
    out.put_slice(&bytes[at..]);
}

/// Does the object's text begin with this `apiVersion`? Sorted JSON nearly always starts with it; when it does not, the
/// caller parses and finds out.
pub(crate) fn is_version(bytes: &[u8], api_version: &str) -> bool {
    bytes
        .strip_prefix(b"{\"apiVersion\":\"")
        .and_then(|rest| rest.strip_prefix(api_version.as_bytes()))
        .is_some_and(|rest| rest.first() == Some(&b'"'))
}
