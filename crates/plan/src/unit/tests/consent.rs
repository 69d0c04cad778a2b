//! What a person agreed to before the edit: it is released without another word, and nothing else is.

use api::delivery::{LeavingCause, ObjectSet, Removal};
use api::kurator::consent::{Consent, ConsentScope, FleetEdit, ShownGroup, ShownList};
use api::kurator::fleet::v1alpha1::{ClusterRef, Fleet};
use model::ObjectKey;
use proptest::prelude::*;

use super::super::consent::of_edits;
use super::*;

/// Four members that have the unit, which leaves none of them without a word.
fn placed() -> World {
    let mut world = World::new(&["a", "b", "c", "d"]);
    world.facts.removals = 0;
    world.step();
    world
}

fn objects() -> ObjectSet {
    ObjectSet::new([&ObjectKey { kind: "ConfigMap".into(), name: "x".into(), ..ObjectKey::default() }])
}

impl World {
    fn consent(&self, members: &[&str]) -> Consent {
        let scope = |member: &&str| ConsentScope {
            policy: String::new(),
            member: name(member),
            placed: self.entry(member).placed,
            objects: objects(),
        };
        Consent {
            given: self.now,
            cause: LeavingCause::NotListed,
            edit: None,
            scopes: members.iter().map(scope).collect(),
        }
    }

    fn of_entries(&self, is: impl Fn(&api::delivery::MemberDecision) -> bool) -> Vec<String> {
        let entries = self.decisions.values().flat_map(|decision| &decision.members);
        entries.filter(|(_, entry)| is(entry)).map(|(member, _)| member.to_string()).collect()
    }

    fn released(&self) -> Vec<String> {
        self.of_entries(|entry| !entry.removal.is_none())
    }

    fn kept(&self) -> Vec<String> {
        self.of_entries(|entry| entry.kept().is_some())
    }
}

#[test]
fn members_that_were_agreed_to_leave_at_once_and_say_by_what_and_with_which_objects() {
    let mut world = placed();
    let consent = world.consent(&["b"]);
    world.facts.consents = vec![consent.clone()];
    assert!(world.step().is_settled(), "there is no edit yet");
    world.place(&["a", "c", "d"]);
    world.step();
    assert_eq!((world.released(), world.kept()), (vec!["b".to_owned()], vec![]));
    let entry = world.entry("b");
    let leaving = entry.leaving.clone().unwrap();
    assert_eq!((entry.removal, leaving.approval), (Removal::Prune, Some(consent.digest())));
    assert_eq!(leaving.shown, Some(objects()));
    assert!(!entry.leaves_by_number());
    // What was released stays so, whatever becomes of the annotation.
    world.facts.consents.clear();
    assert!(world.step().is_settled());
}

#[test]
fn what_was_not_agreed_to_is_held_beside_it_as_a_list_of_its_own() {
    let mut world = placed();
    world.facts.consents = vec![world.consent(&["b"])];
    world.place(&["a"]);
    world.step();
    assert_eq!(world.released(), ["b"]);
    assert_eq!(world.kept(), ["c", "d"]);
    let held = world.first_slice().held;
    world.step();
    assert_eq!(world.first_slice().held, held, "the list is the same when the other is on its way");
    world.facts.approved = vec![held.unwrap()];
    world.step();
    assert_eq!(world.released(), ["b", "c", "d"]);
    assert_eq!(world.entry("c").leaving.clone().unwrap().shown, None);
}

/// What was shown of a list, in these members.
fn shown(digest: Digest, members: &[&str]) -> ShownList {
    let group = ShownGroup { members: members.iter().map(|member| name(member)).collect(), objects: objects() };
    ShownList { digest, groups: vec![group] }
}

