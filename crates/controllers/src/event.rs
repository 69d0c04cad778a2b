//! Records Kubernetes Events (`events.k8s.io/v1`) of what happened to the hub's kinds.
//!
//! What happened is decided where a status is written ([`crate::write`]), by [`plan::event`]; the hub's log gets the same from
//! here ([`crate::journal`]). Here it is merged with what
//! happened before, bounded, and written by one task: who writes a status never waits for an event, and an event that cannot be
//! written is lost, and counted.
//!
//! | limit | |
//! |---|---|
//! | [`QUEUE_MAX`] | events that wait to be written |
//! | [`BURST`], [`REFILL`] | events of one object |
//! | [`SERIES_WITHIN`] | the same again is counted, not written again |
//! | [`KNOWN_MAX`] | series that are remembered |

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::delivery::{MemberStatusStatus, UnitId};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{Api, Error, Resource, Store};
use kube::{Resource as Kind, ResourceExt as _};
use model::clock::format_micros;
use model::{Clock, MemberName, Timestamp};
use plan::event::Event;
use plan::journal::{Fact, Turn, turn};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::record::application_of;

/// Most events that wait to be written. An Application's commit in a thousand members makes a few of them; more at once is a
/// flood, of which the first say enough.
const QUEUE_MAX: usize = 1_024;
/// How many events of one object are written at once (client-go's spam filter has the same).
const BURST: u32 = 25;
/// How long it takes until one more may be written.
const REFILL: Duration = Duration::from_secs(30);
/// How long after the last time the same is another event (client-go's series end after as long).
const SERIES_WITHIN: Duration = Duration::from_secs(360);
/// Most series and objects that are remembered: 1 MiB.
const KNOWN_MAX: usize = 4_096;
/// Longest name of an object that the name of its event begins with: a dot and 16 hexadecimal digits follow.
const NAME_MAX: usize = 200;

/// Field manager of Events.
pub(crate) const FIELD_MANAGER: &str = "kurator-event";

/// What writes events.
const REPORTER: &str = "kurator.dev/hub";
/// Where it runs: a hub is one process.
const INSTANCE: &str = "hub";

/// The object that something happened to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Regarding {
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    uid: String,
}

impl Regarding {
    fn of<K: Kind<DynamicType = ()>>(object: &K) -> Self {
        Self {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
        }
    }
}

/// Kinds whose transitions are events.
pub(crate) trait Told: Sized {
    /// What happened between two states of an object.
    fn happened(before: &Self, after: &Self) -> Vec<Event>;

    /// What of it is a line of the log.
    fn turned(before: &Self, after: &Self) -> Vec<Turn>;
}

impl Told for Fleet {
    fn happened(before: &Self, after: &Self) -> Vec<Event> {
        after.status.as_ref().map(|status| plan::event::fleet(before.status.as_ref(), status)).unwrap_or_default()
    }

    /// A Fleet is as its members are, which have lines of their own.
    fn turned(_: &Self, _: &Self) -> Vec<Turn> {
        Vec::new()
    }
}

impl Told for AttachedCluster {
    fn happened(before: &Self, after: &Self) -> Vec<Event> {
        after.status.as_ref().map(|status| plan::event::attached(before.status.as_ref(), status)).unwrap_or_default()
    }

    fn turned(before: &Self, after: &Self) -> Vec<Turn> {
        let Some(status) = &after.status else { return Vec::new() };
        let name = status.member.clone().unwrap_or_else(|| after.name_any());
        turn::member(&name, before.status.as_ref(), status).into_iter().collect()
    }
}

/// Takes events. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<(Regarding, Event)>,
    inner: Arc<Inner>,
    journal: Journal,
}

struct Inner {
    waiting: Mutex<Option<mpsc::Receiver<(Regarding, Event)>>>,
    metrics: Metrics,
}

