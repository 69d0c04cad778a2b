//! What controllers count, for a registry that is passed in. Tests need none.
//!
//! What is stored already (members by state, units by phase, held deletions) is read from the stores when a scrape asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use api::condition;
use api::delivery::{DeletionState, UnitPhase};
use client::metrics::Metrics as Queues;
use plan::unit::Delivered;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::stores::Stores;
use crate::write::{ObjectKey, Refusals};

/// Upper bounds of delivery times, in seconds: one object at a thousand members is a second, a rollout that waits for
/// pods a few minutes.
const DELIVERY_SECONDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 1800.0];
/// Upper bounds of probe times, in seconds: a member in the same city, across the world, and one that does not answer.
const PROBE_SECONDS: [f64; 7] = [0.005, 0.025, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Statuses of a condition. Each has its sample from the start, since graphs and alerts do not see what is absent.
const READY: [&str; 3] = ["True", "False", "Unknown"];

/// Parts of controllers that begin with the first member or source, and whose panics are shown before that.
const PARTS: [&str; 5] = ["applier", "artifact", "fetch", "probe", "rendering"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResult {
    result: &'static str,
}

/// The counters of the controllers of one process. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics {
    queues: Queues,
    deliveries: Family<OfResult, Counter>,
    delivery_seconds: Histogram,
    reverts: Counter,
    probes: Family<OfResult, Counter>,
    probe_seconds: Histogram,
    status_refusals: Counter,
    refusals: Refusals,
    events_dropped: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::with_queues(Queues::default())
    }
}

impl Metrics {
    fn with_queues(queues: Queues) -> Self {
        Self {
            queues,
            deliveries: Family::default(),
            delivery_seconds: Histogram::new(DELIVERY_SECONDS),
            reverts: Counter::default(),
            probes: Family::default(),
            probe_seconds: Histogram::new(PROBE_SECONDS),
            status_refusals: Counter::default(),
            refusals: Refusals::default(),
            events_dropped: Counter::default(),
        }
    }

    /// Counters that are in a registry.
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::with_queues(Queues::registered(registry));
        PARTS.iter().for_each(|part| metrics.queues.expect_panics(part));
        registry.register(
            "kurator_deliveries",
            "Units that came to an end in a member, by result",
            metrics.deliveries.clone(),
        );
        registry.register_with_unit(
            "kurator_delivery_duration",
            "Time from a revision to its being applied in a member",
            Unit::Seconds,
            metrics.delivery_seconds.clone(),
        );
        registry.register("kurator_drift_reverts", "Changes in members that were reverted", metrics.reverts.clone());
        registry.register("kurator_member_probes", "Probes of members, by result", metrics.probes.clone());
        registry.register_with_unit(
            "kurator_member_probe_duration",
            "How long probes took",
            Unit::Seconds,
            metrics.probe_seconds.clone(),
        );
        registry.register(
            "kurator_status_refusals",
            "Writes of a status that the API refused for what is in it",
            metrics.status_refusals.clone(),
        );
        registry.register(
            "kurator_events_dropped",
            "Kubernetes Events that were not written: too many at once, or refused",
            metrics.events_dropped.clone(),
        );
        metrics
    }

    /// Adds what the stores hold to a registry.
    pub fn register_stores(&self, registry: &mut Registry, stores: &Arc<Stores>) {
        let (stores, refusals) = (Arc::downgrade(stores), self.refusals.clone());
        registry.register_collector(Box::new(FleetFacts { stores, refusals }));
    }

    /// Where work queues count.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// A unit came to an end in a member; `took` since its revision was made, when it was applied.
    pub(crate) fn delivered(&self, result: Delivered, took: Option<Duration>) {
        self.deliveries.get_or_create(&OfResult { result: result.as_str() }).inc();
        if let Some(took) = took {
            self.delivery_seconds.observe(took.as_secs_f64());
        }
    }

    /// So many more changes were reverted.
    pub(crate) fn reverted(&self, count: u64) {
        self.reverts.inc_by(count);
    }

    /// The statuses that are refused at present.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// An Event was not written.
    pub(crate) fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// How many Events were not written.
    #[cfg(test)]
    pub(crate) fn events_dropped(&self) -> u64 {
        self.events_dropped.get()
    }

    /// A write of a status was refused.
    pub(crate) fn status_refused(&self) {
        self.status_refusals.inc();
    }

    /// A probe ended.
    pub(crate) fn probed(&self, result: &'static str, took: Duration) {
        self.probes.get_or_create(&OfResult { result }).inc();
        self.probe_seconds.observe(took.as_secs_f64());
    }
}

/// Members, units and held deletions, as they are stored; and statuses that cannot be stored.
struct FleetFacts {
    stores: Weak<Stores>,
    refusals: Refusals,
}

impl fmt::Debug for FleetFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FleetFacts")
    }
}

impl Collector for FleetFacts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(stores) = self.stores.upgrade() else { return Ok(()) };
        let mut members: BTreeMap<String, i64> = READY.map(|status| (status.to_owned(), 0)).into();
        for cluster in stores.clusters.list() {
            let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
            let ready = condition::find(conditions, condition::READY).map_or("Unknown", |c| c.status.as_str());
            *members.entry(ready.to_owned()).or_default() += 1;
        }
        let mut phases: BTreeMap<String, i64> = UnitPhase::ALL.map(|phase| (phase.to_string(), 0)).into();
        let mut held = 0_i64;
        for slice in stores.statuses.list() {
            for status in slice.status.iter().flat_map(|status| status.units.values()) {
                *phases.entry(status.phase.to_string()).or_default() += 1;
                let waiting = status.held.as_ref().filter(|list| list.state == DeletionState::Waiting);
                held += waiting.map_or(0, |list| i64::from(list.count));
            }
        }
        by_label(&mut encoder, "kurator_members", "Members by the status of their Ready condition", "ready", &members)?;
        by_label(&mut encoder, "kurator_units", "Units in members, by how far delivery is", "phase", &phases)?;
        // An object that is gone has no status.
        self.refusals.retain(|object| is_there(&stores, object));
        let refused = self.refusals.counts().map(|(stored, count)| (stored.as_str().to_owned(), count)).into();
        let help = "Statuses that the API refuses, by what is stored of them";
        by_label(&mut encoder, "kurator_refused_statuses", help, "stored", &refused)?;
        let decisions = stores.decisions.list();
        let entries = decisions.iter().flat_map(|decision| decision.spec.members.values());
        let kept = i64::try_from(entries.filter(|entry| entry.kept().is_some()).count()).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("kurator_held_deletions", "Deletions that sources cause and that wait for an approval", held),
            (
                "kurator_held_removals",
                "Units in members that an edit would take them out of, held for an approval",
                kept,
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// Is an object still there, as far as this process knows its kind?
fn is_there(stores: &Stores, (kind, key): &ObjectKey) -> bool {
    match kind.as_str() {
        "Application" => stores.applications.get(key).is_some(),
        "AttachedCluster" => stores.attached.get(key).is_some(),
        "Cluster" => stores.clusters.get(key).is_some(),
        "Fleet" => stores.fleets.get(key).is_some(),
        "MemberStatus" => stores.statuses.get(key).is_some(),
        _ => true,
    }
}

fn by_label(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    counts: &BTreeMap<String, i64>,
) -> Result<(), fmt::Error> {
    let none = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, none.metric_type())?;
    for (value, count) in counts {
        let gauge = ConstGauge::new(*count);
        gauge.encode(family.encode_family(&[(label, value.as_str())])?)?;
    }
    Ok(())
}
