//! What an Application is, whatever is wrong: never ready, and short.

use api::condition::Condition;

use super::*;
use crate::state::State;

fn condition(world: &World) -> Condition {
    let status = world.application.as_ref().unwrap().status.as_ref().unwrap();
    api::condition::find(&status.conditions, "Ready").unwrap().clone()
}

fn settled(members: &[&str]) -> World {
    let mut world = World::new(one_policy(), members);
    world.step();
    members.iter().for_each(|member| world.report(member));
    world.step();
    assert_eq!(State::of(Some(&condition(&world))), State::Ready);
    world
}

#[test]
fn an_edit_is_ready_for_its_generation_once_it_was_decided() {
    let mut world = settled(&["a"]);
    let observed = |world: &World| {
        let status = world.application.as_ref().unwrap().status.clone().unwrap();
        let ready = api::condition::find(&status.conditions, "Ready").unwrap();
        assert_eq!(status.observed_generation, ready.observed_generation);
        let generation = world.application.as_ref().unwrap().metadata.generation;
        (status.observed_generation, State::of_object(&status.conditions, generation))
    };
    let edit = |world: &mut World, generation| {
        world.application.as_mut().unwrap().metadata.generation = Some(generation);
    };
    edit(&mut world, 1);
    world.step();
    assert_eq!(observed(&world), (Some(1), State::Ready));
    edit(&mut world, 2);
    let members = world.members.clone();
    world.write_fold(&members);
    assert_eq!(observed(&world), (Some(1), State::Progressing), "what is decided is of before the edit");
    world.step();
    assert_eq!(observed(&world), (Some(2), State::Ready));
    // An edit that comes between the decision and what is said of it.
    edit(&mut world, 3);
    let application = world.application.as_ref().unwrap();
    let part = source_part(application, &world.source, &[], Some(2), world.now);
    assert!(part.conditions.iter().all(|c| c.observed_generation == Some(2)), "{part:?}");
}

#[test]
fn an_application_whose_source_is_gone_is_not_ready_and_says_first_why() {
    let mut world = settled(&["a"]);
    world.source.error = Some(("RepositoryNotFound".into(), "https://x: 404".into()));
    world.step();
    let ready = condition(&world);
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "FetchFailed"));
    assert_eq!(
        ready.message,
        "the source cannot be fetched: https://x: 404; what was fetched last runs on: 1 of 1 ready"
    );
    world.source.error = None;
    world.step();
    assert_eq!(condition(&world).reason, "ReconciliationSucceeded");

    let mut never = World::new(one_policy(), &["a"]);
    never.source = SourceFacts { error: Some(("Unreachable".into(), "no such host".into())), ..SourceFacts::default() };
    never.step();
    let ready = condition(&never);
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "FetchFailed"));
    assert_eq!(ready.message, "the source cannot be fetched: no such host; it was never fetched");
}

#[test]
fn what_a_person_suspended_is_suspended_unless_something_is_worse() {
    let mut world = settled(&["a"]);
    world.application.as_mut().unwrap().spec.source.git_repository.as_mut().unwrap().suspend = true;
    world.source.suspended = true;
    world.step();
    let ready = condition(&world);
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "Suspended"));
    assert_eq!(ready.message, "spec.source.gitRepository.suspend is set; what runs stays: 1 of 1 ready");
    world.members.insert(name("a"), MemberFacts::new(Reach::Unknown));
    world.step();
    assert_eq!(State::of(Some(&condition(&world))), State::Unknown);

    let mut world = settled(&["a"]);
    let kustomization = |world: &mut World, on| {
        let policy = &mut world.application.as_mut().unwrap().spec.sync_policies[0];
        policy.kustomization.as_mut().unwrap().suspend = on;
    };
    let phase = |world: &mut World, phase| {
        let key = (world.unit(), name("a"));
        world.statuses.get_mut(&key).unwrap().phase = phase;
    };
    kustomization(&mut world, true);
    world.step();
    assert_eq!(State::of(Some(&condition(&world))), State::Suspended, "before the member says so too");
    phase(&mut world, UnitPhase::Suspended);
    world.step();
    let ready = condition(&world);
    assert_eq!(State::of(Some(&ready)), State::Suspended);
    assert!(ready.message.starts_with("spec.syncPolicies[0].kustomization.suspend is set"), "{}", ready.message);
    kustomization(&mut world, false);
    world.step();
    assert_eq!(State::of(Some(&condition(&world))), State::Progressing, "the member has not gone on yet");
    phase(&mut world, UnitPhase::Applied);
    world.step();
    assert_eq!(State::of(Some(&condition(&world))), State::Ready);
}

