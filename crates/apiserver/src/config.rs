//! What a server is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::Clock;
use store::Store;

use crate::admission::Admission;
use crate::authz::Authorizer;
use crate::meta::Meta;
use crate::resource::Resource;
use crate::token_key::TokenKey;
use crate::user::UserInfo;

/// Makes what must be unique. The composition root passes a random source, tests and simulations a seeded one.
pub trait Ids: Send + Sync + 'static {
    /// A new UUID in text form.
    fn uid(&self) -> String;
    /// Five characters for `generateName`, from Kubernetes' alphabet `bcdfghjklmnpqrstvwxz2456789`.
    fn suffix(&self) -> String;
}

/// Adds lines to `/metrics`, in the OpenMetrics text format and without its end. Called for each scrape: it must be cheap
/// and must not wait.
pub type Exposition = Arc<dyn Fn(&mut String) + Send + Sync>;

/// Limits of one server. Each refuses with 429 or closes, and counts in [`Counters::refused`](crate::Counters::refused).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests of known callers over the network that are handled at once, watches not counted. kube-apiserver's default
    /// is 400 reads + 200 writes.
    pub requests: usize,
    /// The same for clients in the process: each controller bounds its own work far below this.
    pub process_requests: usize,
    /// The same for callers without credentials. They may ask for health and version only, whose answers wait for nothing:
    /// more than a few at once are no probes.
    pub anonymous_requests: usize,
    /// Watches of the network that are open at once: 1,000 members' agents with 10 kinds each, and as many again.
    pub watches: usize,
    /// Of these, those of one user: a tenth. A desktop client watches 200 kinds, an agent 10.
    pub user_watches: usize,
    /// Watches open at once of clients in the process: a controller watches some ten kinds once each.
    pub process_watches: usize,
    /// TLS connections open at once: an agent and a few people per member.
    pub connections: usize,
    /// Time for a client to finish its TLS handshake, and then for a first request that says who it is.
    pub handshake: Duration,
    /// Time for the headers of a request, and without any request, before a connection is closed (kube-apiserver's idle
    /// timeout: 90 s).
    pub idle: Duration,
    /// Time for one request that is not a watch (kube-apiserver's `--request-timeout`).
    pub request: Duration,
    /// Longest watch when the client names no time; a watch then ends and is started again.
    pub watch: Duration,
    /// Time between bookmarks (kube-apiserver: about one minute).
    pub bookmark: Duration,
    /// Revisions at which lists with `limit` can be continued. Each holds one snapshot of the index.
    pub list_snapshots: usize,
    /// How long such a revision is kept (etcd's compaction in kube-apiserver: 5 minutes).
    pub list_snapshot_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 600,
            process_requests: 600,
            anonymous_requests: 32,
            watches: 20_000,
            user_watches: 2_000,
            process_watches: 20_000,
            connections: 4_096,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            request: Duration::from_secs(60),
            watch: Duration::from_secs(30 * 60),
            bookmark: Duration::from_secs(60),
            list_snapshots: 64,
            list_snapshot_age: Duration::from_secs(300),
        }
    }
}

/// Everything a server needs. [`Config::new`] gives one without extensions.
pub struct Config {
    /// Where objects are.
    pub store: Arc<dyn Store<Meta>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Unique ids.
    pub ids: Arc<dyn Ids>,
    /// Decides what a user may do.
    pub authorizer: Arc<dyn Authorizer>,
    /// Bearer tokens that are known from outside.
    pub tokens: BTreeMap<String, UserInfo>,
    /// Key that signs and checks service account tokens; without it there are none.
    pub token_key: Option<TokenKey>,
    /// Kinds besides built-in ones and CRDs.
    pub resources: Vec<Arc<dyn Resource>>,
    /// Admission, in this order.
    pub admissions: Vec<Arc<dyn Admission>>,
    /// Limits.
    pub limits: Limits,
    /// `gitVersion` of `/version`: `v1.37.0+kurator`.
    pub version: String,
    /// What `/metrics` shows besides the server's own counters.
    pub exposition: Option<Exposition>,
}

impl Config {
    /// A server over a store: RBAC, no tokens, no extensions, usual limits.
    pub fn new(store: Arc<dyn Store<Meta>>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            store,
            clock,
            ids,
            authorizer: Arc::new(crate::authz::Rbac::default()),
            tokens: BTreeMap::new(),
            token_key: None,
            resources: Vec::new(),
            admissions: Vec::new(),
            limits: Limits::default(),
            version: "v1.37.0+kurator".to_owned(),
            exposition: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens and keys are secrets and stay out.
        f.debug_struct("Config").field("limits", &self.limits).field("version", &self.version).finish_non_exhaustive()
    }
}
