//! What is drawn, and over what.

use super::*;
use crate::output::Tone;

fn rows(state: &str) -> Vec<Vec<Cell>> {
    let heading = ["MEMBER", "REGION", "NODES", "shop@3f2c1a", "STATE"];
    let row = |name: &str, pods: &str| {
        let mut cells: Vec<Cell> = [name, "cn-north", "3", pods].map(Cell::from).into();
        cells.push(Cell::new(state, Tone::Good));
        cells
    };
    vec![heading.map(Cell::from).into(), row("beijing", "6/6"), row("shanghai", "2/6")]
}

#[test]
fn a_terminal_is_drawn_over_only_when_something_changed() {
    let mut screen = Screen::new(true);
    let first = screen.frame(&rows("joining"), &[], false, 80).unwrap();
    assert!(!first.contains("\x1b[3A") && first.ends_with("\x1b[K\n"), "{first:?}");
    assert_eq!(screen.frame(&rows("joining"), &[], false, 80), None);
    let second = screen.frame(&rows("Ready 1.2s"), &[], false, 80).unwrap();
    assert!(second.starts_with("\x1b[3AMEMBER    REGION    NODES  shop@3f2c1a  STATE\x1b[K\n"), "{second:?}");
    assert_eq!(second.matches('\n').count(), 3);
}

#[test]
fn lines_on_a_narrow_terminal_are_cut_so_that_each_stays_one() {
    let mut screen = Screen::new(true);
    let frame = screen.frame(&rows("Ready 1.2s"), &[], true, 24).unwrap();
    let plain = frame.replace("\x1b[32m", "").replace("\x1b[0m", "").replace("\x1b[K", "");
    assert!(plain.lines().all(|line| line.chars().count() <= 24), "{plain}");
    assert!(plain.contains("beijing   cn-north  3"), "{plain}");
}

#[test]
fn elsewhere_there_are_no_escape_codes() {
    let mut screen = Screen::new(false);
    // A table that comes later stands below the first one.
    for state in ["joining", "Ready 1.2s"] {
        let frame = screen.frame(&rows(state), &[], false, 24).unwrap();
        assert!(!frame.contains('\x1b') && frame.contains("shop@3f2c1a  STATE"), "{frame:?}");
    }
}

#[test]
fn what_stands_below_the_table_is_drawn_over_too() {
    let mut screen = Screen::new(true);
    let footer = |text: &str| vec![Line::from(text)];
    screen.frame(&rows("Ready"), &footer("converged 1.2s and much more that is too wide"), false, 20).unwrap();
    let next = screen.frame(&rows("Ready"), &footer("app/shop NotReady"), false, 80).unwrap();
    assert!(next.starts_with("\x1b[7AMEMBER") && next.ends_with("app/shop NotReady\x1b[K\n\x1b[J"), "{next:?}");
    let without = screen.frame(&rows("Ready"), &[], false, 80).unwrap();
    assert!(without.starts_with("\x1b[4A") && without.ends_with("\x1b[J"), "{without:?}");
}
