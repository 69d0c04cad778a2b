//! Conditions as a table.

use api::condition::{self, Condition};
use model::Timestamp;

use super::cell;
use crate::output::{Cell, Line, Table};

/// `Ready` first, then by type: who compares two objects needs one order. `message` is what is said of each.
pub(super) fn table(conditions: &[Condition], now: Timestamp, message: impl Fn(&Condition) -> String) -> Table {
    let mut table = Table::default();
    let mut conditions: Vec<&Condition> = conditions.iter().collect();
    conditions.sort_by_key(|c| (c.type_ != condition::READY, c.type_.as_str()));
    for condition in conditions {
        let tone = cell::condition_tone(condition);
        let cells = vec![
            condition.type_.clone().into(),
            Cell::new(condition.status.clone(), tone),
            cell::age(condition, now).into(),
            condition.reason.clone().into(),
        ];
        table.wrap(cells, &message(condition));
    }
    table
}

/// How far conditions stand from the left.
const INDENT: usize = 2;

/// The lines of such a table below a heading, with texts broken to the width of a terminal.
pub(super) fn indented(table: &Table, colour: bool, columns: usize) -> Vec<Line> {
    let lines = table.wrapped(colour, columns.saturating_sub(INDENT));
    lines.iter().map(|line| line.indented(INDENT)).collect()
}
