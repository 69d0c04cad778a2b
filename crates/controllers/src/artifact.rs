//! Fetched trees, and fetching one again that the cache has lost, or that another process has fetched.
//!
//! A Revision says where its artifact came from and which Secret has the credentials, so that every process can have it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::{Artifact, RemoteInput};
use client::contain::caught;
use client::{Api, Metrics, NamespacedName};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use model::Digest;
use render::Remote;
use source::{Cache, Credentials, FileSource, GitReference, GitSource, GitSpec, Http, SshCredentials};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::remote::{RemoteSource, commit};
use crate::write::{self, WriteError};

/// Fetches under way at once, over all sources: each is a connection, a temporary file and up to
/// [`source::ARTIFACT_BYTES_MAX`] to unpack. Asking what a reference means is not counted, so a source that drips
/// slowly delays other sources' new commits only together with 63 like it, and each for its own timeout only.
const FETCHES_AT_ONCE: usize = 64;
/// How long an artifact that could not be fetched again is not asked for.
pub(crate) const RECOVER_AGAIN: Duration = Duration::from_secs(10);
/// How long a failed artifact is remembered that nothing asks for: what needs it asks every [`RECOVER_AGAIN`].
const UNASKED_MAX: Duration = Duration::from_secs(60);

/// How an artifact is that the cache has lost.
#[derive(Clone, Debug)]
pub(crate) enum Recovery {
    /// It is being fetched, for the first time: the answer comes within the source's timeout.
    UnderWay,
    /// It could not be fetched, and is asked for again now and then.
    Failed(String),
}

/// What the cache has lost.
#[derive(Clone)]
enum Gone {
    /// The artifact of a source.
    Source(Artifact),
    /// What a file of a source names on another machine.
    Remote { source: Artifact, remote: Remote, pinned: RemoteInput },
}

impl Gone {
    fn digest(&self) -> Digest {
        match self {
            Self::Source(artifact) => artifact.digest,
            Self::Remote { pinned, .. } => pinned.digest,
        }
    }
}

/// What is known of a lost artifact.
struct Lost {
    running: bool,
    failed: Option<(Instant, String)>,
    /// When it was last asked for.
    asked: Instant,
    /// Who is told when the fetch that runs has ended, by a name: each is told once.
    waiting: BTreeMap<String, Wake>,
}

/// Tells that a fetch has ended: it adds a key to a queue.
pub(crate) type Wake = Box<dyn FnOnce() + Send>;

/// A source that is followed here.
struct Followed {
    namespace: String,
    secret: Option<String>,
    ignore: Option<String>,
    submodules: bool,
    spec: GitSpec,
    git: GitSource,
}

/// Namespace of the units that use it, and digest.
type Place = (String, Digest);

/// All artifacts of this process.
pub struct Artifacts {
    api: Api,
    http: Http,
    cache: Cache,
    fetches: Semaphore,
    metrics: Metrics,
    lost: Mutex<BTreeMap<Place, Lost>>,
    shutdown: CancellationToken,
    /// Sources that are followed here and have what a record does not say: user information in their URL. By the object
    /// that names them.
    followed: Mutex<BTreeMap<NamespacedName, Followed>>,
}

impl Artifacts {
    pub(crate) fn new(
        api: Api,
        cache: Cache,
        metrics: &Metrics,
        shutdown: CancellationToken,
    ) -> Result<Self, source::Error> {
        let fetches = Semaphore::new(FETCHES_AT_ONCE);
        let (http, lost, followed) = (Http::new()?, Mutex::default(), Mutex::default());
        Ok(Self { api, http, cache, fetches, metrics: metrics.clone(), lost, shutdown, followed })
    }

    /// The source that an object names, with the Secret that has its credentials. It is remembered for [`Self::recover`]
    /// when a record does not say everything of it.
    ///
    /// # Errors
    /// The URL or reference is malformed.
    pub(crate) fn follow(
        &self,
        key: &NamespacedName,
        spec: GitSpec,
        secret: Option<&str>,
    ) -> Result<GitSource, source::Error> {
        let (url, ignore, submodules) = (spec.url.clone(), spec.ignore.clone(), spec.submodules);
        let git = GitSource::new(&self.http, spec.clone())?;
        let mut followed = self.followed();
        if git.url() == url {
            followed.remove(key);
        } else {
            let (namespace, secret) = (key.namespace.clone(), secret.map(str::to_owned));
            followed.insert(key.clone(), Followed { namespace, secret, ignore, submodules, spec, git: git.clone() });
        }
        Ok(git)
    }

    /// A source that is asked once.
    ///
    /// # Errors
    /// The URL or reference is malformed.
    pub(crate) fn source(&self, spec: GitSpec) -> Result<GitSource, source::Error> {
        GitSource::new(&self.http, spec)
    }

