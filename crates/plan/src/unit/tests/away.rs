//! Members that do not answer are in the list, and one approval is enough.

use api::delivery::ObjectSet;
use model::{HashedKey, ObjectKey};

use super::*;
use crate::guard::Cause;

pub(super) fn keys(names: &[&str]) -> Vec<Arc<HashedKey>> {
    let key = |name: &&str| ObjectKey {
        kind: "ConfigMap".into(),
        namespace: "shop".into(),
        name: (*name).to_owned(),
        ..ObjectKey::default()
    };
    names.iter().map(|name| key(name).into()).collect()
}

/// What a member reports that lost these.
fn lost(names: &[&str]) -> Option<Deletions> {
    Some(crate::prune::deletions(&keys(names), 0, false))
}

/// Two members at the second revision of a unit, of which `b` does not answer since the first.
fn away(of_b: &[&str]) -> World {
    let mut world = World::new(&["a", "b"]);
    world.step();
    for member in ["a", "b"] {
        world.report(member, UnitPhase::Applied, None);
    }
    world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.lost.insert((world.owner.unit(None), name("b")), keys(of_b));
    world.step();
    world
}

fn held(world: &World) -> Option<crate::guard::Held> {
    let status_of = |u: &UnitId, m: &MemberName| world.statuses.get(&(u.clone(), m.clone())).cloned();
    crate::unit::held(&world.owner.unit(None), world.decisions.values(), status_of, |member| {
        world.members[member].reports()
    })
}

const MANY: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[test]
fn a_unit_whose_only_member_is_away_is_in_the_list() {
    let mut world = away(&MANY);
    world.report("a", UnitPhase::Applied, None);
    world.step();
    let held = held(&world).unwrap();
    assert_eq!((held.count, held.away, held.waiting_on), (12, vec![name("b")], vec![]));
    assert_eq!(held.members[0].2.len(), Deletions::SAMPLE_MAX);
    assert!(world.step().is_settled(), "it is written once");
}

#[test]
fn what_was_there_before_us_is_in_no_list_of_a_member_that_is_away() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    for member in ["a", "b"] {
        world.report(member, UnitPhase::Applied, None);
    }
    let key = (world.owner.unit(None), name("b"));
    let adopted = keys(&MANY[..1]);
    world.statuses.get_mut(&key).unwrap().adopted = ObjectSet::new(adopted.iter().map(|key| &***key));
    world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.lost.insert(key, keys(&MANY));
    world.step();
    world.report("a", UnitPhase::Applied, None);
    world.step();
    assert_eq!(held(&world).map(|held| held.count), Some(11));
}

#[test]
fn one_approval_is_enough_and_what_goes_later_is_within_it() {
    let mut world = away(&MANY);
    world.report("a", UnitPhase::DeletionsHeld, lost(&MANY));
    world.step();
    let list = held(&world).unwrap();
    assert_eq!((list.count, list.members.len(), list.away.len()), (24, 2, 1));
    world.facts.approved = vec![list.digest];
    world.step();
    let digest = lost(&MANY).unwrap().digest;
    for member in ["a", "b"] {
        assert_eq!(world.entry(member).granted, Some(digest), "{member}");
    }
    let expected = world.entry("b").expected.clone().unwrap();
    assert_eq!((expected.approval, expected.count), (Some(list.digest), 12));
    assert!(keys(&MANY).iter().all(|key| expected.objects.contains(key)));
    // Nothing waits but the member; its approval is written nowhere else.
    world.facts.approved.clear();
    world.report("a", UnitPhase::Applied, None);
    world.step();
    assert_eq!(held(&world), None);
    // It answers with fewer, which the applier takes for approved, and then with nothing.
    world.members.insert(name("b"), MemberFacts::new(Reach::Reachable));
    world.lost.clear();
    world.step();
    assert!(world.entry("b").expected.is_some(), "the member is about to do it");
    world.report("b", UnitPhase::Applied, None);
    world.step();
    assert_eq!(held(&world), None);
    // It has more: that waits for a word of its own.
    world.report("b", UnitPhase::DeletionsHeld, Some(Deletions { unshown: true, ..lost(&["z"]).unwrap() }));
    world.step();
    let rest = held(&world).unwrap();
    assert_eq!((rest.count, rest.away, rest.causes), (1, vec![], vec![Cause::Unshown]));
}

