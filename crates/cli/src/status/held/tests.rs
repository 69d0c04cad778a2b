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
        waiting_on: Vec::new(),
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
        assert_eq!(short.len(), causes + 1);
        let rest = format!("app/shop: policy p: kept in {others} members with {} objects: other reasons, ", others * 2);
        assert!(short[causes].starts_with(&rest), "{}", short[causes]);
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
        assert_eq!(in_short("shop", "default", std::slice::from_ref(&list)).len(), 20);
        assert_eq!(lines(&list).len(), 1 + 20 + 20);
        assert_eq!(members(&list), 20);
    }
    // All causes of a source concern the same members.
    let source = HeldDeletions { reason: reason::SOURCE_REMOVES_OBJECTS.into(), ..edit(2, 100, true) };
    assert_eq!((in_short("shop", "default", std::slice::from_ref(&source)).len(), members(&source)), (2, 300));
}

#[test]
fn policies_that_are_held_for_the_same_share_a_line() {
    let named = |policy: &str, list: HeldDeletions| HeldDeletions { policy: policy.into(), ..list };
    let small = || HeldDeletions { member_count: 1, object_count: 2, ..edit(1, 1, true) };
    let source = || HeldDeletions { reason: reason::SOURCE_REMOVES_OBJECTS.into(), ..small() };
    let all: Vec<HeldDeletions> = (0..30).map(|n| named(&format!("p{n}"), small())).collect();
    let cause = "label site is \"s0\", the selector wants \"s\"; next: kurator approve app/shop -n east, or";
    assert_eq!(
        in_short("shop", "east", &all),
        [format!(
            "app/shop: policies p0, p1, p2 and 27 more: kept in their members with 60 objects: {cause} take the edit back"
        )]
    );
    assert_eq!(
        in_short("shop", "east", &[named("a", small()), named("b", source()), named("c", source())]),
        [
            format!("app/shop: policy a: kept in 1 member with 2 objects: {cause} take the edit back"),
            format!("app/shop: policies b, c: 4 deletions held in their members: {cause} revert the commit"),
        ]
    );
}
