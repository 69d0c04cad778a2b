//! Follows sources: one task for each key, which asks at its interval, or at once when told to.
//!
//! A task keeps the newest artifact it could fetch; a failure keeps it and says why. Nothing of this is stored: after a
//! restart the first answer finds the same commit and nothing changes.

mod remote;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admit::INTERVAL_MIN;
use api::delivery::Artifact;
use futures::FutureExt as _;
use model::{Clock, Timestamp};
use plan::application::SourceFacts;
use render::Remote;
use source::{Class, GitSource, GitSpec};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::artifact::{Artifacts, text};
use crate::write::without_numbers;
use client::NamespacedName;
use client::contain::restarting;
use client::queue::BACKOFF;
use client::{Jitter, Metrics, Queue};
use remote::RemoteTasks;

/// Interval of a source whose own cannot be read; its CRD requires one.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);

/// What to follow.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The repository.
    pub spec: GitSpec,
    /// Name of the Secret with its credentials; what is fetched says it, so that it can be fetched again.
    pub secret: Option<String>,
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
            && self.secret == other.secret
            && self.interval == other.interval
    }

    /// Would both fetch the same? Another URL, reference or set of files is another source: what was fetched of the one
    /// says nothing of the other.
    fn same_content(&self, other: &Self) -> bool {
        let (a, b) = (&self.spec, &other.spec);
        a.url == b.url && a.reference == b.reference && a.ignore == b.ignore && a.submodules == b.submodules
    }
}

struct State {
    facts: SourceFacts,
    /// The newest text of the sync annotation; a fetch that starts after it was seen handles it.
    asked_sync: Option<String>,
    /// When it was last asked out of turn because of another source like it.
    asked: Option<Instant>,
}

struct Task {
    follow: Follow,
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
    artifacts: Arc<Artifacts>,
    queue: Queue<NamespacedName>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    jitter: Jitter,
    tasks: Mutex<BTreeMap<NamespacedName, Task>>,
    /// What their files name on other machines.
    remotes: RemoteTasks,
}

impl Fetcher {
    /// Follows nothing yet. Keys whose sources have news are added to the queue.
    pub(crate) fn new(
        artifacts: Arc<Artifacts>,
        queue: Queue<NamespacedName>,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
        jitter: Jitter,
    ) -> Self {
        let remotes = RemoteTasks::new(artifacts.clone(), queue.clone(), metrics, jitter.clone());
        Self { artifacts, queue, clock, metrics: metrics.clone(), jitter, tasks: Mutex::default(), remotes }
    }

    /// Where keys come out whose sources have news.
    pub(crate) fn queue(&self) -> Queue<NamespacedName> {
        self.queue.clone()
    }

    /// Follows a source from now on, and says what is known of it. A changed source starts from the beginning and keeps
    /// what was fetched until it has its first answer. `sync` that was not seen before asks at once.
    ///
    /// # Errors
    /// The source cannot be followed at all: the URL or reference is malformed.
    pub(crate) fn follow(
        &self,
        key: &NamespacedName,
        follow: Follow,
        sync: Option<&str>,
        stop: &CancellationToken,
    ) -> Result<SourceFacts, source::Error> {
        let mut facts = self.follow_source(key, follow, sync, stop)?;
        self.remotes.sync(key, sync);
        self.remotes.add_to(key, &mut facts);
        Ok(facts)
    }

