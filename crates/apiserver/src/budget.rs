//! How many requests are handled at once, by where they come from.
//!
//! Each origin has a budget of its own. A caller without credentials can take nothing that known callers need, and
//! nothing that comes over the network can take what controllers in the process need.

use tokio::sync::{Semaphore, SemaphorePermit};

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
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            process: Semaphore::new(limits.process_requests),
            known: Semaphore::new(limits.requests),
            anonymous: Semaphore::new(limits.anonymous_requests),
        }
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
