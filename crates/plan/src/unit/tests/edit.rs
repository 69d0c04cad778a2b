//! Edits that take a unit out of members: what is held, what releases it, and what takes it back.

use api::delivery::{LabelDifference, LeavingCause, MemberDecision};

use super::*;

/// What is there before an edit: members a, b and c with the label `size: small`, which the unit selects.
fn placed() -> World {
    let mut world = World::new(&["a", "b", "c"]);
    world.facts.removals = 0;
    world.units[0].placement = rules("small", &[("a", "small"), ("b", "small"), ("c", "small")]);
    world.step();
    world
}

fn rules(wanted: &str, members: &[(&str, &str)]) -> Placement {
    let size = |value: &str| BTreeMap::from([("size".to_owned(), value.to_owned())]);
    let candidate = |(m, value): &(&str, &str)| Candidate {
        name: (*m).to_owned(),
        member: Some(name(m)),
        labels: size(value),
        ..Candidate::default()
    };
    let rules = Rules { list: "fleet f".into(), match_labels: size(wanted) };
    Placement::Rules(rules, members.iter().map(candidate).collect())
}

fn small(members: &[&str]) -> Placement {
    rules("small", &members.iter().map(|m| (*m, "small")).collect::<Vec<_>>())
}

impl World {
    fn entries(&self) -> BTreeMap<String, MemberDecision> {
        let all = self.decisions.values().flat_map(|d| &d.members);
        all.map(|(member, entry)| (member.to_string(), entry.clone())).collect()
    }

    /// Members that are held, with cause and words.
    fn held(&self) -> Vec<(String, LeavingCause, String)> {
        let held = |(member, entry): (String, MemberDecision)| {
            let why = entry.kept()?.clone();
            Some((member, why.cause, why.message))
        };
        self.entries().into_iter().filter_map(held).collect()
    }

    fn leaving(&self) -> Vec<String> {
        let entries = self.entries().into_iter();
        entries.filter(|(_, entry)| !entry.removal.is_none()).map(|(member, _)| member).collect()
    }

    /// Counts what a member has of the unit.
    fn count(&mut self, member: &str, desired: u32, inventory: u32) {
        let status = self.statuses.get_mut(&(self.owner.unit(None), name(member))).unwrap();
        status.objects = UnitCounts { desired, inventory, ..UnitCounts::default() };
    }

    fn digest(&self) -> Option<Digest> {
        let digests: BTreeSet<Digest> = self.decisions.values().filter_map(|d| d.held).collect();
        assert!(digests.len() <= 1, "all slices of a unit name one list");
        digests.into_iter().next()
    }
}

type Change = fn(&mut World);

/// An edit, the members that it would take the unit out of, and why.
struct EditCase {
    about: &'static str,
    edit: Change,
    members: &'static [&'static str],
    cause: LeavingCause,
    message: &'static str,
}

/// Each edit that may be a typing error.
fn edits() -> Vec<EditCase> {
    use LeavingCause::{NotAMember, NotListed, SelectorDiffers, UnitRemoved};
    const ALL: &[&str] = &["a", "b", "c"];
    vec![
        EditCase {
            about: "a typo in the selector",
            edit: |w| w.units[0].placement = rules("smal", &[("a", "small"), ("b", "small"), ("c", "small")]),
            members: ALL,
            cause: SelectorDiffers,
            message: "label size is \"small\", the selector wants \"smal\"",
        },
        EditCase {
            about: "a label that changed",
            edit: |w| w.units[0].placement = rules("small", &[("a", "small"), ("b", "large"), ("c", "small")]),
            members: &["b"],
            cause: SelectorDiffers,
            message: "label size is \"large\", the selector wants \"small\"",
        },
        EditCase {
            about: "a member that was taken out of the list",
            edit: |w| w.units[0].placement = small(&["a", "c"]),
            members: &["b"],
            cause: NotListed,
            message: "fleet f does not list it",
        },
        EditCase {
            about: "an empty list",
            edit: |w| w.units[0].placement = small(&[]),
            members: ALL,
            cause: NotListed,
            message: "fleet f is empty",
        },
        EditCase {
            about: "an entry that makes no such member",
            edit: |w| {
                w.units[0].placement = small(&["a", "b", "c"]);
                if let Placement::Rules(_, candidates) = &mut w.units[0].placement {
                    candidates[1].member = None;
                }
            },
            members: &["b"],
            cause: NotAMember,
            message: "fleet f lists b, which makes no such member now",
        },
        EditCase {
            about: "another list",
            edit: |w| {
                w.units[0].placement = small(&["a"]);
                if let Placement::Rules(rules, _) = &mut w.units[0].placement {
                    rules.list = "fleet g".to_owned();
                }
            },
            members: &["b", "c"],
            cause: NotListed,
            message: "fleet g does not list it",
        },
        EditCase {
            about: "a unit that is gone",
            edit: |w| w.units.clear(),
            members: ALL,
            cause: UnitRemoved,
            message: "g.example/Plugin/ns/o asks for it no longer",
        },
    ]
}

