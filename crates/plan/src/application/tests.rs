use std::collections::BTreeMap;

use api::delivery::{
    DecisionSpec, DeletionState, Deletions, Health, HubId, LinkState, MemberDecision, MemberLink, PodCounts, Question,
    Removal, RevisionSpec, UnitCounts, UnitPhase, UnitStatus,
};
use api::kurator::apps::v1alpha1::{ApplicationSpec, ApplicationStatus};
use model::MemberName;
use serde_json::json;

use super::*;
use crate::reach::{MemberFacts, Reach};
use crate::sibling::{Claim, Stuck};
use crate::unit::{Observed, Plan, REVISIONS_KEPT, Rendered, Report, scopes, wanted};

mod held;
mod news;
mod pair;
mod place;
mod sibling;
mod source;
mod state;

/// When members report.
fn reported() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn hub() -> HubId {
    "hub".parse().unwrap()
}

fn name(text: &str) -> MemberName {
    text.parse().unwrap()
}

fn application(policies: serde_json::Value) -> Application {
    let spec: ApplicationSpec = serde_json::from_value(json!({
        "source": {"gitRepository": {"url": "https://x", "interval": "1m"}},
        "destination": {"fleet": "f"},
        "syncPolicies": policies,
    }))
    .unwrap();
    let mut application = Application::new("shop", spec);
    application.metadata.namespace = Some("default".into());
    application.metadata.generation = Some(1);
    // What is held against edits has tests of its own.
    application.metadata.annotations =
        Some(BTreeMap::from([(api::kurator::annotation::REMOVALS.to_owned(), "1000".to_owned())]));
    application.metadata.finalizers = Some(vec![api::kurator::annotation::APPLICATION_FINALIZER.into()]);
    application
}

fn one_policy() -> serde_json::Value {
    json!([{"name": "p", "kustomization": {"interval": "1m", "prune": true, "path": "./a"}}])
}

fn artifact(commit: &str) -> Artifact {
    Artifact {
        digest: Digest::of(commit.as_bytes()),
        revision: format!("main@sha1:{commit}"),
        url: "https://x".into(),
        secret: None,
        ignore: None,
        submodules: false,
    }
}

fn candidate(member: &str) -> Candidate {
    Candidate { name: member.into(), member: Some(name(member)), ..Candidate::default() }
}

/// A hub that keeps what plans say, so that a test can go on from there.
struct World {
    application: Option<Application>,
    hub: HubId,
    fleet: FleetFacts,
    source: SourceFacts,
    revisions: BTreeMap<String, RevisionSpec>,
    decisions: BTreeMap<String, DecisionSpec>,
    statuses: BTreeMap<(UnitId, MemberName), UnitStatus>,
    members: BTreeMap<MemberName, MemberFacts>,
    rendered: Option<Rendered>,
    claims: Vec<Claim>,
    /// Each step is a second later than the one before.
    now: Timestamp,
}

impl World {
    fn new(policies: serde_json::Value, members: &[&str]) -> Self {
        Self {
            application: Some(application(policies)),
            hub: hub(),
            fleet: FleetFacts::Found(members.iter().map(|m| candidate(m)).collect()),
            source: SourceFacts { artifact: Some(artifact("c1")), ..SourceFacts::default() },
            revisions: BTreeMap::new(),
            decisions: BTreeMap::new(),
            statuses: BTreeMap::new(),
            members: members.iter().map(|m| (name(m), MemberFacts::new(Reach::Reachable))).collect(),
            rendered: Some(Rendered::Payload { digest: Digest::of(b"payload"), objects: 2, remotes: BTreeMap::new() }),
            claims: Vec::new(),
            now: reported(),
        }
    }

