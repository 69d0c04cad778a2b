//! The tower service: one request in, one answer out.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use http::Request;
use http_body::Body;
use model::{Reason, Status};

use crate::budget::Origin;
use crate::reply::{self, Answer};
use crate::state::State;
use crate::user::UserInfo;
use crate::{body, dispatch};

/// Answers requests of one user. Goes into `kube::Client::new`.
#[derive(Clone)]
pub struct Service {
    state: Arc<State>,
    user: UserInfo,
}

impl Service {
    pub(crate) fn new(state: Arc<State>, user: UserInfo) -> Self {
        Self { state, user }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("user", &self.user.name).finish_non_exhaustive()
    }
}

impl<B> tower::Service<Request<B>> for Service
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (state, user) = (self.state.clone(), self.user.clone());
        Box::pin(async move { Ok(answer(state, user, Origin::Process, request).await) })
    }
}

/// Handles one request whole: limits, body, dispatch; a panic becomes a 500 and ends nothing else.
pub(crate) async fn answer<B>(state: Arc<State>, user: UserInfo, origin: Origin, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    let counters = state.clone();
    let handled = AssertUnwindSafe(handle(state, user, origin, request)).catch_unwind().await;
    let answer = match handled {
        Ok(Ok(answer)) => answer,
        Ok(Err(status)) => reply::failure(&status),
        Err(_) => {
            counters.counters.panicked();
            tracing::error!("a request handler panicked");
            reply::failure(&Status::internal("the request handler panicked; this is a bug, see the server's log"))
        }
    };
    if answer.status().is_server_error() {
        counters.counters.failed();
    }
    answer
}

async fn handle<B>(state: Arc<State>, user: UserInfo, origin: Origin, request: Request<B>) -> Result<Answer, Status>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    // A watch holds a permit of its own for as long as its body lives; see `verb::watch`.
    let Some(_permit) = state.budgets.admit_request(origin) else {
        state.counters.refuse();
        let message = "too many requests at once, please try again later";
        return Err(Status::new(Reason::TooManyRequests, message).retry_after(1));
    };
    let limit = state.limits.request;
    let work = async {
        let (parts, stream) = request.into_parts();
        // A body of a caller without credentials is not waited for: nothing that they may ask for has one.
        let bytes = if origin == Origin::Anonymous { Bytes::new() } else { body::read(stream).await? };
        Box::pin(dispatch::dispatch(&state, user, origin, parts, bytes)).await
    };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let message = format!("the request did not finish within {} s", limit.as_secs());
        Err(Status::new(Reason::Timeout, message))
    })
}
