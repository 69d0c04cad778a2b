//! Policies without a name are known by their place in the list: when one is taken out, those behind it get the names of others.

use api::delivery::{LeavingCause, MemberDecision, Withheld};

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

    fn causes(&self, n: usize) -> Vec<Cause> {
        let unit = self.policy(n);
        let mine = self.decisions.values().filter(|decision| decision.unit == unit);
        let status_of = |u: &UnitId, m: &MemberName| self.statuses.get(&(u.clone(), m.clone())).cloned();
        held(&unit, mine, status_of, |_| true).map(|held| held.causes).unwrap_or_default()
    }

    fn approve(&mut self, n: usize) {
        let unit = self.policy(n);
        let mine = self.decisions.values().filter(|decision| decision.unit == unit);
        let status_of = |u: &UnitId, m: &MemberName| self.statuses.get(&(u.clone(), m.clone())).cloned();
        self.facts.approved = held(&unit, mine, status_of, |_| true).into_iter().map(|held| held.digest).collect();
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

#[test]
fn what_is_stored_says_whether_a_list_has_everything() {
    for (uncounted, unlisted, listed, expect) in [
        (false, false, false, false),
        (false, true, false, true),
        (false, true, true, true),
        // What was counted before is the best that is known.
        (true, false, false, true),
        (true, false, true, false),
    ] {
        let deletions = listed.then(|| list("a", 3));
        let said = Reported { uncounted, unlisted, deletions, ..reported(UnitPhase::Failed, b"p") };
        assert_eq!(merge_report(&said, None, now()).unwrap().unlisted, expect, "{uncounted} {unlisted} {listed}");
    }
}
