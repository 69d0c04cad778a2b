//! What is drawn, and over what.

use super::*;

fn rows(state: &str) -> Vec<Vec<Cell>> {
    let row = |ready: bool| Row {
        region: "cn-north".to_owned(),
        nodes: "3".to_owned(),
        pods: (if ready { 6 } else { 2 }, 6),
        state: state.to_owned(),
        tone: Tone::Good,
        ..Row::default()
    };
    table("3f2c1a", &BTreeMap::from([("beijing".to_owned(), row(true)), ("shanghai".to_owned(), row(false))]))
}

#[test]
fn a_terminal_is_drawn_over_only_when_something_changed() {
    let mut screen = Screen::new(true);
    let first = screen.frame(&rows("joining"), false, 80).unwrap();
    assert!(!first.contains("\x1b[3A") && first.ends_with("\x1b[K\n"), "{first:?}");
    assert_eq!(screen.frame(&rows("joining"), false, 80), None);
    let second = screen.frame(&rows("Ready 1.2s"), false, 80).unwrap();
    assert!(second.starts_with("\x1b[3AMEMBER    REGION    NODES  shop@3f2c1a  STATE\x1b[K\n"), "{second:?}");
    assert_eq!(second.matches('\n').count(), 3);
}

#[test]
fn lines_on_a_narrow_terminal_are_cut_so_that_each_stays_one() {
    let mut screen = Screen::new(true);
    let frame = screen.frame(&rows("Ready 1.2s"), true, 24).unwrap();
    let plain = frame.replace("\x1b[32m", "").replace("\x1b[0m", "").replace("\x1b[K", "");
    assert!(plain.lines().all(|line| line.chars().count() <= 24), "{plain}");
    assert!(plain.contains("beijing   cn-north  3"), "{plain}");
}

#[test]
fn elsewhere_there_are_no_escape_codes() {
    let frame = Screen::new(false).frame(&rows("Ready 1.2s"), false, 24).unwrap();
    assert!(!frame.contains('\x1b') && frame.contains("shop@3f2c1a  STATE"), "{frame}");
}

fn said(type_: &str, status: &str, reason: &str) -> api::Condition {
    api::Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: String::new(),
    }
}

#[test]
fn what_only_a_person_can_change_ends_the_wait_and_what_is_on_its_way_does_not() {
    for (conditions, long) in [
        (vec![], None),
        (vec![said("Ready", "False", "Progressing")], None),
        (vec![said("Ready", "Unknown", "MemberUnknown")], None),
        (vec![said("Ready", "False", "BuildFailed"), said("SourceReady", "True", "Succeeded")], Some(STUCK_FOR)),
        (vec![said("Ready", "True", "Succeeded"), said("SourceReady", "False", "FetchFailed")], Some(STUCK_FOR)),
        (vec![said("Ready", "False", "HealthCheckFailed")], Some(FAILING_FOR)),
    ] {
        assert_eq!(hindrance(&conditions).map(|h| h.long), long, "{conditions:?}");
    }
}

#[test]
fn the_wait_ends_when_the_same_has_been_in_the_way_for_long_enough() {
    let found = |reason: &str| Some(InTheWay { reason: reason.to_owned(), long: Duration::from_secs(3) });
    let mut stuck = Stuck::default();
    let mut see = |found, secs| stuck.see(found, Duration::from_secs(secs));
    assert!(!see(found("a"), 1) && !see(found("a"), 3));
    assert!(!see(found("b"), 4), "another reason counts from zero");
    assert!(!see(None, 5) && !see(found("b"), 6) && !see(found("b"), 8));
    assert!(see(found("b"), 9));
}
