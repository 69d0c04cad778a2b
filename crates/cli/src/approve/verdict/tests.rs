//! What counts as heard, and as done.

use serde_json::{Value, json};

use super::*;

/// The list that is approved, and another one.
const THIS: u8 = 1;
const OTHER: u8 = 2;

fn digest(n: u8) -> String {
    format!("sha256:{}", n.to_string().repeat(64))
}

fn list(reason: &str, n: u8) -> HeldDeletions {
    HeldDeletions { policy: "p".into(), digest: digest(n), reason: reason.into(), ..HeldDeletions::default() }
}

fn slice(fields: Value, members: Value) -> DecisionSpec {
    let mut spec = json!({"unit": "apps.kurator.dev/Application/default/shop/p", "slice": 0, "members": members});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

/// What a test expects of an approval: `not yet`, `changed`, or the members in which something is still to go, and those whose own
/// list changed (`MEMBER:changed`).
fn verdict(
    approved: &Approved,
    held: &[HeldDeletions],
    decisions: &[DecisionSpec],
    statuses: &BTreeMap<MemberName, UnitStatus>,
) -> String {
    match approved.heard(held, decisions) {
        Heard::NotYet => "not yet".to_owned(),
        Heard::Changed => "changed".to_owned(),
        Heard::Released(released) => {
            let left = approved.left(&released, decisions, |member| statuses.get(member));
            let overtaken = approved.overtaken(&released, |member| statuses.get(member));
            let words = left.iter().map(ToString::to_string);
            words.chain(overtaken.iter().map(|member| format!("{member}:changed"))).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn an_edit_is_done_when_its_members_have_left_by_this_approval() {
    const EDIT: &str = "EditRemovesMembers";
    let entry = |removal: &str, leaving: Value| json!({"revision": "r", "epoch": 1, "reason": "", "removal": removal, "leaving": leaving});
    let why = |released: Option<u8>| json!({"cause": "NotListed", "message": "fleet f is empty", "approval": released.map(digest)});
    let kept = || entry("None", why(None));
    let stays = || entry("None", Value::Null);
    let before = [
        slice(json!({"held": digest(THIS)}), json!({"a": kept(), "c": stays()})),
        slice(json!({"slice": 1, "held": digest(THIS)}), json!({"b": kept()})),
    ];
    let approved = Approved::new(list(EDIT, THIS), &before);
    let (this, other, none) = ([list(EDIT, THIS)], [list(EDIT, OTHER)], []);
    let held_by = |n: u8| json!({"held": digest(n)});
    let gone = |n: u8| entry("Prune", why(Some(n)));
    for (about, held, first, second, expect) in [
        (
            "nothing happened",
            &this[..],
            (held_by(THIS), json!({"a": kept()})),
            (held_by(THIS), json!({"b": kept()})),
            "not yet",
        ),
        (
            "one slice is written",
            &this,
            (json!({}), json!({"a": gone(THIS)})),
            (held_by(THIS), json!({"b": kept()})),
            "not yet",
        ),
        (
            "the status lags behind",
            &this,
            (json!({}), json!({"a": gone(THIS)})),
            (json!({}), json!({"b": gone(THIS)})),
            "a b",
        ),
        (
            "both are on their way",
            &none,
            (json!({}), json!({"a": gone(THIS)})),
            (json!({}), json!({"b": gone(THIS)})),
            "a b",
        ),
        (
            "what stays is let go of",
            &none,
            (json!({}), json!({"a": entry("Release", why(Some(THIS)))})),
            (json!({}), json!({})),
            "a",
        ),
        ("one has left", &none, (json!({}), json!({})), (json!({}), json!({"b": gone(THIS)})), "b"),
        ("both have left", &none, (json!({}), json!({"c": stays()})), (json!({}), json!({})), ""),
        (
            "another list waits beside it",
            &other,
            (held_by(OTHER), json!({"c": kept()})),
            (json!({}), json!({"b": gone(THIS)})),
            "b",
        ),
        // None of these was released by this approval.
        (
            "the list grew",
            &other,
            (held_by(OTHER), json!({"a": kept(), "c": kept()})),
            (held_by(OTHER), json!({"b": kept()})),
            "changed",
        ),
        (
            "the edit was taken back",
            &none,
            (json!({}), json!({"a": stays()})),
            (json!({}), json!({"b": stays()})),
            "changed",
        ),
        (
            "by another approval",
            &none,
            (json!({}), json!({"a": gone(OTHER)})),
            (json!({}), json!({"b": gone(OTHER)})),
            "changed",
        ),
        (
            "within what is allowed",
            &none,
            (json!({}), json!({"a": entry("Prune", why(None))})),
            (json!({}), json!({"b": entry("Prune", why(None))})),
            "changed",
        ),
    ] {
        let mut second_fields = second.0;
        second_fields["slice"] = json!(1);
        let decisions = [slice(first.0, first.1), slice(second_fields, second.1)];
        assert_eq!(verdict(&approved, held, &decisions, &BTreeMap::new()), expect, "{about}");
    }
}

#[test]
fn deletions_of_a_source_are_done_when_each_member_that_was_granted_its_list_has_nothing_left_of_it() {
    const SOURCE: &str = "SourceRemovesObjects";
    let entry = |epoch: u64, granted: Option<u8>| json!({"revision": "r", "epoch": epoch, "reason": "", "granted": granted.map(digest)});
    // Each member's own list has a digest of its own; one of an earlier release is known already.
    let (a, b, earlier) = (3, 4, 5);
    let before = [
        slice(json!({}), json!({"a": entry(7, None), "c": entry(7, Some(earlier))})),
        slice(json!({"slice": 1}), json!({"b": entry(7, None)})),
    ];
    let approved = Approved::new(list(SOURCE, THIS), &before);
    let (this, other, none) = ([list(SOURCE, THIS)], [list(SOURCE, OTHER)], []);
    let status = |epoch: u64, state: &str, own: u8, inventory: u32| -> UnitStatus {
        let (count, left) = if state == "Waiting" { (2, 0) } else { (0, inventory - 3) };
        serde_json::from_value(json!({
            "revision": "r", "epoch": epoch, "phase": "Applied", "health": "Healthy", "since": "2026-01-01T00:00:00Z",
            "objects": {"desired": 3, "applied": 3, "healthy": 3, "failed": 0, "inventory": inventory},
            "held": {"digest": digest(own), "count": count, "state": state, "left": left},
        }))
        .unwrap()
    };
    let yes = || json!({"approved": digest(THIS)});
    let granted = |fields: Value| {
        [
            slice(fields.clone(), json!({"a": entry(7, Some(a)), "c": entry(7, Some(earlier))})),
            slice(
                {
                    let mut fields = fields;
                    fields["slice"] = json!(1);
                    fields
                },
                json!({"b": entry(7, Some(b))}),
            ),
        ]
    };
    let half = [granted(yes())[0].clone(), before[1].clone()];
    let newer = [
        slice(json!({}), json!({"a": entry(8, Some(a)), "c": entry(8, None)})),
        slice(json!({"slice": 1}), json!({"b": entry(8, None)})),
    ];
    let gone = status(7, "Released", a, 3);
    let hands_over = || {
        let mut status = status(7, "Released", a, 5);
        status.held.as_mut().unwrap().left = 0;
        status
    };
    let waits = |own| status(7, "Waiting", own, 5);
    let another_waits = || {
        let mut status = waits(6);
        status.held.as_mut().unwrap().released = 2;
        status
    };
    for (about, held, decisions, a_says, b_says, expect) in [
        ("nothing happened", &this[..], before.clone(), waits(a), waits(b), "not yet"),
        ("one slice is written", &this, half, waits(a), waits(b), "not yet"),
        ("allowed and not begun", &this, granted(yes()), waits(a), waits(b), "a b"),
        // It holds the list in the status for as long as it is away.
        ("one does not answer", &this, granted(yes()), gone.clone(), waits(b), "b"),
        ("released and not gone", &none, granted(json!({})), status(7, "Released", a, 5), gone.clone(), "a"),
        ("released and gone", &none, granted(json!({})), gone.clone(), gone.clone(), ""),
        ("the rest is being handed over", &none, granted(json!({})), hands_over(), gone.clone(), ""),
        ("away since an earlier commit", &none, granted(json!({})), gone.clone(), status(6, "Released", 9, 3), "b"),
        ("another list of a member waits", &other, granted(json!({})), another_waits(), gone.clone(), ""),
        ("a member's list changed before it began", &other, granted(json!({})), waits(6), waits(b), "b a:changed"),
        ("a later epoch's list", &other, granted(json!({})), status(8, "Waiting", a, 5), gone.clone(), ""),
        // Nothing was released by this approval.
        ("the list grew", &other, before.clone(), waits(a), waits(6), "changed"),
        ("the commit was reverted", &none, before.clone(), gone.clone(), gone.clone(), "changed"),
        ("a smaller list of another commit went", &none, newer, gone.clone(), gone.clone(), "changed"),
    ] {
        let statuses = BTreeMap::from([("a".parse().unwrap(), a_says), ("b".parse().unwrap(), b_says)]);
        assert_eq!(verdict(&approved, held, &decisions, &statuses), expect, "{about}");
    }
    // The same list once more, while one member of it is away.
    let again = Approved::new(list(SOURCE, THIS), &granted(yes()));
    for (about, held, decisions, a_says, b_says, expect) in [
        ("one does not answer", &this[..], granted(yes()), gone.clone(), waits(b), "b"),
        ("it is back", &none, granted(json!({})), gone.clone(), status(7, "Released", b, 5), "b"),
        ("it is done", &none, granted(json!({})), gone.clone(), gone.clone(), ""),
    ] {
        let statuses = BTreeMap::from([("a".parse().unwrap(), a_says), ("b".parse().unwrap(), b_says)]);
        assert_eq!(verdict(&again, held, &decisions, &statuses), expect, "again: {about}");
    }
    // Said, and nothing of it granted yet.
    let said = [slice(yes(), json!({"a": entry(7, None)}))];
    let approved = Approved::new(list(SOURCE, THIS), &said);
    assert_eq!(verdict(&approved, &this, &said, &BTreeMap::new()), "not yet");
    assert_eq!(verdict(&approved, &none, &said, &BTreeMap::new()), "");
}

#[test]
fn lists_of_one_policy_say_nothing_of_another() {
    let kept = json!({"revision": "r", "epoch": 1, "reason": "", "leaving": {"cause": "NotListed", "message": "m"}});
    let of = |policy: &str, members: Value| {
        let mut slice = slice(json!({"held": digest(THIS)}), members);
        slice.unit = format!("apps.kurator.dev/Application/default/shop/{policy}").parse().unwrap();
        slice
    };
    let before = [of("p", json!({"a": kept})), of("q", json!({"a": kept}))];
    let approved = Approved::new(list("EditRemovesMembers", THIS), &before);
    let after = [of("q", json!({"a": kept}))];
    assert_eq!(verdict(&approved, &[], &after, &BTreeMap::new()), "", "p has left");
}
