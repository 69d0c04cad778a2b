use std::collections::BTreeMap;

use api::delivery::{
    ApplierCount, ArtifactInputs, ChangedField, DeletionState, Deletions, DriftRecord, Health, LinkState, MemberLink,
    Missing, ObjectsWaiting, PodCounts, Question, TriggerCause, UnitCounts, UnitPhase, WaitingCause,
};
use api::feed::UnitReport as Reported;
use serde_json::json;

use super::*;
use crate::reach::{MemberFacts, Reach};

mod again;
mod away;
mod cluster;
mod consent;
mod counted;
mod deleted;
mod edit;
mod empty;
mod handover;
mod kept;
mod missing;
mod news;
mod on_the_way;
mod overdue;
mod place;
mod question;
mod remote;
mod sibling;
mod undecided;
mod untaken;

fn later() -> Timestamp {
    "2026-02-01T00:00:00Z".parse().unwrap()
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn name(text: &str) -> MemberName {
    text.parse().unwrap()
}

fn tree(commit: &str, path: &str) -> Inputs {
    let artifact = api::delivery::Artifact {
        digest: Digest::of(commit.as_bytes()),
        revision: format!("main@sha1:{commit}"),
        url: "https://x".into(),
        secret: None,
        ignore: None,
        submodules: false,
    };
    let kustomize = serde_json::from_value(json!({"path": path})).unwrap();
    Inputs::Artifact(ArtifactInputs { artifact, kustomize, remotes: BTreeMap::new() })
}

/// A hub that keeps what plans say.
struct World {
    owner: Owner,
    facts: OwnerFacts,
    units: Vec<UnitSpec>,
    hub: HubId,
    revisions: BTreeMap<String, RevisionSpec>,
    decisions: BTreeMap<String, DecisionSpec>,
    statuses: BTreeMap<(UnitId, MemberName), UnitStatus>,
    members: BTreeMap<MemberName, MemberFacts>,
    renderer: &'static str,
    /// Units whose artifact is being fetched again.
    on_the_way: Vec<UnitId>,
    /// Inputs that were not rendered before cannot be.
    is_broken: bool,
    /// Nothing is in what is rendered of this unit.
    emptied: Option<UnitId>,
    /// What units use of other machines.
    uses: Vec<&'static str>,
    /// The same inputs are the same payload, whatever the unit.
    by_inputs: bool,
    /// What members that do not answer are known to lose.
    lost: BTreeMap<(UnitId, MemberName), Vec<Arc<HashedKey>>>,
    /// What others of the same source are to have.
    claims: Vec<Claim>,
    /// For whom the last plan waits.
    waits_for: Vec<String>,
    /// Each step is a second later than the one before.
    now: Timestamp,
}

/// What of the remotes in inputs is used.
fn remotes_of(inputs: &Inputs, uses: &[&str]) -> BTreeMap<String, RemoteInput> {
    let Inputs::Artifact(inputs) = inputs else { return BTreeMap::new() };
    inputs.remotes.clone().into_iter().filter(|(id, _)| uses.contains(&id.as_str())).collect()
}

/// Inputs with something of other machines: id and content.
fn with_remotes(inputs: Inputs, remotes: &[(&str, &str)]) -> Inputs {
    let Inputs::Artifact(mut inputs) = inputs else { return inputs };
    let fetched = |content: &str| RemoteInput {
        digest: Digest::of(content.as_bytes()),
        revision: Some(format!("main@sha1:{content}")),
    };
    inputs.remotes = remotes.iter().map(|(id, content)| ((*id).to_owned(), fetched(content))).collect();
    Inputs::Artifact(inputs)
}

impl World {
    /// One unit of an owner whose kind nothing here knows.
    fn new(members: &[&str]) -> Self {
        let owner = Owner::new("g.example", "Plugin", "ns", "o");
        let unit = UnitSpec {
            id: owner.unit(None),
            inputs: Some(tree("c1", "./a")),
            placement: Placement::Missing(WaitingOn::new(Missing::Fleet, "f")),
            prune: true,
            by_place: false,
            suspend: false,
            force: false,
            overwrite: false,
            frozen: None,
        };
        let facts = OwnerFacts {
            state: OwnerState::Live,
            has_finalizer: true,
            approved: Vec::new(),
            consents: Vec::new(),
            shown: Vec::new(),
            // What is held is the matter of `edit`; here units leave members at once.
            removals: u32::MAX,
            edited_by: Some("kubectl".into()),
        };
        let mut world = Self {
            owner,
            facts,
            units: vec![unit],
            hub: "hub".parse().unwrap(),
            revisions: BTreeMap::new(),
            decisions: BTreeMap::new(),
            statuses: BTreeMap::new(),
            members: members.iter().map(|m| (name(m), MemberFacts::new(Reach::Reachable))).collect(),
            renderer: "1",
            on_the_way: Vec::new(),
            is_broken: false,
            emptied: None,
            uses: Vec::new(),
            by_inputs: false,
            lost: BTreeMap::new(),
            claims: Vec::new(),
            waits_for: Vec::new(),
            now: now(),
        };
        world.place(members);
        world
    }

    fn place(&mut self, members: &[&str]) {
        let candidate = |m: &&str| Candidate { name: (*m).to_owned(), member: Some(name(m)), ..Candidate::default() };
        let rules = Rules { list: "fleet f".into(), match_labels: BTreeMap::new() };
        self.units[0].placement = Placement::Rules(rules, members.iter().map(candidate).collect());
    }

    fn step(&mut self) -> Plan {
        self.step_asking().0
    }

    /// Says too of whom it is to be found out what they would delete.
    fn step_asking(&mut self) -> (Plan, Vec<Unanswered>) {
        self.now = Timestamp::from_second(self.now.as_second() + 1).unwrap();
        let mut observed = Observed {
            owner: &self.owner,
            facts: self.facts.clone(),
            units: if self.facts.state == OwnerState::Live { &self.units } else { &[] },
            hub: &self.hub,
            revisions: self.revisions.clone(),
            decisions: self.decisions.clone(),
            statuses: self.statuses.clone(),
            members: self.members.clone(),
            rendered: BTreeMap::new(),
            lost: self.lost.clone(),
            claims: self.claims.clone(),
            renderer: self.renderer,
        };
        for want in wanted(&observed, self.now) {
            let remotes = remotes_of(&want.revision.inputs, &self.uses);
            let inputs = format!("{:?}", want.revision.inputs);
            let what = if self.by_inputs { inputs.as_bytes() } else { want.name.as_bytes() };
            let objects = usize::from(self.emptied.as_ref() != Some(&want.revision.unit));
            let payload = Rendered::Payload { digest: Digest::of(what), objects, remotes };
            let waits = self.on_the_way.contains(&want.revision.unit);
            let payload = match () {
                () if waits => Rendered::OnTheWay,
                () if self.is_broken && want.is_new => Rendered::Failed("a.yaml: line 2".into()),
                () => payload,
            };
            observed.rendered.insert(want.revision.unit.clone(), payload);
        }
        let asked = unanswered(&observed);
        let (plan, report) = plan(&observed, self.now);
        self.waits_for = report.waits_for.keys().map(|owner| owner.name.clone()).collect();
        self.revisions.extend(plan.create_revisions.clone());
        self.decisions.extend(plan.write_decisions.clone());
        plan.delete_decisions.iter().for_each(|n| drop(self.decisions.remove(n)));
        plan.delete_revisions.iter().for_each(|n| drop(self.revisions.remove(n)));
        (plan, asked)
    }

    fn entry(&self, member: &str) -> &api::delivery::MemberDecision {
        self.decisions.values().find_map(|d| d.members.get(&name(member))).unwrap()
    }

    fn first_slice(&self) -> &DecisionSpec {
        self.decisions.values().find(|d| d.slice == 0).unwrap()
    }

    fn trigger(&mut self) -> (TriggerCause, String) {
        let plan = self.step();
        let trigger = plan.write_decisions[0].1.trigger.clone().unwrap();
        (trigger.cause, trigger.message)
    }

    fn report(&mut self, member: &str, phase: UnitPhase, held: Option<Deletions>) {
        let (entry, desired) = (self.entry(member), 20);
        let inventory = desired + held.as_ref().map_or(0, |d| d.count);
        let status = UnitStatus {
            revision: entry.revision.clone(),
            epoch: entry.epoch,
            asked: entry.question(),
            held,
            objects: UnitCounts { desired, inventory, ..UnitCounts::default() },
            ..status(phase)
        };
        self.statuses.insert((self.owner.unit(None), name(member)), status);
    }
}

fn status(phase: UnitPhase) -> UnitStatus {
    UnitStatus {
        revision: "r".into(),
        epoch: 1,
        asked: Question::default(),
        applied: None,
        phase,
        health: Health::Healthy,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        since: now(),
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

fn list(text: &str, count: u32) -> Deletions {
    Deletions { digest: Digest::of(text.as_bytes()), count, ..crate::prune::deletions(&[], 0, false) }
}

#[test]
fn a_unit_of_any_owner_is_placed_and_then_nothing_is_written() {
    let mut world = World::new(&["a"]);
    assert_eq!(world.step().create_revisions.len(), 1);
    assert_eq!(world.entry("a").epoch, 1);
    assert!(world.step().is_settled());
}

/// A process that starts does not know which inputs are the newest, until the source answers.
#[test]
fn inputs_that_could_not_be_rendered_stay_a_reason_until_the_source_is_heard_again() {
    for has_a_revision in [true, false] {
        let mut world = World::new(&["a"]);
        if has_a_revision {
            world.step();
        }
        (world.units[0].inputs, world.is_broken) = (Some(tree("c2", "./a")), true);
        world.step();
        let broken = world.first_slice().clone();
        assert_eq!(broken.frozen.as_deref(), Some("rendering failed"));
        world.units[0].inputs = None;
        assert!(world.step().is_settled(), "has a revision: {has_a_revision}");
        world.units[0].inputs = Some(tree("c2", "./a"));
        assert!(world.step().is_settled(), "has a revision: {has_a_revision}");
        // What the list of members or the owner says counts before it.
        let rules = world.units[0].placement.clone();
        world.units[0].inputs = None;
        world.units[0].placement = Placement::Missing(WaitingOn::new(Missing::Fleet, "f"));
        world.step();
        assert_ne!(world.first_slice().explanation, broken.explanation);
        world.units[0].placement = rules;
        // The next inputs can be rendered.
        (world.units[0].inputs, world.is_broken) = (Some(tree("c3", "./a")), false);
        world.step();
        assert_eq!((world.first_slice().frozen.clone(), world.entry("a").epoch), (None, 1 + u64::from(has_a_revision)));
    }
}

#[test]
fn members_that_somebody_else_has_chosen_are_taken_as_they_are() {
    let mut world = World::new(&["a", "b"]);
    let given = Given { replicas: Some(3), reason: "scheduled".into() };
    world.units[0].placement = Placement::Given(BTreeMap::from([(name("b"), given)]));
    world.step();
    let entry = world.entry("b");
    assert_eq!((entry.replicas, entry.reason.as_str(), world.first_slice().members.len()), (Some(3), "scheduled", 1));
}

#[test]
fn the_first_slice_explains_as_long_as_the_unit_exists() {
    let mut world = World::new(&[]);
    world.step();
    let explanation = world.first_slice().explanation.clone().unwrap();
    assert_eq!(explanation.waiting_on, [WaitingOn::new(Missing::Member, "")]);
    assert_eq!(explanation.placement, "fleet f");
    assert!(world.step().is_settled());
    world.units[0].inputs = None;
    world.units.truncate(0);
    world.step();
    assert!(world.decisions.is_empty(), "the unit is gone, and nothing of it was placed");
}

#[test]
fn candidates_that_are_passed_over_are_listed_up_to_a_limit_and_counted() {
    let mut world = World::new(&[]);
    let candidate = |n: usize| Candidate { name: format!("m{n:03}"), member: None, ..Candidate::default() };
    let candidates = (0..250).map(candidate).collect();
    world.units[0].placement = Placement::Rules(Rules::default(), candidates);
    world.step();
    let explanation = world.first_slice().explanation.clone().unwrap();
    assert_eq!((explanation.passed_over.len(), explanation.passed_over_count), (100, 250));
    assert_eq!(explanation.passed_over[0].name, "m000");
}

#[test]
fn what_caused_a_decision_is_recorded() {
    let mut world = World::new(&["a", "b"]);
    assert_eq!(world.trigger(), (TriggerCause::Source, "first revision, main@sha1:c1".into()));
    world.units[0].inputs = Some(tree("c2", "./a"));
    assert_eq!(world.trigger(), (TriggerCause::Source, "main@sha1:c2".into()));
    world.renderer = "2";
    assert_eq!(world.trigger(), (TriggerCause::Renderer, "renderer 2".into()));
    world.units[0].inputs = Some(tree("c2", "./b"));
    let plan = world.step();
    let trigger = plan.write_decisions[0].1.trigger.clone().unwrap();
    assert_eq!((trigger.cause, trigger.by.as_deref()), (TriggerCause::Edit, Some("kubectl")));
    world.units[0].suspend = true;
    assert_eq!(world.trigger().0, TriggerCause::Edit);
    world.place(&["a"]);
    assert_eq!(world.trigger(), (TriggerCause::Membership, "-b".into()));
    world.report("b", UnitPhase::Removed, None);
    assert_eq!(world.trigger(), (TriggerCause::Removal, "removed from b".into()));
    let rules = Rules { list: "fleet other".into(), match_labels: BTreeMap::new() };
    let candidate = Candidate { name: "b".into(), member: Some(name("b")), ..Candidate::default() };
    world.units[0].placement = Placement::Rules(rules, vec![candidate]);
    assert_eq!(world.trigger(), (TriggerCause::Edit, "+b, -a".into()));
    world.units[0].placement = Placement::Missing(WaitingOn::new(Missing::Fleet, "f"));
    assert_eq!(world.trigger(), (TriggerCause::Resolution, "the list of members does not exist".into()));
    world.facts.state = OwnerState::Leaving(None);
    assert_eq!(world.trigger().0, TriggerCause::Removal);
}

#[test]
fn a_grant_is_decided_once_and_stays_for_its_epoch_only() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    world.report("a", UnitPhase::Applied, Some(list("mine", 2)));
    world.step();
    assert_eq!(world.entry("a").granted, None, "b has not reported yet");
    world.report("b", UnitPhase::Applied, None);
    assert_eq!(world.trigger(), (TriggerCause::Approval, "deletions within the guard's budget".into()));
    assert_eq!(world.entry("a").granted, Some(Digest::of(b"mine")));
    assert_eq!(world.entry("b").granted, None);
    assert!(world.step().is_settled());
    // Another list at the same epoch does not take the grant back before it is weighed itself.
    world.report("a", UnitPhase::Applied, Some(list("all", 15)));
    world.report("b", UnitPhase::Applied, Some(list("as well", 15)));
    world.step();
    assert_eq!(world.entry("a").granted, Some(Digest::of(b"mine")), "30 deletions are held");
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.step();
    assert_eq!((world.entry("a").granted, world.entry("a").epoch), (None, 2));
}

#[test]
fn what_is_held_is_granted_by_the_approval_of_exactly_that_list() {
    let mut world = World::new(&["a"]);
    world.step();
    world.report("a", UnitPhase::Applied, Some(list("all", 30)));
    world.step();
    assert_eq!(world.entry("a").granted, None);
    world.facts.approved = vec![Digest::of(b"something else")];
    assert!(world.step().is_settled(), "another list was approved");
    let statuses = &world.statuses;
    let status_of = |u: &UnitId, m: &MemberName| statuses.get(&(u.clone(), m.clone())).cloned();
    let held = held(&world.owner.unit(None), world.decisions.values(), status_of, |_| true).unwrap();
    world.facts.approved = vec![held.digest];
    assert_eq!(world.trigger().0, TriggerCause::Approval);
    assert_eq!(world.entry("a").granted, Some(Digest::of(b"all")));
}

#[test]
fn a_member_whose_applier_is_kept_out_does_not_hold_up_the_others() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    world.report("a", UnitPhase::Applied, Some(list("mine", 2)));
    let link = MemberLink { state: LinkState::Blocked, message: String::new(), since: now() };
    let kept_out = MemberFacts { link: Some(link), ..MemberFacts::new(Reach::Reachable) };
    world.members.insert(name("b"), kept_out);
    world.step();
    assert_eq!(world.entry("a").granted, Some(Digest::of(b"mine")));
}

#[test]
fn a_member_that_does_not_answer_keeps_its_place_and_its_return_changes_what_it_reports_only() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    let turn = |world: &mut World, reach| {
        world.members.insert(name("b"), MemberFacts::new(reach));
        world.step()
    };
    for reach in [Reach::Unknown, Reach::Blocked, Reach::Reachable] {
        assert!(turn(&mut world, reach).is_settled(), "{reach:?}");
    }
    // What is asked of it while it is away is asked of its entry; when it is back, what it reports is weighed.
    turn(&mut world, Reach::Unknown);
    world.place(&["a"]);
    assert_eq!(world.trigger(), (TriggerCause::Membership, "-b".into()));
    world.members.insert(name("b"), MemberFacts::new(Reach::Reachable));
    assert!(world.step().is_settled());
    world.report("b", UnitPhase::Removed, None);
    assert_eq!(world.trigger(), (TriggerCause::Removal, "removed from b".into()));
}

