//! Delivery: one member's decisions become its snapshot; its applier gets it, and what it reports is stored.
//!
//! Reads Decisions, Revisions, members' records and the Secrets with their kubeconfigs. Writes MemberStatus (all of it).
//! What appliers do in members is theirs (crate `applier`). Which deletions may go ahead is in the decisions already.
//!
//! | step | what |
//! |---|---|
//! | `observe` | decisions that name the member, their renderings, how the member is reached |
//! | [`plan::delivery`] | the snapshot |
//! | `apply` | the feed; the applier runs as long as the member may be delivered to |
//! | `status` | MemberStatus, when it differs: news at once, the rest at most once a second |
//!
//! One member's pass costs what is decided for that member: it grows neither with the units nor with the members that
//! there are.
//!
//! Failure modes: a unit that cannot be rendered waits; a member that does not answer keeps its applier, which tries
//! again by itself; a member whose record is gone is forgotten.

mod apply;
mod observe;
mod sending;
mod status;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::{
    Decision, HubId, MemberLink, MemberMove, MemberStatus, MemberStatusStatus, Removal, Revision, UnitId, UnitStatus,
    WaitingOn,
};
use api::feed::UnitReport;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use applier::{FeedReport, Link, MemberReport, PushFeed, Renewed, Restored};
use client::Trust;
use model::{Clock, MemberName, Uid};
use tokio::sync::{mpsc, watch as channel};
use tokio_util::sync::CancellationToken;

use crate::WriteError;
use crate::artifact::Artifacts;
use crate::connection::Connections;
use crate::deps::{Deps, Running, say_nothing, work};
use crate::event::Recorder;
use crate::metrics::Metrics;
use crate::origin;
use crate::record;
use crate::rendering::Renderings;
use crate::secrets::SecretVersions;
use crate::throttle::{GATHER_LEAST, Throttle};
use client::queue::note_generation;
use client::{Api, NamespacedName, Store};
use client::{Next, Queue};

/// The end of the feed where reports come out.
pub type Reports = mpsc::Receiver<FeedReport>;

/// How many members are looked at once: each waits for its own network, and none of them for another.
const AT_ONCE: usize = 64;

/// What this controller has not stored yet of a member.
#[derive(Default)]
struct Unstored {
    units: BTreeMap<UnitId, UnitStatus>,
    link: Option<MemberLink>,
    moving: Option<MemberMove>,
}

#[derive(Default)]
struct State {
    /// Merged reports on their way into MemberStatus.
    unstored: BTreeMap<MemberName, Unstored>,
    /// Slices that the hub's API refused whole, as they were to be. Their bare form is stored; what it lacks is told once by
    /// appliers, and is stored with the next change that makes the slice one that is taken.
    refused: BTreeMap<MemberName, BTreeMap<u32, MemberStatusStatus>>,
    /// What this process lacks of members' units; of a member that it has not looked at yet, what is stored is kept.
    waiting: BTreeMap<MemberName, BTreeMap<UnitId, WaitingOn>>,
    appliers: BTreeMap<MemberName, apply::Running>,
    /// Of which cluster each member's last applier was, also when it does not run any more.
    behind: BTreeMap<MemberName, apply::Behind>,
    /// Counts how often each member answered after it had not: its applier need not wait out its pause.
    back: BTreeMap<MemberName, channel::Sender<u64>>,
    /// Counts how often a person asked to look into each member at once.
    look: BTreeMap<MemberName, channel::Sender<u64>>,
}

impl State {
    /// What was reported of a unit and is not stored, or not in full.
    fn reported(&self, member: &MemberName, unit: &UnitId) -> Option<&UnitStatus> {
        let newer = self.unstored.get(member).and_then(|unstored| unstored.units.get(unit));
        let refused = || self.refused.get(member)?.values().find_map(|slice| slice.units.get(unit));
        newer.or_else(refused)
    }

