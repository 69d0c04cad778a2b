//! Restoring a backup.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::read::{Reader, damaged, read_backup, unreadable};
use super::{Error, FOLDER, MANIFEST, Manifest};

/// Where the files are until all of them are durable.
const UNFINISHED: &str = "hub.restoring";
/// What an empty file system holds.
const LOST_AND_FOUND: &str = "lost+found";

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// The directory of the instance.
    pub dir: PathBuf,
}

/// Did a restore into this directory begin and not end? A start would make another hub there.
#[must_use]
pub fn unfinished(dir: &Path) -> bool {
    dir.join(UNFINISHED).exists() && !dir.join(FOLDER).exists()
}

/// Restores a backup into `dir`, the directory of an instance, which must be empty or not there. The whole backup is
/// checked before anything is written, and the hub appears whole, or not at all.
///
/// # Errors
/// See [`Error`].
pub fn restore(file: &Path, dir: &Path) -> Result<Restored, Error> {
    let manifest = read_backup(file, &mut |_| {})?;
    private_dir(dir, true)?;
    let folder = File::open(dir).map_err(Error::io("open", dir))?;
    match folder.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: dir.to_path_buf() }),
        Err(TryLockError::Error(source)) => return Err(Error::io("lock", dir)(source)),
    }
    for found in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let found = found.map_err(Error::io("list", dir))?.file_name().to_string_lossy().into_owned();
        if found != UNFINISHED && found != LOST_AND_FOUND {
            return Err(Error::NotEmpty { dir: dir.to_path_buf(), found });
        }
    }
    let draft = dir.join(UNFINISHED);
    remove(&draft).map_err(Error::io("remove", &draft))?;
    let done = unpack(file, &manifest, &draft).and_then(|()| {
        let hub = dir.join(FOLDER);
        fs::rename(&draft, &hub).map_err(Error::io("make", &hub))?;
        folder.sync_all().map_err(Error::io("sync", dir))
    });
    if let Err(error) = done {
        // What is left of it is of no use; the next restore would remove it.
        let _ = remove(&draft);
        return Err(error);
    }
    Ok(Restored { manifest, dir: dir.to_path_buf() })
}

fn remove(draft: &Path) -> io::Result<()> {
    match fs::remove_dir_all(draft) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Writes the files, which are durable when this returns. What is written is compared with the manifest once more: the file
/// may have changed since it was checked.
fn unpack(file: &Path, manifest: &Manifest, draft: &Path) -> Result<(), Error> {
    let (keys, store) = (draft.join("keys"), draft.join("store"));
    for folder in [draft, &keys, &store] {
        private_dir(folder, false)?;
    }
    let mut reader = Reader::open(file)?;
    let mut expected = manifest.parts.iter();
    while let Some(mut entry) = reader.next_file()? {
        if entry.name == MANIFEST {
            break;
        }
        let Some(below) = entry.name.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/')) else {
            return Err(damaged(file, "it changed while it was being restored"));
        };
        let path = draft.join(below);
        let unwritten = || Error::io("write", &path);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(unwritten())?;
        copy(&mut entry, &mut out).map_err(|failure| match failure {
            Failure::Read(error) => unreadable(file, &error),
            Failure::Write(error) => unwritten()(error),
        })?;
        out.sync_all().map_err(unwritten())?;
        let part = entry.end().map_err(|error| unreadable(file, &error))?;
        if expected.next() != Some(&part) {
            return Err(damaged(file, "it changed while it was being restored"));
        }
    }
    if expected.next().is_some() {
        return Err(damaged(file, "it changed while it was being restored"));
    }
    for folder in [&keys, &store, draft] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))?;
    }
    Ok(())
}

/// Which side of a copy failed.
enum Failure {
    Read(io::Error),
    Write(io::Error),
}

/// Bytes that are copied at once.
const CHUNK: usize = 64 * 1024;

fn copy(from: &mut dyn io::Read, to: &mut dyn io::Write) -> Result<(), Failure> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).map_err(Failure::Read)? {
            0 => return Ok(()),
            count => to.write_all(&chunk[..count]).map_err(Failure::Write)?,
        }
    }
}

fn private_dir(path: &Path, may_exist: bool) -> Result<(), Error> {
    DirBuilder::new().recursive(may_exist).mode(0o700).create(path).map_err(Error::io("make", path))
}
