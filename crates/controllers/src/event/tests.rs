use plan::event::Severity;

use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + secs).unwrap()
}

fn about(name: &str) -> Regarding {
    Regarding { kind: "Application".into(), name: name.into(), ..Regarding::default() }
}

fn event(reason: &str) -> Event {
    Event { severity: Severity::Normal, reason: reason.into(), action: "Do", note: "n".into() }
}

#[test]
fn the_same_again_is_counted_and_after_a_while_it_is_another_event() {
    let mut books = Books::default();
    let first = books.enter(&about("shop"), &event("Fetched"), at(0)).unwrap();
    let second = books.enter(&about("shop"), &event("Fetched"), at(300)).unwrap();
    assert_eq!((first.count, second.count, &first.name), (1, 2, &second.name));
    // From the last time on, not from the first.
    let third = books.enter(&about("shop"), &event("Fetched"), at(600)).unwrap();
    assert_eq!((third.count, &third.name), (3, &first.name));
    let later = books.enter(&about("shop"), &event("Fetched"), at(1_000)).unwrap();
    assert_eq!(later.count, 1);
    assert_ne!(later.name, first.name);
    // Another reason, and another object, at the same instant.
    let names: std::collections::BTreeSet<String> = [("shop", "Ready"), ("web", "Ready"), ("web", "Fetched")]
        .into_iter()
        .map(|(name, reason)| books.enter(&about(name), &event(reason), at(1_000)).unwrap().name)
        .collect();
    assert_eq!(names.len(), 3);
}

#[test]
fn what_was_left_in_each_member_is_an_event_of_its_own() {
    let mut books = Books::default();
    let mut left = |note: &str, secs: i64| {
        let event = Event { note: note.into(), ..event(plan::event::LEFT_BEHIND) };
        books.enter(&about("shop"), &event, at(secs)).unwrap()
    };
    let (paris, lyon, again) = (left("paris: a", 0), left("lyon: a", 1), left("paris: a", 2));
    assert_ne!(paris.name, lyon.name);
    assert_eq!((&again.name, again.count), (&paris.name, 2));
}

#[test]
fn an_object_with_much_to_say_is_bounded_and_others_are_not() {
    let mut books = Books::default();
    let mut said = |name: &str, secs: i64| books.enter(&about(name), &event("Ready"), at(secs)).is_some();
    let burst = (0..100).filter(|_| said("noisy", 0)).count();
    assert_eq!(burst, BURST as usize);
    assert!(said("quiet", 0));
    assert!(!said("noisy", 29));
    assert!(said("noisy", 30));
    assert!(!said("noisy", 31));
    assert_eq!((0..100).filter(|_| said("noisy", 1_000_000)).count(), BURST as usize);
    // A clock that was set back.
    assert!(!said("noisy", 0));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut books = Books::default();
    for n in 0..KNOWN_MAX * 2 {
        books.enter(&about(&format!("a{n}")), &event("Ready"), at(0));
        assert!(books.series.len() <= KNOWN_MAX && books.allowances.len() <= KNOWN_MAX);
    }
}

#[test]
fn a_name_of_an_event_is_one_that_servers_take() {
    let mut books = Books::default();
    let entry = books.enter(&about(&"a".repeat(253)), &event("Ready"), at(0)).unwrap();
    assert!(model::name::check_dns_subdomain(&entry.name).is_ok(), "{}", entry.name);
}

#[tokio::test]
async fn what_does_not_fit_is_counted_and_keeps_nobody_waiting() {
    let metrics = Metrics::default();
    let recorder = Recorder::new(&metrics);
    for _ in 0..QUEUE_MAX + 3 {
        recorder.send(about("shop"), event("Ready"));
    }
    assert_eq!(metrics.events_dropped(), 3);
}