    fn step(&mut self) -> (Plan, Report) {
        self.now = Timestamp::from_second(self.now.as_second() + 1).unwrap();
        let members = self.members.clone();
        let owner = owner("default", "shop");
        let application = self.application.as_ref();
        let units = application.map(|a| units(a, &self.fleet, &self.source)).unwrap_or_default();
        let mut observed = Observed {
            owner: &owner,
            facts: owner_facts(application, None),
            units: &units,
            hub: &self.hub,
            revisions: self.revisions.clone(),
            decisions: self.decisions.clone(),
            statuses: self.statuses.clone(),
            members: members.clone(),
            rendered: BTreeMap::new(),
            lost: BTreeMap::new(),
            claims: self.claims.clone(),
            renderer: "1",
        };
        for want in wanted(&observed, self.now) {
            if let Some(rendered) = &self.rendered {
                observed.rendered.insert(want.revision.unit.clone(), rendered.clone());
            }
        }
        let (plan, report) = crate::unit::plan(&observed, self.now);
        self.revisions.extend(plan.create_revisions.clone());
        self.decisions.extend(plan.write_decisions.clone());
        plan.delete_decisions.iter().for_each(|n| drop(self.decisions.remove(n)));
        plan.delete_revisions.iter().for_each(|n| drop(self.revisions.remove(n)));
        self.write_status(&members);
        (plan, report)
    }

    /// What the two controllers write that share the status.
    fn write_status(&mut self, members: &BTreeMap<MemberName, MemberFacts>) {
        self.write_source();
        self.write_fold(members);
    }

    fn write_source(&mut self) {
        let Some(application) = &mut self.application else { return };
        let SourcePart { conditions, source_status, last_handled_sync } =
            source_part(application, &self.source, &[], application.metadata.generation, self.now);
        let mut status = application.status.clone().unwrap_or_default();
        status.conditions.retain(|c| !SourcePart::CONDITIONS.contains(&c.type_.as_str()));
        status.conditions.extend(conditions);
        application.status = Some(ApplicationStatus { source_status, last_handled_sync, ..status });
    }

    fn write_fold(&mut self, members: &BTreeMap<MemberName, MemberFacts>) {
        let Some(mut application) = self.application.clone() else { return };
        let revisions = self.revisions.iter();
        let facts = FoldFacts {
            application: &application,
            decisions: &self.decisions,
            revisions: revisions.map(|(n, r)| (n.clone(), r.inputs.source_revision().to_owned())).collect(),
            statuses: &self.statuses,
            members,
        };
        let Fold { conditions, sync_status, truncated, observed_generation, summary, held } =
            fold(&facts, self.now).unwrap();
        let mut status = application.status.clone().unwrap();
        status.conditions.retain(|c| !Fold::CONDITIONS.contains(&c.type_.as_str()));
        status.conditions.extend(conditions);
        status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
        application.status =
            Some(ApplicationStatus { sync_status, truncated, observed_generation, summary, held, ..status });
        self.application = Some(application);
    }

    fn unit(&self) -> UnitId {
        "apps.kurator.dev/Application/default/shop/p".parse().unwrap()
    }

    fn members_of(&self) -> Vec<(String, u64, Removal)> {
        let all = self.decisions.values().flat_map(|d| &d.members);
        all.map(|(m, e)| (m.to_string(), e.epoch, e.removal)).collect()
    }

    /// A report that says nothing.
    fn status(&self) -> UnitStatus {
        UnitStatus {
            revision: String::new(),
            epoch: 0,
            asked: Question::default(),
            applied: None,
            phase: UnitPhase::Pending,
            health: Health::Unknown,
            objects: UnitCounts::default(),
            pods: PodCounts::default(),
            since: reported(),
            reason: String::new(),
            message: String::new(),
            waiting_on: None,
            waiting: Vec::new(),
            held: None,
            unweighed: false,
            unlisted: false,
            heirs: Vec::new(),
            reverts: 0,
            reverts_counted: None,
            deleted: 0,
            deleted_counted: None,
            adopted: api::delivery::ObjectSet::default(),
            kept: api::delivery::ObjectSet::default(),
            unmade: api::delivery::ObjectSet::default(),
            last_drift: None,
            reflected: None,
        }
    }

