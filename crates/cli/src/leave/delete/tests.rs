//! What cannot be shown is not deleted.

use plan::departure::Objects;

use super::*;

/// What a policy has in a member; `None` where that is not known.
fn part(member: &str, objects: Option<usize>) -> Part {
    let key = |n: usize| model::ObjectKey { kind: "ConfigMap".into(), name: format!("c{n}"), ..Default::default() };
    let objects = objects.map(|number| Objects { goes: (0..number).map(key).collect(), ..Objects::default() });
    Part::new("shop", "p", member.parse().unwrap(), None, objects)
}

#[test]
fn an_application_of_which_not_everything_is_known_is_not_deleted() {
    assert!(refuse_unknown("shop", &[part("paris", Some(2)), part("rome", Some(0))]).is_ok());
    assert!(refuse_unknown("shop", &[]).is_ok());
    let refused = refuse_unknown("shop", &[part("lima", None), part("paris", Some(2)), part("rome", None)]);
    insta::assert_snapshot!(
        refused.unwrap_err(),
        @"app/shop: lima, rome have not reported what is there, so that it cannot be listed, and nothing was deleted; try again when there is an answer, or say --anyway to delete it unseen"
    );
}

#[test]
fn what_comes_in_between_is_more_than_was_shown() {
    for (shown, now, expect) in [
        (part("paris", Some(1)), part("paris", Some(1)), false),
        (part("paris", Some(2)), part("paris", Some(1)), false),
        (part("paris", Some(1)), part("paris", Some(2)), true),
        (part("paris", None), part("paris", Some(1)), true),
        (part("rome", Some(1)), part("paris", Some(1)), true),
        // Nothing is known of it now, and something, or nothing at all, was shown.
        (part("paris", Some(1)), part("paris", None), true),
        (part("rome", Some(1)), part("paris", None), true),
        (part("paris", None), part("paris", None), false),
    ] {
        assert_eq!(is_more(&now, std::slice::from_ref(&shown)), expect, "{now:?} {shown:?}");
    }
}

#[test]
fn what_goes_unseen_is_not_counted_as_nothing() {
    assert_eq!(sum(&[part("paris", Some(2))], 0), "2 objects deleted in 1 member");
    let all = || vec![part("paris", Some(2)), part("rome", None)];
    assert_eq!(sum(&all(), 0), "2 objects deleted in 1 member, and what rome had, unseen");
    assert_eq!(sum(&all()[1..], 0), "what rome had, unseen");
    let away = |member: &str| BTreeSet::from([member.parse().unwrap()]);
    let words = done_but_for(&away("rome"), all(), 0);
    assert_eq!(
        words,
        "deleted: 2 objects deleted in 1 member; in rome when it answers: what is there, which is not known"
    );
    let words = done_but_for(&away("paris"), vec![part("paris", Some(2)), part("rome", Some(3))], 0);
    assert_eq!(words, "deleted: 3 objects deleted in 1 member; in paris when it answers: 2 objects deleted");
    let words = done_but_for(&away("twin"), vec![part("paris", Some(2)), part("twin", Some(0))], 0);
    assert!(words.ends_with(
        "in twin when it answers: nothing, and the application stays in the hub until then or until it is detached"
    ));
    assert_eq!(
        done_but_for(&away("paris"), all()[..1].to_vec(), 0),
        "told to go in paris when it answers: 2 objects deleted"
    );
}

#[test]
fn what_stayed_against_the_list_is_not_counted_as_deleted() {
    let all = [part("paris", Some(2)), part("rome", Some(2))];
    assert_eq!(sum(&all, 1), "3 objects deleted, 1 object left there in 2 members");
    assert_eq!(sum(&all, 4), "4 objects left there in 2 members");
}
