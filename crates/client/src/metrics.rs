//! Counters of work queues, for a registry that is passed in. Tests and small tools need none.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of reconcile times, in seconds: from a look that finds nothing to do, to a request that waits for its
/// deadline.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0, 120.0];

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Done,
    After,
    Retry,
    Panic,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "success",
            Self::After => "requeue_after",
            Self::Retry => "error",
            Self::Panic => "panic",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfController {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResult {
    controller: &'static str,
    result: &'static str,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Keys that are due and wait for a worker.
    pub due: usize,
    /// Keys that are to be looked at later.
    pub later: usize,
    /// Keys that are worked on.
    pub running: usize,
}

/// A queue that can say how full it is.
pub(crate) trait Measured: Send + Sync {
    fn depth(&self) -> Depth;
}

type Queues = Arc<Mutex<Vec<(&'static str, Weak<dyn Measured>)>>>;

/// The counters of all queues of a process. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics {
    adds: Family<OfController, Counter>,
    retries: Family<OfController, Counter>,
    panics: Family<OfController, Counter>,
    reconciles: Family<OfResult, Counter>,
    seconds: Family<OfResult, Histogram, fn() -> Histogram>,
    queues: Queues,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            adds: Family::default(),
            retries: Family::default(),
            panics: Family::default(),
            reconciles: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            queues: Queues::default(),
        }
    }
}

impl Metrics {
    /// Counters that are in a registry.
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("kurator_queue_adds", "Keys added to a work queue", metrics.adds.clone());
        registry.register(
            "kurator_queue_retries",
            "Keys put back because their reconcile failed",
            metrics.retries.clone(),
        );
        registry.register(
            "kurator_reconcile_panics",
            "Reconciles, watches and appliers that panicked",
            metrics.panics.clone(),
        );
        registry.register("kurator_reconciles", "Reconciles by how they ended", metrics.reconciles.clone());
        registry.register("kurator_reconcile_seconds", "How long reconciles took", metrics.seconds.clone());
        registry.register_collector(Box::new(Depths(metrics.queues.clone())));
        metrics
    }

    /// Shows work of this name with no panics, before its first: a rate does not see a counter that begins with 1.
    pub fn expect_panics(&self, controller: &'static str) {
        drop(self.panics.get_or_create(&OfController { controller }));
    }

    pub(crate) fn measure(&self, controller: &'static str, queue: Weak<dyn Measured>) {
        self.expect_panics(controller);
        drop(self.retries.get_or_create(&OfController { controller }));
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|(_, queue)| queue.strong_count() > 0);
        queues.push((controller, queue));
    }

    pub(crate) fn added(&self, controller: &'static str) {
        self.adds.get_or_create(&OfController { controller }).inc();
    }

    /// How often work of this name panicked.
    pub fn panics(&self, controller: &'static str) -> u64 {
        self.panics.get_or_create(&OfController { controller }).get()
    }

    pub(crate) fn panicked(&self, controller: &'static str) {
        self.panics.get_or_create(&OfController { controller }).inc();
    }

    pub(crate) fn reconciled(&self, controller: &'static str, outcome: Outcome, took: Duration) {
        if matches!(outcome, Outcome::Retry | Outcome::Panic) {
            self.retries.get_or_create(&OfController { controller }).inc();
        }
        if outcome == Outcome::Panic {
            self.panicked(controller);
        }
        let labels = OfResult { controller, result: outcome.as_str() };
        self.reconciles.get_or_create(&labels).inc();
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// Asks queues how full they are when somebody looks, and not at each change.
#[derive(Clone)]
struct Depths(Queues);

impl fmt::Debug for Depths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Depths")
    }
}

impl Collector for Depths {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = ConstGauge::new(0_i64);
        let mut family =
            encoder.encode_descriptor("kurator_queue_depth", "Keys in a work queue", None, gauge.metric_type())?;
        for (controller, queue) in queues.iter() {
            let Some(queue) = queue.upgrade() else { continue };
            let Depth { due, later, running } = queue.depth();
            for (state, count) in [("due", due), ("later", later), ("running", running)] {
                let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&[("controller", *controller), ("state", state)])?)?;
            }
        }
        Ok(())
    }
}
