//! One member's applier: connect, run passes as the feed and the watches ask for them, report.
//!
//! A connection lasts until the member cannot be reached; then its units are reported Unknown, and after a pause that
//! doubles everything is read again: nothing is assumed to be as it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use api::delivery::{Health, HubId, MemberName, Snapshot, UnitEntry, UnitId, UnitPhase, UnitReport};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use model::{Clock, ObjectKey};
use plan::inventory::Inventory;
use plan::prepare::Bundle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::discovery::Resource;
use crate::error::{Class, Error};
use crate::feed::{Feed, FeedError, Link, MemberReport, Report};
use crate::limit::{self, Limits};
use crate::record::Memory;
use crate::shard::{self, Found, Shelf};
use crate::site::{Changed, Site};
use crate::unit::{self, Outcome, Unit};
use crate::watch::Event;
use crate::wire::Wire;

/// Gives numbers in `0.0..1.0`.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// What an applier needs besides its feed and its client.
#[derive(Clone)]
pub struct Ctx {
    /// The member.
    pub member: MemberName,
    /// The hub.
    pub hub: HubId,
    /// UID of the kube-system namespace of the cluster that this member is known to be; checked on each connection.
    /// Nothing is written to another cluster.
    pub cluster: Option<String>,
    /// Tells the time that reports bear.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub jitter: Jitter,
    /// What it may use.
    pub limits: Limits,
}

/// Gets one member to hold what its feed says.
pub struct Applier {
    feed: Arc<dyn Feed>,
    client: kube::Client,
    ctx: Ctx,
    /// What is remembered of objects over connections.
    memory: HashMap<UnitId, HashMap<ObjectKey, Memory>>,
    last: BTreeMap<UnitId, Arc<UnitReport>>,
    link: Option<MemberReport>,
}

impl Applier {
    /// Runs until it is dropped. Dropping it at any moment is safe: what was begun is finished by the next one.
    pub async fn run(feed: Arc<dyn Feed>, client: kube::Client, ctx: Ctx) -> Infallible {
        let (memory, last) = (HashMap::new(), BTreeMap::new());
        let mut applier = Self { feed, client, ctx, memory, last, link: None };
        let mut failures = 0;
        loop {
            let error = applier.session(&mut failures).await;
            failures += 1;
            let link = match error.class() {
                Class::AwaitChange => Link::Blocked(error.to_string()),
                Class::Retry | Class::Unreachable | Class::Bug => Link::Unreachable(error.to_string()),
            };
            applier.lost(link, &error).await;
            tokio::time::sleep(plan::retry::pause(failures, (applier.ctx.jitter)())).await;
        }
    }

    async fn say(&mut self, link: Link, orphans: Vec<UnitId>) {
        let report = MemberReport { member: self.ctx.member.clone(), link, orphans };
        if self.link.as_ref() != Some(&report) {
            self.link = Some(report.clone());
            self.feed.report(Report::Member(report)).await;
        }
    }

    async fn tell(&mut self, report: UnitReport) {
        if self.last.get(&report.unit).is_none_or(|last| **last != report) {
            let report = Arc::new(report);
            self.last.insert(report.unit.clone(), Arc::clone(&report));
            self.feed.report(Report::Unit(report)).await;
        }
    }

    /// Everything about the member is unknown from now on.
    async fn lost(&mut self, link: Link, error: &Error) {
        self.say(link, Vec::new()).await;
        let entries = self.feed.snapshot().map(|s| s.units.clone()).unwrap_or_default();
        for entry in entries {
            let mut report = match self.last.get(&entry.unit) {
                Some(last) => UnitReport::clone(last),
                None => blank(&self.ctx.member, &entry),
            };
            report.phase = UnitPhase::Unknown;
            report.health = Health::Unknown;
            error.reason().clone_into(&mut report.reason);
            report.message = error.to_string();
            report.details.iter_mut().for_each(|d| d.health = Health::Unknown);
            self.tell(report).await;
        }
    }

