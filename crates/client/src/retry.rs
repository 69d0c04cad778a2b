//! When to try again, and how often at most. Time is an argument, and every sum saturates: a pause of [`Duration::MAX`]
//! means never, and no panic.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Gives numbers in `0.0..1.0`. Randomness comes from the composition root.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// A jitter that shortens nothing: for clients in process, of which there is one.
pub fn steady() -> Jitter {
    Arc::new(|| 0.0)
}

/// Pauses that double with each failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Backoff {
    /// For members. A member that comes back is noticed within the longest pause; a thousand members that are away cost
    /// 33 requests a second.
    pub const MEMBER: Self = Self::new(Duration::from_millis(500), Duration::from_secs(30));
    /// For a server in the same process, or next to it: it restarts in a moment.
    pub const NEAR: Self = Self::new(Duration::from_millis(50), Duration::from_secs(30));

    /// Makes a back-off.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The pause after so many failures in a row (from 1), shortened by up to half by `jitter` in `0.0..1.0`, so that
    /// members that went away together do not come back together.
    pub fn pause(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }
}

/// A moment so much later. Where the clock cannot hold it, one that nobody lives to see: thirty years, as tokio has it.
pub fn later(from: Instant, pause: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(86_400 * 365 * 30);
    from.checked_add(pause.min(NEVER)).unwrap_or(from)
}

/// Turns that come regularly, at once at news, and never more often than `least`.
///
/// A turn that does not get what it wanted counts like any other: the next one is at least `least` away, whatever the
/// caller wishes. So a wish that lies in the past cannot become a tight loop.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    least: Duration,
    began: Option<Instant>,
}

impl Pace {
    /// At most one turn in `least`.
    pub const fn new(least: Duration) -> Self {
        Self { least, began: None }
    }

    /// When the next turn may begin: as wished, but neither before now nor sooner than `least` after the last began.
    pub fn next(&self, wished: Instant, now: Instant) -> Instant {
        let earliest = self.began.map_or(now, |began| later(began, self.least));
        wished.max(earliest).max(now)
    }

    /// A turn begins.
    pub fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// Waits for the next turn and begins it: after `rest`, or at news, but never sooner than `least` after the last one
    /// began. Dropped before it is done, it begins nothing.
    pub async fn turn(&mut self, rest: Duration, news: impl Future<Output = ()>) {
        let now = Instant::now();
        let regular = self.next(later(self.began.unwrap_or(now), rest), now);
        tokio::select! {
            () = tokio::time::sleep_until(regular) => {}
            () = news => {
                let now = Instant::now();
                tokio::time::sleep_until(self.next(now, now)).await;
            }
        }
        self.begin(Instant::now());
    }
}

#[cfg(test)]
mod tests;
