//! A list is as large as it is, however little of it is listed.

use super::*;

/// 300 members, each with a cause of its own and 2 objects, of which so many are listed.
fn edit(causes: usize, members: usize, is_pruned: bool) -> HeldDeletions {
    let cause = |n| HeldCause {
        cause: "SelectorDiffers".into(),
        message: format!("label site is \"s{n}\", the selector wants \"s\""),
        members: 1,
        objects: 2,
    };
    HeldDeletions {
        policy: "p".into(),
        digest: "sha256:1".into(),
        reason: reason::EDIT_REMOVES_MEMBERS.into(),
        count: if is_pruned { 600 } else { 0 },
        member_count: 300,
        object_count: 600,
        causes: (0..causes).map(cause).collect(),
        members: (0..members).map(|n| format!("m{n}: 2 objects")).collect(),
        ..HeldDeletions::default()
    }
}

#[test]
fn a_list_of_more_causes_than_are_listed_says_its_size() {
    // As the hub stores it, as it is stored in brief, and with nothing left.
    for (causes, members) in [(20, 100), (16, 16), (1, 1), (0, 0)] {
        let list = edit(causes, members, true);
        assert_eq!(what(&list), "600 deletions in 300 members that it would leave", "{causes}");
        let lines = lines(&list);
        let others = 300 - causes;
        let reasons = format!("  and for other reasons ({others} members, {} objects)", others * 2);
        assert!(lines.contains(&reasons), "{lines:#?}");
        assert_eq!(lines.last(), Some(&format!("  and {} more members", 300 - members)), "{causes}");
        let short = in_short("shop", "default", std::slice::from_ref(&list));
        let [line] = short.as_slice() else { panic!("{short:?}") };
        assert!(line.starts_with("app/shop: policy p: kept in 300 members with 600 objects: "), "{line}");
        assert_eq!(line.contains("; and other reasons; next: "), causes > 0, "{line}");
    }
    let stays = edit(20, 100, false);
    assert_eq!(what(&stays), "it would leave 300 members; 600 objects stay there, without Kurator");
}

#[test]
fn a_list_of_which_everything_is_listed_has_no_rest() {
    let whole = HeldDeletions { member_count: 20, object_count: 40, ..edit(20, 20, true) };
    // A hub of an earlier version says no more than the causes.
    let old = HeldDeletions { member_count: 0, object_count: 0, ..whole.clone() };
    for list in [whole, old] {
        assert_eq!(in_short("shop", "default", std::slice::from_ref(&list)).len(), 1);
        assert_eq!(lines(&list).len(), 1 + 20 + 20);
        assert_eq!(members(&list), 20);
    }
    // All causes of a source concern the same members.
    let source = HeldDeletions { reason: reason::SOURCE_REMOVES_OBJECTS.into(), ..edit(2, 100, true) };
    let short = in_short("shop", "default", std::slice::from_ref(&source));
    assert_eq!((short.len(), members(&source), short[0].contains("other reasons")), (1, 300, false));
}

#[test]
fn thirty_policies_stay_readable() {
    let list = |n: usize, message: &str| HeldDeletions {
        policy: format!("p{n:02}"),
        reason: if n < 28 { reason::SOURCE_REMOVES_OBJECTS.into() } else { reason::EDIT_REMOVES_MEMBERS.into() },
        count: 4,
        member_count: 2,
        object_count: 4,
        away_count: u32::from(n == 27),
        causes: vec![HeldCause { message: message.to_owned(), members: 2, objects: 4, ..HeldCause::default() }],
        ..HeldDeletions::default()
    };
    let mut all: Vec<HeldDeletions> = (0..27).map(|n| list(n, "nothing would be left of it")).collect();
    all.push(list(27, "a Namespace is among them"));
    all.extend((28..30).map(|n| list(n, &format!("policy p{n} was removed or renamed"))));
    insta::assert_snapshot!("thirty", in_short("shop", "team-a", &all).join("\n"));
    insta::assert_snapshot!("one_reason", in_short("shop", "default", &all[..27]).join("\n"));
}
