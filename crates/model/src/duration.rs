//! Durations as Go writes them: `1m30s`, `500ms`, `1.5h`.

use std::time::Duration;

use crate::limit::DURATION_BYTES_MAX;

/// Longest duration that is read: ten years. Longer ones are mistakes, and sums with times must not overflow.
const MAX_SECS: f64 = 10.0 * 365.0 * 86_400.0;

/// Parses the form that Kurator's and Flux' CRDs allow, `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`; `None` for anything else,
/// and for a text of more than [`DURATION_BYTES_MAX`] bytes.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut secs = 0.0;
    if rest.is_empty() || rest.len() > DURATION_BYTES_MAX {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = &rest[..end];
        if number.starts_with('.') || number.ends_with('.') {
            return None;
        }
        let (unit, factor) = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]
            .into_iter()
            .find(|(unit, _)| rest[end..].starts_with(unit))?;
        secs += number.parse::<f64>().ok()? * factor;
        rest = &rest[end + unit.len()..];
    }
    (secs <= MAX_SECS).then(|| Duration::from_secs_f64(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_parse() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(parse(text), millis.map(Duration::from_millis), "{text:?}");
        };
        check("1m30s", Some(90_000));
        check("500ms", Some(500));
        check("1.5h", Some(5_400_000));
        check("0s", Some(0));
        check(&"1s".repeat(32), Some(32_000));
        check(&"1s".repeat(33), None);
        for bad in ["", "5", "s", "1x", "-1s", "1.s", ".5s", "1 s", "1e9h", "99999999h"] {
            check(bad, None);
        }
    }
}
