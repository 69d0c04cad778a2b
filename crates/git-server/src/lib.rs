//! A small read-only git server over HTTP, for the demo and for tests: it serves the repositories that it was given and
//! nothing else, without authentication, so it belongs on loopback.
//!
//! `ls-refs`, which followers ask every second, is answered from the repository's files without a process; `fetch` is
//! handed to `git upload-pack`. Pushing is refused.
//!
//! Absent on purpose: authentication, TLS, pushing, and repositories that appear after the start.

mod answer;
mod refs;
mod upload;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use refs::Refs;

/// Connections at a time. Followers keep one each; a demo has one hub and a few people.
const CONNECTIONS_MAX: usize = 64;
/// Time for a client to send the head of a request; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// `git upload-pack` processes at a time: the machine has few cores, and more only make each slower.
const UPLOADS_MAX: usize = 4;

/// A running server. It stops when the token that it was given is cancelled.
#[derive(Clone)]
pub struct GitServer {
    state: Arc<State>,
    address: SocketAddr,
}

/// Every way in which the server can fail on demand. A test that walks all of them does not build until a new one has a row
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has no such repository.
    NotFound,
    /// It refuses the credential.
    Refused,
    /// It fails.
    Failing,
    /// It takes requests and never answers.
    NoAnswer,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NotFound, Self::Refused, Self::Failing, Self::NoAnswer];
}

struct State {
    fault: Mutex<Option<Fault>>,
    repositories: BTreeMap<String, Refs>,
    uploads: Semaphore,
    listed: AtomicU64,
    sent_bytes: AtomicU64,
}

impl GitServer {
    /// Serves each repository at `/NAME.git` on the listener, from now until `shutdown`. A repository is a directory with
    /// a `.git` directory in it, or a bare one.
    ///
    /// # Errors
    /// A directory is not a git repository, or the listener has no address.
    pub fn start(
        listener: TcpListener,
        repositories: BTreeMap<String, PathBuf>,
        shutdown: CancellationToken,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let opened = repositories.into_iter().map(|(name, dir)| Ok((name, Refs::open(&dir)?)));
        let repositories = opened.collect::<std::io::Result<BTreeMap<_, _>>>()?;
        let (listed, sent_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        let state = Arc::new(State {
            fault: Mutex::default(),
            repositories,
            uploads: Semaphore::new(UPLOADS_MAX),
            listed,
            sent_bytes,
        });
        tokio::spawn(accept(listener, state.clone(), shutdown));
        Ok(Self { state, address })
    }

    /// The URL of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}.git", self.address)
    }

    /// Makes it fail from now on, or not.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.state.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// How many times references were listed.
    pub fn listed(&self) -> u64 {
        self.state.listed.load(Ordering::Relaxed)
    }

    /// Bytes of packs sent.
    pub fn sent_bytes(&self) -> u64 {
        self.state.sent_bytes.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, shutdown: CancellationToken) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: a busy loop would make it worse.
                tracing::warn!(%error, "the git server cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (state, shutdown) = (state.clone(), shutdown.clone());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| answer::answer(state.clone(), request));
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            let connection = server.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = shutdown.cancelled() => {}
                // A client that goes away is not worth a line.
                _ = connection => {}
            }
            drop(permit);
        });
    }
}
