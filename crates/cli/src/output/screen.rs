//! A table that is drawn over itself while it changes.

use super::{Cell, Table, WriteError};

/// What is on the screen.
pub(crate) struct Screen {
    /// Can lines be drawn over?
    terminal: bool,
    height: usize,
    said: Vec<Vec<Cell>>,
}

impl Screen {
    /// An empty one.
    pub(crate) fn new(terminal: bool) -> Self {
        Self { terminal, height: 0, said: Vec::new() }
    }

    /// Draws over the last table on a terminal. Elsewhere prints the table once, at the end.
    pub(crate) fn draw(&mut self, rows: &[Vec<Cell>], last: bool) -> Result<(), WriteError> {
        if !self.terminal && !last {
            return Ok(());
        }
        match self.frame(rows, super::colour(), super::columns()) {
            Some(frame) => super::raw(&frame),
            None => Ok(()),
        }
    }

    /// What to write; `None` when it is on the screen already. A line that the terminal would break in two is cut: else
    /// the next table would begin in the wrong place.
    fn frame(&mut self, rows: &[Vec<Cell>], colour: bool, columns: usize) -> Option<String> {
        if rows == self.said {
            return None;
        }
        let mut table = Table::default();
        rows.iter().for_each(|cells| table.row(cells.clone()));
        let lines = if self.terminal { table.clipped(colour, columns) } else { table.lines(colour) };
        let mut out = String::new();
        if self.height > 0 {
            out.push_str(&format!("\x1b[{}A", self.height));
        }
        for line in &lines {
            // Clears to the end of the line: the last text may have been longer.
            out.push_str(line.as_str());
            out.push_str(if self.terminal { "\x1b[K\n" } else { "\n" });
        }
        self.height = lines.len();
        self.said = rows.to_vec();
        Some(out)
    }
}

#[cfg(test)]
mod tests;
