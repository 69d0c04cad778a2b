//! Regular expressions of schemas.
//!
//! Schemas are written for Go's RE2. The `regex` crate is its descendant and differs in a few places, which
//! [`from_go`] rewrites: classes such as `\d` are ASCII in Go, a `{` that starts no repetition is a letter there, and
//! `[`, `&&`, `--`, `~~` mean nothing special inside brackets.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use regex::{Regex, RegexBuilder};

/// Largest compiled expression, in bytes. The largest of the CRDs in use (Gateway API host names) needs 100 KiB.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// Most compiled expressions kept. A fleet's CRDs have some 100 distinct ones; at the size limit this is 512 MiB,
/// reached only when a user who may create CRDs makes many on purpose. When it is full it starts over.
const KEPT_MAX: usize = 512;

type Kept = HashMap<String, Option<Arc<Regex>>>;

/// Compiles an expression.
///
/// # Errors
/// Why it is not an expression, or that it is too large.
fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&from_go(pattern)).size_limit(COMPILED_BYTES_MAX).build().map_err(|e| {
        // The crate's text has several lines, with the place marked by a caret; the last line says what is wrong.
        let text = e.to_string();
        text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

/// Does the text match? `None` when the expression cannot be compiled.
pub(crate) fn matches(pattern: &str, text: &str) -> Option<bool> {
    Some(kept(pattern)?.is_match(text))
}

/// Is it an expression?
///
/// # Errors
/// Why it is not.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    match kept(pattern) {
        Some(_) => Ok(()),
        None => compile(pattern).map(|_| ()),
    }
}

/// The compiled expression, if it can be compiled. Each is compiled once: the result depends on nothing but the text,
/// so keeping it is not state that anyone can see.
fn kept(pattern: &str) -> Option<Arc<Regex>> {
    static KEPT: RwLock<Option<Kept>> = RwLock::new(None);
    let known =
        KEPT.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|kept| kept.get(pattern).cloned());
    known.unwrap_or_else(|| {
        let regex = compile(pattern).ok().map(Arc::new);
        let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get_or_insert_with(HashMap::new);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), regex.clone());
        regex
    })
}

/// Rewrites Go syntax to the crate's.
fn from_go(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('s') => out.push_str("[\\t\\n\\f\\r ]"),
                Some('S') => out.push_str("[^\\t\\n\\f\\r ]"),
                Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                Some('Q') => {
                    let mut quoted: String = rest.by_ref().collect();
                    let tail = match quoted.find("\\E") {
                        Some(end) => quoted.split_off(end).split_off(2),
                        None => String::new(),
                    };
                    out.push_str(&regex::escape(&quoted));
                    out.push_str(&from_go(&tail));
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if rest.peek() == Some(&'^') {
                    out.push('^');
                    rest.next();
                }
                // A bracket that closes right after the opening one is a letter.
                if rest.peek() == Some(&']') {
                    out.push_str("\\]");
                    rest.next();
                }
            }
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                for inner in rest.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '[' => out.push_str("\\["),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '-' if in_class && rest.peek() == Some(&'-') => {
                rest.next();
                out.push_str("-\\-");
            }
            '{' if !in_class && !starts_repetition(rest.clone()) => out.push_str("\\{"),
            _ => out.push(c),
        }
    }
    out
}

fn starts_repetition(rest: impl Iterator<Item = char>) -> bool {
    let mut digits = 0;
    for c in rest {
        match c {
            '0'..='9' => digits += 1,
            ',' if digits > 0 => {}
            '}' => return digits > 0,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn go_syntax() {
        let check = |pattern: &str, text: &str, expect: Option<bool>| {
            assert_eq!(matches(pattern, text), expect, "{pattern} on {text}");
        };
        check(r"^\d+$", "42", Some(true));
        check(r"^\d+$", "٤٢", Some(false));
        check(r"^[\w.]+$", "a_b.c", Some(true));
        check(r"^[^\d]+$", "abc", Some(true));
        check(r"^[[a]+$", "[a", Some(true));
        check(r"^[]a]+$", "]a", Some(true));
        check(r"^[[:alpha:]]+$", "ab", Some(true));
        check(r"^[a&&b]+$", "a&b", Some(true));
        check(r"^[+--]$", ",", Some(true));
        check(r"^{a}$", "{a}", Some(true));
        check(r"^a{2,3}$", "aaa", Some(true));
        check(r"^a{2,}$", "aaaa", Some(true));
        check(r"^\Qa.b\E+$", "a.bb", Some(true));
        check(r"^([a-zA-Z0-9_\-.\\\/]|\[[0-9]{1,5}\])+$", "a/b[3].c", Some(true));
        check(r"\bfoo\b", "a foo", Some(true));
        check(r"(", "x", None);
        check(r"(?=a)", "a", None);
    }
}