    /// A member reports what its decision wants, or that it removed it.
    fn report(&mut self, member: &str) {
        let entry = self.decisions.values().find_map(|d| d.members.get(&name(member))).unwrap();
        let status = UnitStatus {
            revision: entry.revision.clone(),
            epoch: entry.epoch,
            asked: entry.question(),
            applied: entry.digest,
            phase: if entry.removal == Removal::None { UnitPhase::Applied } else { UnitPhase::Removed },
            health: Health::Healthy,
            objects: UnitCounts { desired: 2, ..UnitCounts::default() },
            ..self.status()
        };
        self.statuses.insert((self.unit(), name(member)), status);
    }

    fn ready(&self) -> (String, String) {
        let status = self.application.as_ref().unwrap().status.as_ref().unwrap();
        let ready = api::condition::find(&status.conditions, "Ready").unwrap();
        (ready.status.clone(), ready.reason.clone())
    }
}

#[test]
fn a_first_fetch_places_the_first_revision_and_then_nothing_is_written() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    let (plan, _) = world.step();
    assert_eq!(plan.create_revisions.len(), 1);
    assert_eq!(world.members_of(), [("a".into(), 1, Removal::None), ("b".into(), 1, Removal::None)]);
    assert_eq!(world.ready(), ("False".into(), "Pending".into()));
    world.report("a");
    world.report("b");
    let (plan, _) = world.step();
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(world.ready(), ("True".into(), "ReconciliationSucceeded".into()));
    let status = |w: &World| w.application.as_ref().unwrap().status.clone();
    let settled = status(&world);
    assert!(world.step().0.is_settled());
    assert_eq!(status(&world), settled, "a second look changes nothing");
}

#[test]
fn a_commit_makes_the_next_epoch_and_a_policy_that_renders_the_same_inputs_does_not() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.application.as_mut().unwrap().spec.sync_policies[0].kustomization.as_mut().unwrap().interval = "9m".into();
    assert!(world.step().0.is_settled(), "the interval is no input of rendering");
    world.source.artifact = Some(artifact("c2"));
    world.step();
    assert_eq!(world.members_of(), [("a".into(), 2, Removal::None)]);
}

#[test]
fn what_runs_stays_when_the_source_the_fleet_or_rendering_fails() {
    type Break = fn(&mut World);
    let fail: [(&str, Break); 3] = [
        ("BuildFailed", |w| {
            w.source.artifact = Some(artifact("c2"));
            w.rendered = Some(Rendered::Failed("a/x.yaml: no kind".into()));
        }),
        ("FleetNotFound", |w| w.fleet = FleetFacts::Missing("f".into())),
        ("SourceNotReady", |w| w.rendered = None),
    ];
    for (reason, break_it) in fail {
        let mut world = World::new(one_policy(), &["a"]);
        world.step();
        break_it(&mut world);
        let (plan, _) = world.step();
        assert_eq!(world.members_of(), [("a".into(), 1, Removal::None)], "{reason}");
        assert!(world.decisions.values().all(|d| d.frozen.is_some()), "{reason}: deletions are frozen");
        assert!(plan.create_revisions.is_empty(), "{reason}");
        assert_eq!(world.ready(), ("False".into(), reason.into()));
    }
}

#[test]
fn a_member_that_leaves_keeps_a_tombstone_until_it_is_done() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.step();
    assert_eq!(world.members_of(), [("a".into(), 1, Removal::None), ("b".into(), 1, Removal::Prune)]);
    assert!(world.step().0.is_settled(), "it waits");
    world.report("b");
    world.step();
    assert_eq!(world.members_of(), [("a".into(), 1, Removal::None)]);
}