#[test]
fn a_member_whose_record_is_made_again_comes_like_a_new_one() {
    let mut world = World::new(&["a", "b"]);
    world.step();
    world.members.remove(&name("b"));
    world.place(&["a"]);
    assert_eq!(world.trigger(), (TriggerCause::MemberLost, "no record: b".into()));
    world.members.insert(name("b"), MemberFacts::new(Reach::Reachable));
    world.place(&["a", "b"]);
    assert_eq!(world.trigger(), (TriggerCause::Membership, "+b".into()));
}

#[test]
fn the_last_editor_of_the_spec_is_found() {
    let entry = |manager: &str, time: &str, field: &str, subresource: &str| json!({"manager": manager, "time": time, "fieldsV1": {field: {}}, "subresource": subresource});
    for (fields, expect) in [
        (json!([]), None),
        (json!([entry("kubectl", "2026-01-01T00:00:00Z", "f:spec", "")]), Some("kubectl")),
        (
            json!([
                entry("kubectl", "2026-01-01T00:00:00Z", "f:spec", ""),
                entry("ide", "2026-01-02T00:00:00Z", "f:spec", ""),
                entry("kurator-status", "2026-01-03T00:00:00Z", "f:status", "status"),
                entry("labeller", "2026-01-03T00:00:00Z", "f:metadata", ""),
            ]),
            Some("ide"),
        ),
        (
            json!(
                [entry("b", "2026-01-01T00:00:00Z", "f:spec", ""), entry("a", "2026-01-01T00:00:00Z", "f:spec", ""),]
            ),
            Some("a"),
        ),
    ] {
        assert_eq!(editor(&fields).as_deref(), expect, "{fields}");
    }
}

