use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::*;

pub(crate) struct Length;

impl Projection for Length {
    type Meta = usize;

    fn project(&self, _key: &[u8], value: &[u8]) -> Result<usize, String> {
        if value == b"bad" { Err("it is bad".to_owned()) } else { Ok(value.len()) }
    }
}

pub(crate) fn put_write(key: &str, value: &str) -> Write {
    let value = Some(Bytes::copy_from_slice(value.as_bytes()));
    Write { key: Arc::from(key.as_bytes()), expect: Expect::Any, value }
}

pub(crate) fn delete(key: &str) -> Write {
    Write { key: Arc::from(key.as_bytes()), expect: Expect::Any, value: None }
}

fn open(history: usize) -> Arc<dyn Store<usize>> {
    memory::open(Length, memory::Options { history, ..memory::Options::default() })
}

#[tokio::test]
async fn writes_reads_and_lists() {
    let store = open(10);
    assert_eq!(store.revision(), Revision(0));
    let first = store.write(put_write("a/1", "one")).await.unwrap();
    store.write(put_write("a/2", "two!")).await.unwrap();
    store.write(put_write("b/1", "three")).await.unwrap();
    let before = store.snapshot();
    let second = store.write(put_write("a/1", "again")).await.unwrap();
    let gone = store.write(delete("a/2")).await.unwrap();
    assert_eq!((first.revision, second.revision, gone.revision), (Revision(1), Revision(4), Revision(5)));
    assert_eq!((second.entry.created, second.entry.modified), (Revision(1), Revision(4)));
    assert_eq!(gone.entry.modified, Revision(2));

    let keys = |snapshot: &dyn Snapshot<usize>, range| -> Vec<String> {
        snapshot.range(range).map(|entry| String::from_utf8_lossy(&entry.key).into_owned()).collect()
    };
    let after = store.snapshot();
    assert_eq!(keys(&*before, Range::prefix(b"a/")), ["a/1", "a/2"]);
    assert_eq!(keys(&*after, Range::prefix(b"a/")), ["a/1"]);
    assert_eq!(keys(&*after, Range::all()), ["a/1", "b/1"]);
    assert_eq!((before.revision(), before.len()), (Revision(3), 3));
    assert_eq!(store.read(&before.get(b"a/1").unwrap().place).unwrap(), "one");
    assert_eq!(store.read(&after.get(b"a/1").unwrap().place).unwrap(), "again");
    assert_eq!(after.get(b"a/1").unwrap().meta, 5);
    assert!(after.get(b"a/2").is_none());
}

#[tokio::test]
async fn a_write_that_is_not_as_expected_changes_nothing() {
    let store = open(10);
    store.write(put_write("a", "one")).await.unwrap();
    let refused = |expect, value: Option<&'static str>| {
        let value = value.map(Bytes::from);
        store.write(Write { key: Arc::from(*b"a"), expect, value })
    };
    let error = refused(Expect::Absent, Some("x")).await.unwrap_err();
    assert!(matches!(error, WriteError::Unexpected { actual: Some(Revision(1)) }), "{error}");
    let error = refused(Expect::At(Revision(7)), None).await.unwrap_err();
    assert!(matches!(error, WriteError::Unexpected { actual: Some(Revision(1)) }), "{error}");
    let error = refused(Expect::Any, Some("bad")).await.unwrap_err();
    assert!(matches!(error, WriteError::Refused(_)), "{error}");
    let error = store.write(delete("b")).await.unwrap_err();
    assert!(matches!(error, WriteError::Absent), "{error}");
    assert_eq!(store.revision(), Revision(1));
    refused(Expect::At(Revision(1)), None).await.unwrap();
    refused(Expect::Absent, Some("x")).await.unwrap();
    assert_eq!(store.snapshot().get(b"a").unwrap().created, Revision(3));
}

#[tokio::test]
async fn a_watch_returns_what_happens_in_its_range_once() {
    let store = open(100);
    store.write(put_write("a/1", "one")).await.unwrap();
    store.write(put_write("b/1", "two")).await.unwrap();
    let mut past = store.watch(Range::prefix(b"a/"), Revision(0)).unwrap();
    let mut now = store.watch(Range::prefix(b"a/"), Revision(2)).unwrap();
    assert_eq!(now.seen_up_to(), Revision(2));
    assert_eq!(past.seen_up_to(), Revision(0));
    assert_eq!(past.next().await.unwrap().revision, Revision(1));
    assert_eq!(past.seen_up_to(), Revision(2));
    let mut older = store.watch(Range::prefix(b"a/"), Revision(0)).unwrap();
    assert_eq!(older.next().await.unwrap().revision, Revision(1));

    let waiting = tokio::spawn(async move {
        let event = now.next().await.unwrap();
        (event, now)
    });
    store.write(put_write("b/1", "three")).await.unwrap();
    store.write(delete("a/1")).await.unwrap();
    let (event, now) = waiting.await.unwrap();
    assert_eq!((event.revision, event.key.as_ref()), (Revision(4), b"a/1".as_slice()));
    assert!(event.current.is_none());
    let previous = event.previous.as_ref().unwrap();
    assert_eq!(store.read(&previous.place).unwrap(), "one");
    assert_eq!(now.seen_up_to(), Revision(4));
    assert!(Arc::ptr_eq(&event, &past.next().await.unwrap()), "watchers share events");
}

