use std::collections::BTreeMap;

use api::delivery::{Leaving, LeavingCause, Missing, Removal, WaitingOn};
use model::{ObjectKey, Timestamp};

use super::*;
use crate::unit::Given;

fn owner(namespace: &str, name: &str) -> Owner {
    crate::application::owner(namespace, name)
}

fn member(name: &str) -> MemberName {
    name.parse().unwrap()
}

fn unit(placement: Placement) -> UnitSpec {
    UnitSpec {
        id: owner("default", "b").unit(Some("p")),
        inputs: None,
        placement,
        prune: true,
        by_place: false,
        suspend: false,
        force: false,
        overwrite: false,
        frozen: None,
    }
}

fn entry(revision: &str) -> MemberDecision {
    MemberDecision {
        revision: revision.to_owned(),
        epoch: 1,
        placed: Some(Timestamp::UNIX_EPOCH),
        cluster: None,
        known_since: None,
        given_back: None,
        digest: None,
        reason: String::new(),
        replicas: None,
        granted: None,
        granted_shown: None,
        claimed: None,
        carried_out: 0,
        withheld: None,
        removal: Removal::None,
        leaving: None,
        expected: None,
        consent: None,
    }
}

/// The members that are open of one that is placed on `a` and `b`, whose entries are these. Revision `new` is of the commit.
fn open(placement: Placement, entries: &[(&str, MemberDecision)]) -> Vec<String> {
    let entries: BTreeMap<MemberName, MemberDecision> =
        entries.iter().map(|(name, entry)| (member(name), entry.clone())).collect();
    let open = open_members(&unit(placement), &entries, |revision| revision == "new");
    open.iter().map(ToString::to_string).collect()
}

#[test]
fn a_unit_is_open_in_the_members_that_it_is_to_have_and_in_which_it_is_not_decided_by_the_commit() {
    let given = || Placement::Given(["a", "b"].map(|name| (member(name), Given::default())).into());
    let held = MemberDecision {
        leaving: Some(Box::new(Leaving::new(LeavingCause::SelectorDiffers, "a typo"))),
        ..entry("new")
    };
    let leaving = MemberDecision { removal: Removal::Prune, ..entry("new") };
    assert_eq!(open(given(), &[]), ["a", "b"], "it was never decided");
    assert_eq!(open(given(), &[("a", entry("new")), ("b", entry("old"))]), ["b"]);
    assert_eq!(open(given(), &[("a", entry("new")), ("b", leaving)]), ["b"], "it is given to b again");
    assert_eq!(open(given(), &[("a", entry("new")), ("b", held)]), ["b"]);
    assert_eq!(open(given(), &[("a", entry("new")), ("b", entry("new")), ("c", entry("old"))]), [""; 0]);
    let missing = || Placement::Missing(WaitingOn::new(Missing::Fleet, "all"));
    assert_eq!(open(missing(), &[("a", entry("old")), ("b", entry("new"))]), ["a"], "what runs stays");
}

#[test]
fn names_of_another_namespace_are_not_told() {
    let claim = |stuck| Claim { owner: owner("shop", "b"), objects: None, members: BTreeSet::new(), stuck };
    assert_eq!(claim(None).named(&owner("shop", "a")), "app/b");
    assert_eq!(claim(Some(Stuck::Suspended)).named(&owner("shop", "a")), "app/b (its source is suspended)");
    assert_eq!(
        claim(Some(Stuck::Broken)).named(&owner("web", "a")),
        "an Application of another namespace (it cannot be rendered)"
    );
}

#[test]
fn sources_are_of_one_line_by_their_branch_or_by_the_commit_that_both_had() {
    let (main, tag) = ("main@sha1:2", "1.1.0@sha1:2");
    for (theirs, mine, before, are_branches, expect) in [
        (None, main, None, true, true),
        (Some("refs/heads/main@sha1:1"), main, None, true, true),
        (Some("next@sha1:1"), main, Some("main@sha1:1"), true, false),
        (Some("sha1:1"), main, Some("main@sha1:0"), false, false),
        (Some("1.0.0@sha1:1"), tag, Some("1.0.0@sha1:1"), false, true),
        (Some("refs/tags/rel@sha1:1"), "rel@sha1:2", Some("rel@sha1:1"), false, true),
        (Some("1.0.0@sha1:1"), tag, None, false, false),
    ] {
        assert_eq!(is_same_line(theirs, mine, before, are_branches), expect, "{theirs:?} {mine} {before:?}");
    }
}

#[test]
fn a_list_waits_whole_only_while_it_is_not_known_what_of_it_is_claimed() {
    let key = |name: &str| ObjectKey { kind: "ConfigMap".into(), name: name.into(), ..ObjectKey::default() };
    let list = crate::prune::deletions(&[key("one").into()], 0, false);
    let long = Deletions { objects: None, ..list.clone() };
    let known = Some(Arc::new(ObjectSet::new(&[key("one")])));
    for (objects, stuck, list, waits) in [
        (known.clone(), None, &list, false),
        (known.clone(), None, &long, true),
        (known, Some(Stuck::Suspended), &long, false),
        (Some(Arc::default()), None, &long, false),
        (None, Some(Stuck::Suspended), &list, true),
    ] {
        let claim = Claim { owner: owner("shop", "b"), objects, members: BTreeSet::from([member("a")]), stuck };
        assert_eq!(claim.may_be_for(&member("a"), list), waits, "{claim:?}");
        assert!(!claim.may_be_for(&member("b"), list), "it is not to have it there");
    }
}
