//! Delivery: one member's decisions become its snapshot; its applier gets it, and what it reports is kept.
//!
//! Triggered by Decisions that name the member, its record and its connection; what is stored also by reports of its
//! applier. Reads Decisions and Revisions. Writes MemberStatus (all of it). What appliers do in members is theirs (crate
//! `applier`).
//!
//! | step | what |
//! |---|---|
//! | `observe` | decisions that name the member, their renderings, what the guard says over all members |
//! | [`plan::delivery`] | the snapshot |
//! | `apply` | the feed; the applier runs as long as the member may be delivered to |
//! | `status` | MemberStatus, when it differs, at most once a second |
//!
//! One member's pass costs what is decided for that member, one unit's status what its own members report: neither grows
//! with the units and members that there are.
//!
//! Failure modes: a unit that cannot be rendered waits; a member that does not answer keeps its applier, which tries
//! again by itself; a member whose record is gone is forgotten.

mod apply;
mod observe;
mod report;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::{HubId, UnitId, UnitStatus};
use api::feed::UnitReport;
use applier::{MemberReport, PushFeed, Report};
use model::MemberName;
use plan::application::Reach;
use plan::authenticator::HubKey;
use plan::delivery::Grants;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Ctx;
use crate::informer::Key;
use crate::queue::Next;

pub(crate) use report::load;

#[derive(Default)]
struct State {
    /// What members report, by unit: an Application reads only its own.
    statuses: BTreeMap<UnitId, BTreeMap<MemberName, UnitStatus>>,
    /// Units that a member reports.
    units: BTreeMap<MemberName, BTreeSet<UnitId>>,
    /// Members with lists of deletions that wait to be granted, by unit: what any member of the unit says may grant them,
    /// and the guard has nothing else to weigh.
    waiting: BTreeMap<UnitId, BTreeSet<MemberName>>,
    /// Whether each member's reports are waited for, as of its last look.
    reporting: BTreeMap<MemberName, Option<Reach>>,
    /// Deletions that were released, by member.
    grants: BTreeMap<MemberName, Grants>,
    appliers: BTreeMap<MemberName, apply::Running>,
    /// When the statuses of objects were last written.
    written: BTreeMap<Key, Instant>,
}

/// Appliers, and what they report.
pub struct Delivery {
    feed: Arc<PushFeed>,
    reports: Mutex<Option<mpsc::Receiver<Report>>>,
    state: Mutex<State>,
}

impl Delivery {
    /// Makes the delivery of a hub. No applier runs yet.
    pub(crate) fn new(hub: HubId, key: HubKey) -> Self {
        let (feed, reports) = PushFeed::new(hub, key);
        Self { feed, reports: Mutex::new(Some(reports)), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What members report of the units of one Application.
    pub(crate) fn statuses(&self, application: &Key) -> BTreeMap<(UnitId, MemberName), UnitStatus> {
        let Key { namespace, name } = application;
        // Units are in the order of their owners: those of one are beside each other.
        let first = UnitId::new("apps.kurator.dev", "Application", namespace, name, None);
        let mine = |unit: &UnitId| {
            (&unit.group, &unit.kind, &unit.namespace, &unit.name)
                == (&first.group, &first.kind, &first.namespace, &first.name)
        };
        let state = self.state();
        let units = state.statuses.range(first.clone()..).take_while(|(unit, _)| mine(unit));
        units.flat_map(|(u, all)| all.iter().map(|(m, s)| ((u.clone(), m.clone()), s.clone()))).collect()
    }

    /// What members last said of a unit, object by object.
    pub fn reports_of(&self, unit: &UnitId) -> Vec<Arc<UnitReport>> {
        self.feed.reports_of(unit)
    }

    /// What a member last said of its units, object by object.
    pub fn reports_in(&self, member: &MemberName) -> Vec<Arc<UnitReport>> {
        self.feed.reports_in(member)
    }

    /// How a member's applier gets on with it.
    pub fn link(&self, member: &MemberName) -> Option<MemberReport> {
        self.feed.link(member)
    }

    /// How long to wait before the next status write of an object; `None`: write now, and that is noted. News may go at
    /// once, the rest at most once in `every`.
    pub(crate) fn pace(&self, key: &Key, every: Duration, news: bool) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.state();
        let wait = state.written.get(key).and_then(|last| every.checked_sub(now - *last)).filter(|w| !w.is_zero());
        match wait {
            Some(wait) if !news => Some(wait),
            _ => {
                state.written.insert(key.clone(), now);
                None
            }
        }
    }

    /// An object is gone: nothing is written to it any more.
    pub(crate) fn unpace(&self, key: &Key) {
        self.state().written.remove(key);
    }

    /// Stops all appliers and waits for what they have begun.
    pub(crate) async fn close(&self) {
        let running: Vec<_> = std::mem::take(&mut self.state().appliers).into_values().collect();
        for applier in running {
            applier.stop().await;
        }
    }
}

/// Looks at one member.
pub async fn reconcile(ctx: Arc<Ctx>, member: MemberName) -> Next {
    let (ctx, member) = (&ctx, &member);
    wake_those_who_wait(ctx, member);
    // What is not decided for it any more is not stored any more.
    ctx.status_queue.add(member.clone());
    if ctx.world.clusters.get(&Key::new("", member.as_str())).is_none() {
        apply::forget(ctx, member).await;
        return Next::Wait;
    }
    let observed = observe::observe(ctx, member).await; // cache, renderer
    let (snapshot, again) = (observed.snapshot(ctx, member), observed.again); // pure
    apply::apply(ctx, member, snapshot, observed.bundles).await; // the feed, the applier
    Next::Wait.or_after(again)
}

/// Stores what one member reports. A queue of its own: a report changes what is stored, and seldom what the member should
/// have.
pub async fn store(ctx: Arc<Ctx>, member: MemberName) -> Next {
    let done = match ctx.world.clusters.get(&Key::new("", member.as_str())) {
        Some(_) => status::write(&ctx, &member).await, // client
        None => status::remove(&ctx, &member).await,   // client
    };
    match done {
        Ok(next) => next,
        Err(error) if error.is_conflict() => Next::Retry,
        Err(error) => {
            tracing::warn!(%member, error = &error as &dyn std::error::Error, "cannot store what it reports");
            Next::Retry
        }
    }
}

/// A member that came or went is no longer, or again, waited for before deletions are granted to the others.
fn wake_those_who_wait(ctx: &Ctx, member: &MemberName) {
    let now = observe::reporting(ctx, member);
    let mut state = ctx.delivery.state();
    if state.reporting.insert(member.clone(), now) == Some(now) {
        return;
    }
    for other in state.waiting.values().flatten().filter(|other| *other != member) {
        ctx.member_queue.add(other.clone());
    }
}

#[cfg(test)]
mod tests;
