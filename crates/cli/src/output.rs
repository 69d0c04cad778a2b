//! Calm, aligned output; colour only on a terminal.
//!
//! Everything that the program says goes through here, and nothing that others wrote commands a terminal: text is printed
//! as [`Line`]s or by [`print_stderr`], and logged by [`log`], which show what is not seen; JSON and YAML have it escaped.

mod command;
mod page;
mod question;
mod screen;
mod table;
mod visible;

use std::io::{IsTerminal, Write};

use serde_json::Value;

use crate::args::Format;

pub(crate) use command::Shell;
pub(crate) use page::Page;
pub(crate) use question::{can_ask, prompt};
pub(crate) use screen::Screen;
pub(crate) use table::{Cell, Line, Table, Tone};

/// A text as it is printed: nothing in it commands a terminal, and its commands work when they are pasted.
fn visible(text: &str) -> String {
    visible::visible(&command::complete(text))
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

/// Can the lines of stdout be drawn over?
pub(crate) fn is_drawn_over() -> bool {
    is_screen(std::io::stdout().is_terminal())
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

/// How many rows stdout's terminal has; as many as one likes when it is none.
pub(crate) fn rows() -> usize {
    terminal_size::terminal_size_of(std::io::stdout()).map_or(usize::MAX, |(_, height)| usize::from(height.0))
}

/// Prints lines to stdout.
pub(crate) fn print(lines: &[Line]) -> Result<(), WriteError> {
    raw(&text(lines))
}

/// Prints a script that this program wrote, for a shell.
pub(crate) fn script(script: &[u8]) -> Result<(), WriteError> {
    raw(&String::from_utf8_lossy(script))
}

/// Lines as they are printed.
pub(crate) fn text(lines: &[Line]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// Stdout for the bytes of a file; `None` when it is a terminal, which they could command.
pub(crate) fn stream() -> Option<impl Write> {
    let out = std::io::stdout();
    (!out.is_terminal()).then(|| out.lock())
}

/// Writes to stdout what is harmless.
fn raw(text: &str) -> Result<(), WriteError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// What a process that runs on makes of a reader that went away: nothing, it has other work.
pub(crate) fn unread<T: Default>(written: Result<T, WriteError>) -> Result<T, WriteError> {
    match written {
        Err(error) if error.is_broken_pipe() => Ok(T::default()),
        other => other,
    }
}

/// Prints one line on stderr. Nobody is left to be told when that fails.
pub(crate) fn print_stderr(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", visible(&text.to_string()));
}

/// An error of several lines, such as one with commands to copy. Only what is such an error is printed on several lines: a
/// break in what a member or a server says is none.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct Lines(pub(crate) Vec<String>);

/// An error, as it is printed at the end.
pub(crate) fn print_error(error: &anyhow::Error) {
    error_lines(error).into_iter().for_each(print_stderr);
}

fn error_lines(error: &anyhow::Error) -> Vec<String> {
    let lines = error.downcast_ref::<Lines>().map(|Lines(lines)| lines.clone());
    let mut lines = lines.unwrap_or_else(|| vec![chain(error)]);
    if let Some(first) = lines.first_mut() {
        first.insert_str(0, "error: ");
    }
    lines
}

/// Where the log goes: to stderr, each event on one line. What it says is of members and of servers too.
pub(crate) fn log() -> impl Write {
    Log(std::io::stderr())
}

/// Writes what is harmless of each event, which comes whole.
struct Log<W>(W);

impl<W: Write> Write for Log<W> {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = visible(text.strip_suffix('\n').unwrap_or(&text)) + "\n";
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Prints a value as JSON or YAML; says whether it did (`false`: text was asked for).
pub(crate) fn structured(format: Format, value: &Value) -> Result<bool, WriteError> {
    match document(format, value) {
        Some(document) => raw(&document).map(|()| true),
        None => Ok(false),
    }
}

/// Prints one of many values: JSON on a line of its own, YAML as a document of its own.
pub(crate) fn print_event(format: Format, value: &Value) -> Result<(), WriteError> {
    match format {
        Format::Json => raw(&format!("{}\n", visible::json(&value.to_string()))),
        Format::Text | Format::Yaml => structured(Format::Yaml, value).map(drop),
    }
}

/// A value as a document: exactly this value, with what is not seen escaped.
fn document(format: Format, value: &Value) -> Option<String> {
    match format {
        Format::Text => None,
        Format::Json => Some(format!("{}\n", visible::json(&format!("{value:#}")))),
        // Several values are several documents.
        Format::Yaml => {
            let yaml = format!("---\n{}", model::yaml::to_string(value));
            // The writer of YAML escapes control characters alone. JSON is YAML too.
            let json = || format!("---\n{}\n", visible::json_in_yaml(&format!("{value:#}")));
            Some(if visible::has_unseen(&yaml) { json() } else { yaml })
        }
    }
}

/// An error and its causes, each once, in one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    model::cause::chain(error.as_ref())
}

#[cfg(test)]
mod tests;
