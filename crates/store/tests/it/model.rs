//! Random histories, played to a driver and to a list of events side by side.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use store::{Entry, Event, Expect, Projection, Range, Revision, Snapshot, Store, Watch, WatchError, Write, WriteError};
use store::{disk, memory};

/// Keys: few, so that they meet; two under one prefix, and one that is a prefix of another.
const KEYS: [&str; 6] = ["a/1", "a/2", "a/22", "b/1", "b", "c/1"];

/// What watches and lists ask for.
const PREFIXES: [&str; 4] = ["", "a/", "b", "c/1"];

/// Events kept: few, so that histories outgrow them.
const HISTORY: u64 = 12;

#[derive(Clone, Debug)]
enum Step {
    /// `expect`: 0 any, 1 absent, 2 at the right revision, 3 at a wrong one. `length`: `None` deletes.
    Write {
        key: usize,
        expect: u8,
        length: Option<usize>,
    },
    Snapshot,
    Watch {
        prefix: usize,
        back: u64,
    },
    Drain {
        watch: usize,
    },
    Compact {
        back: u64,
    },
    Reopen,
    /// Opens a copy whose last file is cut this many thousandths before its end.
    Tear {
        share: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![3 => (0..400_usize).prop_map(Some), 1 => Just(None)];
    let expect = prop_oneof![6 => Just(0_u8), 1 => 1..4_u8];
    let step = prop_oneof![
        24 => (0..KEYS.len(), expect, length).prop_map(|(key, expect, length)| Step::Write { key, expect, length }),
        2 => Just(Step::Snapshot),
        3 => (0..PREFIXES.len(), 0..16_u64).prop_map(|(prefix, back)| Step::Watch { prefix, back }),
        3 => any::<usize>().prop_map(|watch| Step::Drain { watch }),
        1 => (0..16_u64).prop_map(|back| Step::Compact { back }),
        1 => Just(Step::Reopen),
        1 => (0..1000_u64).prop_map(|share| Step::Tear { share }),
    ];
    proptest::collection::vec(step, 1..120)
}

/// The projection: length and first byte, so that it can be wrong.
struct Shape;

impl Projection for Shape {
    type Meta = (usize, Option<u8>);

    fn project(&self, _key: &[u8], value: &[u8]) -> Result<Self::Meta, String> {
        Ok((value.len(), value.first().copied()))
    }
}

type Meta = <Shape as Projection>::Meta;

/// A key's state as the naive map has it.
#[derive(Clone, Debug, PartialEq)]
struct State {
    created: u64,
    modified: u64,
    value: Bytes,
}

/// The naive store: everything that ever happened.
#[derive(Clone, Default)]
struct Naive {
    /// The event of revision n is at n - 1.
    events: Vec<(String, Option<State>, Option<State>)>,
    compacted: u64,
}

impl Naive {
    fn revision(&self) -> u64 {
        self.events.len() as u64
    }

    fn at(&self, revision: u64) -> BTreeMap<String, State> {
        let mut map = BTreeMap::new();
        for (key, current, _) in &self.events[..revision as usize] {
            match current {
                Some(state) => drop(map.insert(key.clone(), state.clone())),
                None => drop(map.remove(key)),
            }
        }
        map
    }

    fn write(&mut self, key: &str, expect: Expect, value: Option<Bytes>) -> Result<u64, String> {
        let previous = self.at(self.revision()).remove(key);
        let actual = previous.as_ref().map(|state| Revision(state.modified));
        match expect {
            Expect::Absent if actual.is_some() => return Err(format!("unexpected {actual:?}")),
            Expect::At(at) if actual != Some(at) => return Err(format!("unexpected {actual:?}")),
            _ if actual.is_none() && value.is_none() => return Err("absent".to_owned()),
            _ => {}
        }
        let modified = self.revision() + 1;
        let created = previous.as_ref().map_or(modified, |state| state.created);
        let current = value.map(|value| State { created, modified, value });
        self.events.push((key.to_owned(), current, previous));
        self.compacted = self.compacted.max(modified.saturating_sub(HISTORY));
        Ok(modified)
    }