impl Recorder {
    /// Nothing is written before [`Recorder::run`].
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        Self {
            queue,
            inner: Arc::new(Inner { waiting: Mutex::new(Some(waiting)), metrics: metrics.clone() }),
            journal: Journal::new(),
        }
    }

    /// The hub's log.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Records what happened between two states of an object.
    pub(crate) fn record<K: Told + Kind<DynamicType = ()>>(&self, before: &K, after: &K) {
        self.send_all(after, K::happened(before, after), K::turned(before, after));
    }

    /// Records what happened to the source of an Application, for who writes that part of its status.
    pub(crate) fn record_source(&self, before: &Application, after: &Application) {
        let Some(status) = &after.status else { return };
        let (namespace, name) = (after.namespace().unwrap_or_default(), after.name_any());
        let turn = turn::source(&namespace, &name, before.status.as_ref(), status);
        self.send_all(after, plan::event::source(before.status.as_ref(), status), turn);
    }

    /// Records what happened to the delivery of an Application, for who writes the rest of its status.
    pub(crate) fn record_delivery(&self, before: &Application, after: &Application) {
        let Some(status) = &after.status else { return };
        let (namespace, name) = (after.namespace().unwrap_or_default(), after.name_any());
        let turns = turn::delivery(&namespace, &name, before.status.as_ref(), status);
        self.send_all(after, plan::event::delivery(before.status.as_ref(), status), turns);
    }

    fn send_all<K>(&self, object: &K, events: Vec<Event>, turns: impl IntoIterator<Item = Turn>)
    where
        K: Kind<DynamicType = ()>,
    {
        events.into_iter().for_each(|event| self.send(Regarding::of(object), event));
        turns.into_iter().for_each(|turn| self.journal.note_fact(Fact::Turned(turn)));
    }

    /// Records what happened to the units of a slice of a member's report, each with its owner.
    pub(crate) fn record_units(
        &self,
        applications: &Store<Application>,
        member: &MemberName,
        before: Option<&MemberStatusStatus>,
        after: &MemberStatusStatus,
    ) {
        for (unit, status) in &after.units {
            let was = before.and_then(|before| before.units.get(unit));
            let events = plan::event::unit(was, status, member);
            if events.is_empty() {
                continue;
            }
            let owner = application_of(&unit.owner()).and_then(|key| applications.get(&key));
            let Some(owner) = owner else {
                // Nobody looks at an owner that is gone: what it leaves there is said where the member is.
                let told = [plan::event::LEFT_BEHIND, api::reason::BEING_DELETED];
                let left = events.into_iter().filter(|event| told.contains(&event.reason.as_str()));
                left.for_each(|event| {
                    let note = format!("{unit}: {}", event.note);
                    self.record_member(member, Event { note, ..event });
                });
                continue;
            };
            events.into_iter().for_each(|event| self.send(Regarding::of(owner.as_ref()), event));
        }
    }

    /// Records what happened to a unit, where its owner is looked at.
    pub(crate) fn record_unit(&self, applications: &Store<Application>, unit: &UnitId, event: Event) {
        if let Some(owner) = application_of(&unit.owner()).and_then(|key| applications.get(&key)) {
            self.send(Regarding::of(owner.as_ref()), event);
        }
    }

    /// Records what happened in a member, where nothing else is left to say it at.
    pub(crate) fn record_member(&self, member: &MemberName, event: Event) {
        let regarding = Regarding {
            api_version: Cluster::api_version(&()).into_owned(),
            kind: Cluster::kind(&()).into_owned(),
            name: member.to_string(),
            ..Regarding::default()
        };
        self.send(regarding, event);
    }

    fn send(&self, regarding: Regarding, event: Event) {
        if self.queue.try_send((regarding, event)).is_err() {
            self.inner.metrics.event_dropped();
        }
    }

    /// Writes them until shutdown. A second call does nothing.
    pub(crate) async fn run(self, api: Api, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        let mut books = Books::default();
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = waiting.recv() => next,
            };
            let Some((regarding, event)) = next else { return };
            let now = clock.now();
            let Some(entry) = books.enter(&regarding, &event, now) else {
                self.inner.metrics.event_dropped();
                continue;
            };
            let written = match write(&api, &regarding, &event, &entry, now).await {
                // It has expired, or its namespace was emptied.
                Err(error) if error.is_gone() && entry.count > 1 => {
                    let first = Entry { count: 1, ..entry.clone() };
                    write(&api, &regarding, &event, &first, now).await
                }
                written => written,
            };
            if let Err(error) = written {
                self.inner.metrics.event_dropped();
                tracing::debug!(error = &error as &dyn std::error::Error, "an event is lost");
            }
        }
    }
}

/// An event as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// Name of the Event.
    name: String,
    /// How often it happened.
    count: u32,
    /// When it happened last.
    last: Timestamp,
}