#[test]
fn an_edit_that_takes_a_unit_out_of_members_is_held_and_keeps_what_they_have() {
    for EditCase { about, edit, members, cause, message } in edits() {
        let mut world = placed();
        let before = world.entries();
        edit(&mut world);
        world.step();
        let expect: Vec<_> = members.iter().map(|m| ((*m).to_owned(), cause, message.to_owned())).collect();
        assert_eq!(world.held(), expect, "{about}");
        assert_eq!(world.leaving(), [""; 0], "{about}");
        let kept = world.entries().into_iter().map(|(m, entry)| (m, MemberDecision { leaving: None, ..entry }));
        assert_eq!(kept.collect::<BTreeMap<_, _>>(), before, "{about}: entries are as they were");
        assert!(world.digest().is_some(), "{about}");
        assert!(world.step().is_settled(), "{about}: a second pass writes nothing");
    }
}

#[test]
fn the_approval_of_exactly_that_list_releases_it_and_another_one_does_not() {
    for EditCase { about, edit, members, cause, .. } in edits() {
        let mut world = placed();
        edit(&mut world);
        world.step();
        let digest = world.digest().unwrap();
        world.facts.approved = vec![Digest::of(b"another list")];
        assert!(world.step().is_settled(), "{about}: another list was approved");
        world.facts.approved.push(digest);
        world.step();
        assert_eq!(world.leaving(), members, "{about}");
        assert_eq!((world.held(), world.digest()), (Vec::new(), None), "{about}");
        let said = world.entries()[members[0]].leaving.clone().unwrap();
        assert_eq!((said.approval, said.cause), (Some(digest), cause), "{about}: the removal says why");
        assert!(world.step().is_settled(), "{about}: it waits for the members");
    }
}

#[test]
fn an_edit_that_is_taken_back_has_touched_nothing() {
    for EditCase { about, edit, .. } in edits() {
        let mut world = placed();
        let (before, units) = (world.entries(), world.units.clone());
        edit(&mut world);
        world.step();
        world.units = units;
        world.step();
        assert_eq!((world.entries(), world.digest()), (before, None), "{about}");
        assert!(world.step().is_settled(), "{about}");
    }
}

#[test]
fn the_label_that_differs_is_told_by_field() {
    let mut world = placed();
    world.units[0].placement = rules("smal", &[("a", "small"), ("b", "small"), ("c", "small")]);
    world.step();
    let label = world.entries()["a"].leaving.clone().unwrap().label;
    let expect = LabelDifference { key: "size".into(), found: Some("small".into()), wanted: "smal".into() };
    assert_eq!(label, Some(expect));
}

