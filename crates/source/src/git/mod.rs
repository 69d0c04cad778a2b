//! Git over HTTP and ssh: resolve a reference to a commit, fetch its tree.
//!
//! Speaks protocol version 2 (`gitprotocol-v2`, `gitprotocol-http`), and 0 and 1 to servers that answer so. Absent on
//! purpose: `file://` (it would read the hub's disk), pushing, and the dumb HTTP protocol.

mod address;
mod advertisement;
mod fetch;
pub(crate) mod http;
mod incoming;
mod objects;
pub mod packet;
mod range;
mod reference;
mod ssh;
mod submodule;
mod trailer;
mod walk;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use http::Http;
pub use reference::{Commit, GitReference};
pub use ssh::SshCredentials;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use model::limit::cut;

use crate::artifact::Artifact;
use crate::cache::Cache;
use crate::error::Error;
use crate::ignore::Ignore;
use address::Address;
use fetch::Access;
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
    /// A key.
    Ssh(SshCredentials),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Credentials::Basic(…)",
            Self::Bearer(_) => "Credentials::Bearer(…)",
            Self::Ssh(_) => "Credentials::Ssh(…)",
        })
    }
}

/// What a git source is, as a record says it.
#[derive(Clone, Debug)]
pub struct GitSpec {
    /// `https://`, `http://` or `ssh://` URL of the repository.
    pub url: String,
    /// What to follow.
    pub reference: GitReference,
    /// How to identify; over HTTP, user information in the URL is used when this is not set.
    pub credentials: Option<Credentials>,
    /// PEM certificates that are trusted for this server, besides the machine's own.
    pub ca: Option<Vec<u8>>,
    /// Time for one `resolve` or one `fetch`, at most [`TIMEOUT_MAX`].
    pub timeout: Duration,
    /// Files that are left out of the artifact, in `.gitignore` syntax.
    pub ignore: Option<String>,
    /// Submodules are fetched too. Otherwise they stay entries without content.
    pub submodules: bool,
}

impl GitSpec {
    /// A source without credentials that follows `reference` of `url`.
    pub fn new(url: impl Into<String>, reference: GitReference) -> Self {
        let (url, timeout) = (url.into(), TIMEOUT_DEFAULT);
        Self { url, reference, credentials: None, ca: None, timeout, ignore: None, submodules: false }
    }

    /// Another repository, which a file of this source names. It is given the credentials and the certificates of the source
    /// when it is at the same server, as submodules are.
    ///
    /// # Errors
    /// A URL that cannot be used, or that leads to the hub's own machine while the source does not.
    pub fn beside(&self, url: &str, reference: GitReference, submodules: bool) -> Result<Self, Error> {
        let (address, source) = (Address::parse(url)?, Address::parse(&self.url)?);
        let shown = |address: &Address| match address {
            Address::Http { url, .. } => url.clone(),
            Address::Ssh(address) => address.url.clone(),
        };
        let own = match &source {
            Address::Http { credentials, .. } => credentials.clone(),
            Address::Ssh(_) => None,
        };
        let (to, from) = (shown(&address), shown(&source));
        http::check_reach(&to, &from)?;
        let same = http::is_same_server(&from, &to);
        let credentials = self.credentials.clone().or(own).filter(|_| same);
        if credentials.is_none() && matches!(address, Address::Ssh(_)) {
            return Err(Error::SshOfBase { url: to });
        }
        let ca = self.ca.clone().filter(|_| same);
        Ok(Self { url: to, reference, credentials, ca, timeout: self.timeout, ignore: None, submodules })
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
    submodules: bool,
    access: Arc<Access>,
    /// The tag that was fetched last by the id of its object, and the commit that it names: a tag names the same for
    /// ever, and only its object says what.
    tag: Arc<Mutex<Option<(String, String)>>>,
}

impl GitSource {
    /// Checks the specification. Does no I/O.
    ///
    /// # Errors
    /// A URL, reference, certificate or ignore pattern that cannot be used.
    pub fn new(http: &Http, spec: GitSpec) -> Result<Self, Error> {
        spec.reference.check()?;
        let ignore = Arc::new(Ignore::parse(spec.ignore.as_deref().unwrap_or_default(), "ignore")?);
        let address = Address::parse(&spec.url)?;
        let credentials = match &address {
            Address::Http { credentials, .. } => spec.credentials.or_else(|| credentials.clone()),
            Address::Ssh(_) => spec.credentials,
        };
        let remote = Arc::new(Remote::new(http, address, credentials.clone(), spec.ca.as_deref())?);
        let access = Arc::new(Access { http: http.clone(), credentials, ca: spec.ca });
        Ok(Self {
            remote,
            reference: spec.reference,
            timeout: spec.timeout.min(TIMEOUT_MAX),
            ignore,
            submodules: spec.submodules,
            access,
            tag: Arc::default(),
        })
    }

    /// The URL without user information.
    pub fn url(&self) -> &str {
        self.remote.url()
    }

    /// Asks the server which commit the reference means now: one small request, after the first one. The id of an annotated
    /// tag stands for its commit where the server does not say which that is, until the first [`fetch`](Self::fetch).
    ///
    /// # Errors
    /// See [`Error`]; a missing branch names those that exist.
    pub fn resolve(&self) -> BoxFuture<'_, Result<Commit, Error>> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        self.resolve_in_time().boxed()
    }

    async fn resolve_in_time(&self) -> Result<Commit, Error> {
        let commit = self.deadline(self.resolve_now()).await?;
        let tag = self.tag.lock().unwrap_or_else(PoisonError::into_inner);
        let named = tag.as_ref().filter(|(tag, _)| *tag == commit.sha).map(|(_, named)| named.clone());
        Ok(Commit { sha: named.unwrap_or(commit.sha), name: commit.name })
    }

    /// The tree of a commit as an artifact: from the cache when it is there and undamaged, else fetched, transferring
    /// only objects that the cache does not have.
    ///
    /// Dropping the future stops the work.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn fetch<'a>(&'a self, commit: &'a Commit, cache: &'a Cache) -> BoxFuture<'a, Result<Artifact, Error>> {
        self.fetch_in_time(commit, cache).boxed()
    }

    async fn fetch_in_time(&self, commit: &Commit, cache: &Cache) -> Result<Artifact, Error> {
        let artifact = self.deadline(self.fetch_now(commit, cache)).await?;
        if let Some((_, fetched)) = artifact.revision().rsplit_once("sha1:").filter(|(_, sha)| *sha != commit.sha) {
            let tag = (commit.sha.clone(), fetched.to_owned());
            *self.tag.lock().unwrap_or_else(PoisonError::into_inner) = Some(tag);
        }
        Ok(artifact)
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
        let see = |found: advertisement::Ref| {
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
}
