//! Durations on the command line and in tables.

use std::time::Duration;

use model::Timestamp;

/// Parses `90s`, `1m30s`, `500ms`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    model::duration::parse(text).ok_or_else(|| format!("{text:?} is not a duration such as 90s or 1m30s"))
}

/// How long ago something was, as kubectl prints ages.
pub(crate) fn since(then: Timestamp, now: Timestamp) -> String {
    let secs = (now.as_second() - then.as_second()).max(0);
    match secs {
        0..120 => format!("{secs}s"),
        120..7200 => format!("{}m", secs / 60),
        7200..172_800 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// Seconds with one digit: `1.2s`.
pub(crate) fn tenths(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}