/// No schema bounds the text of a selector, and it is stored once for each member.
#[test]
fn what_an_edit_says_has_a_bound_and_is_one_line() {
    let names: Vec<String> = (0..100).map(|n| format!("m{n:03}")).collect();
    let mut world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    world.facts.removals = 0;
    let long = || format!("\u{1b}[2J\n{}", "é".repeat(1_000_000));
    let labels = |value: String| BTreeMap::from([(long(), value)]);
    let rules = |value: &str| Rules { list: long(), match_labels: labels(value.to_owned()) };
    let candidates = || {
        let candidate = |n: &String| Candidate {
            name: n.clone(),
            member: Some(name(n)),
            labels: labels("a".to_owned() + &long()),
            ..Candidate::default()
        };
        names.iter().map(candidate).collect()
    };
    world.units[0].placement = Placement::Rules(rules(&("a".to_owned() + &long())), candidates());
    world.step();
    assert_eq!(world.entries().len(), 100);
    world.units[0].placement = Placement::Rules(rules(&("b".to_owned() + &long())), candidates());
    world.step();
    assert_eq!(world.held().len(), 100);
    let json = serde_json::to_string(world.first_slice()).unwrap();
    assert!((100_000..600_000).contains(&json.len()), "{}", json.len());
    assert!(!json.contains("\\u001b") && !json.contains("\\n"));
    let label = world.entries()["m000"].leaving.clone().unwrap().label.unwrap();
    let length = |text: &str| text.chars().count();
    assert_eq!((length(&label.key), length(&label.wanted), length(&label.found.unwrap())), (317, 63, 63));
}

#[test]
fn what_was_not_edited_or_is_deleted_as_a_whole_is_not_held() {
    let leaves: [(&str, Change, &[&str]); 4] = [
        (
            "given members",
            |w| w.units[0].placement = Placement::Given(BTreeMap::from([(name("a"), Given::default())])),
            &["b", "c"],
        ),
        ("an owner that is being deleted", |w| w.facts.state = OwnerState::Leaving(None), &["a", "b", "c"]),
        (
            "a member without a record",
            |w| {
                w.members.remove(&name("b"));
                w.units[0].placement = small(&["a", "c"]);
            },
            &[],
        ),
        (
            "a list that does not exist",
            |w| w.units[0].placement = Placement::Missing(WaitingOn::new(Missing::Fleet, "f")),
            &[],
        ),
    ];
    for (about, change, members) in leaves {
        let mut world = placed();
        change(&mut world);
        world.step();
        assert_eq!(world.leaving(), members, "{about}");
        assert_eq!(world.held(), [], "{about}");
    }
}

#[test]
fn what_was_let_go_is_never_deleted_whatever_the_policy_says_later() {
    use OwnerState::Leaving;
    let by_approval: Change = |w| {
        w.step();
        w.facts.approved = w.digest().into_iter().collect();
    };
    let by_number: Change = |w| w.facts.removals = 1;
    let later: [(&str, Change); 4] = [
        ("the policy prunes", |w| w.units[0].prune = true),
        ("the policy is removed, and comes back pruning", |w| {
            let mut unit = w.units.remove(0);
            w.step();
            unit.prune = true;
            w.units.push(unit);
        }),
        ("the owner is deleted, and prunes", |w| {
            w.units[0].prune = true;
            w.step();
            w.facts.state = Leaving(None);
        }),
        ("the owner is deleted with its objects", |w| w.facts.state = Leaving(Some(Removal::Prune))),
    ];
    for (how, leave) in [("by approval", by_approval), ("by number", by_number)] {
        for (about, change) in later {
            let mut world = placed();
            world.units[0].prune = false;
            world.step();
            world.units[0].placement = small(&["a", "b"]);
            leave(&mut world);
            world.step();
            assert_eq!(world.entry("c").removal, Removal::Release, "{how}, {about}");
            // Its member does not answer, so the tombstone stays.
            change(&mut world);
            world.step();
            assert_eq!(world.entry("c").removal, Removal::Release, "{how}, {about}");
            assert!(world.step().is_settled(), "{how}, {about}");
        }
    }
}

#[test]
fn what_is_on_its_way_to_be_deleted_may_be_let_go() {
    let mut world = placed();
    world.units[0].placement = small(&["a", "b"]);
    world.facts.removals = 1;
    world.step();
    assert_eq!(world.entry("c").removal, Removal::Prune);
    world.units[0].prune = false;
    world.step();
    assert_eq!(world.entry("c").removal, Removal::Release);
}

#[test]
fn what_an_owner_takes_out_itself_follows_its_word_for_as_long_as_it_is_there() {
    let mut world = placed();
    for said in [Removal::Release, Removal::Prune, Removal::Release] {
        world.facts.state = OwnerState::Leaving(Some(said));
        world.step();
        assert_eq!(world.entry("c").removal, said);
    }
}