/// Another policy, which may be suspended, wants the rest of it.
#[test]
fn what_a_member_that_is_away_is_known_to_lose_makes_no_hold_smaller() {
    let mut world = away(&MANY);
    world.report("a", UnitPhase::Applied, None);
    world.step();
    assert_eq!(world.entry("b").withheld.map(|held| held.count), Some(12));
    world.units[0].inputs = Some(tree("c3", "./a"));
    world.lost.insert((world.owner.unit(None), name("b")), keys(&MANY[..8]));
    world.step();
    world.report("a", UnitPhase::Applied, None);
    world.step();
    let entry = world.entry("b");
    assert_eq!((entry.expected.as_ref().map(|e| e.count), entry.granted), (Some(8), None));
    assert_eq!(entry.withheld.map(|held| held.count), Some(12));
    assert_eq!(held(&world).map(|held| held.causes), Some(vec![Cause::Unlisted]));
    assert!(world.step().is_settled());
    // It answers: the source, or a policy that delivers, has the rest again, or it waits to be taken over.
    world.members.insert(name("b"), MemberFacts::new(Reach::Reachable));
    world.lost.clear();
    for (unlisted, granted) in [(true, None), (false, lost(&MANY[..8]))] {
        world.report("b", UnitPhase::DeletionsHeld, lost(&MANY[..8]));
        world.statuses.get_mut(&(world.owner.unit(None), name("b"))).unwrap().unlisted = unlisted;
        world.step();
        assert_eq!(world.entry("b").granted, granted.map(|list| list.digest), "{unlisted}");
    }
}

#[test]
fn a_member_that_answers_first_says_itself_what_it_has() {
    let mut world = away(&MANY);
    world.members.insert(name("b"), MemberFacts::new(Reach::Reachable));
    world.report("a", UnitPhase::Applied, None);
    world.report("b", UnitPhase::DeletionsHeld, lost(&["a"]));
    world.step();
    assert_eq!(world.entry("b").expected, None);
    assert_eq!(world.entry("b").granted, Some(lost(&["a"]).unwrap().digest), "one object is within the budget");
}

#[test]
fn what_was_approved_is_in_no_list_of_a_later_commit_and_holds_up_nothing() {
    let mut world = away(&MANY);
    world.report("a", UnitPhase::Applied, None);
    world.step();
    world.facts.approved = vec![held(&world).unwrap().digest];
    world.step();
    world.facts.approved.clear();
    let more: Vec<&str> = MANY.into_iter().chain(["z"]).collect();
    for (commit, names, new) in [("c3", &MANY[..11], 0), ("c4", &more[..11], 0), ("c5", &more[1..], 2)] {
        world.units[0].inputs = Some(tree(commit, "./a"));
        world.lost.insert((world.owner.unit(None), name("b")), keys(names));
        world.step();
        world.report("a", UnitPhase::DeletionsHeld, lost(&["z"]));
        world.step();
        let expected = world.entry("b").expected.clone().unwrap();
        assert_eq!((expected.approval, expected.count), (None, new), "{commit}");
        assert_eq!(held(&world), None, "{commit}");
        let shown = expected.shown().unwrap();
        let kept: Vec<bool> = keys(&more).iter().map(|key| shown.contains(key)).collect();
        assert_eq!(kept.iter().filter(|is| **is).count(), 11.min(names.len() - new as usize), "{commit}");
        assert_eq!(world.entry("a").granted, Some(lost(&["z"]).unwrap().digest), "{commit}");
    }
}

