//! Connections, and how long the server keeps them open.
//!
//! A connection costs a file and some memory, and every client that reaches the port can open one. A connection whose
//! client has not authenticated yet is given little time, and few of them are open at once. Others stay open, but not
//! without requests.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Unauthenticated connections at once. Each connection is one for the few milliseconds until its first request is
/// authenticated: a restart of 1,000 agents, spread over a second, needs some ten. When there are more, the oldest is
/// closed, so that clients that keep theirs open cannot keep others out.
const UNAUTHENTICATED_MAX: usize = 256;

/// How long a client may leave a part of an answer untaken. A client that reads nothing would otherwise hold a watch,
/// with all that it has yet to send, without end; at 1 MiB a part this asks for 17 kB/s.
const UNTAKEN_MAX: Duration = Duration::from_secs(60);

/// Ends the watches of one listener; travels in a request's extensions.
#[derive(Clone)]
pub(crate) struct Closing(pub(crate) CancellationToken);

/// One connection.
pub(crate) struct Connection {
    authenticated: AtomicBool,
    /// Ends the connection.
    pub(crate) end: CancellationToken,
    activity: Mutex<Activity>,
}

struct Activity {
    /// Requests whose answer is not sent completely.
    open: usize,
    /// When the last one ended.
    since: Instant,
    /// Requests so far: the name of the next one.
    count: u64,
    /// Of requests of whose answer the client has a part to take, since when.
    untaken: HashMap<u64, Instant>,
}

/// A request of a connection that is under way; dropped with the body of its answer.
pub(crate) struct InProgress {
    connection: Arc<Connection>,
    number: u64,
}

impl Connection {
    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub(crate) fn begin(self: &Arc<Self>) -> InProgress {
        let mut activity = self.activity();
        activity.open += 1;
        activity.count += 1;
        InProgress { connection: self.clone(), number: activity.count }
    }

    /// Ends after so long without a request, by whether the client has authenticated, or when it does not take an
    /// answer.
    pub(crate) async fn idle(&self, unauthenticated: Duration, authenticated: Duration) {
        loop {
            let patience = if self.authenticated.load(Ordering::Acquire) { authenticated } else { unauthenticated };
            let until = {
                let activity = self.activity();
                let now = Instant::now();
                // A request that is under way is looked at again later.
                let quiet = if activity.open > 0 { now } else { activity.since };
                let untaken = activity.untaken.values().min().copied().unwrap_or(now);
                (quiet + patience).min(untaken + UNTAKEN_MAX)
            };
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

impl InProgress {
    /// The client has a part of the answer to take.
    pub(crate) fn offered(&self) {
        self.connection.activity().untaken.insert(self.number, Instant::now());
    }

    /// The client took what it was offered.
    pub(crate) fn taken(&self) {
        self.connection.activity().untaken.remove(&self.number);
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut activity = self.connection.activity();
        activity.untaken.remove(&self.number);
        activity.open -= 1;
        activity.since = Instant::now();
    }
}

/// The connections whose clients have not authenticated yet, the oldest first.
#[derive(Default)]
pub(crate) struct Unauthenticated(Mutex<VecDeque<Arc<Connection>>>);

impl Unauthenticated {
    fn list(&self) -> MutexGuard<'_, VecDeque<Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection; true when the oldest one was closed for that.
    pub(crate) fn add(&self) -> (Arc<Connection>, bool) {
        let connection = Arc::new(Connection {
            authenticated: AtomicBool::new(false),
            end: CancellationToken::new(),
            activity: Mutex::new(Activity { open: 0, since: Instant::now(), count: 0, untaken: HashMap::new() }),
        });
        let mut list = self.list();
        list.push_back(connection.clone());
        let oldest = if list.len() > UNAUTHENTICATED_MAX { list.pop_front() } else { None };
        drop(list);
        if let Some(oldest) = &oldest {
            oldest.end.cancel();
        }
        (connection, oldest.is_some())
    }

    /// The client of a connection has authenticated.
    pub(crate) fn mark_authenticated(&self, connection: &Arc<Connection>) {
        if !connection.authenticated.swap(true, Ordering::AcqRel) {
            self.remove(connection);
        }
    }

    /// A connection has ended.
    pub(crate) fn remove(&self, connection: &Arc<Connection>) {
        self.list().retain(|other| !Arc::ptr_eq(other, connection));
    }
}

#[cfg(test)]
mod tests;
