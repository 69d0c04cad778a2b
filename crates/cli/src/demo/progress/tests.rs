//! What is shown of what is read, and what the table counts.

use super::*;

#[test]
fn what_waits_or_is_left_alone_is_no_drift() {
    use SyncState::{
        Contested, Deleting, DeletionHeld, Drifted, Failed, LeftAlone, NotPruned, Pending, PrunePending, Synced,
        Waiting,
    };
    let all = [
        Pending,
        Synced,
        Drifted,
        Contested,
        Failed,
        DeletionHeld,
        PrunePending,
        NotPruned,
        Deleting,
        Waiting,
        LeftAlone,
    ];
    let drift: Vec<SyncState> = all.into_iter().filter(|sync| is_drift(*sync)).collect();
    assert_eq!(drift, [Drifted, Contested]);
}

fn row(state: State, is_settled: bool) -> Row {
    let reason = if state == State::Ready { "" } else { "DeletionsHeld" };
    let said = MemberState { state, reason: reason.to_owned(), message: "why".to_owned(), is_settled };
    Row { said, pods: (6, 6), ..Row::default() }
}

/// What is read when beijing and the application are like this.
fn seen(beijing: State, application: State) -> Seen {
    let members = [("beijing", row(beijing, beijing == State::Ready)), ("virginia", row(State::Ready, true))];
    Seen {
        commit: "3f2c1a".to_owned(),
        members: members.map(|(name, row)| (name.to_owned(), row)).into(),
        application: row(application, true),
    }
}

/// What is said, as text.
fn said(parts: &[Part]) -> Vec<String> {
    let one = |part: &Part| match part {
        Part::Table(rows, footer) => {
            let mut screen = Screen::new(false);
            screen.text(rows, footer)
        }
        Part::Whole(value) => format!("{} {}", value["event"], value["converged"]),
        Part::Changed(object, row) => format!("{object} {}", row.words()),
    };
    parts.iter().map(one).collect()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn what_is_drawn_on_a_terminal_is_what_was_read_also_after_everything_has_converged() {
    let mut story = Story::new(true, Format::Text, false);
    use State::{Held, Ready, Unknown};
    for (second, beijing, application, done, expect) in [
        (1, Unknown, Ready, false, "Unknown, DeletionsHeld: why"),
        (2, Ready, Ready, true, "Ready 2.0s"),
        (3, Held, Held, false, "Held, DeletionsHeld: why"),
        (4, Held, Held, false, "Held, DeletionsHeld: why"),
        (9, Ready, Ready, true, "Ready"),
        (10, Unknown, Unknown, false, "Unknown, DeletionsHeld: why"),
    ] {
        let parts = said(&story.tell_news(&seen(beijing, application), done, false, at(second)));
        let [table] = &parts[..] else { panic!("{second}: {parts:?}") };
        let line = table.lines().find(|line| line.starts_with("beijing")).unwrap();
        assert!(line.ends_with(&format!("  {expect}")), "{second}: {table}");
        let last = table.lines().last().unwrap();
        let is_below = |text: &str| last.starts_with(text);
        match (second, application) {
            (1, _) => assert!(is_below("virginia"), "{table}"),
            (_, Ready) => assert!(is_below("converged 2.0s"), "{second}: {table}"),
            _ => assert!(is_below(&format!("app/shop {application}, DeletionsHeld")), "{second}: {table}"),
        }
    }
}

#[test]
fn elsewhere_what_does_not_converge_is_shown_after_a_while_and_each_change_is_a_line() {
    use State::{Held, Ready, Unknown};
    let mut story = Story::new(false, Format::Text, false);
    let held = seen(Held, Held);
    assert_eq!(said(&story.tell_news(&held, false, false, at(4))), [""; 0]);
    let table = said(&story.tell_news(&held, false, false, SAID_EVERY)).concat();
    assert!(table.contains("beijing") && table.contains("Held, DeletionsHeld: why"), "{table}");
    assert!(table.ends_with("app/shop Held, DeletionsHeld: why\n"), "{table}");
    assert_eq!(said(&story.tell_news(&held, false, false, at(6))), [""; 0]);
    let lost = said(&story.tell_news(&seen(Unknown, Unknown), false, false, at(7)));
    assert_eq!(lost, ["member/beijing Unknown, DeletionsHeld: why", "app/shop Unknown, DeletionsHeld: why"]);
    // One that comes is a change as well.
    let mut joining = seen(Ready, Held);
    joining.members.insert("beijing".to_owned(), row(Ready, false));
    assert_eq!(said(&story.tell_news(&joining, false, false, at(8)))[0], "member/beijing joining");
    assert_eq!(said(&story.tell_news(&seen(Ready, Held), false, false, at(9))), ["member/beijing Ready 9.0s"]);
    let table = said(&story.tell_news(&seen(Ready, Ready), true, false, at(10))).concat();
    assert!(table.contains("Ready 9.0s") && table.contains("converged 10.0s"), "{table}");
    // After that, only what is another state: with each commit reports come a moment later than decisions.
    assert_eq!(said(&story.tell_news(&joining, false, false, at(11))), ["app/shop Held, DeletionsHeld: why"]);
    assert_eq!(said(&story.tell_news(&seen(Ready, Ready), true, false, at(12))), ["app/shop Ready"]);
}

#[test]
fn programs_get_the_same_as_events_and_who_waits_for_the_end_gets_one() {
    use State::{Held, Ready};
    let mut story = Story::new(false, Format::Json, false);
    assert_eq!(said(&story.tell_news(&seen(Held, Held), false, false, at(1))), [""; 0]);
    let all =
        ["member/beijing Held, DeletionsHeld: why", "member/virginia Ready 1.0s", "app/shop Held, DeletionsHeld: why"];
    assert_eq!(said(&story.tell_news(&seen(Held, Held), false, false, at(5))), all);
    assert_eq!(said(&story.tell_news(&seen(Ready, Ready), true, false, at(6))), ["\"converged\" true"]);
    for (format, expect) in [(Format::Json, "\"converged\" false"), (Format::Text, "MEMBER")] {
        let mut story = Story::new(false, format, true);
        assert_eq!(said(&story.tell_news(&seen(Held, Held), false, false, at(30))), [""; 0]);
        let end = said(&story.tell_news(&seen(Held, Held), false, true, at(31)));
        assert!(end.len() == 1 && end[0].starts_with(expect), "{end:?}");
    }
}