#[test]
fn a_member_keeps_the_time_at_which_it_was_given_the_unit_until_it_leaves() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    let earlier = Timestamp::from_second(1).unwrap();
    let entries = world.decisions.values_mut().flat_map(|d| d.members.values_mut());
    entries.for_each(|entry| entry.placed = Some(earlier));
    let of_entries = |world: &World, time: fn(&MemberDecision) -> Option<Timestamp>| -> Vec<Option<Timestamp>> {
        world.decisions.values().flat_map(|d| d.members.values()).map(time).collect()
    };
    let placed = |world: &World| of_entries(world, |entry| entry.placed);
    let known_since = |world: &World| of_entries(world, |entry| entry.known_since);
    assert!(world.step().0.is_settled());
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.step();
    assert_eq!(placed(&world), [Some(earlier), Some(earlier)], "a tombstone is of its placement");
    world.fleet = FleetFacts::Found(vec![candidate("a"), candidate("b")]);
    world.step();
    assert_eq!(placed(&world), [Some(earlier), Some(world.now)]);
    assert_eq!(known_since(&world), [None, Some(earlier)], "it had not left when it was given again");
    world.source.artifact = Some(artifact("c2"));
    world.step();
    assert_eq!(known_since(&world), [None, Some(earlier)]);
}

#[test]
fn a_member_whose_record_is_gone_is_forgotten() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.members.remove(&name("b"));
    let (plan, _) = world.step();
    assert_eq!(world.members_of(), [("a".into(), 1, Removal::None)]);
    let trigger = plan.write_decisions[0].1.trigger.clone().unwrap();
    assert_eq!((trigger.cause, trigger.message.as_str()), (api::delivery::TriggerCause::MemberLost, "no record: b"));
}

#[test]
fn deleting_the_application_waits_for_members_that_answer_only() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
    world.application.as_mut().unwrap().metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    let (plan, _) = world.step();
    assert_eq!(plan.finalizer, None, "a answers and has not removed it yet");
    world.report("a");
    let (plan, _) = world.step();
    assert_eq!(plan.finalizer, Some(false), "b keeps its tombstone");
    world.application = None;
    world.revisions.clear();
    assert!(world.step().0.is_settled());
    assert_eq!(world.members_of(), [("b".into(), 1, Removal::Prune)]);
    world.members.insert(name("b"), MemberFacts::new(Reach::Reachable));
    world.report("b");
    world.step();
    assert!(world.decisions.is_empty());
}

#[test]
fn an_epoch_is_never_used_twice_even_when_the_application_was_deleted_in_between() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.source.artifact = Some(artifact("c2"));
    world.step();
    world.report("a");
    world.revisions.clear();
    world.decisions.clear();
    world.step();
    assert_eq!(world.members_of(), [("a".into(), 3, Removal::None)]);
}

#[test]
fn without_prune_what_leaves_is_released() {
    let mut policies = one_policy();
    policies[0]["kustomization"]["prune"] = json!(false);
    let mut world = World::new(policies, &["a"]);
    world.step();
    world.fleet = FleetFacts::Found(Vec::new());
    world.step();
    assert_eq!(world.members_of(), [("a".into(), 1, Removal::Release)]);
}

#[test]
fn a_silent_member_makes_the_application_unknown_never_green() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.report("a");
    world.report("b");
    world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
    world.step();
    assert_eq!(world.ready(), ("Unknown".into(), "MemberUnknown".into()));
}