/// How many more events of an object may be written.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: u32,
    since: Timestamp,
}

/// What was written.
#[derive(Default)]
struct Books {
    series: HashMap<(Regarding, String, &'static str), Entry>,
    allowances: BTreeMap<Regarding, Allowance>,
    made: u64,
}

impl Books {
    /// What to write of an event; `None` when the object has had too many.
    fn enter(&mut self, regarding: &Regarding, event: &Event, now: Timestamp) -> Option<Entry> {
        if !self.allow(regarding, now) {
            return None;
        }
        let is_recent = |entry: &Entry| seconds(entry.last, now) <= SERIES_WITHIN.as_secs();
        // A series shows its last note. What was left in one member says nothing of another: each is an Event of its own.
        let what = match event.reason.as_str() {
            plan::event::LEFT_BEHIND => format!("{} {}", event.reason, event.note),
            reason => reason.to_owned(),
        };
        let key = (regarding.clone(), what, event.severity.as_str());
        if let Some(entry) = self.series.get_mut(&key).filter(|entry| is_recent(entry)) {
            entry.count = entry.count.saturating_add(1);
            entry.last = now;
            return Some(entry.clone());
        }
        if self.series.len() >= KNOWN_MAX {
            self.series.retain(|_, entry| is_recent(entry));
        }
        if self.series.len() >= KNOWN_MAX {
            self.series.clear();
        }
        self.made += 1;
        let head: String = regarding.name.chars().take(NAME_MAX).collect();
        // Two events of one instant have names of their own.
        let stamp = (now.as_microsecond() as u64).wrapping_add(self.made);
        let entry = Entry { name: format!("{head}.{stamp:016x}"), count: 1, last: now };
        self.series.insert(key, entry.clone());
        Some(entry)
    }

    fn allow(&mut self, regarding: &Regarding, now: Timestamp) -> bool {
        if self.allowances.len() >= KNOWN_MAX && !self.allowances.contains_key(regarding) {
            let full = |allowance: &Allowance| {
                u64::from(allowance.left) + seconds(allowance.since, now) / REFILL.as_secs() >= u64::from(BURST)
            };
            self.allowances.retain(|_, allowance| !full(allowance));
            if self.allowances.len() >= KNOWN_MAX {
                self.allowances.clear();
            }
        }
        let fresh = Allowance { left: BURST, since: now };
        let allowance = self.allowances.entry(regarding.clone()).or_insert(fresh);
        let refilled = u32::try_from(seconds(allowance.since, now) / REFILL.as_secs()).unwrap_or(u32::MAX);
        if refilled > 0 {
            *allowance = Allowance { left: allowance.left.saturating_add(refilled).min(BURST), since: now };
        }
        if allowance.left == 0 {
            return false;
        }
        allowance.left -= 1;
        true
    }
}

/// A clock that was set back has passed no time.
fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second() - from.as_second()).unwrap_or_default()
}

/// Namespace of events of objects without one, as everywhere in Kubernetes.
const NO_NAMESPACE: &str = "default";

async fn write(api: &Api, regarding: &Regarding, event: &Event, entry: &Entry, now: Timestamp) -> Result<(), Error> {
    let resource = Resource::new("events.k8s.io", "v1", "Event", "events", true);
    let namespace = if regarding.namespace.is_empty() { NO_NAMESPACE } else { &regarding.namespace };
    if entry.count > 1 {
        let series = json!({"count": entry.count, "lastObservedTime": format_micros(now)});
        let patch = json!({"series": series, "note": event.note});
        return api.merge(&resource.target(namespace, &entry.name), &patch).await.map(drop);
    }
    api.create(&resource, namespace, &object(regarding, namespace, event, entry, now)).await.map(drop)
}

fn object(regarding: &Regarding, namespace: &str, event: &Event, entry: &Entry, now: Timestamp) -> Value {
    let Regarding { api_version, kind, namespace: own, name, uid } = regarding;
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": entry.name, "namespace": namespace},
        "eventTime": format_micros(now),
        "reportingController": REPORTER, "reportingInstance": INSTANCE,
        "action": event.action, "reason": event.reason, "type": event.severity.as_str(), "note": event.note,
        "regarding": {"apiVersion": api_version, "kind": kind, "namespace": own, "name": name, "uid": uid},
    })
}

#[cfg(test)]
mod tests;
