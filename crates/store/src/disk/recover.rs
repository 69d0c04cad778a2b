//! Opening: reads all segments, checks every byte, and rebuilds the index and the window of events.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;

use imbl::OrdMap;

use super::error::OpenError;
use super::frame::{BadHeader, HEADER, Header};
use super::log::Part;
use super::scan::{Chain, Reading, Trouble, Version};
use super::segment::{Segment, list, write_private};
use crate::{Entry, Event, Key, Projection, Revision};

/// Threads that project values: parsing is what opening spends its time on, and the machine has nothing else to do yet.
/// More than four gain little, since the segments are read by one.
const PROJECTORS: usize = 4;

/// What a directory held.
pub(super) struct Recovered<M> {
    pub(super) sealed: VecDeque<Part>,
    pub(super) active: Part,
    pub(super) revision: Revision,
    pub(super) index: OrdMap<Key, Arc<Entry<M>>>,
    pub(super) window: VecDeque<Arc<Event<M>>>,
}

/// Reads a directory that is locked.
pub(super) fn recover<P: Projection>(
    dir: &Path,
    projection: &P,
    history: u64,
) -> Result<Recovered<P::Meta>, OpenError> {
    let numbers = list(dir)?;
    let Some(last) = numbers.last().copied() else {
        let header = Header { number: 1, base: 0, sealed: 0, first: 1, compacted: 0 };
        let segment =
            Segment::create(dir, &header).map_err(|error| OpenError::io("create", &Segment::path_of(dir, 1), error))?;
        let active = Part { segment: Arc::new(segment), length: HEADER as u64 };
        return Ok(Recovered {
            sealed: VecDeque::new(),
            active,
            revision: Revision(0),
            index: OrdMap::new(),
            window: VecDeque::new(),
        });
    };

    let first = first_of(dir, last)?;
    let mut reading = Reading { chain: Chain { first, ..Chain::default() }, ..Reading::default() };
    let mut parts: VecDeque<Part> = VecDeque::new();
    let mut torn = None;
    for number in first..=last {
        let (segment, header, mut length) = open_segment(dir, number)?;
        if let Some(part) = parts.back()
            && part.length != header.sealed
        {
            let what = "the file is shorter or longer than when it was sealed";
            return Err(OpenError::damaged(&part.segment.path, part.length.min(header.sealed), what));
        }
        if number == first {
            reading.chain.revision = header.base;
        }
        if reading.chain.revision != header.base {
            return Err(OpenError::damaged(&segment.path, 24, "the segment does not continue the one before it"));
        }
        reading.chain.compacted = reading.chain.compacted.max(header.compacted);
        match reading.segment(&segment, length) {
            Ok(()) => {}
            Err(Trouble::Torn { batch, what, .. }) if number == last => {
                torn = Some((length, what));
                length = batch;
            }
            Err(Trouble::Torn { at, what, .. } | Trouble::Damaged { at, what }) => {
                return Err(OpenError::damaged(&segment.path, at, what));
            }
            Err(Trouble::Io(error)) => return Err(OpenError::io("read", &segment.path, error)),
        }
        parts.push_back(Part { segment, length });
    }
    let Some(active) = parts.pop_back() else { return Err(OpenError::Missing { path: Segment::path_of(dir, last) }) };
    let compacted = reading.chain.compacted.max(reading.chain.revision.saturating_sub(history));
    let revision = Revision(reading.chain.revision);
    let (index, window) = reading.resolve(dir, projection, compacted)?;
    // Only now is it certain that the directory can be opened, and may be changed.
    if let Some((length, what)) = torn {
        cut(dir, &active, length, what)?;
    }
    for number in numbers.iter().filter(|number| **number < first) {
        let path = Segment::path_of(dir, *number);
        fs::remove_file(&path).map_err(|error| OpenError::io("remove", &path, error))?;
    }
    Ok(Recovered { sealed: parts, active, revision, index, window })
}