    fn follow_source(
        &self,
        key: &NamespacedName,
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
        let git = self.artifacts.follow(key, follow.spec.clone(), follow.secret.as_deref())?;
        let known = tasks
            .get(key)
            .filter(|t| t.follow.same_content(&follow))
            .map(|t| t.state.lock().unwrap_or_else(PoisonError::into_inner).facts.clone());
        let state = State { facts: known.unwrap_or_default(), asked_sync: sync.map(str::to_owned), asked: None };
        let facts = state.facts.clone();
        let state = Arc::new(Mutex::new(state));
        let poke = Arc::new(Notify::new());
        let stop = stop.child_token();
        let runner = Runner {
            git,
            secret: follow.secret.clone(),
            ignore: follow.spec.ignore.clone(),
            submodules: follow.spec.submodules,
            interval: follow.interval,
            artifacts: self.artifacts.clone(),
            key: key.clone(),
            queue: self.queue.clone(),
            clock: self.clock.clone(),
            state: state.clone(),
            poke: poke.clone(),
        };
        let (stopped, metrics, jitter) = (stop.clone(), self.metrics.clone(), self.jitter.clone());
        let work = async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = restarting("fetch", metrics, jitter, || runner.run()) => {}
            }
        };
        tokio::spawn(work.boxed());
        tasks.insert(key.clone(), Task { follow, state, poke, stop });
        Ok(facts)
    }

    /// What this process has heard of a source; `None` when it does not follow it.
    pub fn heard(&self, key: &NamespacedName) -> Option<SourceFacts> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = tasks.get(key).map(|t| t.state.lock().unwrap_or_else(PoisonError::into_inner).facts.clone());
        drop(tasks);
        facts.map(|mut facts| {
            self.remotes.add_to(key, &mut facts);
            facts
        })
    }

    /// When a source was last asked out of turn because of another one like it.
    pub(crate) fn asked(&self, key: &NamespacedName) -> Option<Instant> {
        self.with_state(key, |state| state.asked).flatten()
    }

    /// Asks a source after this time, because another one like it has a commit that this one may not have.
    pub(crate) fn ask_out_of_turn(&self, key: &NamespacedName, after: Duration) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(task) = tasks.get(key) else { return };
        task.state.lock().unwrap_or_else(PoisonError::into_inner).asked = Some(Instant::now() + after);
        let poke = task.poke.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            poke.notify_one();
        });
    }

    fn with_state<T>(&self, key: &NamespacedName, read: impl FnOnce(&State) -> T) -> Option<T> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.get(key).map(|task| read(&task.state.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Follows what renderings of a source name on other machines; when these are `all`, nothing else. Says whether the
    /// source itself is followed: without it nothing is.
    pub(crate) fn name_remotes(
        &self,
        key: &NamespacedName,
        remotes: &BTreeMap<String, Remote>,
        all: bool,
        stop: &CancellationToken,
    ) -> bool {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(source) = tasks.get(key).map(|task| task.follow.clone()) else { return false };
        drop(tasks);
        self.remotes.follow(key, &source, remotes, all, stop);
        true
    }

    /// Why something on another machine could not be fetched, as far as it has been tried.
    pub(crate) fn remote_error(&self, key: &NamespacedName, id: &str) -> Option<String> {
        self.remotes.error(key, id)
    }

    /// What is known of a source that is not asked any more for now.
    pub(crate) fn suspended(&self, key: &NamespacedName) -> SourceFacts {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = tasks
            .remove(key)
            .map(|t| t.state.lock().unwrap_or_else(PoisonError::into_inner).facts.clone())
            .unwrap_or_default();
        self.remotes.forget(key);
        SourceFacts { suspended: true, error: None, ..facts }
    }

    /// Stops following.
    pub(crate) fn forget(&self, key: &NamespacedName) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.remotes.forget(key);
        // Also of one that was suspended, and has no task.
        self.artifacts.forget(key);
    }
}

struct Runner {
    git: GitSource,
    secret: Option<String>,
    ignore: Option<String>,
    submodules: bool,
    interval: Duration,
    artifacts: Arc<Artifacts>,
    key: NamespacedName,
    queue: Queue<NamespacedName>,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    poke: Arc<Notify>,
}

impl Runner {
    async fn run(&self) {
        let mut failures = 0;
        loop {
            let asked = self.state.lock().unwrap_or_else(PoisonError::into_inner).asked_sync.clone();
            let class = self.once(asked).await;
            let pause = match class {
                None => self.interval,
                // A wrong branch or credential stays wrong until a person acts; the interval is often enough.
                Some(Class::AwaitChange) => self.interval.max(BACKOFF.pause(failures + 1, 0.0)),
                Some(Class::Retry) => BACKOFF.pause(failures + 1, 0.0).min(self.interval.max(Duration::from_secs(5))),
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
        let fetched = self.artifacts.fetch(&self.git, &commit).await?;
        let artifact = Artifact {
            digest: crate::remote::digest(&fetched)?,
            revision: fetched.revision().to_owned(),
            url: self.git.url().to_owned(),
            secret: self.secret.clone(),
            ignore: self.ignore.clone(),
            submodules: self.submodules,
        };
        Ok(Some((artifact, self.clock.now())))
    }
}
