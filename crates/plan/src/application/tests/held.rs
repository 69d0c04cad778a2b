//! What an Application says of members that an edit would take its policies out of.

use api::delivery::LeavingCause;
use api::kurator::annotation::{APPROVE, CONSENT, REMOVALS};
use api::kurator::apps::v1alpha1::{HeldCause, HeldDeletions};
use api::kurator::consent::{Consent, FleetEdit};
use api::kurator::fleet::v1alpha1::{Fleet, FleetSpec};

use super::*;

/// Two members that run what the policy has, 12 objects each, and an Application that allows no removal.
fn running(policies: serde_json::Value) -> World {
    let mut world = World::new(policies, &["a", "b"]);
    annotate(&mut world, &[]);
    world.step();
    for member in ["a", "b"] {
        world.report(member);
        let status = world.statuses.get_mut(&(world.unit(), name(member))).unwrap();
        status.objects = UnitCounts { desired: 12, applied: 12, inventory: 12, adopted: 1, ..UnitCounts::default() };
    }
    world.step();
    assert_eq!(world.ready().0, "True");
    world
}

fn annotate(world: &mut World, annotations: &[(&str, &str)]) {
    let all = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    world.application.as_mut().unwrap().metadata.annotations = Some(all.collect());
}

fn status(world: &World) -> ApplicationStatus {
    world.application.as_ref().unwrap().status.clone().unwrap()
}

/// Reason and message of `DeletionsHeld`.
fn condition(world: &World) -> Option<(String, String)> {
    let status = status(world);
    let found = api::condition::find(&status.conditions, api::condition::DELETIONS_HELD)?;
    Some((found.reason.clone(), found.message.clone()))
}

#[test]
fn a_list_that_was_emptied_by_mistake_is_told_with_members_objects_and_cause() {
    let mut world = running(one_policy());
    world.fleet = FleetFacts::Found(Vec::new());
    world.step();
    assert_eq!(world.ready(), ("False".into(), "DeletionsHeld".into()));
    let status = status(&world);
    let [list] = &status.held[..] else { panic!("{:?}", status.held) };
    let expect = HeldDeletions {
        policy: "p".into(),
        digest: world.decisions.values().next().unwrap().held.unwrap().to_string(),
        reason: "EditRemovesMembers".into(),
        count: 22,
        member_count: 2,
        object_count: 22,
        causes: vec![HeldCause {
            cause: "NotListed".into(),
            message: "fleet f is empty".into(),
            members: 2,
            objects: 22,
        }],
        members: vec!["a: 11 objects".into(), "b: 11 objects".into()],
        ..HeldDeletions::default()
    };
    assert_eq!(*list, expect);
    let summary = status.summary.clone().unwrap();
    assert_eq!(
        (summary.placed, summary.ready, summary.objects, summary.held),
        (2, 0, 24, 22),
        "what runs is counted, and nothing of it is as the edit says"
    );
    let message = "22 deletions wait for approval (fleet f is empty): a: 11 objects; b: 11 objects; `kurator approve \
                   app/shop -n default` releases exactly these";
    assert_eq!(condition(&world), Some(("EditRemovesMembers".into(), message.into())));
    assert!(world.step().0.is_settled());
    // Approved, they leave.
    annotate(&mut world, &[(APPROVE, &expect.digest)]);
    world.step();
    assert_eq!(condition(&world), None);
    assert!(world.members_of().iter().all(|(_, _, removal)| *removal == Removal::Prune));
}

#[test]
fn policies_that_were_taken_out_still_run_and_are_counted() {
    let mut world = running(one_policy());
    world.application.as_mut().unwrap().spec.sync_policies.clear();
    world.step();
    let status = status(&world);
    let summary = status.summary.clone().unwrap();
    assert_eq!((summary.placed, summary.ready, summary.objects, summary.held), (2, 0, 24, 22));
    assert_eq!(status.held[0].causes[0].message, "policy p was removed or renamed");
    assert_eq!(world.ready(), ("False".into(), "DeletionsHeld".into()));
    // Its deletion is a person's word for all of it.
    world.application.as_mut().unwrap().metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    world.step();
    assert_eq!((world.ready().1, condition(&world)), ("Deleting".into(), None));
}

