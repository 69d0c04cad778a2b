//! `format` of strings: what `kube-openapi/pkg/validation/strfmt` accepts for the names that CRDs may use. Names that
//! are not known accept everything, as upstream.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;

use super::pattern;

/// Does the text have this format?
pub(crate) fn accepts(format: &str, text: &str) -> bool {
    let is = |expression: &str| pattern::matches(expression, text) == Some(true);
    match format.replace('-', "").as_str() {
        "datetime" => is_date_time(text),
        "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "duration" => is_duration(text),
        "uri" => is_uri(text),
        "email" => is(r#"^[^\s@<>]+@[^\s@<>]+$"#),
        "hostname" => {
            text.len() <= 255
                && is(r"^([a-zA-Z0-9\p{L}][a-zA-Z0-9\p{L}-]{0,62})(\.[a-zA-Z0-9\p{L}][a-zA-Z0-9\p{L}-]{0,62})*\.?$")
        }
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => is(
            r"^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}([:-][0-9a-fA-F]{2}){0,2}$|^([0-9a-fA-F]{4}\.){2,3}[0-9a-fA-F]{4}$",
        ),
        "uuid" => is(r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"),
        "uuid3" => is(r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$"),
        "uuid4" => is(r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"),
        "uuid5" => is(r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"),
        "bsonobjectid" => is(r"^[0-9a-fA-F]{24}$"),
        "hexcolor" => is(r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"),
        "ssn" => is(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$"),
        "k8sshortname" => model::name::check_dns_label(text).is_ok(),
        "k8slongname" => model::name::check_dns_subdomain(text).is_ok(),
        _ => true,
    }
}

/// RFC 3339 with `T` and an offset.
fn is_date_time(text: &str) -> bool {
    let shaped = pattern::matches(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[tT][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?([zZ]|[+-][0-9]{2}:[0-9]{2})$",
        text,
    );
    shaped == Some(true) && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let max = if address.parse::<Ipv4Addr>().is_ok() {
        32
    } else if address.parse::<Ipv6Addr>().is_ok() {
        128
    } else {
        return false;
    };
    bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit()) && bits.parse::<u32>().is_ok_and(|b| b <= max)
}

/// What Go's `ParseRequestURI` takes: absolute, or a path from the root.
fn is_uri(text: &str) -> bool {
    !text.bytes().any(|b| b <= b' ' || b == 0x7f)
        && (text.starts_with('/')
            || pattern::matches(r"^[a-zA-Z][a-zA-Z0-9+.-]*:(//[^/]|[^/]|/[^/])", text) == Some(true))
}

/// Go's durations (`1h30m`) and the spelled-out ones (`22 ns`, `3 hours`).
fn is_duration(text: &str) -> bool {
    pattern::matches(r"^[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$", text) == Some(true)
        || pattern::matches(
            r"^-?[0-9]+(\.[0-9]+)?\s*(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)$",
            text,
        ) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn formats() {
        let check = |format: &str, good: &[&str], bad: &[&str]| {
            for text in good {
                assert!(accepts(format, text), "{format} {text}");
            }
            for text in bad {
                assert!(!accepts(format, text), "{format} {text}");
            }
        };
        check(
            "date-time",
            &["2026-11-23T09:36:32Z", "2026-11-23T09:36:32.123456+08:00"],
            &["", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23 09:36:32Z"],
        );
        check("date", &["2026-11-23"], &["2026-11-31", "x"]);
        check("byte", &["", "aGk="], &["aGk", "***"]);
        check("duration", &["1h30m", "0", "1.5s", "22 ns", "3 hours"], &["", "1 parsec", "h"]);
        check("cidr", &["10.0.0.0/8", "fd00::/64"], &["10.0.0.0", "10.0.0.0/33", "a/8"]);
        check("ipv4", &["10.0.0.1"], &["10.0.0", "::1"]);
        check("uri", &["https://example.com/a", "/a"], &["example", "https://a b"]);
        check("mac", &["00:00:5e:00:53:01"], &["00:00"]);
        check("uuid", &["123e4567-e89b-12d3-a456-426614174000"], &["123"]);
        check("k8s-short-name", &["a-b"], &["A", "a.b"]);
        check("made-up", &["anything"], &[]);
    }
}
