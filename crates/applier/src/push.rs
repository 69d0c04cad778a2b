//! The feed of an applier that runs in the hub.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use api::delivery::{HubId, ShortId, UnitId, UnitPhase};
use api::feed::{Payload, Snapshot, UnitEntry, UnitReport};
use futures::future::BoxFuture;
use model::{Digest, MemberName};
use plan::authenticator::HubKey;
use plan::prepare::Bundle;
use tokio::sync::{mpsc, watch};

use crate::feed::{Feed, FeedError, FeedReport, MemberReport};
use crate::limit;
use crate::member::KeyOf;
use crate::shared::Shared;

#[derive(Clone, Default)]
struct Published {
    snapshot: Option<Arc<Snapshot>>,
    bundles: Arc<BTreeMap<UnitId, Arc<Bundle>>>,
}

/// Where a payload is prepared. The lock is held for that long, so that it happens once.
type Place = Arc<Mutex<Weak<Bundle>>>;

fn ready(place: &Place) -> Option<Arc<Bundle>> {
    place.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
}

#[derive(Default)]
struct State {
    members: BTreeMap<MemberName, watch::Sender<Published>>,
    prepared: HashMap<(ShortId, Digest), Place>,
    units: BTreeMap<UnitId, BTreeMap<MemberName, Arc<UnitReport>>>,
    links: BTreeMap<MemberName, MemberReport>,
}

/// All members' feeds: controllers set what each member should have, appliers take it from here and report back.
///
/// Keeps the last report of each unit and member for those who look (status, `view.kurator.dev`).
pub struct PushFeed {
    hub: HubId,
    key: HubKey,
    shared: Arc<Shared>,
    state: Mutex<State>,
    reports: mpsc::Sender<FeedReport>,
}

impl PushFeed {
    /// Makes the feed of a hub, and the end where its reports come out. A full channel slows appliers down.
    pub fn new(hub: HubId, key: HubKey) -> (Arc<Self>, mpsc::Receiver<FeedReport>) {
        let (reports, out) = mpsc::channel(limit::REPORTS_MAX);
        (Arc::new(Self { hub, key, shared: Arc::default(), state: Mutex::default(), reports }), out)
    }

    /// Gives appliers the key by which they are told what this hub wrote in a cluster.
    pub fn key_of(&self) -> KeyOf {
        let (hub, key) = (self.hub.clone(), self.key.clone());
        Arc::new(move |cluster| key.of_member(&hub, cluster))
    }

    /// What the hub's appliers share.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A unit's payload of this digest, when it was prepared and a member still has it.
    pub fn prepared(&self, short: &ShortId, payload: Digest) -> Option<Arc<Bundle>> {
        let place = self.state().prepared.get(&(short.clone(), payload)).cloned()?;
        ready(&place)
    }

    /// Prepares a payload of a unit once, however many members get it, also when several ask at the same time. `digest` is
    /// the payload's.
    pub fn bundle(&self, short: &ShortId, digest: Digest, payload: &Payload) -> Arc<Bundle> {
        let place = {
            let mut state = self.state();
            let key = (short.clone(), digest);
            if !state.prepared.contains_key(&key) {
                // What no member has any more is forgotten; a place that others hold is about to have its bundle.
                state.prepared.retain(|_, place| Arc::strong_count(place) > 1 || ready(place).is_some());
            }
            Arc::clone(state.prepared.entry(key).or_default())
        };
        let mut prepared = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = prepared.upgrade() {
            return ready;
        }
        let bundle = Arc::new(Bundle::new(digest, payload, &self.hub, short, &self.key, &self.shared.pools));
        *prepared = Arc::downgrade(&bundle);
        bundle
    }

    /// Says what a member should have. A unit without a bundle, or with one of another digest than its entry's, waits:
    /// nothing of it is applied or deleted. True when that differs from what was said before.
    pub fn set(&self, snapshot: Snapshot, bundles: impl IntoIterator<Item = (UnitId, Arc<Bundle>)>) -> bool {
        let member = snapshot.member.clone();
        let published =
            Published { snapshot: Some(Arc::new(snapshot)), bundles: Arc::new(bundles.into_iter().collect()) };
        let mut state = self.state();
        let sender = state.members.entry(member).or_insert_with(|| watch::channel(Published::default()).0);
        sender.send_if_modified(|current| {
            let same = current.snapshot == published.snapshot && current.bundles.keys().eq(published.bundles.keys());
            *current = published;
            !same
        })
    }

    /// One member's end.
    pub fn member(self: &Arc<Self>, member: &MemberName) -> Arc<dyn Feed> {
        let receiver = {
            let mut state = self.state();
            let sender = state.members.entry(member.clone()).or_insert_with(|| watch::channel(Published::default()).0);
            sender.subscribe()
        };
        Arc::new(MemberFeed { hub: Arc::clone(self), member: member.clone(), receiver })
    }

    /// Forgets a member that is no longer the hub's: its snapshot and its reports. Its applier must have been stopped.
    pub fn forget(&self, member: &MemberName) {
        let mut state = self.state();
        state.members.remove(member);
        drop(state);
        self.forget_reports(member);
    }

    /// Forgets what a member said, and keeps what it is to have: another cluster is behind it now.
    pub fn forget_reports(&self, member: &MemberName) {
        let mut state = self.state();
        state.links.remove(member);
        state.units.values_mut().for_each(|members| drop(members.remove(member)));
        state.units.retain(|_, members| !members.is_empty());
    }

