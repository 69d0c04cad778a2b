//! One member's applier: connect, run passes as the feed and the watches ask for them, report.
//!
//! A connection lasts until the member cannot be reached; then its units are reported Unknown, and after a pause that
//! doubles everything is read again: nothing is assumed to be as it was.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use api::delivery::{Health, HubId, MemberMove, OtherHub, TakeOverState, UnitId, UnitPhase, label};
use api::feed::{ObjectReport, TakeOver, UnitEntry, UnitReport};
use client::contain::counted;
use client::{Api, Backoff, Class, Jitter, Metrics};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use model::{Clock, Digest, MemberName};
use plan::authenticator::MemberKey;
use plan::inventory::Recollection;
use plan::report;
use plan::rights::Rights;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::Error;
use crate::feed::{Feed, FeedReport, Link, MemberReport};
use crate::limit::{self, Limits};
use crate::record::Past;
use crate::release;
use crate::session::Session;
use crate::shard::{self, Found, InventoryOwner};
use crate::shared::Shared;
use crate::takeover;
use crate::unit::Outcome;
use crate::watch::Event;

/// Passes that are under way.
pub(crate) type Passes = FuturesUnordered<BoxFuture<'static, Box<Outcome>>>;

/// Gives the key of the cluster whose kube-system namespace has this UID. An agent has one, of its own.
pub type KeyOf = Arc<dyn Fn(&str) -> MemberKey + Send + Sync>;

/// Gives what the hub knows of a unit's inventory in the member, from the report that it stored last.
pub type Recollect = Arc<dyn Fn(&UnitId) -> Option<Recollection> + Send + Sync>;

/// Name of appliers among the panics that are counted.
pub(crate) const NAME: &str = "applier";

/// What an applier needs besides its feed and its client.
#[derive(Clone)]
pub struct Ctx {
    /// The member.
    pub member: MemberName,
    /// The hub.
    pub hub: HubId,
    /// Gives the key by which it is told what this hub wrote in a cluster.
    pub key_of: KeyOf,
    /// Asked of units of which no inventory is in the member.
    pub recollect: Recollect,
    /// UID of the kube-system namespace of the cluster that this member is known to be; checked on each connection.
    /// Nothing is written to another cluster.
    pub cluster: Option<String>,
    /// What is taken over from another hub.
    pub take_over: Option<Box<TakeOver>>,
    /// What it may do in the member. Nothing else is asked for.
    pub rights: Rights,
    /// What all appliers of the hub share.
    pub shared: Arc<Shared>,
    /// Tells the time that reports bear.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub jitter: Jitter,
    /// What it may use.
    pub limits: Limits,
    /// Where its panics are counted.
    pub metrics: Metrics,
    /// Changes when somebody else saw the member answer again, such as its prober: the next attempt need not wait out
    /// its pause. A channel that is closed says nothing.
    pub back: watch::Receiver<u64>,
    /// Changes when a person asks to look at once: whether the inventories are there, and whether fights are over.
    pub look: watch::Receiver<u64>,
}

/// Gets one member to hold what its feed says.
pub struct Applier {
    feed: Arc<dyn Feed>,
    api: Api,
    ctx: Ctx,
    /// What is remembered of objects over connections.
    memory: HashMap<UnitId, Past>,
    last: BTreeMap<UnitId, Arc<UnitReport>>,
    link: Option<MemberReport>,
    /// What is on its way between the member's hubs.
    // Boxed, since the future of each member has room for it.
    moving: Box<MemberMove>,
}

