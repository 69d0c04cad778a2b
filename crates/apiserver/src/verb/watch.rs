//! `watch`: a collection's changes as a stream.
//!
//! Each watcher has a cursor of its own in the store's log; an event's line is encoded once and shared by all watchers
//! that see it the same way. A watcher that is too slow is ended by the store and starts again from its last revision.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use model::{FieldError, FieldPath, GroupKind, Reason, Status};
use serde_json::{Value, json};
use store::{Entry, Event, Revision, WatchError};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::filter::Filter;
use super::{get, shape};
use crate::body::ResponseBody;
use crate::budget::WatchPermit;
use crate::call::Call;
use crate::key;
use crate::meta::Meta;
use crate::negotiate::Form;
use crate::reply::Answer;

/// Marks the bookmark that ends the initial events.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";
/// So long before a watch ends a bookmark says how far it came (kube-apiserver: `cache_watcher.go`).
const BEFORE_END: Duration = Duration::from_secs(2);
/// Initial events are sent in frames of about this many bytes.
const FRAME: usize = 64 * 1024;

struct Watcher {
    call: Call,
    filter: Filter,
    events: Box<dyn store::Watch<Meta>>,
    /// Objects that were there at the start, to be sent as ADDED.
    initial: VecDeque<Arc<Entry<Meta>>>,
    /// The revision of the bookmark that ends the initial events.
    marker: Option<Revision>,
    /// A failure to send before the end.
    failure: Option<Bytes>,
    bookmarks: Option<Interval>,
    /// When the last bookmark is due, until it is sent.
    last_bookmark: Option<Instant>,
    deadline: Instant,
    columns_sent: bool,
    _permit: WatchPermit,
}

/// Room for one more watch, which the watch holds for as long as its body lives.
pub(super) fn admit(call: &Call) -> Result<WatchPermit, Status> {
    call.state.budgets.admit_watch(call.origin, &call.user.name).map_err(|why| {
        call.state.counters.refuse();
        Status::new(Reason::TooManyRequests, why).retry_after(1)
    })
}

/// Starts a watch.
pub(super) async fn watch(call: &mut Call) -> Result<Answer, Status> {
    let state = call.state.clone();
    let filter = Filter::from_call(call)?;
    let permit = admit(call)?;
    let wanted = get::requested(call)?;
    get::at_least(&state, wanted)?;
    let streaming = streaming_list(call)?;
    let bookmarks = call.query.flag("allowWatchBookmarks");
    let seconds = call.query.number("timeoutSeconds")?.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);

    let prefix = key::prefix(&call.served.stored_as.group, &call.served.stored_as.resource, call.namespace());
    let range = key::below(&prefix, Bound::Unbounded);
    let mut initial = VecDeque::new();
    let after = match wanted {
        Some(revision) if revision.0 != 0 && !streaming => revision,
        _ => {
            let snapshot = state.store.snapshot();
            // Without `sendInitialEvents=false` a watch from nowhere starts with what is there.
            if call.query.tristate("sendInitialEvents") != Some(false) {
                initial = snapshot.range(range.clone()).filter(|e| filter.matches(&state, e)).collect();
            }
            snapshot.revision()
        }
    };
    let events = state.store.watch(range, after).map_err(|error| match error {
        WatchError::Compacted { asked, oldest } => {
            Status::expired(format!("too old resource version: {asked} ({oldest})"))
        }
        WatchError::Future { asked, newest } => {
            Status::new(Reason::Timeout, format!("Too large resource version: {asked}, current: {newest}"))
        }
    })?;
    let period = state.limits.bookmark;
    let deadline = Instant::now() + seconds.map_or(state.limits.watch, Duration::from_secs);
    let watcher = Watcher {
        filter,
        events,
        initial,
        // Only who takes bookmarks is told where the initial events end (`cacher.go`).
        marker: (streaming && bookmarks).then_some(after),
        failure: None,
        bookmarks: bookmarks.then(|| {
            let mut interval = tokio::time::interval_at(Instant::now() + period, period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        }),
        last_bookmark: deadline.checked_sub(BEFORE_END).filter(|last| bookmarks && *last > Instant::now()),
        deadline,
        columns_sent: false,
        _permit: permit,
        call: call.without_body(),
    };
    let stream = futures::stream::unfold(watcher, |mut watcher| async move {
        let frame = watcher.next().await?;
        Some((frame, watcher))
    });
    let mut answer = Response::new(ResponseBody::stream(stream));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}

/// Checks the parameters of a streaming list (`sendInitialEvents`; apimachinery's ValidateListOptions).
fn streaming_list(call: &Call) -> Result<bool, Status> {
    let rule = call.query.get("resourceVersionMatch");
    let asked = call.query.tristate("sendInitialEvents");
    let invalid = |error| Err(Status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &[error]));
    match (asked, rule) {
        (None, None) => Ok(false),
        (None, Some(_)) => {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            invalid(FieldError::forbidden(FieldPath::of("resourceVersionMatch"), why))
        }
        (Some(_), Some("NotOlderThan")) => Ok(asked == Some(true)),
        (Some(_), None) => {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            invalid(FieldError::forbidden(FieldPath::of("resourceVersionMatch"), why))
        }
        (Some(_), Some(other)) => {
            invalid(FieldError::not_supported(FieldPath::of("resourceVersionMatch"), other, &["NotOlderThan"]))
        }
    }
}

