//! How many requests are handled and watches are open at once, by where they come from.
//!
//! Each origin has a budget of its own. A caller without credentials can take nothing that known callers need, and
//! nothing that comes over the network can take what controllers in the process need. Of the watches one user of the network
//! has a share, so that a client that opens them without end leaves some for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::config::Limits;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client in the process.
    Process,
    /// A caller over the network that has proved who it is.
    Known,
    /// A caller over the network without credentials. It may ask for what needs no body, so that none is read.
    Anonymous,
}

/// The budgets of one server.
#[derive(Debug)]
pub(crate) struct Budgets {
    process: Semaphore,
    known: Semaphore,
    anonymous: Semaphore,
    process_watches: Arc<Semaphore>,
    known_watches: Arc<Semaphore>,
    /// Watches of each user of the network, and how many one may have.
    users: Arc<Users>,
    user_watches: usize,
}

/// Watches by the name of the user; a user without any is not in it.
#[derive(Debug, Default)]
struct Users(Mutex<HashMap<Arc<str>, usize>>);

impl Users {
    /// A count cannot panic half-way.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one watch, as long as it lives.
#[derive(Debug)]
pub(crate) struct WatchPermit {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// One watch of a user's share.
#[derive(Debug)]
struct Share {
    users: Arc<Users>,
    user: Arc<str>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut users = self.users.lock();
        if let Some(count) = users.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                users.remove(&self.user);
            }
        }
    }
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            process: Semaphore::new(limits.process_requests),
            known: Semaphore::new(limits.requests),
            anonymous: Semaphore::new(limits.anonymous_requests),
            process_watches: Arc::new(Semaphore::new(limits.process_watches)),
            known_watches: Arc::new(Semaphore::new(limits.watches)),
            users: Arc::default(),
            user_watches: limits.user_watches,
        }
    }

    /// Room for one watch; else why there is none. Callers without credentials watch nothing, and count as a user.
    pub(crate) fn admit_watch(&self, origin: Origin, user: &Arc<str>) -> Result<WatchPermit, String> {
        let (budget, share) = match origin {
            Origin::Process => (&self.process_watches, None),
            Origin::Known | Origin::Anonymous => (&self.known_watches, Some(self.share(user)?)),
        };
        match budget.clone().try_acquire_owned() {
            Ok(permit) => Ok(WatchPermit { _permit: permit, _share: share }),
            Err(_) => Err("too many watches at once".to_owned()),
        }
    }

    fn share(&self, user: &Arc<str>) -> Result<Share, String> {
        let mut users = self.users.lock();
        let count = users.get(user).copied().unwrap_or_default();
        if count >= self.user_watches {
            return Err(format!("too many watches at once: {user} has {count}, which is what one user may have"));
        }
        users.insert(user.clone(), count + 1);
        drop(users);
        Ok(Share { users: self.users.clone(), user: user.clone() })
    }

    /// Room for one request, as long as the permit lives; `None` when there is none.
    pub(crate) fn admit_request(&self, origin: Origin) -> Option<SemaphorePermit<'_>> {
        let budget = match origin {
            Origin::Process => &self.process,
            Origin::Known => &self.known,
            Origin::Anonymous => &self.anonymous,
        };
        budget.try_acquire().ok()
    }
}

#[cfg(test)]
mod tests;
