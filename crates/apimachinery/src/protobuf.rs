//! Request bodies in Kubernetes' protobuf encoding, read into the JSON that kube-apiserver would have.
//!
//! The wire format is `k8s\0`, then a `runtime.Unknown` whose `raw` is the message of the object that its `typeMeta`
//! names (`apimachinery/pkg/runtime/serializer/protobuf`). Messages are read by the table of built-in types; there is no
//! generated code. Nothing is written in this encoding: answers are JSON, which every client accepts.
//!
//! Bodies come from every client that can reach the server, so depth and the number of values are bounded, and every
//! failure is an error that says where.

mod error;
mod message;
#[cfg(test)]
mod tests;
mod wire;

use model::GroupVersionKind;
use serde_json::Value;

use crate::normal::normalize_type;
pub use error::ProtobufError;
use message::Reader;

/// What every body begins with.
pub const MAGIC: &[u8] = b"k8s\0";

/// The content type of such bodies.
pub const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// Reads a whole body into the object's JSON, with `apiVersion` and `kind`, in the canonical form of
/// [`crate::normal::normalize`].
///
/// # Errors
/// See [`ProtobufError`].
pub fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    let unknown = body.strip_prefix(MAGIC).ok_or(ProtobufError::NotKubernetes)?;
    let envelope = wire::envelope(unknown)?;
    if !matches!(envelope.content_type, "" | CONTENT_TYPE) || !envelope.content_encoding.is_empty() {
        let (encoding, content_type) = (envelope.content_encoding.to_owned(), envelope.content_type.to_owned());
        return Err(ProtobufError::Encoding { encoding, content_type });
    }
    if envelope.api_version.is_empty() || envelope.kind.is_empty() {
        return Err(ProtobufError::NoKind);
    }
    let gv: model::GroupVersion =
        envelope.api_version.parse().map_err(|_| ProtobufError::ApiVersion(envelope.api_version.to_owned()))?;
    decode_as(&gv.kind(envelope.kind), envelope.raw)
}

/// Reads the bare message of an object of a known kind.
///
/// # Errors
/// See [`ProtobufError`].
pub fn decode_as(gvk: &GroupVersionKind, raw: &[u8]) -> Result<Value, ProtobufError> {
    let index = kinds::request_type(gvk).ok_or_else(|| ProtobufError::UnknownKind(gvk.clone()))?;
    let mut object = Reader::new(&gvk.kind).message(index, raw)?;
    object.insert("apiVersion".to_owned(), gvk.api_version().into());
    object.insert("kind".to_owned(), gvk.kind.clone().into());
    let mut object = Value::Object(object);
    normalize_type(index, &mut object).map_err(|errors| {
        let first = errors.into_iter().next();
        first.map_or(ProtobufError::NoKind, |e| ProtobufError::Value { at: e.path.to_string(), detail: e.detail })
    })?;
    Ok(object)
}
