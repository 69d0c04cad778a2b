//! `kill -9` in the middle of writes. This binary starts itself as the process to be killed; that process says on its
//! standard output what was acknowledged, and whatever it said must be there afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use store::disk::{Options, open};
use store::{Expect, Projection, Range, Revision, Store, Write};

/// Set for the process to be killed: the directory of its store.
const DIR: &str = "KURATOR_STORE_CRASH_DIR";

/// How often the suite kills; set it to thousands for an afternoon.
const CYCLES: &str = "KURATOR_CRASH_CYCLES";

/// Writers, each with keys of its own.
const WRITERS: usize = 16;

/// Keys of a writer; each fifth write deletes.
const KEYS: usize = 4;

struct Length;

impl Projection for Length {
    type Meta = usize;

    fn project(&self, _key: &[u8], value: &[u8]) -> Result<usize, String> {
        Ok(value.len())
    }
}

fn open_small(dir: &Path) -> Arc<dyn Store<usize>> {
    // Segments are begun and reclaimed many times a second.
    open(dir, Length, Options { history: 200, segment_bytes: 50_000, reclaim_bytes: 150_000, ..Options::default() })
        .unwrap()
}

/// The nth write of a writer: its key and value.
fn nth(writer: usize, n: usize) -> (String, Option<Bytes>) {
    let value = (n % 5 != 4).then(|| Bytes::from(format!("{n} {}", "x".repeat(n * 37 % 600))));
    (format!("{writer:02}/{}", n % KEYS), value)
}

/// Which write left a value there.
fn number(value: &[u8]) -> usize {
    let text = String::from_utf8_lossy(value);
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Not a test of its own: without the variable it does nothing, with it it writes until it is killed.
#[test]
fn writes_until_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let store = open_small(Path::new(&dir));
    runtime.block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            writers.spawn(async move {
                let snapshot = store.snapshot();
                let kept = snapshot.range(Range::prefix(format!("{writer:02}/").as_bytes()));
                let newest = kept.map(|entry| number(&store.read(&entry.place).unwrap())).max();
                let mut n = newest.map_or(0, |newest| newest + 1);
                drop(snapshot);
                loop {
                    let (key, value) = nth(writer, n);
                    let write = Write { key: Arc::from(key.into_bytes()), expect: Expect::Any, value };
                    match store.write(write).await {
                        // One system call for a line: what the reader gets was acknowledged before.
                        Ok(written) => {
                            let line = format!("ack {writer} {n} {}\n", written.revision);
                            std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                        }
                        Err(store::WriteError::Absent) => {}
                        Err(error) => panic!("{error}"),
                    }
                    n += 1;
                }
            });
        }
        writers.join_next().await;
    });
}

fn start(dir: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writes_until_killed", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// What the process said: of each writer its last acknowledged write, and the newest revision.
#[derive(Default)]
struct Acknowledged {
    writers: BTreeMap<usize, usize>,
    revision: u64,
}

impl Acknowledged {
    fn line(&mut self, line: &str) -> bool {
        // The harness talks too, and the last line may be cut.
        let Some(at) = line.find("ack ") else { return false };
        let mut numbers = line[at + 4..].split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(writer)), Some(Ok(n)), Some(Ok(revision)), true) =
            (numbers.next(), numbers.next(), numbers.next(), line.ends_with('\n'))
        else {
            return false;
        };
        self.writers.insert(writer as usize, n as usize);
        self.revision = self.revision.max(revision);
        true
    }
}

/// Every acknowledged write is there, or a later one of the same writer is.
fn check(store: &dyn Store<usize>, acknowledged: &Acknowledged) {
    let snapshot = store.snapshot();
    assert!(snapshot.revision().0 >= acknowledged.revision);
    for (writer, last) in &acknowledged.writers {
        let state = |upto: usize| {
            let mut keys: BTreeMap<_, _> = (0..KEYS).map(|key| (nth(*writer, key).0, None)).collect();
            for n in upto.saturating_sub(4 * KEYS)..=upto {
                let (key, value) = nth(*writer, n);
                keys.insert(key, value);
            }
            keys
        };
        let found: BTreeMap<String, Option<Bytes>> = state(*last)
            .into_keys()
            .map(|key| {
                let entry = snapshot.get(key.as_bytes());
                (key, entry.map(|entry| store.read(&entry.place).unwrap()))
            })
            .collect();
        // A writer writes one after the other: one write may have come after the last acknowledged one. And one that was
        // repeated after a start, a delete, may have been refused before that.
        assert!((0..=2).any(|more| found == state(last + more)), "writer {writer} after {last}: {found:?}");
    }
}

/// The events that are kept lead from the state before them to the state now, without a gap.
async fn check_history(store: &dyn Store<usize>) {
    let (after, newest) = (store.compacted(), store.revision());
    let mut watch = store.watch(Range::all(), after).unwrap();
    let mut states: BTreeMap<Vec<u8>, Option<Revision>> = BTreeMap::new();
    for revision in after.0 + 1..=newest.0 {
        let event = watch.next().await.unwrap();
        assert_eq!(event.revision, Revision(revision));
        let before = event.previous.as_ref().map(|entry| entry.modified);
        for entry in event.previous.iter().chain(&event.current) {
            assert_eq!(store.read(&entry.place).unwrap().len(), entry.meta);
        }
        let known = states.insert(event.key.to_vec(), event.current.as_ref().map(|entry| entry.modified));
        assert!(known.is_none_or(|known| known == before), "revision {revision}");
    }
    let snapshot = store.snapshot();
    for (key, modified) in states {
        assert_eq!(snapshot.get(&key).map(|entry| entry.modified), modified);
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let cycles = std::env::var(CYCLES).ok().and_then(|cycles| cycles.parse().ok()).unwrap_or(5);
    let dir = tempfile::tempdir().unwrap();
    let mut revision = 0;
    for cycle in 0..cycles {
        let (mut child, mut lines) = start(dir.path());
        let mut acknowledged = Acknowledged::default();
        let mut line = String::new();
        // Killed after another number of writes each time, wherever that finds it.
        let mut left = 200 + cycle * 7_919 % 1_500;
        loop {
            line.clear();
            if lines.read_line(&mut line).unwrap() == 0 {
                break;
            }
            if acknowledged.line(&line) && left > 0 {
                left -= 1;
                if left == 0 {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert_eq!(left, 0, "the process ended by itself");
        let store = open_small(dir.path());
        check(&*store, &acknowledged);
        check_history(&*store).await;
        assert!(store.revision().0 >= revision, "revisions never go back");
        revision = store.revision().0;
    }
}
