//! Connections with HTTP/1.1: each carries one request at a time.
//!
//! Few members speak nothing else: an old proxy or gateway before a cluster, which ends HTTP/2 itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderValue, Request, Response, Uri, Version, header};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use tokio::time::Instant;
use tower::BoxError;

use super::connections::{Fault, Outgoing};
use crate::limit;
use crate::proof::ClusterCell;

/// The connections to one server that carry no request at the moment. The next request closes those that are too old.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<(Instant, Lane)>>);

/// A connection that carries one request at a time. It is closed when this is dropped.
pub(super) struct Lane {
    requests: SendRequest<Full<Bytes>>,
    cluster: ClusterCell,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, Lane)>> {
        // Every change is one call of `Vec`: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep_idle(&self, lane: Lane) {
        let mut lanes = self.lock();
        if lanes.len() < limit::IDLE_CONNECTIONS_MAX {
            lanes.push((Instant::now(), lane));
        }
    }

    /// The one that was used last, if it is open.
    pub(super) async fn take_idle(&self) -> Option<Lane> {
        loop {
            let (_, mut lane) = {
                let mut lanes = self.lock();
                lanes.retain(|(since, lane)| since.elapsed() < limit::IDLE_TIMEOUT && !lane.requests.is_closed());
                lanes.pop()?
            };
            if lane.requests.ready().await.is_ok() {
                return Some(lane);
            }
        }
    }
}

impl Lane {
    /// Begins to speak over a connection.
    pub(super) async fn begin<T>(io: T) -> Result<Self, BoxError>
    where
        T: Read + Write + Send + Unpin + 'static,
    {
        let (requests, connection) = handshake(io).await?;
        tokio::spawn(connection.map(|closed| {
            if let Err(error) = closed {
                tracing::debug!(%error, "a connection broke");
            }
        }));
        Ok(Self { requests, cluster: ClusterCell::default() })
    }

    pub(super) fn cluster(&self) -> &ClusterCell {
        &self.cluster
    }

    /// Sends a request and reads the head of the answer. The next request may go when its body was read.
    pub(super) async fn exchange(&mut self, outgoing: &mut Option<Outgoing>) -> Result<Response<Incoming>, Fault> {
        self.requests.ready().await.map_err(|_| Fault::Unsent)?;
        let Some(Outgoing { mut head, body }) = outgoing.take() else { return Err(Fault::Unsent) };
        let uri = head.uri.clone();
        if let Some(host) = host(&uri) {
            head.headers.entry(header::HOST).or_insert(host);
        }
        head.version = Version::HTTP_11;
        head.uri = uri.path_and_query().map_or_else(Uri::default, |path| path.clone().into());
        let request = Request::from_parts(head, Full::new(body.clone()));
        match self.requests.try_send_request(request).await {
            Ok(answer) => Ok(answer),
            Err(mut error) => match error.take_message() {
                Some(request) => {
                    let (mut head, _) = request.into_parts();
                    head.uri = uri;
                    *outgoing = Some(Outgoing { head, body });
                    Err(Fault::Unsent)
                }
                None => Err(Fault::Broken(error.into_error().into())),
            },
        }
    }

    /// Sends a request and reads the head of the answer. When its body is read, the connection goes back to the pool.
    pub(super) async fn send(
        mut self,
        outgoing: &mut Option<Outgoing>,
        pool: &Arc<Pool>,
    ) -> Result<Response<LaneAnswer>, Fault> {
        let answer = self.exchange(outgoing).await?;
        Ok(answer.map(|body| {
            let mut answer = LaneAnswer { body, back: Some((self, Arc::clone(pool))) };
            answer.give_back_at_end();
            answer
        }))
    }
}

/// The host of a URL as servers of HTTP/1.1 want it, without the port that everybody knows.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let authority = uri.authority()?;
    let known = matches!((uri.scheme_str(), authority.port_u16()), (Some("https"), Some(443)));
    let host = if known { authority.host() } else { authority.as_str() };
    HeaderValue::from_str(host).ok()
}

/// The body of an answer.
pub(super) struct LaneAnswer {
    body: Incoming,
    back: Option<(Lane, Arc<Pool>)>,
}

impl LaneAnswer {
    pub(super) fn is_end(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(std::pin::Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Err(_)) => self.back = None,
            Some(Ok(_)) => self.give_back_at_end(),
            None => self.give_back(),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn give_back_at_end(&mut self) {
        if self.is_end() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some((lane, pool)) = self.back.take() {
            pool.keep_idle(lane);
        }
    }
}