#[test]
fn an_owner_that_goes_takes_along_what_was_held_and_does_not_blame_the_edit() {
    let mut world = placed();
    world.units[0].placement = small(&[]);
    world.step();
    world.facts.state = OwnerState::Leaving(None);
    world.step();
    assert_eq!(world.leaving(), ["a", "b", "c"]);
    assert!(world.entries().values().all(|entry| entry.leaving.is_none()));
    assert_eq!(world.digest(), None);
}

/// A restored hub asks about what an edit took out that nobody approved, since the edit may have been taken back; the deletion of its owner is
/// not taken back.
#[test]
fn what_left_by_number_goes_with_its_owner_and_is_not_asked_about() {
    let is_unapproved = |world: &World| {
        let decision = world.decisions.values().find(|decision| decision.members.contains_key(&name("c"))).unwrap();
        let wanted = crate::delivery::Wanted { decision, rendered: None };
        let (snapshot, _) = crate::delivery::plan(&name("c"), None, &world.hub, &[wanted]);
        snapshot.units[0].unapproved
    };
    for state in [OwnerState::Leaving(None), OwnerState::Leaving(Some(Removal::Prune)), OwnerState::Gone] {
        let mut world = placed();
        world.units[0].placement = small(&["a", "b"]);
        world.facts.removals = 1;
        world.step();
        assert!(is_unapproved(&world));
        // Its member does not answer, so the tombstone stays.
        world.facts.state = state;
        world.step();
        assert_eq!((world.entry("c").removal, is_unapproved(&world)), (Removal::Prune, false), "{state:?}");
        assert!(world.step().is_settled(), "{state:?}");
    }
}

#[test]
fn an_edit_that_changes_the_list_needs_another_approval() {
    let changes: [(&str, Change); 4] = [
        ("one member more", |w| w.units[0].placement = small(&["a"])),
        ("another cause", |w| w.units[0].placement = rules("small", &[("a", "small"), ("b", "small"), ("c", "large")])),
        ("objects that stay", |w| w.units[0].prune = false),
        ("another member", |w| w.units[0].placement = small(&["a", "c"])),
    ];
    for (about, change) in changes {
        let mut world = placed();
        world.units[0].placement = small(&["a", "b"]);
        world.step();
        let first = world.digest().unwrap();
        // The approval comes at the same time as the second edit.
        change(&mut world);
        world.facts.approved = vec![first];
        world.step();
        assert_eq!(world.leaving(), [""; 0], "{about}");
        assert_ne!(world.digest(), Some(first), "{about}");
        world.facts.approved = world.digest().into_iter().collect();
        world.step();
        assert!(!world.leaving().is_empty(), "{about}: the new list can be approved");
    }
}

#[test]
fn an_approval_is_for_once() {
    let mut world = placed();
    world.units[0].placement = small(&["a", "b"]);
    world.step();
    world.facts.approved = world.digest().into_iter().collect();
    world.step();
    world.report("c", UnitPhase::Removed, None);
    world.step();
    assert_eq!(world.entries().len(), 2);
    world.units[0].placement = small(&["a", "b", "c"]);
    world.step();
    // The same mistake again, with the annotation of the first time.
    world.units[0].placement = small(&["a", "b"]);
    world.step();
    assert_eq!((world.held().len(), world.leaving()), (1, Vec::new()));
}

/// An approval that comes too late is of an edit that is no more. It is still written when the same mistake is made again.
#[test]
fn an_approval_that_was_not_taken_up_is_not_of_the_same_edit_made_later() {
    for EditCase { about, edit, members, .. } in edits() {
        let mut world = placed();
        let units = world.units.clone();
        edit(&mut world);
        world.step();
        let digest = world.digest();
        // What is held keeps its digest, also while the unit does not resolve.
        let mistaken = world.units.clone();
        for unit in &mut world.units {
            unit.placement = Placement::Missing(WaitingOn::new(Missing::Fleet, "f"));
        }
        world.step();
        world.step();
        assert_eq!(world.digest(), digest, "{about}");
        world.facts.approved = digest.into_iter().collect();
        world.units = units;
        world.step();
        assert_eq!(world.digest(), None, "{about}");
        world.units = mistaken;
        world.step();
        assert_eq!((world.held().len(), world.leaving()), (members.len(), Vec::new()), "{about}");
        world.facts.approved.extend(world.digest());
        world.step();
        assert_eq!(world.leaving(), members, "{about}: it can be approved");
    }
}

