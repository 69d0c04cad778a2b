//! Writes the hub's log of what happened: facts of the controllers, as the lines that [`plan::journal`] makes of them.
//!
//! What happened is decided where it is written down: where a status is stored, and where a report is merged. One task gathers
//! it, so that a thousand members make a line and no controller waits for a log. At rest the task waits too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::delivery::UnitId;
use client::NamespacedName;
use model::Clock;
use plan::event::Severity;
use plan::journal::{Fact, Line, Progress};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::record;
use crate::stores::Stores;

/// Most facts that wait to be read: those of a commit in a thousand members, four times. More at once are counted.
const QUEUE_MAX: usize = 4_096;

/// How many facts are taken at once.
const BATCH_MAX: usize = 256;

/// Shortest time between two looks: a clock that jumps makes no loop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Takes facts. Cheap to clone; clones are one.
#[derive(Clone)]
pub(crate) struct Journal {
    queue: mpsc::Sender<Fact>,
    inner: Arc<Inner>,
}

struct Inner {
    waiting: Mutex<Option<mpsc::Receiver<Fact>>>,
    lost: AtomicU64,
}

impl Journal {
    /// Nothing is written before [`Journal::run`].
    pub(crate) fn new() -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        Self { queue, inner: Arc::new(Inner { waiting: Mutex::new(Some(waiting)), lost: AtomicU64::default() }) }
    }

    /// Notes a fact, and never waits.
    pub(crate) fn note_fact(&self, fact: Fact) {
        if self.queue.try_send(fact).is_err() {
            self.inner.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes lines until shutdown. A second call does nothing.
    pub(crate) async fn run(self, stores: Arc<Stores>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        let mut journal = plan::journal::Journal::default();
        let mut batch = Vec::new();
        loop {
            let pause = journal.due().map(|due| {
                let left = due.duration_since(clock.now());
                Duration::try_from(left).unwrap_or_default().max(LOOK_EVERY)
            });
            tokio::select! {
                () = stop.cancelled() => return,
                taken = waiting.recv_many(&mut batch, BATCH_MAX) => if taken == 0 {
                    return;
                },
                () = sleep(pause) => {}
            }
            let now = clock.now();
            batch.drain(..).for_each(|fact| journal.note_fact(fact, now));
            if journal.due().is_none_or(|due| now < due) {
                continue;
            }
            for Line { severity, text } in journal.lines(now, &|unit, revision| progress(&stores, unit, revision)) {
                match severity {
                    Severity::Normal => tracing::info!("{text}"),
                    Severity::Warning => tracing::warn!("{text}"),
                }
            }
            let lost = self.inner.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!(lost, "too much happened at once; some of it is not in this log");
            }
        }
    }
}

/// Sleeps, or for ever when nothing is due.
async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// How far a revision of a unit is in the members that it is decided for, from stored objects.
fn progress(stores: &Stores, unit: &UnitId, revision: &str) -> Progress {
    let known = stores.revisions.get(&NamespacedName::new(unit.namespace.clone(), revision));
    let source = known.as_ref().map(|known| known.spec.inputs.source_revision()).filter(|source| !source.is_empty());
    let mut progress = Progress::new(source.unwrap_or(revision));
    let statuses = record::statuses_of(&stores.statuses, &stores.clusters, &unit.owner());
    for decision in stores.decisions_of(unit) {
        let entries = decision.spec.members.iter();
        for (member, _) in entries.filter(|(_, entry)| entry.removal.is_none() && entry.revision == revision) {
            progress.add(member, revision, statuses.get(&(unit.clone(), member.clone())));
        }
    }
    progress
}
