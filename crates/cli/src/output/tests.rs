//! Alignment, colours, errors in one line.

use super::*;

#[test]
fn columns_align_whatever_their_colours() {
    let mut table = Table::new(&["MEMBER", "STATE"]);
    table.row(vec!["a".into(), Cell::new("Ready", Tone::Good)]);
    table.row(vec!["北京".into(), Cell::new("Unknown", Tone::Waiting)]);
    // Each Chinese character takes two columns.
    assert_eq!(table.lines(false), ["MEMBER  STATE", "a       Ready", "北京    Unknown"]);
    assert_eq!(table.lines(true)[1], "a       \x1b[32mReady\x1b[0m");
}

#[test]
fn long_texts_continue_below_themselves() {
    let mut table = Table::default();
    table.wrap(vec!["Ready".into(), "False".into()], &"word ".repeat(25));
    table.wrap(vec!["SourceReady".into(), "True".into()], "short");
    let first = format!("Ready        False  {}", ["word"; 16].join(" "));
    let second = format!("                    {}", ["word"; 9].join(" "));
    assert_eq!(table.lines(false), [first.as_str(), &second, "SourceReady  True   short"]);
}

#[test]
fn causes_are_said_once() {
    let error = anyhow::anyhow!("the port is taken").context("cannot listen: the port is taken").context("the hub");
    assert_eq!(chain(&error), "the hub: cannot listen: the port is taken");
}

#[test]
fn what_is_too_wide_is_cut_between_columns_of_a_terminal() {
    for (text, columns, shown) in [
        ("Ready", 5, "Ready"),
        ("Ready", 4, "Rea…"),
        ("北京 上海", 6, "北京 …"),
        ("北京 上海", 4, "北…"),
        ("Ready", 1, "…"),
        ("Ready", 0, ""),
    ] {
        let mut table = Table::default();
        table.row(vec![text.into()]);
        assert_eq!(table.clipped(false, columns), [shown], "{text} in {columns} columns");
    }
    let mut table = Table::new(&["MEMBER", "STATE"]);
    table.row(vec!["beijing".into(), Cell::new("Unknown", Tone::Bad)]);
    assert_eq!(table.clipped(false, 12), ["MEMBER   ST…", "beijing  Un…"]);
    assert_eq!(table.clipped(true, 12)[1], "beijing  \x1b[31mUn…\x1b[0m");
    assert_eq!(table.clipped(false, 8), ["MEMBER", "beijing"]);
}