enum Next {
    Event(Option<Arc<Event<Meta>>>),
    Bookmark,
    End,
}

impl Watcher {
    /// The next frame of the body; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.next_initial() {
            return Some(frame);
        }
        if let Some(revision) = self.marker.take() {
            return Some(self.bookmark(revision, true));
        }
        loop {
            if self.failure.is_some() {
                return self.failure.take();
            }
            let (closing, stopping) = (&self.call.closing, &self.call.state.closing);
            let tick = async {
                let Some(interval) = &mut self.bookmarks else { return std::future::pending().await };
                let Some(last) = self.last_bookmark else {
                    interval.tick().await;
                    return;
                };
                tokio::select! {
                    _ = interval.tick() => {}
                    () = tokio::time::sleep_until(last) => self.last_bookmark = None,
                }
            };
            let next = tokio::select! {
                biased;
                () = closing.cancelled() => Next::End,
                () = stopping.cancelled() => Next::End,
                event = self.events.next() => Next::Event(event),
                () = tokio::time::sleep_until(self.deadline) => Next::End,
                () = tick => Next::Bookmark,
            };
            match next {
                Next::Event(Some(event)) => match self.line(&event) {
                    Ok(Some(line)) => return Some(line),
                    Ok(None) => {}
                    Err(status) => return Some(error_line(&status)),
                },
                Next::Bookmark => return Some(self.bookmark(self.events.seen_up_to(), false)),
                Next::Event(None) | Next::End => return None,
            }
        }
    }

    fn next_initial(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while let Some(entry) = self.initial.pop_front() {
            match self.encode("ADDED", &entry, entry.modified) {
                Ok(line) => out.extend_from_slice(&line),
                Err(status) => out.extend_from_slice(&error_line(&status)),
            }
            if out.len() >= FRAME {
                break;
            }
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    /// One event's line as this watcher sees it: an object that comes to match is ADDED, one that no longer does is
    /// DELETED, independent of what happened to it.
    fn line(&mut self, event: &Event<Meta>) -> Result<Option<Bytes>, Status> {
        let state = self.call.state.clone();
        let sees =
            |entry: &Option<Arc<Entry<Meta>>>| entry.as_ref().filter(|e| self.filter.matches(&state, e)).cloned();
        let (seen, natural) = match (sees(&event.previous), sees(&event.current)) {
            (None, None) => return Ok(None),
            (None, Some(entry)) => (("ADDED", entry), event.previous.is_none()),
            (Some(_), Some(entry)) => (("MODIFIED", entry), true),
            (Some(entry), None) => (("DELETED", entry), event.current.is_none()),
        };
        let (ty, entry) = seen;
        let stored = self.call.served.storage == self.call.served.api_version;
        if !natural || !stored || self.call.form != Form::Object {
            return self.encode(ty, &entry, event.revision).map(Some);
        }
        if let Some(line) = event.encoded.get() {
            return Ok(Some(line.clone()));
        }
        let line = self.encode(ty, &entry, event.revision)?;
        // Two watchers may race to encode; both made the same bytes.
        Ok(Some(event.encoded.get_or_init(|| line).clone()))
    }

    fn encode(&mut self, ty: &str, entry: &Entry<Meta>, revision: Revision) -> Result<Bytes, Status> {
        let mut out = BytesMut::with_capacity(64);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(ty.as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        if self.call.form == Form::Object {
            self.call.state.render(&mut out, &self.call.served, entry, revision)?;
        } else {
            let (_, mut object) = self.call.state.parse(&self.call.served, entry)?;
            crate::stored::set_revision(&mut object, revision);
            out.extend_from_slice(self.shape(object, revision).to_string().as_bytes());
        }
        out.extend_from_slice(b"}\n");
        Ok(out.freeze())
    }

    fn shape(&mut self, object: Value, revision: Revision) -> Value {
        match self.call.form {
            Form::Table => {
                let first = !std::mem::replace(&mut self.columns_sent, true);
                let metadata = json!({"resourceVersion": revision.to_string()});
                shape::table(&self.call, &[object], metadata, first)
            }
            _ => shape::partial(object),
        }
    }

    fn bookmark(&self, revision: Revision, ends_initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if ends_initial {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let (version, kind) = match self.call.form {
            Form::Metadata => ("meta.k8s.io/v1", "PartialObjectMetadata"),
            Form::Table => ("meta.k8s.io/v1", "Table"),
            _ => (self.call.served.api_version.as_str(), self.call.served.gvk.kind.as_str()),
        };
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        if self.call.form == Form::Table {
            object["columnDefinitions"] = Value::Null;
            object["rows"] = json!([]);
        }
        Bytes::from(format!("{{\"type\":\"BOOKMARK\",\"object\":{object}}}\n"))
    }
}

fn error_line(status: &Status) -> Bytes {
    Bytes::from(format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status.to_value()))
}
