//! A server that answers whatever a test wants, which no honest server would.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use kube::client::Body;
use tower::BoxError;

use crate::api::Api;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Method, path and query.
    pub(crate) line: String,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// What has been asked, in order.
pub(crate) type Log = Arc<Mutex<Vec<Received>>>;

/// An answer: status and body, after which nothing more comes for a pause.
pub(crate) type Answer = Result<Response<StreamBody<Frames>>, BoxError>;
type Frames = stream::BoxStream<'static, Result<Frame<Bytes>, BoxError>>;

/// A client of a server that answers each request, which it gets with its number from 0, as `answer` says.
pub(crate) fn server<F>(answer: impl Fn(usize, &Received) -> F + Clone + Send + Sync + 'static) -> (Api, Log)
where
    F: Future<Output = Answer> + Send + 'static,
{
    let log = Log::default();
    let seen = log.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, seen) = (answer.clone(), seen.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let header = |name| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
            let asked = Received {
                line: format!("{} {}", head.method, head.uri),
                accept: header(http::header::ACCEPT),
                content_type: header(http::header::CONTENT_TYPE),
                body: String::from_utf8(body.to_vec())?,
            };
            let nth = {
                let mut seen = seen.lock().unwrap();
                seen.push(asked.clone());
                seen.len() - 1
            };
            answer(nth, &asked).await
        }
    });
    (Api::new(kube::Client::new(service, "default"), "tester"), log)
}

/// What kube-apiserver says of a path that it does not know.
pub(crate) const UNKNOWN_PATH: &str = "404 page not found\n";

/// What a server says of an object of the core group that is not there.
pub(crate) fn missing(plural: &str, name: &str) -> String {
    let details = serde_json::json!({"name": name, "kind": plural});
    let message = format!("{plural} {name:?} not found");
    serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "NotFound",
        "details": details, "code": 404})
    .to_string()
}

/// A server that answers everything at once.
pub(crate) fn simple(answer: impl Fn(usize, &Received) -> (u16, String) + Clone + Send + Sync + 'static) -> (Api, Log) {
    server(move |nth, asked| {
        let (status, body) = answer(nth, asked);
        async move { reply(status, stream::iter([Bytes::from(body)])) }
    })
}

/// An answer whose body comes in pieces.
pub(crate) fn reply(status: u16, body: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
    let frames: Frames = body.map(|bytes| Ok(Frame::data(bytes))).boxed();
    Ok(Response::builder().status(status).body(StreamBody::new(frames)).unwrap())
}

/// A body that begins like this, and goes on with the same for ever.
pub(crate) fn endless(begin: &'static str, more: &'static str) -> impl Stream<Item = Bytes> + Send + 'static {
    let more = Bytes::from(more.repeat(64 * 1024 / more.len()));
    stream::iter([Bytes::from(begin)]).chain(stream::repeat(more))
}

/// Lines, and then nothing more for ever: an open watch.
pub(crate) fn open(lines: Vec<String>) -> impl Stream<Item = Bytes> + Send + 'static {
    stream::iter(lines.into_iter().map(|line| Bytes::from(line + "\n"))).chain(stream::pending())
}

/// Lines, and the end.
pub(crate) fn closed(lines: Vec<String>) -> impl Stream<Item = Bytes> + Send + 'static {
    stream::iter(lines.into_iter().map(|line| Bytes::from(line + "\n")))
}
