//! When to try again.

use std::time::Duration;

/// First pause.
pub const FIRST: Duration = Duration::from_millis(500);
/// Longest pause. A member that comes back is noticed within it; a thousand members that are away cost 33 requests a
/// second.
pub const LONGEST: Duration = Duration::from_secs(30);

/// The pause after so many failures in a row (from 1): doubled each time, shortened by up to half by `jitter` in
/// `0.0..1.0`, so that members that went away together do not come back together.
pub fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1).min(16)).unwrap_or(u32::MAX));
    doubled.min(LONGEST).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_jitter_shortens() {
        assert_eq!(pause(1, 0.0), FIRST);
        assert_eq!(pause(3, 0.0), FIRST * 4);
        assert_eq!(pause(40, 0.0), LONGEST);
        assert_eq!(pause(1, 1.0), FIRST / 2);
    }
}
