//! What probers of members saw last. It belongs to this controller alone; what others need of it is in the record.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::MemberName;
use plan::member::Probe;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

struct Entry {
    /// Of the connection that is probed.
    serial: u64,
    probe: Option<Probe>,
    /// The probe is of this connection, and not of an earlier one.
    is_own: bool,
    changed: watch::Sender<Option<Instant>>,
    stop: CancellationToken,
}

/// A prober that is to be started.
#[derive(Clone)]
pub(super) struct Start {
    /// When something was last seen to change in the member: what was counted before is out of date.
    pub(super) changed: watch::Receiver<Option<Instant>>,
    /// Ends the prober.
    pub(super) stop: CancellationToken,
}

/// All probers, by member name.
#[derive(Default)]
pub(super) struct Probes(Mutex<BTreeMap<MemberName, Entry>>);

impl Probes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberName, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a connection is probed from now on, unless it is already; the prober of another connection to the member
    /// is ended.
    pub(super) fn start(&self, member: &MemberName, serial: u64, parent: &CancellationToken) -> Option<Start> {
        let mut entries = self.lock();
        if entries.get(member).is_some_and(|e| e.serial == serial) {
            return None;
        }
        let (changed, stop) = (watch::Sender::new(None), parent.child_token());
        let start = Start { changed: changed.subscribe(), stop: stop.clone() };
        // What was seen over an earlier connection stays known until the new one has answered.
        let probe = entries.get(member).and_then(|e| e.probe.clone());
        if let Some(old) = entries.insert(member.clone(), Entry { serial, probe, is_own: false, changed, stop }) {
            old.stop.cancel();
        }
        Some(start)
    }

    /// Something changed in a member, as its applier reports: its prober counts nodes and requests again when it has come
    /// to rest.
    pub(super) fn changed(&self, member: &MemberName) {
        if let Some(entry) = self.lock().get(member) {
            entry.changed.send_replace(Some(Instant::now()));
        }
    }

    /// Ends a member's prober.
    pub(super) fn remove(&self, member: &MemberName) {
        if let Some(entry) = self.lock().remove(member) {
            entry.stop.cancel();
        }
    }

    /// Was the member probed over this connection?
    pub(super) fn is_probed(&self, member: &MemberName, serial: u64) -> bool {
        self.lock().get(member).is_some_and(|e| e.serial == serial && e.is_own)
    }

    /// What the last probe saw.
    pub(super) fn probe(&self, member: &MemberName) -> Option<Probe> {
        self.lock().get(member).and_then(|e| e.probe.clone())
    }

    /// Keeps what a probe saw, unless the connection was replaced meanwhile. Says whether it is something new.
    pub(super) fn saw(&self, member: &MemberName, serial: u64, probe: Probe) -> bool {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(member).filter(|e| e.serial == serial) else { return false };
        let news = entry.probe.as_ref().is_none_or(|p| p.outcome != probe.outcome || p.facts != probe.facts);
        let news = !std::mem::replace(&mut entry.is_own, true) || news;
        entry.probe = Some(probe);
        news
    }
}
