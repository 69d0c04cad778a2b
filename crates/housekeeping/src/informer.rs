//! Following one collection: a list, then a watch from there, for ever.
//!
//! The caller gets a projection of each object, handed over in order by a plain function call: no copies, no channel.

use std::time::Duration;

use futures::TryStreamExt;
use http::Request;
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::{Api, Error, JSON, METADATA, METADATA_LIST};

/// Objects per list page: kube-apiserver's and kubectl's usual chunk, about 1 MB of pods.
const PAGE: usize = 500;
/// How long a watch lives before it is renewed. Long enough to cost nothing, and the bound on how long a connection
/// that died without a word goes unnoticed; client-go uses 5 to 10 minutes.
const WATCH_LIFE: Duration = Duration::from_secs(570);
/// What the server may be late with ending the watch before we cut it.
const WATCH_GRACE: Duration = Duration::from_secs(20);
/// First pause after a failure; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest pause: client-go's reflector stops at 30 s too.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// What happened to a collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<T> {
    /// This is all there is now; forget anything else.
    Listed(Vec<T>),
    /// An object was created or changed.
    Applied(T),
    /// An object is gone; its last state.
    Deleted(T),
}

/// What to follow.
#[derive(Clone, Debug)]
pub struct Collection {
    /// Path of the collection.
    pub path: String,
    /// Only metadata? Spec and status then do not cross the wire.
    pub metadata: bool,
}

/// Follows a collection until the future is dropped. `project` may skip an object with `None`; `sink` gets the events in
/// order, beginning with a [`Event::Listed`], which comes again whenever continuity was lost.
pub async fn follow<T>(
    api: Api,
    collection: Collection,
    project: impl Fn(&Value) -> Option<T>,
    mut sink: impl FnMut(Event<T>),
) {
    let mut backoff = BACKOFF_MIN;
    let mut from: Option<String> = None;
    loop {
        let version = match from.take() {
            Some(version) => Ok(version),
            None => list(&api, &collection, &project).await.map(|(items, version)| {
                sink(Event::Listed(items));
                version
            }),
        };
        let ended = match version {
            Ok(version) => watch(&api, &collection, version, &project, &mut sink, &mut backoff).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(version) => from = Some(version),
            Err(error) => {
                tracing::debug!(path = collection.path, error = %error, "following again after a pause");
                sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

async fn list<T>(
    api: &Api,
    collection: &Collection,
    project: &impl Fn(&Value) -> Option<T>,
) -> Result<(Vec<T>, String), Error> {
    let accept = if collection.metadata { METADATA_LIST } else { JSON };
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("{}?limit={PAGE}{token}", collection.path);
        let page = api.read(&path, accept).await?;
        items.extend(page.get("items").and_then(Value::as_array).into_iter().flatten().filter_map(project));
        let text = |field: &str| page.pointer(field).and_then(Value::as_str).unwrap_or_default();
        let next = text("/metadata/continue");
        if next.is_empty() {
            return Ok((items, text("/metadata/resourceVersion").to_owned()));
        }
        token = format!("&continue={}", escape(next));
    }
}

/// Watches until the server ends it in an orderly way; returns the version to go on from.
async fn watch<T>(
    api: &Api,
    collection: &Collection,
    mut version: String,
    project: &impl Fn(&Value) -> Option<T>,
    sink: &mut impl FnMut(Event<T>),
    backoff: &mut Duration,
) -> Result<String, Error> {
    let path = format!(
        "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={version}",
        collection.path,
        WATCH_LIFE.as_secs()
    );
    let fail = |error| Error::new(&http::Method::GET, &path, error);
    let accept = if collection.metadata { METADATA } else { JSON };
    let request = Request::get(&path)
        .header(http::header::ACCEPT, accept)
        .body(Vec::new())
        .map_err(|error| fail(kube::Error::HttpError(error)))?;
    let events = api.client().request_events::<Value>(request).await.map_err(fail)?;
    let mut events = std::pin::pin!(events);
    let deadline = Instant::now() + WATCH_LIFE + WATCH_GRACE;
    while let Ok(next) = timeout_at(deadline, events.try_next()).await {
        let Some(event) = next.map_err(fail)? else { break };
        *backoff = BACKOFF_MIN;
        let (object, gone) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
            WatchEvent::Deleted(object) => (object, true),
            WatchEvent::Bookmark(mark) => {
                version = mark.metadata.resource_version;
                continue;
            }
            WatchEvent::Error(status) => return Err(fail(kube::Error::Api(status))),
        };
        if let Some(at) = model::object::resource_version(&object) {
            at.clone_into(&mut version);
        }
        if let Some(item) = project(&object) {
            sink(if gone { Event::Deleted(item) } else { Event::Applied(item) });
        }
    }
    Ok(version)
}

/// Percent-encodes a continue token: base64 may hold `+`, `/` and `=`.
fn escape(token: &str) -> String {
    token
        .bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
