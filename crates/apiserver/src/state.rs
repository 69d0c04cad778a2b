//! What all requests of a server share: its data, and how they read and write it.
//!
//! Everything that answers requests is above this file; `server` starts it and is the face to the outside.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::{Bytes, BytesMut};
use model::{Clock, Reason, Status, Timestamp};
use serde_json::Value;
use store::{Entry, Key, Revision, Snapshot, Store, Write, WriteError};
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::authz::{Authorizer, Policies};
use crate::budget::Budgets;
use crate::config::{Config, Exposition, Ids, Limits};
use crate::counter::Counters;
use crate::document::Documents;
use crate::error::Error;
use crate::meta::Meta;
use crate::page::Pages;
use crate::registry::{Definition, Registry, Served};
use crate::token_key::TokenKey;
use crate::user::UserInfo;
use crate::{crd, key, semantics, stored};

/// Group of roles and bindings.
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Starts the clean-up of a CRD that is being deleted. The clean-up deletes objects, so it lies above this file.
pub(crate) type StartCleanup = fn(&Arc<State>, &str);

/// What the requests of one server share.
pub(crate) struct State {
    pub(crate) store: Arc<dyn Store<Meta>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) tokens: BTreeMap<String, UserInfo>,
    pub(crate) token_key: Option<TokenKey>,
    pub(crate) admissions: Vec<Arc<dyn Admission>>,
    pub(crate) limits: Limits,
    pub(crate) version: String,
    pub(crate) exposition: Option<Exposition>,
    pub(crate) counters: Counters,
    pub(crate) budgets: Budgets,
    pub(crate) pages: Pages,
    pub(crate) documents: Documents,
    pub(crate) closing: CancellationToken,
    /// Serializes allocation of addresses and ports of Services.
    pub(crate) network: tokio::sync::Mutex<()>,
    /// Serializes the start of clean-ups of CRDs that are deleted.
    pub(crate) cleanups: Mutex<BTreeSet<String>>,
    start_cleanup: StartCleanup,
    registry: RwLock<Arc<Registry>>,
    rbac_epoch: AtomicU64,
}

/// An object as it was read, with what a conditional write needs.
pub(crate) struct Current {
    pub(crate) entry: Arc<Entry<Meta>>,
    pub(crate) bytes: Bytes,
    /// In the version of the request, with resourceVersion.
    pub(crate) object: Value,
}

impl State {
    /// The state of a server that has served nothing yet, with the kinds of the CRDs in its store.
    ///
    /// # Errors
    /// A store whose CRDs cannot be read.
    pub(crate) fn open(config: Config, start_cleanup: StartCleanup) -> Result<Self, Error> {
        let Config {
            store,
            clock,
            ids,
            authorizer,
            tokens,
            token_key,
            resources,
            admissions,
            limits,
            version,
            exposition,
        } = config;
        let state = Self {
            pages: Pages::new(limits.list_snapshots, limits.list_snapshot_age),
            budgets: Budgets::new(&limits),
            registry: RwLock::new(Arc::new(Registry::new(&resources))),
            rbac_epoch: AtomicU64::new(1),
            counters: Counters::default(),
            documents: Documents::default(),
            closing: CancellationToken::new(),
            network: tokio::sync::Mutex::default(),
            cleanups: Mutex::default(),
            start_cleanup,
            store,
            clock,
            ids,
            authorizer,
            tokens,
            token_key,
            admissions,
            limits,
            version,
            exposition,
        };
        state.load_definitions()?;
        Ok(state)
    }

    /// Reads all CRDs.
    fn load_definitions(&self) -> Result<(), Error> {
        for entry in self.entries(&key::prefix(crd::GROUP, crd::RESOURCE, None)) {
            let what = || format!("{}.{} {}", crd::RESOURCE, crd::GROUP, entry.meta.name);
            let bytes = self.read(&entry).map_err(|e| Error::Unreadable { what: what(), why: e.message })?;
            let crd: Value =
                serde_json::from_slice(&bytes).map_err(|e| Error::Unreadable { what: what(), why: e.to_string() })?;
            let name = &*entry.meta.name;
            let definition = Definition::read(name, &crd, entry.modified, None);
            self.change_registry(|registry| registry.with(name, definition));
        }
        Ok(())
    }

    /// The CRDs that are being deleted and wait until their objects are gone.
    pub(crate) fn held_definitions(&self) -> Vec<Arc<Entry<Meta>>> {
        let mut entries = self.entries(&key::prefix(crd::GROUP, crd::RESOURCE, None));
        entries.retain(|entry| crd::is_held(&entry.meta));
        entries
    }

    /// Lets the registry follow a write of a CRD, and starts the clean-up of one that is being deleted. What counts is
    /// what the store holds now: of two concurrent writes, the later call sees both.
    fn definition_changed(self: &Arc<Self>, name: &str) {
        let mut goes = false;
        self.change_registry(|registry| {
            let snapshot = self.store.snapshot();
            let definition = snapshot.get(&key::object(crd::GROUP, crd::RESOURCE, "", name)).and_then(|entry| {
                goes = crd::is_held(&entry.meta);
                let bytes = self.read(&entry).ok()?;
                let crd: Value = serde_json::from_slice(&bytes).ok()?;
                Definition::read(name, &crd, entry.modified, registry.definition(name))
            });
            registry.with(name, definition)
        });
        if goes {
            (self.start_cleanup)(self, name);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the registry by what `change` makes of it; one change at a time.
    fn change_registry(&self, change: impl FnOnce(&Registry) -> Registry) {
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
        let state = self.clone();
        // A task of its own: a client that hangs up drops its request, and with it what must follow a write.
        let task = tokio::spawn(async move {
            let written = state.store.write(write).await?;
            state.counters.wrote();
            if rbac {
                state.rbac_epoch.fetch_add(1, Ordering::AcqRel);
            } else if definition {
                state.definition_changed(&name);
            }
            Ok(written)
        });
        task.await.unwrap_or_else(|error| Err(WriteError::Failed(error.to_string())))
    }

    /// All objects below a prefix at the newest revision.
    pub(crate) fn entries(&self, prefix: &str) -> Vec<Arc<Entry<Meta>>> {
        let snapshot: Arc<dyn Snapshot<Meta>> = self.store.snapshot();
        snapshot.range(key::below(prefix, Bound::Unbounded)).collect()
    }
}

impl Policies for State {
    fn epoch(&self) -> u64 {
        self.rbac_epoch.load(Ordering::Acquire)
    }

    fn objects(&self, resource: &str) -> Vec<Value> {
        let entries = self.entries(&key::prefix(RBAC_GROUP, resource, None));
        entries.iter().filter_map(|e| serde_json::from_slice(&self.read(e).ok()?).ok()).collect()
    }
}

/// When a client may try again after the disk had no room: a person makes some, or a cleanup does.
const FULL_RETRY_SECS: u32 = 10;

/// A failed write that is not about the expectation, as an answer.
pub(crate) fn write_failure(error: &WriteError) -> Status {
    match error {
        WriteError::Overloaded { .. } => Status::new(Reason::TooManyRequests, error.to_string()).retry_after(1),
        WriteError::Full(_) => Status::new(Reason::ServiceUnavailable, error.to_string()).retry_after(FULL_RETRY_SECS),
        WriteError::Failed(_) => Status::new(Reason::ServiceUnavailable, error.to_string()),
        WriteError::Refused(_) | WriteError::Absent | WriteError::Unexpected { .. } => Status::internal(error),
    }
}
