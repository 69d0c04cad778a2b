//! Lines and tables: what is printed as text.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::visible::visible;

/// A line for people. Nothing in it commands a terminal but our own colours: there is no other way to make one, and nothing
/// else is printed as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(String);

impl Line {
    /// Goes on with a text.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.push_str(&visible(text));
        self
    }

    /// Goes on with a coloured text.
    pub(crate) fn cell(mut self, cell: &Cell, colour: bool) -> Self {
        self.0.push_str(&cell.paint(colour));
        self
    }

    /// The same, so many columns further right.
    pub(crate) fn indented(&self, columns: usize) -> Self {
        Self(format!("{:columns$}{}", "", self.0))
    }

    /// The line, cut where it would be wider than this many columns. It has no colours.
    pub(super) fn cut(&self, columns: usize) -> Self {
        if self.0.width() <= columns { self.clone() } else { Self(cut(&self.0, columns)) }
    }

    /// As it is printed.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for Line {
    fn from(text: T) -> Self {
        Self::default().text(text.as_ref())
    }
}

impl PartialEq<&str> for Line {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

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

/// One cell of a table, on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell with a tone.
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: visible(&text.into()), tone }
    }

    /// How many columns of a terminal the text takes: two for each Chinese character.
    fn width(&self) -> usize {
        self.text.width()
    }

    /// The text, coloured by its tone if there are colours.
    pub(super) fn paint(&self, colour: bool) -> String {
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
        Self::new(text, Tone::Plain)
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
        let mut text = fold(&visible(text)).into_iter();
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
    pub(crate) fn lines(&self, colour: bool) -> Vec<Line> {
        self.clipped(colour, usize::MAX)
    }

    /// The lines, each cut where it would be wider than this many columns.
    pub(crate) fn clipped(&self, colour: bool, columns: usize) -> Vec<Line> {
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
            // Of cells, whose texts are harmless.
            Line(out.trim_end().to_owned())
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