#[test]
fn a_list_of_a_member_that_is_away_holds_up_no_other() {
    let mut world = away(&MANY);
    world.report("a", UnitPhase::DeletionsHeld, lost(&["z"]));
    world.step();
    assert_eq!(world.entry("a").granted, Some(lost(&["z"]).unwrap().digest));
    let list = held(&world).unwrap();
    assert_eq!((list.count, list.away), (12, vec![name("b")]));
    assert_eq!(world.entry("b").granted, None);
    // What is within the budget was approved by nobody.
    world.facts.approved = vec![list.digest];
    world.step();
    assert_eq!(world.entry("b").expected.clone().unwrap().approval, Some(list.digest));
}

#[test]
fn what_was_approved_while_away_is_not_held_again_when_the_member_says_the_same() {
    let mut world = away(&MANY);
    world.report("a", UnitPhase::Applied, None);
    world.step();
    world.facts.approved = vec![held(&world).unwrap().digest];
    world.step();
    world.members.insert(name("b"), MemberFacts::new(Reach::Reachable));
    world.report("b", UnitPhase::Applying, lost(&MANY));
    world.step();
    assert_eq!(held(&world), None);
}

#[test]
fn nothing_is_asked_about_a_unit_that_is_suspended() {
    let mut world = away(&MANY);
    world.units[0].suspend = true;
    let (_, asked) = world.step_asking();
    assert_eq!((asked, world.entry("b").expected.clone()), (vec![], None));
}

#[test]
fn who_is_asked_about_is_who_does_not_answer_and_ran_something_else() {
    let mut world = away(&[]);
    let of = |world: &mut World| {
        let unit = world.owner.unit(None);
        let (plan, asked) = world.step_asking();
        assert!(plan.is_settled());
        asked.into_iter().map(|one| (one.unit == unit, one.member.to_string(), one.had)).collect::<Vec<_>>()
    };
    let first = world.revisions.iter().find(|(_, revision)| revision.epoch == 1).unwrap().0.clone();
    assert_eq!(of(&mut world), [(true, "b".to_owned(), first)]);
    assert_eq!(world.entry("b").expected, None, "nothing is lost there");
    // A revision that an absent member runs is kept, however many came since.
    for commit in ["c3", "c4", "c5"] {
        world.units[0].inputs = Some(tree(commit, "./a"));
        world.step();
    }
    assert!(world.revisions.values().any(|revision| revision.epoch == 1));
    world.units[0].prune = false;
    world.step();
    assert_eq!(of(&mut world), []);
}

/// A report of a member that lost these, of which it has 20 others.
fn waits(world: &mut World, members: &[&str], names: &[&str]) {
    for member in members {
        world.report(member, UnitPhase::DeletionsHeld, lost(names));
    }
    world.step();
}

#[test]
fn what_is_held_stays_held_when_others_stop_answering() {
    let mut world = World::new(&["a", "b", "c"]);
    world.step();
    waits(&mut world, &["a", "b", "c"], &MANY[..8]);
    assert_eq!(held(&world).map(|held| held.count), Some(24));
    // Alone it would be within the budget.
    for gone in ["b", "c"] {
        world.members.insert(name(gone), MemberFacts::new(Reach::Unknown));
        world.step();
        assert_eq!(held(&world).map(|held| held.count), Some(24), "without {gone}");
        assert_eq!(world.entry("a").granted, None, "without {gone}");
    }
    assert!(world.step().is_settled(), "it is written once");
    // Another commit that changes nothing of it.
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.step();
    waits(&mut world, &["a"], &MANY[..8]);
    let list = held(&world).unwrap();
    assert_eq!((list.count, list.away), (24, vec![name("b"), name("c")]));
    assert_eq!(world.entry("a").granted, None);
    // A person may agree to it, also for those that are away.
    world.facts.approved = vec![list.digest];
    world.step();
    for member in ["a", "b", "c"] {
        assert_eq!(world.entry(member).granted, Some(lost(&MANY[..8]).unwrap().digest), "{member}");
    }
}