#[test]
fn every_word_of_a_stored_report_has_a_bound() {
    let long = || "é".repeat(3_000_000);
    let field = ChangedField { path: long(), manager: Some(long()), time: None };
    let drift = DriftRecord { object: long(), deleted: false, fields: vec![field; 11], seen: now(), reverted: true };
    let waits = ObjectsWaiting { cause: WaitingCause::Refused, count: 1, first: long(), detail: long() };
    let held = Deletions { sample: vec![long(); 11], ..crate::prune::deletions(&[], 0, false) };
    let mut report = Reported { message: long(), reason: long(), ..reported(UnitPhase::Failed, b"p") };
    report.waiting = vec![waits; 5];
    (report.last_drift, report.deletions) = (Some(drift), Some(held));
    let stored = merge_report(&report, None, now()).unwrap();
    assert_eq!(stored.message.chars().count(), UnitStatus::MESSAGE_MAX);
    let bytes = |status: &UnitStatus| serde_json::to_vec(status).unwrap().len();
    // Each of these characters is two bytes.
    assert!((2_000..45_000).contains(&bytes(&stored)), "{}", bytes(&stored));
    let unreachable = Reported { message: long(), reason: long(), ..reported(UnitPhase::Unknown, b"p") };
    let unknown = merge_report(&unreachable, Some(&stored), now()).unwrap();
    assert!(unknown.phase == UnitPhase::Unknown && bytes(&unknown) < 45_000);
    let bare = without_details(&stored);
    assert!(bytes(&bare) < 1_000, "{}", bytes(&bare));
    assert_eq!((bare.phase, bare.health, bare.objects), (stored.phase, stored.health, stored.objects));
}

