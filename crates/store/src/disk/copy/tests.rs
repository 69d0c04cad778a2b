use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Change, LogCheck, LogCopy};
use crate::disk::{Options, open};
use crate::tests::{Length, delete, put_write};
use crate::{Range, Revision, Store};

/// Small segments, so that a test has some and reclaims some.
fn small() -> Options {
    Options { history: 4, segment_bytes: 4_000, reclaim_bytes: 12_000, ..Options::default() }
}

type State = BTreeMap<String, Vec<u8>>;

/// What a copy holds, read through the check.
fn state_of(copy: &LogCopy) -> (Revision, State) {
    let mut check = LogCheck::default();
    let mut found: BTreeMap<String, (Revision, Option<Vec<u8>>)> = BTreeMap::new();
    for piece in copy.pieces() {
        let name = piece.name();
        check
            .read_segment(Path::new(&name), piece.length(), &mut piece.reader(), &mut |record| {
                let key = String::from_utf8(record.key.to_vec()).unwrap();
                let value = match record.change {
                    Change::Put(value) => Some(value.to_vec()),
                    Change::Deleted => None,
                };
                let newest = found.get(&key).is_none_or(|(revision, _)| record.revision >= *revision);
                if newest {
                    found.insert(key, (record.revision, value));
                }
            })
            .unwrap();
    }
    (check.revision(), found.into_iter().filter_map(|(key, (_, value))| Some((key, value?))).collect())
}

/// What a store holds.
fn stored(store: &dyn Store<usize>) -> (Revision, State) {
    let snapshot = store.snapshot();
    let all = snapshot.range(Range::all());
    let pair = |entry: std::sync::Arc<crate::Entry<usize>>| {
        (String::from_utf8(entry.key.to_vec()).unwrap(), store.read(&entry.place).unwrap().to_vec())
    };
    (snapshot.revision(), all.map(pair).collect())
}

/// Writes the copy's bytes into a directory, as a restore does.
fn write_out(copy: &LogCopy, dir: &Path) {
    for piece in copy.pieces() {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut piece.reader(), &mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, piece.length());
        fs::write(dir.join(piece.name()), bytes).unwrap();
    }
}

#[tokio::test]
async fn a_copy_of_a_running_store_is_the_store_at_one_revision() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Length, small()).unwrap();
    for round in 0..60 {
        for key in ["a", "b", "c", "d"] {
            store.write(put_write(key, &format!("{key} {round} {}", "x".repeat(round * 5)))).await.unwrap();
        }
        if round % 7 == 3 {
            store.write(delete("b")).await.unwrap();
        }
        let copy = LogCopy::open(dir.path()).unwrap();
        assert_eq!(copy.revision(), store.revision());
        assert_eq!(state_of(&copy), stored(store.as_ref()), "after round {round}");
    }
    let copy = LogCopy::open(dir.path()).unwrap();
    assert!(copy.pieces().len() > 1 && copy.pieces()[0].name() != format!("{:020}.log", 1), "segments were reclaimed");
    let other = tempfile::tempdir().unwrap();
    write_out(&copy, other.path());
    assert_eq!(stored(open(other.path(), Length, small()).unwrap().as_ref()), stored(store.as_ref()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_are_made_while_segments_come_and_go_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Length, small()).unwrap();
    store.write(put_write("first", "stays")).await.unwrap();
    let (stop, path) = (std::sync::Arc::new(AtomicBool::new(false)), dir.path().to_path_buf());
    let copier = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let (mut copies, mut newest) = (0, Revision(0));
            while !stop.load(Ordering::SeqCst) || copies < 5 {
                let copy = LogCopy::open(&path).unwrap();
                let (revision, state) = state_of(&copy);
                assert!(revision == copy.revision() && revision >= newest, "{revision}");
                assert_eq!(state["first"], b"stays");
                // The last write of each round goes to `z`; the others of the round came before it.
                let rounds: Vec<&Vec<u8>> = ["y", "z"].iter().filter_map(|key| state.get(*key)).collect();
                if let [y, z] = rounds.as_slice() {
                    let number = |value: &[u8]| String::from_utf8_lossy(value)[..6].parse::<u32>().unwrap();
                    assert!(number(y) == number(z) || number(y) == number(z) + 1, "{} {}", number(y), number(z));
                }
                (copies, newest) = (copies + 1, revision);
            }
            copies
        }
    });
    for round in 0..400 {
        for key in ["y", "z"] {
            store.write(put_write(key, &format!("{round:06}{}", "v".repeat(300)))).await.unwrap();
        }
    }
    stop.store(true, Ordering::SeqCst);
    assert!(copier.join().unwrap() >= 5);
}

#[tokio::test]
async fn what_is_written_and_not_committed_is_left_out_and_the_directory_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Length, small()).unwrap();
    store.write(put_write("a", "one")).await.unwrap();
    drop(store);
    let file = dir.path().join(format!("{:020}.log", 1));
    let sound = fs::read(&file).unwrap();
    let torn = [sound.clone(), sound[64..sound.len() - 3].to_vec()].concat();
    fs::write(&file, &torn).unwrap();
    let unfinished: PathBuf = dir.path().join(format!("{:020}.log.new", 2));
    fs::write(&unfinished, "").unwrap();
    let copy = LogCopy::open(dir.path()).unwrap();
    assert_eq!((copy.revision(), copy.pieces()[0].length()), (Revision(1), sound.len() as u64));
    assert_eq!(state_of(&copy).1["a"], b"one");
    assert_eq!(fs::read(&file).unwrap(), torn, "nothing is cut");
    assert!(unfinished.exists(), "nothing is removed");
}

#[tokio::test]
async fn a_wrong_byte_of_a_copy_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Length, small()).unwrap();
    for key in ["a", "b"] {
        store.write(put_write(key, "a value")).await.unwrap();
    }
    let copy = LogCopy::open(dir.path()).unwrap();
    let name = copy.pieces()[0].name();
    let mut sound = Vec::new();
    std::io::Read::read_to_end(&mut copy.pieces()[0].reader(), &mut sound).unwrap();
    let check = |bytes: &[u8], length: usize| {
        LogCheck::default().read_segment(Path::new(&name), length as u64, &mut &bytes[..], &mut |_| {})
    };
    check(&sound, sound.len()).unwrap();
    for at in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[at] ^= 0x04;
        let error = check(&flipped, sound.len()).unwrap_err().to_string();
        assert!(error.contains(&name), "{at}: {error}");
    }
    for length in 0..sound.len() {
        // Both a file that is short, and one that says that it is.
        assert!(check(&sound[..length], sound.len()).is_err(), "{length}");
        let ends_a_batch = check(&sound[..length], length).is_ok();
        assert_eq!(ends_a_batch, length == 64 || length == (sound.len() - 64) / 2 + 64, "{length}");
    }
}

#[test]
fn a_directory_without_a_log_is_said_to_have_none() {
    let dir = tempfile::tempdir().unwrap();
    let error = LogCopy::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
}
