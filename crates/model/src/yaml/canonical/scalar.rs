//! How texts, numbers and words are written, so that they are read as what they are.

mod resolve;

use serde_json::{Number, Value};

/// Writes what is neither a mapping nor a list with content. `indent` is that of the entry that it belongs to.
pub(super) fn write(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_text(out, text, indent),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Ends a line, for a reader of YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Column, in characters, behind which a line of text is broken at its next space.
const WIDTH: usize = 80;

/// Writes a text: as a block when it has lines, plain when that reads back as the same text, else in quotes.
pub(super) fn write_text(out: &mut String, text: &str, indent: usize) {
    let shape = Shape::of(text);
    if text.contains('\n') && shape.fits_block() {
        block(out, text, indent);
    } else {
        in_line(out, text, &shape, Some(indent));
    }
}

/// Writes a key, which stays in one line.
pub(super) fn write_key(out: &mut String, key: &str) {
    in_line(out, key, &Shape::of(key), None);
}

/// Writes a text without its own line ends. With an indent, long lines are broken where a reader takes that for a space.
fn in_line(out: &mut String, text: &str, shape: &Shape, indent: Option<usize>) {
    let mut line = Line { column: out.rsplit('\n').next().unwrap_or_default().chars().count(), out, indent };
    if text.contains('\n') || !resolve::is_text(text) || shape.has_special {
        line.push('"');
        double_quoted(&mut line, text);
        line.push('"');
    } else if shape.fits_plain() {
        line.push_words(text, false);
    } else {
        line.push('\'');
        line.push_words(text, true);
        line.push('\'');
    }
}

/// A line that is being written.
struct Line<'a> {
    out: &'a mut String,
    column: usize,
    indent: Option<usize>,
}

impl Line<'_> {
    fn push(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    /// Is it long enough to be broken here?
    fn is_full(&self) -> bool {
        self.indent.is_some() && self.column > WIDTH
    }

    fn break_line(&mut self) {
        let indent = self.indent.unwrap_or_default() + 2;
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    /// Writes text that needs no escapes. It is broken at single spaces only: of several, a reader would keep one.
    fn push_words(&mut self, text: &str, quoted: bool) {
        let mut before = None;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let next = rest.clone().next();
            let is_inside = next.is_some() && before.is_some();
            if c == ' ' && self.is_full() && is_inside && before != Some(' ') && next != Some(' ') {
                self.break_line();
            } else {
                if c == '\'' && quoted {
                    self.push(c);
                }
                self.push(c);
            }
            before = Some(c);
        }
    }
}

/// What there is in a text that another style cannot hold.
#[derive(Default)]
struct Shape {
    /// A character that is written as an escape.
    has_special: bool,
    /// Something that means more than itself in plain text.
    has_indicator: bool,
    /// Its first or last character is a space.
    is_padded: bool,
    ends_with_space: bool,
    /// A space at the end of one of its lines.
    has_space_before_break: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let blank = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\t'));
        let mut shape = Self {
            has_indicator: text.starts_with("---") || text.starts_with("..."),
            is_padded: text.starts_with(' ') || text.ends_with(' '),
            ends_with_space: text.ends_with(' '),
            ..Self::default()
        };
        let mut before = None;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let next = rest.clone().next();
            shape.has_indicator |= match (c, before) {
                ('#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>', None) => true,
                ('\'' | '"' | '%' | '@' | '`', None) => true,
                ('?' | '-', None) | (':', _) => blank(next),
                ('#', Some(before)) => matches!(before, ' ' | '\t') || is_break(before),
                _ => false,
            };
            // Other line ends are written as escapes: nothing else keeps them apart from `\n`.
            shape.has_special |= !is_printable(c) || (is_break(c) && c != '\n');
            shape.has_space_before_break |= c == ' ' && next == Some('\n');
            before = Some(c);
        }
        shape
    }

    fn fits_plain(&self) -> bool {
        !self.has_indicator && !self.is_padded
    }

    fn fits_block(&self) -> bool {
        !self.has_special && !self.ends_with_space && !self.has_space_before_break
    }
}

/// Characters of three bytes and less that are no control characters.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && c != '\u{feff}'
}

/// Writes the lines as they are, below the entry. The header says what would not be seen: spaces that the first line
/// begins with, and how the last line ends.
fn block(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    match text.strip_suffix('\n') {
        None => out.push('-'),
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent + 2));
            out.push_str(line);
        }
    }
    if text.ends_with('\n') {
        out.push('\n');
    }
}

/// Writes text with escapes. A text that begins with a byte order mark is written in escapes from end to end.
fn double_quoted(line: &mut Line<'_>, text: &str) {
    let escape_all = text.starts_with('\u{feff}');
    let mut was_space = false;
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        if c == ' ' && !escape_all {
            let next = rest.clone().next();
            if line.is_full() && !was_space && at > 0 && next.is_some() {
                line.break_line();
                if next.is_some_and(|(_, c)| c == ' ') {
                    line.push('\\');
                }
            } else {
                line.push(c);
            }
            was_space = true;
            continue;
        }
        was_space = false;
        if is_printable(c) && !is_break(c) && !matches!(c, '"' | '\\') && !escape_all {
            line.push(c);
        } else {
            escape(c).chars().for_each(|c| line.push(c));
        }
    }
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c => {
            return match u32::from(c) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

/// A number. One that is whole is written without a point, as far as 64 bits go; the others with an exponent from a million
/// up and below a ten-thousandth.
fn number_text(number: &Number) -> String {
    let value = match number.as_f64() {
        Some(value) if number.is_f64() => value,
        _ => return number.to_string(),
    };
    if value.fract() == 0.0 && value.abs() < 1e19 {
        return format!("{value:.0}");
    }
    let shortest = format!("{value:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
