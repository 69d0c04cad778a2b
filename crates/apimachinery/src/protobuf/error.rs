//! Why a body cannot be read.

use model::GroupVersionKind;

/// Why a body cannot be read. All of these are the client's fault: 400, except for [`ProtobufError::UnknownKind`],
/// which is 415 for kinds that exist only as JSON.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ProtobufError {
    #[error("the body does not begin with the four bytes of Kubernetes' protobuf encoding")]
    NotKubernetes,
    #[error("the object names no apiVersion and kind")]
    NoKind,
    #[error("{0:?} is no apiVersion")]
    ApiVersion(String),
    #[error("{0} has no protobuf encoding here: send JSON")]
    UnknownKind(GroupVersionKind),
    #[error("the object is encoded as {encoding:?} {content_type:?}, which is not supported: send it plain")]
    Encoding { encoding: String, content_type: String },
    #[error("{at}: the message ends too early")]
    Truncated { at: String },
    #[error("{at}: wire type {wire} does not fit")]
    WireType { at: String, wire: u8 },
    #[error("{at}: the text is not UTF-8")]
    Utf8 { at: String },
    #[error("{at}: the embedded JSON cannot be read")]
    Json { at: String },
    #[error("{at}: nested deeper than {limit} messages")]
    Depth { at: String, limit: usize },
    #[error("{at}: more than {limit} values in one object")]
    Values { at: String, limit: usize },
    #[error("{at}: {detail}")]
    Value { at: String, detail: String },
}
