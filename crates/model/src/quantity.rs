//! Resource quantities: `100m`, `1.5Gi`, `2e3`.
//!
//! Follows `apimachinery/pkg/api/resource/quantity.go`, with one difference: values are kept in thousandths in 128 bits,
//! and finer fractions round up, as Kubernetes' own storage rounds to milli.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// An amount, exact to a thousandth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    milli: i128,
    format: Format,
}

/// The family of suffixes that a quantity is printed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `m`, `k`, `M`, `G`, ….
    #[default]
    DecimalSi,
    /// `Ki`, `Mi`, `Gi`, ….
    BinarySi,
}

/// Text that is not a quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a quantity: it must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
pub struct ParseQuantityError(String);

const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

impl Quantity {
    /// So many thousandths, to be printed with this family of suffixes.
    pub const fn from_milli(milli: i128, format: Format) -> Self {
        Self { milli, format }
    }

    /// Thousandths.
    pub const fn milli(self) -> i128 {
        self.milli
    }

    /// Whole units, rounded up.
    pub fn units(self) -> i128 {
        self.milli.div_euclid(1000) + i128::from(self.milli.rem_euclid(1000) != 0)
    }

    /// Is it zero?
    pub const fn is_zero(self) -> bool {
        self.milli == 0
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseQuantityError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Quantity> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 30 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let (milli, format) = if let Some((_, shift)) = BINARY.iter().find(|(s, _)| *s == suffix) {
        let scaled = digits.checked_mul(1000)?.checked_mul(1_i128 << shift)?;
        (div_up(scaled, 10_i128.checked_pow(places.unsigned_abs())?), Format::BinarySi)
    } else {
        let exponent = match DECIMAL.iter().find(|(s, _)| *s == suffix) {
            Some((_, exponent)) => *exponent,
            None => suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok().filter(|e| e.abs() <= 30)?,
        };
        (scale(digits, exponent + 3 - places)?, Format::DecimalSi)
    };
    Some(Quantity { milli: if negative { -milli } else { milli }, format })
}

fn scale(digits: i128, power: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 { digits.checked_mul(factor) } else { Some(div_up(digits, factor)) }
}

fn div_up(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) != 0)
}

impl fmt::Display for Quantity {
    /// The canonical form: the largest suffix that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milli == 0 {
            return f.write_str("0");
        }
        if self.milli % 1000 != 0 {
            return write!(f, "{}m", self.milli);
        }
        let units = self.milli / 1000;
        match self.format {
            Format::BinarySi if units.abs() >= 1024 => {
                for (suffix, shift) in BINARY.iter().rev() {
                    if units % (1_i128 << shift) == 0 {
                        return write!(f, "{}{suffix}", units >> shift);
                    }
                }
            }
            _ => {
                for (suffix, power) in DECIMAL.iter().rev().filter(|(_, power)| *power > 0) {
                    let factor = 10_i128.pow(power.unsigned_abs());
                    if units % factor == 0 {
                        return write!(f, "{}{suffix}", units / factor);
                    }
                }
            }
        }
        write!(f, "{units}")
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.milli == other.milli
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.milli.cmp(&other.milli)
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let format = if self.milli == 0 { other.format } else { self.format };
        Self { milli: self.milli.saturating_add(other.milli), format }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { milli: self.milli.saturating_sub(other.milli), format: self.format }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, milli: i128, printed: &str) {
        let quantity: Quantity = text.parse().unwrap();
        assert_eq!(quantity.milli(), milli, "{text}");
        assert_eq!(quantity.to_string(), printed, "{text}");
    }

    #[test]
    fn quantities_parse_and_print_canonically() {
        check("0", 0, "0");
        check("100m", 100, "100m");
        check("1", 1000, "1");
        check("1500m", 1500, "1500m");
        check("1.5Gi", 1_610_612_736_000, "1536Mi");
        check("2e3", 2_000_000, "2k");
        check("1024", 1_024_000, "1024");
        check("1Ki", 1_024_000, "1Ki");
        check("0.0001", 1, "1m");
        check("-5", -5000, "-5");
        check(".5", 500, "500m");
    }

    #[test]
    fn amounts_print_with_the_suffixes_that_they_are_made_with() {
        let two_gi = 2 * 1024 * 1024 * 1024 * 1000;
        assert_eq!(Quantity::from_milli(two_gi, Format::BinarySi).to_string(), "2Gi");
        assert_eq!(Quantity::from_milli(two_gi, Format::DecimalSi).to_string(), "2147483648");
        assert_eq!(Quantity::from_milli(1500, Format::DecimalSi).to_string(), "1500m");
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "a", "1x", "1.2.3", "e3", "1e99", "--1", "1 Gi"] {
            assert!(text.parse::<Quantity>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sums_compare_across_suffixes() {
        let sum = "500m".parse::<Quantity>().unwrap() + "1500m".parse().unwrap();
        assert_eq!(sum, "2".parse().unwrap());
        assert!("1Gi".parse::<Quantity>().unwrap() > "1G".parse().unwrap());
    }
}
