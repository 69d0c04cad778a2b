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
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::fault::Faults;

/// How long requests may go on when the listener is closed; then their connections are cut.
const DRAIN: Duration = Duration::from_millis(200);

/// How many connections may wait to be accepted, as the standard library has it.
const BACKLOG: u32 = 1024;

impl Gate for Faults {
    fn pass<'a>(&'a self, _: &'a Method, _: &'a Uri) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(Faults::pass(self))
    }
}

/// The port belongs to the member in both states: a kubeconfig names it, and any program may be given a free one.
enum Door {
    Open {
        shutdown: CancellationToken,
        task: AbortOnDropHandle<()>,
        /// A second handle of the listener: the port stays taken until the task has ended.
        _held: std::net::TcpListener,
    },
    /// A socket that has the port and does not listen, so that who connects is refused. None if another program was
    /// given the port in the moment between.
    Closed(Option<TcpSocket>),
}

/// The front door of a member.
pub(crate) struct Front {
    server: ApiServer,
    tls: Arc<ServerConfig>,
    faults: Arc<Faults>,
    port: u16,
    door: Mutex<Door>,
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
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await?;
        let port = listener.local_addr()?.port();
        let door = Mutex::new(Door::Closed(None));
        let front = Self { server, tls, faults, port, door, state: watch::Sender::new(false) };
        *front.door.lock().await = front.serve(listener)?;
        Ok(front)
    }

    fn serve(&self, listener: TcpListener) -> std::io::Result<Door> {
        let listener = listener.into_std()?;
        let held = listener.try_clone()?;
        let listener = TcpListener::from_std(listener)?;
        let shutdown = CancellationToken::new();
        let (server, tls, gate, until) = (self.server.clone(), self.tls.clone(), self.faults.clone(), shutdown.clone());
        let task = tokio::spawn(async move { server.serve_through(gate, listener, tls, until).await }.boxed());
        self.state.send_replace(true);
        Ok(Door::Open { shutdown, task: AbortOnDropHandle::new(task), _held: held })
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

    /// Closes the listener, ends watches, and after a moment whatever is left. The port stays this member's.
    pub(crate) async fn close(&self) {
        let mut door = self.door.lock().await;
        let Door::Open { shutdown, task, .. } = &mut *door else { return };
        self.state.send_replace(false);
        shutdown.cancel();
        if tokio::time::timeout(DRAIN, &mut *task).await.is_err() {
            task.abort();
            let _ = task.await;
        }
        // The kernel lets nobody have the port while it is listened on: first the last handle goes.
        *door = Door::Closed(None);
        *door = Door::Closed(reserve(self.port).ok());
    }

    /// Opens the listener again.
    pub(crate) async fn reopen(&self) -> std::io::Result<()> {
        let mut door = self.door.lock().await;
        let Door::Closed(reserved) = &mut *door else { return Ok(()) };
        let socket = match reserved.take() {
            Some(socket) => socket,
            None => reserve(self.port)?,
        };
        *door = self.serve(socket.listen(BACKLOG)?)?;
        Ok(())
    }
}

/// A socket that has a port of 127.0.0.1 and does not listen.
fn reserve(port: u16) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of the listener that was there may not be over for the kernel.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}
