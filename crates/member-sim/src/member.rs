//! One member: its store, its API server, its behaviours and its front door.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use apiserver::{ApiServer, JsonProjection, Meta, TokenKey, UserInfo};
use client::Api;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use housekeeping::Housekeeper;
use store::Store;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::admission::PodDefaults;
use crate::fault::{Fault, Faults};
use crate::front::Front;
use crate::identity::{Identity, IdentityError};
use crate::ids::Stream;
use crate::option::Options;
use crate::sim::{Config, Sim};

/// The field manager of the behaviours.
const FIELD_MANAGER: &str = "member-sim";

/// How long a stopped member may hold its directory: its requests end within the drain of its listener, and tasks that
/// were cut drop what they hold when the runtime comes to them.
const LETTING_GO: Duration = Duration::from_secs(5);
/// How long a stop waits for that; a client that somebody else holds may live on.
const STOP_WAIT: Duration = Duration::from_millis(300);
/// How often is looked whether it has let go.
const LETTING_GO_STEP: Duration = Duration::from_millis(2);

/// Why a member cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its directory cannot be used.
    #[error("cannot use {}", .path.display())]
    Dir {
        /// The path.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// Its certificates cannot be made or read.
    #[error("member {name} has no identity")]
    Identity {
        /// The member.
        name: String,
        /// What went wrong.
        #[source]
        source: IdentityError,
    },
    /// Its store cannot be opened.
    #[error("the store of member {name} cannot be opened")]
    Store {
        /// The member.
        name: String,
        /// What went wrong.
        #[source]
        source: store::disk::OpenError,
    },
    /// Its API server cannot start.
    #[error("the API server of member {name} cannot start")]
    Server {
        /// The member.
        name: String,
        /// What went wrong.
        #[source]
        source: apiserver::Error,
    },
    /// Its port is not free.
    #[error(
        "member {name} cannot listen on 127.0.0.1:{port}: stop what uses that port, or start the member with another"
    )]
    Listen {
        /// The member.
        name: String,
        /// The port.
        port: u16,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
}

/// A running member. Dropping it stops everything at once, as a crash would; nothing that was acknowledged is lost.
pub struct Member {
    name: String,
    nodes: Vec<String>,
    server: ApiServer,
    sim: Arc<Sim>,
    faults: Arc<Faults>,
    front: Front,
    kubeconfig: String,
    tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
    store: Weak<dyn Store<Meta>>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("name", &self.name).field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Member {
    /// Starts a member, or starts one again from its directory. It answers when this returns; its behaviours follow.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(options: Options) -> BoxFuture<'static, Result<Self, Error>> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        Self::open(options).boxed()
    }

    async fn open(options: Options) -> Result<Self, Error> {
        let Options { name, dir, mut nodes, region, port, clock, seed, pace, version, events } = options;
        nodes.iter_mut().filter(|node| node.region.is_empty()).for_each(|node| node.region.clone_from(&region));
        let (mut identity, store) = prepare(&name, dir.clone(), clock.now()).await?;
        let held = Arc::downgrade(&store);
        let moment = dir.is_some().then(|| clock.now());
        let mut config = apiserver::Config::new(store, clock.clone(), Arc::new(Stream::new(&name, seed, moment)));
        config.version.clone_from(&version);
        let eviction_secs = i64::try_from(pace.eviction.as_secs()).unwrap_or(i64::MAX);
        config.admissions.push(Arc::new(PodDefaults { eviction_secs }));
        config.token_key = TokenKey::from_pem(&identity.token_private, &identity.token_public).ok();
        let started = ApiServer::start(config).await;
        let server = started.map_err(|source| Error::Server { name: name.clone(), source })?;
        let faults = Arc::new(Faults::default());
        let remembered = if port == 0 { identity.port.unwrap_or_default() } else { port };
        let opened = Front::open(server.clone(), identity.tls(), faults.clone(), remembered).await;
        let front = opened.map_err(|source| Error::Listen { name: name.clone(), port: remembered, source })?;
        if let Some(dir) = &dir
            && identity.port != Some(front.port())
        {
            identity.port = Some(front.port());
            identity.save(dir).map_err(|source| Error::Identity { name: name.clone(), source })?;
        }
        server.publish(front.address());
        let kubeconfig = identity.kubeconfig(&name, &front.url());
        let client = kube::Client::new(server.service_as(UserInfo::master("system:member-sim")), "default");
        let api = Api::new(client, FIELD_MANAGER);
        let keeper = housekeeping::Options {
            ca: Some(identity.authority.certificate_pem.clone()),
            clock: clock.clone(),
            events: None,
        };
        let names = nodes.iter().map(|node| node.name.clone()).collect();
        let sim = Sim::new(Config { api: api.clone(), clock, nodes, pace, seed, version, events });
        let tasks = vec![
            AbortOnDropHandle::new(tokio::spawn(Housekeeper::new(&api, keeper).run())),
            AbortOnDropHandle::new(tokio::spawn(sim.clone().run().boxed())),
        ];
        Ok(Self { name, nodes: names, server, sim, faults, front, kubeconfig, tasks: Mutex::new(tasks), store: held })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is reached: `https://127.0.0.1:PORT`. The port stays over restarts.
    pub fn url(&self) -> String {
        self.front.url()
    }

    /// A kubeconfig of its administrator, with everything embedded. Holds a secret.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// A client of an administrator within the process: no network, no faults.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.server.service_as(UserInfo::master("kubernetes-admin")), "default")
    }

