//! Connections to members: one for each member, shared by what talks to that member in this process. A cache: it
//! is made of a kubeconfig in a stored Secret, and says nothing of the member.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use client::{Credential, CredentialError, Transport};
use model::MemberName;
use sha2::{Digest, Sha256};

/// A connection to a member.
#[derive(Clone)]
pub struct Connection {
    /// How requests reach it, with the member's own limits.
    pub transport: Transport,
    /// Changes when the connection is replaced.
    pub serial: u64,
    /// Of the kubeconfig that the connection was made from. Never leaves the process.
    fingerprint: [u8; 32],
}

/// A connection that is there, or is about to be.
pub(crate) enum Prepared {
    /// It is there.
    Open(Connection),
    /// One that is not used yet.
    Fresh(Transport, [u8; 32]),
}

/// All connections, by member name.
#[derive(Default)]
pub struct Connections {
    entries: Mutex<BTreeMap<MemberName, Connection>>,
    serial: AtomicU64,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberName, Connection>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection with this kubeconfig, or a new one. Nothing is replaced yet.
    ///
    /// # Errors
    /// The kubeconfig cannot be used.
    pub(crate) async fn prepare(
        &self,
        member: &MemberName,
        credential: &Credential,
    ) -> Result<Prepared, CredentialError> {
        let fingerprint = fingerprint(credential);
        if let Some(open) = self.lock().get(member).filter(|c| c.fingerprint == fingerprint) {
            return Ok(Prepared::Open(open.clone()));
        }
        Ok(Prepared::Fresh(credential.connect().await?, fingerprint))
    }

    /// Puts a prepared connection in place of the one that there is. Two that are prepared from the same kubeconfig at the
    /// same time become one.
    pub(crate) fn open(&self, member: &MemberName, prepared: Prepared) -> Connection {
        let (transport, fingerprint) = match prepared {
            Prepared::Open(connection) => return connection,
            Prepared::Fresh(transport, fingerprint) => (transport, fingerprint),
        };
        let mut entries = self.lock();
        if let Some(open) = entries.get(member).filter(|c| c.fingerprint == fingerprint) {
            return open.clone();
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Connection { transport, serial, fingerprint };
        entries.insert(member.clone(), connection.clone());
        connection
    }

    /// Forgets a connection; who uses it ends it.
    pub(crate) fn close(&self, member: &MemberName) {
        self.lock().remove(member);
    }
}

fn fingerprint(credential: &Credential) -> [u8; 32] {
    Sha256::digest(credential.identity().as_bytes()).into()
}
