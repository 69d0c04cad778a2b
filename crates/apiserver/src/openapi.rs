//! OpenAPI documents, made on demand from the kinds that are served.

use model::Status;
use serde_json::json;

use crate::reply::{self, Answer};
use crate::server::Inner;

/// `/openapi/v3`.
pub(crate) fn index(_inner: &Inner) -> Answer {
    reply::value(200, &json!({"paths": {}}))
}

/// `/openapi/v3/apis/GROUP/VERSION`.
pub(crate) fn document(
    _inner: &Inner,
    _group: &str,
    _version: &str,
    _etag: Option<&str>,
    _gzip: bool,
) -> Result<Answer, Status> {
    Err(Status::no_such_path())
}

/// `/openapi/v2`.
pub(crate) fn v2(_inner: &Inner, _accept: Option<&str>, _etag: Option<&str>, _gzip: bool) -> Result<Answer, Status> {
    Err(Status::no_such_path())
}
