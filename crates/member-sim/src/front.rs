//! The listener on 127.0.0.1, which can be closed and opened again on the same port.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use apiserver::{ApiServer, Gate};
use futures::FutureExt as _;
use http::{Method, Uri};
use model::Status;
use rustls::ServerConfig;
use store::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::fault::Faults;

/// How long requests may go on when the listener is closed; then their connections are cut.
const DRAIN: Duration = Duration::from_millis(200);

impl Gate for Faults {
    fn pass<'a>(&'a self, _: &'a Method, _: &'a Uri) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(Faults::pass(self))
    }
}

struct Open {
    shutdown: CancellationToken,
    task: AbortOnDropHandle<()>,
}

/// The front door of a member.
pub(crate) struct Front {
    server: ApiServer,
    tls: Arc<ServerConfig>,
    faults: Arc<Faults>,
    port: u16,
    open: Mutex<Option<Open>>,
    state: watch::Sender<bool>,
}

impl Front {
    /// Opens the listener; port 0 takes a free one.
    pub(crate) async fn open(
        server: ApiServer,
        tls: Arc<ServerConfig>,
        faults: Arc<Faults>,
        port: u16,
    ) -> std::io::Result<Self> {
        let listener = listen(port).await?;
        let port = listener.local_addr()?.port();
        let front = Self { server, tls, faults, port, open: Mutex::new(None), state: watch::Sender::new(false) };
        *front.open.lock().await = Some(front.serve(listener));
        Ok(front)
    }

    fn serve(&self, listener: TcpListener) -> Open {
        let shutdown = CancellationToken::new();
        let (server, tls, gate, until) = (self.server.clone(), self.tls.clone(), self.faults.clone(), shutdown.clone());
        let task = tokio::spawn(async move { server.serve_through(gate, listener, tls, until).await }.boxed());
        self.state.send_replace(true);
        Open { shutdown, task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.state.borrow()
    }

    /// Closes the listener, ends watches, and after a moment whatever is left.
    pub(crate) async fn close(&self) {
        let mut open = self.open.lock().await;
        self.state.send_replace(false);
        let Some(Open { shutdown, task }) = open.take() else { return };
        shutdown.cancel();
        let _ = tokio::time::timeout(DRAIN, task).await;
    }

    /// Opens the listener again.
    pub(crate) async fn reopen(&self) -> std::io::Result<()> {
        let mut open = self.open.lock().await;
        if open.is_none() {
            *open = Some(self.serve(listen(self.port).await?));
        }
        Ok(())
    }
}

async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}
