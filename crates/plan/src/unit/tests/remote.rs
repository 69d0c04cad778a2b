//! What units use of other machines: pinned by a revision, and moved by the next one alone.

use super::*;

const BASE: &str = "https://github.com/org/base?ref=main";
const OTHER: &str = "https://example.com/other.yaml";

fn pinned(world: &World) -> BTreeMap<String, RemoteInput> {
    let newest = world.revisions.values().max_by_key(|revision| revision.epoch).unwrap();
    let Inputs::Artifact(inputs) = &newest.inputs else { panic!("{newest:?}") };
    inputs.remotes.clone()
}

/// A unit that uses one of two things that are known.
fn world() -> World {
    let mut world = World::new(&["a"]);
    world.uses = vec![BASE];
    knows(&mut world, &[(BASE, "1"), (OTHER, "1")]);
    world.step();
    world
}

fn knows(world: &mut World, remotes: &[(&str, &str)]) {
    world.units[0].inputs = Some(with_remotes(tree("c1", "./a"), remotes));
}

#[test]
fn a_revision_records_what_it_uses_and_no_more() {
    let world = world();
    let revision = Some("main@sha1:1".to_owned());
    let expect = BTreeMap::from([(BASE.to_owned(), RemoteInput { digest: Digest::of(b"1"), revision })]);
    assert_eq!(pinned(&world), expect);
}

#[test]
fn what_moves_makes_a_revision_when_the_unit_uses_it() {
    let mut world = world();
    knows(&mut world, &[(BASE, "1"), (OTHER, "2")]);
    assert!(world.step().is_settled(), "it does not use what has moved");
    knows(&mut world, &[(BASE, "2"), (OTHER, "2")]);
    assert_eq!(world.trigger(), (TriggerCause::Source, format!("{BASE} is main@sha1:2")));
    assert_eq!((world.entry("a").epoch, pinned(&world)[BASE].digest), (2, Digest::of(b"2")));
    assert!(world.step().is_settled());
}

#[test]
fn what_is_not_known_is_as_it_was() {
    let mut world = world();
    // A process that has just started has asked for the source alone.
    knows(&mut world, &[]);
    assert!(world.step().is_settled());
    // What is rendered then uses what the revision before it used.
    world.units[0].inputs = Some(tree("c1", "./b"));
    world.step();
    assert_eq!((world.entry("a").epoch, pinned(&world)[BASE].digest), (2, Digest::of(b"1")));
}

#[test]
fn a_unit_that_waits_for_a_base_stays_as_it_is() {
    let mut world = world();
    let before = world.decisions.clone();
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.on_the_way = vec![world.units[0].id.clone()];
    assert!(world.step().create_revisions.is_empty());
    assert_eq!(
        world.decisions.values().map(|d| &d.members).collect::<Vec<_>>(),
        before.values().map(|d| &d.members).collect::<Vec<_>>()
    );
    // What never was rendered has no decision yet.
    let mut fresh = World::new(&["a"]);
    fresh.on_the_way = vec![fresh.units[0].id.clone()];
    assert!(fresh.step().create_revisions.is_empty());
    assert!(fresh.decisions.values().all(|decision| decision.members.is_empty()));
}
