//! Calm, aligned output; colour only on a terminal.

use std::io::{IsTerminal, Write};

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::args::Format;

/// Longest line of a text that is broken: with the columns before it, a row stays below 160 characters.
const TEXT_WIDTH: usize = 80;

/// What a cell says, beyond its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// On its way, or not known.
    Waiting,
    /// Wrong.
    Bad,
}

/// One cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell with a tone.
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    /// How many columns of a terminal the text takes: two for each Chinese character.
    fn width(&self) -> usize {
        self.text.width()
    }

    /// The text, coloured by its tone if there are colours.
    pub(crate) fn paint(&self, colour: bool) -> String {
        let code = match self.tone {
            Tone::Good => "32",
            Tone::Waiting => "33",
            Tone::Bad => "31",
            Tone::Plain => return self.text.clone(),
        };
        if colour { format!("\x1b[{code}m{}\x1b[0m", self.text) } else { self.text.clone() }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// A table: columns as wide as their widest cell, two spaces apart, the last one ragged.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|h| Cell::from(*h)).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Adds a row whose last cell is a text that continues below itself when it is long.
    pub(crate) fn wrap(&mut self, cells: Vec<Cell>, text: &str) {
        let blank = vec![Cell::default(); cells.len()];
        let mut text = fold(text).into_iter();
        let mut first = cells;
        first.push(text.next().unwrap_or_default().into());
        self.rows.push(first);
        for line in text {
            let mut next = blank.clone();
            next.push(line.into());
            self.rows.push(next);
        }
    }

    /// The lines.
    pub(crate) fn lines(&self, colour: bool) -> Vec<String> {
        self.clipped(colour, usize::MAX)
    }

    /// The lines, each cut where it would be wider than this many columns.
    pub(crate) fn clipped(&self, colour: bool, columns: usize) -> Vec<String> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |c: usize| self.rows.iter().filter_map(|r| r.get(c)).map(Cell::width).max();
        let widths: Vec<usize> = (0..count).map(|c| width(c).unwrap_or_default()).collect();
        let line = |row: &Vec<Cell>| {
            let mut out = String::new();
            let mut at = 0;
            for (index, cell) in row.iter().enumerate() {
                let left = columns.saturating_sub(at);
                if left == 0 {
                    break;
                }
                if cell.width() > left {
                    out.push_str(&Cell::new(cut(&cell.text, left), cell.tone).paint(colour));
                    break;
                }
                out.push_str(&cell.paint(colour));
                let last = index + 1 == row.len();
                let pad = if last { 0 } else { widths[index] + 2 - cell.width() };
                out.extend(std::iter::repeat_n(' ', pad));
                at += cell.width() + pad;
            }
            out.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

/// The beginning of a text, in at most so many columns, the last one an ellipsis.
fn cut(text: &str, columns: usize) -> String {
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or_default();
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let mut out: String = text.chars().take_while(fits).collect();
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Breaks a text between words; a word that is longer than a line stays whole, since it may be a path to copy.
fn fold(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.width() + 1 + word.width() > TEXT_WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// stdout could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to stdout")]
pub(crate) struct WriteError(#[from] std::io::Error);

impl WriteError {
    /// The reader went away, as in `kurator status | head`.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.0.kind() == std::io::ErrorKind::BrokenPipe
    }
}

/// Can a terminal's lines be drawn over? Not on one that knows no escape codes.
pub(crate) fn is_screen(terminal: bool) -> bool {
    terminal && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Whether a stream shows colours: it is a terminal, and `NO_COLOR` is not set (<https://no-color.org>).
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    is_screen(stream.is_terminal()) && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Whether stdout shows colours.
pub(crate) fn colour() -> bool {
    colours(&std::io::stdout())
}

/// How many columns stdout's terminal has; as many as one likes when it is none.
pub(crate) fn columns() -> usize {
    terminal_size::terminal_size_of(std::io::stdout()).map_or(usize::MAX, |(width, _)| usize::from(width.0))
}

/// Prints lines to stdout.
pub(crate) fn print(lines: &[String]) -> Result<(), WriteError> {
    raw(lines.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes())
}

/// Writes bytes to stdout.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), WriteError> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// What a process that runs on makes of a reader that went away: nothing, it has other work.
pub(crate) fn unread<T: Default>(written: Result<T, WriteError>) -> Result<T, WriteError> {
    match written {
        Err(error) if error.is_broken_pipe() => Ok(T::default()),
        other => other,
    }
}

/// Says something on stderr. Nobody is left to be told when that fails.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a value as JSON or YAML; says whether it did (`false`: text was asked for).
pub(crate) fn structured(format: Format, value: &Value) -> Result<bool, WriteError> {
    match format {
        Format::Text => return Ok(false),
        Format::Json => print(&[format!("{value:#}")])?,
        // Several values are several documents.
        Format::Yaml => raw(format!("---\n{}", model::yaml::to_string(value)).as_bytes())?,
    }
    Ok(true)
}

/// An error and its causes, each once, in one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    model::cause::chain(error.as_ref())
}

#[cfg(test)]
mod tests;
