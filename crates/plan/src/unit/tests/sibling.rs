//! Deletions that wait until others that follow the same source have taken up its commit.

use super::*;

/// A unit of which a commit took out two objects in a member, while this one has not taken it up.
fn behind() -> (World, Deletions) {
    let mut world = World::new(&["m"]);
    world.step();
    world.report("m", UnitPhase::Applied, None);
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.siblings = vec!["app/other".into()];
    world.step();
    let list = list("x", 2);
    world.report("m", UnitPhase::Applied, Some(list.clone()));
    (world, list)
}

fn siblings_of(world: &World) -> Option<WaitingOn> {
    let explanation = world.first_slice().explanation.clone().unwrap();
    explanation.waiting_on.into_iter().find(|waiting| waiting.is_for_siblings())
}

#[test]
fn what_a_commit_deletes_waits_until_the_others_have_taken_it_up() {
    let (mut world, list) = behind();
    assert!(!world.waits_for_siblings, "nothing is known to wait before the member has said so");
    world.step();
    assert_eq!((world.entry("m").granted, world.waits_for_siblings), (None, true));
    assert_eq!(siblings_of(&world).unwrap().detail, "app/other");
    assert_eq!(world.first_slice().trigger.as_ref().unwrap().cause, TriggerCause::Source, "nothing else was decided");
    assert!(world.step().is_settled());
    world.siblings.clear();
    world.step();
    assert_eq!((world.entry("m").granted, world.waits_for_siblings), (Some(list.digest), false));
    assert_eq!(siblings_of(&world), None);
    // What was granted is not taken back by the next commit of another one.
    world.siblings = vec!["app/other".into()];
    assert!(world.step().is_settled());
}

#[test]
fn what_a_person_has_to_approve_waits_too_since_what_moves_is_no_part_of_it() {
    let (mut world, list) = behind();
    world.report("m", UnitPhase::Applied, Some(Deletions { guarded: 1, ..list.clone() }));
    world.step();
    assert_eq!((world.entry("m").granted, world.waits_for_siblings), (None, true));
    assert_eq!(world.entry("m").withheld, None, "it is not known yet whether it is held");
    let unit = world.owner.unit(None);
    let status_of = |unit: &UnitId, member: &MemberName| world.statuses.get(&(unit.clone(), member.clone())).cloned();
    world.facts.approved = vec![held(&unit, world.decisions.values(), status_of, |_| true).unwrap().digest];
    world.step();
    assert_eq!((world.entry("m").granted, world.waits_for_siblings), (None, true));
    // While the source is suspended the others may never be at the same commit.
    world.approved_waits = false;
    world.step();
    assert_eq!((world.entry("m").granted, world.waits_for_siblings), (Some(list.digest), false));
}

#[test]
fn what_is_said_is_written_once_though_many_take_the_commit_up_one_after_the_other() {
    let (mut world, _) = behind();
    let named = |names: &[u32]| names.iter().map(|n| format!("app/{n}")).collect::<Vec<_>>();
    world.siblings = named(&[1, 2, 3, 4, 5]);
    world.step();
    assert_eq!(siblings_of(&world).unwrap().detail, "app/1, app/2, app/3, and others");
    for left in [&[2, 3, 4, 5][..], &[3, 4, 5], &[3]] {
        world.siblings = named(left);
        assert!(world.step().is_settled(), "{left:?}");
    }
    world.siblings = named(&[4, 5]);
    world.step();
    assert_eq!(siblings_of(&world).unwrap().detail, "app/4, app/5");
}
