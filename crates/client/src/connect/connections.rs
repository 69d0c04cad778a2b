//! The connections to one server: one for all requests with HTTP/2, and a pool of them where the server speaks HTTP/1.1
//! only. A request that insists on a cluster goes only over a connection that was asked which cluster answers.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, poll_fn};
use http::{Request, Response, Uri, request};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::http1::{Lane, LaneAnswer, Pool};
use super::http2::{OpenAnswer, Session};
use crate::failure::Error;
use crate::limit;
use crate::proof::{ClusterCell, Insist};

/// Sends requests to one server over connections that `C` makes. Cheap to clone; clones share connections.
pub(super) struct Connections<C>(Arc<Shared<C>>);

impl<C> Clone for Connections<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<C> {
    connector: C,
    /// The server, and the path below which it is.
    server: Uri,
    newest: Arc<Newest>,
    pool: Arc<Pool>,
}

/// The newest connection, or the way to it.
#[derive(Default)]
pub(crate) struct Newest(Mutex<Option<Attempt>>);

/// A connection, or the way to it.
struct Attempt {
    opening: Opening,
    /// A request got no answer over it, which had not said anything before.
    was_late: bool,
}

impl Attempt {
    fn new(opening: Opening) -> Self {
        Self { opening, was_late: false }
    }

    /// What came of it. Polled, since nobody may have waited for the end of it.
    fn result(&self) -> Option<Result<Opened, Failed>> {
        self.opening.clone().now_or_never()
    }
}

/// All requests that need a connection wait for the same one. It is made to its end also where they no longer wait.
type Opening = futures::future::Shared<BoxFuture<'static, Result<Opened, Failed>>>;

#[derive(Clone)]
enum Opened {
    Http2(Session),
    /// The server speaks HTTP/1.1 only. The pool has the connection that found it out.
    Http1,
}

/// A connection for one request.
enum Way {
    Http2(Session),
    Http1(Lane),
}

/// A request that is to be sent.
pub(super) struct Outgoing {
    pub(super) head: request::Parts,
    pub(super) body: Bytes,
}

/// Why a request has no answer.
pub(super) enum Fault {
    /// Nothing of it was sent: another connection may take it.
    Unsent,
    /// Nothing of it was sent: the connection leads to another cluster than the request insists on.
    OtherCluster(Error),
    Broken(BoxError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::OtherCluster { .. } => Self::OtherCluster(error),
            error => Self::Broken(error.into()),
        }
    }
}

/// Why no connection came about, for each request that waited for it.
#[derive(Clone, Debug)]
struct Failed(Arc<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Newest {
    fn lock(&self) -> MutexGuard<'_, Option<Attempt>> {
        // Every change is one assignment: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next request open another connection. What is under way goes on over those that there are.
    pub(crate) fn renew(&self) {
        *self.lock() = None;
    }

    /// Makes the next request open another connection, since one that was begun at `asked` got no answer. A connection that has not
    /// said anything before that may need the time to come about, and has a second chance. Watches leave the one that is given up.
    pub(crate) fn renew_late(&self, asked: Instant) {
        let mut newest = self.lock();
        let Some(attempt) = &mut *newest else { return };
        let Some(Ok(Opened::Http2(session))) = attempt.result() else { return };
        let is_stuck = match session.cluster().known_since() {
            Some(since) => since < asked,
            None => std::mem::replace(&mut attempt.was_late, true),
        };
        if is_stuck {
            session.cluster().give_up();
            *newest = None;
        }
    }

    /// Makes the next request open another connection, unless that was done meanwhile.
    fn forget(&self, cluster: &ClusterCell) {
        let mut newest = self.lock();
        if let Some(Ok(Opened::Http2(session))) = newest.as_ref().and_then(Attempt::result)
            && session.cluster().is_of_the_same(cluster)
        {
            *newest = None;
        }
    }
}

/// Of a server over whose connections nothing can be asked after the question which cluster it is.
const CLOSES_EACH: &str = "the server closes each connection after one answer, so that nothing says where the next one \
                           leads; switch HTTP keep-alive on, in the server or in the proxy before it";

impl<C> Connections<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
{
    /// The newest connection.
    pub(super) fn newest(&self) -> &Arc<Newest> {
        &self.0.newest
    }

    /// `server`: with the path below which it is.
    pub(super) fn new(connector: C, server: Uri) -> Self {
        Self(Arc::new(Shared { connector, server, newest: Arc::default(), pool: Arc::default() }))
    }
}

impl<C> Service<Request<Body>> for Connections<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
{
    type Response = Response<AnswerStream>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            let insist = head.extensions.remove::<Insist>();
            let mut outgoing = Some(Outgoing { head, body: body.collect().await?.to_bytes() });
            let mut closed = "the server closes connections as soon as they are made";
            for _ in 0..limit::CONNECTIONS_TRIED_MAX {
                let mut way = shared.way().await?;
                let cluster = way.cluster().clone();
                let is_new = insist.is_some() && !cluster.is_known();
                let sent = async {
                    if let Some(insist) = &insist {
                        // Boxed: one request of a connection needs it.
                        Box::pin(way.prove(insist, &shared.server, &outgoing)).await?;
                    }
                    way.send(&mut outgoing, &shared.pool).await
                };
                match sent.await {
                    Ok(mut answer) => {
                        answer.extensions_mut().insert(cluster);
                        return Ok(answer);
                    }
                    Err(Fault::Broken(error)) => return Err(error),
                    Err(Fault::OtherCluster(error)) => {
                        // The next one may lead to the right one.
                        shared.newest.forget(&cluster);
                        return Err(error.into());
                    }
                    Err(Fault::Unsent) => {
                        if is_new && cluster.is_known() {
                            closed = CLOSES_EACH;
                        }
                        shared.newest.forget(&cluster);
                    }
                }
            }
            Err(closed.into())
        })
    }
}