    /// Events of a range after a revision.
    fn after(&self, prefix: &str, after: u64) -> impl Iterator<Item = u64> {
        let here = self.events.iter().enumerate().skip(after as usize);
        here.filter(move |(_, (key, ..))| key.starts_with(prefix)).map(|(at, _)| at as u64 + 1)
    }
}

/// The driver under test.
enum Driver {
    Memory,
    Disk(PathBuf),
}

impl Driver {
    fn open(&self) -> Arc<dyn Store<Meta>> {
        match self {
            Self::Memory => {
                memory::open(Shape, memory::Options { history: HISTORY as usize, ..memory::Options::default() })
            }
            Self::Disk(dir) => open_disk(dir).unwrap(),
        }
    }
}

fn open_disk(dir: &Path) -> Result<Arc<dyn Store<Meta>>, disk::OpenError> {
    // So small that segments are begun and reclaimed all the time.
    let options = disk::Options {
        history: HISTORY as usize,
        segment_bytes: 2_000,
        reclaim_bytes: 5_000,
        ..disk::Options::default()
    };
    disk::open(dir, Shape, options)
}

struct Following {
    watch: Box<dyn Watch<Meta>>,
    prefix: &'static str,
    at: u64,
}

struct World {
    driver: Driver,
    store: Arc<dyn Store<Meta>>,
    naive: Naive,
    snapshots: Vec<Arc<dyn Snapshot<Meta>>>,
    following: Vec<Following>,
    /// After each write: the last file, its length, the revision.
    acknowledged: Vec<(PathBuf, u64, u64)>,
}

fn same(store: &dyn Store<Meta>, entry: &Entry<Meta>, key: &str, state: &State) {
    assert_eq!(entry.key.as_ref(), key.as_bytes());
    assert_eq!((entry.created, entry.modified), (Revision(state.created), Revision(state.modified)), "{key}");
    assert_eq!(entry.meta, (state.value.len(), state.value.first().copied()));
    assert_eq!(store.read(&entry.place).unwrap(), state.value, "{key}");
}

fn same_option(store: &dyn Store<Meta>, entry: Option<&Arc<Entry<Meta>>>, key: &str, state: Option<&State>) {
    assert_eq!(entry.is_some(), state.is_some(), "{key}");
    if let (Some(entry), Some(state)) = (entry, state) {
        same(store, entry, key, state);
    }
}

fn same_snapshot(store: &dyn Store<Meta>, snapshot: &dyn Snapshot<Meta>, naive: &Naive) {
    let expected = naive.at(snapshot.revision().0);
    assert_eq!(snapshot.len(), expected.len());
    for prefix in PREFIXES {
        let listed: Vec<_> = snapshot.range(Range::prefix(prefix.as_bytes())).collect();
        let expected: Vec<_> = expected.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        assert_eq!(listed.len(), expected.len());
        for (entry, (key, state)) in listed.iter().zip(expected) {
            same(store, entry, key, state);
        }
    }
    for key in KEYS {
        same_option(store, snapshot.get(key.as_bytes()).as_ref(), key, expected.get(key));
    }
}

fn same_event(store: &dyn Store<Meta>, event: &Event<Meta>, naive: &Naive, revision: u64) {
    let (key, current, previous) = &naive.events[revision as usize - 1];
    assert_eq!((event.revision, event.key.as_ref()), (Revision(revision), key.as_bytes()));
    same_option(store, event.current.as_ref(), key, current.as_ref());
    same_option(store, event.previous.as_ref(), key, previous.as_ref());
}

/// The next event; the driver has one, or the watch is over.
async fn next(watch: &mut dyn Watch<Meta>) -> Option<Arc<Event<Meta>>> {
    tokio::time::timeout(Duration::from_secs(10), watch.next()).await.expect("the watch has something to say")
}

impl World {
    async fn write(&mut self, key: &str, expect: u8, length: Option<usize>) {
        let revision = self.naive.revision();
        let now = self.naive.at(revision).get(key).map(|state| Revision(state.modified));
        let expect = match expect {
            0 => Expect::Any,
            1 => Expect::Absent,
            2 => now.map_or(Expect::Absent, Expect::At),
            _ => Expect::At(Revision(revision + 1)),
        };
        let value = length.map(|length| Bytes::from(vec![revision as u8; length]));
        let expected = self.naive.write(key, expect, value.clone());
        let written = self.store.write(Write { key: Arc::from(key.as_bytes()), expect, value: value.clone() }).await;
        let got = written.map_err(|error| match error {
            WriteError::Unexpected { actual } => format!("unexpected {actual:?}"),
            WriteError::Absent => "absent".to_owned(),
            error => panic!("{error}"),
        });
        assert_eq!(got.as_ref().map(|written| written.revision.0), expected.as_ref().copied());
        if let Ok(written) = got {
            let (_, current, previous) = &self.naive.events[revision as usize];
            same(&*self.store, &written.entry, key, current.as_ref().or(previous.as_ref()).unwrap());
            if let Driver::Disk(dir) = &self.driver {
                let last = last_file(dir);
                let length = fs::metadata(&last).unwrap().len();
                self.acknowledged.push((last, length, written.revision.0));
            }
        }
    }

    fn watch(&mut self, prefix: &'static str, back: u64) {
        let newest = self.naive.revision();
        // One past the newest revision is in the future.
        let after = (newest + 1).saturating_sub(back);
        let expected = if after > newest {
            Some(WatchError::Future { asked: Revision(after), newest: Revision(newest) })
        } else if after < self.naive.compacted {
            Some(WatchError::Compacted { asked: Revision(after), oldest: Revision(self.naive.compacted) })
        } else {
            None
        };
        match self.store.watch(Range::prefix(prefix.as_bytes()), Revision(after)) {
            Ok(watch) => {
                assert_eq!(expected, None);
                self.following.push(Following { watch, prefix, at: after });
            }
            Err(error) => assert_eq!(Some(error), expected),
        }
    }

