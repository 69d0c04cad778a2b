//! Faults on the network side of a member, switched while it runs.
//!
//! Clients in the process do not notice them: the member itself is well.

use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Reason, Status};
use tokio::sync::watch;

/// Every fault that a member can be given while it runs. A test that walks all of them does not build until a new one has
/// a row there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its connections are refused.
    Unplugged,
    /// Its requests get no answer.
    NoAnswer,
    /// Its answers come too late for any client.
    Slow,
    /// The next request fails.
    FailedCall,
    /// Every request fails.
    FailedCalls,
    /// All of its nodes fall silent.
    NodesDown,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Unplugged, Self::NoAnswer, Self::Slow, Self::FailedCall, Self::FailedCalls, Self::NodesDown];

    /// How late answers come while it is [slow](Self::Slow): longer than clients wait.
    pub(crate) const SLOW: Duration = Duration::from_secs(60);
}

/// What is wrong just now.
#[derive(Clone, Debug, Default)]
struct State {
    unreachable: bool,
    latency: Duration,
    /// The calls from now on that fail: countdown and answer.
    failing: Option<(u64, Status)>,
    /// Fail this call only, or every n-th one.
    every: Option<u64>,
}

/// The faults of a member; none at first.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<State>,
    /// Tells requests that hang that they may go on.
    changed: watch::Sender<()>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests get no answer, as behind a firewall that drops packets. (A member whose connections are refused is
    /// [unplugged](crate::Member::unplug).) Requests that hang when this is switched off go on.
    pub fn set_unreachable(&self, on: bool) {
        self.lock().unreachable = on;
        self.changed.send_replace(());
    }

    /// Each request takes this much longer.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// The n-th request from now fails with a 500; 1 is the next one.
    pub fn fail_call(&self, n: u64) {
        let status = Status::internal(format!("injected fault at call {n}"));
        let mut state = self.lock();
        state.failing = Some((n.max(1), status));
        state.every = None;
    }

    /// Every n-th request from now fails with a 500; 0 ends that.
    pub fn fail_every(&self, n: u64) {
        let mut state = self.lock();
        state.failing = (n > 0).then(|| (n, Status::internal(format!("injected fault at every call {n}"))));
        state.every = (n > 0).then_some(n);
    }

    /// Ends all of them.
    pub fn clear(&self) {
        *self.lock() = State::default();
        self.changed.send_replace(());
    }

    /// Lets a request through, late or not at all.
    pub(crate) async fn pass(&self) -> Result<(), Status> {
        let mut changed = self.changed.subscribe();
        while self.lock().unreachable {
            if changed.changed().await.is_err() {
                pending::<()>().await;
            }
        }
        let (latency, failure) = {
            let mut state = self.lock();
            let every = state.every;
            let failure = match &mut state.failing {
                Some((1, status)) => {
                    let status = status.clone();
                    state.failing = every.map(|n| (n, status.clone()));
                    Some(status)
                }
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
                None => None,
            };
            (state.latency, failure)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match failure {
            Some(status) => Err(Status { reason: Reason::InternalError.as_str().to_owned(), ..status }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_fault_does_what_it_says() {
        let faults = Faults::default();
        faults.fail_call(2);
        assert!(faults.pass().await.is_ok());
        assert_eq!(faults.pass().await.unwrap_err().code, 500);
        assert!(faults.pass().await.is_ok());
        faults.fail_every(2);
        let answers = [
            faults.pass().await.is_ok(),
            faults.pass().await.is_ok(),
            faults.pass().await.is_ok(),
            faults.pass().await.is_ok(),
        ];
        assert_eq!(answers, [true, false, true, false]);
        faults.clear();
        faults.set_latency(Duration::from_millis(300));
        let start = tokio::time::Instant::now();
        assert!(faults.pass().await.is_ok());
        assert_eq!(start.elapsed().as_millis(), 300);
        faults.clear();
        faults.set_unreachable(true);
        assert!(tokio::time::timeout(Duration::from_secs(60), faults.pass()).await.is_err());
        let wait = faults.pass();
        let heal = async { faults.set_unreachable(false) };
        assert!(tokio::join!(wait, heal).0.is_ok());
    }
}
