//! Git over HTTP: resolve a reference to a commit, fetch its tree.
//!
//! Speaks protocol version 2 (`gitprotocol-v2`, `gitprotocol-http`). Absent on purpose: ssh (a later source kind),
//! `file://` (it would read the hub's disk), pushing, submodules (they are reported), and protocol versions 0 and 1.

mod http;
mod objects;
pub mod packet;
mod range;
mod reference;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use http::Http;
pub use reference::{Commit, GitReference};

use model::limit::cut;

use crate::artifact::Artifact;
use crate::cache::Cache;
use crate::error::Error;
use crate::ignore::Ignore;
use reference::Choice;
use wire::Remote;

/// Time for one operation when the source says nothing (Flux' default for `spec.timeout`).
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// Longest time for one operation, whatever the source says: 128 MiB, the most that an artifact holds, take 9 minutes at
/// 2 Mbit/s. Fetches share a limit, so a source that drips must end some time.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(600);
/// Most names in an error that lists what exists.
const KNOWN_MAX: usize = 5;

/// How to identify to the server. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User name and password or token.
    Basic {
        /// User name.
        username: String,
        /// Password or token.
        password: String,
    },
    /// A bearer token.
    Bearer(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Credentials::Basic(…)",
            Self::Bearer(_) => "Credentials::Bearer(…)",
        })
    }
}

/// What a git source is, as a record says it.
#[derive(Clone, Debug)]
pub struct GitSpec {
    /// `http://` or `https://` URL of the repository.
    pub url: String,
    /// What to follow.
    pub reference: GitReference,
    /// How to identify; user information in the URL is used when this is not set.
    pub credentials: Option<Credentials>,
    /// PEM certificates that are trusted for this server, besides the machine's own.
    pub ca: Option<Vec<u8>>,
    /// Time for one `resolve` or one `fetch`, at most [`TIMEOUT_MAX`].
    pub timeout: Duration,
    /// Files that are left out of the artifact, in `.gitignore` syntax.
    pub ignore: Option<String>,
}

impl GitSpec {
    /// A source without credentials that follows `reference` of `url`.
    pub fn new(url: impl Into<String>, reference: GitReference) -> Self {
        Self { url: url.into(), reference, credentials: None, ca: None, timeout: TIMEOUT_DEFAULT, ignore: None }
    }
}

/// A git repository to follow. Cheap to clone; keep it between polls, since it remembers what the server can do and its
/// connection, so that a poll is one request.
#[derive(Clone)]
pub struct GitSource {
    remote: Arc<Remote>,
    reference: GitReference,
    timeout: Duration,
    ignore: Arc<Ignore>,
}

impl GitSource {
    /// Checks the specification. Does no I/O.
    ///
    /// # Errors
    /// A URL, reference, certificate or ignore pattern that cannot be used.
    pub fn new(http: &Http, spec: GitSpec) -> Result<Self, Error> {
        spec.reference.check()?;
        let ignore = Arc::new(Ignore::parse(spec.ignore.as_deref().unwrap_or_default(), "ignore")?);
        let remote = Arc::new(Remote::new(http, &spec.url, spec.credentials, spec.ca.as_deref())?);
        Ok(Self { remote, reference: spec.reference, timeout: spec.timeout.min(TIMEOUT_MAX), ignore })
    }

    /// The URL without user information.
    pub fn url(&self) -> &str {
        self.remote.url()
    }

    /// Asks the server which commit the reference means now: one small request, after the first one.
    ///
    /// # Errors
    /// See [`Error`]; a missing branch names those that exist.
    pub async fn resolve(&self) -> Result<Commit, Error> {
        self.deadline(self.resolve_now()).await
    }

    /// The tree of a commit as an artifact: from the cache when it is there and undamaged, else fetched, transferring
    /// only objects that the cache does not have.
    ///
    /// Dropping the future stops the work.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fetch(&self, commit: &Commit, cache: &Cache) -> Result<Artifact, Error> {
        self.deadline(self.fetch_now(commit, cache)).await
    }

    async fn deadline<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { url: self.url().to_owned(), after: self.timeout }),
        }
    }

    async fn resolve_now(&self) -> Result<Commit, Error> {
        if let Some(commit) = self.reference.pinned() {
            return Ok(commit);
        }
        let mut choice = Choice::new(&self.reference)?;
        self.remote.list(&self.reference.prefixes(), |found| choice.consider(&found)).await?;
        if let Some(commit) = choice.commit() {
            return Ok(commit);
        }
        let (what, prefix) = self.reference.siblings();
        let name = self.reference.text();
        let (mut empty, mut known) = (true, Vec::new());
        let see = |found: wire::Ref| {
            empty = false;
            let name = found.name.strip_prefix(prefix).filter(|_| known.len() < KNOWN_MAX);
            known.extend(name.map(cut));
        };
        self.remote.list(&["HEAD".to_owned(), "refs/".to_owned()], see).await?;
        if empty {
            return Err(Error::Empty { url: self.url().to_owned() });
        }
        Err(Error::ReferenceNotFound { url: self.url().to_owned(), what, name, known })
    }

    async fn fetch_now(&self, commit: &Commit, cache: &Cache) -> Result<Artifact, Error> {
        let repository = cache.repository(&self.remote.cache_key(), &self.ignore).await?;
        let (known, wanted) = (repository.clone(), commit.clone());
        let known =
            tokio::task::spawn_blocking(move || known.artifact(&wanted)).await.map_err(|_| Error::Stopped)??;
        if let Some(artifact) = known {
            return Ok(artifact);
        }
        let tips = repository.tips();
        match self.transfer(commit, tips, &repository).await {
            // What the cache holds may be damaged, or its objects gone: once more from nothing.
            Err(Error::BadObjects { .. } | Error::Cache { .. }) => {
                repository.clear()?;
                self.transfer(commit, Vec::new(), &repository).await
            }
            other => other,
        }
    }

    async fn transfer(
        &self,
        commit: &Commit,
        tips: Vec<String>,
        repository: &Arc<crate::cache::Repository>,
    ) -> Result<Artifact, Error> {
        let pack = match tips.contains(&commit.sha) {
            true => None,
            false => Some(self.remote.pack(&commit.sha, &tips, repository).await?),
        };
        let stop = Stop(Arc::new(AtomicBool::new(false)));
        let (flag, commit, repository) = (stop.0.clone(), commit.clone(), repository.clone());
        let (url, ignore) = (self.url().to_owned(), self.ignore.clone());
        let work = move || {
            let store = objects::Objects::open(&repository, url)?;
            if let Some(pack) = pack {
                store.add_pack(pack, &flag)?;
            }
            let artifact = store.artifact(&commit, &ignore, &flag)?;
            repository.remember(&commit, &artifact)?;
            Ok(artifact)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
    }
}

/// Tells blocking work to stop when the future that waits for it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
