//! Follows what the kustomizations of a source name on other machines: one task for each, beside the source's own.
//!
//! Which these are is known when something was rendered, so who renders says it ([`super::Fetcher::name_remotes`]). What
//! was fetched stays known when a later fetch fails, and until no rendering names it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::RemoteInput;
use client::contain::restarting;
use client::queue::BACKOFF;
use client::{Jitter, Metrics, NamespacedName, Queue};
use futures::FutureExt as _;
use plan::application::SourceFacts;
use render::Remote;
use source::Class;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Follow;
use crate::artifact::{Artifacts, text};
use crate::remote::RemoteSource;
use crate::write::without_numbers;

/// Shortest interval between two questions about one thing on another machine. It is mostly a server of others, which limits
/// strangers to some requests a minute; `kurator sync` asks at once.
const INTERVAL_MIN: Duration = Duration::from_secs(60);

/// Longest pause after a failure that may go away by itself.
const RETRY_MAX: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    fetched: Option<RemoteInput>,
    /// Why the last fetch failed: reason and sentence.
    error: Option<(String, String)>,
    /// The newest text of the sync annotation, and the one that a fetch has followed.
    asked_sync: Option<String>,
    handled_sync: Option<String>,
}

struct Task {
    remote: Remote,
    source: Follow,
    state: Arc<Mutex<State>>,
    poke: Arc<Notify>,
    stop: CancellationToken,
}

