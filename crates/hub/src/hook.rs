//! The push hook: a git server tells the hub that something was pushed, and the Application is synced at once.
//!
//! `POST /NAMESPACE/APPLICATION` over TLS, with the hub's hook secret as GitHub and Gitea send it
//! (`X-Hub-Signature-256`, an HMAC of the body), as GitLab does (`X-Gitlab-Token`) or as a bearer token. What the body
//! says is not read: the source is asked. The hook only writes the `kurator.dev/sync` annotation, as `kurator sync` does.

use std::sync::Arc;
use std::time::Duration;

use api::kurator::annotation::SYNC;
use api::kurator::apps::v1alpha1::Application;
use bytes::Bytes;
use client::{Api, Typed};
use hmac::{Hmac, Mac};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::Clock;
use rustls::ServerConfig;
use serde_json::json;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Largest body that is read, to check its signature. GitHub sends at most 25 MB and usually below 100 kB; pushes of
/// thousands of commits are cut by the server itself.
const BODY_MAX: usize = 1024 * 1024;
/// Connections at once: hooks are short, and a git server sends one per push. A connection has one request, so that all
/// bodies that are read before a secret is checked take at most 64 × 1 MiB.
const CONNECTIONS_MAX: usize = 64;
/// Pause after a connection could not be taken: a busy loop would make it worse.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest time for one connection.
const CONNECTION_MAX: Duration = Duration::from_secs(20);

/// Field manager of the annotation.
const FIELD_MANAGER: &str = "kurator-hook";

pub(crate) struct Hook {
    applications: Typed<Application>,
    clock: Arc<dyn Clock>,
    secret: String,
}

impl Hook {
    pub(crate) fn new(api: &Api, clock: Arc<dyn Clock>, secret: String) -> Self {
        Self { applications: api.with_manager(FIELD_MANAGER).typed(), clock, secret }
    }

    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        shutdown: CancellationToken,
    ) {
        // HTTP/2 would have many requests on a connection, each with a body that is read before its secret is checked.
        let mut one_request = ServerConfig::clone(&tls);
        one_request.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(one_request));
        let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors: others must close first.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(permit) = free.clone().try_acquire_owned() else { continue };
            let (this, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                let _permit = permit;
                let served = async {
                    let stream = acceptor.accept(stream).await.ok()?;
                    let service = hyper::service::service_fn(|request| {
                        let this = this.clone();
                        async move { Ok::<_, std::convert::Infallible>(this.answer(request).await) }
                    });
                    let mut builder = http1::Builder::new();
                    builder.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(CONNECTION_MAX);
                    builder.serve_connection(TokioIo::new(stream), service).await.ok()
                };
                let _ = tokio::time::timeout(CONNECTION_MAX, served).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::POST {
            return answer(StatusCode::METHOD_NOT_ALLOWED, "send a POST");
        }
        let path = request.uri().path().trim_matches('/').to_owned();
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
            return answer(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB");
        };
        // Before the path is looked at: who does not know the secret learns nothing of what exists.
        if !self.knows_secret(&parts.headers, &body.to_bytes()) {
            return answer(StatusCode::UNAUTHORIZED, "the hook's secret is missing or wrong");
        }
        let Some((namespace, name)) = path.split_once('/').filter(|(_, name)| !name.contains('/')) else {
            return answer(StatusCode::NOT_FOUND, "the path is /NAMESPACE/APPLICATION");
        };
        let value = model::clock::format_micros(self.clock.now());
        let patch = json!({"metadata": {"annotations": {SYNC: value}}});
        match self.applications.merge(namespace, name, "", &patch).await {
            Ok(_) => answer(StatusCode::ACCEPTED, "syncing"),
            Err(error) if error.is_gone() => answer(StatusCode::NOT_FOUND, "there is no such Application"),
            Err(error) => {
                tracing::warn!(%error, "a push hook could not be handled");
                answer(StatusCode::SERVICE_UNAVAILABLE, "try again")
            }
        }
    }

    fn knows_secret(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if let Some(signature) = header("x-hub-signature-256").and_then(|s| s.strip_prefix("sha256=")) {
            let Some(given) = unhex(signature) else { return false };
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else { return false };
            mac.update(body);
            return mac.verify_slice(&given).is_ok();
        }
        let token = header("x-gitlab-token")
            .or_else(|| header("authorization").and_then(|value| value.strip_prefix("Bearer ")));
        token.is_some_and(|token| same(token.as_bytes(), self.secret.as_bytes()))
    }
}

/// Compares in time that does not depend on where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn answer(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response
}
