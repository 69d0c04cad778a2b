//! What a pass costs in a large fleet.

mod leaving;
mod refused;

use std::convert::Infallible;

use api::delivery::{
    ApplierCount, DecisionSpec, DeletionState, Deletions, Health, MemberDecision, PodCounts, Removal, UnitCounts,
    UnitPhase,
};
use kube::client::Body;
use model::{Digest, Timestamp};
use plan::unit::is_news;

use super::*;
use crate::deps::tests::{Still, counting, idle, no_answer, with};
use crate::record::{self, MEMBER, WAITING};

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
        cluster: None,
        known_since: None,
        given_back: None,
        reason: String::new(),
        replicas: None,
        granted: None,
        granted_shown: None,
        claimed: None,
        carried_out: 0,
        consent: None,
        withheld: None,
        // A unit that leaves needs no rendering.
        removal: Removal::Prune,
        leaving: None,
        expected: None,
    };
    let members = (0..MEMBERS_OF_UNIT).map(|k| (member(n + k * MEMBERS / MEMBERS_OF_UNIT), entry.clone())).collect();
    let spec = DecisionSpec { prune: true, members, ..DecisionSpec::empty(unit(n), 0) };
    let mut decision = api::delivery::Decision::new(&format!("d{n:05}"), spec);
    decision.metadata.namespace = Some("default".into());
    decision.metadata.resource_version = Some((n + 1).to_string());
    decision
}

/// A member's record.
fn cluster(name: MemberName, version: &str) -> Cluster {
    let mut record = Cluster::new(name.as_str(), api::karmada::cluster::v1alpha1::ClusterSpec::default());
    record.metadata.resource_version = Some(version.to_owned());
    record
}

