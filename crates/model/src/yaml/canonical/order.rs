//! The order of keys: numbers in them count as numbers, and letters come last.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// The entries of a mapping in the order in which they are written.
///
/// The order is not a total one (`a10` comes before `a1b`, that before `a9`, and that before `a10`), so that the sort is
/// one that bears it: by merging, which compares neighbours and trusts nothing else.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    let mut width = 1;
    while width < entries.len() {
        entries = entries.chunks(width * 2).flat_map(|pair| merged(pair, width)).collect();
        width *= 2;
    }
    entries
}

fn merged<'a>(pair: &[(&'a String, &'a Value)], width: usize) -> Vec<(&'a String, &'a Value)> {
    let (mut left, mut right) = pair.split_at(width.min(pair.len()));
    let mut out = Vec::with_capacity(pair.len());
    while let (Some((a, more_left)), Some((b, more_right))) = (left.split_first(), right.split_first()) {
        if compare(b.0, a.0) == Ordering::Less {
            out.push(*b);
            right = more_right;
        } else {
            out.push(*a);
            left = more_left;
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
    out
}

/// How two keys compare at the first character in which they differ.
fn compare(a: &str, b: &str) -> Ordering {
    let same = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum::<usize>();
    let (common, rest_a, rest_b) = (&a[..same], &a[same..], &b[same..]);
    let (Some(x), Some(y)) = (rest_a.chars().next(), rest_b.chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero behind other digits is a digit of their number; one that begins a number counts nothing.
    let continues = (x == '0' || y == '0') && common.chars().rev().take_while(char::is_ascii_digit).any(|c| c != '0');
    let ((number_a, digits_a), (number_b, digits_b)) = (number(rest_a, continues), number(rest_b, continues));
    number_a.cmp(&number_b).then(digits_a.cmp(&digits_b)).then(x.cmp(&y))
}

/// The number at the beginning of a text, and how many digits it has. One that does not fit wraps around, as it does there.
fn number(text: &str, continues: bool) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    let digit =
        |(value, count): (i64, usize), d: u8| (value.wrapping_mul(10).wrapping_add(i64::from(d - b'0')), count + 1);
    digits.fold((i64::from(continues), 0), digit)
}