impl Applier {
    /// Runs until it is dropped, through a client of the member. Dropping it at any moment is safe: what was begun is
    /// finished by the next one.
    ///
    /// The future has room for what a connected member at rest keeps. What happens once in a connection is boxed where it
    /// is awaited: there are a thousand appliers, and nearly all of them wait.
    pub fn run(feed: Arc<dyn Feed>, api: Api, ctx: Ctx) -> BoxFuture<'static, Infallible> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        Self::follow(feed, api, ctx).boxed()
    }

    async fn follow(feed: Arc<dyn Feed>, api: Api, ctx: Ctx) -> Infallible {
        let (memory, last) = (HashMap::new(), BTreeMap::new());
        let api = api.with_manager(label::FIELD_MANAGER).with_limits(ctx.limits.api);
        let mut applier = Self { feed, api, ctx, memory, last, link: None, moving: Box::default() };
        let mut failures = 0;
        loop {
            let began = Instant::now();
            applier.ctx.back.mark_unchanged();
            let error = applier.session().await;
            if let Error::Member(client::Error::Deadline(waited)) = &error {
                // A connection may answer some requests, such as those of the prober, and not these.
                let now = Instant::now();
                applier.api.renew_late_connection(now.checked_sub(*waited).unwrap_or(now));
            }
            // A member that answers and breaks off again and again is not asked for everything each time at once.
            failures = if began.elapsed() > Backoff::MEMBER.longest { 1 } else { failures + 1 };
            let link = match error.class() {
                Class::AwaitChange => Link::Blocked(error.to_string()),
                Class::Retry | Class::Reread | Class::Unreachable | Class::Bug => Link::Unreachable(error.to_string()),
            };
            Box::pin(applier.lost(link, &error)).await;
            let pause = Backoff::MEMBER.pause(failures, (applier.ctx.jitter)());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = applier.ctx.back.changed() => {}
            }
        }
    }

    /// Reports the link and what is left over in the member, when they differ from the last report.
    async fn report_link(&mut self, link: Link, orphans: Vec<UnitId>) {
        let moving = MemberMove::clone(&self.moving);
        let report = MemberReport { member: self.ctx.member.clone(), link, orphans, moving };
        if self.link.as_ref() != Some(&report) {
            self.link = Some(report.clone());
            self.feed.report(FeedReport::Member(report)).await;
        }
    }

    /// Reports a unit, when it differs from the last report.
    async fn report_unit(&mut self, report: UnitReport) {
        if self.last.get(&report.unit).is_none_or(|last| **last != report) {
            let report = Arc::new(report);
            self.last.insert(report.unit.clone(), Arc::clone(&report));
            self.feed.report(FeedReport::Unit(report)).await;
        }
    }

    /// A report of a pass that came to no end, with what was last seen of the objects.
    fn with_last_rows(&self, report: UnitReport) -> UnitReport {
        let Some(last) = self.last.get(&report.unit) else { return report };
        let UnitReport { objects, pods, reverts, deleted, last_drift, details, uids, going, .. } =
            UnitReport::clone(last);
        let unreadable = may_have_more(last, report.payload);
        UnitReport { objects, pods, reverts, deleted, last_drift, details, unreadable, uids, going, ..report }
    }

    /// Everything about the member is unknown from now on.
    async fn lost(&mut self, link: Link, error: &Error) {
        self.report_link(link, Vec::new()).await;
        let entries = self.feed.snapshot().map(|s| s.units.clone()).unwrap_or_default();
        for entry in entries {
            let mut report = match self.last.get(&entry.unit) {
                Some(last) => UnitReport::clone(last),
                None => blank(&self.ctx.member, &entry),
            };
            match self.memory.get(&entry.unit) {
                Some(past) => past.count_recorded(&mut report),
                // Its last pass came to no end, and what it wrote is not known.
                None => report.unreadable = may_have_more(&report, entry.payload),
            }
            report.phase = UnitPhase::Unknown;
            report.health = Health::Unknown;
            error.reason().clone_into(&mut report.reason);
            report.message = error.to_string();
            for row in &mut report.details {
                let unknown = ObjectReport { health: Health::Unknown, ..ObjectReport::clone(row) };
                *row = self.ctx.shared.pools.rows.share(unknown);
            }
            self.report_unit(report).await;
        }
    }

    /// One connection, until it fails. A bug that panics ends the connection, not the applier: everything is read again.
    async fn session(&mut self) -> Error {
        let metrics = self.ctx.metrics.clone();
        // Boxed: each future that another one is given has room twice.
        match counted(NAME, &metrics, Box::pin(self.connected())).await {
            Ok(Ok(never)) => match never {},
            Ok(Err(e)) => e,
            Err(panic) => {
                let member = &self.ctx.member;
                tracing::error!(%member, panic, "the applier panicked, and connects again; please report it");
                Error::Bug("the applier panicked; what happened is in the log".to_owned())
            }
        }
    }

    async fn connected(&mut self) -> Result<Infallible, Error> {
        if self.link.is_none() {
            Box::pin(self.report_link(Link::Connecting, Vec::new())).await;
        }
        let Opened { api, owner, mut inventories, other_hubs } = Box::pin(self.open()).await?;
        self.moving.other_hubs = other_hubs;
        let (events, inbox) = mpsc::channel(limit::EVENTS_MAX);
        let connection = Connection::new(self.ctx.clone(), owner, api, events);
        Box::pin(self.take_over(&connection, &mut inventories)).await?;
        for inventory in inventories.iter_mut().filter_map(|found| found.inventory.as_mut().ok()) {
            inventory.share(&self.ctx.shared.pools);
        }
        let mut session = Session::new(connection, inventories);
        let mut passes = Passes::new();
        let result = self.serve(&mut session, &mut passes, inbox).await;
        let cluster = session.connection().owner.cluster.clone();
        // They end by themselves where the member is gone, and what they know is kept too.
        let end = Instant::now() + limit::LAST_PASSES;
        while let Ok(Some(outcome)) = tokio::time::timeout_at(end, passes.next()).await {
            self.memory.insert(outcome.unit.id.clone(), outcome.unit.into_past(&cluster));
        }
        for (id, slot) in std::mem::take(&mut session.slots) {
            if let Some(unit) = slot.unit {
                self.memory.insert(id, unit.into_past(&cluster));
            }
        }
        result
    }

    /// Asks the member what is asked before anything else. When a first connection takes long to answer that, it is said: what was
    /// stored before this process began is not known to be true any more.
    async fn open(&mut self) -> Result<Opened, Error> {
        let mut opening = Box::pin(open(self.api.clone(), self.ctx.clone()));
        if self.link.as_ref().is_some_and(|said| said.link == Link::Connecting) {
            match tokio::time::timeout(limit::REPORTED_WITHIN, &mut opening).await {
                Ok(opened) => return opened,
                Err(_) => {
                    // In the words in which the attempt may end later, so that they are written once.
                    let silent = Error::from(client::Error::Deadline(limit::REPORTED_WITHIN));
                    Box::pin(self.lost(Link::Unreachable(silent.to_string()), &silent)).await;
                }
            }
        }
        opening.await
    }

    /// Takes over what another hub has in the member, if it is to and a person agreed.
    async fn take_over(&mut self, connection: &Connection, inventories: &mut Vec<Found>) -> Result<(), Error> {
        let Some(wanted) = self.ctx.take_over.clone().filter(|wanted| wanted.from != self.ctx.hub) else {
            self.moving.take_over = None;
            return Ok(());
        };
        let said = takeover::carry_out(connection, &wanted, inventories).await?;
        if said.state == TakeOverState::Done {
            self.moving.other_hubs.retain(|other| other.hub != wanted.from);
        }
        self.moving.take_over = Some(Box::new(said));
        Ok(())
    }

    async fn serve(
        &mut self,
        session: &mut Session,
        passes: &mut Passes,
        mut inbox: mpsc::Receiver<Box<Event>>,
    ) -> Result<Infallible, Error> {
        let feed = Arc::clone(&self.feed);
        let mut delta = feed.delta(None);
        // Spread, since all members may have been connected at once.
        let mut look_at = Instant::now() + limit::INVENTORIES_LOOK.mul_f64(1.0 - session.connection().jitter() / 2.0);
        let mut look: Option<BoxFuture<'static, Option<HashSet<String>>>> = None;
        let mut looked: Option<Instant> = None;
        loop {
            session.start(passes);
            let next = [session.wake(passes), session.next_overdue()].into_iter().flatten();
            let wake = next.fold(look_at, Instant::min);
            tokio::select! {
                found = await_answer(&mut look) => {
                    look = None;
                    if let (Some(names), Some(asked)) = (found, looked)
                        && session.note_inventories(&names, asked)
                    {
                        Box::pin(self.report_connected(session)).await?;
                    }
                }
                snapshot = &mut delta => {
                    Box::pin(session.update(&*feed, &snapshot, &mut self.memory)).await;
                    self.last.retain(|unit, _| session.slots.contains_key(unit));
                    Box::pin(self.report_connected(session)).await?;
                    delta = feed.delta(Some(snapshot.digest));
                }
                Some(event) = inbox.recv() => {
                    // What is there already is taken before passes begin, so that a burst causes one; not for ever.
                    let (mut next, mut taken) = (Some(event), 0);
                    while let Some(event) = next {
                        match *event {
                            Event::Lost(error) => return Err(error),
                            event => session.on_event(event),
                        }
                        taken += 1;
                        next = if taken < limit::EVENTS_MAX { inbox.try_recv().ok() } else { None };
                    }
                }
                Some(outcome) = passes.next() => {
                    Box::pin(self.finish(session, outcome)).await?;
                    Box::pin(session.refresh(&*feed)).await;
                }
                Ok(()) = self.ctx.look.changed() => {
                    // A commit that is on its way does not wait for this.
                    let soon = Instant::now() + limit::INVENTORIES_SOON;
                    let rested = looked.map_or(soon, |at| at + limit::INVENTORIES_REST);
                    look_at = look_at.min(soon.max(rested));
                    session.end_contests();
                }
                () = tokio::time::sleep_until(wake) => {
                    let now = Instant::now();
                    if look_at <= now {
                        (looked, look_at) = (Some(now), now + limit::INVENTORIES_LOOK);
                        look = Some(look_for_inventories(session.connection()));
                    }
                    Box::pin(self.report_overdue(session, now)).await;
                    Box::pin(session.refresh(&*feed)).await;
                }
            }
        }
    }

    /// Takes what came of a pass.
    async fn finish(&mut self, session: &mut Session, outcome: Box<Outcome>) -> Result<(), Error> {
        let Outcome { unit, report, next, waits_for_others, moved, unreachable, panicked, restored, renewed } =
            *outcome;
        if let Some(restored) = restored {
            self.feed.report(FeedReport::Restored(restored)).await;
        }
        if let Some(renewed) = renewed {
            self.feed.report(FeedReport::Renewed(renewed)).await;
        }
        if let Some(error) = unreachable {
            let id = unit.id.clone();
            self.memory.insert(id, unit.into_past(&session.connection().owner.cluster));
            return Err(error);
        }
        if !session.back(unit, next, waits_for_others, moved) {
            return Box::pin(self.report_connected(session)).await;
        }
        if let Some(report) = report {
            let report = if panicked { self.with_last_rows(report) } else { report };
            session.note_reported(&report.unit);
            self.report_unit(report).await;
        }
        if session.is_released {
            return Box::pin(self.report_connected(session)).await;
        }
        Ok(())
    }

    /// Reports of units of which no pass has said for too long what is known not to be as it was, or not known any more.
    async fn report_overdue(&mut self, session: &mut Session, now: Instant) {
        for (id, overdue) in session.overdue(now) {
            let Some(slot) = session.slots.get(&id) else { continue };
            let last = self.last.get(&id).map(|last| UnitReport::clone(last));
            let before = last.unwrap_or_else(|| blank(&self.ctx.member, slot.entry()));
            if let Some(report) = report::overdue(before, slot.entry(), &overdue, &self.ctx.shared.pools.rows) {
                self.report_unit(report).await;
            }
        }
    }

    /// Reports that the member answers, what is left over in it, and how far it is with leaving it.
    async fn report_connected(&mut self, session: &Session) -> Result<(), Error> {
        if !session.is_released {
            // It may have been told so before, and was attached again.
            self.moving.release = None;
        } else if !self.moving.release.as_ref().is_some_and(|release| release.done) {
            let is_out = |unit: &UnitId| self.last.get(unit).is_some_and(|last| last.phase == UnitPhase::Removed);
            let left = session.slots.keys().filter(|unit| !is_out(unit)).count() + session.orphans.len();
            let in_phase = |phase| self.last.values().find(move |last| last.phase == phase);
            let stuck = in_phase(UnitPhase::Failed).or_else(|| in_phase(UnitPhase::Removing));
            let trouble = stuck.map(|last| format!("{}: {}", last.unit, last.message));
            self.moving.release = Some(Box::new(match left {
                0 => release::conclude(session.connection()).await?,
                left => release::going(left, trouble.as_deref()),
            }));
        }
        self.report_link(Link::Connected, session.orphans.keys().cloned().collect()).await;
        Ok(())
    }
}