fn reported(phase: UnitPhase, payload: &[u8]) -> Reported {
    Reported {
        member: name("a"),
        unit: "g/K/ns/n".parse().unwrap(),
        revision: "r".into(),
        epoch: 1,
        asked: Question::default(),
        payload: Digest::of(payload),
        phase,
        health: Health::Healthy,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        reason: String::new(),
        message: String::new(),
        waiting: Vec::new(),
        deletions: None,
        unweighed: false,
        unlisted: false,
        heirs: Vec::new(),
        uncounted: false,
        reverts: None,
        deleted: None,
        last_drift: None,
        details: Vec::new(),
        unreadable: false,
        uids: Vec::new(),
        going: None,
    }
}

#[test]
fn what_was_let_go_as_not_ours_outlives_a_restart_of_the_applier_and_not_the_epoch() {
    let waits = |cause, count, first: &str, detail: &str| ObjectsWaiting {
        cause,
        count,
        first: first.into(),
        detail: detail.into(),
    };
    let not_ours = |count, first, detail| waits(WaitingCause::NotOurs, count, first, detail);
    let unlabelled = "it does not have our labels";
    let merged = |stored: &[ObjectsWaiting], reported_now: &[ObjectsWaiting], epoch: u64| {
        let before = UnitStatus { waiting: stored.to_vec(), ..status(UnitPhase::Applied) };
        let mut report = reported(UnitPhase::Applied, b"p");
        (report.waiting, report.epoch) = (reported_now.to_vec(), before.epoch + epoch);
        merge_report(&report, Some(&before), now()).unwrap().waiting
    };
    let known = [not_ours(2, "ConfigMap a/b", unlabelled)];
    let refused = waits(WaitingCause::Refused, 1, "ConfigMap a/a", "Forbidden");
    let gone = waits(WaitingCause::Release, 3, "ConfigMap a/c", "");
    // (stored, reported, epochs later, expected)
    for (stored, report, epochs, expect) in [
        (&known[..], &[][..], 0, vec![known[0].clone()]),
        (&known[..], &[][..], 1, vec![]),
        (&known[..], &[refused.clone()][..], 0, vec![refused.clone(), known[0].clone()]),
        (&[gone][..], &[][..], 0, vec![]),
        (
            &known[..],
            &[not_ours(1, "ConfigMap a/a", unlabelled)][..],
            0,
            vec![not_ours(2, "ConfigMap a/a", unlabelled)],
        ),
        (
            &known[..],
            &[not_ours(3, "ConfigMap a/c", unlabelled)][..],
            0,
            vec![not_ours(3, "ConfigMap a/b", unlabelled)],
        ),
        (
            &known[..],
            &[not_ours(1, "x", "another object has its name")][..],
            0,
            vec![not_ours(1, "x", "another object has its name"), known[0].clone()],
        ),
    ] {
        assert_eq!(merged(stored, report, epochs), expect, "{stored:?} {report:?} {epochs}");
    }
}