    /// One connection, until it fails. A bug that panics ends the connection, not the applier: everything is read again.
    async fn session(&mut self, failures: &mut u32) -> Error {
        match AssertUnwindSafe(self.connected(failures)).catch_unwind().await {
            Ok(Ok(never)) => match never {},
            Ok(Err(e)) => e,
            Err(_) => Error::Bug("the applier panicked; what happened is in the log".to_owned()),
        }
    }

    async fn connected(&mut self, failures: &mut u32) -> Result<Infallible, Error> {
        if self.link.is_none() {
            self.say(Link::Connecting, Vec::new()).await;
        }
        let wire = Wire::new(self.client.clone(), self.ctx.limits.request);
        if let Some(expected) = &self.ctx.cluster {
            let namespaces = Resource::core("Namespace", "namespaces", false);
            let system = wire.get(&namespaces, "", "kube-system").await?;
            let found = system.as_ref().and_then(model::object::uid).unwrap_or_default();
            if found != expected {
                return Err(Error::OtherCluster { expected: expected.clone(), found: found.to_owned() });
            }
        }
        let inventories = shard::read(&wire, &self.ctx.hub, None).await?;
        *failures = 0;
        let (events, inbox) = mpsc::channel(limit::EVENTS_MAX);
        let site = Site::new(self.ctx.clone(), wire, events);
        let mut session = Session::new(site, inventories);
        let result = self.serve(&mut session, inbox).await;
        for (id, slot) in session.slots {
            if let Some(unit) = slot.unit {
                self.memory.insert(id, unit.memory);
            }
        }
        result
    }