/// What the member answered first.
struct Opened {
    /// A client that insists on the cluster that answered.
    api: Api,
    owner: InventoryOwner,
    inventories: Vec<Found>,
    other_hubs: Vec<OtherHub>,
}

/// Asks which cluster it is, and which inventories are there.
async fn open(api: Api, ctx: Ctx) -> Result<Opened, Error> {
    let (cluster, insisting) = api.identified().await?;
    if let Some(expected) = ctx.cluster.filter(|expected| *expected != cluster) {
        // The address may lead elsewhere by now.
        api.renew_connection();
        return Err(Error::OtherCluster { expected, found: cluster });
    }
    let key = (ctx.key_of)(&cluster);
    let owner = InventoryOwner { hub: ctx.hub, cluster, key, is_unproven: false };
    let (inventories, other_hubs) = shard::read_all(&insisting, &owner).await?;
    Ok(Opened { api: insisting, owner, inventories, other_hubs })
}

/// Asks which inventories are in the member; `None` when it does not say.
fn look_for_inventories(connection: &Connection) -> BoxFuture<'static, Option<HashSet<String>>> {
    let (api, hub) = (connection.api.clone(), connection.ctx.hub.clone());
    Box::pin(async move { shard::names(&api, &hub).await.ok() })
}

/// The answer to what is asked, if anything is.
async fn await_answer<T>(question: &mut Option<BoxFuture<'static, T>>) -> T {
    match question {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}

/// A report of a unit as a whole that failed, so that nothing is known of its objects.
pub(crate) fn failed(member: &MemberName, entry: &UnitEntry, error: &Error) -> UnitReport {
    let (reason, message) = (error.reason().to_owned(), error.to_string());
    // What it would delete is not known.
    let unlisted = entry.removal.is_none();
    UnitReport { phase: UnitPhase::Failed, reason, message, unlisted, ..blank(member, entry) }
}

/// May a unit have more in the member than its last report says? What was written since then is of the payload that it is to have now;
/// the rows of a report of that one name all of it.
fn may_have_more(last: &UnitReport, payload: Digest) -> bool {
    last.unreadable || (last.payload != payload && !last.details.is_empty())
}

/// Does nobody ask what a unit that stays would delete?
pub(crate) fn is_unweighed(entry: &UnitEntry) -> bool {
    let is_weighed = entry.prune && !entry.suspend && entry.frozen.is_none();
    !is_weighed && entry.removal.is_none()
}

/// A report of a unit of which nothing is known.
fn blank(member: &MemberName, entry: &UnitEntry) -> UnitReport {
    UnitReport {
        member: member.clone(),
        unit: entry.unit.clone(),
        revision: entry.revision.clone(),
        epoch: entry.epoch,
        asked: entry.question(),
        payload: entry.payload,
        phase: UnitPhase::Unknown,
        health: Health::Unknown,
        objects: api::delivery::UnitCounts::default(),
        pods: api::delivery::PodCounts::default(),
        reason: String::new(),
        message: String::new(),
        waiting: Vec::new(),
        deletions: None,
        unweighed: is_unweighed(entry),
        unlisted: false,
        heirs: Vec::new(),
        uncounted: entry.removal.is_none(),
        reverts: None,
        deleted: None,
        last_drift: None,
        details: Vec::new(),
        unreadable: false,
        uids: Vec::new(),
        going: None,
    }
}
