//! Watching the objects of one kind that this hub delivered.

use std::sync::Arc;

use api::delivery::{HubId, label};
use futures::StreamExt as _;
use kube::api::WatchEvent;
use model::{GroupKind, ObjectKey};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::awaited::Awaited;
use crate::discovery::Resource;
use crate::error::{Class, Error};
use crate::limit::{self, Limits};
use crate::look::Look;
use crate::member::Jitter;
use crate::wire::{Wire, encode, transport};

/// What a watch says.
#[derive(Debug)]
pub(crate) enum Event {
    /// All objects of the kind, as of this position.
    Listed(GroupKind, Option<u64>, Vec<(ObjectKey, Look)>),
    /// An object is there, perhaps changed.
    Seen(ObjectKey, Look),
    /// An object is gone, as of this position.
    Gone(ObjectKey, Option<u64>),
    /// The member does not serve the kind, or no longer. The watch is over.
    Absent(GroupKind),
    /// The member does not let us see the kind, or cannot show it. The watch tries again from time to time.
    Blind(GroupKind, String),
    /// Nothing more can be seen: the member cannot be reached, or the watch failed.
    Lost(Error),
}

/// One kind's watch.
pub(crate) struct Watch {
    pub(crate) wire: Wire,
    pub(crate) resource: Resource,
    pub(crate) hub: HubId,
    pub(crate) awaited: Arc<Awaited>,
    pub(crate) limits: Limits,
    pub(crate) jitter: Jitter,
    pub(crate) events: mpsc::Sender<Event>,
}

/// How a stretch of watching ended.
enum End {
    /// Go on from this position.
    Resume(String),
    /// The position is no longer kept: list again.
    Expired,
}

impl Watch {
    fn kind(&self) -> GroupKind {
        GroupKind::new(self.resource.version.group.clone(), self.resource.kind.clone())
    }

    fn selector(&self) -> String {
        // Inventories carry the hub's label too; only delivered objects are part of an ApplySet.
        format!("{}={},{}", label::HUB, self.hub, label::APPLYSET_PART_OF)
    }

    /// Items of lists do not say their kind.
    fn look(&self, mut object: Value) -> (ObjectKey, Look) {
        object["apiVersion"] = self.resource.version.to_string().into();
        object["kind"] = self.resource.kind.clone().into();
        let key = self.key(&object);
        let look = Look { recalled: self.awaited.recall(&key, &object).map(Box::new), ..Look::of(&object) };
        (key, look)
    }

    fn key(&self, object: &Value) -> ObjectKey {
        ObjectKey {
            group: self.resource.version.group.clone(),
            kind: self.resource.kind.clone(),
            namespace: model::object::namespace(object).unwrap_or_default().to_owned(),
            name: model::object::name(object).unwrap_or_default().to_owned(),
        }
    }

    /// Runs until the kind is gone or the receiver is.
    pub(crate) async fn run(self) {
        let mut failures = 0;
        let mut position = None;
        loop {
            let from = position.take();
            let began = tokio::time::Instant::now();
            match self.stretch(from).await {
                Ok(end) => {
                    failures = 0;
                    if let End::Resume(version) = end {
                        position = Some(version);
                    }
                }
                Err(e) => {
                    failures += 1;
                    let event = match e.class() {
                        _ if e.code() == Some(404) => Some(Event::Absent(self.kind())),
                        Class::AwaitChange => Some(Event::Blind(self.kind(), e.to_string())),
                        _ if failures < limit::WATCH_FAILURES_MAX => None,
                        // The member answers: what it cannot show, such as a kind whose conversion fails, is that kind.
                        Class::Retry => Some(Event::Blind(self.kind(), e.to_string())),
                        Class::Unreachable | Class::Bug => Some(Event::Lost(e)),
                    };
                    let last = matches!(event, Some(Event::Absent(_)));
                    if last {
                        // Discovery may still name the kind: do not ask in a tight loop.
                        tokio::time::sleep(plan::retry::pause(1, (self.jitter)())).await;
                    }
                    if let Some(event) = event
                        && self.events.send(event).await.is_err()
                    {
                        return;
                    }
                    if last {
                        return;
                    }
                    tokio::time::sleep(plan::retry::pause(failures, (self.jitter)())).await;
                }
            }
            if self.events.is_closed() {
                return;
            }
            if failures == 0 && began.elapsed() < limit::WATCH_LEAST {
                // A server that ends watches at once is not asked in a tight loop.
                tokio::time::sleep(plan::retry::pause(1, (self.jitter)())).await;
            }
        }
    }

    /// Lists, unless there is a position to go on from, and watches for one request.
    async fn stretch(&self, from: Option<String>) -> Result<End, Error> {
        let path = self.resource.path("", "");
        let mut version = if let Some(version) = from {
            version
        } else {
            let listed = self.wire.list(&path, &self.selector()).await?;
            let looks = listed.items.into_iter().map(|object| self.look(object)).collect();
            let position = listed.resource_version.parse().ok();
            if self.events.send(Event::Listed(self.kind(), position, looks)).await.is_err() {
                return Ok(End::Expired);
            }
            listed.resource_version
        };
        let asked = self.limits.watch.as_secs().saturating_sub(10).max(1);
        let request = http::Request::get(format!(
            "{path}?watch=true&labelSelector={}&resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds={asked}",
            encode(&self.selector()),
            encode(&version)
        ))
        .body(Vec::new())
        .map_err(|e| Error::Answer(format!("{path} is not a path: {e}")))?;
        let end = tokio::time::Instant::now() + self.limits.watch;
        let opened =
            tokio::time::timeout(self.limits.request, self.wire.client().request_events::<Value>(request)).await;
        let stream = match opened {
            Ok(stream) => stream.map_err(|e| transport(&e)),
            Err(_) => Err(Error::Deadline(self.limits.request.as_secs())),
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(e) if e.code() == Some(410) => return Ok(End::Expired),
            Err(e) => return Err(self.wire.judge(e).await),
        };
        let mut stream = std::pin::pin!(stream);
        // The server ends the request before this; a connection that died silently ends here.
        while let Ok(next) = tokio::time::timeout_at(end, stream.next()).await {
            let event = match next {
                None => break,
                Some(Ok(event)) => event,
                Some(Err(e)) => match transport(&e) {
                    e if e.code() == Some(410) => return Ok(End::Expired),
                    // The request was refused; that is in the stream too.
                    e @ Error::Api { .. } => return Err(self.wire.judge(e).await),
                    _ => break,
                },
            };
            let said = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    update(&mut version, &object);
                    let (key, look) = self.look(object);
                    Event::Seen(key, look)
                }
                WatchEvent::Deleted(object) => {
                    update(&mut version, &object);
                    Event::Gone(
                        self.key(&object),
                        model::object::resource_version(&object).and_then(|v| v.parse().ok()),
                    )
                }
                WatchEvent::Bookmark(bookmark) => {
                    version = bookmark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(_) => return Ok(End::Expired),
            };
            if self.events.send(said).await.is_err() {
                break;
            }
        }
        Ok(End::Resume(version))
    }
}

fn update(version: &mut String, object: &Value) {
    if let Some(newer) = model::object::resource_version(object) {
        newer.clone_into(version);
    }
}