#[test]
fn a_member_that_says_that_it_is_not_well_and_one_that_is_none_are_not_ready() {
    let mut world = settled(&["a", "b"]);
    world.members.insert(name("b"), MemberFacts::new(Reach::NotReady));
    world.step();
    let ready = condition(&world);
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "MemberNotReady"));
    assert!(ready.message.starts_with("b: ") && ready.message.ends_with("; 1 of 2 ready"), "{}", ready.message);

    let mut world = settled(&["a"]);
    let absent = Candidate { name: "absent".into(), member: None, ..Candidate::default() };
    world.fleet = FleetFacts::Found(vec![candidate("a"), absent]);
    world.step();
    let ready = condition(&world);
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "MemberNotFound"));
    assert_eq!(ready.message, "Fleet f lists what is no member (see its Ready): absent; 1 of 1 ready");
}

/// Reason and start of the message, and what makes it so.
type Cause = (&'static str, &'static str, fn(&mut World));

/// What may be wrong, each alone in its member or at its place, the worst first: how `Ready` then begins.
const CAUSES: [Cause; 10] = [
    ("DeletionsHeld", "deletions wait for approval", |w| at(w, "a").held = Some(wiped(30, false))),
    ("NotImplemented", "spec.syncPolicies[1] has no kustomization", |w| {
        let policies = application(json!([{"name": "q"}])).spec.sync_policies;
        w.application.as_mut().unwrap().spec.sync_policies.extend(policies);
    }),
    ("MemberNotReady", "b: ", |w| drop(w.members.insert(name("b"), MemberFacts::new(Reach::NotReady)))),
    ("FetchFailed", "the source cannot be fetched: ", |w| w.source.error = Some(("Unreachable".into(), "404".into()))),
    ("MemberNotFound", "Fleet f lists what is no member", |w| {
        let FleetFacts::Found(candidates) = &mut w.fleet else { panic!("no fleet") };
        candidates.push(Candidate { name: "stranger".into(), member: None, ..Candidate::default() });
    }),
    ("MemberUnknown", "nothing is known of c", |w| drop(w.members.insert(name("c"), MemberFacts::new(Reach::Unknown)))),
    ("Deleting", "d: ", |w| at(w, "d").phase = UnitPhase::Removing),
    ("DeletionsHeld", "e: ", |w| at(w, "e").phase = UnitPhase::DeletionsHeld),
    ("Progressing", "f: ", |w| at(w, "f").phase = UnitPhase::Applying),
    ("Suspended", "spec.syncPolicies[0].kustomization.suspend is set", |w| {
        let policy = &mut w.application.as_mut().unwrap().spec.sync_policies[0];
        policy.kustomization.as_mut().unwrap().suspend = true;
    }),
];

fn at<'a>(world: &'a mut World, member: &str) -> &'a mut UnitStatus {
    let key = (world.unit(), name(member));
    world.statuses.get_mut(&key).unwrap()
}

#[test]
fn of_any_two_causes_the_worse_is_said() {
    for (first, (reason, start, break_it)) in CAUSES.iter().enumerate() {
        for (other_reason, other, break_more) in &CAUSES[first..] {
            let mut world = settled(&["a", "b", "c", "d", "e", "f"]);
            break_it(&mut world);
            if (start, reason) != (other, other_reason) {
                break_more(&mut world);
            }
            world.step();
            let ready = condition(&world);
            assert_eq!(ready.reason, *reason, "{start} and {other}: {}", ready.message);
            assert!(ready.message.starts_with(start), "{start} and {other}: {}", ready.message);
        }
    }
}

#[test]
fn a_list_that_waits_does_not_hide_members_that_are_not_ready() {
    let mut world = settled(&["a", "b", "c"]);
    at(&mut world, "a").held = Some(wiped(30, false));
    for (broken, expect) in [
        ("a", "deletions wait for approval; 1 member is not ready; 2 of 3 ready"),
        ("b", "deletions wait for approval; 2 members are not ready; 1 of 3 ready"),
    ] {
        world.members.insert(name(broken), MemberFacts::new(Reach::NotReady));
        world.step();
        let ready = condition(&world);
        assert_eq!((ready.reason.as_str(), ready.message.as_str()), ("DeletionsHeld", expect));
    }
}

#[test]
fn what_is_no_member_is_seen_behind_many_clusters_that_are_not_selected() {
    let mut policy = one_policy();
    policy[0]["destination"] = json!({"fleet": "f", "clusterSelector": {"matchLabels": {"size": "s"}}});
    let mut world = World::new(policy, &["a"]);
    let chosen = Candidate { labels: BTreeMap::from([("size".to_owned(), "s".to_owned())]), ..candidate("a") };
    let stranger = Candidate { name: "z".into(), member: None, ..Candidate::default() };
    let others = (0..150).map(|n| candidate(&format!("m{n:03}")));
    world.fleet = FleetFacts::Found([chosen, stranger].into_iter().chain(others).collect());
    world.step();
    world.report("a");
    world.step();
    let ready = condition(&world);
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "MemberNotFound"));
    assert_eq!(ready.message, "Fleet f lists what is no member (see its Ready): z; 1 of 1 ready");
}

