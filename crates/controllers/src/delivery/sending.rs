//! Members that are being sent to: what others report waits for them.
//!
//! A commit goes to a thousand members at the same time. Storing what the first of them report takes the cores that the
//! last of them wait for. So reports are kept back while many members are being sent to, for a bounded time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::MemberName;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Up to so many members at a time, nothing is kept back: they are sent to within a few milliseconds, and members that are
/// slow keep back no report of others.
const FEW: usize = 16;

/// Longest time that reports are kept back: status that says nothing new waits as long ([`super::status`]). A member that
/// has not answered for so long is not waited for.
const KEPT_BACK_MAX: Duration = Duration::from_secs(1);

#[derive(Default)]
struct UnderWay {
    since: BTreeMap<MemberName, Instant>,
    /// Since when there are more than a few.
    many: Option<Instant>,
}

/// Which members are being sent to.
#[derive(Default)]
pub(super) struct Sending {
    under_way: Mutex<UnderWay>,
    few: Notify,
}

impl Sending {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member has something to apply. True when it had nothing before.
    pub(super) fn begin(&self, member: &MemberName) -> bool {
        let now = Instant::now();
        let mut under_way = self.under_way();
        let UnderWay { since, many } = &mut *under_way;
        if many.is_none_or(|many| now - many >= KEPT_BACK_MAX) {
            since.retain(|_, began| now - *began < KEPT_BACK_MAX);
        }
        let begun = since.insert(member.clone(), now).is_none();
        if since.len() <= FEW {
            *many = None;
        } else {
            many.get_or_insert(now);
        }
        begun
    }

    /// A member has reported, or is gone.
    pub(super) fn end(&self, member: &MemberName) {
        let mut under_way = self.under_way();
        if under_way.since.remove(member).is_some() && under_way.since.len() <= FEW && under_way.many.take().is_some() {
            self.few.notify_waiters();
        }
    }

    /// Waits until few members are being sent to, or long enough.
    pub(super) async fn few(&self) {
        let mut fewer = std::pin::pin!(self.few.notified());
        // From here on it hears of it.
        fewer.as_mut().enable();
        let Some(many) = self.under_way().many else { return };
        tokio::select! {
            () = fewer => {}
            () = tokio::time::sleep_until(many + KEPT_BACK_MAX) => {}
        }
    }
}

#[cfg(test)]
mod tests;