/// A member may answer its prober while its applier is kept out: then drift is neither seen nor reverted.
#[test]
fn a_member_whose_applier_is_kept_out_is_never_green() {
    let link = |state| MemberLink { state, message: "secrets is forbidden".into(), since: reported() };
    for (state, status, reason, message) in [
        (LinkState::Connected, "True", "ReconciliationSucceeded", "2 of 2 ready"),
        (LinkState::Unreachable, "Unknown", "MemberUnknown", "nothing is known of b; 1 of 2 ready"),
        (
            LinkState::Blocked,
            "False",
            "MemberBlocked",
            "b: the member is not delivered to since 2026-01-01T00:00:00Z: secrets is forbidden; 1 of 2 ready",
        ),
    ] {
        let mut world = World::new(one_policy(), &["a", "b"]);
        world.step();
        world.report("a");
        world.report("b");
        world.members.get_mut(&name("b")).unwrap().link = Some(link(state));
        world.step();
        assert_eq!(world.ready(), (status.into(), reason.into()), "{state:?}");
        let status = world.application.as_ref().unwrap().status.clone().unwrap();
        assert_eq!(api::condition::find(&status.conditions, "Ready").unwrap().message, message);
    }
    let mut world = World::new(one_policy(), &["b"]);
    world.step();
    world.report("b");
    world.members.get_mut(&name("b")).unwrap().link = Some(link(LinkState::Unreachable));
    world.step();
    let status = world.application.unwrap().status.unwrap();
    let message = &status.sync_status[0].kustomization_status.as_ref().unwrap().conditions[0].message;
    let words = "the member answers, but not its applier since 2026-01-01T00:00:00Z: secrets is forbidden; last known: Applied Healthy";
    assert_eq!(message, words);
}

#[test]
fn two_policies_of_one_name_place_nothing_new() {
    let policy = one_policy()[0].clone();
    let mut world = World::new(json!([policy, policy]), &["a"]);
    let (plan, _) = world.step();
    assert!(plan.create_revisions.is_empty() && world.members_of().is_empty());
    assert_eq!(world.ready(), ("False".into(), "DuplicatePolicyName".into()));
    assert!(world.step().0.is_settled());
}

#[test]
fn held_deletions_are_shown_and_an_approval_counts_only_for_that_list() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.report("a");
    let list = |text: &str| Deletions {
        digest: Digest::of(text.as_bytes()),
        count: 3,
        sample: vec!["Deployment.apps shop/web".into()],
        guarded: 1,
        ..wiped(3, false)
    };
    let key = (world.unit(), name("a"));
    world.statuses.get_mut(&key).unwrap().held = Some(list("one"));
    world.step();
    assert_eq!(world.ready(), ("False".into(), "DeletionsHeld".into()));
    let held = world.application.as_ref().unwrap().status.as_ref().unwrap().held.clone();
    assert_eq!(held[0].members, ["a: Deployment.apps shop/web and 2 more"]);
    let annotations = BTreeMap::from([(api::kurator::annotation::APPROVE.to_owned(), held[0].digest.clone())]);
    world.application.as_mut().unwrap().metadata.annotations = Some(annotations);
    world.step();
    let approved = |w: &World| w.decisions.values().next().unwrap().approved;
    assert_eq!(approved(&world).map(|d| d.to_string()), Some(held[0].digest.clone()));
    world.statuses.get_mut(&key).unwrap().held = Some(list("another"));
    world.step();
    assert_eq!(approved(&world), None, "another list needs another approval");
}

#[test]
fn a_held_list_that_may_still_grow_says_so() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.report("a");
    let key = (world.unit(), name("a"));
    world.statuses.get_mut(&key).unwrap().held = Some(Deletions {
        digest: Digest::of(b"one"),
        count: 3,
        sample: vec!["Deployment.apps shop/web".into()],
        guarded: 1,
        ..wiped(3, false)
    });
    let held = |world: &mut World| {
        world.step();
        let status = world.application.as_ref().unwrap().status.clone().unwrap();
        let message = api::condition::find(&status.conditions, api::condition::DELETIONS_HELD).unwrap().message.clone();
        (status.held[0].waiting_on.clone(), message)
    };
    let (waiting, message) = held(&mut world);
    assert_eq!(waiting, ["b"]);
    assert!(
        message.ends_with("not reported yet: b; then `kurator approve app/shop -n default` releases the whole list"),
        "{message}"
    );
    world.report("b");
    let (waiting, message) = held(&mut world);
    assert_eq!(waiting, [""; 0]);
    assert!(message.ends_with("`kurator approve app/shop -n default` releases exactly these"), "{message}");
}

