//! One member in process, a hub that feeds it, and hands that reach into it.

mod hands;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::delivery::{Health, HubId, MemberRelease, Removal, UnitId, UnitPhase, UnitStatus, label};
use api::feed::{ObjectReport, Payload, Snapshot, SyncState, TakeOver, UnitEntry, UnitReport};
use apiserver::{Admission, AdmissionRequest, ApiServer, Config, Denied, Ids, JsonProjection, Operation, UserInfo};
use applier::{Applier, Ctx, FeedReport, Limits, PushFeed, Renewed, Restored};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kube::client::Body;
use model::{Clock, Digest, GroupResource, MemberName, ObjectKey, Timestamp};
use plan::guard::{self, MemberScope};
use plan::inventory::shard::{Place, Sealed, decode_own};
use plan::inventory::{Entry, Recollection};
use plan::prepare::Bundle;
use plan::rights::Rights;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::BoxError;

use crate::fault::{Act, Faults, answer, endless, foreign, unknown_path, whole};
use crate::rights::Gate;
pub(crate) use crate::sample::{
    config_map, config_map_path, config_maps, deployment, deployment_path, detail, hub_key, pack, unit, waiting,
};

/// How long a state is waited for, in paused time: long enough for the longest pause before something is tried again.
const DEADLINE: Duration = Duration::from_secs(60);

/// Longer than any pause before something is tried again, and than what is done within one look; shorter than a look that
/// comes for no reason. Time is paused: it goes on when every task waits.
const QUIET: Duration = Duration::from_secs(60);
/// When at the latest nothing is asked any more.
const RESTLESS: Duration = Duration::from_secs(500);

