//! The front door: TLS connections, who is behind them, and an orderly end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use http::{Method, Request, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use model::{Reason, Status};
use rustls::ServerConfig;
use store::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::Origin;
use crate::connection::{Closing, Connection, Unauthenticated};
use crate::reply::{self, Answer};
use crate::server::ApiServer;
use crate::state::State;
use crate::user::{ANONYMOUS, UserInfo};
use crate::{authn, authz, service};

/// Streams of one HTTP/2 connection at once: a controller watches some tens of kinds (Go's default is 250).
const STREAMS_MAX: u32 = 1_000;
/// How long connections may go on after shutdown began: requests end by then, watches at once.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Sees each request of a listener before it is handled, and may delay or refuse it: faults in simulations,
/// maintenance.
pub trait Gate: Send + Sync + 'static {
    /// Lets a request through when the future ends well; the failure is the answer otherwise.
    fn pass<'a>(&'a self, method: &'a Method, uri: &'a Uri) -> BoxFuture<'a, Result<(), Status>>;
}

/// The gate that is always open.
struct Open;

impl Gate for Open {
    fn pass<'a>(&'a self, _: &'a Method, _: &'a Uri) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl ApiServer {
    /// Serves TLS connections until `shutdown` is cancelled; then takes no new ones, ends watches, lets requests finish
    /// and returns within seconds. The server itself goes on for clients in the process.
    ///
    /// Use `pki::server_config` for `tls`: a client certificate is optional and names user and groups; without
    /// one a bearer token is needed for everything but health and version.
    pub async fn serve(&self, listener: TcpListener, tls: Arc<ServerConfig>, shutdown: CancellationToken) {
        self.serve_through(Arc::new(Open), listener, tls, shutdown).await;
    }

    /// [`serve`](Self::serve) with a gate that each request passes first.
    pub fn serve_through(
        &self,
        gate: Arc<dyn Gate>,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        shutdown: CancellationToken,
    ) -> BoxFuture<'_, ()> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        self.accept(gate, listener, tls, shutdown).boxed()
    }

    async fn accept(
        &self,
        gate: Arc<dyn Gate>,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        shutdown: CancellationToken,
    ) {
        let acceptor = TlsAcceptor::from(tls);
        let connections = Arc::new(Semaphore::new(self.0.limits.connections));
        let unauthenticated = Arc::new(Unauthenticated::default());
        let tracker = TaskTracker::new();
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.0.closing.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Said once: while files are out this comes twenty times a second.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    self.0.counters.refuse();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            failing = false;
            let Ok(permit) = connections.clone().try_acquire_owned() else {
                self.0.counters.refuse();
                continue;
            };
            let (state, acceptor, shutdown) = (self.0.clone(), acceptor.clone(), shutdown.clone());
            let (gate, unauthenticated) = (gate.clone(), unauthenticated.clone());
            tracker.spawn(async move {
                let (connection, crowded) = unauthenticated.add();
                if crowded {
                    state.counters.refuse();
                }
                let end = connection.end.clone();
                let serving = serve_connection(
                    state,
                    gate,
                    acceptor,
                    stream,
                    shutdown,
                    (unauthenticated.clone(), connection.clone()),
                );
                tokio::select! {
                    () = serving => {}
                    () = end.cancelled() => {}
                }
                unauthenticated.remove(&connection);
                drop(permit);
            });
        }
        // From here on the port accepts no connection.
        drop(listener);
        tracker.close();
        if tokio::time::timeout(DRAIN, tracker.wait()).await.is_err() {
            tracing::info!(left = tracker.len(), "connections were cut at shutdown");
        }
    }
}

/// Who is behind a client certificate, and the second in which it ends.
type Peer = Option<(UserInfo, i64)>;

async fn serve_connection(
    state: Arc<State>,
    gate: Arc<dyn Gate>,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    shutdown: CancellationToken,
    (unauthenticated, connection): (Arc<Unauthenticated>, Arc<Connection>),
) {
    let handshake = state.limits.handshake;
    // Small answers must not wait for more to send.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(handshake, acceptor.accept(stream)).await else { return };
    let (_, session) = stream.get_ref();
    let peer: Peer = session.peer_certificates().and_then(|chain| authn::certificate(chain.first()?));
    // Said by the client, so that nothing has to be read to find out: a connection that sends nothing is idle.
    let http2 = session.alpn_protocol() == Some(b"h2");
    if peer.is_some() {
        unauthenticated.mark_authenticated(&connection);
    }
    let closing = Closing(shutdown.clone());
    let server = state.clone();
    let (present, known) = (connection.clone(), unauthenticated.clone());
    let handler = service_fn(move |mut request: Request<Incoming>| {
        let (state, gate, peer, closing) = (server.clone(), gate.clone(), peer.clone(), closing.clone());
        let (connection, unauthenticated) = (present.clone(), known.clone());
        let progress = connection.begin();
        async move {
            request.extensions_mut().insert(closing);
            if let Err(status) = gate.pass(request.method(), request.uri()).await {
                return Ok::<Answer, Infallible>(reply::failure(&status));
            }
            let answer = match identify(&state, peer, &request) {
                Ok(user) => {
                    let origin = if user.name.as_ref() == ANONYMOUS { Origin::Anonymous } else { Origin::Known };
                    if origin == Origin::Known {
                        unauthenticated.mark_authenticated(&connection);
                    }
                    service::answer(state, user, origin, request).await
                }
                Err(status) => reply::failure(&status),
            };
            Ok(answer.map(|body| body.during(progress)))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder = if http2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(state.limits.idle);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(15));
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), handler);
    tokio::pin!(served);
    let stopped = async {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = state.closing.cancelled() => {}
            () = connection.idle(handshake, state.limits.idle) => {}
        }
    };
    tokio::select! {
        // A client that goes away in the middle is its own business.
        _ = served.as_mut() => return,
        () = stopped => served.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(DRAIN, served).await;
}

/// The user of a request: that of the certificate, else that of the bearer token. Without both the user is anonymous,
/// and may ask for health and version only.
fn identify(state: &State, peer: Peer, request: &Request<Incoming>) -> Result<UserInfo, Status> {
    let unauthorized = || Status::new(Reason::Unauthorized, "Unauthorized");
    if let Some((user, ends)) = peer {
        // A connection may live longer than the certificate that it was opened with.
        return if state.now().as_second() <= ends { Ok(user) } else { Err(unauthorized()) };
    }
    match authn::token_of(request.headers()) {
        Some(token) => authn::bearer(state, token).map_err(|why| {
            tracing::debug!(why, "a bearer token was refused");
            unauthorized()
        }),
        None if authz::is_public(request.uri().path()) => Ok(UserInfo::anonymous()),
        None => Err(unauthorized()),
    }
}