    /// The same of a member's link.
    fn reported_link(&self, member: &MemberName) -> Option<&MemberLink> {
        let newer = self.unstored.get(member).and_then(|unstored| unstored.link.as_ref());
        newer.or_else(|| self.refused.get(member)?.get(&0)?.link.as_ref())
    }

    /// Forgets what a member reported: its record is gone, or is another one.
    fn forget_reports(&mut self, member: &MemberName) {
        self.unstored.remove(member);
        self.refused.remove(member);
    }
}

/// What a pass needs.
struct Ctx {
    api: Api,
    clock: Arc<dyn Clock>,
    hub: HubId,
    jitter: applier::Jitter,
    trust: Trust,
    clusters: Arc<Store<Cluster>>,
    decisions: Arc<Store<Decision>>,
    revisions: Arc<Store<Revision>>,
    statuses: Arc<Store<MemberStatus>>,
    applications: Arc<Store<Application>>,
    secrets: Arc<SecretVersions>,
    connections: Arc<Connections>,
    artifacts: Arc<Artifacts>,
    renderings: Arc<Renderings>,
    feed: Arc<PushFeed>,
    state: Mutex<State>,
    sending: sending::Sending,
    throttle: Throttle,
    metrics: Metrics,
    events: Recorder,
    /// Members whose snapshot and applier to look at.
    members: Queue<MemberName>,
    /// Members whose report to store. A queue of its own: a report changes what is stored, and seldom what the member
    /// should have.
    reported: Queue<MemberName>,
    shutdown: CancellationToken,
}

fn context(deps: &Deps, feed: Arc<PushFeed>) -> Arc<Ctx> {
    let stores = &deps.stores;
    Arc::new(Ctx {
        api: deps.api.with_manager(status::FIELD_MANAGER),
        clock: deps.clock.clone(),
        hub: deps.hub.clone(),
        jitter: deps.jitter.clone(),
        trust: deps.trust,
        clusters: stores.clusters.clone(),
        decisions: stores.decisions.clone(),
        revisions: stores.revisions.clone(),
        statuses: stores.statuses.clone(),
        applications: stores.applications.clone(),
        secrets: stores.secrets.clone(),
        connections: deps.connections.clone(),
        artifacts: deps.artifacts.clone(),
        renderings: deps.renderings.clone(),
        feed,
        state: Mutex::default(),
        sending: sending::Sending::default(),
        throttle: Throttle::default(),
        metrics: deps.metrics.clone(),
        events: deps.events.clone(),
        members: deps.queue("delivery"),
        reported: deps.queue("delivery-report"),
        shutdown: deps.shutdown.clone(),
    })
}

/// Wires the controller, and runs it.
pub(crate) fn run(deps: &Deps, feed: Arc<PushFeed>, reports: Reports) -> Running {
    let ctx = context(deps, feed);
    watch::watch(&ctx, &deps.stores);
    let stop = deps.shutdown.clone();
    let reader = reader(&ctx, deps, reports);
    Box::pin(async move {
        tokio::join!(
            work(ctx.clone(), ctx.members.clone(), AT_ONCE, stop.clone(), reconcile, say_nothing),
            work(ctx.clone(), ctx.reported.clone(), AT_ONCE, stop.clone(), store, say_nothing),
            reader,
        );
        // Appliers end where they are. What they have begun is finished after the next start.
        let running: Vec<_> = std::mem::take(&mut ctx.state().appliers).into_values().collect();
        for applier in running {
            applier.stop().await;
        }
    })
}