#[test]
fn only_the_last_revisions_are_kept() {
    let mut world = World::new(one_policy(), &["a"]);
    for n in 0..15 {
        world.source.artifact = Some(artifact(&format!("c{n}")));
        world.step();
    }
    world.step();
    assert_eq!(world.revisions.len(), REVISIONS_KEPT);
}

#[test]
fn a_policy_that_gets_another_name_leaves_one_revision_whose_epoch_goes_on() {
    let policy =
        |name: &str| json!([{"name": name, "kustomization": {"interval": "1m", "prune": true, "path": "./a"}}]);
    let mut world = World::new(policy("p"), &["a"]);
    for commit in ["c2", "c3"] {
        world.step();
        world.source.artifact = Some(artifact(commit));
    }
    world.step();
    world.step();
    let epochs = |world: &World| {
        let of = |(_, r): (&String, &RevisionSpec)| (r.unit.policy.clone().unwrap(), r.epoch);
        let mut all: Vec<_> = world.revisions.iter().map(of).collect();
        all.sort();
        all
    };
    assert_eq!(epochs(&world), [("p".to_owned(), 2), ("p".to_owned(), 3)]);
    world.application = Some(application(policy("q")));
    world.step();
    world.report("a");
    world.members.remove(&name("a"));
    world.step();
    world.step();
    assert_eq!(epochs(&world), [("p".to_owned(), 3), ("q".to_owned(), 1)]);
    world.application = Some(application(policy("p")));
    world.step();
    assert_eq!(
        epochs(&world).first(),
        Some(&("p".to_owned(), 3)),
        "the newest one is taken again, or a later one is made"
    );
}

