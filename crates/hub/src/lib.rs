//! The hub as one process: store → API server → controllers.
//!
//! [`Hub::start`] opens a directory and serves; everything that people see goes through its API. Dropping the hub's
//! shutdown token's parent, or [`Hub::stop`], ends it; killing the process at any instant loses nothing acknowledged.

mod admission;
mod alive;
pub mod backup;
mod clock;
pub mod directory;
mod endpoint;
pub mod entropy;
mod hook;
mod install;
mod keys;
mod metrics;
mod signer;
pub mod view;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use apiserver::config::Config;
use apiserver::{ApiServer, JsonProjection, Meta, UserInfo};
use client::{Api, Trust};
use controllers::{Controller, Controllers};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::Client;
use model::Clock;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use admit::is_stored_only;
pub use clock::SystemClock;
pub use directory::{Directory, DirectoryError};
pub use entropy::SystemIds;
pub use install::ID_SECRET;
pub use keys::{Keys, KeysError};
pub use metrics::Metrics;

/// Most bytes of the artifact cache: 100 repositories of 10 MiB.
const CACHE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What the command line calls the addresses of the listeners.
const LISTEN: &str = "--listen";
const HOOK_LISTEN: &str = "--hook-listen";

/// How often the end of the last client is looked for.
const FREED_EVERY: Duration = Duration::from_millis(2);
/// Longest wait for it: requests under way are short once watches have ended.
const FREED_WITHIN: Duration = Duration::from_secs(3);

/// How a hub is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its directory.
    pub directory: PathBuf,
    /// Where it listens. Port 0 takes the port of the last time, or any that is free.
    pub listen: SocketAddr,
    /// Where push hooks arrive. Without it on the same address, at the port of the last time or any that is free.
    pub hook_listen: Option<SocketAddr>,
    /// Name or address by which clients reach it, if that is another than the listener's. The certificate covers it.
    pub advertise: Option<String>,
    /// What is allowed of members' kubeconfigs.
    pub trust: Trust,
    /// Which controllers run in this process.
    pub controllers: BTreeSet<Controller>,
}

