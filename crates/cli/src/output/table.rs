//! Lines and tables: what is printed as text.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::visible;

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
/// Least room for a text beside the other columns. On a terminal that is narrower it stands below them.
const BESIDE_MIN: usize = 30;
/// Least room for a last column that is cut: a state, since when, and the reason. Where less is left of it, it stands below the others.
const REASON_MIN: usize = 40;
/// How far it stands from the left there.
const BELOW_INDENT: usize = 4;
/// Shortest line of a text, however narrow the terminal is: a few words.
const TEXT_WIDTH_MIN: usize = 20;

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
    rows: Vec<Row>,
}

/// One row.
#[derive(Debug)]
struct Row {
    cells: Vec<Cell>,
    /// What stands in the last column, and continues below itself.
    text: Option<String>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let mut table = Self::default();
        table.row(headings.iter().map(|heading| Cell::from(*heading)).collect());
        table
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row { cells, text: None });
    }

    /// Adds a row whose last cell is a text that continues below itself when it is long.
    pub(crate) fn wrap(&mut self, cells: Vec<Cell>, text: &str) {
        self.rows.push(Row { cells, text: Some(visible(text)) });
    }

    /// The lines.
    pub(crate) fn lines(&self, colour: bool) -> Vec<Line> {
        self.wrapped(colour, usize::MAX)
    }

    /// The lines, with long texts broken so that they fit into this many columns. Nothing is cut: a word that is too long, such as
    /// a path, stays whole.
    pub(crate) fn wrapped(&self, colour: bool, columns: usize) -> Vec<Line> {
        drawn(&self.broken(columns), colour, usize::MAX)
    }

    /// The lines, each cut where it would be wider than this many columns. The last column says why something is not ready: where
    /// too little of it would be left, it stands below the others, whole.
    pub(crate) fn clipped(&self, colour: bool, columns: usize) -> Vec<Line> {
        let mut rows = Vec::new();
        for cells in self.broken(columns) {
            match cells.split_last() {
                Some((last, before)) if !before.is_empty() && self.is_lost(before.len(), last, columns) => {
                    rows.push(before.to_vec());
                    rows.extend(below(last, columns));
                }
                _ => rows.push(cells),
            }
        }
        drawn(&rows, colour, columns)
    }

    /// Would too little be left of a cell that stands behind so many others?
    fn is_lost(&self, before: usize, last: &Cell, columns: usize) -> bool {
        let room = columns.saturating_sub(self.width_of(before));
        last.width() > room && room < REASON_MIN
    }

    /// How many columns the first cells of the rows take, and the gaps behind them.
    fn width_of(&self, count: usize) -> usize {
        let width = |c: usize| self.rows.iter().filter_map(|row| row.before_text().get(c)).map(Cell::width).max();
        (0..count).map(|c| width(c).unwrap_or_default() + GAP).sum()
    }

    /// Rows of cells alone: long texts are broken into several.
    fn broken(&self, columns: usize) -> Vec<Vec<Cell>> {
        let mut out = Vec::new();
        for Row { cells, text } in &self.rows {
            let Some(text) = text else {
                out.push(cells.clone());
                continue;
            };
            let beside = columns.saturating_sub(self.width_of(cells.len()));
            if beside < BESIDE_MIN {
                out.push(cells.clone());
                out.extend(below(&Cell::from(text.as_str()), columns));
                continue;
            }
            for (index, line) in fold(text, beside.min(TEXT_WIDTH)).into_iter().enumerate() {
                let mut row = if index == 0 { cells.clone() } else { vec![Cell::default(); cells.len()] };
                row.push(line.into());
                out.push(row);
            }
        }
        out
    }
}

/// A cell on lines of its own, below the others of its row.
fn below(cell: &Cell, columns: usize) -> impl Iterator<Item = Vec<Cell>> {
    let room = columns.saturating_sub(BELOW_INDENT).clamp(TEXT_WIDTH_MIN, TEXT_WIDTH);
    let tone = cell.tone;
    fold(&cell.text, room).into_iter().map(move |line| vec![Cell::new(format!("{:BELOW_INDENT$}{line}", ""), tone)])
}

impl Row {
    /// Its cells without the last column, which is ragged.
    fn before_text(&self) -> &[Cell] {
        match &self.text {
            Some(_) => &self.cells,
            None => before_last(&self.cells),
        }
    }
}

fn before_last(cells: &[Cell]) -> &[Cell] {
    cells.split_last().map_or(cells, |(_, before)| before)
}

/// Columns between two cells.
const GAP: usize = 2;

/// Rows as lines, each cut where it would be wider than this many columns.
fn drawn(rows: &[Vec<Cell>], colour: bool, columns: usize) -> Vec<Line> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |c: usize| rows.iter().filter_map(|row| before_last(row).get(c)).map(Cell::width).max();
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
            let pad = if last { 0 } else { widths[index] + GAP - cell.width() };
            out.extend(std::iter::repeat_n(' ', pad));
            at += cell.width() + pad;
        }
        // Of cells, whose texts are harmless.
        Line(out.trim_end().to_owned())
    };
    rows.iter().map(line).collect()
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
fn fold(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
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