/// The oldest segment of the store, which the last one knows: older ones are leftovers.
fn first_of(dir: &Path, last: u64) -> Result<u64, OpenError> {
    let (segment, header, length) = open_segment(dir, last)?;
    let chain = Chain { revision: header.base, first: header.first, compacted: 0 };
    let mut reading = Reading { chain, ..Reading::default() };
    // An error in it is reported when it is read.
    let _ = reading.segment(&segment, length);
    Ok(reading.chain.first)
}

fn open_segment(dir: &Path, number: u64) -> Result<(Arc<Segment>, Header, u64), OpenError> {
    head_of(Segment::open(dir, number)?)
}

/// The header and the length of a segment that is open.
pub(super) fn head_of(segment: Segment) -> Result<(Arc<Segment>, Header, u64), OpenError> {
    let unread = |error| OpenError::io("read", &segment.path, error);
    let length = segment.file.metadata().map_err(unread)?.len();
    let mut bytes = vec![0; HEADER.min(usize::try_from(length).unwrap_or(HEADER))];
    segment.file.read_exact_at(&mut bytes, 0).map_err(unread)?;
    let header = decode_header(&bytes, &segment.path)?;
    if header.number != segment.number {
        return Err(OpenError::damaged(&segment.path, 16, "the file has another segment's name"));
    }
    Ok((Arc::new(segment), header, length))
}

/// Reads the header of a segment at `path`.
pub(super) fn decode_header(bytes: &[u8], path: &Path) -> Result<Header, OpenError> {
    Header::decode(bytes).map_err(|bad| match bad {
        BadHeader::Version(found) => OpenError::Version { path: path.to_path_buf(), found },
        BadHeader::Damaged(what) => OpenError::damaged(path, 0, what),
    })
}

/// Cuts off a batch that was being written when the machine or the process stopped; its write was never acknowledged.
/// Its bytes are kept beside the log until the next such accident.
fn cut(dir: &Path, active: &Part, length: u64, what: &'static str) -> Result<(), OpenError> {
    let segment = &active.segment;
    let mut bytes = vec![0; usize::try_from(length - active.length).unwrap_or(usize::MAX)];
    segment
        .file
        .read_exact_at(&mut bytes, active.length)
        .map_err(|error| OpenError::io("read", &segment.path, error))?;
    let kept = dir.join("torn");
    match write_private(&kept, &bytes) {
        Ok(()) => {}
        // A full disk may be what tore the batch. Cutting it off needs no room, and then the store can be opened and emptied.
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            tracing::warn!(kept = %kept.display(), %error, "there is no room for a copy of a batch that is cut off");
        }
        Err(error) => return Err(OpenError::io("write", &kept, error)),
    }
    let cut = segment.file.set_len(active.length).and_then(|()| segment.file.sync_all());
    cut.map_err(|error| OpenError::io("truncate", &segment.path, error))?;
    tracing::warn!(
        path = %segment.path.display(),
        offset = active.length,
        bytes = bytes.len(),
        reason = what,
        kept = %kept.display(),
        "cut off a batch that was not completely written; no write in it was acknowledged"
    );
    Ok(())
}

