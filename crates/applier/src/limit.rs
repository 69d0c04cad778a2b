//! What one applier may use of its member and of the hub.

use std::time::Duration;

/// Limits of one member's applier.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests in flight for one unit. A kube-apiserver's fair queuing gives one user about ten seats on a small
    /// control plane; eight leave room for the watches.
    pub objects_in_flight: usize,
    /// Units worked on at a time, so that one with many objects does not keep the others waiting.
    pub units_in_flight: usize,
    /// Deadline of one request. A kube-apiserver gives up after 60 s; webhooks time out after 10 s by default, and a
    /// request may pass two.
    pub request: Duration,
    /// Longest time between two looks at a unit, for what no watch announces (an autoscaler that went away).
    pub resync: Duration,
    /// Deadline of one watch request; the server is asked to end it a little earlier. Bounds how long a connection that
    /// died silently goes unnoticed.
    pub watch: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects_in_flight: 8,
            units_in_flight: 4,
            request: Duration::from_secs(30),
            resync: Duration::from_secs(600),
            watch: Duration::from_secs(300),
        }
    }
}

/// Objects per page of a list. 500 objects of 4 kB are 2 MB in memory at a time.
pub(crate) const LIST_PAGE: usize = 500;

/// Watch events on their way to the applier. Each holds digests only, about 400 bytes; a full channel slows the watch,
/// which the server buffers.
pub(crate) const EVENTS_MAX: usize = 256;

/// Deadline of the question whether the rest of a member answers, when a part of it did not. Small reads of a busy API
/// server take below one second.
pub(crate) const JUDGE: Duration = Duration::from_secs(5);

/// Failures of a watch in a row before the member counts as unreachable.
pub(crate) const WATCH_FAILURES_MAX: u32 = 2;

/// A watch that ends sooner is followed by a pause.
pub(crate) const WATCH_LEAST: Duration = Duration::from_secs(1);

/// Reports on their way to the hub's controllers, over all members. At 2 kB each, 8 MB.
pub(crate) const REPORTS_MAX: usize = 4_096;

/// Least time between two fetches of the same discovery document.
pub(crate) const DISCOVERY_REFRESH: Duration = Duration::from_millis(500);

/// Pages of a list. With [`LIST_PAGE`] a million objects: more is a server that does not end.
pub(crate) const LIST_PAGES_MAX: usize = 2_000;
