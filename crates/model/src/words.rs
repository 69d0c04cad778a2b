//! Words of others: what a member, a server or a manifest says. They are cut before they are kept, stored or shown, and
//! nothing in them moves a terminal.

/// Stands for the rest of a text that was cut.
const REST: char = '…';

/// Stands for a character that has no place in a line of text.
const HARMLESS: char = '\u{fffd}';

/// At most so many characters of a text, in one line. Line ends and tabs become spaces. Other control characters, and those
/// that turn the direction of the text around, are replaced. A text that was cut ends with `…`.
pub fn bounded(text: &str, max: usize) -> String {
    let mut rest = text.chars();
    let mut out: String = rest.by_ref().take(max).map(harmless).collect();
    if rest.next().is_some() {
        out.pop();
        out.push(REST);
    }
    out
}

/// Most characters of a text that an error repeats: a hundred, and the `…` of one that is longer.
const SHOWN_MAX: usize = 101;

/// A text as an error repeats it, in one line: its beginning when it is long.
pub fn cut(text: &str) -> String {
    bounded(text, SHOWN_MAX)
}

/// Bounds a text that is there already, and takes no memory when it says what it may.
pub fn bound(text: &mut String, max: usize) {
    if text.chars().nth(max).is_some() || text.chars().any(|c| c != harmless(c)) {
        *text = bounded(text, max);
    }
}

fn harmless(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => HARMLESS,
        c if c.is_control() => HARMLESS,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_and_made_harmless() {
        for (text, max, expect) in [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("äöü!", 3, "äö…"),
            ("a\nb\tc", 9, "a b c"),
            ("\u{1b}[2Jgone\u{9b}1m", 20, "\u{fffd}[2Jgone\u{fffd}1m"),
            ("name\u{202e}gnp.exe", 20, "name\u{fffd}gnp.exe"),
            ("x", 0, "…"),
        ] {
            assert_eq!(bounded(text, max), expect, "{text:?} {max}");
            let mut there = text.to_owned();
            bound(&mut there, max);
            assert_eq!(there, expect, "{text:?} {max}");
        }
        assert_eq!(cut("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        let long = "z".repeat(2_000_000);
        assert_eq!(bounded(&long, 128).chars().count(), 128);
        assert!(bounded(&long, 128).capacity() < 1_000);
        assert_eq!(cut(&long).chars().count(), SHOWN_MAX);
    }
}
