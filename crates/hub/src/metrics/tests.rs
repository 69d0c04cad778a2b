use std::collections::BTreeSet;

use store::memory;

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

/// What a scrape shows after a reconcile that failed and one that panicked.
async fn text() -> String {
    let store: Arc<dyn Store<Meta>> = memory::open(apiserver::JsonProjection, memory::Options::default());
    let metrics = Metrics::new(&store, std::env::temp_dir());
    let queue: client::queue::Queue<String> = client::queue::Queue::with(
        "test",
        client::queue::BACKOFF,
        client::retry::steady(),
        metrics.controllers().queues(),
    );
    let stop = tokio_util::sync::CancellationToken::new();
    queue.add("fails".to_owned());
    queue.add("panics".to_owned());
    let left = std::sync::atomic::AtomicU32::new(2);
    let reconcile = async |key: String| {
        if left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            stop.cancel();
        }
        assert!(key == "fails", "a bug");
        client::queue::Next::Retry
    };
    queue.run(1, stop.clone(), reconcile).await;
    let mut text = String::new();
    metrics.write(&mut text);
    text
}

/// The names of all families of a scrape.
fn families(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

/// The names that the document's tables explain.
fn documented() -> BTreeSet<&'static str> {
    let tables = DOCUMENT.split("\n## What to watch").next().unwrap_or_default();
    tables.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

#[tokio::test]
async fn what_this_process_shows_is_in_the_document() {
    let text = text().await;
    // Families of labels begin with their first sample; a scrape of a whole hub, in `tests/it`, shows all.
    for name in ["kurator_queue_retries", "kurator_reconcile_panics", "process_cpu_seconds", "kurator_store_keys"] {
        assert!(families(&text).contains(name), "{name} is not in {text}");
    }
    let undocumented: Vec<&str> = families(&text).difference(&documented()).copied().collect();
    assert!(undocumented.is_empty(), "docs/metrics.md does not explain {undocumented:?}");
}

#[test]
fn alerts_name_metrics_that_there_are() {
    let (_, alerts) = DOCUMENT.split_once("\n## What to watch").expect("the section");
    let rows = alerts.lines().filter(|line| line.starts_with("| "));
    let words = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let names: Vec<&str> = words.filter(|word| word.contains('_')).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let name = name.split('{').next().unwrap_or(name);
        let name = name.strip_suffix("_total").unwrap_or(name);
        assert!(documented().contains(name), "the tables above do not explain {name}");
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
