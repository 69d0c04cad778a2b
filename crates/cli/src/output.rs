//! Calm, aligned output; colour only on a terminal.

use std::io::{IsTerminal, Write};

use serde_json::Value;

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
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |c: usize| self.rows.iter().filter_map(|r| r.get(c)).map(|x| x.text.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or_default()).collect();
        let line = |row: &Vec<Cell>| {
            let mut out = String::new();
            for (index, cell) in row.iter().enumerate() {
                let last = index + 1 == row.len();
                let pad = if last { 0 } else { widths[index] + 2 - cell.text.chars().count() };
                out.push_str(&cell.paint(colour));
                out.extend(std::iter::repeat_n(' ', pad));
            }
            out.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

/// Breaks a text between words; a word that is longer than a line stays whole, since it may be a path to copy.
fn fold(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > TEXT_WIDTH {
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

/// Whether stdout shows colours: it is a terminal, and `NO_COLOR` is not set.
pub(crate) fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Prints lines to stdout.
pub(crate) fn print(lines: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// Prints a value as JSON or YAML; says whether it did (`false`: text was asked for).
pub(crate) fn structured(format: Format, value: &Value) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Text => return Ok(false),
        Format::Json => writeln!(out, "{value:#}")?,
        Format::Yaml => write!(out, "{}", model::yaml::to_string(value))?,
    }
    Ok(true)
}

/// An error and its causes, each once, in one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut out = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !out.contains(&text) {
            if !out.is_empty() {
                out.push_str(": ");
            }
            out.push_str(&text);
        }
    }
    out
}

#[cfg(test)]
mod tests;
