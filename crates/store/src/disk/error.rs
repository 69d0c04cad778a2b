//! Why a store cannot be opened.

use std::io;
use std::path::{Path, PathBuf};

use super::frame::VERSION;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another store of this one, has the directory.
    #[error(
        "{} is in use by {}: stop that process, or use another directory",
        .dir.display(), .holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process, as far as it said who it is.
        holder: Option<u32>,
    },
    /// The directory was written in another format.
    #[error(
        "{} has format version {found}, this build reads version {}: use the build that wrote it, export there and import here",
        .path.display(), VERSION
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A file is damaged where no torn write can be the reason. Nothing was changed.
    #[error(
        "{} is damaged at byte {offset}: {what}; nothing was changed, keep the directory for analysis and restore it from a backup",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// How.
        what: &'static str,
    },
    /// A file of the store is not there. Nothing was changed.
    #[error("{} is missing; nothing was changed, put the file back or restore the directory from a backup", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Every file is sound, yet they do not fit together. Nothing was changed.
    #[error("{} does not fit together: {what}; nothing was changed, restore the directory from a backup", .dir.display())]
    Inconsistent {
        /// The directory.
        dir: PathBuf,
        /// How.
        what: String,
    },
    /// The projection refused a stored value. Nothing was changed.
    #[error("the value of {key} cannot be used: {what}; open the directory with the build that wrote it")]
    Refused {
        /// The key.
        key: String,
        /// What the projection said.
        what: String,
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

impl OpenError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(super) fn damaged(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Damaged { path: path.to_path_buf(), offset, what }
    }
}