fn status(held: bool) -> UnitStatus {
    let deletions = Deletions {
        digest: Digest::of(b"list"),
        count: 1,
        sample: Vec::new(),
        guarded: 0,
        behind: false,
        unshown: false,
        untaken: false,
        left: 0,
        released: 0,
        state: DeletionState::Waiting,
        objects: None,
    };
    UnitStatus {
        revision: "r".into(),
        epoch: 1,
        asked: api::delivery::Question::default(),
        applied: None,
        phase: UnitPhase::Applied,
        health: Health::Healthy,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        since: Still.now(),
        reason: String::new(),
        message: String::new(),
        waiting_on: None,
        held: held.then_some(deletions),
        unweighed: false,
        unlisted: false,
        heirs: Vec::new(),
        waiting: Vec::new(),
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

/// A member's stored report, of units that are held or not.
fn stored(name: MemberName, version: usize, units: BTreeMap<UnitId, UnitStatus>) -> MemberStatus {
    let spec = api::delivery::MemberStatusSpec { member: name.clone(), slice: 0 };
    let mut stored = MemberStatus::new(&format!("{name}-0"), spec);
    stored.metadata.resource_version = Some(version.to_string());
    stored.status = Some(api::delivery::MemberStatusStatus { units, ..api::delivery::MemberStatusStatus::default() });
    stored
}

#[tokio::test]
async fn one_members_pass_costs_its_own_decisions_and_one_units_status_its_own_members() {
    let (_cache, controllers) = idle();
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
    let found = ctx.decisions.by_index(MEMBER, member(3).as_str());
    assert_eq!(found.len(), own, "of {UNITS} decisions");
    let observed = observe::observe(&ctx, &member(3)).await;
    assert_eq!(observed.bundles.len(), own);
    let (snapshot, _) = plan::delivery::plan(&member(3), None, &ctx.hub, &observed.wanted());
    assert_eq!(snapshot.units.len(), own);
    assert_eq!(record::slices_of(&ctx.statuses, &member(3)).len(), 1);
    let owner = unit(42).owner();
    assert_eq!(ctx.statuses.by_index(record::OWNER, &owner.to_string()).len(), MEMBERS_OF_UNIT);
    assert_eq!(record::statuses_of(&ctx.statuses, &ctx.clusters, &owner).len(), MEMBERS_OF_UNIT);
    assert_eq!(controllers.stores.decisions_of(&unit(42)).len(), 1);

    // A decision that does not name the member any more is not found for it any more.
    let mut left = decision(3);
    left.metadata.resource_version = Some((UNITS + 1).to_string());
    left.spec.members = BTreeMap::new();
    ctx.decisions.learn(left);
    assert_eq!(ctx.decisions.by_index(MEMBER, member(3).as_str()).len(), own - 1);
}

#[test]
fn which_units_have_lists_to_weigh_follows_what_is_stored() {
    let statuses = Store::without_managed_fields(record::status_indexes());
    let waiting = |statuses: &Store<MemberStatus>| statuses.by_index(WAITING, &unit(1).to_string()).len();
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
        asked: api::delivery::Question::default(),
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
fn a_report_is_merged_with_what_is_not_stored_yet() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let (_cache, controllers) = idle();
    let ctx = context(&controllers.deps, controllers.feed.clone());
    take_report(&ctx, &report(UnitPhase::Applied, b"zero"));
    assert!(ctx.state().unstored.is_empty(), "it has no record: nothing would ever store that");
    ctx.clusters.learn(cluster(member(1), "1"));
    take_report(&ctx, &report(UnitPhase::Applied, b"one"));
    // Nothing was written in between: what was applied must not be forgotten.
    take_report(&ctx, &report(UnitPhase::Suspended, b"two"));
    let state = ctx.state();
    let unstored = &state.unstored[&member(1)].units[&unit(1)];
    assert_eq!((unstored.phase, unstored.applied), (UnitPhase::Suspended, Some(Digest::of(b"one"))));
    let before = BTreeMap::from([(unit(1), status(false))]);
    assert!(is_news(&before, &state.unstored[&member(1)].units));
    drop(state);
    // What is stored already is not kept a second time.
    let status = ctx.state().unstored.remove(&member(1)).unwrap().units.remove(&unit(1)).unwrap();
    ctx.statuses.learn(stored(member(1), 1, BTreeMap::from([(unit(1), status)])));
    take_report(&ctx, &report(UnitPhase::Suspended, b"two"));
    assert!(ctx.state().unstored.is_empty());
}

/// The API of a hub that takes every status, and remembers which it took and deleted.
fn hub_that_writes(log: Arc<Mutex<Vec<String>>>) -> Api {
    hub_that_refuses(log, |_, _| None)
}

/// The same, of a hub that refuses some of them, by the name and the length of the body.
fn hub_that_refuses(
    log: Arc<Mutex<Vec<String>>>,
    refuse: impl Fn(&str, usize) -> Option<u16> + Clone + Send + Sync + 'static,
) -> Api {
    // Each write has a newer version.
    let version = Arc::new(std::sync::atomic::AtomicU64::new(99));
    let answer = move |request: http::Request<Body>| {
        let (log, refuse) = (log.clone(), refuse.clone());
        let version = version.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let name = path.trim_end_matches("/status").rsplit('/').next().unwrap_or_default().to_owned();
            let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
            let mut object: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            log.lock().unwrap().push(format!("{method} {name}"));
            if let Some(code) = refuse(&name, body.len()) {
                let answer = http::Response::builder().status(code).body(Body::from(Vec::new())).unwrap();
                return Ok(answer);
            }
            if method == http::Method::DELETE {
                object = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Success"});
            }
            if method == http::Method::PATCH {
                object["apiVersion"] = "delivery.kurator.dev/v1alpha1".into();
                object["kind"] = "MemberStatus".into();
                object["spec"] = serde_json::json!({"member": name.trim_end_matches("-0"), "slice": 0});
                object["metadata"]["name"] = name.into();
            }
            object["metadata"]["resourceVersion"] = version.to_string().into();
            Ok::<_, Infallible>(http::Response::new(Body::from(object.to_string().into_bytes())))
        }
    };
    Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test")
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_waits_its_turn_holds_back_no_other() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (_cache, controllers) = with(hub_that_writes(log.clone()), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let per_slice = api::delivery::MemberStatusSpec::UNITS_MAX;
    // A member with one unit more than a slice holds, and a slice of units that are not decided any more.
    for n in 0..=per_slice {
        let mut decision = decision(n);
        decision.spec.members = BTreeMap::from([(member(1), decision.spec.members.values().next().unwrap().clone())]);
        ctx.decisions.learn(decision);
    }
    ctx.clusters.learn(cluster(member(1), "1"));
    let slice = |n: u32, units: std::ops::Range<usize>| {
        let mut slice = stored(member(1), 1, units.map(|n| (unit(n), status(false))).collect());
        slice.metadata.name = Some(api::delivery::MemberStatusSpec::object_name(&member(1), n));
        slice.spec.slice = n;
        slice
    };
    for object in [slice(0, 0..per_slice), slice(1, per_slice..per_slice + 1), slice(2, 9000..9001)] {
        ctx.statuses.learn(object);
    }
    // Slice 0 was written a moment ago, and has only counters to say; slice 1 has news.
    assert_eq!(ctx.throttle.wait(&NamespacedName::new("", "m001-0"), Duration::from_secs(1), false), None);
    let counted = UnitStatus { pods: PodCounts { ready: 7, ..PodCounts::default() }, ..status(false) };
    let failed = UnitStatus { phase: UnitPhase::Failed, ..status(false) };
    ctx.state().unstored.insert(
        member(1),
        Unstored {
            units: BTreeMap::from([(unit(0), counted.clone()), (unit(per_slice), failed)]),
            ..Unstored::default()
        },
    );
    let next = status::write(&ctx, &member(1), &cluster(member(1), "1")).await.unwrap();
    assert_eq!(*log.lock().unwrap(), ["PUT m001-1", "DELETE m001-2"]);
    assert!(matches!(next, Next::After(_)), "{next:?}");
    let left = ctx.state().unstored[&member(1)].units.clone();
    assert_eq!(left, BTreeMap::from([(unit(0), counted)]), "what waits is not forgotten");
    // time: the pace is what this is about.
    tokio::time::advance(Duration::from_secs(1)).await;
    log.lock().unwrap().clear();
    assert_eq!(status::write(&ctx, &member(1), &cluster(member(1), "1")).await.unwrap(), Next::Wait);
    assert_eq!(log.lock().unwrap().first().map(String::as_str), Some("PUT m001-0"));
    assert!(ctx.state().unstored.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_cannot_be_written_stops_no_other_and_loses_its_details_only() {
    const TAKEN_MAX: usize = 10_000;
    // The hub takes no large slice, and nothing at all of slice 1.
    let refuse = |name: &str, length: usize| match name {
        "m001-1" => Some(500),
        _ => (length > TAKEN_MAX).then_some(413),
    };
    let log = Arc::new(Mutex::new(Vec::new()));
    let (_cache, controllers) = with(hub_that_refuses(log.clone(), refuse), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let record = cluster(member(1), "1");
    ctx.clusters.learn(record.clone());
    for n in 0..3 {
        let mut decision = decision(n);
        decision.spec.members = BTreeMap::from([(member(1), decision.spec.members.values().next().unwrap().clone())]);
        ctx.decisions.learn(decision);
        let mut slice = stored(member(1), n + 1, BTreeMap::from([(unit(n), status(false))]));
        slice.metadata.name = Some(format!("m001-{n}"));
        slice.spec.slice = u32::try_from(n).unwrap();
        ctx.statuses.learn(slice);
    }
    let broken = UnitStatus { phase: UnitPhase::Failed, health: Health::Degraded, ..status(false) };
    let talks = UnitStatus { message: "m".repeat(TAKEN_MAX), ..broken.clone() };
    let units = BTreeMap::from([(unit(0), talks), (unit(1), broken.clone()), (unit(2), broken.clone())]);
    ctx.state().unstored.insert(member(1), Unstored { units, ..Unstored::default() });
    assert!(status::write(&ctx, &member(1), &record).await.is_err(), "slice 1 is tried again");
    assert_eq!(*log.lock().unwrap(), ["PUT m001-0", "PUT m001-0", "PUT m001-1", "PUT m001-2"]);
    let known = |n: usize| {
        let slice = ctx.statuses.get(&NamespacedName::new("", format!("m001-{n}"))).unwrap();
        slice.status.as_ref().unwrap().units[&unit(n)].clone()
    };
    let bare = UnitStatus { message: plan::unit::DETAILS_LEFT_OUT.to_owned(), ..broken.clone() };
    assert_eq!([known(0), known(1), known(2)], [bare, status(false), broken.clone()]);
    assert_eq!(ctx.state().unstored[&member(1)].units, BTreeMap::from([(unit(1), broken)]));
    // time: a slice is not written more often.
    tokio::time::advance(Duration::from_secs(1)).await;
    log.lock().unwrap().clear();
    assert!(status::write(&ctx, &member(1), &record).await.is_err());
    assert_eq!(*log.lock().unwrap(), ["PUT m001-1"], "what was stored without details is not written again");
}

#[tokio::test]
async fn what_was_to_be_stored_of_a_member_goes_with_its_record() {
    let (_cache, controllers) = idle();
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let units = BTreeMap::from([(unit(1), status(false))]);
    ctx.state().unstored.insert(member(1), Unstored { units, ..Unstored::default() });
    status::remove(&ctx, &member(1)).await.unwrap();
    assert!(ctx.state().unstored.is_empty());
}

/// Panics when it is asked for the first time.
struct Faulty(std::sync::atomic::AtomicBool);

impl Clock for Faulty {
    fn now(&self) -> Timestamp {
        assert!(self.0.swap(true, std::sync::atomic::Ordering::SeqCst), "a bug");
        Still.now()
    }
}

#[tokio::test]
async fn units_that_nothing_asks_for_are_stored_with_what_came_from_other_hubs() {
    let (_cache, controllers) = idle();
    let ctx = context(&controllers.deps, controllers.feed.clone());
    ctx.clusters.learn(cluster(member(1), "1"));
    let report = |link, orphans| {
        take_link(&ctx, &MemberReport { member: member(1), link, orphans, moving: Default::default() });
        let moving = ctx.state().unstored.get(&member(1)).and_then(|unstored| unstored.moving.clone());
        moving.map(|moving| (moving.unasked, moving.unasked_count))
    };
    assert_eq!(report(Link::Connected, Vec::new()), None, "there is nothing to store");
    assert_eq!(report(Link::Connected, vec![unit(3)]), Some((vec![unit(3)], 1)));
    // One that does not answer says nothing of what it has.
    assert_eq!(report(Link::Unreachable("timeout".to_owned()), Vec::new()), Some((vec![unit(3)], 1)));
    let many: Vec<UnitId> = (0..30).map(unit).collect();
    let stored = report(Link::Connected, many).unwrap();
    assert_eq!((stored.0.len(), stored.1), (api::delivery::MemberMove::UNITS_MAX, 30));
    assert_eq!(report(Link::Connected, Vec::new()), Some((Vec::new(), 0)));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_makes_the_reader_panic_costs_that_report() {
    let (_cache, controllers) = with(hub_that_writes(Arc::default()), Arc::new(Faulty(false.into())));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    ctx.clusters.learn(cluster(member(1), "1"));
    let (sender, reports) = mpsc::channel(2);
    for payload in [b"one", b"two"] {
        sender.send(FeedReport::Unit(Arc::new(report(UnitPhase::Applied, payload)))).await.unwrap();
    }
    drop(sender);
    reader(&ctx, &controllers.deps, reports).await;
    assert_eq!(ctx.state().unstored[&member(1)].units[&unit(1)].applied, Some(Digest::of(b"two")));
    assert_eq!(ctx.metrics.queues().panics("delivery-reader"), 1);
}

#[tokio::test(start_paused = true)]
async fn why_a_unit_cannot_be_rendered_is_stored_with_its_status() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (_cache, controllers) = with(hub_that_writes(log.clone()), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let mut placed = decision(1);
    placed.spec.members.values_mut().for_each(|entry| entry.removal = Removal::None);
    ctx.decisions.learn(placed);
    // Its source is not there any more, and the cache has lost it.
    let inputs = serde_json::json!({"artifact": {
        "artifact": {"digest": Digest::of(b"tree"), "revision": "main@sha1:3f2c1a97df8477b5708f63235d978e6ede475f92", "url": "ftp://gone"}, "kustomize": {"path": "."}}});
    let spec = serde_json::json!({"unit": unit(1), "epoch": 1, "renderer": render::VERSION, "inputs": inputs,
        "time": Still.now().to_string()});
    let mut revision = Revision::new("r", serde_json::from_value(spec).unwrap());
    revision.metadata.namespace = Some("default".into());
    revision.metadata.resource_version = Some("1".into());
    ctx.revisions.learn(revision);
    ctx.clusters.learn(cluster(member(1), "1"));
    ctx.statuses.learn(stored(member(1), 1, BTreeMap::from([(unit(1), status(false))])));
    let said = || {
        let slice = ctx.statuses.get(&NamespacedName::new("", "m001-0")).unwrap();
        slice.status.as_ref().unwrap().units[&unit(1)].waiting_on.as_ref().map(ToString::to_string)
    };
    // The first look begins a fetch, which wakes the member when it has failed.
    assert!(matches!(reconcile(ctx.clone(), member(1)).await, Ok(Next::Wait)));
    store(ctx.clone(), member(1)).await.unwrap();
    assert_eq!(said(), None, "it may come at once");
    while ctx.members.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(reconcile(ctx.clone(), member(1)).await, Ok(Next::After(_))));
    store(ctx.clone(), member(1)).await.unwrap();
    let why = said().unwrap_or_default();
    assert!(why.starts_with("its source: ") && why.contains("ftp"), "{why}");
    log.lock().unwrap().clear();
    reconcile(ctx.clone(), member(1)).await.unwrap();
    store(ctx.clone(), member(1)).await.unwrap();
    assert_eq!(*log.lock().unwrap(), [""; 0], "said once");
}

#[tokio::test]
async fn what_an_earlier_record_of_the_name_reported_says_nothing_of_the_member_that_has_it_now() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (_cache, controllers) = with(hub_that_writes(log.clone()), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let record = |uid: &str, version: &str| {
        let mut record = cluster(member(1), version);
        record.metadata.uid = Some(uid.to_owned());
        record
    };
    let mut decided = decision(1);
    decided.spec.members = BTreeMap::from([(member(1), decided.spec.members.values().next().unwrap().clone())]);
    ctx.decisions.learn(decided);
    let applied = UnitStatus { applied: Some(Digest::of(b"one")), ..status(false) };
    let mut old = stored(member(1), 1, BTreeMap::from([(unit(1), applied)]));
    old.metadata.owner_references = kube::Resource::owner_ref(&record("old", "1"), &()).map(|owner| vec![owner]);
    ctx.statuses.learn(old);
    let known = || record::statuses_of(&ctx.statuses, &ctx.clusters, &unit(1).owner()).len();
    ctx.clusters.learn(record("old", "1"));
    assert_eq!(known(), 1);
    ctx.clusters.learn(record("new", "2"));
    assert_eq!(known(), 0);
    // The applier of the old one would only be looking again; that of the new one has just begun.
    take_report(&ctx, &report(UnitPhase::Applying, b"one"));
    store(ctx.clone(), member(1)).await.unwrap();
    assert_eq!(*log.lock().unwrap(), ["DELETE m001-0", "POST memberstatuses", "PUT m001-0"]);
    let slice = ctx.statuses.get(&NamespacedName::new("", "m001-0")).unwrap();
    let now = &slice.status.as_ref().unwrap().units[&unit(1)];
    assert_eq!((now.phase, now.applied), (UnitPhase::Applying, None));
    assert_eq!(slice.metadata.owner_references.as_ref().unwrap()[0].uid, "new");
    assert_eq!(known(), 1);
}

#[test]
fn reverts_are_counted_once_each_also_by_appliers_that_start_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = crate::Metrics::registered(&mut registry);
    let (_cache, controllers) = counting(no_answer(), Arc::new(Still), metrics);
    let ctx = context(&controllers.deps, controllers.feed.clone());
    ctx.clusters.learn(cluster(member(1), "1"));
    let counted = |since: &str, count| UnitReport {
        reverts: Some(ApplierCount { since: since.parse().unwrap(), count }),
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

#[tokio::test]
async fn another_cluster_behind_a_record_has_said_nothing_yet() {
    let (_cache, controllers) = idle();
    let ctx = context(&controllers.deps, controllers.feed.clone());
    ctx.clusters.learn(cluster(member(1), "1"));
    let start = |id: &str| {
        let behind = apply::Behind { record: Some("u".to_owned()), cluster: Some(id.to_owned()) };
        apply::note_behind(&ctx, &member(1), behind);
    };
    let known = || (ctx.state().unstored.contains_key(&member(1)), ctx.feed.reports_in(&member(1)).len());
    start("one");
    let feed = ctx.feed.member(&member(1));
    feed.report(FeedReport::Unit(Arc::new(report(UnitPhase::Applied, b"one")))).await;
    take_report(&ctx, &report(UnitPhase::Applied, b"one"));
    assert_eq!(known(), (true, 1));
    // The same cluster with another credential.
    start("one");
    assert_eq!(known(), (true, 1));
    // Its applier was stopped when the identity had changed; a person has approved it since.
    assert!(ctx.state().appliers.is_empty());
    start("two");
    assert_eq!(known(), (false, 0));
}

#[tokio::test(start_paused = true)]
async fn a_report_of_an_earlier_version_is_told_once_of_which_cluster_it_is() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (_cache, controllers) = with(hub_that_writes(log.clone()), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let mut decided = decision(1);
    decided.spec.members = BTreeMap::from([(member(1), decided.spec.members.values().next().unwrap().clone())]);
    ctx.decisions.learn(decided);
    ctx.statuses.learn(stored(member(1), 1, BTreeMap::from([(unit(1), status(false))])));
    let mut record = cluster(member(1), "1");
    record.spec.id = Some("one".to_owned());
    let changed = serde_json::json!({"conditions": [{"type": "Ready", "status": "False", "reason": "IdentityChanged",
        "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
    let mut in_doubt = record.clone();
    in_doubt.status = Some(serde_json::from_value(changed).unwrap());
    status::write(&ctx, &member(1), &in_doubt).await.unwrap();
    assert_eq!(*log.lock().unwrap(), [""; 0], "it is not sure which one it is");
    status::write(&ctx, &member(1), &record).await.unwrap();
    assert_eq!(log.lock().unwrap().first().map(String::as_str), Some("PATCH m001-0"));
    status::write(&ctx, &member(1), &record).await.unwrap();
    assert_eq!(log.lock().unwrap().iter().filter(|line| line.starts_with("PATCH")).count(), 1);
    let noted = ctx.statuses.get(&NamespacedName::new("", "m001-0")).unwrap();
    assert_eq!(noted.metadata.annotations.as_ref().unwrap()["kurator.dev/report-of"], "one");
}

#[test]
fn an_applier_is_told_what_is_stored_of_an_inventory_in_its_member_as_long_as_that_is_the_member() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let (_cache, controllers) = idle();
    let ctx = context(&controllers.deps, controllers.feed.clone());
    ctx.clusters.learn(cluster(member(1), "1"));
    let objects = UnitCounts { inventory: 4, ..UnitCounts::default() };
    let applied = UnitStatus { applied: Some(Digest::of(b"p")), objects, ..status(false) };
    let mut slice = stored(member(1), 1, BTreeMap::from([(unit(1), applied)]));
    slice.metadata.annotations = Some(BTreeMap::from([(api::kurator::annotation::REPORT_OF.to_owned(), "a".into())]));
    ctx.statuses.learn(slice);
    let recollect = apply::recollect(&ctx, &member(1));
    let known = recollect(&unit(1)).unwrap();
    assert_eq!((known.payload, known.objects), (Some(Digest::of(b"p")), 4));
    assert_eq!(recollect(&unit(2)), None);
    assert_eq!(apply::recollect(&ctx, &member(2))(&unit(1)), None);
    // Another cluster is behind the member now.
    let mut other = cluster(member(1), "2");
    other.spec.id = Some("b".into());
    ctx.clusters.learn(other);
    assert_eq!(recollect(&unit(1)), None);
}

/// Also after a restart: it is read from what is stored.
#[test]
fn what_stays_in_the_cluster_that_was_there_is_said_when_another_one_is_approved() {
    let objects = UnitCounts { inventory: 4, ..UnitCounts::default() };
    let slice = |of: &str| {
        let mut slice = stored(member(1), 1, BTreeMap::from([(unit(1), UnitStatus { objects, ..status(false) })]));
        slice.metadata.annotations =
            Some(BTreeMap::from([(api::kurator::annotation::REPORT_OF.to_owned(), of.into())]));
        Arc::new(slice)
    };
    let mut record = cluster(member(1), "2");
    record.spec.id = Some("two".into());
    let said = status::what_stays(&record, &[slice("one")]).unwrap();
    assert!(said.note.contains("UID one) keeps 4 objects"), "{}", said.note);
    assert_eq!(status::what_stays(&record, &[]), None);
}

#[test]
fn appliers_look_at_once_when_a_person_syncs_an_application_of_theirs() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let (_cache, controllers) = idle();
    let ctx = context(&controllers.deps, controllers.feed.clone());
    ctx.decisions.learn(decision(7));
    let asked_before = crate::changes::Changes::new();
    let asked =
        |member: MemberName| ctx.state().look.entry(member).or_insert_with(|| channel::Sender::new(0)).subscribe();
    let (theirs, others) = (asked(member(7)), asked(member(8)));
    let application = |sync: Option<&str>| {
        let annotations = sync.map(|at| serde_json::json!({api::kurator::annotation::SYNC: at}));
        let metadata = serde_json::json!({"name": unit(7).name, "namespace": "default", "annotations": annotations});
        let application: Application =
            serde_json::from_value(serde_json::json!({"apiVersion": "apps.kurator.dev/v1alpha1",
            "kind": "Application", "metadata": metadata, "spec": {"source": {}, "syncPolicies": []}}))
            .unwrap();
        watch::note_sync(&ctx, &asked_before, &NamespacedName::of(&application), Some(&Arc::new(application)));
        (*theirs.borrow(), *others.borrow())
    };
    // What was asked for before the hub started was done.
    assert_eq!(application(Some("noon")), (0, 0));
    assert_eq!(application(Some("noon")), (0, 0));
    assert_eq!(application(Some("one")), (1, 0));
    assert_eq!(application(None), (1, 0));
    assert_eq!(application(Some("two")), (2, 0));
}
