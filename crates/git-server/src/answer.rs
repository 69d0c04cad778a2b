//! One request, one answer.

use std::convert::Infallible;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use source::packet::{self, Packet, Writer};

use crate::refs::{Query, Refs};
use crate::upload;
use crate::{Fault, State};

/// The body of an answer.
pub(super) type Body = BoxBody<Bytes, std::io::Error>;

/// Largest request: 10,000 `have` lines of 50 bytes are half of it.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Most prefixes of references that are compared. git sends at most a dozen, and each is compared with each reference.
const PREFIXES_MAX: usize = 64;

/// Time for a request's body to arrive; it is small.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(route(state, request).await.unwrap_or_else(|(status, why)| text(status, why)))
}

type Refusal = (StatusCode, String);

async fn route(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let fault = *state.fault.lock().unwrap_or_else(PoisonError::into_inner);
    match fault {
        None => {}
        Some(Fault::NotFound) => return Err(not_found(&path)),
        Some(Fault::Refused) => return Err((StatusCode::UNAUTHORIZED, "the credential is refused\n".to_owned())),
        Some(Fault::Failing) => return Err((StatusCode::INTERNAL_SERVER_ERROR, "on demand\n".to_owned())),
        Some(Fault::NoAnswer) => std::future::pending().await,
    }
    let (name, action) = path.split_once(".git/").ok_or_else(|| not_found(&path))?;
    let refs = state.repositories.get(name).ok_or_else(|| not_found(name))?;
    let version_2 = request
        .headers()
        .get_all("git-protocol")
        .iter()
        .any(|v| v.to_str().is_ok_and(|v| v.split(':').any(|part| part == "version=2")));
    match (request.method(), action, request.uri().query().unwrap_or_default()) {
        (_, "git-receive-pack", _) | (&Method::GET, "info/refs", "service=git-receive-pack") => {
            Err((StatusCode::FORBIDDEN, "this server is read-only; commit in the repository's own directory\n".into()))
        }
        (&Method::GET, "info/refs", "service=git-upload-pack") if version_2 => Ok(advertisement()),
        (&Method::GET, "info/refs", "service=git-upload-pack") => {
            upload::run(&state, refs, upload::Call::Advertise, Bytes::new()).await
        }
        (&Method::POST, "git-upload-pack", _) => {
            let body = body(request).await?;
            if !version_2 {
                return upload::run(&state, refs, upload::Call::Version0, body).await;
            }
            match list_query(&body)? {
                Some(query) => list(&state, refs, &query),
                None => upload::run(&state, refs, upload::Call::Version2, body).await,
            }
        }
        _ => Err(not_found(&path)),
    }
}

fn not_found(name: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("{name}: there is no such repository here\n"))
}

/// What this server can do in protocol version 2: what `git upload-pack` can, less what needs configuration.
fn advertisement() -> Response<Body> {
    let mut out = Writer::default();
    out.line("# service=git-upload-pack").flush();
    out.line("version 2").line(concat!("agent=kurator/", env!("CARGO_PKG_VERSION")));
    out.line("ls-refs").line("fetch=shallow").line("object-format=sha1").flush();
    message("application/x-git-upload-pack-advertisement", full(out.0))
}

/// Reads the body, with a limit, and undoes the gzip that git applies to larger requests.
async fn body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
    let gzip = request.headers().get("content-encoding").is_some_and(|v| v == "gzip");
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {REQUEST_BYTES_MAX} bytes\n"));
    let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect();
    let slow = |_| (StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time\n".to_owned());
    let body = tokio::time::timeout(BODY_TIMEOUT, body).await.map_err(slow)?.map_err(|_| too_large())?;
    if !gzip {
        return Ok(body.to_bytes());
    }
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(std::io::Cursor::new(body.to_bytes()));
    let read = decoder.by_ref().take(REQUEST_BYTES_MAX as u64 + 1).read_to_end(&mut plain);
    read.map_err(|_| (StatusCode::BAD_REQUEST, "the body is not gzip\n".to_owned()))?;
    if plain.len() > REQUEST_BYTES_MAX { Err(too_large()) } else { Ok(plain.into()) }
}

/// The query, when the command is `ls-refs`.
fn list_query(body: &[u8]) -> Result<Option<Query>, Refusal> {
    let packets = packet::all(body).map_err(|why| (StatusCode::BAD_REQUEST, format!("{why}\n")))?;
    if packets.first().is_none_or(|p| p.line() != "command=ls-refs") {
        return Ok(None);
    }
    let mut query = Query::default();
    for packet in packets.iter().skip_while(|p| **p != Packet::Delimiter) {
        match packet.line() {
            "peel" => query.peel = true,
            "symrefs" => query.symrefs = true,
            line => query.prefixes.extend(line.strip_prefix("ref-prefix ").map(str::to_owned)),
        }
    }
    // As git does: a prefix is a hint, and the client looks for what it wants in all references.
    if query.prefixes.len() > PREFIXES_MAX {
        query.prefixes.clear();
    }
    Ok(Some(query))
}

fn list(state: &State, refs: &Refs, query: &Query) -> Result<Response<Body>, Refusal> {
    state.listed.fetch_add(1, Ordering::Relaxed);
    let lines = refs.list(query).map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, format!("{e}\n")))?;
    let mut out = Writer::default();
    for line in lines {
        out.line(&line);
    }
    out.flush();
    Ok(message("application/x-git-upload-pack-result", full(out.0)))
}

pub(super) fn message(media: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(media));
    response.headers_mut().insert("cache-control", http::HeaderValue::from_static("no-cache"));
    response
}

fn full(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed()
}

fn text(status: StatusCode, why: String) -> Response<Body> {
    let mut response = message("text/plain; charset=utf-8", full(why.into_bytes()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