#[test]
fn a_thousand_members_fill_slices_of_a_hundred_and_stay_in_them() {
    let names: Vec<String> = (0..250).map(|n| format!("m{n:03}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(one_policy(), &refs);
    world.step();
    assert_eq!(world.decisions.values().map(|d| d.members.len()).collect::<Vec<_>>(), [100, 100, 50]);
    world.fleet = FleetFacts::Found(refs[1..].iter().map(|m| candidate(m)).collect());
    world.members.remove(&name("m000"));
    let (plan, _) = world.step();
    assert_eq!(plan.write_decisions.len(), 1, "only the slice of the member that left is written");
}

#[test]
fn an_application_of_which_a_policy_is_not_delivered_is_never_ready() {
    let helm = || json!({"name": "h", "helm": {"interval": "1m"}});
    let mut world = World::new(json!([helm()]), &["a"]);
    world.step();
    assert_eq!(world.ready(), ("False".into(), "NotImplemented".into()));
    let mut both = one_policy();
    both.as_array_mut().unwrap().push(helm());
    let mut world = World::new(both, &["a"]);
    world.step();
    world.report("a");
    world.step();
    assert_eq!(world.ready(), ("False".into(), "NotImplemented".into()));
}

#[test]
fn a_policy_may_have_a_long_name_in_any_alphabet() {
    let policy = json!([{"name": "é".repeat(100), "kustomization": {"interval": "1m", "prune": true, "path": "./a"}}]);
    let mut world = World::new(policy, &["a"]);
    world.step();
    let status = world.application.unwrap().status.unwrap();
    let name = &status.sync_status[0].name;
    assert!(name.chars().count() == 63 && name.starts_with(&format!("{}-", "é".repeat(52))), "{name}");
}

#[test]
fn a_member_is_placed_by_its_new_unit_before_the_old_one_loses_it() {
    // The new name sorts after the old one, and the old unit gets a member at the same time as it loses another.
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    let policy = |name: &str| json!({"name": name, "kustomization": {"interval": "1m", "prune": true, "path": "./a"}});
    world.application = Some(application(json!([policy("q")])));
    let (plan, _) = world.step();
    let writes: Vec<_> = plan
        .write_decisions
        .iter()
        .map(|(_, d)| (d.unit.policy.clone().unwrap(), d.members[&name("a")].removal == Removal::None))
        .collect();
    assert_eq!(writes, [("q".to_owned(), true), ("p".to_owned(), false)]);

    let select = |name: &str, size: &str| {
        let mut policy = policy(name);
        policy["destination"] = json!({"fleet": "f", "clusterSelector": {"matchLabels": {"size": size}}});
        policy
    };
    let sized = |member: &str, size: &str| Candidate {
        labels: BTreeMap::from([("size".to_owned(), size.to_owned())]),
        ..candidate(member)
    };
    let mut world = World::new(json!([select("p", "s"), select("q", "l")]), &["a", "b"]);
    world.fleet = FleetFacts::Found(vec![sized("a", "s"), sized("b", "l")]);
    world.step();
    world.fleet = FleetFacts::Found(vec![sized("a", "l"), sized("b", "s")]);
    let (plan, _) = world.step();
    let placed: Vec<(String, usize)> = plan
        .write_decisions
        .iter()
        .map(|(_, d)| {
            let staying = d.members.values().filter(|e| e.removal == Removal::None).count();
            (d.unit.policy.clone().unwrap(), staying)
        })
        .collect();
    assert_eq!(placed, [("p".into(), 2), ("q".into(), 2), ("p".into(), 1), ("q".into(), 1)]);
}

#[test]
fn what_was_to_be_left_behind_stays_when_its_member_comes_back_after_the_application_is_gone() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.members.insert(name("a"), MemberFacts::new(Reach::Unknown));
    let application = world.application.as_mut().unwrap();
    application.metadata.annotations =
        Some(BTreeMap::from([(api::kurator::annotation::ON_DELETE.to_owned(), "orphan".to_owned())]));
    application.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert_eq!(world.step().0.finalizer, Some(false));
    world.application = None;
    world.step();
    world.members.insert(name("a"), MemberFacts::new(Reach::Reachable));
    world.step();
    assert_eq!(world.members_of(), [("a".into(), 1, Removal::Release)]);
    // The garbage collector leaves revisions of one that was deleted with `--cascade=orphan`.
    assert!(!world.revisions.is_empty());
    world.report("a");
    world.step();
    world.step();
    assert!(world.decisions.is_empty() && world.revisions.is_empty());
}

#[test]
fn an_application_whose_finalizer_was_taken_off_deletes_nothing() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.application = None;
    world.step();
    assert_eq!(world.members_of(), [("a".into(), 1, Removal::Release)]);
}

fn wiped(objects: u32, behind: bool) -> Deletions {
    Deletions {
        digest: Digest::of(b"all"),
        count: objects,
        sample: vec!["ConfigMap shop/c".into()],
        guarded: 0,
        behind,
        unshown: false,
        untaken: false,
        left: 0,
        released: 0,
        state: DeletionState::Waiting,
        objects: None,
    }
}

#[test]
fn a_member_that_is_away_does_not_hide_that_a_commit_empties_the_unit() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.report("a");
    world.report("b");
    world.source.artifact = Some(artifact("c2"));
    world.rendered = Some(Rendered::Payload { digest: Digest::of(b"nothing"), objects: 0, remotes: BTreeMap::new() });
    world.members.insert(name("b"), MemberFacts::new(Reach::Unknown));
    world.step();
    world.report("a");
    let key = (world.unit(), name("a"));
    let status = world.statuses.get_mut(&key).unwrap();
    status.objects = UnitCounts { desired: 0, inventory: 2, ..UnitCounts::default() };
    status.held = Some(wiped(2, false));
    // What b last said is that it has two objects of the revision before.
    world.step();
    assert_eq!(world.ready(), ("False".into(), "DeletionsHeld".into()));
}

