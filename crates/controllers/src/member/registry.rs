//! Connections to members: one client and one prober each, shared by everything that talks to that member.
//!
//! Appliers and probers do not know each other: what is delivered to a member outdates what its prober counted there,
//! and that is said here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use client::Credential;
use kube::Client;
use plan::member::{Outcome, Probe};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A connection to a member.
#[derive(Clone)]
pub struct Connection {
    /// The client, with the member's own limits.
    pub client: Client,
    /// Changes when the client is replaced.
    pub serial: u64,
    /// When something was last seen to change in the member: what was counted before is out of date.
    pub(super) changed: watch::Receiver<Option<Instant>>,
    /// Counts how often the member answered after it had not: its applier need not wait out its pause.
    pub(crate) back: watch::Receiver<u64>,
}

struct Entry {
    connection: Connection,
    /// Of the kubeconfig that the client was made from. Never leaves the process.
    fingerprint: [u8; 32],
    probe: Option<Probe>,
    deliver: bool,
    changed: watch::Sender<Option<Instant>>,
    back: watch::Sender<u64>,
    stop: CancellationToken,
}

/// All connections, by member name.
#[derive(Default)]
pub struct Members {
    entries: Mutex<BTreeMap<String, Entry>>,
    serial: std::sync::atomic::AtomicU64,
}

impl Members {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is there a connection with this kubeconfig?
    pub(super) fn has(&self, member: &str, credential: &Credential) -> bool {
        self.lock().get(member).is_some_and(|e| e.fingerprint == fingerprint(credential))
    }

    /// Puts a new connection in place of the one that there is, if there is one. Its prober must be started.
    pub(super) fn connect(
        &self,
        member: &str,
        credential: &Credential,
        client: Client,
        parent: &CancellationToken,
    ) -> (Connection, CancellationToken) {
        let serial = self.serial.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let changed = watch::Sender::new(None);
        let back = watch::Sender::new(0);
        let connection = Connection { client, serial, changed: changed.subscribe(), back: back.subscribe() };
        let stop = parent.child_token();
        let mut entries = self.lock();
        // What an earlier connection saw stays known until the new one has answered.
        let probe = entries.get(member).and_then(|e| e.probe.clone());
        let entry = Entry {
            connection: connection.clone(),
            fingerprint: fingerprint(credential),
            probe,
            deliver: false,
            changed,
            back,
            stop: stop.clone(),
        };
        if let Some(old) = entries.insert(member.to_owned(), entry) {
            old.stop.cancel();
        }
        (connection, stop)
    }

    /// Something changed in a member, as its applier reports: its prober counts nodes and requests anew when it has
    /// come to rest.
    pub(crate) fn changed(&self, member: &str) {
        if let Some(entry) = self.lock().get(member) {
            entry.changed.send_replace(Some(Instant::now()));
        }
    }

    /// Ends a connection.
    pub(super) fn remove(&self, member: &str) {
        if let Some(entry) = self.lock().remove(member) {
            entry.stop.cancel();
        }
    }

    /// What the last probe saw.
    pub fn probe(&self, member: &str) -> Option<Probe> {
        self.lock().get(member).and_then(|e| e.probe.clone())
    }

    /// Keeps what a probe saw, unless the connection was replaced meanwhile. Says whether anybody has to look.
    pub(super) fn saw(&self, member: &str, serial: u64, probe: Probe) -> bool {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(member).filter(|e| e.connection.serial == serial) else { return false };
        let news = entry.probe.as_ref().is_none_or(|p| p.outcome != probe.outcome || p.facts != probe.facts);
        let silent = |probe: &Probe| matches!(probe.outcome, Outcome::Unreachable(_));
        if entry.probe.as_ref().is_some_and(silent) && !silent(&probe) {
            entry.back.send_modify(|times| *times += 1);
        }
        entry.probe = Some(probe);
        news
    }

    /// Allows or forbids delivery. Says whether that changed anything.
    pub(super) fn allow(&self, member: &str, deliver: bool) -> bool {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(member) else { return false };
        std::mem::replace(&mut entry.deliver, deliver) != deliver
    }

    /// The connection, if objects may be delivered over it.
    pub fn deliverable(&self, member: &str) -> Option<Connection> {
        self.lock().get(member).filter(|e| e.deliver).map(|e| e.connection.clone())
    }

    /// Names of all members that have a connection.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }
}

fn fingerprint(credential: &Credential) -> [u8; 32] {
    Sha256::digest(credential.identity().as_bytes()).into()
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Members").field("names", &self.names()).finish()
    }
}
