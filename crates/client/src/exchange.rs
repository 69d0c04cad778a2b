//! One request and its answer: with a deadline, read up to a limit, and judged when it fails.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;

use crate::failure::Error;
use crate::limit;
use crate::transport::{AnswerBody, Transport};

/// Accept header for whole objects.
pub(crate) const JSON: &str = "application/json";
/// Content type of a JSON merge patch.
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";
/// Content type of a server-side apply. JSON is YAML.
pub(crate) const APPLY_PATCH: &str = "application/apply-patch+yaml";
/// Accept header for one object's metadata.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// Accept header for a list of objects' metadata.
pub(crate) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// A request. A copy of it shares the body.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    /// Content type and body.
    pub(crate) body: Option<(&'static str, Bytes)>,
    /// Largest answer that is read, in bytes.
    pub(crate) bytes_max: usize,
}

impl Ask {
    pub(crate) fn get(path: String, accept: &'static str, bytes_max: usize) -> Self {
        Self { method: Method::GET, path, accept, body: None, bytes_max }
    }
}

/// A request of what is asked.
pub(crate) fn request(ask: Ask) -> Result<Request<Body>, Error> {
    let mut request = Request::builder()
        .method(ask.method)
        .uri(&ask.path)
        .header(header::ACCEPT, ask.accept)
        // A limit on bytes must count what is parsed, not what was compressed; and kube-apiserver 1.37 compresses each
        // event of a watch by itself, which decoders of whole bodies do not expect.
        .header(header::ACCEPT_ENCODING, "identity");
    let body = match ask.body {
        Some((kind, bytes)) => {
            request = request.header(header::CONTENT_TYPE, kind);
            Body::from(bytes)
        }
        None => Body::empty(),
    };
    request.body(body).map_err(|e| Error::Request(e.to_string()))
}

/// Sends a request and reads the head of the answer; a failure is read to its end. The caller sets the deadline.
pub(crate) async fn open(transport: &Transport, ask: Ask) -> Result<(StatusCode, AnswerBody), Error> {
    let answer = transport.send(request(ask)?).await.map_err(Error::transport)?;
    let answer = succeeded(answer).await?;
    Ok((answer.status(), answer.into_body()))
}

/// The same with the whole head, such as the connection over which it came.
pub(crate) async fn open_answer(transport: &Transport, ask: Ask) -> Result<Response<AnswerBody>, Error> {
    succeeded(transport.send(request(ask)?).await.map_err(Error::transport)?).await
}

/// An answer that is no failure.
pub(crate) async fn succeeded(answer: Response<AnswerBody>) -> Result<Response<AnswerBody>, Error> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    // A refusal is a few hundred bytes; one that is not says nothing that anybody could use.
    let body = collect(answer.into_body(), limit::REFUSAL_BYTES_MAX).await.unwrap_or_default();
    Err(Error::refused(status.as_u16(), &body))
}

/// Sends a request and reads the whole answer.
pub(crate) async fn exchange(
    transport: &Transport,
    ask: Ask,
    deadline: Duration,
) -> Result<(StatusCode, Bytes), Error> {
    let max = ask.bytes_max;
    within(deadline, async {
        let (status, body) = open(transport, ask).await?;
        Ok((status, collect(body, max).await?))
    })
    .await
}

/// Gives up after a time. No `async fn`: that has room for the work twice.
pub(crate) fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> impl Future<Output = Result<T, Error>> {
    tokio::time::timeout(time, work).map(move |done| done.unwrap_or(Err(Error::Deadline(time))))
}

/// Reads a body up to a limit.
pub(crate) async fn collect(body: AnswerBody, bytes_max: usize) -> Result<Bytes, Error> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge { max: bytes_max, of: "bytes" }),
        Err(error) => {
            Err(Error::transport(error.downcast::<kube::Error>().map_or_else(kube::Error::Service, |error| *error)))
        }
    }
}
