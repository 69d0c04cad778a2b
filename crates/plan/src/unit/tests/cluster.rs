//! Members whose name stands for another cluster than before, since a person approved its identity.

use api::delivery::{LeavingCause, ObjectSet};
use api::kurator::consent::{Consent, ConsentScope};
use model::{ObjectKey, Uid};

use super::*;

impl World {
    fn set_cluster(&mut self, member: &str, cluster: &str) {
        let facts = MemberFacts { cluster: Some(Uid::from(cluster)), ..MemberFacts::new(Reach::Reachable) };
        self.members.insert(name(member), facts);
        // What another cluster reported is not read.
        self.statuses.retain(|(_, m), _| *m != name(member));
    }
}

fn placed_in(cluster: &str) -> World {
    let mut world = World::new(&["a", "b"]);
    world.set_cluster("a", "a");
    world.set_cluster("b", cluster);
    world.step();
    world
}

fn b_is_named(world: &World) -> bool {
    world.decisions.values().any(|decision| decision.members.contains_key(&name("b")))
}

#[test]
fn what_was_to_be_removed_from_a_cluster_is_not_removed_from_the_one_that_is_approved_in_its_place() {
    for state in [OwnerState::Live, OwnerState::Leaving(Some(Removal::Prune)), OwnerState::Gone] {
        let mut world = placed_in("one");
        world.members.insert(name("b"), MemberFacts { reach: Reach::Unknown, ..world.members[&name("b")].clone() });
        match state {
            OwnerState::Live => world.place(&["a"]),
            _ => world.facts.state = OwnerState::Leaving(Some(Removal::Prune)),
        }
        world.step();
        assert_eq!(world.entry("b").removal, Removal::Prune, "{state:?}");
        world.facts.state = state;
        world.step();
        // The same cluster comes back: it goes on.
        world.set_cluster("b", "one");
        world.step();
        assert!(b_is_named(&world), "{state:?}");
        world.set_cluster("b", "two");
        let plan = world.step();
        assert!(!b_is_named(&world), "{state:?}");
        let why = plan.write_decisions.first().and_then(|(_, decision)| decision.trigger.clone()).unwrap();
        assert_eq!((why.cause, &*why.message), (TriggerCause::MemberLost, "another cluster is the member now: b"));
        assert!(world.step().is_settled(), "{state:?}");
    }
}

#[test]
fn what_stays_is_given_to_the_other_cluster_and_no_word_of_before_is_of_it() {
    let mut world = placed_in("one");
    world.report("a", UnitPhase::Applied, None);
    world.report("b", UnitPhase::Applied, Some(list("mine", 2)));
    world.step();
    let before = world.entry("b").clone();
    assert_eq!(before.granted, Some(Digest::of(b"mine")));
    // It was taken out and given back once.
    let entries = world.decisions.values_mut().filter_map(|decision| decision.members.get_mut(&name("b")));
    entries.for_each(|entry| entry.known_since = entry.placed);
    world.set_cluster("b", "two");
    world.step();
    let after = world.entry("b").clone();
    assert_eq!((after.cluster.clone(), after.granted), (Some(Uid::from("two")), None));
    assert!(after.placed > before.placed && after.known_since.is_none(), "it was given to it now");
    assert_eq!((after.revision, after.epoch), (before.revision, before.epoch));
    assert!(world.step().is_settled());
}

#[test]
fn a_consent_is_of_the_cluster_that_was_there() {
    let mut world = placed_in("one");
    world.facts.removals = 0;
    let objects = ObjectSet::new([&ObjectKey { kind: "ConfigMap".into(), name: "x".into(), ..ObjectKey::default() }]);
    let scope = ConsentScope { policy: String::new(), member: name("b"), placed: world.entry("b").placed, objects };
    world.facts.consents =
        vec![Consent { given: world.now, cause: LeavingCause::NotListed, edit: None, scopes: vec![scope] }];
    // The hub was down while the edit was made and the other cluster approved: it sees both at the same time.
    world.place(&["a"]);
    let mut agreed = world.decisions.clone();
    world.set_cluster("b", "two");
    world.step();
    assert!(world.entry("b").kept().is_some() && world.entry("b").removal.is_none(), "held, and not carried out");
    std::mem::swap(&mut agreed, &mut world.decisions);
    world.set_cluster("b", "one");
    world.step();
    assert_eq!(world.entry("b").removal, Removal::Prune, "in the cluster that it is of");
}

#[test]
fn which_cluster_a_member_is_is_noted_when_it_is_known_and_changes_nothing_else() {
    let mut world = World::new(&["a"]);
    world.step();
    let before = world.first_slice().clone();
    assert_eq!(world.entry("a").cluster, None);
    world.set_cluster("a", "one");
    world.step();
    let mut after = world.first_slice().clone();
    assert_eq!(after.members.get_mut(&name("a")).unwrap().cluster.take(), Some(Uid::from("one")));
    assert_eq!(after, before, "also why it is so");
    assert!(world.step().is_settled());
}
