//! Which plain words YAML 1.1 reads as something else than text.

/// Would a reader take the word, without quotes, for text?
pub(super) fn is_text(word: &str) -> bool {
    !is_named(word) && !is_number(word) && !is_time(word) && !is_base_60(word)
}

/// Words for nothing, for yes and no, for infinity and for what is no number.
fn is_named(word: &str) -> bool {
    const CASED: &[&str] = &["yes", "true", "on", "no", "false", "off", "null"];
    const INFINITY: &[&str] = &["inf", "Inf", "INF"];
    // `no`, `No` and `NO`, not `nO`.
    let regular = |word: &str| {
        let tail = word.get(1..).unwrap_or_default();
        tail.bytes().all(|c| c.is_ascii_lowercase()) || word.bytes().all(|c| c.is_ascii_uppercase())
    };
    match word {
        "" | "~" | "y" | "Y" | "n" | "N" | ".nan" | ".NaN" | ".NAN" => true,
        word if CASED.iter().any(|name| name.eq_ignore_ascii_case(word)) => regular(word),
        word => {
            let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
            unsigned.strip_prefix('.').is_some_and(|name| INFINITY.contains(&name))
        }
    }
}

/// Integers with a prefix or underscores, and decimal numbers.
fn is_number(word: &str) -> bool {
    if !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return false;
    }
    // A number that begins with a point has no underscores.
    let plain = if word.starts_with('.') { word.to_owned() } else { word.replace('_', "") };
    is_integer(&plain) || is_decimal(&plain)
}

/// Digits with or without `0x`, `0o`, `0b` or, for octal, `0` alone, that fit into 64 bits.
fn is_integer(plain: &str) -> bool {
    let digits = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let is_signed = plain.len() != digits.len();
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some(two) if two.starts_with('0') => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if digits.starts_with(['+', '-']) {
        return false;
    }
    match u64::from_str_radix(digits, radix) {
        Ok(value) if plain.starts_with('-') => value <= i64::MIN.unsigned_abs(),
        Ok(value) => !is_signed || i64::try_from(value).is_ok(),
        Err(_) => false,
    }
}

/// Digits with a point or an exponent, or too many for an integer.
fn is_decimal(plain: &str) -> bool {
    let all_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fits = !(whole.is_empty() && fraction.is_empty() || exponent.is_empty());
    fits && all_digits(whole)
        && all_digits(fraction)
        && all_digits(exponent)
        && plain.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `2001-12-14`, with or without a time of day.
fn is_time(word: &str) -> bool {
    let Some((year, rest)) = word.split_once('-').filter(|(year, _)| year.len() == 4) else { return false };
    let Some((month, rest)) = rest.split_once('-') else { return false };
    let (day, time) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    if !(1..=days).contains(&day) {
        return false;
    }
    if let Some(time) = time.strip_prefix(' ') {
        return is_time_of_day(time);
    }
    time.is_empty() || time.strip_prefix(['T', 't']).is_some_and(is_time_with_zone)
}

fn is_time_with_zone(text: &str) -> bool {
    if let Some(time) = text.strip_suffix('Z') {
        return is_time_of_day(time);
    }
    let Some((time, zone)) = text.rsplit_once(['+', '-']) else { return false };
    let zone = zone.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2);
    let zone = zone.and_then(|(hours, minutes)| Some((number(hours, 2)?, number(minutes, 2)?)));
    zone.is_some_and(|(hours, minutes)| hours <= 24 && minutes < 60) && is_time_of_day(time)
}

fn is_time_of_day(text: &str) -> bool {
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let mut is_below = |limit| parts.next().and_then(|part| number(part, 2)).is_some_and(|part| part < limit);
    let fits = is_below(24) && is_below(60) && is_below(60);
    fits && parts.next().is_none() && !fraction.is_empty() && fraction.bytes().all(|c| c.is_ascii_digit())
}

/// A number of at most so many digits.
fn number(text: &str, digits_max: usize) -> Option<u32> {
    let fits = !text.is_empty() && text.len() <= digits_max && text.bytes().all(|c| c.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// `12:30:45`: other readers of YAML 1.1 take it for a number.
fn is_base_60(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let are_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit() || c == b'_');
    let Some((first, rest)) = whole.split_once(':') else { return false };
    let is_sixtieth = |part: &str| match part.as_bytes() {
        [one] => one.is_ascii_digit(),
        [ten, one] => (b'0'..=b'5').contains(ten) && one.is_ascii_digit(),
        _ => false,
    };
    first.starts_with(|c: char| c.is_ascii_digit())
        && are_digits(first)
        && rest.split(':').all(is_sixtieth)
        && are_digits(fraction)
}