#[test]
fn what_was_let_go_as_not_ours_outlives_a_status_that_the_hub_refused() {
    let waits = |cause, first: &str| ObjectsWaiting { cause, count: 1, first: first.into(), detail: "d".into() };
    let not_ours = waits(WaitingCause::NotOurs, "ConfigMap a/b");
    let waiting = vec![waits(WaitingCause::Refused, "ConfigMap a/a"), not_ours.clone()];
    let stored = without_details(&UnitStatus { waiting, ..status(UnitPhase::Failed) });
    assert_eq!(stored.waiting, [not_ours]);
    let next = merge_report(&reported(UnitPhase::Applied, b"p"), Some(&stored), now()).unwrap();
    assert_eq!(next.waiting, stored.waiting);
    // It is bounded: four entries whose words are as long as they may be, in two bytes each.
    let long = || ObjectsWaiting { detail: "é".repeat(9_000), ..waits(WaitingCause::NotOurs, &"é".repeat(9_000)) };
    let report = Reported { waiting: vec![long(); 9], ..reported(UnitPhase::Failed, b"p") };
    let bare = without_details(&merge_report(&report, None, now()).unwrap());
    assert_eq!(bare.waiting.len(), ObjectsWaiting::ENTRIES_MAX);
    assert!(serde_json::to_vec(&bare).unwrap().len() < 10_000);
}

