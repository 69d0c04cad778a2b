//! What `/metrics` of the hub shows besides the API server's own counters: the process, the store, and what controllers
//! count.
//!
//! Values that somebody else keeps already are read when a scrape asks, so that counting costs nothing in between.
//! `docs/metrics.md` explains each name; a test holds the two together.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use apiserver::Meta;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use store::Store;

/// The metrics of one hub. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    controllers: controllers::Metrics,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The metrics of a process with this store in this folder. The store may be closed while they live.
    pub fn new(store: &Arc<dyn Store<Meta>>, folder: PathBuf) -> Self {
        let mut registry = Registry::default();
        let controllers = controllers::Metrics::registered(&mut registry);
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(StoreFacts { store: Arc::downgrade(store), folder }));
        Self { registry: Arc::new(Mutex::new(registry)), controllers }
    }

    /// Where controllers count.
    pub fn controllers(&self) -> &controllers::Metrics {
        &self.controllers
    }

    /// Shows what the stores of the controllers hold, too.
    pub fn show_stores(&self, stores: &Arc<controllers::stores::Stores>) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.controllers.register_stores(&mut registry, stores);
    }

    /// Adds everything to a scrape.
    pub fn write(&self, text: &mut String) {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let before = text.len();
        if encode_registry(text, &registry).is_err() {
            // A collector failed half way: what it wrote would make the whole scrape unreadable.
            text.truncate(before);
        }
    }
}

/// One value of a family that has no labels.
fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: i64,
) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
}

/// The process, as `/proc` shows it. Elsewhere than on Linux it shows nothing.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(process) = process() else { return Ok(()) };
        let cpu = ConstCounter::new(process.cpu_secs);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            "CPU time of the process",
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?)?;
        let bytes = Some(&Unit::Bytes);
        gauge(&mut encoder, "process_resident_memory", "Memory that the process has", bytes, process.resident_bytes)?;
        gauge(&mut encoder, "process_threads", "Threads of the process", None, process.threads)?;
        gauge(&mut encoder, "process_open_fds", "Open files and sockets", None, process.open_files)
    }
}

/// What the kernel says of this process.
struct ProcessFacts {
    cpu_secs: f64,
    resident_bytes: i64,
    threads: i64,
    open_files: i64,
}

/// Ticks of a second in `/proc`, the same on every Linux that Rust runs on (USER_HZ).
const TICKS_PER_SEC: f64 = 100.0;

fn process() -> Option<ProcessFacts> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // proc(5): state is field 3, so utime (14), stime (15) and num_threads (20) are at these places behind it.
    let number = |place: usize| fields.get(place)?.parse::<f64>().ok();
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident_kib: i64 = resident.split_whitespace().next()?.parse().ok()?;
    let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    Some(ProcessFacts {
        cpu_secs: (number(11)? + number(12)?) / TICKS_PER_SEC,
        resident_bytes: resident_kib * 1024,
        threads: number(17)? as i64,
        open_files: i64::try_from(open_files).unwrap_or(i64::MAX),
    })
}

/// The store: how much it holds, and how much of the disk it takes.
struct StoreFacts {
    store: Weak<dyn Store<Meta>>,
    folder: PathBuf,
}

impl fmt::Debug for StoreFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreFacts").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Collector for StoreFacts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(store) = self.store.upgrade() else { return Ok(()) };
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let keys = number(store.snapshot().len() as u64);
        gauge(&mut encoder, "kurator_store_keys", "Objects in the store", None, keys)?;
        let revision = number(store.revision().0);
        gauge(&mut encoder, "kurator_store_revision", "Newest revision", None, revision)?;
        let compacted = number(store.compacted().0);
        gauge(
            &mut encoder,
            "kurator_store_compacted_revision",
            "Oldest revision after which a watch can start",
            None,
            compacted,
        )?;
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let bytes = entries.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum();
        let unit = Some(&Unit::Bytes);
        gauge(&mut encoder, "kurator_store_disk", "Bytes of the store's files", unit, number(bytes))
    }
}

#[cfg(test)]
mod tests;
