//! The server: what requests share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::{Bytes, BytesMut};
use model::{Clock, Status, Timestamp};
use serde_json::Value;
use store::{Entry, Key, Revision, Snapshot, Store, Write, WriteError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::authn::TokenKey;
use crate::authz::{Authorizer, Policies};
use crate::config::{Config, Ids, Limits};
use crate::counter::Counters;
use crate::document::Documents;
use crate::meta::Meta;
use crate::registry::{Registry, Served};
use crate::service::Service;
use crate::user::UserInfo;
use crate::verb::page::Pages;
use crate::{bootstrap, crd, key, semantics, stored};

/// Group of roles and bindings.
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the store holds cannot be read.
    #[error("cannot read {what} from the store: {why}; restore the store from a backup")]
    Unreadable {
        /// Key of the object.
        what: String,
        /// Reason.
        why: String,
    },
    /// The objects that every cluster has could not be made.
    #[error("cannot create {what}: {status}")]
    Bootstrap {
        /// The object.
        what: String,
        /// The answer of the server's own handler.
        status: Box<Status>,
    },
}

/// An API server; cheap to clone. All clones share one store, registry and set of counters.
///
/// # Guarantees
/// A write is durable before it is answered. Answers of reads come from one revision each. Dropping every clone and every
/// service ends watches.
#[derive(Clone)]
pub struct ApiServer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store<Meta>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) tokens: BTreeMap<String, UserInfo>,
    pub(crate) token_key: Option<TokenKey>,
    pub(crate) admissions: Vec<Arc<dyn Admission>>,
    pub(crate) limits: Limits,
    pub(crate) version: String,
    pub(crate) counters: Counters,
    pub(crate) requests: Semaphore,
    pub(crate) watches: Arc<Semaphore>,
    pub(crate) pages: Pages,
    pub(crate) documents: Documents,
    pub(crate) closing: CancellationToken,
    /// Serializes allocation of addresses and ports of Services.
    pub(crate) network: tokio::sync::Mutex<()>,
    /// Serializes the start of clean-ups of CRDs that are deleted.
    pub(crate) cleanups: Mutex<std::collections::BTreeSet<String>>,
    registry: RwLock<Arc<Registry>>,
    rbac_epoch: AtomicU64,
}

impl ApiServer {
    /// Opens a server over a store: reads the CRDs, and makes the system namespaces and roles that are missing.
    ///
    /// # Errors
    /// A store whose content cannot be read, or that takes no writes.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let Config { store, clock, ids, authorizer, tokens, token_key, resources, admissions, limits, version } =
            config;
        let inner = Arc::new(Inner {
            pages: Pages::new(limits.list_snapshots, limits.list_snapshot_age),
            requests: Semaphore::new(limits.requests),
            watches: Arc::new(Semaphore::new(limits.watches)),
            registry: RwLock::new(Arc::new(Registry::new(&resources))),
            rbac_epoch: AtomicU64::new(1),
            counters: Counters::default(),
            documents: Documents::default(),
            closing: CancellationToken::new(),
            network: tokio::sync::Mutex::default(),
            cleanups: Mutex::default(),
            store,
            clock,
            ids,
            authorizer,
            tokens,
            token_key,
            admissions,
            limits,
            version,
        });
        crd::load(&inner)?;
        let server = Self(inner);
        bootstrap::run(&server).await?;
        crd::resume(&server.0);
        Ok(server)
    }

    /// A tower service whose requests are made by this user, without authentication: for clients in the process.
    pub fn service_as(&self, user: UserInfo) -> Service {
        Service::new(self.0.clone(), user)
    }

    /// What was asked so far.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Ends all watches and refuses new ones; used when the process stops.
    pub fn close(&self) {
        self.0.closing.cancel();
    }
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").field("revision", &self.0.store.revision()).finish_non_exhaustive()
    }
}

/// An object as it was read, with what a conditional write needs.
pub(crate) struct Current {
    pub(crate) entry: Arc<Entry<Meta>>,
    pub(crate) bytes: Bytes,
    /// In the version of the request, with resourceVersion.
    pub(crate) object: Value,
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the registry by what `change` makes of it; one change at a time.
    pub(crate) fn change_registry(&self, change: impl FnOnce(&Registry) -> Registry) {
        let mut held = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(change(&held));
    }