    /// A file of another machine, which a file of the source at `from` names. `shown` stands for its URL in errors.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub(crate) fn file(
        &self,
        url: &str,
        shown: &str,
        from: &str,
        timeout: Duration,
    ) -> Result<FileSource, source::Error> {
        FileSource::new(&self.http, url, shown, from, timeout)
    }

    /// The source of an object is not followed any more.
    pub(crate) fn forget(&self, key: &NamespacedName) {
        self.followed().remove(key);
    }

    fn followed(&self) -> MutexGuard<'_, BTreeMap<NamespacedName, Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches a commit into the cache, when its turn comes.
    ///
    /// # Errors
    /// See [`source::Error`].
    pub(crate) async fn fetch(
        &self,
        git: &GitSource,
        commit: &source::Commit,
    ) -> Result<source::Artifact, source::Error> {
        // The semaphore is never closed.
        let _permit = self.fetches.acquire().await;
        git.fetch(commit, &self.cache).await
    }

    /// Fetches a file into the cache, when its turn comes.
    ///
    /// # Errors
    /// See [`source::Error`].
    pub(crate) async fn fetch_file(&self, file: &FileSource) -> Result<source::Artifact, source::Error> {
        // The semaphore is never closed.
        let _permit = self.fetches.acquire().await;
        file.fetch(&self.cache).await
    }

    fn lost(&self) -> MutexGuard<'_, BTreeMap<Place, Lost>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches an artifact again that the cache has lost, in the background, and says how that is. While a fetch runs,
    /// `who` waits for it, and is told by `wake` when it has ended. Otherwise ask again after [`RECOVER_AGAIN`].
    pub(crate) fn recover(self: &Arc<Self>, namespace: &str, artifact: &Artifact, who: String, wake: Wake) -> Recovery {
        self.recover_gone(namespace, Gone::Source(artifact.clone()), who, wake)
    }

    /// The same, of what a file of the source `source` names on another machine.
    pub(crate) fn recover_remote(
        self: &Arc<Self>,
        namespace: &str,
        source: &Artifact,
        lost: (&Remote, &RemoteInput),
        who: String,
        wake: Wake,
    ) -> Recovery {
        let (remote, pinned) = (lost.0.clone(), lost.1.clone());
        self.recover_gone(namespace, Gone::Remote { source: source.clone(), remote, pinned }, who, wake)
    }

    fn recover_gone(self: &Arc<Self>, namespace: &str, gone: Gone, who: String, wake: Wake) -> Recovery {
        let (place, now) = ((namespace.to_owned(), gone.digest()), Instant::now());
        let mut lost = self.lost();
        // Nobody waits for those any more: their units are gone, or have another revision.
        lost.retain(|_, other| other.running || now.duration_since(other.asked) < UNASKED_MAX);
        let blank = || Lost { running: false, failed: None, asked: now, waiting: BTreeMap::new() };
        let known = lost.entry(place.clone()).or_insert_with(blank);
        known.asked = now;
        let due = known.failed.as_ref().is_none_or(|(at, _)| at.elapsed() >= RECOVER_AGAIN);
        if due && !known.running {
            known.running = true;
            let all = self.clone();
            tokio::spawn(async move {
                let done = tokio::select! {
                    done = caught("artifact", &all.metrics, all.fetch_again(&place.0, &gone)) => done,
                    // A hub that ends does not wait for a source.
                    () = all.shutdown.cancelled() => return,
                };
                let done = done.unwrap_or_else(|panic| Err(format!("a bug, please report it: {panic}")));
                let waiting = {
                    let mut lost = all.lost();
                    let waiting = lost.get_mut(&place).map(|known| std::mem::take(&mut known.waiting));
                    match (done, lost.get_mut(&place)) {
                        (Err(why), Some(known)) => {
                            (known.running, known.failed) = (false, Some((Instant::now(), why)));
                        }
                        _ => drop(lost.remove(&place)),
                    }
                    waiting.unwrap_or_default()
                };
                waiting.into_values().for_each(|wake| wake());
            });
        }
        if known.running {
            known.waiting.entry(who).or_insert(wake);
        }
        known.failed.as_ref().map_or(Recovery::UnderWay, |(_, why)| Recovery::Failed(why.clone()))
    }

    async fn fetch_again(&self, namespace: &str, gone: &Gone) -> Result<(), String> {
        let artifact = match gone {
            Gone::Source(artifact) => artifact,
            Gone::Remote { source, remote, pinned } => {
                // Its server may be that of the source, and be asked with the same user information.
                for (_, spec) in self.alike(namespace, source) {
                    if let Ok(remote) = RemoteSource::new(self, remote, &spec)
                        && remote.fetch_again(self, pinned).await.is_ok()
                    {
                        return Ok(());
                    }
                }
                let spec = self.spec_by_record(namespace, source).await?;
                let remote = RemoteSource::new(self, remote, &spec).map_err(|error| text(&error))?;
                return remote.fetch_again(self, pinned).await;
            }
        };
        // With the user information of a source that is otherwise the one of the record, and then without.
        for (git, _) in self.alike(namespace, artifact) {
            if self.fetch_from(&git, artifact).await.is_ok() {
                return Ok(());
            }
        }
        let spec = self.spec_by_record(namespace, artifact).await?;
        let git = self.source(spec).map_err(|error| text(&error))?;
        self.fetch_from(&git, artifact).await
    }

    /// The sources that are followed in a namespace and would fetch what a record says, as far as a record says it.
    fn alike(&self, namespace: &str, artifact: &Artifact) -> Vec<(GitSource, GitSpec)> {
        let followed = self.followed();
        let same = |f: &&Followed| {
            f.namespace == namespace
                && f.git.url() == artifact.url
                && f.secret == artifact.secret
                && f.ignore == artifact.ignore
                && f.submodules == artifact.submodules
        };
        followed.values().filter(same).map(|f| (f.git.clone(), f.spec.clone())).collect()
    }

    async fn fetch_from(&self, git: &GitSource, artifact: &Artifact) -> Result<(), String> {
        let found = self.fetch(git, &commit(&artifact.revision)).await.map_err(|error| text(&error))?;
        if found.digest() == artifact.digest.to_string() {
            Ok(())
        } else {
            // A history that was rewritten under the same name.
            Err("the source has other files at that commit now".to_owned())
        }
    }

    /// The source of an artifact as its record says it.
    async fn spec_by_record(&self, namespace: &str, artifact: &Artifact) -> Result<GitSpec, String> {
        let mut spec = GitSpec::new(&artifact.url, GitReference::Commit(commit(&artifact.revision).sha));
        spec.ignore.clone_from(&artifact.ignore);
        spec.submodules = artifact.submodules;
        if let Some(secret) = &artifact.secret {
            let access = access(&self.api, namespace, secret, &artifact.url).await.map_err(|error| text(&error))?;
            let access = access.map_err(|(_, why)| why)?;
            (spec.credentials, spec.ca) = (access.credentials, access.ca);
        }
        Ok(spec)
    }
}

