//! A hub in one file: backup, restore, and a look at every byte.
//!
//! A backup is what a plain copy of the hub's directory is, at one revision and in one file: an ordinary `tar.gz` that
//! unpacks to the directory. First comes `MARK`, then the hub's files, and last the manifest with the digest of each.
//! It is made from the directory alone, of a hub that runs as of one that does not (see `store::disk::copy` for why that
//! is consistent); nothing hands out the hub's keys over the network. See ADR 53.
//!
//! Memory stays the same however large the hub is, but for `verify`, which remembers what objects are called.
//!
//! Absent on purpose: the cache of artifacts, which is fetched again, and what each start writes itself.

mod archive;
mod census;
mod make;
mod read;
mod restore;
#[cfg(test)]
mod tests;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use make::{write_backup, write_file};
pub use restore::{Restored, restore, unfinished};
pub use verify::{Counted, Sentences, Verdict, verify_backup, verify_directory};

/// The first part of a backup: says what the file is.
const MARK: &str = "kurator-backup";
/// The last part: what should be in the others.
const MANIFEST: &str = "manifest.json";
/// Version of the format. A build reads this one.
const FORMAT: u32 = 1;
/// The directory that a backup unpacks to, below that of an instance.
pub const FOLDER: &str = "hub";
/// Largest manifest in bytes: a part's row is below 150 bytes and stands for 16 MiB, so this is a store of 1 TiB.
const MANIFEST_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Largest file of keys or of a port, in bytes: the keys have some 5 kB.
const SMALL_BYTES_MAX: u64 = 1024 * 1024;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Id of the hub.
    pub hub: String,
    /// Newest revision in it.
    pub revision: u64,
    /// When it was made, in RFC 3339.
    pub taken: String,
    /// The files, in their order.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// One file in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name, such as `hub/store/00000000000000000001.log`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// `sha256:…` of its bytes.
    pub digest: String,
}

/// Why a backup cannot be made, restored or verified.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory holds no hub.
    #[error("there is no hub in {}: {what}; say the directory of one with --dir", .dir.display())]
    NoHub {
        /// The directory.
        dir: PathBuf,
        /// What is missing.
        what: String,
    },
    /// The store cannot be read, or is damaged.
    #[error(transparent)]
    Store(#[from] store::disk::OpenError),
    /// The file was not written by `kurator hub backup`.
    #[error("{} is no backup of a hub: {what}; name a file that `kurator hub backup` wrote", .file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What is there instead.
        what: String,
    },
    /// A backup in a format that this build does not read.
    #[error("{} has format {found}, this build reads {FORMAT}: use the build that wrote it", .file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A backup that was changed since it was written, or is not there whole.
    #[error("{} is damaged: {what}; use another backup", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong, and in which part.
        what: String,
    },
    /// A directory to restore into holds something.
    #[error("{} is not empty: it holds {found:?}; a hub is restored into an empty directory only, name another with --dir", .dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// A name in it.
        found: String,
    },
    /// Another process does the same there.
    #[error("another process is writing {} just now: wait for it, or choose another name", .path.display())]
    Busy {
        /// The file or directory.
        path: PathBuf,
    },
    /// There is a file already, which is to stay.
    #[error("{} is there already", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Error {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}

/// Where the parts of a backup lie below the directory of an instance: the only names that one may have.
fn is_known(name: &str) -> bool {
    match name.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/')) {
        Some("keys/hub.json" | "hub.port" | "hook.port") => true,
        Some(rest) => rest.strip_prefix("store/").is_some_and(is_segment),
        None => false,
    }
}

/// Is it the name of a segment of a store?
fn is_segment(name: &str) -> bool {
    name.strip_suffix(".log").is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
}