#[test]
fn messages_stay_short_with_a_thousand_members() {
    let names: Vec<String> = (0..1000).map(|n| format!("m{n:04}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let selector = json!({"fleet": "f", "clusterSelector": {"matchLabels": {"size": "smal"}}});
    let mut policy = one_policy();
    policy[0]["destination"] = selector;
    let labelled = |n: usize, name: &str| Candidate {
        labels: BTreeMap::from([("size".to_owned(), if n.is_multiple_of(2) { "small" } else { "large" }.to_owned())]),
        ..candidate(name)
    };
    let mut world = World::new(policy.clone(), &[]);
    world.fleet = FleetFacts::Found(refs.iter().enumerate().map(|(n, name)| labelled(n, name)).collect());
    world.step();
    let ready = condition(&world);
    assert_eq!(ready.reason, "NoMemberSelected");
    let expect = "policy p selects none of 1000 candidates in fleet f where size=smal (of the first 100): label size is \
                  \"small\", the selector wants \"smal\" (m0000, m0002, m0004, m0006, m0008, and 45 more); label size is \
                  \"large\", the selector wants \"smal\" (m0001, m0003, m0005, m0007, m0009, and 45 more)";
    assert_eq!(ready.message, expect);
    world.fleet = FleetFacts::Found(Vec::new());
    world.step();
    assert_eq!(condition(&world).message, "policy p selects no member: fleet f where size=smal has none");

    let mut world = settled(&refs);
    for (reach, expect) in [
        (Reach::Unknown, "nothing is known of m0000, m0001, m0002, m0003, m0004, and 995 more; 0 of 1000 ready"),
        (
            Reach::NotReady,
            "m0000: the member answers and is not well; see its Ready; last known: Applied Healthy (and \
                           999 more); 0 of 1000 ready",
        ),
    ] {
        world.members = refs.iter().map(|member| (name(member), MemberFacts::new(reach))).collect();
        world.step();
        assert_eq!(condition(&world).message, expect);
    }
    let status = world.application.as_ref().unwrap().status.as_ref().unwrap();
    assert_eq!((status.sync_status.len(), status.truncated), (100, Some(900)));
    let summary = status.summary.clone().unwrap();
    assert_eq!((summary.placed, summary.ready), (1000, 0), "no Unknown counts as ready");
}

#[test]
fn a_look_that_panicked_makes_it_unknown_until_one_succeeds() {
    let unknown = ("Unknown".to_owned(), "InternalError".to_owned());
    for is_new in [false, true] {
        let mut world = World::new(one_policy(), &["a"]);
        let members = world.members.clone();
        if !is_new {
            world.step();
            world.report("a");
            world.step();
            assert_eq!(world.ready(), ("True".into(), "ReconciliationSucceeded".into()));
        }
        // The controller of the source panics.
        let application = world.application.as_mut().unwrap();
        let part = broken_source(application, world.now);
        let source = api::condition::find(&part.conditions, api::condition::SOURCE_READY).unwrap();
        assert_eq!((source.status.as_str(), source.reason.as_str()), ("Unknown", "InternalError"));
        assert_eq!(broken_source(application, world.now), part, "it is the same again");
        let mut status = application.status.clone().unwrap_or_default();
        status.conditions.retain(|c| !SourcePart::CONDITIONS.contains(&c.type_.as_str()));
        status.conditions.extend(part.conditions);
        application.status = Some(status);
        world.write_fold(&members);
        assert_eq!(world.ready(), unknown, "new: {is_new}");
        world.step();
        world.report("a");
        world.step();
        assert_eq!(world.ready(), ("True".into(), "ReconciliationSucceeded".into()));
        // That of the units.
        let application = world.application.as_ref().unwrap();
        let fold = broken_fold(application, world.now);
        let ready = api::condition::find(&fold.conditions, api::condition::READY).unwrap();
        assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("Unknown", "InternalError"));
        assert_eq!(fold.summary, application.status.as_ref().unwrap().summary);
        assert_eq!(State::of(Some(ready)), State::Unknown);
    }
}

/// A row says that nothing is known there: the sentence above it says why it is ready all the same.
#[test]
fn what_is_ready_says_what_is_still_to_leave_a_member_that_is_away() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.report("a");
    world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.step();
    world.step();
    assert!(world.members_of().contains(&("b".into(), 1, Removal::Prune)), "{:?}", world.members_of());
    let status = world.application.as_ref().unwrap().status.clone().unwrap();
    let ready = api::condition::find(&status.conditions, api::condition::READY).unwrap();
    assert_eq!(ready.message, "1 of 1 ready; left as soon as it answers: b (policy p)", "{ready:?}");
}