#[test]
fn an_object_that_is_stuck_in_one_member_does_not_hold_up_the_others() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.report("a");
    world.report("b");
    let scopes = |world: &World| {
        let status_of = |u: &UnitId, m: &MemberName| world.statuses.get(&(u.clone(), m.clone())).cloned();
        scopes(&world.unit(), world.decisions.values(), status_of, |_| true)
    };
    let mut reported = |phase| {
        let key = (world.unit(), name("b"));
        world.statuses.get_mut(&key).unwrap().phase = phase;
        scopes(&world)[1].report.is_some()
    };
    assert!(reported(UnitPhase::Applying), "it has said what it would delete");
    assert!(!reported(UnitPhase::Waiting), "it has not come to that yet");
    assert!(!reported(UnitPhase::Unknown));
}

#[test]
fn what_leaves_waits_for_a_person_when_the_hub_is_behind_also_while_the_application_goes() {
    let mut world = World::new(one_policy(), &["a", "b"]);
    world.step();
    world.report("a");
    world.report("b");
    world.fleet = FleetFacts::Found(vec![candidate("a")]);
    world.step();
    let report = |world: &mut World| {
        world.report("b");
        let removing = world.statuses.get_mut(&(world.unit(), name("b"))).unwrap();
        (removing.phase, removing.held) = (UnitPhase::Removing, Some(wiped(12, true)));
        world.step();
    };
    report(&mut world);
    assert_eq!(world.ready(), ("False".into(), "DeletionsHeld".into()));
    // It is asked for as well when the whole Application goes.
    world.application.as_mut().unwrap().metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    world.step();
    // It is asked another question now, since all may go with its owner.
    report(&mut world);
    let held = world.application.as_ref().unwrap().status.as_ref().unwrap().held.clone();
    assert_eq!((held[0].policy.as_str(), held[0].count), ("p", 12));
    let annotations = BTreeMap::from([(api::kurator::annotation::APPROVE.to_owned(), held[0].digest.clone())]);
    world.application.as_mut().unwrap().metadata.annotations = Some(annotations);
    world.step();
    let approved = world.decisions.values().next().unwrap().approved;
    assert_eq!(approved.map(|d| d.to_string()), Some(held[0].digest.clone()));
}

#[test]
fn a_revision_that_a_member_did_not_apply_is_not_called_applied_or_ready() {
    let last = |world: &World| {
        let status = world.application.as_ref().unwrap().status.as_ref().unwrap();
        status.sync_status[0].kustomization_status.as_ref().unwrap().last_applied_revision.clone()
    };
    for phase in [UnitPhase::Suspended, UnitPhase::Failed] {
        let mut world = World::new(one_policy(), &["a"]);
        world.step();
        world.report("a");
        world.step();
        assert_eq!((last(&world), world.ready().0), (Some("main@sha1:c1".into()), "True".into()));
        let key = (world.unit(), name("a"));
        let before = world.statuses[&key].applied;
        world.source.artifact = Some(artifact("c2"));
        world.rendered =
            Some(Rendered::Payload { digest: Digest::of(b"changed"), objects: 2, remotes: BTreeMap::new() });
        world.step();
        world.report("a");
        let status = world.statuses.get_mut(&key).unwrap();
        (status.phase, status.applied) = (phase, before);
        world.step();
        assert_eq!((last(&world), world.ready().0), (Some("main@sha1:c1".into()), "False".into()), "{phase}");
    }
}

#[test]
fn an_application_that_is_fought_over_or_on_its_way_out_is_not_ready() {
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.report("a");
    let key = (world.unit(), name("a"));
    world.statuses.get_mut(&key).unwrap().reason = api::reason::CONTESTED.to_owned();
    world.step();
    assert_eq!(world.ready(), ("False".into(), "Contested".into()));
    // The payload has another version of what is fought over.
    world.statuses.get_mut(&key).unwrap().phase = UnitPhase::Applying;
    world.step();
    assert_eq!(world.ready(), ("False".into(), "Contested".into()));
    world.application.as_mut().unwrap().metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    world.step();
    assert_eq!(world.ready(), ("False".into(), "Deleting".into()));
}
