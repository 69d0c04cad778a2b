use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::frame::{FRAME, Frame, HEADER, Header, Kind};
use super::log::{Medium, System};
use super::{OpenError, Options, open, open_on};
use crate::tests::{Length, delete, put_write};
use crate::{Range, Revision, Store, WriteError};

type Opened = Result<Arc<dyn Store<usize>>, OpenError>;

/// Small segments, so that a test has some.
fn small() -> Options {
    Options { history: 4, segment_bytes: 4_000, reclaim_bytes: 12_000, ..Options::default() }
}

fn large() -> Options {
    Options { history: 4, ..Options::default() }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    files.sort();
    files
}

fn length(dir: &Path) -> u64 {
    files(dir).iter().map(|path| fs::metadata(path).map_or(0, |file| file.len())).sum()
}

/// A directory with three keys in one segment, each in a batch of its own; where the batches end.
async fn three(dir: &Path) -> Vec<usize> {
    let store = open(dir, Length, large()).unwrap();
    let mut ends = Vec::new();
    for key in ["a", "b", "c"] {
        store.write(put_write(key, "a value")).await.unwrap();
        ends.push(fs::metadata(&files(dir)[0]).unwrap().len() as usize);
    }
    ends
}

async fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(), "not in time: {what}");
}

#[tokio::test]
async fn a_flipped_byte_is_found_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let ends = three(dir.path()).await;
    let file = &files(dir.path())[0];
    let sound = fs::read(file).unwrap();
    // Everything up to the last batch; the last one cannot be told from one that was torn while it was written.
    for at in 0..ends[1] {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        fs::write(file, &damaged).unwrap();
        let error = open(dir.path(), Length, large()).err().unwrap();
        match &error {
            OpenError::Version { .. } => assert!((8..12).contains(&at), "{at}: {error}"),
            OpenError::Damaged { path, offset, .. } => {
                let frame = [HEADER, HEADER + FRAME + 8, ends[0], ends[0] + FRAME + 8, ends[1]];
                let expected = frame.iter().rfind(|frame| **frame <= at).copied().unwrap_or(0);
                assert_eq!((path, *offset), (file, expected as u64), "{at}: {error}");
            }
            error => panic!("{at}: {error}"),
        }
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        assert_eq!(fs::read(file).unwrap(), damaged, "nothing is changed");
    }
    fs::write(file, &sound).unwrap();
    assert_eq!(open(dir.path(), Length, large()).unwrap().snapshot().len(), 3);
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let ends = three(dir.path()).await;
    let file = files(dir.path()).remove(0);
    let sound = fs::read(&file).unwrap();
    for cut in ends[1]..ends[2] {
        fs::write(&file, &sound[..cut]).unwrap();
        let store = open(dir.path(), Length, large()).unwrap();
        assert_eq!((store.revision(), store.snapshot().len()), (Revision(2), 2), "{cut}");
        assert_eq!(fs::metadata(&file).unwrap().len() as usize, ends[1]);
        drop(store);
    }
    // Pages of the torn batch may reach the disk in any order: here all but its beginning did.
    let mut holed = sound.clone();
    holed[ends[1]..ends[1] + 8].fill(0);
    fs::write(&file, &holed).unwrap();
    let store = open(dir.path(), Length, large()).unwrap();
    assert_eq!(store.revision(), Revision(2));
    assert_eq!(fs::read(dir.path().join("torn")).unwrap(), holed[ends[1]..]);
    assert_eq!(store.write(put_write("d", "later")).await.unwrap().revision, Revision(3));
    drop(store);
    let store = open(dir.path(), Length, large()).unwrap();
    assert_eq!((store.revision(), store.snapshot().len()), (Revision(3), 3));
}

/// `/dev/full` takes nothing, as a full disk does.
#[tokio::test]
async fn a_torn_tail_on_a_full_disk_is_cut_off_without_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let ends = three(dir.path()).await;
    let file = files(dir.path()).remove(0);
    let sound = fs::read(&file).unwrap();
    fs::write(&file, &sound[..ends[2] - 1]).unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("torn")).unwrap();
    let store = open(dir.path(), Length, large()).unwrap();
    assert_eq!((store.revision(), store.snapshot().len()), (Revision(2), 2));
    assert_eq!(fs::metadata(&file).unwrap().len() as usize, ends[1]);
}

