//! Connections to members: one for each member, shared by what talks to that member in this process. A cache: it
//! is made of a kubeconfig in a stored Secret, and says nothing of the member.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use client::{Api, Credential, CredentialError};
use model::MemberName;
use sha2::{Digest, Sha256};

/// Field manager of what asks a member without a name of its own.
const FIELD_MANAGER: &str = "kurator";

/// How a client of a member is made of its kubeconfig.
#[derive(Clone, Default)]
pub enum Connect {
    /// As the kubeconfig says: over the network.
    #[default]
    Kubeconfig,
    /// By this function. Tests reach members in their own process so.
    By(Arc<dyn Fn(&Credential) -> Api + Send + Sync>),
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kubeconfig => "Kubeconfig",
            Self::By(_) => "By(…)",
        })
    }
}

/// A connection to a member.
#[derive(Clone)]
pub struct Connection {
    /// The member's API.
    pub api: Api,
    /// Changes when the client is replaced.
    pub serial: u64,
    /// Of the kubeconfig that the connection was made from. Never leaves the process.
    fingerprint: [u8; 32],
}

/// A connection that is there, or is about to be.
pub(crate) enum Prepared {
    /// It is there.
    Open(Connection),
    /// A client that is not used yet.
    Fresh(Api, [u8; 32]),
}

/// All connections, by member name.
pub struct Connections {
    connect: Connect,
    entries: Mutex<BTreeMap<MemberName, Connection>>,
    serial: AtomicU64,
}

impl Connections {
    /// Knows no member yet.
    pub(crate) fn new(connect: Connect) -> Self {
        Self { connect, entries: Mutex::default(), serial: AtomicU64::default() }
    }

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
        let api = match &self.connect {
            Connect::Kubeconfig => credential.api(FIELD_MANAGER).await?,
            Connect::By(make) => make(credential),
        };
        Ok(Prepared::Fresh(api, fingerprint))
    }

    /// Puts a prepared connection in place of the one that there is. Two that are prepared from the same kubeconfig at the
    /// same time become one.
    pub(crate) fn open(&self, member: &MemberName, prepared: Prepared) -> Connection {
        let (api, fingerprint) = match prepared {
            Prepared::Open(connection) => return connection,
            Prepared::Fresh(api, fingerprint) => (api, fingerprint),
        };
        let mut entries = self.lock();
        if let Some(open) = entries.get(member).filter(|c| c.fingerprint == fingerprint) {
            return open.clone();
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Connection { api, serial, fingerprint };
        entries.insert(member.clone(), connection.clone());
        connection
    }

    /// The connection that is open.
    pub(crate) fn get(&self, member: &MemberName) -> Option<Connection> {
        self.lock().get(member).cloned()
    }

    /// Forgets a connection; who uses it ends it.
    pub(crate) fn close(&self, member: &MemberName) {
        self.lock().remove(member);
    }
}

fn fingerprint(credential: &Credential) -> [u8; 32] {
    Sha256::digest(credential.identity().as_bytes()).into()
}