#[test]
fn what_is_held_stays_held_when_members_leave_or_come() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    waits(&mut world, &["a", "b"], &MANY[..8]);
    assert_eq!(held(&world).map(|held| held.count), Some(16));
    // Another member that has much more, so that the list is less than a quarter.
    let more = World::new(&["a", "b", "c"]);
    (world.units[0].placement, world.members) = (more.units[0].placement.clone(), more.members);
    world.step();
    world.report("c", UnitPhase::Applied, None);
    world.statuses.get_mut(&(world.owner.unit(None), name("c"))).unwrap().objects.inventory = 1_000;
    world.step();
    let list = held(&world).unwrap();
    assert_eq!((list.count, list.causes, world.entry("a").granted), (16, vec![Cause::StillHeld], None));
}

#[test]
fn a_grant_is_good_for_once() {
    let mut world = World::new(&["a"]);
    world.step();
    waits(&mut world, &["a"], &MANY);
    let list = held(&world).unwrap();
    world.facts.approved = vec![list.digest];
    world.step();
    assert_eq!(world.entry("a").granted, Some(lost(&MANY).unwrap().digest));
    let released =
        |left| Deletions { state: DeletionState::Released, released: 12, count: 0, left, ..lost(&MANY).unwrap() };
    world.report("a", UnitPhase::Applied, Some(released(1)));
    world.step();
    assert!(world.entry("a").granted.is_some(), "one object is not gone yet");
    world.report("a", UnitPhase::Applied, Some(released(0)));
    world.step();
    assert_eq!(world.entry("a").granted, None);
    assert!(world.step().is_settled());
    // The member was restored from its backup. The approval is still there.
    waits(&mut world, &["a"], &MANY);
    let again = held(&world).unwrap();
    assert_eq!((again.count, world.entry("a").granted), (12, None));
    assert_ne!(again.digest, list.digest);
    world.facts.approved.push(again.digest);
    world.step();
    assert!(world.entry("a").granted.is_some());
}

#[test]
fn what_was_held_and_became_little_in_all_members_goes_within_the_budget() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    waits(&mut world, &["a", "b"], &MANY);
    assert_eq!(held(&world).map(|held| held.count), Some(24));
    // Most of it is back with the next commit.
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.step();
    waits(&mut world, &["a", "b"], &MANY[..2]);
    assert_eq!(held(&world), None);
    assert_eq!(world.entry("a").granted, Some(lost(&MANY[..2]).unwrap().digest));
}

#[test]
fn a_report_of_when_nothing_was_to_be_deleted_says_nothing_of_what_is() {
    for change in [
        (|unit: &mut UnitSpec, on| unit.prune = !on) as fn(&mut UnitSpec, bool),
        |unit, on| unit.suspend = on,
        |unit, on| unit.frozen = on.then(|| WaitingOn::new(Missing::Member, "the fleet is gone")),
    ] {
        let mut world = World::new(&["a", "b", "c"]);
        world.step();
        change(&mut world.units[0], true);
        world.step();
        for member in ["a", "b", "c"] {
            world.report(member, UnitPhase::Applied, None);
            world.statuses.get_mut(&(world.owner.unit(None), name(member))).unwrap().unweighed = true;
        }
        world.step();
        change(&mut world.units[0], false);
        world.step();
        // The first one that says so is alone within the budget.
        for member in ["a", "b", "c"] {
            waits(&mut world, &[member], &MANY[..8]);
            assert_eq!(world.entry("a").granted, None, "after {member}");
        }
        assert_eq!(held(&world).map(|held| held.count), Some(24));
    }
}