#[tokio::test]
async fn a_watch_starts_only_where_history_is_kept() {
    let store = open(4);
    let mut slow = store.watch(Range::all(), Revision(0)).unwrap();
    let mut idle = store.watch(Range::prefix(b"z"), Revision(0)).unwrap();
    for n in 0..10 {
        store.write(put_write("a", &n.to_string())).await.unwrap();
    }
    assert_eq!(store.compacted(), Revision(6));
    let refused = |after| store.watch(Range::all(), Revision(after)).err();
    assert_eq!(refused(5), Some(WatchError::Compacted { asked: Revision(5), oldest: Revision(6) }));
    assert_eq!(refused(11), Some(WatchError::Future { asked: Revision(11), newest: Revision(10) }));
    let mut kept = store.watch(Range::all(), Revision(6)).unwrap();
    assert_eq!(kept.next().await.unwrap().revision, Revision(7));
    assert!(slow.next().await.is_none(), "it fell behind");

    store.compact(Revision(9)).await.unwrap();
    assert_eq!(store.compacted(), Revision(9));
    assert!(refused(8).is_some());
    // Nothing of its range was lost, so it goes on.
    store.write(put_write("z", "z")).await.unwrap();
    assert_eq!(idle.next().await.unwrap().revision, Revision(11));
}

#[tokio::test]
async fn a_store_that_closes_ends_its_watches() {
    let store = open(10);
    store.write(put_write("a", "one")).await.unwrap();
    let mut watch = store.watch(Range::all(), Revision(0)).unwrap();
    drop(store);
    assert!(watch.next().await.is_some());
    assert!(watch.next().await.is_none());
}

/// Everyone adds one to the same number, and repeats when someone else was faster.
async fn count_together(store: Arc<dyn Store<usize>>) {
    const TASKS: usize = 8;
    const TIMES: usize = 40;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            let mut done = 0;
            while done < TIMES {
                let entry = store.snapshot().get(b"count");
                let count = entry.as_ref().map_or(0, |entry| number(&store.read(&entry.place).unwrap()));
                let expect = entry.map_or(Expect::Absent, |entry| Expect::At(entry.modified));
                let value = Some(Bytes::from((count + 1).to_string()));
                match store.write(Write { key: Arc::from(*b"count"), expect, value }).await {
                    Ok(written) => {
                        assert!(store.revision() >= written.revision, "a write is visible to the one that made it");
                        done += 1;
                    }
                    Err(WriteError::Unexpected { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    let mut watch = store.watch(Range::all(), Revision(0)).unwrap();
    for expected in 1..=TASKS * TIMES {
        let event = watch.next().await.unwrap();
        assert_eq!(number(&store.read(&event.current.as_ref().unwrap().place).unwrap()), expected);
    }
    tasks.join_all().await;
    assert_eq!(store.revision(), Revision((TASKS * TIMES) as u64));
}

fn number(value: &[u8]) -> usize {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_lose_no_update() {
    count_together(open(HISTORY)).await;
    let dir = tempfile::tempdir().unwrap();
    count_together(disk::open(dir.path(), Length, disk::Options::default()).unwrap()).await;
}

#[test]
fn a_prefix_is_a_range() {
    let end = |prefix: &[u8]| Range::prefix(prefix).end;
    assert_eq!(end(b"a/"), Bound::Excluded(Arc::from(*b"a0")));
    assert_eq!(end(b"a\xff"), Bound::Excluded(Arc::from(*b"b")));
    assert_eq!(end(b"\xff\xff"), Bound::Unbounded);
    assert_eq!(end(b""), Bound::Unbounded);
    assert!(Range::prefix(b"a/").contains(b"a/") && Range::prefix(b"a/").contains(b"a/\xff"));
    assert!(!Range::prefix(b"a/").contains(b"a0") && !Range::prefix(b"a/").contains(b"a"));
    assert!(Range::one(b"k").contains(b"k") && !Range::one(b"k").contains(b"kk"));
    let void = Range { start: Bound::Included(Arc::from(*b"b")), end: Bound::Excluded(Arc::from(*b"a")) };
    assert!(void.is_void() && !Range::one(b"k").is_void());
    assert_eq!(open(1).snapshot().range(void).count(), 0);
}

#[tokio::test]
async fn large_values_shorten_the_past_that_is_kept() {
    let store = memory::open(Length, memory::Options { history: 100, history_bytes: 1_000 });
    let value = "x".repeat(300);
    for _ in 0..10 {
        store.write(put_write("a", &value)).await.unwrap();
    }
    // Three replaced values fit in.
    assert_eq!((store.revision(), store.compacted()), (Revision(10), Revision(7)));
    assert!(matches!(store.watch(Range::all(), Revision(6)), Err(WatchError::Compacted { .. })));
    // One that fits by itself no better stays all the same: the newest event is always there.
    store.write(put_write("a", &"x".repeat(3_000))).await.unwrap();
    store.write(put_write("a", "small")).await.unwrap();
    assert_eq!(store.compacted(), Revision(11));
    let mut watch = store.watch(Range::all(), Revision(11)).unwrap();
    assert_eq!(watch.next().await.unwrap().revision, Revision(12));
    for _ in 0..20 {
        store.write(put_write("b", "tiny")).await.unwrap();
    }
    assert!(store.compacted() < Revision(20), "what is small again is kept again");
}
