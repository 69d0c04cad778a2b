//! Connections to members: one for each member, shared by what talks to that member in this process. A cache: it
//! is made of a kubeconfig in a stored Secret, and says nothing of the member.
//!
//! | the Secret has | and the credential that is in use | then |
//! |---|---|---|
//! | the same credential | | nothing |
//! | another one, with which the same cluster answers | works | later requests take it; what is under way goes on |
//! | another one, with which no cluster answers | works | it stays in use, and the member's record says so |
//! | another one | does not work | the new one, over a new connection |
//! | another one, with which another cluster answers | | the new one: that cluster is not delivered to ([`plan::member`]) |

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::{Api, Credential, CredentialError, Error, Limits, Resource, Switch};
use model::{MemberName, Timestamp};
use plan::member::facts;
use sha2::{Digest, Sha256};

/// Field manager of what asks a member without a name of its own.
const FIELD_MANAGER: &str = "kurator";

/// Longest wait for the answer to a new credential: as long as a probe waits.
const TRIED_WITHIN: Duration = Duration::from_millis(2500);

/// How soon a credential that does not work is tried again while the one before does. Each time are two small requests.
pub(crate) const TRIED_AGAIN: Duration = Duration::from_secs(30);

/// Largest answer for a namespace, in bytes. Real ones have a few hundred.
const NAMESPACE_BYTES_MAX: usize = 64 * 1024;

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
    /// Changes when the client is replaced; not when it goes on with another credential of the same cluster.
    pub serial: u64,
    /// When the credential in use ends, as it says itself.
    pub(crate) expires: Option<Timestamp>,
    /// URL of the server in use.
    pub(crate) server: Arc<str>,
    /// Of the kubeconfig that is in use. Never leaves the process.
    fingerprint: [u8; 32],
    switch: Switch,
}

/// A client that is not used yet.
pub(crate) struct Fresh {
    api: Api,
    server: Arc<str>,
    expires: Option<Timestamp>,
    fingerprint: [u8; 32],
}

/// A connection that is there, or is about to be.
pub(crate) enum Prepared {
    /// It is there, and uses the kubeconfig.
    Open(Connection),
    /// It is there, and uses the kubeconfig before, which works: the new one does not, and this is why.
    Kept(Connection, Error),
    /// A client that is not used yet.
    Fresh(Fresh),
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

    /// The connection that is open.
    pub(crate) fn get(&self, member: &MemberName) -> Option<Connection> {
        self.lock().get(member).cloned()
    }

    /// Does a member's connection use this credential?
    pub(crate) fn uses(&self, member: &MemberName, credential: &Credential) -> bool {
        self.get(member).is_some_and(|open| open.fingerprint == fingerprint(credential))
    }

    /// The connection that is open, if its credential works: the cluster with this identity answers.
    pub(crate) async fn working(&self, member: &MemberName, id: Option<&str>) -> Option<Connection> {
        let (open, id) = (self.get(member)?, id?);
        identity(&open.api).await.is_ok_and(|found| found == id).then_some(open)
    }

    /// The connection with this kubeconfig, or a new one. Nothing is replaced yet. `id`: the recorded identity of the member.
    ///
    /// # Errors
    /// The kubeconfig cannot be used.
    pub(crate) async fn prepare(
        &self,
        member: &MemberName,
        credential: &Credential,
        id: Option<&str>,
    ) -> Result<Prepared, CredentialError> {
        let fingerprint = fingerprint(credential);
        let open = self.get(member);
        if let Some(open) = open.clone().filter(|c| c.fingerprint == fingerprint) {
            return Ok(Prepared::Open(open));
        }
        let api = match &self.connect {
            Connect::Kubeconfig => credential.api(FIELD_MANAGER).await?,
            Connect::By(make) => make(credential),
        };
        let fresh = Fresh { api, server: credential.server().into(), expires: credential.expires(), fingerprint };
        let (Some(open), Some(id)) = (open, id) else { return Ok(Prepared::Fresh(fresh)) };
        let (new, old) = tokio::join!(identity(&fresh.api), identity(&open.api));
        // What is under way must go on in the same cluster only.
        let old_works = old.is_ok_and(|found| found == id);
        Ok(match new {
            Ok(found) if old_works && found == id => Prepared::Open(self.turn(member, open, fresh)),
            Err(why) if old_works => Prepared::Kept(open, why),
            _ => Prepared::Fresh(fresh),
        })
    }

    /// Goes on with another credential of the same cluster, unless the connection was replaced meanwhile.
    fn turn(&self, member: &MemberName, open: Connection, fresh: Fresh) -> Connection {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(member).filter(|entry| entry.serial == open.serial) else { return open };
        let Fresh { api, server, expires, fingerprint } = fresh;
        entry.switch.turn_to(&api);
        (entry.server, entry.expires, entry.fingerprint) = (server, expires, fingerprint);
        tracing::debug!(member = %member, "goes on with another credential");
        entry.clone()
    }

    /// Puts a prepared connection in place of the one that there is. Two that are prepared from the same kubeconfig at the
    /// same time become one.
    pub(crate) fn open(&self, member: &MemberName, prepared: Prepared) -> Connection {
        let Fresh { api, server, expires, fingerprint } = match prepared {
            Prepared::Open(connection) | Prepared::Kept(connection, _) => return connection,
            Prepared::Fresh(fresh) => fresh,
        };
        let mut entries = self.lock();
        if let Some(open) = entries.get(member).filter(|c| c.fingerprint == fingerprint) {
            return open.clone();
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let (api, switch) = api.switched();
        let connection = Connection { api, serial, expires, server, fingerprint, switch };
        entries.insert(member.clone(), connection.clone());
        connection
    }

    /// Forgets a connection; who uses it ends it.
    pub(crate) fn close(&self, member: &MemberName) {
        self.lock().remove(member);
    }
}

/// Which cluster answers: the UID of its kube-system; empty when it says none.
async fn identity(api: &Api) -> Result<String, Error> {
    let limits = Limits { request: TRIED_WITHIN, judge: None, object_bytes: NAMESPACE_BYTES_MAX, ..Limits::default() };
    let namespaces = Resource::core("Namespace", "namespaces", false);
    let found = api.clone().with_limits(limits).get(&namespaces.target("", "kube-system")).await?;
    Ok(found.as_ref().and_then(facts::uid_of).unwrap_or_default())
}

fn fingerprint(credential: &Credential) -> [u8; 32] {
    Sha256::digest(credential.identity().as_bytes()).into()
}

#[cfg(test)]
impl Fresh {
    /// One of a client.
    pub(crate) fn of(api: Api) -> Self {
        Self { api, server: "".into(), expires: None, fingerprint: [0; 32] }
    }
}
