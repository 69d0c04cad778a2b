//! What a pass costs in a large fleet.

use std::convert::Infallible;

use api::delivery::{
    DecisionSpec, DeletionState, Deletions, Health, MemberDecision, PodCounts, Removal, RevertCount, UnitCounts,
    UnitPhase,
};
use kube::client::Body;
use model::{Digest, Timestamp};
use plan::unit::is_news;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::record::{self, MEMBER, WAITING};
use crate::{Controllers, Options};

struct Clock;

impl model::Clock for Clock {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }
}

const UNITS: usize = 10_000;
const MEMBERS: usize = 1_000;
/// Each unit goes to so many: 100,000 places in all (DESIGN 9).
const MEMBERS_OF_UNIT: usize = 10;

fn unit(n: usize) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", &format!("app{n:05}"), Some("p"))
}

fn member(n: usize) -> MemberName {
    format!("m{:03}", n % MEMBERS).parse().unwrap()
}

fn decision(n: usize) -> api::delivery::Decision {
    let entry = MemberDecision {
        revision: "r".into(),
        epoch: 1,
        digest: None,
        placed: None,
        reason: String::new(),
        replicas: None,
        granted: None,
        // A unit that leaves needs no rendering.
        removal: Removal::Prune,
    };
    let members = (0..MEMBERS_OF_UNIT).map(|k| (member(n + k * MEMBERS / MEMBERS_OF_UNIT), entry.clone())).collect();
    let spec = DecisionSpec { prune: true, members, ..DecisionSpec::empty(unit(n), 0) };
    let mut decision = api::delivery::Decision::new(&format!("d{n:05}"), spec);
    decision.metadata.namespace = Some("default".into());
    decision.metadata.resource_version = Some((n + 1).to_string());
    decision
}

fn controllers(cache: &std::path::Path, metrics: crate::Metrics) -> Arc<Controllers> {
    let no_answer = |_: http::Request<Body>| async {
        Ok::<_, Infallible>(http::Response::builder().status(500).body(Body::empty()).unwrap())
    };
    let api = Api::new(kube::Client::new(tower::service_fn(no_answer), "default"), "test");
    let options = Options {
        trust: client::Trust::default(),
        cache: cache.to_owned(),
        cache_bytes_max: 1 << 20,
        controllers: [].into(),
        metrics,
    };
    let (hub, key) = (HubId::from_random([7; 10]), plan::authenticator::HubKey::from_random([1; 32]));
    Controllers::new(api, Arc::new(Clock), Arc::new(|| 0.5), hub, key, &options, CancellationToken::new()).unwrap()
}

fn status(held: bool) -> UnitStatus {
    let deletions = Deletions {
        digest: Digest::of(b"list"),
        count: 1,
        sample: Vec::new(),
        guarded: 0,
        behind: false,
        released: 0,
        state: DeletionState::Waiting,
    };
    UnitStatus {
        revision: "r".into(),
        epoch: 1,
        applied: None,
        phase: UnitPhase::Applied,
        health: Health::Healthy,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        since: model::Clock::now(&Clock),
        reason: String::new(),
        message: String::new(),
        held: held.then_some(deletions),
        waiting: Vec::new(),
        reverts: 0,
        reverts_counted: None,
        last_drift: None,
        reflected: None,
    }
}

/// A member's stored report, of units that are held or not.
fn stored(name: MemberName, version: usize, units: BTreeMap<UnitId, UnitStatus>) -> MemberStatus {
    let spec = api::delivery::MemberStatusSpec { member: name.clone(), slice: 0 };
    let mut stored = MemberStatus::new(&format!("{name}-0"), spec);
    stored.metadata.resource_version = Some(version.to_string());
    stored.status = Some(api::delivery::MemberStatusStatus { link: None, units });
    stored
}

