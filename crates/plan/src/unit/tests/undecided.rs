//! Edits that come and go while a unit is not decided: what a person said of an edit that was taken back is over.

use api::delivery::{LeavingCause, MemberDecision, ObjectSet};
use api::kurator::consent::{Consent, ConsentScope};

use super::*;

/// Members a and b have the unit, and no edit takes it out of one without a word.
fn placed() -> World {
    let mut world = World::new(&["a", "b"]);
    world.facts.removals = 0;
    world.step();
    world
}

/// What keeps a unit from being decided, and what ends that.
type Freeze = (&'static str, fn(&mut World), fn(&mut World));

fn freezes() -> [Freeze; 3] {
    [
        (
            "it cannot be rendered",
            |w| {
                (w.is_broken, w.units[0].inputs) = (true, Some(tree("c2", "./a")));
            },
            |w| w.is_broken = false,
        ),
        (
            "what it is rendered from is being fetched",
            |w| w.on_the_way = vec![w.units[0].id.clone()],
            |w| w.on_the_way.clear(),
        ),
        (
            "it is of a kind that is not delivered",
            |w| w.units[0].frozen = Some(WaitingOn::new(Missing::Support, "kustomization")),
            |w| w.units[0].frozen = None,
        ),
    ]
}

impl World {
    fn held_digest(&self) -> Option<Digest> {
        self.first_slice().held
    }

    fn is_kept(&self, member: &str) -> bool {
        self.entry(member).kept().is_some()
    }

    /// Looks twice: the second look has nothing to write.
    fn settle(&mut self) {
        self.step();
        assert!(self.step().is_settled());
    }
}

#[test]
fn an_edit_that_is_taken_back_while_its_unit_is_not_decided_is_held_no_longer() {
    for (about, freeze, thaw) in freezes() {
        let mut world = placed();
        let before = world.entry("b").clone();
        world.place(&["a"]);
        world.step();
        freeze(&mut world);
        world.settle();
        let digest = world.held_digest();
        assert!(world.is_kept("b") && digest.is_some(), "{about}: what was held stays held");
        world.place(&["a", "b"]);
        world.settle();
        assert_eq!((world.entry("b"), world.held_digest()), (&before, None), "{about}");
        // Made again, it is another list, also when the first one was approved and not taken up.
        world.facts.approved = vec![digest.unwrap()];
        world.place(&["a"]);
        world.settle();
        thaw(&mut world);
        world.settle();
        assert_eq!(world.entry("b").removal, Removal::None, "{about}");
        assert!(world.is_kept("b") && world.held_digest() != digest, "{about}");
        world.facts.approved = world.held_digest().into_iter().collect();
        world.step();
        assert_eq!(world.entry("b").removal, Removal::Prune, "{about}");
    }
}

#[test]
fn an_edit_that_is_there_all_the_time_is_the_one_that_was_approved() {
    for (about, freeze, thaw) in freezes() {
        let mut world = placed();
        world.place(&["a"]);
        world.step();
        freeze(&mut world);
        world.settle();
        world.facts.approved = world.held_digest().into_iter().collect();
        assert!(world.step().is_settled(), "{about}: nothing leaves while it is not decided");
        thaw(&mut world);
        world.step();
        assert_eq!(world.entry("b").removal, Removal::Prune, "{about}");
    }
}

#[test]
fn another_edit_is_not_the_one_that_was_approved_though_it_ends_as_the_first_one_did() {
    let (_, freeze, thaw) = freezes()[0];
    let mut world = placed();
    world.place(&["a"]);
    world.step();
    freeze(&mut world);
    world.settle();
    let first = world.held_digest().unwrap();
    world.facts.approved = vec![first];
    // It is listed, and makes no such member.
    world.place(&["a", "b"]);
    if let Placement::Rules(_, candidates) = &mut world.units[0].placement {
        candidates[1].member = None;
    }
    world.settle();
    assert_eq!(world.entry("b").kept().map(|why| why.cause), Some(LeavingCause::NotAMember));
    world.place(&["a"]);
    world.settle();
    thaw(&mut world);
    world.settle();
    assert!(world.is_kept("b"));
    assert_ne!(world.held_digest(), Some(first));
}

/// The list of members does not exist for a moment: that takes nothing back.
#[test]
fn what_is_held_stays_so_while_the_list_of_members_is_missing() {
    let mut world = placed();
    world.place(&["a"]);
    world.settle();
    let before = (world.entry("b").clone(), world.held_digest());
    world.units[0].placement = Placement::Missing(WaitingOn::new(Missing::Fleet, "f"));
    world.settle();
    assert_eq!((world.entry("b").clone(), world.held_digest()), before);
}

/// What a person agreed to: b is taken out, as it is placed there now.
fn agreed(world: &World) -> Consent {
    let MemberDecision { placed, .. } = world.entry("b").clone();
    let scope = ConsentScope { policy: String::new(), member: name("b"), placed, objects: ObjectSet::default() };
    Consent { given: world.now, cause: LeavingCause::NotListed, edit: None, scopes: vec![scope] }
}

#[test]
fn a_consent_ends_when_its_edit_is_taken_back_before_it_was_followed() {
    for (about, freeze, thaw) in freezes() {
        let mut world = placed();
        let consent = agreed(&world);
        freeze(&mut world);
        world.step();
        // The edit is made, so that the consent counts.
        world.facts.consents = vec![consent.clone()];
        world.place(&["a"]);
        world.settle();
        assert_eq!(world.entry("b").removal, Removal::None, "{about}");
        assert!(!world.is_kept("b"), "{about}: nobody is asked a second time");
        // It is taken back, before or after the unit is decided again.
        world.facts.consents.clear();
        world.place(&["a", "b"]);
        world.settle();
        thaw(&mut world);
        world.settle();
        // A day has not passed, and somebody makes the same edit.
        world.facts.consents = vec![consent.clone()];
        world.place(&["a"]);
        world.settle();
        assert_eq!(world.entry("b").removal, Removal::None, "{about}");
        assert!(world.is_kept("b"), "{about}: it is held");
        // One that is given for this edit counts.
        world.facts.consents.push(agreed(&world));
        world.step();
        assert_eq!(world.entry("b").removal, Removal::Prune, "{about}");
    }
}

#[test]
fn a_consent_whose_edit_is_there_all_the_time_is_followed_when_the_unit_is_decided() {
    for (about, freeze, thaw) in freezes() {
        let mut world = placed();
        let consent = agreed(&world);
        freeze(&mut world);
        world.step();
        world.facts.consents = vec![consent.clone()];
        world.place(&["a"]);
        world.settle();
        thaw(&mut world);
        world.step();
        let entry = world.entry("b");
        assert_eq!(entry.removal, Removal::Prune, "{about}");
        assert_eq!(entry.leaving.clone().unwrap().approval, Some(consent.digest()), "{about}");
    }
}