#[test]
fn an_application_without_policies_is_not_ready() {
    let mut world = World::new(json!([]), &["a"]);
    world.step();
    assert_eq!(world.ready(), ("False".into(), "NoPolicies".into()));
}

#[test]
fn what_does_not_prune_is_told_to_stay() {
    let mut policies = one_policy();
    policies[0]["kustomization"]["prune"] = json!(false);
    let mut world = running(policies);
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.step();
    let status = status(&world);
    assert_eq!((status.held[0].count, status.summary.clone().unwrap().held), (0, 0));
    assert_eq!(status.held[0].members, ["b: 12 objects that stay"]);
    let message = condition(&world).unwrap().1;
    assert!(
        message.starts_with("what an edit takes out of members waits for approval (fleet f does not list it): b: ")
    );
}

#[test]
fn a_unit_may_wait_for_its_source_and_for_an_edit_and_one_approval_names_both() {
    let mut world = running(one_policy());
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.statuses.get_mut(&(world.unit(), name("a"))).unwrap().held = Some(wiped(30, false));
    world.step();
    let reasons: Vec<String> = status(&world).held.iter().map(|list| list.reason.clone()).collect();
    assert_eq!(reasons, ["SourceRemovesObjects", "EditRemovesMembers"]);
    assert!(condition(&world).unwrap().1.starts_with("41 deletions wait for approval ("));
    let digests: Vec<String> = status(&world).held.iter().map(|list| list.digest.clone()).collect();
    annotate(&mut world, &[(APPROVE, &digests.join(","))]);
    world.step();
    assert_eq!(world.members_of()[1].2, Removal::Prune);
    assert!(world.decisions.values().any(|decision| decision.approved.is_some()));
}

#[test]
fn each_cause_is_listed_once_and_a_message_stays_short() {
    let names: Vec<String> = (0..150).map(|n| format!("m{n:03}")).collect();
    let mut policies = one_policy();
    policies[0]["destination"] = json!({"fleet": "f", "clusterSelector": {"matchLabels": {"size": "s"}}});
    let mut world = World::new(policies, &names.iter().map(String::as_str).collect::<Vec<_>>());
    annotate(&mut world, &[]);
    let sized = |size: &dyn Fn(usize) -> String| {
        let candidate = |(n, member): (usize, &String)| Candidate {
            labels: BTreeMap::from([("size".to_owned(), size(n))]),
            ..candidate(member)
        };
        FleetFacts::Found(names.iter().enumerate().map(candidate).collect())
    };
    world.fleet = sized(&|_| "s".to_owned());
    world.step();
    world.fleet = sized(&|n| format!("x{}", n % 50));
    world.step();
    let held = &status(&world).held[0];
    assert_eq!((held.causes.len(), held.members.len()), (20, 100));
    assert_eq!(held.causes[0].members, 3);
    assert_eq!(held.member_count, 150, "also those whose cause is not listed");
    assert_eq!(held.members[0], "m000: nothing reported yet (label size is \"x0\", the selector wants \"s\")");
    let message = condition(&world).unwrap().1;
    assert!(message.contains("; and more causes): ") && message.len() < 3_000, "{}: {message}", message.len());
}

#[test]
fn members_that_use_up_what_is_allowed_are_named() {
    let mut world = World::new(one_policy(), &["a", "b", "c"]);
    annotate(&mut world, &[(REMOVALS, "1")]);
    world.step();
    world.fleet = FleetFacts::Found(vec![candidate("a"), candidate("b")]);
    world.step();
    assert_eq!(condition(&world), None, "c leaves, and never answers again");
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.step();
    let message = condition(&world).unwrap().1;
    let expect =
        "; these count towards kurator.dev/removals until the policy has left them or their record is deleted: c";
    assert!(message.ends_with(expect), "{message}");
    world.report("c");
    world.statuses.get_mut(&(world.unit(), name("c"))).unwrap().phase = UnitPhase::Removed;
    world.step();
    world.step();
    assert_eq!(condition(&world), None, "b follows");
}