impl Task {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// All tasks, by the key of the source and the id of what they follow.
pub(super) struct RemoteTasks {
    artifacts: Arc<Artifacts>,
    queue: Queue<NamespacedName>,
    metrics: Metrics,
    jitter: Jitter,
    tasks: Mutex<BTreeMap<NamespacedName, BTreeMap<String, Task>>>,
}

impl RemoteTasks {
    pub(super) fn new(
        artifacts: Arc<Artifacts>,
        queue: Queue<NamespacedName>,
        metrics: &Metrics,
        jitter: Jitter,
    ) -> Self {
        Self { artifacts, queue, metrics: metrics.clone(), jitter, tasks: Mutex::default() }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<NamespacedName, BTreeMap<String, Task>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows these from now on; when they are `all`, no others.
    pub(super) fn follow(
        &self,
        key: &NamespacedName,
        source: &Follow,
        remotes: &BTreeMap<String, Remote>,
        all: bool,
        stop: &CancellationToken,
    ) {
        let mut tasks = self.tasks();
        let mine = tasks.entry(key.clone()).or_default();
        if all {
            let before = mine.len();
            mine.retain(|id, _| remotes.contains_key(id));
            if mine.len() < before {
                // What was said of the source may have been their failure.
                self.queue.add(key.clone());
            }
        }
        for (id, remote) in remotes {
            let known = mine.get(id);
            if known.is_some_and(|task| task.remote == *remote && task.source.same(source)) {
                continue;
            }
            // What was fetched of it stays known, until it is asked for with what changed.
            let state = known.map(|task| task.state.clone()).unwrap_or_default();
            mine.insert(id.clone(), self.start(key, source, remote, state, stop));
        }
        if mine.is_empty() {
            tasks.remove(key);
        }
    }

    fn start(
        &self,
        key: &NamespacedName,
        source: &Follow,
        remote: &Remote,
        state: Arc<Mutex<State>>,
        stop: &CancellationToken,
    ) -> Task {
        let (poke, stop) = (Arc::new(Notify::new()), stop.child_token());
        let runner = Runner {
            artifacts: self.artifacts.clone(),
            key: key.clone(),
            queue: self.queue.clone(),
            remote: remote.clone(),
            follow: source.clone(),
            interval: source.interval.max(INTERVAL_MIN),
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
        Task { remote: remote.clone(), source: source.clone(), state, poke, stop }
    }

    /// Asks at once when a person asked for it and it was not seen before.
    pub(super) fn sync(&self, key: &NamespacedName, sync: Option<&str>) {
        let Some(sync) = sync else { return };
        for task in self.tasks().get(key).into_iter().flat_map(BTreeMap::values) {
            let mut state = task.state();
            if state.asked_sync.as_deref() != Some(sync) {
                state.asked_sync = Some(sync.to_owned());
                task.poke.notify_one();
            }
        }
    }

    /// Adds what is known to what is known of the source. A failure of the source itself is said before one of these.
    pub(super) fn add_to(&self, key: &NamespacedName, facts: &mut SourceFacts) {
        for task in self.tasks().get(key).into_iter().flat_map(BTreeMap::values) {
            let state = task.state();
            facts.remotes.extend(state.fetched.clone().map(|fetched| (task.remote.id.clone(), fetched)));
            if facts.error.is_none() {
                facts.error.clone_from(&state.error);
            }
            facts.waits_for_remotes |= state.fetched.is_none() && state.error.is_none();
            // Until all have been asked, the request is not handled.
            if state.asked_sync.is_some() && state.asked_sync != state.handled_sync {
                facts.handled_sync = None;
            }
        }
    }

    /// Why something could not be fetched, as far as it has been tried.
    pub(super) fn error(&self, key: &NamespacedName, id: &str) -> Option<String> {
        let tasks = self.tasks();
        let error = tasks.get(key)?.get(id)?.state().error.clone();
        error.map(|(_, why)| why)
    }

    /// Stops following.
    pub(super) fn forget(&self, key: &NamespacedName) {
        self.tasks().remove(key);
    }
}

struct Runner {
    artifacts: Arc<Artifacts>,
    key: NamespacedName,
    queue: Queue<NamespacedName>,
    remote: Remote,
    follow: Follow,
    interval: Duration,
    state: Arc<Mutex<State>>,
    poke: Arc<Notify>,
}

impl Runner {
    async fn run(&self) {
        let source = RemoteSource::new(&self.artifacts, &self.remote, &self.follow.spec);
        let mut failures = 0;
        loop {
            let asked = self.state().asked_sync.clone();
            let known = self.state().fetched.clone();
            let failed = |error: &source::Error| (error.class(), error.reason(), text(error));
            let found = match &source {
                Ok(source) => source.fetch(&self.artifacts, known.as_ref()).await.map_err(|error| failed(&error)),
                // It is wrong in the file, or in the Secret; a change of either makes another task.
                Err(error) => Err(failed(error)),
            };
            let class = found.as_ref().err().map(|(class, ..)| *class);
            self.note_result(found.map_err(|(_, reason, why)| (reason, why)), asked);
            let pause = match class {
                None => self.interval,
                Some(Class::AwaitChange) => self.interval.max(BACKOFF.pause(failures + 1, 0.0)),
                Some(Class::Retry) => BACKOFF.pause(failures + 1, 0.0).min(RETRY_MAX),
            };
            failures = if class.is_some() { failures + 1 } else { 0 };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.poke.notified() => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what came of a fetch, and has the Application looked at when that is news.
    fn note_result(&self, found: Result<RemoteInput, (&'static str, String)>, asked: Option<String>) {
        let mut state = self.state();
        let mut news = false;
        match found {
            Ok(fetched) => {
                news |= state.error.take().is_some() || state.fetched.as_ref() != Some(&fetched);
                state.fetched = Some(fetched);
            }
            Err((reason, why)) => {
                // Who reads it tells by the first words that it is not the source itself.
                let said = format!("remote base of {}: {why}", self.remote.asked_by);
                let same = state.error.as_ref().is_some_and(|(before, known)| {
                    before == reason && without_numbers(known) == without_numbers(&said)
                });
                if !same {
                    state.error = Some((reason.to_owned(), said));
                    news = true;
                }
            }
        }
        if asked.is_some() && state.handled_sync != asked {
            state.handled_sync = asked;
            news = true;
        }
        drop(state);
        if news {
            self.queue.add(self.key.clone());
        }
    }
}