    pub(crate) fn key(&self, served: &Served, namespace: Option<&str>, name: &str) -> Key {
        key::object(&served.stored_as.group, &served.stored_as.resource, namespace.unwrap_or_default(), name)
    }

    pub(crate) fn read(&self, entry: &Entry<Meta>) -> Result<Bytes, Status> {
        self.store.read(&entry.place).map_err(Status::internal)
    }

    /// Appends an entry as JSON in the version that is served, with its revision.
    pub(crate) fn render(
        &self,
        out: &mut BytesMut,
        served: &Served,
        entry: &Entry<Meta>,
        revision: Revision,
    ) -> Result<(), Status> {
        let bytes = self.read(entry)?;
        if stored::is_version(&bytes, &served.api_version) && entry.modified >= served.since {
            stored::splice(out, &bytes, &entry.meta, revision);
        } else {
            let mut object = stored::decode(&bytes, revision)?;
            semantics::convert(&mut object, served);
            if entry.modified < served.since {
                semantics::default(served, &mut object);
            }
            out.extend_from_slice(&stored::json_bytes(&object));
        }
        Ok(())
    }

    /// Parses an entry in the version that is served, with its revision.
    pub(crate) fn parse(&self, served: &Served, entry: &Entry<Meta>) -> Result<(Bytes, Value), Status> {
        let bytes = self.read(entry)?;
        let mut object = stored::decode(&bytes, entry.modified)?;
        if !stored::is_version(&bytes, &served.api_version) {
            semantics::convert(&mut object, served);
        }
        if entry.modified < served.since {
            semantics::default(served, &mut object);
        }
        Ok((bytes, object))
    }

    /// The newest state of an object.
    pub(crate) fn current(
        &self,
        served: &Served,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Current>, Status> {
        let Some(entry) = self.store.snapshot().get(&self.key(served, namespace, name)) else { return Ok(None) };
        let (bytes, object) = self.parse(served, &entry)?;
        Ok(Some(Current { entry, bytes, object }))
    }

    /// Writes to the store and lets the rest of the server know.
    pub(crate) async fn write(self: &Arc<Self>, write: Write) -> Result<store::Written<Meta>, WriteError> {
        let (group, resource, name) = match key::split(&write.key) {
            Some((group @ (RBAC_GROUP | crd::GROUP), resource, _, name)) => (group, resource, name.to_owned()),
            _ => {
                let written = self.store.write(write).await?;
                self.counters.wrote();
                return Ok(written);
            }
        };
        let (rbac, definition) = (group == RBAC_GROUP, resource == crd::RESOURCE);
        let server = self.clone();
        // A task of its own: a client that hangs up drops its request, and with it what must follow a write.
        let task = tokio::spawn(async move {
            let written = server.store.write(write).await?;
            server.counters.wrote();
            if rbac {
                server.rbac_epoch.fetch_add(1, Ordering::AcqRel);
            } else if definition {
                crd::changed(&server, &name);
            }
            Ok(written)
        });
        task.await.unwrap_or_else(|error| Err(WriteError::Failed(error.to_string())))
    }

    /// All objects below a prefix at the newest revision.
    pub(crate) fn entries(&self, prefix: &str) -> Vec<Arc<Entry<Meta>>> {
        let snapshot: Arc<dyn Snapshot<Meta>> = self.store.snapshot();
        snapshot.range(key::below(prefix, std::ops::Bound::Unbounded)).collect()
    }
}

impl Policies for Inner {
    fn epoch(&self) -> u64 {
        self.rbac_epoch.load(Ordering::Acquire)
    }

    fn objects(&self, resource: &str) -> Vec<Value> {
        let entries = self.entries(&key::prefix(RBAC_GROUP, resource, None));
        entries.iter().filter_map(|e| serde_json::from_slice(&self.read(e).ok()?).ok()).collect()
    }
}

/// A failed write that is not about the expectation, as an answer.
pub(crate) fn write_failure(error: &WriteError) -> Status {
    match error {
        WriteError::Overloaded { .. } => Status::new(model::Reason::TooManyRequests, error.to_string()).retry_after(1),
        WriteError::Failed(_) => Status::new(model::Reason::ServiceUnavailable, error.to_string()),
        WriteError::Refused(_) | WriteError::Absent | WriteError::Unexpected { .. } => Status::internal(error),
    }
}
