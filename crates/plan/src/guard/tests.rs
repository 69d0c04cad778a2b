use std::sync::Arc;

use model::{HashedKey, ObjectKey};
use proptest::prelude::*;

use super::*;
use crate::prune;

fn keys(count: u32, kind: &str) -> Vec<Arc<HashedKey>> {
    let name =
        |i| ObjectKey { kind: kind.into(), namespace: "n".into(), name: format!("o{i}"), ..ObjectKey::default() };
    (0..count).map(|i| name(i).into()).collect()
}

fn scope(member: &str, inventory: u64, deletions: u32) -> MemberScope {
    MemberScope {
        member: member.parse().unwrap(),
        epoch: 1,
        placed: None,
        inventory,
        desired: inventory - u64::from(deletions),
        report: Some((deletions > 0).then(|| prune::deletions(&keys(deletions, "ConfigMap"), 0, false))),
        expected: true,
        away: false,
        leaving: false,
        unweighed: false,
        unlisted: false,
        supposed: false,
        granted: false,
        carried_out: 0,
        withheld: None,
    }
}

fn causes(scopes: &[MemberScope]) -> Vec<Cause> {
    plan(scopes, None).1.held.map(|held| held.causes).unwrap_or_default()
}

#[test]
fn small_deletions_go_ahead() {
    let (plan, report) = plan(&[scope("a", 20, 5), scope("b", 20, 5)], None);
    assert_eq!((plan.grants.len(), report), (2, Report::default()));
}

#[test]
fn the_budget_is_the_larger_of_ten_objects_and_a_quarter_over_all_members() {
    assert_eq!(causes(&[scope("a", 20, 5), scope("b", 20, 5)]), []);
    assert_eq!(causes(&[scope("a", 20, 6), scope("b", 20, 5)]), [Cause::TooMany]);
    assert_eq!(causes(&[scope("a", 100, 25), scope("b", 100, 25)]), []);
    assert_eq!(causes(&[scope("a", 100, 26), scope("b", 100, 25)]), [Cause::TooMany]);
}

#[test]
fn what_leaves_and_was_not_shown_is_held_and_what_was_shown_counts_towards_no_budget() {
    let mut scope = scope("a", 100, 40);
    scope.leaving = true;
    let list = prune::deletions(&keys(40, "ConfigMap"), 0, false);
    scope.report = Some(Some(Deletions { unshown: true, ..list.clone() }));
    assert_eq!(causes(&[scope.clone()]), [Cause::Unshown]);
    let held = plan(&[scope.clone()], None).1.held.unwrap();
    assert_eq!(plan(&[scope.clone()], Some(held.digest)).0.grants, [("a".parse().unwrap(), list.digest)]);
    scope.report = Some(Some(list));
    assert_eq!(causes(&[scope]), []);
}

#[test]
fn an_empty_unit_is_held_however_small() {
    assert_eq!(causes(&[scope("a", 1, 1), scope("b", 2, 2)]), [Cause::Empties]);
    assert_eq!(causes(&[scope("a", 1, 1), scope("b", 2, 0)]), []);
}

#[test]
fn guarded_kinds_are_held_however_few() {
    let mut scope = scope("a", 100, 0);
    for kind in ["Namespace", "PersistentVolumeClaim", "PersistentVolume"] {
        scope.report = Some(Some(prune::deletions(&keys(1, kind), 0, false)));
        assert_eq!(causes(&[scope.clone()]), [Cause::Guarded], "{kind}");
    }
}

#[test]
fn a_hub_that_is_behind_is_held() {
    let mut scope = scope("a", 100, 0);
    scope.report = Some(Some(prune::deletions(&keys(1, "ConfigMap"), 0, true)));
    assert_eq!(causes(&[scope]), [Cause::Behind]);
}

