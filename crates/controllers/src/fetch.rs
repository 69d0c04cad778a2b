//! Follows sources: one task for each Application, which asks at its interval, or at once when told to.
//!
//! A task keeps the newest artifact it could fetch; a failure keeps it and says why. Nothing of this is stored: after a
//! restart the first answer finds the same commit and nothing changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::delivery::Artifact;
use model::{Clock, Digest, Timestamp};
use plan::application::SourceFacts;
use source::{Cache, Class, GitSource, GitSpec, Http};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::informer::Key;
use crate::queue::{Queue, backoff};
use crate::write::without_numbers;

/// Shortest interval between two polls of one source. Asking more often than once a second only wears the server.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Fetches under way at once, over all sources: each is a connection, a temporary file and up to
/// [`source::ARTIFACT_BYTES_MAX`] to unpack. Asking what a reference means is not counted, so a source that drips
/// slowly delays other sources' new commits only together with 63 like it, and each for its own timeout only.
const FETCHES_AT_ONCE: usize = 64;
/// How long an artifact that could not be fetched again is not asked for.
const RECOVER_AGAIN: Duration = Duration::from_secs(10);
/// Interval of a source whose own cannot be read; its CRD requires one.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);

/// What to follow.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The repository.
    pub spec: GitSpec,
    /// How often it is asked.
    pub interval: Duration,
}

impl Follow {
    /// Reads an interval as CRDs write it, within limits.
    pub fn interval(text: &str) -> Duration {
        model::duration::parse(text).unwrap_or(INTERVAL_DEFAULT).max(INTERVAL_MIN)
    }

    fn same(&self, other: &Self) -> bool {
        let (a, b) = (&self.spec, &other.spec);
        self.same_content(other)
            && a.credentials == b.credentials
            && a.ca == b.ca
            && a.timeout == b.timeout
            && self.interval == other.interval
    }

    /// Would both fetch the same? Another URL, reference or set of files is another source: what was fetched of the one
    /// says nothing of the other.
    fn same_content(&self, other: &Self) -> bool {
        let (a, b) = (&self.spec, &other.spec);
        a.url == b.url && a.reference == b.reference && a.ignore == b.ignore
    }
}

/// How an artifact is that the cache has lost.
#[derive(Clone, Debug)]
pub(crate) enum Recovery {
    /// It is being fetched, for the first time: the answer comes within the source's timeout.
    UnderWay,
    /// It could not be fetched, and is asked for again now and then.
    Failed(String),
}

/// What is known of a lost artifact.
struct Lost {
    running: bool,
    failed: Option<(Instant, String)>,
}

#[derive(Default)]
struct State {
    facts: SourceFacts,
    /// The newest text of the sync annotation; a fetch that starts after it was seen handles it.
    asked_sync: Option<String>,
}

struct Task {
    follow: Follow,
    git: GitSource,
    state: Arc<Mutex<State>>,
    poke: Arc<Notify>,
    stop: CancellationToken,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// All tasks.
pub struct Fetcher {
    http: Http,
    cache: Cache,
    queue: Queue<Key>,
    clock: Arc<dyn Clock>,
    tasks: Mutex<BTreeMap<Key, Task>>,
    lost: Arc<Mutex<BTreeMap<(Key, Digest), Lost>>>,
    fetches: Arc<Semaphore>,
}

impl Fetcher {
    /// Makes a fetcher that adds an Application to the queue when its source has news.
    pub(crate) fn new(cache: Cache, queue: Queue<Key>, clock: Arc<dyn Clock>) -> Result<Self, source::Error> {
        let (tasks, lost) = (Mutex::default(), Arc::default());
        let fetches = Arc::new(Semaphore::new(FETCHES_AT_ONCE));
        Ok(Self { http: Http::new()?, cache, queue, clock, tasks, lost, fetches })
    }

