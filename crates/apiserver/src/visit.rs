//! Connections and the patience that a server has with them.
//!
//! A connection costs a file and some memory, and anybody can open one. Whoever has not shown who they are gets little
//! time and shares few places; who has may stay, but not for ever without a request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections of strangers at once. Each client is one for the few milliseconds until its first request is
/// authenticated: a restart of 1,000 agents, spread over a second, needs some ten. When there are more, the oldest goes, so
/// that strangers who hold on to theirs lock nobody out.
const STRANGERS_MAX: usize = 256;

/// How long a client may leave a part of an answer untaken. Somebody who reads nothing would otherwise hold a watch, with
/// all that it has yet to send, for ever; at 1 MiB a part this asks for 17 kB/s.
const UNTAKEN_MAX: Duration = Duration::from_secs(60);

/// Ends the watches of one listener; travels in a request's extensions.
#[derive(Clone)]
pub(crate) struct Closing(pub(crate) CancellationToken);

/// One connection.
pub(crate) struct Visit {
    known: AtomicBool,
    /// Ends the connection.
    pub(crate) leave: CancellationToken,
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
    visit: Arc<Visit>,
    number: u64,
}

impl Visit {
    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub(crate) fn begin(self: &Arc<Self>) -> InProgress {
        let mut activity = self.activity();
        activity.open += 1;
        activity.count += 1;
        InProgress { visit: self.clone(), number: activity.count }
    }

    /// Ends when nothing was asked for so long, as a stranger or as somebody known, or when an answer is not taken.
    pub(crate) async fn idle(&self, stranger: Duration, known: Duration) {
        loop {
            let patience = if self.known.load(Ordering::Acquire) { known } else { stranger };
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
        self.visit.activity().untaken.insert(self.number, Instant::now());
    }

    /// The client took what it was offered.
    pub(crate) fn taken(&self) {
        self.visit.activity().untaken.remove(&self.number);
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut activity = self.visit.activity();
        activity.untaken.remove(&self.number);
        activity.open -= 1;
        activity.since = Instant::now();
    }
}

/// The connections of those who are not known yet, the oldest first.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<VecDeque<Arc<Visit>>>);

impl Strangers {
    fn list(&self) -> MutexGuard<'_, VecDeque<Arc<Visit>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a stranger in; true when the oldest one had to go for that.
    pub(crate) fn admit(&self) -> (Arc<Visit>, bool) {
        let visit = Arc::new(Visit {
            known: AtomicBool::new(false),
            leave: CancellationToken::new(),
            activity: Mutex::new(Activity { open: 0, since: Instant::now(), count: 0, untaken: HashMap::new() }),
        });
        let mut list = self.list();
        list.push_back(visit.clone());
        let oldest = if list.len() > STRANGERS_MAX { list.pop_front() } else { None };
        drop(list);
        if let Some(oldest) = &oldest {
            oldest.leave.cancel();
        }
        (visit, oldest.is_some())
    }

    /// A stranger has shown who they are.
    pub(crate) fn know(&self, visit: &Arc<Visit>) {
        if !visit.known.swap(true, Ordering::AcqRel) {
            self.forget(visit);
        }
    }

    /// A connection has ended.
    pub(crate) fn forget(&self, visit: &Arc<Visit>) {
        self.list().retain(|other| !Arc::ptr_eq(other, visit));
    }
}

#[cfg(test)]
mod tests;
