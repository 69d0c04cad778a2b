//! Text of others, made harmless for a terminal.
//!
//! What is shown comes from members, from authors of git repositories and from everybody who may write a status. A
//! terminal obeys escape sequences in it, and a reader believes lines that it forges and letters that it hides.

use std::fmt::Write as _;

/// May a character command a terminal, hide, or change the order in which others are read? Control characters (C0, DEL
/// and C1, which some terminals obey), and format characters of Unicode (category Cf) that are not seen themselves.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// Does a character end a line, or move on in it?
fn is_break(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A text on one line, with nothing in it that is not seen: breaks become a space, the rest is written as `\u{1b}`.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_break = false;
    for c in text.chars() {
        if is_break(c) {
            if !after_break {
                out.push(' ');
            }
        } else if is_unseen(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        after_break = is_break(c);
    }
    out
}

/// JSON with what is not seen escaped: the same value, character by character. Such a character stands only in its texts.
pub(super) fn json(text: &str) -> String {
    escaped(text, |out, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String does not fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// The same of JSON that is read as YAML, which knows no pairs of surrogates. A key may have 1,024 characters there, escapes
/// included; the longest of ours is a unit's.
pub(super) fn json_in_yaml(text: &str) -> String {
    escaped(text, |out, c| {
        // Writing to a String does not fail.
        let _ = write!(out, "\\U{:08x}", u32::from(c));
    })
}

/// Is there something in a document of several lines that is not seen?
pub(super) fn has_unseen(document: &str) -> bool {
    document.chars().any(|c| c != '\n' && is_unseen(c))
}

fn escaped(json: &str, escape: impl Fn(&mut String, char)) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unseen(c) {
            escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_not_seen_is_written_out_and_breaks_are_spaces() {
        for (text, shown) in [
            ("plain text, naïve 北京 🚀", "plain text, naïve 北京 🚀"),
            ("\u{1b}]0;owned\u{7}\u{1b}[2J", "\\u{1b}]0;owned\\u{7}\\u{1b}[2J"),
            ("del\u{7f} csi\u{9b}31m", "del\\u{7f} csi\\u{9b}31m"),
            ("M\napp/other  fine\r\n2026", "M app/other  fine 2026"),
            ("a\tb\u{85}c\u{2028}d\u{2029}e\u{b}f", "a b c d e f"),
            ("no\u{202e}sey\u{2066}x\u{200f}", "no\\u{202e}sey\\u{2066}x\\u{200f}"),
            ("zero\u{200b}width\u{feff}\u{2060}\u{ad}", "zero\\u{200b}width\\u{feff}\\u{2060}\\u{ad}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("  indented ", "  indented "),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn documents_have_the_same_value_with_nothing_unseen() {
        let text: String = (0..0x500)
            .chain(0x2000..0x2100)
            .chain(0xe_0000..0xe_0080)
            .chain([0xfeff, 0x1f680])
            .filter_map(char::from_u32)
            .collect();
        let value = json!({"a": text, "k\u{202e}\u{1b}\u{e0041}": [1, null]});
        let pretty = format!("{value:#}");
        assert!(has_unseen(&pretty));
        let shown = json(&pretty);
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        let yaml = json_in_yaml(&pretty);
        assert_eq!(model::yaml::parse(&yaml).unwrap(), value);
        for document in [shown, yaml] {
            assert!(!has_unseen(&document) && document.lines().count() > 3);
        }
    }
}