/// Why a hub does not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is one step of the start, named by it")]
pub enum Error {
    #[error("the hub's directory")]
    Directory(#[from] DirectoryError),
    #[error("the hub's store")]
    Store(#[from] store::disk::OpenError),
    #[error("the hub's keys")]
    Keys(#[from] KeysError),
    #[error("the hub's API server")]
    ApiServer(#[from] apiserver::Error),
    #[error("cannot listen on {address}: {}; choose another with {option}", endpoint::unusable(source.kind()))]
    Listen { option: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("cannot read the address of a listener")]
    Address(#[source] std::io::Error),
    #[error("the hub's own objects")]
    Install(#[from] install::InstallError),
    #[error("the source cache")]
    Cache(#[from] source::Error),
}

/// A running hub.
pub struct Hub {
    server: ApiServer,
    address: SocketAddr,
    hook: SocketAddr,
    /// What clients are told.
    host: String,
    keys: Keys,
    controllers: Arc<Controllers>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    /// Held by the API server; when nobody holds it any more, the directory is free.
    store: Weak<dyn Store<Meta>>,
}

impl Hub {
    /// Opens the directory and serves. Ready when it returns.
    ///
    /// # Errors
    /// See [`Error`]; nothing runs then.
    pub fn start(
        options: Options,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> BoxFuture<'static, Result<Self, Error>> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        Self::open(options, clock, shutdown).boxed()
    }

    async fn open(options: Options, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> Result<Self, Error> {
        let directory = Directory::open(&options.directory)?;
        let host = endpoint::host(options.listen.ip(), options.advertise.as_deref());
        let place = directory.store();
        let opened = tokio::task::spawn_blocking(move || {
            store::disk::open(&place, JsonProjection, store::disk::Options::default())
        });
        let (place, told, now) = (directory.clone(), host.clone(), clock.now());
        let open_keys = move || Keys::open(&place, &told, now);
        let (store, keys) = if Keys::is_there(&directory)? {
            // Both wait for the disk and neither needs the other.
            let keys = tokio::task::spawn_blocking(open_keys);
            let store = finished(opened).await?;
            Keys::refuse_lost_store(&directory, store.snapshot().len())?;
            (store, finished(keys).await?)
        } else {
            let store = finished(opened).await?;
            Keys::refuse_lost(&directory, store.snapshot().len())?;
            (store, finished(tokio::task::spawn_blocking(open_keys)).await?)
        };
        let held = Arc::downgrade(&store);
        let metrics = Metrics::new(&store, directory.store());
        let views: view::Shared = Arc::new(OnceLock::new());
        let mut config = Config::new(store, clock.clone(), Arc::new(SystemIds));
        config.token_key = Some(keys.token.clone());
        config.resources = vec![
            Arc::new(view::Trees(views.clone())),
            Arc::new(view::MemberTrees(views.clone())),
            Arc::new(view::question::Renderings(views.clone())),
            Arc::new(view::question::Comparisons(views.clone())),
            Arc::new(view::question::HeldLists(views.clone())),
            Arc::new(view::question::Previews(views.clone())),
        ];
        config.admissions = vec![
            Arc::new(admission::Protection),
            Arc::new(admission::FleetAdmission),
            Arc::new(admission::DefinitionAdmission),
            Arc::new(admission::Warnings),
            Arc::new(admission::Orphans),
            Arc::new(admission::Audit),
        ];
        config.version = concat!("v1.37.0+kurator-", env!("CARGO_PKG_VERSION")).to_owned();
        let scraped = metrics.clone();
        config.exposition = Some(Arc::new(move |text| scraped.write(text)));
        let server = ApiServer::start(config).await?;
        let listener = listen(&directory, "hub", LISTEN, options.listen).await?;
        let hook_listen = options.hook_listen.unwrap_or(SocketAddr::new(options.listen.ip(), 0));
        let hook_listener = listen(&directory, "hook", HOOK_LISTEN, hook_listen).await?;
        let (address, hook) = (local(&listener)?, local(&hook_listener)?);
        server.publish(endpoint::published(address, &host));
        // What watches and only reads has the process' own name; what writes has one of its own.
        let api = Api::new(client_of(&server, "system:kurator"), "kurator");
        let installed = install::install(&api).await?;
        let wanted = controllers::Options {
            trust: options.trust,
            connect: controllers::Connect::default(),
            cache: directory.cache(),
            cache_bytes_max: CACHE_BYTES_MAX,
            controllers: options.controllers,
            metrics: metrics.controllers().clone(),
            alive_before: alive::before(&directory.alive(), clock.now()),
        };
        let alive = (directory.alive(), clock.clone());
        let jitter: applier::Jitter = Arc::new(entropy::fraction);
        let (hub, key, stop) = (installed.id, installed.key, shutdown.child_token());
        let controllers = Controllers::new(api.clone(), clock.clone(), jitter, hub, key, &wanted, stop)?;
        metrics.show_stores(&controllers.stores);
        // Set once, here: the cell was made above.
        let _ = views.set(Arc::downgrade(&controllers));
        let tasks = TaskTracker::new();
        tasks.spawn({
            let (server, tls, stop) = (server.clone(), keys.tls.clone(), shutdown.clone());
            async move { server.serve(listener, tls, stop).await }.boxed()
        });
        tasks.spawn(controllers.clone().run());
        tasks.spawn(alive::note_alive(alive.0, alive.1, shutdown.clone()).boxed());
        let housekeeping =
            housekeeping::Options { ca: Some(keys.authority_pem.clone()), clock: clock.clone(), events: None };
        let keepers = Api::new(client_of(&server, "system:housekeeping"), "housekeeping");
        let keeper = housekeeping::Housekeeper::with_metrics(&keepers, housekeeping, metrics.controllers().queues());
        let stop = shutdown.clone();
        let keeping = async move {
            tokio::select! {
                () = keeper.run() => {}
                () = stop.cancelled() => {}
            }
        };
        tasks.spawn(keeping.boxed());
        let signing = Api::new(client_of(&server, "system:signer"), "signer");
        let (signs, counted) = ((clock.clone(), keys.authority.clone()), metrics.controllers().queues().clone());
        let stop = shutdown.clone();
        tasks.spawn(async move { signer::run(&signing, signs.0, signs.1, counted, stop).await }.boxed());
        let hooks = Arc::new(hook::Hook::new(&api, clock, installed.hook));
        tasks.spawn(hooks.serve(hook_listener, keys.tls.clone(), shutdown.clone()).boxed());
        Ok(Self { server, address, hook, host, keys, controllers, shutdown, tasks, store: held })
    }

    /// Where the API is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients are told that the API is.
    pub fn url(&self) -> String {
        endpoint::url(&self.host, self.address.port())
    }

    /// Where push hooks go.
    pub fn hook_address(&self) -> SocketAddr {
        self.hook
    }

    /// Where git servers are told to send push hooks; `/NAMESPACE/APPLICATION` follows.
    pub fn hook_url(&self) -> String {
        endpoint::url(&self.host, self.hook.port())
    }

    /// A client in the process, as the administrator.
    pub fn client(&self) -> Client {
        client_of(&self.server, "kurator-admin")
    }

    /// The administrator's kubeconfig, with one context of this name. Holds secrets.
    pub fn kubeconfig(&self, name: &str) -> String {
        pki::kubeconfig(&[pki::Context {
            name,
            server: &self.url(),
            authority_pem: &self.keys.authority_pem,
            credential: pki::Credential::Certificate(&self.keys.admin),
        }])
    }

    /// What was asked of the API so far.
    pub fn counters(&self) -> &apiserver::Counters {
        self.server.counters()
    }

    /// The controllers, for what is shown of their memory.
    pub fn controllers(&self) -> &Arc<Controllers> {
        &self.controllers
    }

    /// Ends everything. A reconcile that has begun is finished first. Appliers and fetches end where they are; the next start
    /// finishes what they have begun.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        self.end().boxed()
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.server.close();
        self.tasks.close();
        self.tasks.wait().await;
        let store = self.store.clone();
        drop(self);
        // The last clients of the API end with their own tasks, a moment later.
        let freed = async {
            while store.strong_count() > 0 {
                tokio::time::sleep(FREED_EVERY).await;
            }
        };
        if tokio::time::timeout(FREED_WITHIN, freed).await.is_err() {
            tracing::warn!("the store is still held; its directory is free when the process ends");
        }
    }
}

fn client_of(server: &ApiServer, user: &str) -> Client {
    Client::new(server.service_as(UserInfo::master(user)), "default")
}

/// What a thread returns; its panic goes on here.
async fn finished<T>(thread: tokio::task::JoinHandle<T>) -> T {
    thread.await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => panic!("threads are not cancelled: {error}"),
    })
}

/// The address of a listener, which a listener has.
fn local(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(Error::Address)
}

/// Binds; with port 0 to the port of the last time if it is still free, so that kubeconfigs stay right.
/// `option`: what the command line calls the address.
async fn listen(
    directory: &Directory,
    name: &str,
    option: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, Error> {
    let file = directory.port(name);
    let before = directory::read(&file)?.and_then(|text| text.trim().parse::<u16>().ok());
    if let (0, Some(port)) = (address.port(), before)
        && let Ok(listener) = TcpListener::bind(SocketAddr::new(address.ip(), port)).await
    {
        return Ok(listener);
    }
    let failed = |source| Error::Listen { option, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let port = local(&listener)?.port();
    if before != Some(port) {
        // A power loss may take it: the next start then has another port, and writes kubeconfigs that say so.
        directory::write_note(&file, &port.to_string())?;
    }
    Ok(listener)
}