async fn several_segments(dir: &Path) -> Vec<PathBuf> {
    let store = open(dir, Length, Options { segment_bytes: 500, ..large() }).unwrap();
    for key in 0..20 {
        store.write(put_write(&format!("key-{key}"), "a value")).await.unwrap();
    }
    drop(store);
    let files = files(dir);
    assert!(files.len() > 3);
    files
}

#[tokio::test]
async fn segments_must_fit_together() {
    type Harm = fn(&[PathBuf]);
    let cases: [(&str, Harm, &str); 6] = [
        ("one is missing", |files| fs::remove_file(&files[1]).unwrap(), "2.log is missing"),
        ("the first is missing", |files| fs::remove_file(&files[0]).unwrap(), "1.log is missing"),
        (
            "one that is not the last ends early",
            |files| {
                let length = fs::metadata(&files[1]).unwrap().len();
                File::options().write(true).open(&files[1]).unwrap().set_len(length - 3).unwrap();
            },
            "2.log is damaged at byte",
        ),
        (
            "one has another's name",
            |files| assert!(fs::copy(&files[0], &files[1]).is_ok()),
            "2.log is damaged at byte 16",
        ),
        (
            "one is empty",
            |files| File::options().write(true).open(&files[1]).unwrap().set_len(0).unwrap(),
            "2.log is damaged at byte 0: the header is cut short",
        ),
        (
            "one is of another version",
            |files| {
                let mut bytes = fs::read(&files[0]).unwrap();
                bytes[8] = 9;
                fs::write(&files[0], bytes).unwrap();
            },
            "1.log has format version 9, this build reads version 1",
        ),
    ];
    for (name, harm, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        harm(&several_segments(dir.path()).await);
        let before: Vec<_> = files(dir.path()).iter().map(|file| fs::read(file).unwrap()).collect();
        let error = open(dir.path(), Length, large()).err().unwrap().to_string();
        assert!(error.contains(expected), "{name}: {error}");
        let after: Vec<_> = files(dir.path()).iter().map(|file| fs::read(file).unwrap()).collect();
        assert_eq!(before, after, "{name}: nothing is changed");
    }
}

#[tokio::test]
async fn a_directory_has_one_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Length, large()).unwrap();
    let error = open(dir.path(), Length, large()).err().unwrap();
    let expected = format!("in use by process {}", std::process::id());
    assert!(matches!(error, OpenError::Locked { .. }) && error.to_string().contains(&expected), "{error}");
    let snapshot = store.snapshot();
    drop(store);
    assert!(open(dir.path(), Length, large()).is_ok(), "a snapshot does not hold the lock");
    drop(snapshot);
    for path in [dir.path().join("lock"), files(dir.path()).remove(0)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "others cannot read it");
    }
}

#[tokio::test]
async fn a_value_that_the_projection_refuses_is_named() {
    let dir = tempfile::tempdir().unwrap();
    three(dir.path()).await;
    struct Picky;
    impl crate::Projection for Picky {
        type Meta = ();
        fn project(&self, key: &[u8], _value: &[u8]) -> Result<(), String> {
            if key == b"b" { Err("it is too old".to_owned()) } else { Ok(()) }
        }
    }
    let error = open(dir.path(), Picky, large()).err().unwrap().to_string();
    assert!(error.contains("the value of b cannot be used: it is too old"), "{error}");
}