#[tokio::test]
async fn one_members_pass_costs_its_own_decisions_and_one_units_status_its_own_members() {
    let cache = tempfile::tempdir().unwrap();
    let controllers = controllers(cache.path(), crate::Metrics::default());
    let ctx = context(&controllers.deps, controllers.feed.clone());
    for n in 0..UNITS {
        ctx.decisions.learn(decision(n));
    }
    let mut reports: BTreeMap<MemberName, BTreeMap<UnitId, UnitStatus>> = BTreeMap::new();
    for n in 0..UNITS {
        for k in 0..MEMBERS_OF_UNIT {
            let place = reports.entry(member(n + k * MEMBERS / MEMBERS_OF_UNIT)).or_default();
            place.insert(unit(n), status(false));
        }
    }
    for (version, (name, units)) in reports.into_iter().enumerate() {
        ctx.statuses.learn(stored(name, version + 1, units));
    }
    let own = UNITS * MEMBERS_OF_UNIT / MEMBERS;
    let found = ctx.decisions.by(MEMBER, member(3).as_str());
    assert_eq!(found.len(), own, "of {UNITS} decisions");
    let observed = observe::observe(&ctx, &member(3)).await;
    assert_eq!(observed.bundles.len(), own);
    let (snapshot, _) = plan::delivery::plan(&member(3), &ctx.hub, &observed.wanted());
    assert_eq!(snapshot.units.len(), own);
    assert_eq!(record::slices_of(&ctx.statuses, &member(3)).len(), 1);
    let owner = unit(42).owner();
    assert_eq!(ctx.statuses.by(record::OWNER, &owner.to_string()).len(), MEMBERS_OF_UNIT);
    assert_eq!(record::statuses_of(&ctx.statuses, &owner).len(), MEMBERS_OF_UNIT);
    assert_eq!(controllers.stores.decisions_of(&unit(42)).len(), 1);

    // A decision that does not name the member any more is not found for it any more.
    let mut left = decision(3);
    left.metadata.resource_version = Some((UNITS + 1).to_string());
    left.spec.members = BTreeMap::new();
    ctx.decisions.learn(left);
    assert_eq!(ctx.decisions.by(MEMBER, member(3).as_str()).len(), own - 1);
}

#[test]
fn which_units_have_lists_to_weigh_follows_what_is_stored() {
    let statuses = Store::typed(record::status_indexes());
    let waiting = |statuses: &Store<MemberStatus>| statuses.by(WAITING, &unit(1).to_string()).len();
    let report = |held| BTreeMap::from([(unit(1), status(held))]);
    statuses.learn(stored(member(1), 1, report(true)));
    statuses.learn(stored(member(2), 2, report(true)));
    statuses.learn(stored(member(3), 3, report(false)));
    assert_eq!(waiting(&statuses), 2);
    statuses.learn(stored(member(1), 4, report(false)));
    assert_eq!(waiting(&statuses), 1);
    statuses.learn(stored(member(2), 5, BTreeMap::new()));
    assert_eq!(waiting(&statuses), 0);
}

fn report(phase: UnitPhase, payload: &[u8]) -> UnitReport {
    UnitReport {
        member: member(1),
        unit: unit(1),
        revision: "r".into(),
        epoch: 1,
        payload: Digest::of(payload),
        phase,
        health: Health::Healthy,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        reason: String::new(),
        message: String::new(),
        waiting: Vec::new(),
        deletions: None,
        reverts: None,
        last_drift: None,
        details: Vec::new(),
    }
}

#[test]
fn a_report_is_merged_with_what_is_not_stored_yet() {
    let cache = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let controllers = controllers(cache.path(), crate::Metrics::default());
    let ctx = context(&controllers.deps, controllers.feed.clone());
    take_report(&ctx, &report(UnitPhase::Applied, b"one"));
    // Nothing was written in between: what was applied must not be forgotten.
    take_report(&ctx, &report(UnitPhase::Suspended, b"two"));
    let state = ctx.state();
    let unstored = &state.unstored[&member(1)].units[&unit(1)];
    assert_eq!((unstored.phase, unstored.applied), (UnitPhase::Suspended, Some(Digest::of(b"one"))));
    let before = BTreeMap::from([(unit(1), status(false))]);
    assert!(is_news(&before, &state.unstored[&member(1)].units));
}

#[test]
fn reverts_are_counted_once_each_also_by_appliers_that_start_again() {
    let cache = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = crate::Metrics::registered(&mut registry);
    let controllers = controllers(cache.path(), metrics);
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let counted = |since: &str, count| UnitReport {
        reverts: Some(RevertCount { since: since.parse().unwrap(), count }),
        ..report(UnitPhase::Applied, b"one")
    };
    let (first, second) = ("2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z");
    let said = [report(UnitPhase::Applied, b"one"), counted(first, 2), counted(first, 2), counted(first, 3)];
    // The applier starts again: it has not counted anything, then one.
    let again = [report(UnitPhase::Applied, b"one"), counted(second, 1), counted(second, 1)];
    for report in said.iter().chain(&again) {
        take_report(&ctx, report);
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("kurator_drift_reverts_total 4\n"), "{text}");
}