    /// What members last said of a unit.
    pub fn reports_of(&self, unit: &UnitId) -> Vec<Arc<UnitReport>> {
        self.state().units.get(unit).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// What a member last said of a unit.
    pub fn report(&self, unit: &UnitId, member: &MemberName) -> Option<Arc<UnitReport>> {
        self.state().units.get(unit)?.get(member).cloned()
    }

    /// What these members last said of their units: one look at all reports.
    pub fn reports_by_member(&self, members: &BTreeSet<MemberName>) -> BTreeMap<MemberName, Vec<Arc<UnitReport>>> {
        let mut out: BTreeMap<MemberName, Vec<_>> = BTreeMap::new();
        let state = self.state();
        for (member, report) in state.units.values().flatten().filter(|(member, _)| members.contains(*member)) {
            out.entry(member.clone()).or_default().push(Arc::clone(report));
        }
        out
    }

    /// What a member last said of its units.
    pub fn reports_in(&self, member: &MemberName) -> Vec<Arc<UnitReport>> {
        self.state().units.values().filter_map(|members| members.get(member)).cloned().collect()
    }

    /// What an applier last said of its member.
    pub fn link(&self, member: &MemberName) -> Option<MemberReport> {
        self.state().links.get(member).cloned()
    }
}

struct MemberFeed {
    hub: Arc<PushFeed>,
    member: MemberName,
    receiver: watch::Receiver<Published>,
}

impl Feed for MemberFeed {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.receiver.borrow().snapshot.clone()
    }

    fn delta(&self, from: Option<Digest>) -> BoxFuture<'_, Arc<Snapshot>> {
        let mut receiver = self.receiver.clone();
        Box::pin(async move {
            let changed = |p: &Published| p.snapshot.as_ref().is_some_and(|s| Some(s.digest) != from);
            let found = receiver.wait_for(changed).await.ok().and_then(|p| p.snapshot.clone());
            match found {
                Some(snapshot) => snapshot,
                // The member was forgotten: nothing will ever come.
                None => futures::future::pending().await,
            }
        })
    }

    fn blob<'a>(&'a self, entry: &'a UnitEntry) -> BoxFuture<'a, Result<Arc<Bundle>, FeedError>> {
        let bundle = self.receiver.borrow().bundles.get(&entry.unit).filter(|b| b.digest == entry.payload).cloned();
        Box::pin(std::future::ready(bundle.ok_or(FeedError::Missing(entry.payload))))
    }

    fn report(&self, report: FeedReport) -> BoxFuture<'_, ()> {
        {
            let mut state = self.hub.state();
            match &report {
                FeedReport::Member(said) => {
                    state.links.insert(self.member.clone(), said.clone());
                }
                FeedReport::Restored(_) | FeedReport::Renewed(_) => {}
                FeedReport::Unit(said) => {
                    let members = state.units.entry(said.unit.clone()).or_default();
                    if said.phase == UnitPhase::Removed {
                        members.remove(&self.member);
                    } else {
                        let last = members.get(&self.member);
                        let kept =
                            last.and_then(|last| with_last_rows(said, last).or_else(|| with_last_list(said, last)));
                        members.insert(self.member.clone(), kept.unwrap_or_else(|| Arc::clone(said)));
                    }
                    if members.is_empty() {
                        state.units.remove(&said.unit);
                    }
                }
            }
        }
        let sender = self.hub.reports.clone();
        // A closed channel means that the hub is going down.
        Box::pin(async move { drop(sender.send(report).await) })
    }
}

/// A report of an applier that has not seen its member, as with a new kubeconfig that leads to another cluster, with what the one
/// before it saw: what a unit has in a member that cannot be looked at is what it had there. [`PushFeed::forget_reports`] ends that.
fn with_last_rows(said: &UnitReport, last: &UnitReport) -> Option<Arc<UnitReport>> {
    if said.phase != UnitPhase::Unknown || !said.details.is_empty() || last.details.is_empty() {
        return None;
    }
    let UnitReport { objects, pods, reverts, deleted, last_drift, details, unreadable, uids, going, .. } = last.clone();
    Some(Arc::new(UnitReport {
        objects,
        pods,
        reverts,
        deleted,
        last_drift,
        details,
        unreadable,
        uids,
        going,
        ..said.clone()
    }))
}

/// A report of an applier that has not come to what its unit has lost, with the list that it made before of the same payload: what is
/// stored of the list stays as well ([`plan::unit::merge_report`]), and is named by this.
fn with_last_list(said: &UnitReport, last: &UnitReport) -> Option<Arc<UnitReport>> {
    let passing = [UnitPhase::Pending, UnitPhase::Applying, UnitPhase::Waiting, UnitPhase::Unknown];
    let question = |report: &UnitReport| (report.epoch, report.asked.clone(), report.payload);
    let asks_the_same = question(said) == question(last);
    if said.deletions.is_some() || said.going.is_some() || !asks_the_same || !passing.contains(&said.phase) {
        return None;
    }
    let going = Some(Arc::clone(last.going.as_ref()?));
    // They are in the order of the rows.
    let keys = |report: &UnitReport| report.details.iter().map(|row| Arc::clone(&row.key)).collect::<Vec<_>>();
    let uids = if keys(said) == keys(last) { last.uids.clone() } else { Vec::new() };
    Some(Arc::new(UnitReport { going, uids, ..said.clone() }))
}

#[cfg(test)]
mod tests;
