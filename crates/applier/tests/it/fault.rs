//! What goes wrong with single requests of an applier.

use std::sync::Mutex;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Method, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};
use tower::BoxError;

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// It is answered so and not carried out.
    Refuse(u16),
    /// It is answered as a path that the server does not know.
    Hide,
    /// It is answered 404 with this, as what is in front of a server does, and not carried out.
    Foreign(&'static str),
    /// It is carried out and answered so.
    Lie(u16),
    /// It is answered 200 with this, and not carried out.
    Say(String),
    /// It is answered 200 with a body that begins with the first, goes on with the second and never ends.
    Endless(&'static str, &'static str),
    /// It is never answered.
    Hang,
    /// What asks panics.
    Panic,
    /// Somebody creates this just before it arrives.
    After(String, Value),
    /// Somebody sends these just before it arrives: merge patches, or deletes what is patched with `null`.
    Meanwhile(Vec<(String, Value)>),
}

struct Fault {
    method: Method,
    part: String,
    times: usize,
    act: Act,
}

/// The faults that wait for their request.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Lets the next so many requests with this in their path and query meet a fault.
    pub(crate) fn add(&self, method: Method, part: &str, times: usize, act: Act) {
        self.0.lock().unwrap().push(Fault { method, part: part.to_owned(), times, act });
    }

    /// From now on everything is well.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What happens to a request.
    pub(crate) fn meet(&self, method: &Method, uri: &str) -> Option<Act> {
        let mut faults = self.0.lock().unwrap();
        let fault = faults.iter_mut().find(|f| f.times > 0 && f.method == *method && uri.contains(&f.part))?;
        fault.times -= 1;
        Some(fault.act.clone())
    }
}

/// What the body of an answer is here.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is all there.
pub(crate) fn whole(text: String) -> AnswerBody {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

/// A body that begins so, and goes on and on.
pub(crate) fn endless(begin: &'static str, more: &'static str) -> AnswerBody {
    let more = Bytes::from(more.repeat(4_096 / more.len()));
    let pieces = stream::iter([Bytes::from(begin)]).chain(stream::repeat(more));
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}

/// An answer as kube-apiserver gives it for a path that it does not know.
pub(crate) fn unknown_path() -> Response<AnswerBody> {
    Response::builder().status(404).body(whole("404 page not found\n".to_owned())).unwrap()
}

/// A 404 in these words.
pub(crate) fn foreign(said: &'static str) -> Response<AnswerBody> {
    Response::builder().status(404).body(whole(said.to_owned())).unwrap()
}

/// An answer as Kubernetes gives it when something is wrong.
pub(crate) fn answer(code: u16) -> Response<AnswerBody> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "it is broken",
        "reason": "Broken", "code": code});
    Response::builder().status(code).body(whole(status.to_string())).unwrap()
}
