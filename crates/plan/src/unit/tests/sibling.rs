//! Deletions that wait for what others that follow the same source are to have.

use std::sync::Arc;

use api::delivery::ObjectSet;
use model::ObjectKey;

use super::*;
use crate::sibling::Stuck;

/// An object of a list.
fn key(object: &str) -> ObjectKey {
    ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: object.into(), ..ObjectKey::default() }
}

/// What `name` is to have in the member `m`.
fn claim(name: &str, objects: &[&str], stuck: Option<Stuck>) -> Claim {
    let keys: Vec<ObjectKey> = objects.iter().map(|object| key(object)).collect();
    let owner = Owner::new(crate::application::GROUP, crate::application::KIND, &World::new(&[]).owner.namespace, name);
    let objects = Some(Arc::new(ObjectSet::new(&keys)));
    Claim { owner, objects, members: BTreeSet::from(["m".parse().unwrap()]), stuck }
}

/// A unit of which a commit took these objects out in a member, and the list of them.
fn behind(objects: &[&str]) -> (World, Deletions) {
    let mut world = World::new(&["m"]);
    world.step();
    world.report("m", UnitPhase::Applied, None);
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.step();
    let keys: Vec<Arc<HashedKey>> = objects.iter().map(|object| key(object).into()).collect();
    let list = crate::prune::deletions(&keys, 0, false);
    world.report("m", UnitPhase::Applied, Some(list.clone()));
    (world, list)
}

fn siblings_of(world: &World) -> Option<WaitingOn> {
    let explanation = world.first_slice().explanation.clone().unwrap();
    explanation.waiting_on.into_iter().find(|waiting| waiting.is_for_siblings())
}

/// What the member keeps for others, and whether the list that it reported is granted.
fn decided(world: &World, list: &Deletions) -> (Option<ObjectSet>, bool) {
    let entry = world.entry("m");
    (entry.claimed.as_deref().cloned(), entry.granted == Some(list.digest))
}

#[test]
fn what_another_one_is_to_have_is_kept_and_what_none_is_to_have_is_deleted() {
    for (claims, kept, granted) in [
        (vec![claim("other", &["two", "x"], None)], &["two"][..], false),
        (
            vec![claim("other", &["two"], Some(Stuck::Suspended)), claim("third", &["one"], None)],
            &["one", "two"],
            false,
        ),
        (vec![claim("other", &["x"], None), claim("third", &["y"], Some(Stuck::Broken))], &[], true),
        (vec![Claim { members: BTreeSet::from(["n".parse().unwrap()]), ..claim("other", &["two"], None) }], &[], true),
        (vec![Claim { objects: None, ..claim("other", &[], None) }], &[], false),
        (vec![Claim { objects: None, ..claim("other", &[], Some(Stuck::Unread)) }], &[], false),
    ] {
        let (mut world, list) = behind(&["one", "two"]);
        world.claims.clone_from(&claims);
        world.step();
        let keys: Vec<ObjectKey> = kept.iter().map(|object| key(object)).collect();
        let set = (!keys.is_empty()).then(|| ObjectSet::new(&keys));
        assert_eq!(decided(&world, &list), (set, granted), "{claims:?}");
        assert_eq!(world.waits_for.is_empty(), granted);
        assert!(world.step().is_settled());
    }
}

#[test]
fn the_rest_goes_and_what_is_kept_stays_kept_for_as_long_as_it_is_claimed() {
    let (mut world, _) = behind(&["one", "two"]);
    world.claims = vec![claim("other", &["two"], None)];
    world.step();
    assert_eq!(siblings_of(&world).unwrap().detail, "app/other");
    assert_eq!(world.first_slice().trigger.as_ref().unwrap().cause, TriggerCause::Source, "nothing else was decided");
    let rest = crate::prune::deletions(&[key("one").into()], 0, false);
    world.report("m", UnitPhase::Applied, Some(rest.clone()));
    world.step();
    let kept = Some(ObjectSet::new(&[key("two")]));
    assert_eq!(decided(&world, &rest), (kept.clone(), true));
    // Also while nothing waits, by another commit, and when it is not known for a moment what the other one is to have.
    world.report("m", UnitPhase::Applied, None);
    world.units[0].inputs = Some(tree("c3", "./a"));
    world.step();
    assert_eq!(world.entry("m").claimed.as_deref(), kept.as_ref());
    world.claims = vec![Claim { objects: None, ..claim("other", &[], None) }];
    world.step();
    assert_eq!(world.entry("m").claimed.as_deref(), kept.as_ref());
    // It has it, or wants it no longer.
    world.claims.clear();
    world.step();
    assert_eq!((world.entry("m").claimed.clone(), siblings_of(&world)), (None, None));
}

#[test]
fn what_was_granted_is_not_taken_back_by_the_next_commit_of_another_one() {
    let (mut world, list) = behind(&["one"]);
    world.step();
    assert_eq!(decided(&world, &list), (None, true));
    world.claims = vec![claim("other", &["one"], None)];
    assert!(world.step().is_settled());
}

#[test]
fn nobody_is_asked_about_what_another_one_is_to_have() {
    let (mut world, list) = behind(&["one", "two"]);
    world.report("m", UnitPhase::Applied, Some(Deletions { guarded: 2, ..list.clone() }));
    world.claims = vec![claim("other", &["one", "two"], Some(Stuck::Suspended))];
    world.step();
    assert_eq!(world.entry("m").withheld, None, "the list is of before");
    let unit = world.owner.unit(None);
    let status_of = |unit: &UnitId, member: &MemberName| world.statuses.get(&(unit.clone(), member.clone())).cloned();
    assert_eq!(held(&unit, world.decisions.values(), status_of, |_| true), None);
    world.report("m", UnitPhase::Applied, None);
    world.step();
    assert_eq!((world.entry("m").withheld, world.waits_for.len()), (None, 1));
}

#[test]
fn what_a_member_that_is_away_is_to_keep_for_another_one_is_in_no_list() {
    let mut world = World::new(&["m"]);
    world.step();
    world.report("m", UnitPhase::Applied, None);
    world.members.get_mut(&name("m")).unwrap().reach = Reach::Unknown;
    world.units[0].inputs = Some(tree("c2", "./a"));
    let lost: Vec<Arc<HashedKey>> = ["one", "two"].map(|object| key(object).into()).into();
    world.lost.insert((world.owner.unit(None), "m".parse().unwrap()), lost);
    world.claims = vec![claim("other", &["two"], None)];
    world.step();
    let entry = world.entry("m").clone();
    assert_eq!(entry.claimed.as_deref(), Some(&ObjectSet::new(&[key("two")])));
    assert_eq!(entry.expected.unwrap().objects, ObjectSet::new(&[key("one")]));
}

#[test]
fn what_is_said_is_written_once_though_many_take_the_commit_up_one_after_the_other() {
    let (mut world, _) = behind(&["one"]);
    let named = |names: &[u32]| names.iter().map(|n| claim(&n.to_string(), &["one"], None)).collect::<Vec<_>>();
    world.claims = named(&[1, 2, 3, 4, 5]);
    world.step();
    assert_eq!(siblings_of(&world).unwrap().detail, "app/1, app/2, app/3, and others");
    for left in [&[2, 3, 4, 5][..], &[3, 4, 5], &[3]] {
        world.claims = named(left);
        assert!(world.step().is_settled(), "{left:?}");
    }
    world.claims = named(&[4, 5]);
    world.step();
    assert_eq!(siblings_of(&world).unwrap().detail, "app/4, app/5");
}