#[test]
fn the_application_or_its_fleet_allows_removals() {
    let fleet = |annotation: Option<&str>| {
        let mut fleet = Fleet::new("f", FleetSpec::default());
        let all = annotation.map(|value| BTreeMap::from([(REMOVALS.to_owned(), value.to_owned())]));
        fleet.metadata.annotations = all;
        fleet
    };
    // What the Application says, what the Fleet says, what holds.
    for (mine, of_fleet, expect) in [
        (None, None, 0),
        (Some("2"), None, 2),
        (None, Some("3"), 3),
        (Some("2"), Some("3"), 3),
        (Some("many"), None, 0),
        (Some("-1"), None, 0),
    ] {
        let mut application = application(one_policy());
        application.metadata.annotations = mine.map(|text| BTreeMap::from([(REMOVALS.to_owned(), text.to_owned())]));
        let facts = owner_facts(Some(&application), Some(&fleet(of_fleet)));
        assert_eq!(facts.removals, expect, "{mine:?} {of_fleet:?}");
    }
    let mut world = running(one_policy());
    annotate(&mut world, &[(REMOVALS, "many")]);
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.step();
    let message = condition(&world).unwrap().1;
    assert!(message.ends_with("; kurator.dev/removals is \"many\", which is no number of members, and counts as 0"));
}

#[test]
fn a_fleet_that_is_emptied_is_not_the_edit_that_somebody_agreed_to() {
    let mut fleet: Fleet = serde_json::from_value(json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
        "metadata": {"name": "demo", "namespace": "default"}, "spec": {"clusters": [
            {"kind": "AttachedCluster", "name": "a"}, {"kind": "AttachedCluster", "name": "b"}]}}))
    .unwrap();
    let edit = FleetEdit::new("demo", fleet.spec.clusters[1].clone(), &fleet.spec.clusters);
    let consent = Consent { given: reported(), cause: LeavingCause::NotListed, edit: Some(edit), scopes: Vec::new() };
    let mut application = application(one_policy());
    let said = Consent::write(std::slice::from_ref(&consent));
    application.metadata.annotations = Some(BTreeMap::from([(CONSENT.to_owned(), said)]));
    let consents = |fleet: Option<&Fleet>| owner_facts(Some(&application), fleet).consents;
    assert_eq!((consents(Some(&fleet)), consents(None)), (vec![], vec![]), "nothing was edited yet");
    fleet.spec.clusters.truncate(1);
    assert_eq!(consents(Some(&fleet)), [consent]);
    fleet.spec.clusters.clear();
    assert_eq!(consents(Some(&fleet)), []);
}

#[test]
fn a_list_that_a_missing_directory_causes_says_so() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.report("a");
    let key = (world.unit(), name("a"));
    let status = world.statuses.get_mut(&key).unwrap();
    status.objects = api::delivery::UnitCounts { inventory: 3, ..Default::default() };
    status.held = Some(Deletions {
        digest: Digest::of(b"one"),
        count: 3,
        sample: vec!["Deployment.apps shop/web".into()],
        guarded: 0,
        behind: false,
        unshown: false,
        untaken: false,
        left: 0,
        released: 0,
        state: DeletionState::Waiting,
        objects: None,
    });
    // As the renderer says it.
    let gone = model::tree::TreeError::NotFound { path: "web".to_owned() };
    let gone = crate::application::held::without_directory(&format!("kustomization.path: {gone}"));
    let gone = gone.as_str();
    for (warnings, expect) in [
        ("", "nothing would be left of it"),
        (&*format!("policy q: {gone}"), "nothing would be left of it"),
        (
            &*format!("policy p: a patch selects nothing; policy p: {gone}; policy q: another one"),
            "nothing would be left of it: kustomization.path: web: no such file or directory in the source",
        ),
    ] {
        let status = world.application.as_mut().unwrap().status.as_mut().unwrap();
        let said = api::condition::Statement::new(
            api::condition::SOURCE_WARNINGS,
            Some(true),
            api::reason::LIKELY_MISTAKE,
            warnings,
        );
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        status.conditions = api::condition::merge(&status.conditions, vec![said], None, at);
        world.step();
        let status = world.application.as_ref().unwrap().status.clone().unwrap();
        assert_eq!(status.held[0].causes[0].message, expect);
    }
}

