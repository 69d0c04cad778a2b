//! Reading a backup, whole and in order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use store::disk::OpenError;
use store::disk::copy::{LogCheck, Record};

use super::archive::{Unpacker, Unpacking};
use super::make::HubIdFound;
use super::{Error, FORMAT, MANIFEST, MANIFEST_BYTES_MAX, MARK, Manifest, Part, SMALL_BYTES_MAX, is_known, is_segment};

/// Most characters of a name or a number in somebody else's file that an error shows.
const SHOWN_MAX: usize = 100;

/// What is found in a backup. It is to be believed only once the whole of it was read.
pub(super) enum Found<'a> {
    /// A small file, whole.
    File(&'a str, &'a [u8]),
    /// A change in the store.
    Record(Record<'a>),
}

/// A backup that is being read.
pub(super) struct Reader<'a> {
    pub(super) file: &'a Path,
    pub(super) unpacker: Unpacker<BufReader<File>>,
}

impl<'a> Reader<'a> {
    /// Opens a file and looks whether it is a backup.
    pub(super) fn open(file: &'a Path) -> Result<Self, Error> {
        let foreign = |what: String| Error::Foreign { file: file.to_path_buf(), what };
        let opened = File::open(file).map_err(Error::io("open", file))?;
        if opened.metadata().is_ok_and(|meta| meta.is_dir()) {
            return Err(foreign("it is a directory".to_owned()));
        }
        let mut unpacker = Unpacker::new(BufReader::new(opened));
        let entry = unpacker.next_file().map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => foreign("it is no tar.gz".to_owned()),
            io::ErrorKind::UnexpectedEof => foreign("it ends before it begins".to_owned()),
            _ => Error::io("read", file)(error),
        })?;
        let mut entry = entry.ok_or_else(|| foreign("it is empty".to_owned()))?;
        if entry.name != MARK {
            return Err(foreign(format!("it begins with {:?}", model::words::bounded(&entry.name, SHOWN_MAX))));
        }
        let text = small(file, &mut entry, SMALL_BYTES_MAX)?;
        entry.end().map_err(|error| unreadable(file, &error))?;
        let found = String::from_utf8_lossy(&text).trim().to_owned();
        match found.parse::<u32>() {
            Ok(FORMAT) => {}
            Ok(found) => return Err(Error::Format { file: file.to_path_buf(), found }),
            Err(_) => return Err(damaged(file, "it does not say its format")),
        }
        Ok(Self { file, unpacker })
    }

    /// The next file; `None` at the end.
    pub(super) fn next_file(&mut self) -> Result<Option<Unpacking<'_, BufReader<File>>>, Error> {
        let file = self.file;
        let entry = self.unpacker.next_file().map_err(|error| unreadable(file, &error))?;
        if let Some(entry) = &entry
            && entry.name != MANIFEST
            && !is_known(&entry.name)
        {
            let shown = model::words::bounded(&entry.name, SHOWN_MAX);
            return Err(damaged(file, format!("it holds {shown:?}, which no backup does")));
        }
        Ok(entry)
    }
}

/// Reads a backup to its end: the checksum of the archive, the digests of the manifest, every byte of the store.
///
/// # Errors
/// See [`Error`].
pub(super) fn read_backup(file: &Path, visit: &mut dyn FnMut(Found<'_>)) -> Result<Manifest, Error> {
    let mut reader = Reader::open(file)?;
    let (mut parts, mut check, mut id) = (Vec::new(), LogCheck::default(), HubIdFound::default());
    let manifest = loop {
        let Some(mut entry) = reader.next_file()? else {
            return Err(damaged(file, "it has no manifest"));
        };
        if entry.name == MANIFEST {
            let text = small(file, &mut entry, MANIFEST_BYTES_MAX)?;
            entry.end().map_err(|error| unreadable(file, &error))?;
            break serde_json::from_slice(&text).map_err(|error| damaged(file, format!("its manifest: {error}")))?;
        }
        let (name, length) = (entry.name.clone(), entry.length);
        if name.rsplit('/').next().is_some_and(is_segment) {
            let mut record = |record: Record<'_>| {
                id.note_record(&record);
                visit(Found::Record(record));
            };
            let checked = check.read_segment(Path::new(&name), length, &mut entry, &mut record);
            checked.map_err(|error| of_segment(file, &name, &error))?;
        } else {
            let content = small(file, &mut entry, SMALL_BYTES_MAX)?;
            visit(Found::File(&name, &content));
        }
        parts.push(entry.end().map_err(|error| unreadable(file, &error))?);
    };
    let ends = reader.next_file()?.is_none();
    if !ends || !reader.unpacker.finish().map_err(|error| unreadable(file, &error))? {
        return Err(damaged(file, "something follows its manifest"));
    }
    compare(&manifest, &parts).map_err(|what| damaged(file, what))?;
    let (hub, revision) = (id.id.unwrap_or_default(), check.revision().0);
    if (hub.as_str(), revision) != (manifest.hub.as_str(), manifest.revision) {
        let what = format!(
            "its manifest says hub {} at revision {}, its store hub {hub} at revision {revision}",
            manifest.hub, manifest.revision
        );
        return Err(damaged(file, what));
    }
    Ok(manifest)
}

/// Compares what is there with what should be.
fn compare(manifest: &Manifest, parts: &[Part]) -> Result<(), String> {
    if let Some((wanted, has)) = manifest.parts.iter().zip(parts).find(|(wanted, has)| wanted != has) {
        return Err(format!(
            "the manifest says {} with {} bytes and {}, it holds {} with {} bytes and {}",
            wanted.name, wanted.bytes, wanted.digest, has.name, has.bytes, has.digest
        ));
    }
    if manifest.parts.len() != parts.len() {
        return Err(format!("the manifest says {} files, it holds {}", manifest.parts.len(), parts.len()));
    }
    Ok(())
}

/// A file that is read whole.
pub(super) fn small<R: BufRead>(file: &Path, entry: &mut Unpacking<'_, R>, max: u64) -> Result<Vec<u8>, Error> {
    if entry.length > max {
        return Err(damaged(file, format!("{} has {} bytes, the most is {max}", entry.name, entry.length)));
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(|error| unreadable(file, &error))?;
    Ok(content)
}

pub(super) fn damaged(file: &Path, what: impl Into<String>) -> Error {
    Error::Damaged { file: file.to_path_buf(), what: what.into() }
}

/// What cannot be unpacked was cut off or changed: a disk's own errors are of other kinds.
pub(super) fn unreadable(file: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(file, "its end is missing"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => damaged(file, error.to_string()),
        _ => Error::Io {
            action: "read",
            path: file.to_path_buf(),
            source: io::Error::new(error.kind(), error.to_string()),
        },
    }
}

/// What the check of a segment says, of a segment in an archive.
fn of_segment(file: &Path, name: &str, error: &OpenError) -> Error {
    match error {
        OpenError::Damaged { offset, what, .. } => damaged(file, format!("{name} at byte {offset}: {what}")),
        OpenError::Io { source, .. } => unreadable(file, source),
        other => damaged(file, other.to_string()),
    }
}