#[test]
fn what_is_held_stays_held_while_it_is_not_asked_for() {
    for change in [
        (|unit: &mut UnitSpec, on| unit.prune = !on) as fn(&mut UnitSpec, bool),
        |unit, on| unit.suspend = on,
        |unit, on| unit.frozen = on.then(|| WaitingOn::new(Missing::Member, "the fleet is gone")),
    ] {
        let mut world = World::new(&["a", "b"]);
        world.step();
        waits(&mut world, &["a", "b"], &MANY[..7]);
        assert_eq!(held(&world).map(|held| held.count), Some(14));
        change(&mut world.units[0], true);
        world.step();
        for member in ["a", "b"] {
            world.report(member, UnitPhase::Applied, None);
            world.statuses.get_mut(&(world.owner.unit(None), name(member))).unwrap().unweighed = true;
        }
        world.step();
        world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
        change(&mut world.units[0], false);
        world.step();
        waits(&mut world, &["a"], &MANY[..7]);
        assert_eq!(world.entry("a").granted, None);
    }
}

#[test]
fn a_list_within_the_budget_is_not_held_for_its_member_being_away() {
    let mut world = World::new(&["a"]);
    world.step();
    waits(&mut world, &["a"], &MANY[..3]);
    assert_eq!(held(&world), None);
    world.members.insert(name("a"), MemberFacts::new(Reach::Unknown));
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.step();
    assert_eq!(held(&world), None);
}

#[test]
fn a_commit_that_is_taken_back_is_held_no_longer_where_its_member_is_away() {
    let mut world = World::new(&["a"]);
    world.step();
    waits(&mut world, &["a"], &MANY);
    assert_eq!(held(&world).map(|held| held.count), Some(12));
    world.members.insert(name("a"), MemberFacts::new(Reach::Unknown));
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.lost.insert((world.owner.unit(None), name("a")), Vec::new());
    world.step();
    assert_eq!(held(&world), None);
    assert!(world.step().is_settled());
}

/// A suspended policy wants something of it, so that no report has all. What was held whole and approved whole holds nothing more; of
/// what was approved in part the rest is still held, and the cause says so.
#[test]
fn a_hold_ends_with_the_approval_of_all_of_it_though_more_may_wait() {
    for (of_list, ends) in [(12, true), (1, false)] {
        let mut world = World::new(&["a"]);
        world.step();
        let next = |world: &mut World, commit: &str, names: &[&str]| {
            world.units[0].inputs = Some(tree(commit, "./a"));
            world.step();
            world.report("a", UnitPhase::DeletionsHeld, lost(names));
            world.statuses.get_mut(&(world.owner.unit(None), name("a"))).unwrap().unlisted = true;
            world.step();
        };
        next(&mut world, "c2", &MANY);
        assert_eq!(held(&world).map(|list| list.causes), Some(vec![Cause::TooMany]));
        if !ends {
            next(&mut world, "c3", &MANY[..of_list]);
            assert_eq!(held(&world).map(|list| list.causes), Some(vec![Cause::Unlisted]));
        }
        world.facts.approved = vec![held(&world).unwrap().digest];
        world.step();
        let list = lost(&MANY[..of_list]).unwrap();
        assert_eq!(world.entry("a").granted, Some(list.digest));
        world.facts.approved.clear();
        let released = Deletions { state: DeletionState::Released, released: list.count, count: 0, left: 0, ..list };
        world.report("a", UnitPhase::Applied, Some(released));
        world.statuses.get_mut(&(world.owner.unit(None), name("a"))).unwrap().unlisted = true;
        world.step();
        assert_eq!(world.entry("a").withheld.map(|held| held.count), (!ends).then_some(12));
        next(&mut world, "c4", &["z"]);
        let expect = (!ends).then(|| vec![Cause::Unlisted]);
        assert_eq!(held(&world).map(|list| list.causes), expect, "{of_list}");
        assert_eq!(world.entry("a").granted.is_some(), ends, "{of_list}");
    }
}