#[test]
fn an_applier_that_only_looks_again_says_nothing() {
    let before = UnitStatus { applied: Some(Digest::of(b"p")), ..status(UnitPhase::Applied) };
    for phase in [UnitPhase::Pending, UnitPhase::Applying, UnitPhase::Waiting] {
        assert_eq!(merge_report(&reported(phase, b"p"), Some(&before), now()), None, "{phase}");
        assert!(merge_report(&reported(phase, b"other"), Some(&before), now()).is_some(), "{phase}: another payload");
        assert!(merge_report(&reported(phase, b"p"), None, now()).is_some(), "{phase}: first report");
        let deleted = Reported { reason: api::reason::BEING_DELETED.to_owned(), ..reported(phase, b"p") };
        assert!(merge_report(&deleted, Some(&before), now()).is_some(), "{phase}: somebody deletes an object");
    }
}

#[test]
fn what_a_unit_had_reached_in_a_member_that_is_away_stays_whatever_its_hub_has_decided_since() {
    let objects = UnitCounts { desired: 3, applied: 2, ..UnitCounts::default() };
    let reached = UnitStatus { applied: Some(Digest::of(b"p")), objects, ..status(UnitPhase::Applied) };
    // A hub that has just started has seen nothing, and knows its newest decision only.
    let blank = |epoch, payload: &[u8]| Reported {
        epoch,
        revision: format!("r-{epoch}"),
        reason: "Unreachable".into(),
        objects: UnitCounts::default(),
        ..reported(UnitPhase::Unknown, payload)
    };
    for (epoch, payload) in [(reached.epoch, "p"), (reached.epoch + 1, "q")] {
        let report = blank(epoch, payload.as_bytes());
        for phase in [UnitPhase::Applied, UnitPhase::DeletionsHeld] {
            assert_eq!(merge_report(&report, Some(&UnitStatus { phase, ..reached.clone() }), now()), None);
        }
        let before = UnitStatus { phase: UnitPhase::Failed, ..reached.clone() };
        let after = merge_report(&report, Some(&before), now()).unwrap();
        assert_eq!((after.phase, after.reason.as_str()), (UnitPhase::Unknown, "Unreachable"));
        assert_eq!((&after.revision, after.epoch), (&before.revision, before.epoch));
        assert_eq!((after.objects, after.applied), (objects, before.applied));
        assert_eq!(merge_report(&report, Some(&after), later()), Some(after), "the same again is nothing to write");
        assert_eq!(merge_report(&report, None, now()).unwrap().epoch, epoch);
    }
}