#[test]
fn what_another_policy_takes_over_is_no_deletion() {
    let mut world = running(one_policy());
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    let other = world.unit().owner().unit(Some("q"));
    let waiting = json!([{"cause": "OtherUnit", "count": 8, "detail": world.unit().to_string()}]);
    let status = UnitStatus { waiting: serde_json::from_value(waiting).unwrap(), ..world.status() };
    world.statuses.insert((other, name("b")), status);
    world.step();
    let list = &self::status(&world).held[0];
    assert_eq!((list.count, list.object_count), (3, 3));
    assert_eq!(list.members, ["b: 3 objects, and 8 that other policies take over"]);
}

/// The same numbers in the heading and in the line: what was adopted stays, and what is taken over is neither.
#[test]
fn what_stays_where_nothing_goes_is_counted() {
    for (taken, adopted, expect, counts) in [
        (9, 3, "b: 3 objects that stay, and 9 that other policies take over", (0, 3)),
        (11, 1, "b: 1 object that stays, and 11 that other policies take over", (0, 1)),
        (12, 0, "b: 12 that other policies take over", (0, 0)),
        (9, 1, "b: 2 objects, and 9 that other policies take over", (2, 2)),
    ] {
        let mut world = running(one_policy());
        world.fleet = FleetFacts::Found(vec![candidate("a")]);
        let unit = world.unit();
        let other = unit.owner().unit(Some("q"));
        let waiting = json!([{"cause": "OtherUnit", "count": taken, "detail": unit.to_string()}]);
        let status = UnitStatus { waiting: serde_json::from_value(waiting).unwrap(), ..world.status() };
        world.statuses.insert((other, name("b")), status);
        world.statuses.get_mut(&(unit, name("b"))).unwrap().objects.adopted = adopted;
        world.step();
        let list = &self::status(&world).held[0];
        assert_eq!((list.members[0].as_str(), (list.count, list.object_count)), (expect, counts));
    }
}

#[test]
fn a_deletion_that_a_member_does_not_follow_says_why() {
    let mut world = running(one_policy());
    world.application.as_mut().unwrap().metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    world.step();
    let message = |world: &World| {
        let status = self::status(world);
        api::condition::find(&status.conditions, api::condition::READY).unwrap().message.clone()
    };
    assert_eq!(message(&world), "it is being taken out of its members: a, b");
    let annotations = &mut world.application.as_mut().unwrap().metadata.annotations;
    *annotations = Some([("kurator.dev/on-delete".to_owned(), "orphan".to_owned())].into());
    world.step();
    assert_eq!(message(&world), "it is being taken out of its members, where its objects stay: a, b");
    world.application.as_mut().unwrap().metadata.annotations = None;
    world.step();
    let leaves = world.statuses.get_mut(&(world.unit(), name("b"))).unwrap();
    leaves.phase = UnitPhase::Removing;
    leaves.message = "4 objects are left; ConfigMap x/y stays".to_owned();
    leaves.waiting = serde_json::from_value(json!([{"cause": "OutsideRights", "count": 4}])).unwrap();
    world.step();
    let expect = "it is being taken out of its members: a, b; b: 4 objects are left; ConfigMap x/y stays";
    assert_eq!(message(&world), expect);
}
