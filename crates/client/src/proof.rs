//! Whether a connection leads to the cluster that a client insists on.
//!
//! An address is not a cluster: a virtual address, a gateway or a name moves, and a connection that breaks is replaced in
//! secret, by the next request that needs one. So each connection is asked once for the UID of the kube-system namespace,
//! before it carries the first request of a client that insists on a cluster: what leads elsewhere is neither read nor
//! written.
//!
//! Absent on purpose: proxies that end HTTP themselves and change what is behind them on a connection that stays. Nothing in a
//! connection tells of that; who looks again from time to time finds it.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::Builder;
use http::{Response, Uri, header, request};
use http_body_util::BodyExt as _;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::BoxError;

use crate::answer::{self, Question};
use crate::exchange::{self, Ask, JSON};
use crate::failure::Error;
use crate::json;
use crate::limit;
use crate::resource::Resource;
use crate::transport::{self, AnswerBody, Transport};

/// What is known of one connection: the UID of the kube-system namespace that answers over it, once it was asked. Clones are
/// of the same connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterCell(Arc<Found>);

#[derive(Debug, Default)]
struct Found {
    /// With the time of the answer.
    cluster: OnceCell<(String, Instant)>,
    given_up: CancellationToken,
}

impl ClusterCell {
    /// Is it of the same connection?
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Was it asked?
    pub(crate) fn is_known(&self) -> bool {
        self.0.cluster.initialized()
    }

    /// Since when it is known.
    pub(crate) fn known_since(&self) -> Option<Instant> {
        self.0.cluster.get().map(|(_, since)| *since)
    }

    /// Nothing more is asked over the connection, and what waits for news on it goes to another one.
    pub(crate) fn give_up(&self) {
        self.0.given_up.cancel();
    }

    /// Ends when the connection is given up.
    pub(crate) fn given_up(&self) -> impl Future<Output = ()> {
        self.0.given_up.cancelled()
    }

    /// What it is, asked if nobody has. Those who need it at the same time wait for one question.
    pub(crate) async fn get_or_ask<E>(&self, ask: impl Future<Output = Result<String, E>>) -> Result<&str, E> {
        let found = self.0.cluster.get_or_try_init(|| async { Ok((ask.await?, Instant::now())) }).await?;
        Ok(&found.0)
    }
}

/// What a request carries that insists on a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Insist {
    cluster: Arc<str>,
    bytes_max: usize,
}

impl Insist {
    pub(crate) fn new(cluster: &str, bytes_max: usize) -> Self {
        Self { cluster: cluster.into(), bytes_max }
    }

    /// The question which cluster a server is, asked by the one who sends another request.
    pub(crate) fn question(&self, server: &Uri, other: &request::Parts) -> Result<request::Parts, Error> {
        let (mut head, _) = exchange::request(question(self.bytes_max))?.into_parts();
        let below = format!("{}{}", server.path().trim_end_matches('/'), head.uri.path());
        let uri = Builder::from(server.clone()).path_and_query(below).build();
        head.uri = uri.map_err(|e| Error::Request(e.to_string()))?;
        for (name, value) in &other.headers {
            if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) && !head.headers.contains_key(name) {
                head.headers.append(name, value.clone());
            }
        }
        Ok(head)
    }

    /// The answer to it.
    pub(crate) async fn read<B>(&self, answer: Response<B>) -> Result<String, Error>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let answer = answer.map(|body| body.map_err(|error| transport::sort(error.into())).boxed_unsync());
        read_identity(answer, self.bytes_max).await
    }

    /// Is it the cluster that is insisted on?
    pub(crate) fn compare(&self, found: &str) -> Result<(), Error> {
        if *found == *self.cluster {
            return Ok(());
        }
        Err(Error::OtherCluster { expected: self.cluster.to_string(), found: found.to_owned() })
    }
}

fn namespaces() -> Resource {
    Resource::core("Namespace", "namespaces", false)
}

/// Reads the UID of the kube-system namespace. The caller sets the deadline.
pub(crate) async fn ask_identity(transport: &Transport, bytes_max: usize) -> Result<String, Error> {
    let answer = transport.send(exchange::request(question(bytes_max))?).await.map_err(Error::transport)?;
    let connection = answer.extensions().get::<ClusterCell>().cloned();
    let uid = read_identity(answer, bytes_max).await?;
    if let Some(connection) = connection {
        // Another question may have been answered meanwhile: over one connection, and the same.
        let _ = connection.0.cluster.set((uid.clone(), Instant::now()));
    }
    Ok(uid)
}

async fn read_identity(answer: Response<AnswerBody>, bytes_max: usize) -> Result<String, Error> {
    let namespaces = namespaces();
    let target = namespaces.target("", SYSTEM);
    let answer = match exchange::succeeded(answer).await.map_err(|error| answer::about(&target, error)) {
        Ok(answer) => answer,
        // A path that is not known: what answers is no Kubernetes API, and so is not the cluster. Another request failed because of
        // this: were it told as it is, its own kind would seem not to be served.
        Err(Error::Gone { .. } | Error::NoKind { .. }) => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let system = json::parse(&exchange::collect(answer.into_body(), bytes_max).await?, limit::OBJECT_MEMORY_MAX)?;
    Question::object(&target, None).check(&system)?;
    Ok(model::object::uid(&system).unwrap_or_default().to_owned())
}

fn question(bytes_max: usize) -> Ask {
    Ask::get(namespaces().target("", SYSTEM).path(), JSON, bytes_max)
}

/// The namespace whose UID is that of its cluster.
const SYSTEM: &str = "kube-system";

#[cfg(test)]
mod tests;