    async fn drain(&mut self, at: usize) {
        if self.following.is_empty() {
            return;
        }
        let mut following = self.following.swap_remove(at % self.following.len());
        let expected: Vec<u64> = self.naive.after(following.prefix, following.at).collect();
        for revision in expected {
            match next(&mut *following.watch).await {
                Some(event) => same_event(&*self.store, &event, &self.naive, revision),
                // It missed the event, and says so instead of leaving it out.
                None => return assert!(revision <= self.naive.compacted),
            }
        }
        let newest = self.naive.revision();
        assert_eq!(following.watch.seen_up_to(), Revision(newest));
        following.at = newest;
        self.following.push(following);
    }

    fn reopen(&mut self) {
        if !matches!(self.driver, Driver::Disk(_)) {
            return;
        }
        self.following.clear();
        self.close();
        self.store = self.driver.open();
        self.check();
    }

    /// Drops the store, which waits for its writer.
    fn close(&mut self) {
        self.store = memory::open(Shape, memory::Options::default());
    }

    /// A copy whose last file was cut is a prefix that has all that was acknowledged before the cut, or is refused.
    async fn tear(&mut self, share: u64) {
        let Driver::Disk(dir) = &self.driver else { return };
        let dir = dir.clone();
        self.following.clear();
        self.close();
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(&dir).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let last = last_file(copy.path());
        let length = fs::metadata(&last).unwrap().len();
        let cut = length - (length - 64) * share / 1000;
        fs::OpenOptions::new().write(true).open(&last).unwrap().set_len(cut).unwrap();
        let name = last.file_name();
        let known = self.acknowledged.iter().filter(|(path, length, _)| path.file_name() < name || *length <= cut);
        let least = known.map(|(.., revision)| *revision).max().unwrap_or(0);
        match open_disk(copy.path()) {
            Ok(store) => {
                let revision = store.revision();
                assert!(revision.0 >= least, "{revision} of at least {least}");
                same_snapshot(&*store, &*store.snapshot(), &self.naive);
                let after = store.compacted();
                let mut watch = store.watch(Range::all(), after).unwrap();
                for revision in after.0 + 1..=revision.0 {
                    let event = next(&mut *watch).await.unwrap();
                    same_event(&*store, &event, &self.naive, revision);
                }
            }
            // The cut took the mark that the oldest segments are gone. No torn write does that: it was durable before.
            Err(disk::OpenError::Missing { .. }) => assert!(!disk_has_first(&dir)),
            Err(error) => panic!("{error}"),
        }
        self.store = self.driver.open();
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.store.revision(), Revision(self.naive.revision()));
        assert_eq!(self.store.compacted(), Revision(self.naive.compacted));
        same_snapshot(&*self.store, &*self.store.snapshot(), &self.naive);
        for snapshot in &self.snapshots {
            same_snapshot(&*self.store, &**snapshot, &self.naive);
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Write { key, expect, length } => self.write(KEYS[key], expect, length).await,
            Step::Snapshot => self.snapshots.push(self.store.snapshot()),
            Step::Watch { prefix, back } => self.watch(PREFIXES[prefix], back),
            Step::Drain { watch } => self.drain(watch).await,
            Step::Compact { back } => {
                let up_to = (self.naive.revision() + 1).saturating_sub(back);
                self.store.compact(Revision(up_to)).await.unwrap();
                self.naive.compacted = self.naive.compacted.max(up_to.min(self.naive.revision()));
            }
            Step::Reopen => self.reopen(),
            Step::Tear { share } => self.tear(share).await,
        }
    }
}

fn last_file(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "log")).max().unwrap()
}

fn disk_has_first(dir: &Path) -> bool {
    dir.join(format!("{:020}.log", 1)).exists()
}

fn play(driver: Driver, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let store = driver.open();
        let naive = Naive::default();
        let (snapshots, following, acknowledged) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { driver, store, naive, snapshots, following, acknowledged };
        for step in steps {
            world.step(step).await;
        }
        while !world.following.is_empty() {
            world.drain(0).await;
            world.following.pop();
        }
        world.check();
        world.reopen();
    });
}

/// A case on a disk takes some 50 ms. `PROPTEST_CASES` asks for more of them than a suite that runs all day should take.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn memory_is_as_the_naive_map(steps in steps()) {
        play(Driver::Memory, steps);
    }

    #[test]
    fn disk_is_as_the_naive_map(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        play(Driver::Disk(dir.path().to_path_buf()), steps);
    }
}