#[tokio::test]
async fn space_is_reclaimed_while_snapshots_read_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Length, small()).unwrap();
    let value = |n: usize| format!("{n:0>100}");
    store.write(put_write("cold", "stays")).await.unwrap();
    for n in 0..50 {
        store.write(put_write(&format!("key-{}", n % 10), &value(n))).await.unwrap();
    }
    let before = store.snapshot();
    let listed: Vec<_> = before.range(Range::all()).collect();
    for n in 0..500 {
        store.write(put_write(&format!("key-{}", n % 10), &value(n))).await.unwrap();
    }
    wait_until("the first segments are gone", || length(dir.path()) < 16_000).await;
    for entry in &listed {
        assert_eq!(store.read(&entry.place).unwrap().len(), entry.meta);
    }
    for key in 0..10 {
        store.write(delete(&format!("key-{key}"))).await.unwrap();
    }
    store.write(delete("cold")).await.unwrap();
    assert_eq!((store.revision(), store.snapshot().len()), (Revision(562), 0));
    drop(store);

    // Nothing is left, yet the revision is, and so are the last events with what they deleted.
    let store = open(dir.path(), Length, small()).unwrap();
    assert_eq!((store.revision(), store.snapshot().len(), store.compacted()), (Revision(562), 0, Revision(558)));
    let mut watch = store.watch(Range::all(), Revision(558)).unwrap();
    for (revision, key) in [(559, "key-7"), (560, "key-8"), (561, "key-9"), (562, "cold")] {
        let event = watch.next().await.unwrap();
        assert_eq!((event.revision, event.key.as_ref()), (Revision(revision), key.as_bytes()));
        assert!(store.read(&event.previous.as_ref().unwrap().place).is_ok());
    }
    store.compact(Revision(562)).await.unwrap();
    drop(store);
    let store = open(dir.path(), Length, Options { history: 100, ..small() }).unwrap();
    assert_eq!(store.compacted(), Revision(562), "what was compacted stays compacted");
    assert_eq!(store.write(put_write("new", "x")).await.unwrap().revision, Revision(563));
}

#[tokio::test]
async fn a_segment_that_comes_back_after_it_was_reclaimed_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Length, small()).unwrap();
    let first = files(dir.path()).remove(0);
    // The first segment says that `ghost` is there, a later one that it is not.
    store.write(put_write("ghost", "boo")).await.unwrap();
    let value = "x".repeat(200);
    let mut kept = Vec::new();
    for n in 0..500 {
        if n == 30 {
            store.write(delete("ghost")).await.unwrap();
            kept = fs::read(&first).unwrap();
        }
        store.write(put_write("key", &value)).await.unwrap();
    }
    wait_until("the first segment is gone", || !first.exists()).await;
    drop(store);
    // As if the power went before the directory was written.
    fs::write(&first, &kept).unwrap();
    let store = open(dir.path(), Length, small()).unwrap();
    assert!(store.snapshot().get(b"ghost").is_none());
    assert_eq!(store.revision(), Revision(502));
    assert!(!first.exists());
}

/// A disk that fails at the nth write or sync, or that waits.
#[derive(Default)]
struct Faulty {
    /// Operations until one fails; 0 is the next one.
    writes: Arc<AtomicU32>,
    syncs: Arc<AtomicU32>,
    gate: Option<Arc<Gate>>,
}

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.opened.wait(open).unwrap();
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

fn countdown(counter: &AtomicU32) -> io::Result<()> {
    match counter.fetch_sub(1, Ordering::SeqCst) {
        0 => Err(io::Error::other("no space left")),
        _ => Ok(()),
    }
}