#[test]
fn what_leaves_counts_towards_no_budget_and_waits_only_when_the_hub_is_behind() {
    let list = |behind| prune::deletions(&keys(40, "ConfigMap"), 0, behind);
    let leaving =
        |behind| MemberScope { desired: 0, report: Some(Some(list(behind))), leaving: true, ..scope("b", 40, 0) };
    let held = plan(&[scope("a", 40, 0), leaving(true)], None).1.held.unwrap();
    assert_eq!((held.causes.clone(), held.count), (vec![Cause::Behind], 40));
    assert_eq!(plan(&[scope("a", 40, 0), leaving(true)], Some(held.digest)).0.grants.len(), 1);
    // A unit that leaves its last member does not empty itself by accident.
    assert_eq!(causes(&[leaving(true)]), [Cause::Behind]);
    // A small change of the source goes on as ever beside one that is told.
    assert_eq!(causes(&[scope("a", 40, 3), leaving(false)]), []);
}

#[test]
fn what_has_not_been_reported_is_named_and_not_approved() {
    let mut late = scope("b", 4, 4);
    let list = late.report.take();
    let held = plan(&[scope("a", 4, 4), late.clone()], None).1.held.unwrap();
    assert_eq!(held.waiting_on, [late.member.clone()]);
    let (granted, _) = plan(&[scope("a", 4, 4), late.clone()], Some(held.digest));
    assert_eq!(granted.grants.iter().map(|(m, _)| m.as_str()).collect::<Vec<_>>(), ["a"]);
    late.report = list;
    let (granted, report) = plan(&[scope("a", 4, 4), late], Some(held.digest));
    assert_eq!((granted.grants.len(), report.held.unwrap().waiting_on), (0, vec![]));
}

#[test]
fn nothing_is_granted_before_every_reachable_member_reported() {
    let mut late = scope("b", 100, 0);
    late.report = None;
    let scopes = [scope("a", 100, 3), late.clone()];
    let (granted, report) = plan(&scopes, None);
    assert!(granted.grants.is_empty());
    assert_eq!(report.waiting_on, [late.member.clone()]);
    late.expected = false;
    assert_eq!(plan(&[scope("a", 100, 3), late], None).0.grants.len(), 1);
}

#[test]
fn a_list_says_who_has_not_reported_yet() {
    let mut late = scope("b", 4, 0);
    late.report = None;
    let held = |late: &MemberScope| plan(&[scope("a", 4, 4), late.clone()], None).1.held.unwrap();
    late.desired = 0;
    assert_eq!(held(&late).waiting_on, [late.member.clone()]);
    let partial = held(&late).digest;
    late.report = scope("b", 4, 4).report;
    assert_eq!((held(&late).waiting_on, held(&late).count), (vec![], 8));
    assert_ne!(held(&late).digest, partial, "the whole list is another one");
    late.report = None;
    late.expected = false;
    assert_eq!(held(&late).waiting_on, [], "one that does not answer is not waited for");
}

#[test]
fn what_was_released_before_counts() {
    let mut done = scope("a", 15, 0);
    done.report = Some(Some(Deletions {
        count: 0,
        released: 10,
        state: DeletionState::Released,
        ..prune::deletions(&keys(1, "Pod"), 0, false)
    }));
    let members = [done, scope("b", 15, 1)];
    assert_eq!(causes(&members), [Cause::TooMany]);
    let held = plan(&members, None).1.held.unwrap();
    assert_eq!(
        (held.count, held.in_words(Cause::TooMany).as_str()),
        (1, "with 10 that went before, that is 11: more than 10 objects and more than a quarter of it")
    );
}

#[test]
fn an_approval_holds_while_its_members_go_ahead_one_by_one() {
    let wiped = |m: &str| scope(m, 4, 4);
    let held = plan(&[wiped("a"), wiped("b")], None).1.held.unwrap();
    assert_eq!((held.count, held.of), (8, 8));
    let mut done = wiped("a");
    let list = done.report.clone().unwrap().unwrap();
    done.report = Some(Some(Deletions { count: 0, released: 4, state: DeletionState::Released, ..list }));
    done.inventory = 0;
    let (plan, report) = plan(&[done, wiped("b")], Some(held.digest));
    assert_eq!((plan.grants.len(), report.held), (1, None));
}

