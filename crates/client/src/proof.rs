//! Whether a connection leads to the cluster that a client insists on.
//!
//! An address is not a cluster: a virtual address, a gateway or a name moves, and a connection that breaks is replaced in
//! secret, by the next request that needs one. So each connection has a number, and the UID of the kube-system namespace is
//! asked once over each new one. A write shows its body only to a connection over which the right UID was read: until that is there,
//! no server carries it out. What a new connection reads is kept back until the cluster has been asked.
//!
//! Absent on purpose: proxies that end HTTP themselves and change what is behind them on a connection that stays. Nothing in a
//! connection tells of that; who looks again from time to time finds it.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use http::{Extensions, Method, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use tokio::sync::Notify;

use crate::answer::Question;
use crate::connect::SmallBody;
use crate::exchange::{self, Ask, JSON};
use crate::failure::Error;
use crate::json;
use crate::limit;
use crate::resource::Resource;
use crate::transport::{AnswerBody, Transport};

/// How often a write is offered to a connection. With HTTP/2 the second one is the one that was asked. With HTTP/1.1 each question proves
/// one connection, and several writes want one at the same time: four times the lanes of a unit.
const TRIES: usize = 32;

/// Connections that are remembered, of each sort. One that was forgotten is asked again.
const CONNECTIONS_MAX: usize = 256;

/// The number of a connection. No two of a process have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

impl ConnectionId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }

    fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

/// The cluster that a client insists on, and what is known of its connections.
#[derive(Debug)]
pub(crate) struct Proof {
    cluster: String,
    bytes_max: usize,
    known: Mutex<Known>,
    /// Held while the question is on its way: what else needs the answer waits for it.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// Over these the cluster's UID was read.
    proven: BTreeSet<ConnectionId>,
    /// After these had come about it was read over some connection. With HTTP/1.1 a connection that says a watch cannot be
    /// asked anything itself.
    looked: BTreeSet<ConnectionId>,
    /// How often it was read.
    answers: u64,
}

fn remember(ids: &mut BTreeSet<ConnectionId>, id: ConnectionId) {
    ids.insert(id);
    if ids.len() > CONNECTIONS_MAX {
        // The oldest one is the first to be gone.
        ids.pop_first();
    }
}

impl Proof {
    /// `connection`: over which the UID was read.
    pub(crate) fn new(cluster: String, connection: Option<ConnectionId>, bytes_max: usize) -> Self {
        let known = Known { proven: connection.into_iter().collect(), ..Known::default() };
        Self { cluster, bytes_max, known: Mutex::new(known), asking: tokio::sync::Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_proven(&self, id: ConnectionId) -> bool {
        self.lock().proven.contains(&id)
    }

    fn is_looked_at(&self, id: ConnectionId) -> bool {
        let known = self.lock();
        known.proven.contains(&id) || known.looked.contains(&id)
    }

    /// Asks again which cluster answers. Who finds the question on its way takes its answer.
    async fn ask_again(&self, transport: &Transport) -> Result<(), Error> {
        let before = self.lock().answers;
        let _one = self.asking.lock().await;
        if self.lock().answers != before {
            return Ok(());
        }
        let (found, connection) = ask_identity(transport, self.bytes_max).await?;
        if found != self.cluster {
            return Err(Error::OtherCluster { expected: self.cluster.clone(), found });
        }
        let mut known = self.lock();
        known.answers += 1;
        if let Some(id) = connection {
            remember(&mut known.proven, id);
        }
        Ok(())
    }
}

/// Reads the UID of the kube-system namespace, and over which connection it came. The caller sets the deadline.
pub(crate) async fn ask_identity(
    transport: &Transport,
    bytes_max: usize,
) -> Result<(String, Option<ConnectionId>), Error> {
    let namespaces = Resource::core("Namespace", "namespaces", false);
    let target = namespaces.target("", "kube-system");
    let ask = Ask::get(target.path(), JSON, bytes_max);
    let answer = transport.send(exchange::request(ask)?).await.map_err(Error::transport)?;
    let connection = ConnectionId::of(answer.extensions());
    let answer = match exchange::succeeded(answer).await {
        Ok(answer) => answer,
        Err(error) if error.is_gone() => return Ok((String::new(), connection)),
        Err(error) => return Err(error),
    };
    let system = json::parse(&exchange::collect(answer.into_body(), bytes_max).await?, limit::OBJECT_MEMORY_MAX)?;
    Question::object(&target, None).check(&system)?;
    Ok((model::object::uid(&system).unwrap_or_default().to_owned(), connection))
}

/// Sends a request to the cluster that is insisted on, and reads the head of the answer.
pub(crate) async fn send(proof: &Arc<Proof>, transport: &Transport, ask: Ask) -> Result<Response<AnswerBody>, Error> {
    if ask.method == Method::GET {
        let answer = transport.send(exchange::request(ask)?).await.map_err(Error::transport)?;
        let new = ConnectionId::of(answer.extensions()).filter(|id| !proof.is_looked_at(*id));
        if let Some(id) = new.filter(|_| answer.status().is_success()) {
            proof.ask_again(transport).await?;
            remember(&mut proof.lock().looked, id);
        }
        return Ok(answer);
    }
    for _ in 0..TRIES {
        let turned_away = Arc::new(Notify::new());
        let mut request = exchange::request(ask.clone())?;
        request.extensions_mut().insert(Insist { proof: Arc::clone(proof), turned_away: Arc::clone(&turned_away) });
        tokio::select! {
            biased;
            () = turned_away.notified() => {}
            answer = transport.send(request) => {
                // Another thread may turn it away after the look above: the refused body is then the answer's error.
                if answer.is_ok() || turned_away.notified().now_or_never().is_none() {
                    return answer.map_err(Error::transport);
                }
            }
        }
        proof.ask_again(transport).await?;
    }
    Err(Error::Unproven)
}

/// What a request carries that insists on a cluster.
#[derive(Clone)]
struct Insist {
    proof: Arc<Proof>,
    /// Told when the connection that the request got is not known to lead there.
    turned_away: Arc<Notify>,
}

/// The request as it is given to connections: one that insists on a cluster shows its body only to a connection that is known
/// to lead there. A server carries nothing out whose body does not come.
pub(crate) fn guarded(mut request: Request<SmallBody>) -> Request<SmallBody> {
    let Some(insist) = request.extensions_mut().remove::<Insist>() else { return request };
    let connection = capture_connection(&mut request);
    request.map(|body| Guarded { body, connection, insist, is_shown: false }.boxed_unsync())
}

struct Guarded {
    body: SmallBody,
    connection: CaptureConnection,
    insist: Insist,
    /// It was begun to be shown.
    is_shown: bool,
}

impl Guarded {
    /// Is the connection that has the request now known to lead to the cluster?
    fn may_be_shown(&self) -> bool {
        let mut extensions = Extensions::new();
        if let Some(connected) = &*self.connection.connection_metadata() {
            connected.get_extras(&mut extensions);
        }
        ConnectionId::of(&extensions).is_some_and(|id| self.insist.proof.is_proven(id))
    }
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = kube::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, kube::Error>>> {
        let this = self.get_mut();
        if !this.is_shown && !this.may_be_shown() {
            this.insist.turned_away.notify_one();
            return Poll::Ready(Some(Err(kube::Error::Service("it is asked first which cluster this is".into()))));
        }
        this.is_shown = true;
        Pin::new(&mut this.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        // Not before it was shown: an empty body would not be asked for.
        self.is_shown && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