impl Ctx {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What reads reports. One that makes it panic is lost, and no other.
fn reader(ctx: &Arc<Ctx>, deps: &Deps, reports: Reports) -> impl Future<Output = ()> + use<> {
    let (ctx, reports) = (ctx.clone(), Arc::new(tokio::sync::Mutex::new(reports)));
    deps.restarting("delivery-reader", move || {
        let (ctx, reports) = (ctx.clone(), reports.clone());
        async move { read(&ctx, &mut *reports.lock().await).await }
    })
}

/// Reads what appliers report, until shutdown.
async fn read(ctx: &Arc<Ctx>, reports: &mut Reports) {
    loop {
        let report = tokio::select! {
            () = ctx.shutdown.cancelled() => return,
            report = reports.recv() => report,
        };
        match report {
            Some(FeedReport::Unit(report)) => take_report(ctx, &report),
            Some(FeedReport::Member(report)) => take_link(ctx, &report),
            Some(FeedReport::Restored(restored)) => {
                let Restored { member, unit, objects, own, adopted } = restored;
                let event = plan::event::restored(&member, objects, own, adopted);
                ctx.events.record_unit(&ctx.applications, &unit, event);
            }
            Some(FeedReport::Renewed(Renewed { member, unit, objects })) => {
                let event = plan::event::renewed(&member, &objects);
                ctx.events.record_unit(&ctx.applications, &unit, event);
            }
            None => return,
        }
    }
}

/// Merges a report with what is stored, or is about to be.
fn take_report(ctx: &Ctx, report: &UnitReport) {
    let member = &report.member;
    ctx.sending.end(member);
    let Some(record) = record_of(ctx, member) else { return };
    let mut state = ctx.state();
    let newer = state.reported(member, &report.unit).cloned();
    let stored = newer.or_else(|| status::stored_unit(&ctx.statuses, member, &record, &report.unit));
    let merged = plan::unit::merge_report(report, stored.as_ref(), ctx.clock.now());
    let merged = merged.map(|mut merged| {
        let is_placed = |unit: &UnitId| placed(ctx, member, unit) == Some(Removal::None);
        plan::unit::note_untaken(&mut merged, stored.as_ref(), is_placed);
        merged
    });
    if let Some(merged) = merged.filter(|merged| stored.as_ref() != Some(merged)) {
        count(ctx, member, &report.unit, stored.as_ref(), &merged);
        state.unstored.entry(member.clone()).or_default().units.insert(report.unit.clone(), merged);
        ctx.reported.add_after(member.clone(), GATHER_LEAST);
    }
}

/// The member's record. Reports that were on their way when it went are dropped: nothing would ever store them.
fn record_of(ctx: &Ctx, member: &MemberName) -> Option<Arc<Cluster>> {
    ctx.clusters.get(&NamespacedName::new("", member.as_str()))
}

/// Counts what a report says for the first time, and tells the log.
fn count(ctx: &Ctx, member: &MemberName, unit: &UnitId, before: Option<&UnitStatus>, merged: &UnitStatus) {
    ctx.metrics.reverted(merged.reverts.saturating_sub(before.map_or(0, |before| before.reverts)));
    let result = plan::unit::delivered(before, merged);
    let took = result.and_then(|result| took(ctx, unit, merged, result));
    if let Some(result) = result {
        ctx.metrics.delivered(result, took);
    }
    // Asked only when it leaves: a look at decisions costs more than a report.
    let is_removed = result == Some(plan::unit::Delivered::Removed);
    let removal = if is_removed { removal(ctx, member, unit) } else { Removal::None };
    let facts = plan::journal::unit_facts(unit, member, before, merged, removal, took);
    facts.into_iter().for_each(|fact| ctx.events.journal().note_fact(fact));
}

/// How a unit is to leave a member.
fn removal(ctx: &Ctx, member: &MemberName, unit: &UnitId) -> Removal {
    placed(ctx, member, unit).unwrap_or_default()
}

/// Whether a unit is to leave a member, and how. `None`: it is not in the member by what is decided.
fn placed(ctx: &Ctx, member: &MemberName, unit: &UnitId) -> Option<Removal> {
    let decisions = ctx.decisions.by_index(record::OWNER, &unit.owner().to_string());
    let mut own = decisions.iter().filter(|decision| decision.spec.unit == *unit);
    own.find_map(|decision| Some(decision.spec.members.get(member)?.removal))
}

/// How long it took from a revision to its being applied in a member.
fn took(ctx: &Ctx, unit: &UnitId, merged: &UnitStatus, result: plan::unit::Delivered) -> Option<Duration> {
    let revision = ctx.revisions.get(&NamespacedName::new(unit.namespace.clone(), merged.revision.clone()));
    let since = revision.filter(|_| result == plan::unit::Delivered::Applied).map(|revision| revision.spec.time);
    // A hub whose clock was set back has no time to show.
    since.and_then(|since| Duration::try_from(ctx.clock.now().duration_since(since)).ok())
}

/// Notes what is on its way between a member's hubs. An applier that has only begun to connect says nothing of it.
fn take_moving(ctx: &Ctx, report: &MemberReport) {
    let Some(known) = record_of(ctx, &report.member) else { return };
    let stored = record::moving_of(&ctx.statuses, &report.member, &known);
    let moving = report.moving.clone().with_unasked(&report.orphans);
    let mut state = ctx.state();
    let unstored = state.unstored.get(&report.member).and_then(|unstored| unstored.moving.as_ref());
    if report.link == Link::Connected && *unstored.unwrap_or(&stored) != moving {
        state.unstored.entry(report.member.clone()).or_default().moving = Some(moving);
        ctx.reported.add_after(report.member.clone(), GATHER_LEAST);
    }
}

fn take_link(ctx: &Ctx, report: &MemberReport) {
    take_moving(ctx, report);
    let Some(link) = status::link(report, ctx.clock.now()) else { return };
    let Some(known) = record_of(ctx, &report.member) else { return };
    let mut state = ctx.state();
    let refused = state.refused.get(&report.member).and_then(|slices| slices.get(&0)?.link.clone());
    let stored = refused.or_else(|| record::link_of(&ctx.statuses, &report.member, &known));
    let merged = plan::unit::merge_link(link, stored.as_ref());
    if state.reported_link(&report.member).or(stored.as_ref()) != Some(&merged) {
        state.unstored.entry(report.member.clone()).or_default().link = Some(merged);
        ctx.reported.add_after(report.member.clone(), GATHER_LEAST);
    }
}

/// Looks at one member.
async fn reconcile(ctx: Arc<Ctx>, member: MemberName) -> Result<Next, WriteError> {
    let (ctx, member) = (&ctx, &member);
    // What is not decided for it any more is not stored any more.
    ctx.reported.add(member.clone());
    let Some(cluster) = record_of(ctx, member) else {
        apply::forget(ctx, member).await;
        return Ok(Next::Wait);
    };
    note_generation(cluster.metadata.generation);
    let observed = observe::observe(ctx, member).await; // cache, renderer
    let id = cluster.spec.id.as_deref().map(Uid::from);
    let (snapshot, report) = plan::delivery::plan(member, id.as_ref(), &ctx.hub, &observed.wanted()); // pure
    if !report.unrendered.is_empty() {
        tracing::debug!(%member, ?report, "waits");
    }
    let again = observed.again;
    let waiting = ctx.state().waiting.insert(member.clone(), observed.waiting.clone());
    if waiting.as_ref() != Some(&observed.waiting) {
        ctx.reported.add(member.clone());
    }
    let snapshot = if origin::is_released(&cluster) { snapshot.releasing() } else { snapshot };
    // Before the applier can answer.
    let begun = ctx.sending.begin(member);
    if !ctx.feed.set(snapshot, observed.bundles) && begun {
        ctx.sending.end(member);
    }
    let untried = apply::apply(ctx, member, &cluster).await?; // the applier
    Ok(Next::Wait.or_after(again).or_after(untried))
}

/// Stores what one member reports. What is still to be sent to others goes first.
async fn store(ctx: Arc<Ctx>, member: MemberName) -> Result<Next, WriteError> {
    ctx.sending.few().await;
    match record_of(&ctx, &member) {
        Some(record) => status::write(&ctx, &member, &record).await, // client
        None => status::remove(&ctx, &member).await,                 // client
    }
}

#[cfg(test)]
mod tests;
