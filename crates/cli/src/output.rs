//! Calm, aligned output; colour only on a terminal.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use crate::args::Format;

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
                out.push_str(&paint(&cell.text, cell.tone, colour));
                out.extend(std::iter::repeat_n(' ', pad));
            }
            out.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

fn paint(text: &str, tone: Tone, colour: bool) -> String {
    let code = match tone {
        Tone::Good => "32",
        Tone::Waiting => "33",
        Tone::Bad => "31",
        Tone::Plain => return text.to_owned(),
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
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
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_their_colours() {
        let mut table = Table::new(&["MEMBER", "STATE"]);
        table.row(vec!["a".into(), Cell::new("Ready", Tone::Good)]);
        table.row(vec!["北京".into(), Cell::new("Unknown", Tone::Waiting)]);
        assert_eq!(table.lines(false), ["MEMBER  STATE", "a       Ready", "北京      Unknown"]);
        assert_eq!(table.lines(true)[1], "a       \x1b[32mReady\x1b[0m");
    }
}