#[test]
fn a_report_is_merged_with_what_was_stored() {
    let later = later();
    let before = UnitStatus { applied: Some(Digest::of(b"p")), reverts: 7, ..status(UnitPhase::Applied) };
    let same = merge_report(&reported(UnitPhase::Applied, b"p"), Some(&before), later).unwrap();
    assert_eq!(same, before, "the same again is nothing to write");
    let failed = merge_report(&reported(UnitPhase::Failed, b"q"), Some(&before), later).unwrap();
    assert_eq!((failed.applied, failed.since, failed.reverts), (Some(Digest::of(b"p")), later, 7));
    let applied = merge_report(&reported(UnitPhase::Applied, b"q"), Some(&before), later).unwrap();
    assert_eq!((applied.applied, applied.since), (Some(Digest::of(b"q")), now()));
}

#[test]
fn what_waits_in_a_member_is_stored_as_reported() {
    let list = vec![ObjectsWaiting { cause: WaitingCause::OtherHub, count: 1, first: "c".into(), detail: "h".into() }];
    let report = Reported { waiting: list.clone(), ..reported(UnitPhase::Failed, b"p") };
    let stored = merge_report(&report, None, now()).unwrap();
    assert_eq!(stored.waiting, list);
    assert_eq!(merge_report(&reported(UnitPhase::Applied, b"p"), Some(&stored), now()).unwrap().waiting, []);
}

