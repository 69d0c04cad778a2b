//! Policies without a name are known by their place in the list: when one is taken out, those behind it get the names of others.

use api::delivery::{LeavingCause, MemberDecision, Withheld};

use super::away::keys;
use super::*;
use crate::guard::Cause;

/// Policies `o-0`, `o-1` and so on with these directories, in one member that has them.
fn placed(paths: &[&str]) -> World {
    let mut world = World::new(&["m"]);
    (world.facts.removals, world.by_inputs) = (0, true);
    world.lists(paths);
    for n in 0..paths.len() {
        world.tells(n, None);
    }
    world
}

impl World {
    /// An edit of the list of policies.
    fn lists(&mut self, paths: &[&str]) {
        let unit = |(n, path): (usize, &&str)| UnitSpec {
            id: self.policy(n),
            inputs: Some(tree("c1", path)),
            by_place: true,
            ..self.units[0].clone()
        };
        self.units = paths.iter().enumerate().map(unit).collect();
        self.step();
    }

    /// A commit.
    fn fetches(&mut self, commit: &str) {
        for unit in &mut self.units {
            let Some(Inputs::Artifact(inputs)) = &unit.inputs else { unreachable!() };
            let path = inputs.kustomize.path.clone().unwrap_or_default();
            unit.inputs = Some(tree(commit, &path));
        }
        self.step();
    }

    fn policy(&self, n: usize) -> UnitId {
        self.owner.unit(Some(&format!("o-{n}")))
    }

    fn in_member(&self, n: usize) -> MemberDecision {
        let unit = self.policy(n);
        let decision = self.decisions.values().find(|decision| decision.unit == unit).unwrap();
        decision.members[&name("m")].clone()
    }

    /// The member reports of a policy what it would delete.
    fn tells(&mut self, n: usize, held: Option<Deletions>) {
        self.tells_of(n, held, false);
    }

    /// The same. `unlisted`: there may be more.
    fn tells_of(&mut self, n: usize, held: Option<Deletions>, unlisted: bool) {
        let entry = self.in_member(n);
        let objects = UnitCounts { desired: 3, inventory: 6, ..UnitCounts::default() };
        let (epoch, asked) = (entry.epoch, entry.question());
        let status = UnitStatus { epoch, asked, held, unlisted, objects, ..status(UnitPhase::Applied) };
        self.statuses.insert((self.policy(n), name("m")), status);
        self.step();
        assert!(self.step().is_settled());
    }

    /// The same in the words of its applier, beside what is stored.
    fn merges(&mut self, n: usize, said: &Reported) {
        let key = (self.policy(n), name("m"));
        let status = merge_report(said, self.statuses.get(&key), now()).expect("it says something");
        self.statuses.insert(key, status);
        self.step();
        assert!(self.step().is_settled());
    }

    fn causes(&self, n: usize) -> Vec<Cause> {
        let unit = self.policy(n);
        let mine = self.decisions.values().filter(|decision| decision.unit == unit);
        let status_of = |u: &UnitId, m: &MemberName| self.statuses.get(&(u.clone(), m.clone())).cloned();
        held(&unit, mine, status_of, |member| self.members[member].reports())
            .map(|held| held.causes)
            .unwrap_or_default()
    }

    fn approve(&mut self, n: usize) {
        let unit = self.policy(n);
        let mine = self.decisions.values().filter(|decision| decision.unit == unit);
        let status_of = |u: &UnitId, m: &MemberName| self.statuses.get(&(u.clone(), m.clone())).cloned();
        self.facts.approved = held(&unit, mine, status_of, |member| self.members[member].reports())
            .into_iter()
            .map(|held| held.digest)
            .collect();
        self.step();
    }
}

#[test]
fn what_a_policy_without_a_name_had_waits_when_the_policy_is_taken_out_of_the_list() {
    let mut world = placed(&["./a", "./b"]);
    world.lists(&["./b"]);
    let leaving = world.in_member(1).leaving.unwrap();
    assert_eq!(leaving.cause, LeavingCause::HandedOver, "what the second one has stays, under the first one's name");
    world.tells(0, Some(list("of a", 3)));
    assert_eq!((world.in_member(0).granted, world.causes(0)), (None, vec![Cause::Replaced]));
    world.approve(0);
    assert_eq!(world.in_member(0).granted, Some(list("of a", 3).digest));
}

#[test]
fn it_waits_whatever_is_committed_until_nothing_of_it_is_left() {
    let mut world = placed(&["./a", "./b"]);
    world.lists(&["./b"]);
    // The member has not said anything of the edit yet.
    world.fetches("c2");
    world.tells(0, Some(list("of a", 3)));
    world.fetches("c3");
    world.tells(0, Some(list("less of a", 1)));
    assert_eq!((world.in_member(0).granted, world.causes(0)), (None, vec![Cause::Replaced]));
    world.fetches("c4");
    world.tells(0, None);
    assert_eq!(world.in_member(0).withheld, None);
    world.fetches("c5");
    world.tells(0, Some(list("of a commit", 3)));
    assert_eq!(world.in_member(0).granted, Some(list("of a commit", 3).digest));
}