#[test]
fn since_when_something_is_held_is_kept_until_the_reason_changes() {
    let mut world = placed();
    let since = |world: &mut World, list: &[&str]| {
        world.units[0].placement = small(list);
        world.step();
        let of = |member: &str| world.entry(member).leaving.as_ref().and_then(|leaving| leaving.since);
        [of("b"), of("c")]
    };
    let [none, first] = since(&mut world, &["a", "b"]);
    assert_eq!((none, first), (None, Some(world.now)));
    let [second, still] = since(&mut world, &["a"]);
    assert_eq!((second, still), (Some(world.now), first), "one more is held");
    let [other, another] = since(&mut world, &[]);
    assert_eq!([other, another], [Some(world.now); 2], "for another reason");
    // A record from before there was a time gets one, and then stays.
    for decision in world.decisions.values_mut() {
        decision.members.values_mut().filter_map(|e| e.leaving.as_mut()).for_each(|leaving| leaving.since = None);
    }
    assert_eq!(since(&mut world, &[]), [Some(world.now); 2]);
    assert!(world.step().is_settled());
}

#[test]
fn an_approval_that_is_half_written_is_carried_out_to_its_end() {
    let names: Vec<String> = (0..150).map(|n| format!("m{n:03}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(&refs);
    world.facts.removals = 0;
    world.step();
    world.units[0].placement = small(&[]);
    world.step();
    let before = world.decisions.clone();
    assert_eq!(world.held().len(), 150);
    world.facts.approved = world.digest().into_iter().collect();
    let plan = world.step();
    assert_eq!(plan.write_decisions.len(), 2);
    // The process ends after the first slice was written, and something else is approved before it starts again.
    let second = &plan.write_decisions[1].0;
    world.decisions.insert(second.clone(), before[second].clone());
    world.facts.approved = Vec::new();
    world.step();
    assert_eq!((world.leaving().len(), world.held().len()), (150, 0));
}

#[test]
fn an_approval_that_is_half_written_is_carried_out_however_often_the_rest_fails() {
    let names: Vec<String> = (0..150).map(|n| format!("m{n:03}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(&refs);
    world.facts.removals = 0;
    world.step();
    world.units[0].placement = small(&[]);
    world.step();
    let second = world.decisions.iter().find(|(_, d)| d.slice == 1).map(|(name, d)| (name.clone(), d.clone())).unwrap();
    world.facts.approved = world.digest().into_iter().collect();
    world.step();
    world.facts.approved = Vec::new();
    for nth in 0..3 {
        // The second slice cannot be written, while all members of the first one report that they are done, or are gone.
        world.decisions.insert(second.0.clone(), second.1.clone());
        refs[..100].iter().for_each(|member| world.report(member, UnitPhase::Removed, None));
        world.members.remove(&name("m000"));
        let plan = world.step();
        let written: Vec<&String> = plan.write_decisions.iter().map(|(name, _)| name).collect();
        assert_eq!((written, plan.delete_decisions), (vec![&second.0], Vec::new()), "try {nth}");
        assert_eq!((world.leaving().len(), world.held().len()), (150, 0), "try {nth}");
    }
    world.step();
    assert_eq!(world.leaving().len(), 50, "what is done goes once all is told");
}

#[test]
fn the_owner_may_allow_a_number_of_members_at_once() {
    // How many are allowed, which members the list keeps, how many leave and how many are held.
    for (allowed, list, leaves, held) in [
        (0, &["a", "b"][..], 0, 1),
        (1, &["a", "b"][..], 1, 0),
        (1, &["a"][..], 0, 2),
        (2, &["a"][..], 2, 0),
        (3, &[][..], 3, 0),
    ] {
        let mut world = placed();
        world.facts.removals = allowed;
        world.units[0].placement = small(list);
        world.step();
        assert_eq!((world.leaving().len(), world.held().len()), (leaves, held), "{allowed} {list:?}");
        assert!(world.step().is_settled(), "{allowed} {list:?}");
    }
}

#[test]
fn a_member_that_leaves_by_that_number_counts_until_it_is_done() {
    let mut world = placed();
    world.facts.removals = 1;
    world.units[0].placement = small(&["a", "b"]);
    world.step();
    world.units[0].placement = small(&["a"]);
    world.step();
    assert_eq!((world.leaving(), world.held().len()), (vec!["c".to_owned()], 1));
    world.report("c", UnitPhase::Removed, None);
    world.step();
    world.step();
    assert_eq!((world.leaving(), world.held().len()), (vec!["b".to_owned()], 0));
}

#[test]
fn members_are_counted_once_over_all_units_of_the_owner() {
    let two = |allowed| {
        let mut world = placed();
        let second = world.owner.unit(Some("second"));
        world.units.push(UnitSpec { id: second, ..world.units[0].clone() });
        world.step();
        world.facts.removals = allowed;
        world
    };
    // How many are allowed, what two units keep, and how many entries leave.
    for (allowed, first, second, leaves) in [
        (1, &["a", "b"][..], &["a", "b"][..], 2),
        (1, &["a", "b"][..], &["a", "c"][..], 0),
        (2, &["a", "b"][..], &["a", "c"][..], 2),
    ] {
        let mut world = two(allowed);
        (world.units[0].placement, world.units[1].placement) = (small(first), small(second));
        world.step();
        let entries = world.decisions.values().flat_map(|d| d.members.values());
        assert_eq!(entries.filter(|e| !e.removal.is_none()).count(), leaves, "{allowed} {first:?} {second:?}");
    }
    // A policy that was removed is named.
    let mut world = two(0);
    world.units.truncate(1);
    world.step();
    let gone = world.decisions.values().find(|decision| decision.unit.policy.is_some()).unwrap();
    let why = gone.members[&name("a")].kept().unwrap();
    assert_eq!(why.message, "policy second was removed or renamed");
}

#[test]
fn a_unit_that_does_not_resolve_keeps_what_is_held_of_it() {
    let mut world = placed();
    world.units[0].placement = small(&["a", "b"]);
    world.step();
    let (held, digest) = (world.held(), world.digest());
    world.units[0].placement = Placement::Missing(WaitingOn::new(Missing::Fleet, "f"));
    world.facts.approved = digest.into_iter().collect();
    world.step();
    assert_eq!((world.held(), world.digest(), world.leaving()), (held, digest, Vec::new()));
    world.units[0].placement = small(&["a", "b"]);
    world.step();
    assert_eq!(world.leaving(), ["c"], "it is the list that was approved");
}

#[test]
fn what_is_kept_gets_no_commit_and_does_not_hide_that_one_empties_the_others() {
    let mut world = placed();
    world.units[0].placement = small(&["a", "b"]);
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.step();
    let epochs: Vec<u64> = world.entries().values().map(|entry| entry.epoch).collect();
    assert_eq!(epochs, [2, 2, 1]);
    for reported in [None, Some(released(3))] {
        world.report("c", UnitPhase::Applied, reported.clone());
        for member in ["a", "b"] {
            world.report(member, UnitPhase::Applied, Some(list(member, 2)));
            world.count(member, 0, 2);
        }
        world.step();
        let granted = world.entries().values().filter(|entry| entry.granted.is_some()).count();
        assert_eq!(granted, 0, "nothing would be left where the unit goes: {reported:?}");
    }
}

/// What a member reports for as long as an epoch lasts at which something was deleted.
fn released(count: u32) -> Deletions {
    Deletions { state: DeletionState::Released, released: count, ..list("earlier", 0) }
}

/// A hundred members with a hundred objects each; each has lost one to the last commit. An edit would take the unit out of 90
/// of them. The next commit removes 94 objects in the other ten.
#[test]
fn what_is_kept_is_not_what_a_commit_may_remove_a_quarter_of() {
    let names: Vec<String> = (0..100).map(|n| format!("m{n:03}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    // What one of the members that are kept reports, how many lists wait then, and of how many objects.
    for (reported, lists, of) in [
        (None, 10, 990),
        (Some(released(1)), 10, 990),
        (Some(list("its own", 7)), 11, 997),
        (Some(Deletions { released: 1, ..list("its own", 7) }), 11, 997),
    ] {
        let mut world = World::new(&refs);
        world.facts.removals = 0;
        world.step();
        world.units[0].placement = small(&refs[90..]);
        world.step();
        world.units[0].inputs = Some(tree("c2", "./a"));
        world.step();
        assert_eq!(world.held().len(), 90);
        for (n, member) in refs.iter().enumerate() {
            let report = match n {
                0 => reported.clone(),
                1..90 => Some(released(1)),
                _ => Some(list(member, 94)),
            };
            world.report(member, UnitPhase::Applied, report);
            world.count(member, if n < 90 { 99 } else { 5 }, 99);
        }
        let held = |world: &World| {
            let status_of = |u: &UnitId, m: &MemberName| world.statuses.get(&(u.clone(), m.clone())).cloned();
            held(&world.owner.unit(None), world.decisions.values(), status_of, |_| true)
        };
        world.step();
        let told = held(&world).unwrap_or_else(|| panic!("granted: {reported:?}"));
        assert_eq!((told.members.len(), told.of), (lists, of), "{reported:?}");
        assert!(world.entries().values().all(|entry| entry.granted.is_none()), "{reported:?}");
        world.facts.approved = vec![told.digest];
        world.step();
        let granted = world.entries().values().filter(|entry| entry.granted.is_some()).count();
        assert_eq!(granted, lists, "{reported:?}");
        // What goes ahead first stays in the list, so that the approval holds for the others.
        let list = reported.filter(|list| list.state == DeletionState::Waiting);
        let gone = list.map(|list| Deletions { state: DeletionState::Released, released: 7, count: 0, ..list });
        if gone.is_some() {
            world.report(refs[0], UnitPhase::Applied, gone);
            assert_eq!(held(&world).map(|held| held.digest), Some(told.digest));
        }
    }
}

#[test]
fn what_is_held_released_or_taken_back_is_told_by_the_trigger() {
    let mut world = placed();
    let whole = world.units[0].placement.clone();
    world.units[0].placement = rules("smal", &[("a", "small"), ("b", "small"), ("c", "small")]);
    let held = "label size is \"small\", the selector wants \"smal\": held in a, b, c";
    assert_eq!(world.trigger(), (TriggerCause::Edit, held.into()));
    world.units[0].placement = whole;
    assert_eq!(world.trigger(), (TriggerCause::Membership, "what would take it out is taken back: a, b, c".into()));
    world.units[0].placement = rules("small", &[("a", "small"), ("b", "large"), ("c", "small")]);
    let held = "label size is \"large\", the selector wants \"small\": held in b";
    assert_eq!(world.trigger(), (TriggerCause::Membership, held.into()));
    let digest = world.digest().unwrap();
    world.facts.approved = vec![digest];
    assert_eq!(world.trigger(), (TriggerCause::Approval, format!("approved: -b ({digest})")));
}

#[test]
fn a_trigger_names_only_members_of_which_it_says_the_cause() {
    // Labels of a, b and c, and what is said.
    for (sizes, expect) in [
        (["x0", "x0", "x0"], "label size is \"x0\", the selector wants \"small\": held in a, b, c"),
        (["x0", "small", "x0"], "label size is \"x0\", the selector wants \"small\": held in a, c"),
        (
            ["x0", "x1", "x0"],
            "label size is \"x0\", the selector wants \"small\": held in a, c, and 1 for other causes",
        ),
        (["x0", "x1", "x2"], "label size is \"x0\", the selector wants \"small\": held in a, and 2 for other causes"),
    ] {
        let mut world = placed();
        world.units[0].placement = rules("small", &[("a", sizes[0]), ("b", sizes[1]), ("c", sizes[2])]);
        assert_eq!(world.trigger(), (TriggerCause::Membership, expect.into()));
    }
}

/// A list that another writer makes now does not hold anything.
#[test]
fn a_removal_is_not_called_taken_back() {
    let mut world = placed();
    world.units[0].placement = small(&["a", "b"]);
    world.step();
    assert_eq!(world.held().len(), 1);
    let given = |m: &str| (name(m), Given::default());
    world.units[0].placement = Placement::Given(BTreeMap::from([given("a"), given("b")]));
    let (cause, message) = world.trigger();
    assert_eq!(world.leaving(), ["c"]);
    assert_eq!((cause, message.as_str()), (TriggerCause::Edit, "-c"));
}