#[test]
fn what_is_approved_of_an_edit_goes_with_the_objects_that_were_shown_and_no_others() {
    let nothing = || Some(ObjectSet::default());
    for (about, of, expect) in [
        ("shown", Some(&["b", "c", "d"][..]), [Some(objects()), Some(objects()), Some(objects())]),
        ("one of them not", Some(&["b", "c"]), [Some(objects()), Some(objects()), nothing()]),
        ("approved by the digest alone", None, [None, None, None]),
    ] {
        let mut world = placed();
        world.place(&["a"]);
        world.step();
        let held = world.first_slice().held.unwrap();
        let another = Digest::of(b"another list");
        world.facts.shown = vec![shown(another, &["b", "c", "d"])];
        world.facts.shown.extend(of.map(|members| shown(held, members)));
        assert!(world.step().is_settled(), "{about}: nothing is approved by what was shown");
        world.facts.approved = vec![held];
        world.step();
        let left = ["b", "c", "d"].map(|member| world.entry(member).leaving.clone().unwrap());
        assert!(left.iter().all(|why| why.approval == Some(held)), "{about}");
        assert_eq!(left.map(|why| why.shown), expect, "{about}");
        // Whatever becomes of the annotations.
        (world.facts.shown, world.facts.approved) = (vec![], vec![]);
        world.step();
        assert_eq!(["b", "c", "d"].map(|member| world.entry(member).leaving.clone().unwrap().shown), expect, "{about}");
    }
}

/// The hub ends between two slices, and the annotation is replaced before it is started again.
#[test]
fn the_rest_of_a_list_that_goes_in_parts_is_bound_as_its_first_part_is() {
    let mut world = placed();
    world.place(&["a"]);
    world.step();
    let held = world.first_slice().held.unwrap();
    (world.facts.shown, world.facts.approved) = (vec![shown(held, &["b", "c", "d"])], vec![held]);
    let before = world.entry("d").clone();
    world.step();
    let member = name("d");
    for decision in world.decisions.values_mut() {
        decision.members.insert(member.clone(), before.clone());
    }
    (world.facts.shown, world.facts.approved) = (vec![], vec![]);
    world.step();
    let why = world.entry("d").leaving.clone().unwrap();
    assert_eq!((why.approval, why.shown), (Some(held), Some(ObjectSet::default())));
}

type Change = fn(&mut World, &mut Consent);

#[test]
fn a_consent_is_for_one_kind_of_edit_one_placement_and_one_day() {
    let cases: [(&str, Change); 5] = [
        ("another cause", |_, consent| consent.cause = LeavingCause::SelectorDiffers),
        ("placed again since", |_, consent| consent.scopes[0].placed = Some(now())),
        ("another policy", |_, consent| consent.scopes[0].policy = "p".into()),
        ("another member", |_, consent| consent.scopes[0].member = name("a")),
        ("a day later", |world, _| world.now = Timestamp::from_second(world.now.as_second() + 86_400).unwrap()),
    ];
    for (about, change) in cases {
        let mut world = placed();
        let mut consent = world.consent(&["b"]);
        change(&mut world, &mut consent);
        world.facts.consents = vec![consent];
        world.place(&["a", "c", "d"]);
        world.step();
        assert_eq!((world.released(), world.kept()), (vec![], vec!["b".to_owned()]), "{about}");
    }
}

#[test]
fn a_member_that_came_back_does_not_leave_by_the_consent_of_the_last_time() {
    let mut world = placed();
    world.facts.consents = vec![world.consent(&["b"])];
    world.place(&["a", "c", "d"]);
    world.step();
    world.place(&["a", "b", "c", "d"]);
    world.step();
    assert_eq!(world.released(), [""; 0]);
    world.place(&["a", "c", "d"]);
    world.step();
    assert_eq!((world.released(), world.kept()), (vec![], vec!["b".to_owned()]));
}

#[test]
fn the_objects_of_a_policy_that_does_not_prune_stay() {
    let mut world = placed();
    world.units[0].prune = false;
    world.step();
    world.facts.consents = vec![world.consent(&["b"])];
    world.place(&["a", "c", "d"]);
    world.step();
    assert_eq!(world.entry("b").removal, Removal::Release);
}

