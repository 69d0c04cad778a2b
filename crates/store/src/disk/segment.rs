//! Segment files: names, creation, reading of values, and the lock on their directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::error::OpenError;
use super::frame::Header;
use crate::ReadError;

const SUFFIX: &str = ".log";
const UNFINISHED: &str = ".log.new";
const LOCK: &str = "lock";
/// Digits in the name of a segment's file: those of the largest number.
const NUMBER_LENGTH: usize = 20;

/// Modes of what the store makes: it may hold secrets.
const PRIVATE_DIR: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// An open segment file. A place in it keeps the file open, so that it can be read even after it was unlinked.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) file: File,
    pub(super) number: u64,
    pub(super) path: PathBuf,
}

impl Segment {
    pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
        dir.join(format!("{number:020}{SUFFIX}"))
    }

    /// Creates a segment with its header, durably. It gets its name only once the header is on the disk: a segment is
    /// never without one.
    pub(super) fn create(dir: &Path, header: &Header) -> io::Result<Self> {
        let unfinished = dir.join(format!("{:020}{UNFINISHED}", header.number));
        let path = Self::path_of(dir, header.number);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(PRIVATE_FILE)
            .open(&unfinished)?;
        file.write_all(&header.encode())?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(dir)?.sync_all()?;
        Ok(Self { file, number: header.number, path })
    }

    pub(super) fn open(dir: &Path, number: u64) -> Result<Self, OpenError> {
        Self::open_as(OpenOptions::new().read(true).write(true), dir, number)
    }

    /// Opens a segment of which nothing will be changed.
    pub(super) fn open_to_read(dir: &Path, number: u64) -> Result<Self, OpenError> {
        Self::open_as(OpenOptions::new().read(true), dir, number)
    }

    fn open_as(options: &OpenOptions, dir: &Path, number: u64) -> Result<Self, OpenError> {
        let path = Self::path_of(dir, number);
        match options.open(&path) {
            Ok(file) => Ok(Self { file, number, path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Missing { path }),
            Err(error) => Err(OpenError::io("open", &path, error)),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Reads a value and checks it.
    pub(crate) fn value(&self, offset: u32, length: u32, crc: u32) -> Result<Bytes, ReadError> {
        let mut value = vec![0; length as usize];
        if let Err(error) = self.file.read_exact_at(&mut value, u64::from(offset)) {
            return Err(ReadError(format!("{} at byte {offset}: {error}", self.path.display())));
        }
        if crc32c::crc32c(&value) != crc {
            return Err(ReadError(format!(
                "{} at byte {offset}: the value's checksum is wrong, the file is damaged; restore the directory from a backup",
                self.path.display()
            )));
        }
        Ok(value.into())
    }
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE_FILE).open(path)?.write_all(bytes)
}

/// The numbers of a directory's segments, ascending. Removes what a crash left unfinished.
pub(super) fn list(dir: &Path) -> Result<Vec<u64>, OpenError> {
    for path in paths(dir)? {
        if path.to_str().is_some_and(|name| name.ends_with(UNFINISHED)) {
            fs::remove_file(&path).map_err(|error| OpenError::io("remove", &path, error))?;
        }
    }
    numbers(dir)
}

/// The numbers of a directory's segments, ascending. Changes nothing.
pub(super) fn numbers(dir: &Path) -> Result<Vec<u64>, OpenError> {
    let names = paths(dir)?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|path| number_of(path.file_name()?.to_str()?)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The number in the name of a segment's file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_number = digits.len() == NUMBER_LENGTH && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

fn paths(dir: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let unread = |error| OpenError::io("list", dir, error);
    let files = fs::read_dir(dir).map_err(unread)?;
    files.map(|file| Ok(file.map_err(unread)?.path())).collect()
}

/// Makes the directory, if it is not there, and locks it for this process until the file is closed.
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(PRIVATE_DIR).create(dir).map_err(|error| OpenError::io("create", dir, error))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(parent)
            .and_then(|parent| parent.sync_all())
            .map_err(|error| OpenError::io("sync", parent, error))?;
    }
    let path = dir.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE)
        .open(&path)
        .map_err(|error| OpenError::io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The text is for the message only. The directory is locked even when it cannot be read.
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim().parse().ok();
            return Err(OpenError::Locked { dir: dir.to_path_buf(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(OpenError::io("lock", &path, error)),
    }
    // The text is for the message only: a hub starts on a full disk, too.
    let _ = file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    Ok(file)
}