#[test]
fn any_edit_of_what_it_reads_may_be_one_of_the_list() {
    let shifts: [(&[&str], &[&str]); 4] = [
        (&["./a", "./b", "./c"], &["./a", "./c"]),
        // Taken out, and another one put at the end.
        (&["./a", "./b"], &["./b", "./c"]),
        // Taken out, and another one put in its place.
        (&["./a"], &["./b"]),
        (&["./a", "./b"], &["./x", "./a", "./b"]),
    ];
    for (before, after) in shifts {
        let mut world = placed(before);
        world.lists(after);
        for n in (0..before.len().min(after.len())).filter(|n| before[*n] != after[*n]) {
            let held = world.in_member(n).withheld;
            assert_eq!(held.map(|held| held.replaced), Some(true), "{before:?} {after:?} {n}");
        }
    }
}

#[test]
fn what_is_committed_and_edits_of_policies_with_names_go_within_the_budget_as_before() {
    let mut world = placed(&["./a", "./b"]);
    world.fetches("c2");
    world.tells(0, Some(list("of a commit", 3)));
    assert_eq!(world.in_member(0).granted, Some(list("of a commit", 3).digest));
    let mut world = placed(&["./a"]);
    (world.units[0].by_place, world.units[0].inputs) = (false, Some(tree("c1", "./b")));
    world.step();
    world.tells(0, Some(list("of a", 3)));
    assert_eq!(world.in_member(0).granted, Some(list("of a", 3).digest));
}

#[test]
fn an_edit_of_the_list_that_is_taken_back_leaves_nothing_to_approve() {
    let mut world = placed(&["./a", "./b"]);
    world.lists(&["./b"]);
    world.tells(0, Some(list("of a", 3)));
    world.lists(&["./a", "./b"]);
    world.tells(0, None);
    assert_eq!((world.in_member(0).withheld, world.causes(0)), (None::<Withheld>, vec![]));
}

/// As when it failed before it counted, or another policy takes over what the first one had until somebody takes that one out too.
#[test]
fn a_report_by_which_there_may_be_more_to_delete_than_it_lists_ends_no_hold() {
    let mut world = placed(&["./a", "./b"]);
    world.lists(&["./b"]);
    world.tells_of(0, None, true);
    world.fetches("c2");
    world.tells_of(0, None, true);
    world.tells_of(0, Some(list("of a", 3)), true);
    assert_eq!((world.in_member(0).granted, world.causes(0)), (None, vec![Cause::Replaced]));
    // Part of it is agreed to, and the rest comes later.
    world.approve(0);
    assert_eq!(world.in_member(0).granted, Some(list("of a", 3).digest));
    world.tells_of(
        0,
        Some(Deletions { state: DeletionState::Released, count: 0, released: 3, ..list("of a", 3) }),
        true,
    );
    world.tells(0, Some(list("handed over before", 2)));
    assert_eq!((world.in_member(0).granted, world.causes(0)), (None, vec![Cause::Replaced]));
    world.tells(0, None);
    assert_eq!(world.in_member(0).withheld, None);
}

/// A list that was carried over is the best that is known, and nobody has counted what it lacks.
#[test]
fn what_is_stored_says_whether_a_list_has_everything() {
    for (uncounted, unlisted, listed, before, expect) in [
        (false, false, false, false, false),
        (false, true, false, false, true),
        (false, true, true, false, true),
        (true, false, false, false, true),
        (true, false, true, false, true),
        (true, false, false, true, true),
        (false, false, false, true, false),
    ] {
        let deletions = listed.then(|| list("a", 3));
        let said = Reported { uncounted, unlisted, deletions, ..reported(UnitPhase::Failed, b"p") };
        let known =
            Reported { unlisted: true, deletions: Some(list("a", 3)), ..reported(UnitPhase::DeletionsHeld, b"p") };
        let known = before.then(|| merge_report(&known, None, now()).unwrap());
        let stored = merge_report(&said, known.as_ref(), now()).unwrap();
        assert_eq!(stored.unlisted, expect, "{uncounted} {unlisted} {listed} {before}");
        assert_eq!(stored.held.is_some(), listed || (before && uncounted), "{uncounted} {unlisted} {listed} {before}");
    }
}