impl<C> Shared<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
{
    /// A connection for a request.
    async fn way(&self) -> Result<Way, BoxError> {
        if let Opened::Http2(session) = self.opening().await? {
            return Ok(Way::Http2(session));
        }
        if let Some(lane) = self.pool.take_idle().await {
            return Ok(Way::Http1(lane));
        }
        let way = open(self.connector.clone(), self.server.clone(), Arc::downgrade(&self.newest)).await?;
        if let Way::Http2(session) = &way {
            // The server has learned it.
            let opened = std::future::ready(Ok(Opened::Http2(session.clone()))).boxed().shared();
            *self.newest.lock() = Some(Attempt::new(opened));
        }
        Ok(way)
    }

    /// The newest connection, or the way to it. What failed before is tried again.
    fn opening(&self) -> Opening {
        let mut newest = self.newest.lock();
        match &*newest {
            Some(attempt) if !matches!(attempt.result(), Some(Err(_))) => attempt.opening.clone(),
            _ => {
                let (connector, server) = (self.connector.clone(), self.server.clone());
                let (known, pool) = (Arc::downgrade(&self.newest), Arc::clone(&self.pool));
                let opened = tokio::spawn(async move {
                    Ok(match open(connector, server, known).await? {
                        Way::Http2(session) => Opened::Http2(session),
                        Way::Http1(lane) => {
                            pool.keep_idle(lane);
                            Opened::Http1
                        }
                    })
                });
                let opening = opened
                    .map(|opened| match opened {
                        Ok(opened) => opened.map_err(|error: BoxError| Failed(error.into())),
                        Err(error) => Err(Failed(Arc::new(error))),
                    })
                    .boxed()
                    .shared();
                *newest = Some(Attempt::new(opening.clone()));
                opening
            }
        }
    }
}

/// Makes a connection.
async fn open<C>(mut connector: C, server: Uri, newest: Weak<Newest>) -> Result<Way, BoxError>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send> + Send + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
{
    let opened = tokio::time::timeout(limit::CONNECT_TIMEOUT, async {
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
        let io = connector.call(server).await.map_err(Into::into)?;
        if !io.connected().is_negotiated_h2() {
            return Ok(Way::Http1(Lane::begin(io).await?));
        }
        let cluster = ClusterCell::default();
        let unused = {
            let cluster = cluster.clone();
            move || {
                if let Some(newest) = newest.upgrade() {
                    newest.forget(&cluster);
                }
            }
        };
        Ok(Way::Http2(Session::begin(TokioIo::new(io), cluster, unused).await?))
    });
    opened.await.map_err(|_| format!("no connection within {} s", limit::CONNECT_TIMEOUT.as_secs()))?
}

impl Way {
    fn cluster(&self) -> &ClusterCell {
        match self {
            Self::Http2(session) => session.cluster(),
            Self::Http1(lane) => lane.cluster(),
        }
    }

    /// Asks which cluster answers over the connection, unless that is known.
    async fn prove(&mut self, insist: &Insist, server: &Uri, outgoing: &Option<Outgoing>) -> Result<(), Fault> {
        let Some(outgoing) = outgoing else { return Err(Fault::Unsent) };
        let cluster = self.cluster().clone();
        let found = cluster.get_or_ask(async {
            let head = insist.question(server, &outgoing.head)?;
            let mut question = Some(Outgoing { head, body: Bytes::new() });
            match self {
                Self::Http2(session) => {
                    insist.read(session.send(&mut question).await?.map(AnswerStream::Http2)).await.map_err(Fault::from)
                }
                Self::Http1(lane) => insist.read(lane.exchange(&mut question).await?).await.map_err(Fault::from),
            }
        });
        Ok(insist.compare(found.await?)?)
    }

    async fn send(self, outgoing: &mut Option<Outgoing>, pool: &Arc<Pool>) -> Result<Response<AnswerStream>, Fault> {
        Ok(match self {
            Self::Http2(session) => session.send(outgoing).await?.map(AnswerStream::Http2),
            Self::Http1(lane) => lane.send(outgoing, pool).await?.map(AnswerStream::Http1),
        })
    }
}

/// The body of an answer.
pub(super) enum AnswerStream {
    Http2(OpenAnswer),
    Http1(LaneAnswer),
}

impl http_body::Body for AnswerStream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Http2(answer) => answer.poll_data(cx),
            Self::Http1(answer) => answer.poll_data(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http2(answer) => answer.is_end(),
            Self::Http1(answer) => answer.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests;
