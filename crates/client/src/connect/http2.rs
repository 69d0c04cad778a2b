//! A connection with HTTP/2, which all requests to a server share.
//!
//! hyper's client keeps a queue of requests before each connection, of which two blocks of 32 stay after the first 32
//! requests: 17 KiB for each server, and a task for each request. HTTP/2 has a queue of its own, so here each request goes
//! to it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong, RecvStream};
use http::{Request, Response, Version, header};
use http_body::Frame;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tower::BoxError;

use super::connections::{Fault, Outgoing};
use crate::limit;
use crate::proof::ClusterCell;

/// A handle of a connection. Cheap to clone; the connection is closed when nobody has a handle and no answer is open.
#[derive(Clone)]
pub(super) struct Session {
    requests: SendRequest<Bytes>,
    traffic: Arc<Traffic>,
    cluster: ClusterCell,
}

/// What goes on on a connection.
struct Traffic {
    since: Instant,
    /// When the peer was last heard, in milliseconds after `since`.
    heard: AtomicU64,
    /// Requests whose answer was not read to its end.
    open: AtomicUsize,
}

impl Traffic {
    fn new() -> Self {
        Self { since: Instant::now(), heard: AtomicU64::new(0), open: AtomicUsize::new(0) }
    }

    fn note_heard(&self) {
        let after = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(after, Ordering::Relaxed);
    }

    fn last_heard(&self) -> Instant {
        self.since + Duration::from_millis(self.heard.load(Ordering::Relaxed))
    }

    fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }
}

/// A request that is open until this is dropped.
struct OpenRequest(Arc<Traffic>);

impl OpenRequest {
    fn new(traffic: Arc<Traffic>) -> Self {
        traffic.open.fetch_add(1, Ordering::Relaxed);
        Self(traffic)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Session {
    /// Begins to speak over a connection. `unused` is called while nobody waits for an answer and the peer has been silent for
    /// [`limit::PING_INTERVAL`]; it should drop the handles that it knows.
    pub(super) async fn begin<T>(
        io: T,
        cluster: ClusterCell,
        unused: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, BoxError>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (requests, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(limit::STREAM_BYTES_MAX)
            .initial_connection_window_size(limit::CONNECTION_BYTES_MAX)
            .initial_max_send_streams(limit::FIRST_STREAMS_MAX)
            .max_header_list_size(limit::HEAD_BYTES_MAX)
            .handshake(io)
            .await?;
        let traffic = Arc::new(Traffic::new());
        tokio::spawn(drive(connection, Arc::clone(&traffic), unused));
        Ok(Self { requests, traffic, cluster })
    }

    pub(super) fn cluster(&self) -> &ClusterCell {
        &self.cluster
    }

    /// Sends a request and reads the head of the answer.
    pub(super) async fn send(&self, outgoing: &mut Option<Outgoing>) -> Result<Response<OpenAnswer>, Fault> {
        // Before anything is sent it is known here that the connection broke, or that the server takes no more requests on it.
        let mut requests = self.requests.clone().ready().await.map_err(|_| Fault::Unsent)?;
        let Some(Outgoing { mut head, body }) = outgoing.take() else { return Err(Fault::Unsent) };
        let open = OpenRequest::new(Arc::clone(&self.traffic));
        head.version = Version::HTTP_2;
        if !body.is_empty() {
            head.headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        let (answer, mut rest) = requests.send_request(Request::from_parts(head, ()), body.is_empty())?;
        if !body.is_empty() {
            rest.send_data(body, true)?;
        }
        drop((rest, requests));
        let answer = answer.await?;
        self.traffic.note_heard();
        Ok(answer.map(|stream| OpenAnswer { stream, open }))
    }
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Self {
        Self::Broken(error.into())
    }
}

/// Reads and writes until the connection is closed or its peer does not answer.
async fn drive<T>(mut connection: Connection<T, Bytes>, traffic: Arc<Traffic>, unused: impl Fn())
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let pings = connection.ping_pong();
    tokio::select! {
        closed = connection => {
            if let Err(error) = closed {
                tracing::debug!(%error, "a connection broke");
            }
        }
        () = silence(pings, &traffic, unused) => tracing::debug!("the peer of a connection does not answer pings"),
    }
}

/// Ends when the peer does not answer.
async fn silence(pings: Option<PingPong>, traffic: &Traffic, unused: impl Fn()) {
    // Only a second call of `ping_pong` has none.
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        let last = traffic.last_heard();
        tokio::time::sleep_until(last + limit::PING_INTERVAL).await;
        if traffic.last_heard() > last {
            continue;
        }
        if traffic.is_idle() {
            // A request that takes a handle at this moment keeps the connection until it is answered.
            unused();
        }
        match tokio::time::timeout(limit::PING_TIMEOUT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => traffic.note_heard(),
            // The connection itself says that it broke.
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

/// The body of an answer.
pub(super) struct OpenAnswer {
    stream: RecvStream,
    open: OpenRequest,
}

impl OpenAnswer {
    pub(super) fn is_end(&self) -> bool {
        self.stream.is_end_stream()
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(data) = ready!(self.stream.poll_data(cx)) else { return Poll::Ready(None) };
        self.open.0.note_heard();
        let data = data?;
        // What was read makes room for as much.
        self.stream.flow_control().release_capacity(data.len())?;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}
