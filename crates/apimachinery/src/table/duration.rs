//! Durations as people read them.

use model::Timestamp;

/// The time from `since` to `until` in two or three figures: `45s`, `5m3s`, `7h12m`, `3d4h`, `2y10d`. Two seconds of
/// clock difference are tolerated; anything further in the future is `<invalid>`.
///
/// Source: `apimachinery/pkg/util/duration/duration.go`.
pub fn human(since: Timestamp, until: Timestamp) -> String {
    let nanos = until.as_nanosecond() - since.as_nanosecond();
    // Towards zero, as Go's conversion. 2^63 seconds are more than a timestamp can hold.
    let seconds = i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX);
    let pair = |big: i64, unit: char, small: i64, sub: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{sub}") }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => pair(days / 365, 'y', days % 365, 'd'),
        252_288_000.. => format!("{}y", days / 365),
    }
}