#[test]
fn what_comes_to_an_end_is_counted_once() {
    let with = |phase, applied: &[u8], revision: &str| UnitStatus {
        applied: Some(Digest::of(applied)),
        revision: revision.into(),
        ..status(phase)
    };
    let (one, two) = (with(UnitPhase::Applied, b"p", "r-1"), with(UnitPhase::Applied, b"q", "r-2"));
    let failed = with(UnitPhase::Failed, b"p", "r-2");
    let gone = with(UnitPhase::Removed, b"p", "r-2");
    let cases = [
        ("the first time", None, &one, Some(Delivered::Applied)),
        ("the same again", Some(&one), &one, None),
        ("a new payload", Some(&one), &two, Some(Delivered::Applied)),
        (
            "a revision with the same payload",
            Some(&one),
            &with(UnitPhase::Applied, b"p", "r-2"),
            Some(Delivered::Applied),
        ),
        ("a failure", Some(&one), &failed, Some(Delivered::Failed)),
        ("the same failure", Some(&failed), &failed, None),
        ("on the way", Some(&one), &with(UnitPhase::Applying, b"p", "r-2"), None),
        ("held is applied", Some(&one), &with(UnitPhase::DeletionsHeld, b"q", "r-2"), Some(Delivered::Applied)),
        ("it left", Some(&two), &gone, Some(Delivered::Removed)),
        ("it is still gone", Some(&gone), &gone, None),
        ("it does not answer", Some(&one), &with(UnitPhase::Unknown, b"p", "r-1"), None),
    ];
    for (about, before, now, expected) in cases {
        assert_eq!(delivered(before, now), expected, "{about}");
    }
}

#[test]
fn counts_may_wait_and_phases_may_not() {
    let units = |status: UnitStatus| BTreeMap::from([("g/K/ns/n".parse::<UnitId>().unwrap(), status)]);
    let before = units(status(UnitPhase::Applied));
    let counted = UnitStatus { reverts: 3, ..status(UnitPhase::Applied) };
    assert!(!is_news(&before, &units(counted)));
    assert!(is_news(&before, &units(status(UnitPhase::Failed))));
    assert!(is_news(&before, &units(UnitStatus { held: Some(list("l", 1)), ..status(UnitPhase::Applied) })));
    assert!(is_news(&before, &BTreeMap::new()));
}

#[test]
fn a_unit_stays_in_its_slice_of_a_members_status() {
    let unit = |n: usize| format!("g/K/ns/n{n:03}").parse::<UnitId>().unwrap();
    let units = |range: std::ops::Range<usize>| range.map(|n| (unit(n), status(UnitPhase::Applied))).collect();
    let counts = |slices: &BTreeMap<u32, BTreeMap<UnitId, UnitStatus>>| -> Vec<(u32, usize)> {
        slices.iter().map(|(slice, units)| (*slice, units.len())).collect()
    };
    let first = slices(&BTreeMap::new(), units(10..160));
    assert_eq!(counts(&first), [(0, 100), (1, 50)]);
    // A unit that sorts first comes, another goes: only the slices that are concerned change.
    let mut next: BTreeMap<UnitId, UnitStatus> = units(9..160);
    next.remove(&unit(150));
    let second = slices(&first, next);
    assert_eq!(counts(&second), [(0, 100), (1, 50)]);
    assert_eq!(second[&0], first[&0]);
    assert!(second[&1].contains_key(&unit(9)) && !second[&1].contains_key(&unit(150)));
    assert_eq!(counts(&slices(&second, units(120..125))), [(1, 5)], "an empty slice is left out");
}

#[test]
fn a_link_is_written_when_it_changes_and_not_for_each_second() {
    let link = |state, message: &str, since: &str| MemberLink {
        state,
        message: message.to_owned(),
        since: since.parse().unwrap(),
    };
    let before = link(LinkState::Unreachable, "expired 5 seconds ago", "2026-01-01T00:00:00Z");
    let again = link(LinkState::Unreachable, "expired 6 seconds ago", "2026-01-01T00:00:01Z");
    assert_eq!(merge_link(again, Some(&before)), before);
    let other = link(LinkState::Unreachable, "refused", "2026-01-01T00:00:01Z");
    let merged = merge_link(other, Some(&before));
    assert_eq!((merged.message.as_str(), merged.since), ("refused", before.since));
    let back = link(LinkState::Connected, "", "2026-01-01T00:00:02Z");
    assert_eq!(merge_link(back.clone(), Some(&before)), back);
    let long = link(LinkState::Blocked, &"x".repeat(10_000), "2026-01-01T00:00:02Z");
    assert_eq!(merge_link(long, None).message.chars().count(), MemberLink::MESSAGE_MAX);
}
