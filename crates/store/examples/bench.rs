//! Measures the disk driver: `cargo run --release -p kurator-store --example bench [DIR]`. Prints a table.
//!
//! The directory should be on the disk that is to be measured; without one it is made in the working directory and removed
//! afterwards. The load runs in the same process on the same cores as the store.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use store::disk::{Options, open};
use store::{Expect, Projection, Range, Store, Write};
use tokio::task::JoinSet;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Connections that write at the same time.
const WRITERS: usize = 64;
/// Objects in the store, as in the peers' figures.
const OBJECTS: usize = 50_000;
/// Bytes of a value: a Deployment with its managed fields.
const VALUE: usize = 1_500;
/// Watchers of everything.
const WATCHERS: usize = 1_000;
/// Writes while they watch.
const WATCHED: usize = 2_000;
/// Reads of one value each.
const READS: usize = 200_000;

/// Keeps as much of a value as the API server's projection does.
struct Head;

impl Projection for Head {
    type Meta = Box<[u8]>;

    fn project(&self, _key: &[u8], value: &[u8]) -> Result<Self::Meta, String> {
        Ok(value[..value.len().min(160)].into())
    }
}

type Opened = Arc<dyn Store<Box<[u8]>>>;

fn key(n: usize) -> Arc<[u8]> {
    Arc::from(format!("/apps/deployments/namespace-{:03}/deployment-{n:06}", n % 100).into_bytes())
}

/// Bytes that differ from object to object and from write to write.
fn value(n: usize, round: usize) -> Bytes {
    let seed = n.wrapping_mul(31).wrapping_add(round);
    (0..VALUE).map(|at| (seed.wrapping_mul(at | 1) >> 3) as u8).collect()
}

fn row(what: &str, figure: &str) {
    println!("| {what:<44} | {figure:>28} |");
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn rate(count: usize, time: Duration) -> String {
    format!("{:.0}/s", count as f64 / time.as_secs_f64())
}

/// Memory of this process that is in RAM, in MiB.
fn resident() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0);
    pages * 4096.0 / 1024.0 / 1024.0
}

/// Every object is written once by one of the writers. Returns the time of all and the times of each.
async fn write_all(store: &Opened, count: usize, round: usize) -> Fallible<(Duration, Vec<Duration>)> {
    let values: Arc<Vec<Bytes>> = Arc::new((0..1_000).map(|n| value(n, round)).collect());
    let begin = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, values) = (store.clone(), values.clone());
        writers.spawn(async move {
            let mut times = Vec::new();
            for n in (writer..count).step_by(WRITERS) {
                let begin = Instant::now();
                let value = Some(values[n % values.len()].clone());
                store.write(Write { key: key(n), expect: Expect::Any, value }).await?;
                times.push(begin.elapsed());
            }
            Fallible::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = writers.join_next().await {
        times.append(&mut done??);
    }
    times.sort_unstable();
    Ok((begin.elapsed(), times))
}

async fn writes(store: &Opened, what: &str, round: usize) -> Fallible<()> {
    let (time, times) = write_all(store, OBJECTS, round).await?;
    row(&format!("{what}, {WRITERS} writers, {VALUE} B"), &rate(OBJECTS, time));
    let at = |share: f64| millis(times[((times.len() - 1) as f64 * share) as usize]);
    row("  p50 / p99 / most", &format!("{} / {} / {}", at(0.5), at(0.99), at(1.0)));
    Ok(())
}

async fn one_writer(store: &Opened) -> Fallible<()> {
    let begin = Instant::now();
    for n in 0..WATCHED {
        store.write(Write { key: key(n), expect: Expect::Any, value: Some(value(n, 7)) }).await?;
    }
    row("updates, 1 writer", &rate(WATCHED, begin.elapsed()));
    Ok(())
}

fn reads(store: &Opened) -> Fallible<()> {
    let begin = Instant::now();
    for n in 0..READS {
        let entry = store.snapshot().get(&key(n.wrapping_mul(7_919) % OBJECTS)).ok_or("an object is missing")?;
        store.read(&entry.place)?;
    }
    row("gets with value, 1 thread", &rate(READS, begin.elapsed()));
    let begin = Instant::now();
    for _ in 0..READS {
        drop(store.snapshot());
    }
    row("snapshots, 1 thread", &rate(READS, begin.elapsed()));
    let begin = Instant::now();
    let mut bytes = 0;
    for entry in store.snapshot().range(Range::all()) {
        bytes += store.read(&entry.place)?.len();
    }
    row(&format!("list of {OBJECTS} with values, {} MB", bytes / 1_000_000), &millis(begin.elapsed()));
    let begin = Instant::now();
    let count = store.snapshot().range(Range::prefix(b"/apps/")).count();
    row(&format!("list of {count} without values"), &millis(begin.elapsed()));
    Ok(())
}

async fn watches(store: &Opened) -> Fallible<()> {
    let mut watchers = JoinSet::new();
    for _ in 0..WATCHERS {
        let mut watch = store.watch(Range::prefix(b"/apps/"), store.revision())?;
        watchers.spawn(async move {
            for _ in 0..WATCHED {
                watch.next().await.ok_or("a watcher fell behind")?;
            }
            Fallible::Ok(())
        });
    }
    let begin = Instant::now();
    write_all(store, WATCHED, 9).await?;
    while let Some(done) = watchers.join_next().await {
        done??;
    }
    row(&format!("events to {WATCHERS} watchers"), &rate(WATCHERS * WATCHED, begin.elapsed()));
    Ok(())
}

fn size(dir: &Path) -> Fallible<u64> {
    let mut size = 0;
    for file in fs::read_dir(dir)? {
        size += file?.metadata()?.len();
    }
    Ok(size / 1_000_000)
}

async fn measure(dir: &Path) -> Fallible<()> {
    row("what", "figure");
    println!("|{:-<46}|{:-<30}|", "", "");
    let store = open(dir, Head, Options::default())?;
    writes(&store, "creates", 0).await?;
    writes(&store, "updates", 1).await?;
    writes(&store, "updates while space is reclaimed", 2).await?;
    one_writer(&store).await?;
    reads(&store)?;
    watches(&store).await?;
    drop(store);
    row("on the disk", &format!("{} MB", size(dir)?));
    // A process of its own: its memory is what the store takes.
    let status = Command::new(std::env::current_exe()?).arg("--open").arg(dir).status()?;
    if status.success() { Ok(()) } else { Err("the second process failed".into()) }
}

fn reopen(dir: &Path) -> Fallible<()> {
    let before = resident();
    let begin = Instant::now();
    let store = open(dir, Head, Options::default())?;
    row(&format!("open with {} objects", store.snapshot().len()), &millis(begin.elapsed()));
    row("  resident, of which the program", &format!("{:.0} MiB, {before:.0} MiB", resident()));
    Ok(())
}

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, dir] = &arguments[..]
        && flag == "--open"
    {
        return reopen(Path::new(dir));
    }
    let own = tempfile::tempdir_in(".")?;
    let dir = arguments.first().map_or(own.path(), Path::new);
    tokio::runtime::Runtime::new()?.block_on(measure(dir))
}
