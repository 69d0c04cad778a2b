//! A table that is drawn over itself while it changes.

use super::{Cell, Line, Table, WriteError};

/// What is on the screen.
pub(crate) struct Screen {
    /// Can lines be drawn over?
    terminal: bool,
    height: usize,
    said: (Vec<Vec<Cell>>, Vec<Line>),
}

impl Screen {
    /// An empty one.
    pub(crate) fn new(terminal: bool) -> Self {
        Self { terminal, height: 0, said: Default::default() }
    }

    /// Can lines be drawn over?
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Draws over the last table on a terminal. Elsewhere prints the table below what was printed before. The footer comes below it.
    pub(crate) fn draw(&mut self, rows: &[Vec<Cell>], footer: &[Line]) -> Result<(), WriteError> {
        match self.frame(rows, footer, super::colour(), super::columns()) {
            Some(frame) => super::raw(&frame),
            None => Ok(()),
        }
    }

    /// What is written elsewhere than on a terminal.
    #[cfg(test)]
    pub(crate) fn text(&mut self, rows: &[Vec<Cell>], footer: &[Line]) -> String {
        self.frame(rows, footer, false, usize::MAX).unwrap_or_default()
    }

    /// What to write; `None` when it is on the screen already. A line that the terminal would break in two is cut: else
    /// the next table would begin in the wrong place.
    fn frame(&mut self, rows: &[Vec<Cell>], footer: &[Line], colour: bool, columns: usize) -> Option<String> {
        if rows == self.said.0 && footer == self.said.1 {
            return None;
        }
        let mut table = Table::default();
        rows.iter().for_each(|cells| table.row(cells.clone()));
        let mut lines = if self.terminal { table.clipped(colour, columns) } else { table.lines(colour) };
        let cut = |line: &Line| if self.terminal { line.cut(columns) } else { line.clone() };
        lines.extend(footer.iter().map(cut));
        let mut out = String::new();
        if self.terminal && self.height > 0 {
            out.push_str(&format!("\x1b[{}A", self.height));
        }
        for line in &lines {
            // Clears to the end of the line: the last text may have been longer.
            out.push_str(line.as_str());
            out.push_str(if self.terminal { "\x1b[K\n" } else { "\n" });
        }
        if self.terminal && lines.len() < self.height {
            out.push_str("\x1b[J");
        }
        self.height = lines.len();
        self.said = (rows.to_vec(), footer.to_vec());
        Some(out)
    }
}

#[cfg(test)]
mod tests;