    async fn serve(&mut self, session: &mut Session, mut inbox: mpsc::Receiver<Event>) -> Result<Infallible, Error> {
        let feed = Arc::clone(&self.feed);
        let mut passes: FuturesUnordered<BoxFuture<'static, Outcome>> = FuturesUnordered::new();
        let mut delta = feed.delta(None);
        loop {
            session.start(&mut passes);
            let wake = session.wake();
            tokio::select! {
                snapshot = &mut delta => {
                    session.update(&*feed, &snapshot, &mut self.memory).await;
                    self.last.retain(|unit, _| session.slots.contains_key(unit));
                    self.say(Link::Connected, session.orphans.keys().cloned().collect()).await;
                    delta = feed.delta(Some(snapshot.digest));
                }
                Some(event) = inbox.recv() => {
                    // What is there already is taken before passes begin, so that a burst causes one; not for ever.
                    let (mut next, mut taken) = (Some(event), 0);
                    while let Some(event) = next {
                        if let Event::Lost(error) = event {
                            return Err(error);
                        }
                        session.take(event);
                        taken += 1;
                        next = if taken < limit::EVENTS_MAX { inbox.try_recv().ok() } else { None };
                    }
                }
                Some(outcome) = passes.next() => {
                    let Outcome { unit, report, next, entangled, moved, unreachable } = outcome;
                    if let Some(error) = unreachable {
                        self.memory.insert(unit.id.clone(), unit.memory);
                        return Err(error);
                    }
                    if session.back(unit, next, entangled, moved) && let Some(report) = report {
                        self.tell(report).await;
                    }
                    session.refresh(&*feed).await;
                }
                () = sleep_until(wake) => session.refresh(&*feed).await,
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A report of a unit of which nothing is known.
fn blank(member: &MemberName, entry: &UnitEntry) -> UnitReport {
    UnitReport {
        member: member.clone(),
        unit: entry.unit.clone(),
        revision: entry.revision.clone(),
        epoch: entry.epoch,
        payload: entry.payload,
        phase: UnitPhase::Unknown,
        health: Health::Unknown,
        objects: api::delivery::UnitCounts::default(),
        pods: api::delivery::PodCounts::default(),
        reason: String::new(),
        message: String::new(),
        deletions: None,
        reverts: 0,
        last_drift: None,
        details: Vec::new(),
    }
}

/// A unit of the snapshot.
struct Slot {
    entry: UnitEntry,
    bundle: Result<Arc<Bundle>, FeedError>,
    /// Away while a pass has it.
    unit: Option<Unit>,
    dirty: bool,
    due: Option<Instant>,
    /// Its last pass waited for another unit.
    entangled: bool,
}

/// One connection's state.
struct Session {
    site: Arc<Site>,
    slots: BTreeMap<UnitId, Slot>,
    /// Units with an inventory and without a place in the snapshot: nothing is done to them.
    orphans: BTreeMap<UnitId, Unit>,
    /// Units that a pass has.
    away: BTreeSet<UnitId>,
}

impl Session {
    fn new(site: Arc<Site>, inventories: Vec<Found>) -> Self {
        let mut orphans = BTreeMap::new();
        for Found { unit: id, inventory, shelf } in inventories {
            let unreadable = inventory.is_err();
            let inventory = inventory.unwrap_or_else(|e| {
                tracing::warn!(unit = %id, error = %e, "an inventory cannot be read");
                Inventory::empty(site.ctx.hub.clone(), id.clone())
            });
            let unit = fresh(&site.ctx.hub, id.clone(), inventory, Some(shelf), unreadable);
            orphans.insert(id, unit);
        }
        let session = Self { site, slots: BTreeMap::new(), orphans, away: BTreeSet::new() };
        let mut view = session.site.view();
        session.orphans.values().for_each(|unit| view.claims.set_entries(&unit.id, &unit.inventory.entries));
        drop(view);
        session
    }

    /// Takes a new snapshot.
    async fn update(
        &mut self,
        feed: &dyn Feed,
        snapshot: &Snapshot,
        memory: &mut HashMap<UnitId, HashMap<ObjectKey, Memory>>,
    ) {
        let mut old = std::mem::take(&mut self.slots);
        for entry in &snapshot.units {
            let slot = match old.remove(&entry.unit) {
                Some(slot) if slot.entry == *entry => slot,
                Some(slot) => Slot { entry: entry.clone(), dirty: true, ..slot },
                None => {
                    // One that left and came back during a pass is brought back by it.
                    let unit = (!self.away.contains(&entry.unit)).then(|| {
                        let unit = self.orphans.remove(&entry.unit).unwrap_or_else(|| {
                            let hub = &self.site.ctx.hub;
                            fresh(
                                hub,
                                entry.unit.clone(),
                                Inventory::empty(hub.clone(), entry.unit.clone()),
                                None,
                                false,
                            )
                        });
                        Unit { memory: memory.remove(&entry.unit).unwrap_or_default(), ..unit }
                    });
                    let bundle = Err(FeedError::Missing(entry.payload));
                    Slot { entry: entry.clone(), bundle, unit, dirty: true, due: None, entangled: false }
                }
            };
            self.slots.insert(entry.unit.clone(), slot);
        }
        for (id, slot) in old {
            // One that a pass has comes back later, and finds no slot.
            match slot.unit {
                Some(unit) => self.retire(unit),
                None => self.site.view().claims.set_desires(&id, []),
            }
        }
        self.refresh_all(feed).await;
    }

    /// A unit that left the snapshot: its inventory, if there is one, stays and is reported.
    fn retire(&mut self, unit: Unit) {
        let mut view = self.site.view();
        view.claims.set_desires(&unit.id, []);
        view.claims.set_entries(&unit.id, &unit.inventory.entries);
        drop(view);
        if !unit.inventory.entries.is_empty() {
            self.orphans.insert(unit.id.clone(), unit);
        }
    }

    /// Asks again for payloads that were missing.
    async fn refresh(&mut self, feed: &dyn Feed) {
        if self.slots.values().any(|s| s.bundle.is_err() && s.entry.removal.is_none()) {
            self.refresh_all(feed).await;
        }
    }

    /// Asks for payloads, and says to all units what each wants, before any of them begins a pass.
    async fn refresh_all(&mut self, feed: &dyn Feed) {
        let mut incomplete = None;
        for (id, slot) in &mut self.slots {
            if slot.entry.removal.is_none() && !slot.bundle.as_ref().is_ok_and(|b| b.digest == slot.entry.payload) {
                slot.bundle = feed.blob(&slot.entry).await;
                slot.dirty |= slot.bundle.is_ok();
            }
            let mut view = self.site.view();
            match (&slot.bundle, &slot.unit) {
                _ if !slot.entry.removal.is_none() => view.claims.set_desires(id, []),
                (Ok(bundle), _) => view.claims.set_desires(id, &bundle.keys),
                // Not known yet: what it has is not up for grabs.
                (Err(_), Some(unit)) => view.claims.set_desires(id, unit.inventory.entries.keys()),
                (Err(_), None) => {}
            }
            if slot.bundle.is_err() && slot.entry.removal.is_none() {
                incomplete.get_or_insert_with(|| format!("what unit {id} wants is not known yet"));
            }
        }
        let mut view = self.site.view();
        if view.incomplete != incomplete {
            view.incomplete = incomplete;
            self.slots.values_mut().for_each(|slot| slot.dirty = true);
        }
    }

    /// Takes what a watch says.
    fn take(&mut self, event: Event) {
        if let Event::Absent(kind) = &event {
            self.site.discovery.forget(&kind.group);
        }
        let changed = self.site.view().take(event);
        match changed {
            Changed::Nothing => {}
            Changed::All => self.slots.values_mut().for_each(|slot| slot.dirty = true),
            Changed::Object(key) => {
                let units: Vec<UnitId> = self.site.view().claims.units(&key).cloned().collect();
                for id in units {
                    if let Some(slot) = self.slots.get_mut(&id) {
                        slot.dirty = true;
                    }
                }
            }
        }
    }

    /// Begins passes over units that need one.
    fn start(&mut self, passes: &mut FuturesUnordered<BoxFuture<'static, Outcome>>) {
        let now = Instant::now();
        for slot in self.slots.values_mut() {
            if passes.len() >= self.site.ctx.limits.units_in_flight {
                return;
            }
            let due = slot.due.is_some_and(|due| due <= now);
            if (slot.dirty || due)
                && let Some(unit) = slot.unit.take()
            {
                (slot.dirty, slot.due) = (false, None);
                self.away.insert(unit.id.clone());
                let (site, entry, bundle) = (Arc::clone(&self.site), slot.entry.clone(), slot.bundle.clone());
                passes.push(Box::pin(unit::pass(site, unit, entry, bundle)));
            }
        }
    }

    /// When the next unit at rest is due.
    fn wake(&self) -> Option<Instant> {
        self.slots.values().filter(|slot| slot.unit.is_some()).filter_map(|slot| slot.due).min()
    }

    /// Takes a unit back from its pass. False when it is no longer in the snapshot.
    fn back(&mut self, unit: Unit, next: std::time::Duration, entangled: bool, moved: bool) -> bool {
        self.away.remove(&unit.id);
        let Some(slot) = self.slots.get_mut(&unit.id) else {
            self.retire(unit);
            return false;
        };
        let id = unit.id.clone();
        slot.due = Some(Instant::now() + next);
        slot.entangled = entangled;
        slot.unit = Some(unit);
        if moved {
            // What this pass did may be what others wait for.
            for (other, slot) in &mut self.slots {
                slot.dirty |= slot.entangled && *other != id;
            }
        }
        true
    }
}

fn fresh(hub: &HubId, id: UnitId, inventory: Inventory, shelf: Option<Shelf>, unreadable: bool) -> Unit {
    let short = id.short(hub);
    Unit {
        shelf: shelf.unwrap_or_else(|| Shelf::empty(short.clone())),
        id,
        short,
        inventory,
        unreadable,
        memory: HashMap::new(),
        stage: None,
        failures: 0,
        fenced: None,
        scaled: Instant::now(),
    }
}
