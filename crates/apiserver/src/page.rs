//! Lists in pages, all at the revision of the first page.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Reason, Status, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Revision, Snapshot};

use crate::meta::Meta;

/// Where the next page starts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    /// Format of the token.
    v: String,
    /// Revision of the list; absent when the client agreed to go on at another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rv: Option<u64>,
    /// The last key returned, without the kind's prefix.
    after: String,
}

const FORMAT: &str = "kurator.dev/1";

impl Token {
    /// A token that goes on after this key (given without the prefix of the list).
    pub(crate) fn new(revision: Option<Revision>, after: &[u8]) -> Self {
        Self { v: FORMAT.to_owned(), rv: revision.map(|r| r.0), after: String::from_utf8_lossy(after).into_owned() }
    }

    /// The text on the wire.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Parses a token.
    pub(crate) fn decode(text: &str) -> Result<Self, Status> {
        let token = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        token.filter(|token| token.v == FORMAT).ok_or_else(|| {
            Status::bad_request("invalid continue token: continue key is not valid: it was not made by this server")
        })
    }

    /// The revision that the list is pinned to.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.rv.map(Revision)
    }

    /// The first key of the page, exclusive.
    pub(crate) fn start(&self, prefix: &str) -> Bound<Key> {
        Bound::Excluded(Arc::from(format!("{prefix}{}", self.after).into_bytes()))
    }

    /// The refusal of a token whose revision is gone, with a token that goes on at the newest one
    /// (`storage/etcd3/errors.go`, handleCompactedErrorForPaging).
    pub(crate) fn expired(&self) -> Status {
        let mut status = Status::new(
            Reason::Expired,
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results. Continuing with the provided token results in an inconsistent list - objects that were \
             created, modified, or deleted between the time the first chunk was returned and now may show up in the \
             list.",
        );
        status.continue_token = Some(Self { rv: None, after: self.after.clone(), v: FORMAT.to_owned() }.encode());
        status
    }
}

struct Pinned {
    at: Timestamp,
    snapshot: Arc<dyn Snapshot<Meta>>,
}

/// Snapshots that lists may still be continued at: a bounded number, each for a bounded time, the oldest go first.
pub(crate) struct Pages {
    held: Mutex<VecDeque<Pinned>>,
    max: usize,
    age: Duration,
}

impl Pages {
    pub(crate) fn new(max: usize, age: Duration) -> Self {
        Self { held: Mutex::default(), max, age }
    }

    /// Keeps a snapshot for later pages.
    pub(crate) fn pin(&self, snapshot: &Arc<dyn Snapshot<Meta>>, now: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_old(&mut held, now);
        // The age counts from the first page: a client that asks for one page again and again would keep a snapshot for ever.
        if !held.iter().any(|p| p.snapshot.revision() == snapshot.revision()) {
            held.push_back(Pinned { at: now, snapshot: snapshot.clone() });
        }
        while held.len() > self.max {
            held.pop_front();
        }
    }

    /// The snapshot of a revision, if it is the newest or still kept.
    pub(crate) fn snapshot_at(
        &self,
        newest: Arc<dyn Snapshot<Meta>>,
        revision: Revision,
        now: Timestamp,
    ) -> Option<Arc<dyn Snapshot<Meta>>> {
        if newest.revision() == revision {
            return Some(newest);
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_old(&mut held, now);
        held.iter().find(|p| p.snapshot.revision() == revision).map(|p| p.snapshot.clone())
    }

    fn drop_old(&self, held: &mut VecDeque<Pinned>, now: Timestamp) {
        held.retain(|p| now.duration_since(p.at).unsigned_abs() < self.age);
    }
}
