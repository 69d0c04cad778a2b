//! A page that is drawn again while what it shows changes.

use super::{Line, WriteError};

/// What is on the screen.
#[derive(Default)]
pub(crate) struct Page {
    shown: Vec<Line>,
}

impl Page {
    /// Draws the page from the top of the terminal, as much as fits. What is on the screen already is not drawn again.
    pub(crate) fn draw(&mut self, lines: &[Line]) -> Result<(), WriteError> {
        match self.frame(lines, super::rows()) {
            Some(frame) => super::raw(&frame),
            None => Ok(()),
        }
    }

    /// What to write; `None` when it is on the screen already.
    fn frame(&mut self, lines: &[Line], rows: usize) -> Option<String> {
        if self.shown == lines {
            return None;
        }
        self.shown = lines.to_vec();
        // From the top left; each line is cleared behind its end, and everything below the last one.
        let mut out = "\x1b[H".to_owned();
        // The last row stays free: a line break there would move the page up.
        let fits = rows.saturating_sub(1);
        let cut = lines.len() > fits;
        let shown = if cut { fits.saturating_sub(1) } else { lines.len() };
        for line in &lines[..shown] {
            out.push_str(line.as_str());
            out.push_str("\x1b[K\n");
        }
        if cut {
            out.push_str(&format!(
                "… and {} more lines; a larger window or --problems shows more\x1b[K\n",
                lines.len() - shown
            ));
        }
        out.push_str("\x1b[J");
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_drawn_from_the_top_once_for_each_change_and_cut_to_the_terminal() {
        let lines = |texts: &[&str]| texts.iter().map(Line::from).collect::<Vec<_>>();
        let mut page = Page::default();
        let first = page.frame(&lines(&["a", "b"]), 24).unwrap();
        assert_eq!(first, "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
        assert_eq!(page.frame(&lines(&["a", "b"]), 24), None);
        let many = lines(&["1", "2", "3", "4", "5"]);
        let cut = page.frame(&many, 4).unwrap();
        assert_eq!(cut.matches('\n').count(), 3, "{cut:?}");
        assert!(cut.contains("… and 3 more lines"), "{cut:?}");
    }
}