#[test]
fn an_approval_is_for_once() {
    let wiped = |epoch: u64| MemberScope { epoch, ..scope("a", 4, 4) };
    let first = plan(&[wiped(1)], None).1.held.unwrap();
    assert_eq!(plan(&[wiped(1)], Some(first.digest)).0.grants.len(), 1);
    // Restored at epoch 2, and wiped again at 3: the same objects, and nobody has approved that they go.
    let (again, report) = plan(&[wiped(3)], Some(first.digest));
    assert_eq!((again.grants.len(), report.held.unwrap().count), (0, 4));
}

/// As when a policy that is suspended wants a part of it: the source has none of it again.
#[test]
fn a_shorter_list_stays_held_while_it_may_not_be_all() {
    let withheld = Some(Withheld { epoch: 5, count: 12, digest: None, replaced: false, untaken: false });
    for (count, unlisted, expect) in [(8, false, vec![]), (8, true, vec![Cause::Unlisted]), (0, true, vec![])] {
        let scope = MemberScope { epoch: 6, unlisted, withheld, ..scope("a", 100, count) };
        assert_eq!(causes(&[scope]), expect, "{count} {unlisted}");
    }
    let new = MemberScope { epoch: 6, unlisted: true, ..scope("a", 100, 8) };
    assert_eq!(causes(&[new]), [], "nothing was held");
}

#[test]
fn what_leaves_and_was_not_shown_waits_by_itself() {
    let list = Deletions { unshown: true, ..prune::deletions(&keys(4, "ConfigMap"), 0, false) };
    let leaving = MemberScope { desired: 0, report: Some(Some(list.clone())), leaving: true, ..scope("b", 4, 0) };
    let (granted, report) = plan(&[scope("a", 100, 3), leaving.clone()], None);
    assert_eq!(
        granted.grants.iter().map(|(m, _)| m.as_str()).collect::<Vec<_>>(),
        ["a"],
        "its own list holds up no other"
    );
    let held = report.held.unwrap();
    assert_eq!((held.count, held.causes.clone(), held.members.len()), (4, vec![Cause::Unshown], 1));
    // What a goes on with changes nothing of that.
    let (granted, report) = plan(&[scope("a", 100, 0), leaving.clone()], Some(held.digest));
    assert_eq!((granted.grants, report.held), (vec![("b".parse().unwrap(), list.digest)], None));
    // Both wait: one list, one approval.
    let both = [scope("a", 4, 4), leaving];
    let held = plan(&both, None).1.held.unwrap();
    assert_eq!((held.count, held.causes), (8, vec![Cause::Empties, Cause::Unshown]));
    assert_eq!(plan(&both, Some(held.digest)).0.grants.len(), 2);
}

proptest! {
    /// An approval releases exactly the lists that it was given for.
    #[test]
    fn an_approval_is_bound_to_its_lists(counts in proptest::collection::vec(0_u32..30, 1..5), other in proptest::collection::vec(0_u32..30, 1..5)) {
        let scopes = |counts: &[u32]| -> Vec<MemberScope> {
            counts.iter().enumerate().map(|(i, c)| scope(&format!("m{i}"), 30, *c)).collect()
        };
        let (free, report) = plan(&scopes(&counts), None);
        let Some(held) = report.held else {
            prop_assert_eq!(free.grants.len(), counts.iter().filter(|c| **c > 0).count());
            return Ok(());
        };
        prop_assert!(free.grants.is_empty());
        let lists = |counts: &[u32]| -> Vec<(usize, u32)> { counts.iter().copied().enumerate().filter(|(_, c)| *c > 0).collect() };
        let (granted, after) = plan(&scopes(&other), Some(held.digest));
        if lists(&counts) == lists(&other) {
            prop_assert_eq!(granted.grants.len(), lists(&counts).len());
        } else {
            prop_assert!(granted.grants.is_empty() || after.held.is_none() && plan(&scopes(&other), None).0 == granted);
        }
    }
}