/// A clock that only tests move.
pub(crate) struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[derive(Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn uid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn suffix(&self) -> String {
        "bcdfg".to_owned()
    }
}

/// Changes ConfigMaps that ask for it, and refuses those that ask for that.
struct Meddler;

impl Admission for Meddler {
    fn handles(&self, resource: &GroupResource, _: Operation) -> bool {
        resource.resource == "configmaps"
    }

    fn mutate(&self, _: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Denied> {
        if object["data"]["meddle"] == "please" {
            object["data"]["meddle"] = json!("done");
        }
        if object["data"]["refuse"] == "please" {
            return Err(Denied::Forbidden("refused by policy".to_owned()));
        }
        Ok(())
    }
}

/// What happens to the mutating request at which a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// It never arrives.
    Before,
    /// It is carried out and its answer never arrives.
    After,
}

/// Lets so many mutating requests through; the next one is the process's last.
#[derive(Default)]
pub(crate) struct Fuse(Mutex<Burning>);

#[derive(Default)]
struct Burning {
    left: Option<(u64, Blow)>,
    dead: bool,
    blew: bool,
}

impl Fuse {
    pub(crate) fn set(&self, left: u64, how: Blow) {
        self.0.lock().unwrap().left = Some((left, how));
    }

    /// Is the process dead?
    pub(crate) fn is_dead(&self) -> bool {
        self.0.lock().unwrap().dead
    }

    /// Did a process ever die?
    pub(crate) fn blew(&self) -> bool {
        self.0.lock().unwrap().blew
    }

    fn burn(&self, mutates: bool) -> Option<Blow> {
        let mut fuse = self.0.lock().unwrap();
        if fuse.dead {
            return Some(Blow::Before);
        }
        match fuse.left {
            Some((0, how)) if mutates => {
                *fuse = Burning { left: None, dead: true, blew: true };
                Some(how)
            }
            Some((left, how)) if mutates => {
                fuse.left = Some((left - 1, how));
                None
            }
            _ => None,
        }
    }
}

/// Requests to the member, and how many of them mutate; those of every client count.
#[derive(Default)]
struct Counts {
    all: AtomicU64,
    mutations: AtomicU64,
}

impl Counts {
    fn count<B>(&self, request: &Request<B>) {
        self.all.fetch_add(1, Ordering::SeqCst);
        self.mutations.fetch_add(u64::from(mutates(request)), Ordering::SeqCst);
    }
}

/// Does a request change the member? A dry run does not.
fn mutates<B>(request: &Request<B>) -> bool {
    request.method() != Method::GET && !request.uri().query().is_some_and(|query| query.contains("dryRun=All"))
}

pub(crate) struct World {
    /// The member's API, without counting or faults.
    api: kube::Client,
    counts: Arc<Counts>,
    pub(crate) push: Arc<PushFeed>,
    failures: Failures,
    pub(crate) clock: Arc<Hand>,
    pub(crate) hub: HubId,
    pub(crate) member: MemberName,
    pub(crate) down: Arc<AtomicBool>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) limits: Limits,
    pub(crate) cluster: Option<String>,
    pub(crate) metrics: client::Metrics,
    applier: Option<JoinHandle<()>>,
    units: BTreeMap<UnitId, (UnitEntry, Option<Arc<Bundle>>)>,
    payloads: BTreeMap<UnitId, Payload>,
    /// The hub leaves the member as a whole.
    leaves: bool,
    /// What is taken over from another hub.
    pub(crate) take_over: Option<TakeOver>,
    /// What the hub believes that it may do in the member.
    pub(crate) rights: Rights,
    /// What a hub stored of reports is told to a process that starts.
    pub(crate) recollects: bool,
    /// A person asks to look at once.
    pub(crate) look: tokio::sync::watch::Sender<u64>,
    /// What the member lets it do.
    pub(crate) gate: Option<Arc<Gate>>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What is remembered of reports that others replace.
#[derive(Default)]
struct Heard {
    /// Reasons of all reports of a unit that failed, in the order in which they came.
    failures: Vec<String>,
    /// Reasons of all reports.
    reasons: Vec<String>,
    /// The last report of each unit that has left.
    removed: BTreeMap<UnitId, Arc<UnitReport>>,
    /// What a hub has stored of each unit.
    stored: BTreeMap<UnitId, UnitStatus>,
    /// Inventories that were gone and written again.
    restored: Vec<Restored>,
    /// Objects that were deleted to be made again.
    renewed: Vec<Renewed>,
}

type Failures = Arc<Mutex<Heard>>;

fn feed(hub: &HubId, failures: &Failures) -> Arc<PushFeed> {
    let (push, mut reports) = PushFeed::new(hub.clone(), hub_key());
    let failures = Arc::clone(failures);
    tokio::spawn(async move {
        while let Some(report) = reports.recv().await {
            let mut heard = failures.lock().unwrap();
            let report = match report {
                FeedReport::Unit(report) => report,
                FeedReport::Restored(restored) => {
                    heard.restored.push(restored);
                    continue;
                }
                FeedReport::Renewed(renewed) => {
                    heard.renewed.push(renewed);
                    continue;
                }
                FeedReport::Member(_) => continue,
            };
            heard.reasons.push(report.reason.clone());
            let before = heard.stored.get(&report.unit);
            if let Some(merged) = plan::unit::merge_report(&report, before, Timestamp::UNIX_EPOCH) {
                heard.stored.insert(report.unit.clone(), merged);
            }
            match report.phase {
                UnitPhase::Failed => heard.failures.push(report.reason.clone()),
                UnitPhase::Removed => drop(heard.removed.insert(report.unit.clone(), report)),
                _ => {}
            }
        }
    });
    push
}

/// The member of most tests: our own API server in memory.
async fn ours(clock: &Arc<Hand>) -> kube::Client {
    let store = store::memory::open(JsonProjection, store::memory::Options::default());
    let mut config = Config::new(store, Arc::<Hand>::clone(clock), Arc::new(Counting::default()));
    config.admissions.push(Arc::new(Meddler));
    let server = ApiServer::start(config).await.unwrap();
    kube::Client::new(server.service_as(UserInfo::master("somebody")), "default")
}

/// `URL TOKEN` of a kube-apiserver to hold the scenarios against; run them one at a time. Those that need an admission
/// of their own or a clock to turn fail there.
const REAL: &str = "KURATOR_TEST_APISERVER";

/// A kube-apiserver without what the scenario before left there. It needs no controller-manager: nothing here leaves
/// finalizers.
async fn real(place: &str) -> kube::Client {
    let (url, token) = place.split_once(' ').unwrap();
    let mut config = kube::Config::new(url.parse().unwrap());
    config.accept_invalid_certs = true;
    config.auth_info.token = Some(token.to_owned().into());
    let client = kube::Client::try_from(config).unwrap();
    for path in [
        "/api/v1/namespaces/shop/configmaps",
        "/apis/apps/v1/namespaces/shop/deployments",
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers",
        "/api/v1/namespaces/kurator-system/secrets",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    ] {
        let request = Request::delete(path).body(Body::from(Vec::new())).unwrap();
        client.send(request).await.unwrap().into_body().collect_bytes().await.unwrap();
    }
    client
}

impl World {
    /// A member with a namespace `shop`, and a running applier.
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000)));
        let api = match std::env::var(REAL) {
            Ok(place) => real(&place).await,
            Err(_) => ours(&clock).await,
        };
        let hub = HubId::from_random([9; 10]);
        let failures = Failures::default();
        let mut world = Self {
            push: feed(&hub, &failures),
            failures,
            api,
            counts: Arc::default(),
            clock,
            hub,
            member: "beijing".parse().unwrap(),
            down: Arc::default(),
            fuse: Arc::default(),
            faults: Arc::default(),
            limits: Limits::default(),
            cluster: None,
            metrics: client::Metrics::default(),
            applier: None,
            units: BTreeMap::new(),
            payloads: BTreeMap::new(),
            leaves: false,
            take_over: None,
            rights: Rights::default(),
            recollects: false,
            look: tokio::sync::watch::channel(0).0,
            gate: None,
        };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
        world.send_request("POST", "/api/v1/namespaces", "application/json", Some(&namespace)).await;
        world.start();
        world
    }

    /// The member's API, as a person asks it.
    pub(crate) fn api(&self) -> client::Api {
        client::Api::new(self.api.clone(), "somebody")
    }

    /// The same member as another hub process sees it, from the same backup.
    pub(crate) fn twin(&self) -> Self {
        let failures = Failures::default();
        let mut twin = Self {
            api: self.api.clone(),
            counts: Arc::clone(&self.counts),
            push: feed(&self.hub, &failures),
            failures,
            clock: Arc::clone(&self.clock),
            hub: self.hub.clone(),
            member: self.member.clone(),
            down: Arc::default(),
            fuse: Arc::default(),
            faults: Arc::default(),
            limits: Limits::default(),
            cluster: None,
            metrics: client::Metrics::default(),
            applier: None,
            units: BTreeMap::new(),
            leaves: self.leaves,
            payloads: BTreeMap::new(),
            take_over: None,
            rights: self.rights.clone(),
            recollects: false,
            look: tokio::sync::watch::channel(0).0,
            gate: self.gate.clone(),
        };
        twin.start();
        twin
    }

    pub(crate) fn start(&mut self) {
        let (api, counts) = (self.api.clone(), Arc::clone(&self.counts));
        let (down, fuse, faults) = (Arc::clone(&self.down), Arc::clone(&self.fuse), Arc::clone(&self.faults));
        let gate = self.gate.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (api, counts) = (api.clone(), Arc::clone(&counts));
            let (down, fuse, faults) = (Arc::clone(&down), Arc::clone(&fuse), Arc::clone(&faults));
            let refused = gate.as_ref().is_some_and(|gate| gate.refuses(request.method(), request.uri()));
            async move {
                let blown = fuse.burn(mutates(&request));
                if down.load(Ordering::SeqCst) || blown == Some(Blow::Before) {
                    return Err(BoxError::from("connection refused"));
                }
                counts.count(&request);
                let mut lie = refused.then(|| (answer(403), false));
                match faults.meet(request.method(), &request.uri().to_string()) {
                    Some(Act::Hide) => lie = Some((unknown_path(), false)),
                    Some(Act::Foreign(said)) => lie = Some((foreign(said), false)),
                    Some(Act::Refuse(code)) => lie = Some((answer(code), false)),
                    Some(Act::Lie(code)) => lie = Some((answer(code), true)),
                    Some(Act::Hang) => std::future::pending().await,
                    Some(Act::Panic) => panic!("a test wants this panic"),
                    Some(Act::Say(text)) => lie = Some((http::Response::new(whole(text)), false)),
                    Some(Act::Endless(begin, more)) => lie = Some((http::Response::new(endless(begin, more)), false)),
                    Some(Act::After(path, object)) => {
                        let first = Request::post(path).header("content-type", "application/json");
                        let first = first.body(Body::from(object.to_string().into_bytes())).unwrap();
                        api.send(first).await?.into_body().collect_bytes().await?;
                    }
                    Some(Act::Meanwhile(all)) => {
                        for (path, patch) in all {
                            let first = match patch {
                                Value::Null => Request::delete(path).body(Body::from(Vec::new())),
                                patch => Request::patch(path)
                                    .header("content-type", "application/merge-patch+json")
                                    .body(Body::from(patch.to_string().into_bytes())),
                            };
                            let done = api.send(first.unwrap()).await?;
                            assert!(done.status().is_success(), "{done:?}");
                            done.into_body().collect_bytes().await?;
                        }
                    }
                    None => {}
                }
                let answer = match lie {
                    Some((answer, carried_out)) => {
                        if carried_out {
                            api.send(request).await?.into_body().collect_bytes().await?;
                        }
                        Ok(answer)
                    }
                    None => {
                        api.send(request).await.map(|answer| answer.map(|b| b.map_err(BoxError::from).boxed_unsync()))
                    }
                };
                if blown == Some(Blow::After) {
                    return Err(BoxError::from("connection reset"));
                }
                // Answers that are still coming, such as watches, break off when the member goes away.
                let gone = async move {
                    while !down.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                };
                let (parts, body) = answer?.into_parts();
                let frames = body.into_data_stream().map_ok(Frame::data).take_until(Box::pin(gone));
                Ok(http::Response::from_parts(parts, StreamBody::new(frames)))
            }
        });
        let (heard, recollects) = (Arc::clone(&self.failures), self.recollects);
        let recollect = move |unit: &UnitId| {
            let heard = heard.lock().unwrap();
            heard.stored.get(unit).filter(|_| recollects).and_then(Recollection::of)
        };
        let ctx = Ctx {
            recollect: Arc::new(recollect),
            look: self.look.subscribe(),
            member: self.member.clone(),
            hub: self.hub.clone(),
            shared: self.push.shared(),
            key_of: self.push.key_of(),
            cluster: self.cluster.clone(),
            take_over: self.take_over.clone().map(Box::new),
            rights: self.rights.clone(),
            clock: Arc::<Hand>::clone(&self.clock),
            jitter: Arc::new(|| 1.0),
            limits: self.limits,
            metrics: self.metrics.clone(),
            back: tokio::sync::watch::channel(0).1,
        };
        let api = client::Api::new(kube::Client::new(service, "default"), "test");
        let feed = self.push.member(&self.member);
        self.applier = Some(tokio::spawn(async move { match Applier::run(feed, api, ctx).await {} }));
    }

    pub(crate) fn stop(&mut self) {
        if let Some(applier) = self.applier.take() {
            applier.abort();
        }
    }

    /// A new process: nothing is remembered but what the hub says.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.push = feed(&self.hub, &self.failures);
        self.publish();
        self.start();
    }

    /// A new process after one that died.
    pub(crate) fn revive(&mut self) {
        self.stop();
        self.fuse.0.lock().unwrap().dead = false;
        self.restart();
    }

    pub(crate) fn pass_time(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The units get the short ids, and the payloads, that they have for the hub as it is now.
    pub(crate) fn rename_units(&mut self) {
        self.push = feed(&self.hub, &self.failures);
        for (unit, (entry, bundle)) in &mut self.units {
            let Some(old) = bundle else { continue };
            entry.short = unit.short(&self.hub);
            let payload = self.payloads.get(unit).cloned().unwrap_or_default();
            *bundle = Some(self.push.bundle(&entry.short, old.digest, &payload));
        }
    }

    /// Says what a unit is.
    pub(crate) fn set(&mut self, name: &str, epoch: u64, objects: Vec<Value>) -> UnitId {
        self.set_with(name, epoch, objects, |_| {})
    }

    pub(crate) fn set_with(
        &mut self,
        name: &str,
        epoch: u64,
        objects: Vec<Value>,
        change: impl FnOnce(&mut UnitEntry),
    ) -> UnitId {
        let unit = self.stage(name, epoch, objects, change);
        self.publish();
        unit
    }

    /// Says what a unit is, with the next publication.
    pub(crate) fn stage(
        &mut self,
        name: &str,
        epoch: u64,
        objects: Vec<Value>,
        change: impl FnOnce(&mut UnitEntry),
    ) -> UnitId {
        let (payload, report) = plan::phase::plan(objects);
        assert_eq!(report.refused, []);
        self.stage_payload(name, epoch, &payload, change)
    }

    pub(crate) fn stage_payload(
        &mut self,
        name: &str,
        epoch: u64,
        payload: &Payload,
        change: impl FnOnce(&mut UnitEntry),
    ) -> UnitId {
        let unit = unit(name);
        let short = unit.short(&self.hub);
        let bundle = self.push.bundle(&short, payload.digest(), payload);
        let mut entry = UnitEntry {
            unit: unit.clone(),
            revision: format!("{short}-{epoch}"),
            short,
            epoch,
            placed: None,
            known_since: None,
            given_back: None,
            payload: bundle.digest,
            prune: true,
            suspend: false,
            force: false,
            overwrite: false,
            approved: None,
            approved_shown: None,
            claimed: None,
            frozen: None,
            removal: Removal::None,
            shown: None,
            unapproved: false,
        };
        change(&mut entry);
        self.payloads.insert(unit.clone(), payload.clone());
        self.units.insert(unit.clone(), (entry, Some(bundle)));
        unit
    }

    pub(crate) fn change(&mut self, unit: &UnitId, change: impl FnOnce(&mut UnitEntry)) {
        change(&mut self.units.get_mut(unit).unwrap().0);
        self.publish();
    }

    /// Takes a unit's payload away from the feed.
    pub(crate) fn lose(&mut self, unit: &UnitId) {
        self.units.get_mut(unit).unwrap().1 = None;
    }

    pub(crate) fn forget(&mut self, unit: &UnitId) {
        self.units.remove(unit);
        self.publish();
    }

    pub(crate) fn publish(&self) {
        let entries = self.units.values().map(|(entry, _)| entry.clone()).collect();
        let bundles = self.units.iter().filter_map(|(unit, (_, bundle))| Some((unit.clone(), bundle.clone()?)));
        let snapshot = Snapshot::new(self.member.clone(), self.hub.clone(), entries);
        self.push.set(if self.leaves { snapshot.releasing() } else { snapshot }, bundles);
    }

    /// Says that the hub leaves the member as a whole.
    pub(crate) fn leave_member(&mut self) {
        self.leaves = true;
        self.publish();
    }

    /// The hub takes that back.
    pub(crate) fn stay_in_member(&mut self) {
        self.leaves = false;
        self.publish();
    }

    /// How far the applier is with leaving the member.
    pub(crate) fn released(&self) -> Option<MemberRelease> {
        self.push.link(&self.member)?.moving.release.map(|release| *release)
    }

    /// The hub's guard: weighs what was reported, and grants what may go ahead.
    pub(crate) fn guard(&mut self, unit: &UnitId, approved: Option<Digest>) -> guard::Report {
        let report = self.report(unit).unwrap();
        let scope = MemberScope {
            member: self.member.clone(),
            epoch: report.epoch,
            placed: None,
            inventory: report.objects.inventory.into(),
            desired: report.objects.desired.into(),
            report: Some(report.deletions.clone()),
            expected: true,
            away: false,
            leaving: !self.units[unit].0.removal.is_none(),
            unweighed: false,
            unlisted: report.unlisted,
            supposed: false,
            granted: false,
            carried_out: 0,
            withheld: None,
        };
        let (plan, said) = guard::plan(&[scope], approved);
        if let Some(digest) = plan.grants.first().map(|(_, digest)| *digest) {
            self.change(unit, |entry| entry.approved = Some(digest));
        }
        said
    }

    pub(crate) fn report(&self, unit: &UnitId) -> Option<Arc<UnitReport>> {
        self.push.reports_of(unit).into_iter().find(|r| r.member == self.member)
    }

    /// Reasons of all reports so far of a unit that failed.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().failures.clone()
    }

    /// Reasons of all reports so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.failures.lock().unwrap().reasons.clone()
    }

    /// What a hub has stored of a unit.
    pub(crate) fn stored(&self, unit: &UnitId) -> Option<UnitStatus> {
        self.failures.lock().unwrap().stored.get(unit).cloned()
    }

    /// Inventories that were gone and written again: how many objects they had, and how many are the unit's own and adopted.
    pub(crate) fn restored(&self) -> Vec<(u32, u32, u32)> {
        let heard = self.failures.lock().unwrap();
        heard.restored.iter().map(|restored| (restored.objects, restored.own, restored.adopted)).collect()
    }

    /// Objects that were deleted to be made again.
    pub(crate) fn renewed(&self) -> Vec<Renewed> {
        self.failures.lock().unwrap().renewed.clone()
    }

    /// What was said last of a unit that has left.
    pub(crate) fn removed(&self, unit: &UnitId) -> Option<Arc<UnitReport>> {
        self.failures.lock().unwrap().removed.get(unit).cloned()
    }

    /// Waits until a unit's report is as wanted.
    pub(crate) async fn until(
        &self,
        unit: &UnitId,
        what: &str,
        wanted: impl Fn(&UnitReport) -> bool,
    ) -> Arc<UnitReport> {
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let report = self.report(unit);
            match report {
                Some(report) if wanted(&report) => return report,
                report => assert!(tokio::time::Instant::now() < end, "never {what}; last: {report:#?}"),
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Waits until a unit is applied at its epoch.
    pub(crate) async fn applied(&self, unit: &UnitId) -> Arc<UnitReport> {
        let payload = self.units[unit].0.payload;
        self.until(unit, "applied", |r| {
            // What is to be left alone need not be there.
            let is_unmade =
                |row: &&Arc<ObjectReport>| row.sync == SyncState::LeftAlone && row.health == Health::Unknown;
            let unmade = r.details.iter().filter(is_unmade).count();
            let applied = r.objects.applied as usize + unmade;
            r.phase == UnitPhase::Applied && r.payload == payload && r.objects.desired as usize == applied
        })
        .await
    }

    /// Waits until the member is as wanted.
    pub(crate) async fn eventually<F: Future<Output = bool>>(&self, what: &str, wanted: impl Fn() -> F) {
        let end = tokio::time::Instant::now() + DEADLINE;
        while !wanted().await {
            assert!(tokio::time::Instant::now() < end, "never {what}");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Requests so far, of everybody.
    pub(crate) fn requests(&self) -> u64 {
        self.counts.all.load(Ordering::SeqCst)
    }

    /// Waits until nothing was asked for longer than any pause before a retry, and says how many mutations there have been.
    pub(crate) async fn quiet(&self) -> u64 {
        let (mut last, end) = (self.requests(), tokio::time::Instant::now() + RESTLESS);
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.requests();
            if now == last {
                return self.counts.mutations.load(Ordering::SeqCst);
            }
            assert!(tokio::time::Instant::now() < end, "it is never quiet");
            last = now;
        }
    }

    /// Lets all that can happen for now happen, where something is tried again and again; says how many mutations there have
    /// been.
    pub(crate) async fn a_while(&self) -> u64 {
        tokio::time::sleep(QUIET).await;
        self.counts.mutations.load(Ordering::SeqCst)
    }
}