impl Medium for Faulty {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        if let Err(error) = countdown(&self.writes) {
            // Half of it gets through.
            System.write(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        System.write(file, bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        countdown(&self.syncs)?;
        System.sync(file)
    }
}

fn open_faulty(dir: &Path, writes: u32, syncs: u32) -> Opened {
    let (writes, syncs) = (Arc::new(AtomicU32::new(writes)), Arc::new(AtomicU32::new(syncs)));
    open_on(dir, Length, large(), Box::new(Faulty { writes, syncs, gate: None }))
}

#[tokio::test]
async fn a_disk_that_fails_stops_writes_and_nothing_else() {
    for (writes, syncs) in [(2, 100), (100, 2)] {
        let dir = tempfile::tempdir().unwrap();
        let store = open_faulty(dir.path(), writes, syncs).unwrap();
        let mut watch = store.watch(Range::all(), Revision(0)).unwrap();
        store.write(put_write("a", "one")).await.unwrap();
        store.write(put_write("b", "two")).await.unwrap();
        for _ in 0..2 {
            let error = store.write(put_write("a", "lost")).await.unwrap_err();
            assert!(matches!(error, WriteError::Failed(_)) && error.to_string().contains("no space left"), "{error}");
        }
        assert_eq!(store.revision(), Revision(2));
        let entry = store.snapshot().get(b"a").unwrap();
        assert_eq!(store.read(&entry.place).unwrap(), "one");
        assert_eq!(watch.next().await.unwrap().revision, Revision(1));
        assert_eq!(watch.next().await.unwrap().revision, Revision(2));
        assert_eq!(watch.seen_up_to(), Revision(2));
        drop(store);
        assert!(watch.next().await.is_none());

        let store = open(dir.path(), Length, large()).unwrap();
        // A write whose sync failed may be there or not.
        let newest = store.revision();
        assert!(newest == Revision(2) || (writes == 100 && newest == Revision(3)), "{newest}");
        assert_eq!(store.write(put_write("c", "three")).await.unwrap().revision, Revision(newest.0 + 1));
    }
}

/// A disk with so much room in its files, whose writes get as far as there is room.
struct Bounded {
    room: Arc<AtomicU64>,
    cuts: bool,
}

impl Medium for Bounded {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let room = self.room.load(Ordering::SeqCst).saturating_sub(offset);
        if bytes.len() as u64 > room {
            System.write(file, &bytes[..room as usize], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        System.write(file, bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        System.sync(file)
    }

    fn truncate(&mut self, file: &File, length: u64) -> io::Result<()> {
        if self.cuts { file.set_len(length) } else { Err(io::Error::other("no")) }
    }
}

#[tokio::test]
async fn a_store_on_a_full_disk_says_so_loses_nothing_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let room = Arc::new(AtomicU64::new(400));
    let store = open_on(dir.path(), Length, large(), Box::new(Bounded { room: room.clone(), cuts: true })).unwrap();
    store.probe().await.unwrap();
    store.write(put_write("a", "one")).await.unwrap();
    let durable = fs::metadata(&files(dir.path())[0]).unwrap().len();
    for _ in 0..2 {
        let error = store.write(put_write("a", &"x".repeat(400))).await.unwrap_err();
        assert!(matches!(error, WriteError::Full(_)) && error.to_string().contains("make room"), "{error}");
        assert_eq!(fs::metadata(&files(dir.path())[0]).unwrap().len(), durable, "its beginning is taken back");
        let error = store.probe().await.unwrap_err();
        assert!(matches!(error, WriteError::Full(_)), "{error}");
    }
    assert_eq!((store.revision(), store.snapshot().len()), (Revision(1), 1));
    // A write that is refused for another reason says nothing of the disk.
    let refused = store.write(crate::Write { expect: crate::Expect::Absent, ..put_write("a", "x") }).await.unwrap_err();
    assert!(matches!(refused, WriteError::Unexpected { .. }), "{refused}");
    assert!(store.probe().await.is_err());
    // One that still fits goes through, and says little of the next one.
    store.write(put_write("b", "two")).await.unwrap();
    assert!(store.probe().await.is_err());
    store.write(put_write("a", &"x".repeat(400))).await.unwrap_err();

    room.store(1 << 20, Ordering::SeqCst);
    store.probe().await.unwrap();
    assert_eq!(store.write(put_write("a", &"x".repeat(400))).await.unwrap().revision, Revision(3));
    drop(store);
    let store = open(dir.path(), Length, large()).unwrap();
    assert_eq!((store.revision(), store.snapshot().len()), (Revision(3), 2));
    assert!(!dir.path().join("torn").exists(), "nothing was cut off");
}

#[tokio::test]
async fn a_full_disk_that_cannot_be_brought_back_stops_writes_until_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let room = Arc::new(AtomicU64::new(400));
    let store = open_on(dir.path(), Length, large(), Box::new(Bounded { room: room.clone(), cuts: false })).unwrap();
    store.write(put_write("a", "one")).await.unwrap();
    let error = store.write(put_write("a", &"x".repeat(400))).await.unwrap_err();
    assert!(matches!(error, WriteError::Failed(_)) && error.to_string().contains("start again"), "{error}");
    room.store(1 << 20, Ordering::SeqCst);
    assert!(matches!(store.probe().await.unwrap_err(), WriteError::Failed(_)));
    assert!(matches!(store.write(put_write("b", "x")).await.unwrap_err(), WriteError::Failed(_)));
    drop(store);
    assert_eq!(open(dir.path(), Length, large()).unwrap().revision(), Revision(1));
}

#[tokio::test]
async fn what_is_read_at_a_start_is_durable_before_anybody_sees_it() {
    let dir = tempfile::tempdir().unwrap();
    // A batch that was written and whose sync failed: it can be read, but may be in no more than the page cache.
    let store = open_faulty(dir.path(), 100, 1).unwrap();
    store.write(put_write("a", "one")).await.unwrap();
    store.write(put_write("b", "two")).await.unwrap_err();
    drop(store);
    let error = open_faulty(dir.path(), 100, 0).err().expect("a start whose sync fails shows nothing");
    assert!(error.to_string().starts_with("cannot sync"), "{error}");
    assert_eq!(open_faulty(dir.path(), 100, 1).unwrap().revision(), Revision(2));
}

#[tokio::test]
async fn the_past_of_large_values_does_not_fill_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { history: 1_000, history_bytes: 5_000, ..small() };
    let store = open(dir.path(), Length, options()).unwrap();
    let value = "x".repeat(500);
    for n in 0..300 {
        store.write(put_write(&format!("key-{}", n % 3), &value)).await.unwrap();
    }
    assert_eq!(store.compacted(), Revision(290));
    wait_until("the past is reclaimed", || length(dir.path()) < 24_000).await;
    drop(store);
    let store = open(dir.path(), Length, options()).unwrap();
    assert_eq!((store.revision(), store.snapshot().len()), (Revision(300), 3));
    store.write(put_write("key-0", &value)).await.unwrap();
    assert_eq!(store.compacted(), Revision(291));
}

#[tokio::test]
async fn a_full_queue_says_so_and_only_durable_writes_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let never = || Arc::new(AtomicU32::new(u32::MAX));
    let medium = Faulty { writes: never(), syncs: never(), gate: Some(gate.clone()) };
    let store = open_on(dir.path(), Length, large(), Box::new(medium)).unwrap();
    let write = |key: usize| {
        let store = store.clone();
        tokio::spawn(async move { store.write(put_write(&key.to_string(), "x")).await })
    };
    let first = write(0);
    wait_until("the first batch is at the disk", || gate.waiting.load(Ordering::SeqCst) > 0).await;
    let waiting: Vec<_> = (1..=super::QUEUE + 10).map(write).collect();
    let mut overloaded = 0;
    // The first that are refused are refused at once; the others wait for the disk.
    let mut accepted = vec![first];
    for (at, task) in waiting.into_iter().enumerate() {
        if at < super::QUEUE {
            accepted.push(task);
        } else {
            let error = task.await.unwrap().unwrap_err();
            assert!(matches!(error, WriteError::Overloaded { queued: super::QUEUE }), "{error}");
            overloaded += 1;
        }
    }
    assert_eq!((overloaded, store.revision(), store.snapshot().len()), (10, Revision(0), 0));
    gate.open();
    for task in accepted {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.revision(), Revision(super::QUEUE as u64 + 1));
    let error = store.write(put_write(&"k".repeat(super::KEY_MAX + 1), "x")).await.unwrap_err();
    assert!(matches!(error, WriteError::Refused(_)), "{error}");
}

#[test]
fn frames_are_read_as_they_were_written() {
    let header = Header { number: 7, base: 8, sealed: 9, first: 3, compacted: 5 };
    assert_eq!(Header::decode(&header.encode()), Ok(header));
    let kinds = [Kind::Put, Kind::Delete, Kind::Moved, Kind::MovedDelete, Kind::Past, Kind::Floor, Kind::Commit];
    for kind in kinds {
        let frame = Frame { kind, key: b"key", value: b"value", revision: 1 << 40, created: 2, other: u64::MAX };
        let mut bytes = Vec::new();
        let crc = frame.encode(&mut bytes);
        assert_eq!(bytes.len(), frame.size());
        assert_eq!(Frame::decode(&bytes), Ok((frame, crc)));
    }
}
