use store::memory;

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

fn text() -> String {
    let store: Arc<dyn Store<Meta>> = memory::open(apiserver::JsonProjection, memory::Options::default());
    let metrics = Metrics::new(&store, std::env::temp_dir());
    let queue: client::queue::Queue<String> = client::queue::Queue::with(
        "test",
        client::queue::BACKOFF,
        client::retry::steady(),
        metrics.controllers().queues(),
    );
    queue.add("a".to_owned());
    let mut text = String::new();
    metrics.write(&mut text);
    text
}

/// The names of all families of a scrape.
fn families(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

#[test]
fn every_metric_is_explained_in_the_document() {
    let text = text();
    let families = families(&text);
    for name in ["process_cpu_seconds", "process_resident_memory_bytes", "kurator_store_keys", "kurator_queue_depth"] {
        assert!(families.contains(&name), "{name} is not in {families:?}");
    }
    for name in families {
        assert!(DOCUMENT.contains(&format!("| `{name}")), "docs/metrics.md does not explain {name}");
    }
}

#[test]
fn a_process_has_memory_threads_and_files() {
    let facts = process().expect("tests run on Linux");
    assert!(facts.resident_bytes > 1 << 20 && facts.threads > 0 && facts.open_files > 2 && facts.cpu_secs >= 0.0);
}

#[test]
fn a_store_that_is_closed_shows_nothing() {
    let store: Arc<dyn Store<Meta>> = memory::open(apiserver::JsonProjection, memory::Options::default());
    let metrics = Metrics::new(&store, std::env::temp_dir());
    drop(store);
    let mut text = String::new();
    metrics.write(&mut text);
    assert!(!text.contains("kurator_store_") && text.contains("process_threads"), "{text}");
}
