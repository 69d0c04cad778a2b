//! How requests reach one server: what makes a connection, and what a request gets on its way.
//!
//! The client library's own client does the same, and keeps a queue of 32 requests and a task between who asks and the
//! connection: 11 KiB for each server, and two more wakes for each request. A hub has a thousand servers, so here each
//! request takes a handle of the connection and goes.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use tokio::time::Instant;
use tower::{BoxError, Service, ServiceExt as _};

use crate::connect::connections::Newest;
use crate::proof::Insist;

/// The body of an answer: its bytes as they come.
pub type AnswerBody = UnsyncBoxBody<Bytes, kube::Error>;

/// How requests reach one server. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Transport {
    route: Arc<dyn Route>,
    /// The cluster that it insists on, where it makes its connections itself.
    insist: Option<Insist>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    fn of(route: impl Route + 'static) -> Self {
        Self { route: Arc::new(route), insist: None }
    }

    /// Sends through a service, which is cloned for each request: a clone must be a handle.
    #[cfg(test)]
    pub(crate) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self::of(Direct { service, newest: None })
    }

    /// The same, whose newest connection can be renewed.
    pub(crate) fn renewing<S, B>(service: S, newest: Arc<Newest>) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self::of(Direct { service, newest: Some(newest) })
    }

    /// Makes the next request open another connection, where it makes its connections itself.
    pub(crate) fn renew(&self) {
        self.route.renew();
    }

    /// Makes the next request open another connection, where one got no answer over this one that was begun at `asked`.
    pub(crate) fn renew_late(&self, asked: Instant) {
        self.route.renew_late(asked);
    }

    /// The same, which insists on one cluster.
    pub(crate) fn insisting(&self, insist: Insist) -> Self {
        Self { route: Arc::clone(&self.route), insist: Some(insist) }
    }

    /// Sends a request and reads the head of the answer. The caller sets the deadline.
    ///
    /// # Errors
    /// No answer came; one that is a refusal is no error here.
    // No `async fn`: who awaits that has room for the request, which is in the future of the way already.
    pub fn send(&self, mut request: Request<Body>) -> Answering {
        if let Some(insist) = &self.insist {
            request.extensions_mut().insert(insist.clone());
        }
        self.route.send(request)
    }
}

impl From<kube::Client> for Transport {
    fn from(client: kube::Client) -> Self {
        Self::of(client)
    }
}

/// The head of an answer, on its way.
pub type Answering = BoxFuture<'static, Result<Response<AnswerBody>, kube::Error>>;

trait Route: Send + Sync {
    /// The future keeps the way there: a switch may be turned meanwhile.
    fn send(&self, request: Request<Body>) -> Answering;

    /// Makes the next request open another connection, if it can.
    fn renew(&self) {}

    /// The same, unless the connection had no time to answer a request that was begun at `asked`.
    fn renew_late(&self, _asked: Instant) {}
}

impl Route for kube::Client {
    fn send(&self, request: Request<Body>) -> Answering {
        let client = self.clone();
        Box::pin(async move { Ok(Self::send(&client, request).await?.map(|body| body.boxed_unsync())) })
    }
}

/// Turns clients of a server to another way there, such as one with a new token. Requests and watches that are under way
/// go on as they began; every later one takes the new way. Cheap to clone; clones turn the same clients.
#[derive(Clone)]
pub struct Switch(Arc<RwLock<Transport>>);

impl std::fmt::Debug for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switch").finish_non_exhaustive()
    }
}

impl Switch {
    pub(crate) fn new(way: Transport) -> Self {
        Self(Arc::new(RwLock::new(way)))
    }

    /// The way for clients, which this turns.
    pub(crate) fn transport(&self) -> Transport {
        Transport::of(self.clone())
    }

    /// Turns to the way that another client takes.
    pub fn turn_to(&self, api: &crate::Api) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = api.transport().clone();
    }
}

impl Route for Switch {
    fn send(&self, request: Request<Body>) -> Answering {
        self.0.read().unwrap_or_else(PoisonError::into_inner).send(request)
    }

    fn renew(&self) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).renew();
    }

    fn renew_late(&self, asked: Instant) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).renew_late(asked);
    }
}

struct Direct<S> {
    service: S,
    newest: Option<Arc<Newest>>,
}

impl<S, B> Route for Direct<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn send(&self, request: Request<Body>) -> Answering {
        let answered = |answer: Result<Response<B>, S::Error>| match answer {
            Ok(answer) => Ok(answer.map(|body| body.map_err(|error| sort(error.into())).boxed_unsync())),
            Err(error) => Err(sort(error.into())),
        };
        self.service.clone().oneshot(request).map(answered).boxed()
    }

    fn renew(&self) {
        if let Some(newest) = &self.newest {
            newest.renew();
        }
    }

    fn renew_late(&self, asked: Instant) {
        if let Some(newest) = &self.newest {
            newest.renew_late(asked);
        }
    }
}

/// An error of the client library's layers stays what it is.
pub(crate) fn sort(error: BoxError) -> kube::Error {
    match error.downcast::<kube::Error>() {
        Ok(error) => *error,
        Err(error) => kube::Error::Service(error),
    }
}

#[cfg(test)]
mod tests;