    /// Follows a source from now on, and says what is known of it. A changed source starts anew and keeps what was
    /// fetched until it has its first answer. `sync` that was not seen before asks at once.
    ///
    /// # Errors
    /// The source cannot be followed at all: the URL or reference is malformed.
    pub(crate) fn follow(
        &self,
        key: &Key,
        follow: Follow,
        sync: Option<&str>,
        stop: &CancellationToken,
    ) -> Result<SourceFacts, source::Error> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = tasks.get(key).filter(|t| t.follow.same(&follow)) {
            let mut state = task.state.lock().unwrap_or_else(PoisonError::into_inner);
            if sync.is_some() && state.asked_sync.as_deref() != sync {
                state.asked_sync = sync.map(str::to_owned);
                task.poke.notify_one();
            }
            return Ok(state.facts.clone());
        }
        let git = GitSource::new(&self.http, follow.spec.clone())?;
        let known = tasks
            .get(key)
            .filter(|t| t.follow.same_content(&follow))
            .map(|t| t.state.lock().unwrap_or_else(PoisonError::into_inner).facts.clone());
        let state = State { facts: known.unwrap_or_default(), asked_sync: sync.map(str::to_owned) };
        let facts = state.facts.clone();
        let state = Arc::new(Mutex::new(state));
        let poke = Arc::new(Notify::new());
        let stop = stop.child_token();
        let runner = Runner {
            git: git.clone(),
            interval: follow.interval,
            cache: self.cache.clone(),
            key: key.clone(),
            queue: self.queue.clone(),
            clock: self.clock.clone(),
            state: state.clone(),
            poke: poke.clone(),
            fetches: self.fetches.clone(),
        };
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = runner.run() => {}
            }
        });
        tasks.insert(key.clone(), Task { follow, git, state, poke, stop });
        Ok(facts)
    }

    /// Fetches an artifact again that the cache has lost, in the background, and says how that is. Whoever needs it asks
    /// again.
    pub(crate) fn recover(&self, key: &Key, artifact: &Artifact) -> Recovery {
        let place = (key.clone(), artifact.digest);
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lost.entry(place.clone()).or_insert(Lost { running: false, failed: None });
        let due = known.failed.as_ref().is_none_or(|(at, _)| at.elapsed() >= RECOVER_AGAIN);
        if due && !known.running {
            known.running = true;
            let git = {
                let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
                tasks.get(key).map(|t| t.git.clone())
            };
            let (commit, artifact) = (commit_of(artifact), artifact.clone());
            let (cache, fetches, all) = (self.cache.clone(), self.fetches.clone(), self.lost.clone());
            tokio::spawn(async move {
                let done = match git {
                    Some(git) => {
                        // The semaphore is never closed.
                        let _permit = fetches.acquire().await;
                        git.fetch(&commit, &cache).await.map_err(|error| text(&error)).and_then(|found| {
                            // Another ignore pattern, or a history that was rewritten under the same name.
                            let other = found.digest() != artifact.digest.to_string();
                            if other { Err("the source has other files at that commit now".to_owned()) } else { Ok(()) }
                        })
                    }
                    None => Err("its source is not followed now".to_owned()),
                };
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                match done {
                    Ok(()) => drop(all.remove(&place)),
                    Err(why) => drop(all.insert(place, Lost { running: false, failed: Some((Instant::now(), why)) })),
                }
            });
        }
        known.failed.as_ref().map_or(Recovery::UnderWay, |(_, why)| Recovery::Failed(why.clone()))
    }

    /// What this process has heard of a source; `None` when it does not follow it.
    pub fn heard(&self, key: &Key) -> Option<SourceFacts> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.get(key).map(|t| t.state.lock().unwrap_or_else(PoisonError::into_inner).facts.clone())
    }

    /// What is known of a source that is not asked any more for now.
    pub(crate) fn suspended(&self, key: &Key) -> SourceFacts {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = tasks
            .remove(key)
            .map(|t| t.state.lock().unwrap_or_else(PoisonError::into_inner).facts.clone())
            .unwrap_or_default();
        SourceFacts { suspended: true, error: None, ..facts }
    }

    /// Stops following.
    pub(crate) fn forget(&self, key: &Key) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(other, _), lost| other != key || lost.running);
    }
}

struct Runner {
    git: GitSource,
    interval: Duration,
    cache: Cache,
    key: Key,
    queue: Queue<Key>,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    poke: Arc<Notify>,
    fetches: Arc<Semaphore>,
}

impl Runner {
    async fn run(self) {
        let mut failures = 0;
        loop {
            let asked = self.state.lock().unwrap_or_else(PoisonError::into_inner).asked_sync.clone();
            let class = self.once(asked).await;
            let pause = match class {
                None => self.interval,
                // A wrong branch or credential mends itself only when somebody acts; the interval is often enough.
                Some(Class::AwaitChange) => self.interval.max(backoff(failures)),
                Some(Class::Retry) => backoff(failures).min(self.interval.max(Duration::from_secs(5))),
            };
            failures = if class.is_some() { failures + 1 } else { 0 };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.poke.notified() => {}
            }
        }
    }

    async fn once(&self, asked: Option<String>) -> Option<Class> {
        let result = self.fetch().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.facts.clone();
        let class = match result {
            Ok(found) => {
                if let Some((artifact, since)) = found {
                    state.facts.artifact = Some(artifact);
                    state.facts.since = Some(since);
                }
                state.facts.error = None;
                None
            }
            Err(error) => {
                let (reason, said) = (error.reason(), text(&error));
                let same = state.facts.error.as_ref().is_some_and(|(before, known)| {
                    before == reason && without_numbers(known) == without_numbers(&said)
                });
                if !same {
                    state.facts.error = Some((reason.to_owned(), said));
                }
                Some(error.class())
            }
        };
        state.facts.handled_sync = asked.or(state.facts.handled_sync.take());
        if state.facts != before {
            drop(state);
            self.queue.add(self.key.clone());
        }
        class
    }

    /// The artifact of what the reference means now; `None` when it is the one that is known.
    async fn fetch(&self) -> Result<Option<(Artifact, Timestamp)>, source::Error> {
        let commit = self.git.resolve().await?;
        let known = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.facts.artifact.as_ref().map(|a| a.revision.clone())
        };
        if known.as_deref() == Some(commit.revision().as_str()) {
            return Ok(None);
        }
        let fetched = {
            // The semaphore is never closed.
            let _permit = self.fetches.acquire().await;
            self.git.fetch(&commit, &self.cache).await?
        };
        let Ok(digest) = fetched.digest().parse() else {
            let digest = fetched.digest().to_owned();
            return Err(source::Error::Damaged { digest, why: "its digest has another form".to_owned() });
        };
        let artifact = Artifact { digest, revision: fetched.revision().to_owned(), url: self.git.url().to_owned() };
        Ok(Some((artifact, self.clock.now())))
    }
}

/// The commit that an artifact was made of.
fn commit_of(artifact: &Artifact) -> source::Commit {
    let (name, sha) = artifact.revision.rsplit_once("sha1:").unwrap_or(("", &artifact.revision));
    source::Commit { sha: sha.to_owned(), name: name.trim_end_matches('@').to_owned() }
}

/// The error and its causes in one line.
fn text(error: &dyn std::error::Error) -> String {
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