    /// Its API server.
    pub fn server(&self) -> &ApiServer {
        &self.server
    }

    /// What was asked of its API server so far.
    pub fn counters(&self) -> &apiserver::Counters {
        self.server.counters()
    }

    /// Faults of its network side, to be switched while it runs.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Closes its listener and cuts what is connected, as if its cable were pulled. It goes on by itself.
    pub async fn unplug(&self) {
        self.front.close().await;
    }

    /// Opens its listener again, on the same port.
    ///
    /// # Errors
    /// The port has been taken by somebody else.
    pub async fn plug(&self) -> std::io::Result<()> {
        self.front.reopen().await
    }

    /// Can it be reached?
    pub fn is_plugged(&self) -> bool {
        self.front.is_open()
    }

    /// Gives it a fault.
    pub async fn set_fault(&self, fault: Fault) {
        match fault {
            Fault::Unplugged => self.unplug().await,
            Fault::NoAnswer => self.faults.set_unreachable(true),
            Fault::Slow => self.faults.set_latency(Fault::SLOW),
            Fault::FailedCall => self.faults.fail_call(1),
            Fault::FailedCalls => self.faults.fail_every(1),
            Fault::NodesDown => self.nodes.iter().for_each(|node| self.node_down(node)),
        }
    }

    /// Takes a node down: its kubelet says nothing more. After [`Pace::node_grace`](crate::Pace::node_grace) it is not
    /// Ready, after their tolerations its pods are deleted, and others take their place elsewhere.
    pub fn node_down(&self, node: &str) {
        self.sim.set_node_down(node, true);
    }

    /// Brings a node back.
    pub fn node_up(&self, node: &str) {
        self.sim.set_node_down(node, false);
    }

    /// Stops everything and lets go of the directory, unless somebody still holds a client of it.
    pub async fn stop(self) {
        self.front.close().await;
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            // Cancelled is how it is meant to end.
            let _ = task.await;
        }
        self.server.close();
        let store = self.store.clone();
        drop(self);
        let gone = async {
            while store.strong_count() > 0 {
                tokio::time::sleep(LETTING_GO_STEP).await;
            }
        };
        if tokio::time::timeout(STOP_WAIT, gone).await.is_err() {
            tracing::debug!("a client still holds a member that was stopped");
        }
    }
}

/// Reads or makes the certificates while the store is opened: both take most of a start.
async fn prepare(
    name: &str,
    dir: Option<PathBuf>,
    now: model::Timestamp,
) -> Result<(Identity, Arc<dyn Store<Meta>>), Error> {
    let identity = |dir: Option<PathBuf>| {
        let name = name.to_owned();
        tokio::task::spawn_blocking(move || {
            let made = match &dir {
                Some(dir) => Identity::load_or_generate(dir, &name, now),
                None => Identity::generate(&name, now),
            };
            made.map_err(|source| Error::Identity { name, source })
        })
    };
    let Some(dir) = dir else {
        let store = store::memory::open(JsonProjection, store::memory::Options::default());
        return Ok((joined(identity(None).await)?, store));
    };
    std::fs::create_dir_all(&dir).map_err(|source| Error::Dir { path: dir.clone(), source })?;
    let (identity, store) = tokio::join!(identity(Some(dir.clone())), open(dir.join("store")));
    Ok((joined(identity)?, store.map_err(|source| Error::Store { name: name.to_owned(), source })?))
}

/// Opens a store. A member of this process that was stopped a moment ago may still be letting go of it.
async fn open(dir: PathBuf) -> Result<Arc<dyn Store<Meta>>, store::disk::OpenError> {
    let end = Instant::now() + LETTING_GO;
    loop {
        let place = dir.clone();
        let opened = tokio::task::spawn_blocking(move || {
            store::disk::open(&place, JsonProjection, store::disk::Options::default())
        });
        match joined(opened.await) {
            Err(store::disk::OpenError::Locked { holder: Some(pid), .. })
                if pid == std::process::id() && Instant::now() < end =>
            {
                tokio::time::sleep(LETTING_GO_STEP).await;
            }
            other => return other,
        }
    }
}

/// The result of a blocking task; its panic goes on here.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
