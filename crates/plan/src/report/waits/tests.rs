use api::delivery::{DeletionState, UnitId};
use model::Digest;

use super::*;
use crate::apply::WaitingOn as Object;
use crate::prune::WaitingOn as Kept;
use crate::rights::Lack;

fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into(), ..ObjectKey::default() }
}

fn deletions(behind: bool) -> Deletions {
    Deletions {
        digest: Digest::of(b"list"),
        count: 3,
        sample: vec!["Namespace shop".into()],
        guarded: 1,
        state: DeletionState::Waiting,
        released: 0,
        behind,
        unshown: false,
        untaken: false,
        left: 0,
        objects: None,
    }
}

fn entry(cause: WaitingCause, count: u32, first: &str, detail: &str) -> ObjectsWaiting {
    ObjectsWaiting { cause, count, first: first.into(), detail: detail.into() }
}

#[test]
fn each_cause_is_one_entry_with_its_count_and_its_first_object() {
    let mut waits = Waits::default();
    assert!(waits.is_empty() && waits.entries().is_empty());
    for (name, waiting) in [
        ("c", Object::BeingDeleted),
        ("b", Object::Refused("Forbidden".into())),
        ("a", Object::Refused("Forbidden".into())),
        ("d", Object::Refused("Invalid".into())),
    ] {
        waits.add_object(&key(name), &waiting);
    }
    assert_eq!(
        waits.entries(),
        [
            entry(WaitingCause::Refused, 2, "ConfigMap shop/a", "Forbidden"),
            entry(WaitingCause::Refused, 1, "ConfigMap shop/d", "Invalid"),
            entry(WaitingCause::BeingDeleted, 1, "ConfigMap shop/c", ""),
        ]
    );
}

#[test]
fn every_reason_of_a_prune_is_stored_with_its_cause() {
    let unit = UnitId::new("apps.kurator.dev", "Application", "default", "other", None);
    let list = deletions(false);
    let moving = vec![(key("b").into(), unit.clone()), (key("a").into(), unit.clone())];
    for (kept, expect) in [
        (Kept::NotAsked(2), Some(entry(WaitingCause::NotPruned, 2, "", ""))),
        (Kept::Suspended(2), Some(entry(WaitingCause::Suspended, 2, "", ""))),
        (Kept::Frozen { why: "no branch".into(), count: 4 }, Some(entry(WaitingCause::Frozen, 4, "", "no branch"))),
        // Everything that is no longer wanted moves to another unit: nothing is frozen.
        (Kept::Frozen { why: "no branch".into(), count: 0 }, None),
        (Kept::Apply(5), Some(entry(WaitingCause::Unsettled, 5, "", ""))),
        (Kept::Handover(moving), Some(entry(WaitingCause::Handover, 2, "ConfigMap shop/a", &unit.to_string()))),
        (
            Kept::Occupied(vec![key("b").into(), key("a").into()]),
            Some(entry(WaitingCause::Occupied, 2, "ConfigMap shop/a", "")),
        ),
        (
            Kept::OutsideRights {
                objects: vec![(key("b").into(), Lack::Cluster), (key("a").into(), Lack::Cluster)],
                widen: "kurator attach CONTEXT".into(),
            },
            Some(entry(WaitingCause::OutsideRights, 2, "ConfigMap shop/a", "the whole cluster")),
        ),
        (Kept::Guard, Some(entry(WaitingCause::Release, 3, "Namespace shop", ""))),
    ] {
        let mut waits = Waits::default();
        waits.add_kept(std::slice::from_ref(&kept), Some(&list));
        assert_eq!(waits.entries(), Vec::from_iter(expect), "{kept:?}");
    }
    let mut behind = Waits::default();
    behind.add_kept(&[Kept::Guard], Some(&deletions(true)));
    assert_eq!(behind.entries()[0].detail, "the hub is behind what the member has seen");
}

#[test]
fn what_is_stored_is_bounded_and_the_worst_stays() {
    let mut waits = Waits::default();
    waits.add_object(&key("a"), &Object::Suspended);
    for n in 0..10 {
        waits.add_object(&key("b"), &Object::Refused(format!("{n}{}", "x".repeat(200))));
    }
    let entries = waits.entries();
    assert_eq!(entries.len(), ObjectsWaiting::ENTRIES_MAX);
    assert!(
        entries
            .iter()
            .all(|e| e.cause == WaitingCause::Refused && e.detail.chars().count() == ObjectsWaiting::DETAIL_MAX)
    );
}

#[test]
fn names_and_details_are_cut_before_they_are_kept() {
    let mut waits = Waits::default();
    let long = "n".repeat(3_300_000);
    waits.add_object(&key(&long), &Object::Refused(long.clone()));
    waits.add_object(&key(&long), &Object::Refused(format!("{long}x")));
    assert_eq!(waits.by_cause.len(), 1, "they say the same");
    let entries = waits.entries();
    assert_eq!(entries[0].first.chars().count(), ObjectKey::CHARS_MAX);
    assert_eq!((entries[0].count, entries[0].detail.chars().count()), (2, ObjectsWaiting::DETAIL_MAX));
}