/// Why a Secret cannot be used: reason and sentence.
pub(crate) type Refusal = (String, String);

/// How to identify to a git server, and whom to trust there.
pub(crate) struct Access {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) ca: Option<Vec<u8>>,
}

/// Reads a Secret with the credentials of a source at a URL, as Flux has it.
pub(crate) async fn access(
    api: &Api,
    namespace: &str,
    name: &str,
    url: &str,
) -> Result<Result<Access, Refusal>, WriteError> {
    let about = format!("Secret {namespace}/{name}");
    let Some(secret) = write::read::<Secret>(api, namespace, name).await? else {
        let message = format!("{about} does not exist; spec.source.gitRepository.secretRef names it");
        return Ok(Err(("SecretNotFound".into(), message)));
    };
    Ok(read(secret.data.unwrap_or_default(), url).map_err(|why| ("SecretInvalid".into(), format!("{about} {why}"))))
}

/// What the fields of a Secret say for a URL; or what it lacks.
fn read(data: BTreeMap<String, ByteString>, url: &str) -> Result<Access, String> {
    let text = |field: &str| data.get(field).map(|b| String::from_utf8_lossy(&b.0).trim_end().to_owned());
    if url.starts_with("ssh://") {
        let whole = |field: &str| data.get(field).map(|b| String::from_utf8_lossy(&b.0).into_owned());
        let (Some(identity), Some(known_hosts)) = (whole("identity"), whole("known_hosts")) else {
            let missing: Vec<&str> =
                ["identity", "known_hosts"].into_iter().filter(|field| !data.contains_key(*field)).collect();
            return Err(format!("lacks {}, which git over ssh needs", missing.join(" and ")));
        };
        let credentials = SshCredentials { identity, passphrase: text("password"), known_hosts };
        return Ok(Access { credentials: Some(Credentials::Ssh(credentials)), ca: None });
    }
    let credentials = match (text("bearerToken"), text("username"), text("password")) {
        (Some(token), _, _) => Some(Credentials::Bearer(token)),
        (None, Some(username), Some(password)) => Some(Credentials::Basic { username, password }),
        _ => None,
    };
    let ca = data.get("ca.crt").or_else(|| data.get("caFile")).map(|b| b.0.clone());
    if credentials.is_none() && ca.is_none() {
        return Err("has neither username and password, nor bearerToken, nor ca.crt".to_owned());
    }
    Ok(Access { credentials, ca })
}

/// The error and its causes in one line.
pub(crate) fn text(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let cause_text = cause.to_string();
        if !out.contains(&cause_text) {
            out.push_str(": ");
            out.push_str(&cause_text);
        }
        at = cause.source();
    }
    out
}

#[cfg(test)]
mod tests;