/// As when it fails before it counts, or panics. Nothing was applied in full before.
#[test]
fn a_list_is_known_until_the_member_counts_again() {
    let said = Reported { deletions: Some(list("a", 3)), ..reported(UnitPhase::Failed, b"p") };
    let stored = merge_report(&said, None, now()).unwrap();
    assert_eq!(stored.applied, None);
    let said = Reported { uncounted: true, deletions: None, ..said };
    let merged = |said: &Reported| merge_report(said, Some(&stored), now()).unwrap();
    assert_eq!(merged(&said).held, stored.held);
    assert_eq!(merged(&Reported { uncounted: false, ..said.clone() }).held, None);
    assert_eq!(merged(&Reported { epoch: said.epoch + 1, ..said.clone() }).held, None, "a list of another commit");
    assert_eq!(merged(&Reported { revision: "r2".into(), ..said.clone() }).held, None, "a list of another revision");
    let asked = Question { placed: Some(later()), ..said.asked.clone() };
    assert_eq!(merged(&Reported { asked, ..said }).held, None, "a list of another question");
}

/// Somebody deletes an object of a phase that is waited for, a kind is not listed after a start of the hub, or the inventory cannot be
/// written: what was agreed to before is all that was ever in a list.
#[test]
fn a_report_that_counted_nothing_ends_no_hold_of_what_is_in_no_list() {
    for (phase, reason) in [
        (UnitPhase::Waiting, api::reason::BEING_DELETED),
        (UnitPhase::Applying, crate::report::NOT_VISIBLE),
        (UnitPhase::Failed, "Forbidden"),
    ] {
        let mut world = placed(&["./a", "./b"]);
        world.lists(&["./b"]);
        world.tells_of(0, Some(list("c3", 1)), true);
        world.approve(0);
        let released = Deletions { state: DeletionState::Released, count: 0, released: 1, ..list("c3", 1) };
        let says = |world: &World, deletions, uncounted: bool, phase, reason: &str| {
            let entry = world.in_member(0);
            Reported {
                epoch: entry.epoch,
                asked: entry.question(),
                revision: entry.revision.clone(),
                payload: entry.digest.unwrap(),
                unlisted: !uncounted,
                reason: reason.into(),
                deletions,
                uncounted,
                ..reported(phase, b"p")
            }
        };
        world.merges(0, &says(&world, Some(released), false, UnitPhase::Applied, "PruneWaits"));
        world.merges(0, &says(&world, None, true, phase, reason));
        assert_eq!(world.in_member(0).withheld.map(|held| held.replaced), Some(true), "{phase:?}");
        world.tells(0, Some(Deletions { released: 1, ..list("handed over before", 2) }));
        assert_eq!((world.in_member(0).granted, world.causes(0)), (None, vec![Cause::Replaced]), "{phase:?}");
        world.tells(0, None);
        assert_eq!(world.in_member(0).withheld, None, "{phase:?}");
    }
}

/// What another policy takes over is in no list that is made for a member that is away.
#[test]
fn what_a_member_that_is_away_is_expected_to_delete_ends_no_hold() {
    let is_held = |world: &World| world.in_member(0).withheld.is_some_and(|held| held.replaced);
    for (listed, lost) in [(Some(crate::prune::deletions(&keys(&["c3"]), 0, false)), vec![]), (None, vec!["c3"])] {
        let mut world = placed(&["./a", "./b"]);
        let waited = listed.is_some();
        if waited {
            world.lists(&["./b"]);
            world.tells(0, listed);
        }
        world.members.insert(name("m"), MemberFacts::new(Reach::Unknown));
        world.lost.insert((world.policy(0), name("m")), keys(&lost));
        world.lists(if waited { &["./c"] } else { &["./b"] });
        let expected = world.in_member(0).expected.unwrap();
        assert_eq!((expected.count as usize, is_held(&world)), (lost.len(), true), "{lost:?}");
        // What is in the list is agreed to.
        world.approve(0);
        assert_eq!(world.in_member(0).granted.is_some(), !lost.is_empty());
        assert!(is_held(&world), "{lost:?}");
        world.members.insert(name("m"), MemberFacts::new(Reach::Reachable));
        world.lost.clear();
        world.tells_of(0, None, true);
        let rest = list("handed over before", 2);
        world.tells(0, Some(rest.clone()));
        assert_ne!(world.in_member(0).granted, Some(rest.digest), "{lost:?}");
        assert_eq!(world.causes(0), [Cause::Replaced], "{lost:?}");
        world.tells(0, None);
        assert_eq!(world.in_member(0).withheld, None, "{lost:?}");
    }
}

/// Its list is one of a unit that leaves, and was approved as that.
#[test]
fn what_a_unit_that_leaves_has_deleted_ends_no_hold_of_what_it_lost_before() {
    let mut world = placed(&["./a", "./b"]);
    world.lists(&["./b"]);
    world.tells(0, Some(list("of a", 3)));
    world.facts.removals = u32::MAX;
    let taken_out = world.units.remove(0);
    world.step();
    assert_ne!(world.in_member(0).removal, Removal::None);
    let released = Deletions { state: DeletionState::Released, count: 0, released: 1, left: 1, ..list("leaves", 1) };
    world.tells(0, Some(released));
    world.units.insert(0, taken_out);
    world.step();
    world.tells(0, Some(list("of a", 3)));
    assert_eq!((world.in_member(0).granted, world.causes(0)), (None, vec![Cause::Replaced]));
}
