//! Making a backup.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use serde_json::Value;
use store::disk::OpenError;
use store::disk::copy::{Change, LogCheck, LogCopy, Record};

use super::archive::{Packer, Packing};
use super::{Error, FOLDER, FORMAT, MANIFEST, MARK, Manifest};
use crate::install::ID_SECRET;

/// Ending of the file while it is being written.
const UNFINISHED: &str = ".partial";

/// Writes a backup of the hub in `dir`, the directory of an instance, into a file that its owner alone can read. The
/// file appears whole, or not at all; one that was there before is replaced then, if that is wanted.
///
/// # Errors
/// See [`Error`].
pub fn write_file(dir: &Path, file: &Path, now: Timestamp, overwrite: bool) -> Result<Manifest, Error> {
    if file.is_dir() {
        let source = io::ErrorKind::IsADirectory.into();
        return Err(Error::Io { action: "write", path: file.to_path_buf(), source });
    }
    let exists = || Error::Exists { path: file.to_path_buf() };
    if !overwrite && file.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let mut draft = file.as_os_str().to_owned();
    draft.push(UNFINISHED);
    let draft = PathBuf::from(draft);
    let failed = |action| Error::io(action, &draft);
    let mut options = OpenOptions::new();
    let mut out =
        options.write(true).create(true).truncate(false).mode(0o600).open(&draft).map_err(failed("create"))?;
    match out.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: file.to_path_buf() }),
        Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
    }
    let done = out
        .set_permissions(Permissions::from_mode(0o600))
        .and_then(|()| out.set_len(0))
        .map_err(failed("write"))
        .and_then(|()| write_backup(dir, &mut out, now, &draft))
        .and_then(|manifest| {
            out.sync_all().map_err(failed("write"))?;
            let named = if overwrite { fs::rename(&draft, file) } else { name_new(&draft, file) };
            named.map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => exists(),
                _ => Error::io("write", file)(source),
            })?;
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))?;
            Ok(manifest)
        });
    if done.is_err() {
        // What is left of it is of no use; the next backup would write over it.
        let _ = fs::remove_file(&draft);
    }
    done
}

/// Gives a file its name, unless there is one of that name, also one that came a moment ago. Where the file system cannot do
/// that in one step, as some on networks, it was looked before the backup began.
pub(super) fn name_new(draft: &Path, file: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, draft, CWD, file, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(draft, file),
        done => done.map_err(Into::into),
    }
}

/// Writes a backup of the hub in `dir`; `target` is how `out` is called in errors.
///
/// # Errors
/// See [`Error`]; what was written is no backup then.
pub fn write_backup(dir: &Path, out: &mut dyn Write, now: Timestamp, target: &Path) -> Result<Manifest, Error> {
    let hub = dir.join(FOLDER);
    let missing = |what: &str| Error::NoHub { dir: dir.to_path_buf(), what: what.to_owned() };
    let keys = read_file(&hub.join("keys/hub.json"))?.ok_or_else(|| missing("it has no keys"))?;
    let store = hub.join("store");
    let copy = LogCopy::open(&store).map_err(|error| match error {
        OpenError::Missing { .. } => missing("it has no store"),
        OpenError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => missing("it has no store"),
        error => Error::Store(error),
    })?;
    let unwritten = || Error::io("write", target);
    let time_secs = u64::try_from(now.as_second()).unwrap_or_default();
    let mut packer = Packer::new(out, time_secs);
    packer.add(MARK, format!("{FORMAT}\n").as_bytes()).map_err(unwritten())?;
    packer.add(&format!("{FOLDER}/keys/hub.json"), &keys).map_err(unwritten())?;
    for note in ["hub.port", "hook.port"] {
        if let Some(content) = read_file(&hub.join(note))? {
            packer.add(&format!("{FOLDER}/{note}"), &content).map_err(unwritten())?;
        }
    }
    let (mut check, mut id) = (LogCheck::default(), HubIdFound::default());
    for piece in copy.pieces() {
        let (name, length) = (piece.name(), piece.length());
        let mut packing = packer.begin(&format!("{FOLDER}/store/{name}"), length).map_err(unwritten())?;
        let mut unpacked = None;
        let mut source = Tee { source: piece.reader(), packing: &mut packing, unwritten: &mut unpacked };
        let checked =
            check.read_segment(&store.join(&name), length, &mut source, &mut |record| id.note_record(&record));
        if let Some(source) = unpacked {
            return Err(unwritten()(source));
        }
        checked?;
        packing.end().map_err(unwritten())?;
    }
    let hub = id.id.ok_or_else(|| missing("its store has no id; it was never started to its end"))?;
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hub,
        revision: check.revision().0,
        taken: now.to_string(),
        parts: packer.parts()[1..].to_vec(),
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| unwritten()(error.into()))?;
    packer.add(MANIFEST, &text).map_err(unwritten())?;
    packer.finish().and_then(|out| out.flush()).map_err(unwritten())?;
    Ok(manifest)
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Writes what is read. A failure to write is kept apart: it is not the store that is to blame.
struct Tee<'a, 'b, R: Read, W: Write> {
    source: R,
    packing: &'a mut Packing<'b, W>,
    unwritten: &'a mut Option<io::Error>,
}

impl<R: Read, W: Write> Read for Tee<'_, '_, R, W> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        match self.packing.write_all(&out[..read]) {
            Ok(()) => Ok(read),
            Err(error) => {
                *self.unwritten = Some(error);
                Err(io::Error::other("it cannot be written"))
            }
        }
    }
}

/// The id of the hub, as the newest revision of its Secret says it.
#[derive(Default)]
pub(super) struct HubIdFound {
    revision: u64,
    pub(super) id: Option<String>,
}

impl HubIdFound {
    pub(super) fn note_record(&mut self, record: &Record<'_>) {
        if record.revision.0 < self.revision || record.key != secret_key(ID_SECRET).as_bytes() {
            return;
        }
        self.revision = record.revision.0;
        self.id = match record.change {
            Change::Put(value) => serde_json::from_slice(value).ok().and_then(|secret| id_of(&secret)),
            Change::Deleted => None,
        };
    }
}

/// Where a Secret of the system namespace is in the store.
pub(super) fn secret_key(name: &str) -> String {
    format!("//secrets/{}/{name}", api::delivery::label::SYSTEM_NAMESPACE)
}

fn id_of(secret: &Value) -> Option<String> {
    String::from_utf8(STANDARD.decode(secret.pointer("/data/id")?.as_str()?).ok()?).ok()
}