impl Reading {
    /// Turns what was read into the index and the window of events after `compacted`.
    fn resolve<P: Projection>(
        mut self,
        dir: &Path,
        projection: &P,
        compacted: u64,
    ) -> Result<Resolved<P::Meta>, OpenError> {
        let mut keys: Vec<Key> = vec![Arc::from([]); self.keys.len()];
        for (key, at) in self.keys.drain() {
            keys[at as usize] = key;
        }
        // Copies of one revision lie together, the newest copy last; the sort keeps the log's order among them.
        let mut versions = std::mem::take(&mut self.versions);
        versions.sort_by_key(|version| (version.key, version.revision, version.ended == 0));
        versions.dedup_by(|later, kept| {
            let same = (later.key, later.revision) == (kept.key, kept.revision);
            if same {
                std::mem::swap(later, kept);
            }
            same
        });

        let newest = |at: usize| versions.get(at + 1).is_none_or(|next| next.key != versions[at].key);
        let lives = |at: usize| newest(at) && versions[at].value.is_some() && versions[at].ended == 0;
        let recent = |at: usize| versions[at].revision > compacted;
        let wanted: Vec<usize> = (0..versions.len())
            .filter(|at| {
                versions[*at].value.is_some() && (lives(*at) || recent(*at) || (!newest(*at) && recent(at + 1)))
            })
            .collect();
        let entries = self.project(projection, &keys, &versions, &wanted)?;

        let mut index: Vec<(Key, Arc<Entry<P::Meta>>)> = Vec::new();
        let mut window: Vec<Arc<Event<P::Meta>>> = Vec::new();
        for (at, version) in versions.iter().enumerate() {
            let current = entries[at].clone();
            let key = &keys[version.key as usize];
            if lives(at)
                && let Some(entry) = &current
            {
                index.push((key.clone(), entry.clone()));
            }
            if !recent(at) {
                continue;
            }
            // A copy of a value that another revision ended, which may be gone, is not what was there before this one.
            let before = at.checked_sub(1).filter(|before| {
                let before = &versions[*before];
                before.key == version.key && (before.ended == 0 || before.ended == version.revision)
            });
            let previous = before.and_then(|before| entries[before].clone());
            let creates = version.value.is_some() && version.created == version.revision;
            if creates == previous.is_some() {
                let what = format!("the value before revision {} is not what it should be", version.revision);
                return Err(OpenError::Inconsistent { dir: dir.to_path_buf(), what });
            }
            window.push(Arc::new(Event {
                revision: Revision(version.revision),
                key: key.clone(),
                current,
                previous,
                encoded: OnceLock::new(),
            }));
        }
        window.sort_by_key(|event| event.revision);
        let expected = compacted + 1..=self.chain.revision;
        if !window.iter().map(|event| event.revision.0).eq(expected) {
            let what = format!("not every revision after {compacted} is there");
            return Err(OpenError::Inconsistent { dir: dir.to_path_buf(), what });
        }
        index.sort_by(|one, other| one.0.cmp(&other.0));
        Ok((index.into_iter().collect(), window.into()))
    }
    /// Reads and projects the values of the versions `wanted`, on several threads. Returns them by version.
    fn project<P: Projection>(
        &self,
        projection: &P,
        keys: &[Key],
        versions: &[Version],
        wanted: &[usize],
    ) -> Result<Entries<P::Meta>, OpenError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(PROJECTORS);
        let share = wanted.len().div_ceil(threads).max(1);
        let one = |at: &usize| {
            let version = &versions[*at];
            let key = keys[version.key as usize].clone();
            let Some(spot) = version.value else { return Ok((*at, None)) };
            let place = self.place(spot);
            let refused = |what: String| OpenError::Refused { key: String::from_utf8_lossy(&key).into_owned(), what };
            let value = place.read().map_err(|error| refused(error.to_string()))?;
            let meta = projection.project(&key, &value).map_err(refused)?;
            let (created, modified) = (Revision(version.created), Revision(version.revision));
            Ok((*at, Some(Arc::new(Entry { key, created, modified, meta, place }))))
        };
        let parts: Vec<Result<Vec<_>, OpenError>> = thread::scope(|scope| {
            let threads: Vec<_> =
                wanted.chunks(share).map(|share| scope.spawn(move || share.iter().map(one).collect())).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut entries = vec![None; versions.len()];
        for part in parts {
            for (at, entry) in part? {
                entries[at] = entry;
            }
        }
        Ok(entries)
    }
}

type Resolved<M> = (OrdMap<Key, Arc<Entry<M>>>, VecDeque<Arc<Event<M>>>);
type Entries<M> = Vec<Option<Arc<Entry<M>>>>;