fn entry(name: &str) -> ClusterRef {
    ClusterRef { kind: "AttachedCluster".into(), name: name.into() }
}

fn fleet(name: &str, clusters: &[&str]) -> Fleet {
    let clusters: Vec<ClusterRef> = clusters.iter().map(|name| entry(name)).collect();
    serde_json::from_value(serde_json::json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
        "metadata": {"name": name, "namespace": "default"}, "spec": {"clusters": clusters}}))
    .unwrap()
}

/// At this second, a person agreed to take a member out of a list as it was then.
fn taken_out(second: i64, member: &str, listed: &[&str]) -> Consent {
    let listed: Vec<ClusterRef> = listed.iter().map(|name| entry(name)).collect();
    Consent {
        given: Timestamp::from_second(second).unwrap(),
        cause: LeavingCause::NotListed,
        edit: Some(FleetEdit::new("f", entry(member), &listed)),
        scopes: Vec::new(),
    }
}

/// What it is, the consents, the Fleet after an edit, and the entries whose consents count.
type Case = (&'static str, Vec<Consent>, Option<Fleet>, &'static [&'static str]);

#[test]
fn a_consent_is_for_the_edit_that_takes_this_member_out_of_the_fleet_and_no_other_one() {
    let all = &["a", "b", "c"][..];
    let b = || taken_out(1, "b", all);
    let unbound = Consent { edit: None, ..b() };
    let cases: [Case; 11] = [
        ("the edit", vec![b()], Some(fleet("f", &["a", "c"])), &["b"]),
        ("one was put in as well", vec![b()], Some(fleet("f", &["a", "c", "d"])), &["b"]),
        ("not made", vec![b()], Some(fleet("f", all)), &[]),
        ("emptied", vec![b()], Some(fleet("f", &[])), &[]),
        ("another one is taken out with it", vec![b()], Some(fleet("f", &["a"])), &[]),
        ("another fleet is named", vec![b()], Some(fleet("g", &["a", "c"])), &[]),
        ("no fleet is there", vec![b()], None, &[]),
        ("it says no edit", vec![unbound], Some(fleet("f", &["a", "c"])), &[]),
        // The hub sees both edits at once.
        ("one after the other", vec![taken_out(2, "c", &["a", "c"]), b()], Some(fleet("f", &["a"])), &["b", "c"]),
        ("both failed, and then it is emptied", vec![b(), taken_out(2, "c", all)], Some(fleet("f", &[])), &[]),
        ("the last one", vec![taken_out(1, "b", &["b"])], Some(fleet("f", &[])), &["b"]),
    ];
    for (about, consents, fleet, expect) in cases {
        let made = of_edits(consents, fleet.as_ref());
        let entries: Vec<String> = made.into_iter().filter_map(|consent| Some(consent.edit?.entry.name)).collect();
        assert_eq!(entries, expect, "{about}");
    }
}

proptest! {
    /// Whatever edit is made after a consent was given: only members of the consent leave, and all others that would are held.
    #[test]
    fn what_leaves_was_agreed_to(
        agreed in proptest::collection::btree_set(0_usize..4, 0..4),
        stay in proptest::collection::btree_set(0_usize..4, 0..4),
    ) {
        let all = ["a", "b", "c", "d"];
        let mut world = placed();
        let members: Vec<&str> = agreed.iter().map(|i| all[*i]).collect();
        world.facts.consents = vec![world.consent(&members)];
        let stay: Vec<&str> = stay.iter().map(|i| all[*i]).collect();
        world.place(&stay);
        world.step();
        let leave = |is_agreed: bool| -> Vec<String> {
            let out = all.iter().filter(|m| !stay.contains(m) && members.contains(m) == is_agreed);
            out.map(ToString::to_string).collect()
        };
        prop_assert_eq!(world.released(), leave(true));
        prop_assert_eq!(world.kept(), leave(false));
    }
}
