//! The hub's directory: what lies where, readable by its owner only.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A directory of the hub that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}")]
pub struct DirectoryError {
    path: String,
    what: &'static str,
    #[source]
    source: io::Error,
}

/// The hub's files.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Makes the directory if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let root = root.into();
        let this = Self { root };
        for path in [this.root.clone(), this.keys(), this.cache()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|source| failed(&path, "cannot make the directory", source))?;
        }
        Ok(this)
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Certificates and keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Artifacts: may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// A file that says when the hub lived last.
    pub fn alive(&self) -> PathBuf {
        self.root.join("alive")
    }

    /// A file that holds one number: a port that is kept over restarts.
    pub fn port(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.port"))
    }
}

fn failed(path: &Path, what: &'static str, source: io::Error) -> DirectoryError {
    DirectoryError { path: path.display().to_string(), what, source }
}

/// Reads a text file; `None` when it is not there.
///
/// # Errors
/// It is there and cannot be read.
pub fn read(path: &Path) -> Result<Option<String>, DirectoryError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "cannot be read", error)),
    }
}

/// Writes a file so that a crash leaves the old or the new one whole, readable by its owner only. The new one is durable,
/// under its name, when this returns.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), DirectoryError> {
    let done = replace(path, text, fs::File::sync_all).and_then(|()| {
        // The name is in the directory.
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    });
    done.map_err(|source| failed(path, "cannot be written", source))
}

/// Writes a file that may be lost with the power, as [`write()`] does otherwise: for what is only nice to know again.
///
/// # Errors
/// It cannot be written.
pub fn write_note(path: &Path, text: &str) -> Result<(), DirectoryError> {
    replace(path, text, |_| Ok(())).map_err(|source| failed(path, "cannot be written", source))
}

fn replace(path: &Path, text: &str, settle: impl FnOnce(&fs::File) -> io::Result<()>) -> io::Result<()> {
    use io::Write;
    // Beside it and with its whole name: files that differ in their ending must not share a draft.
    let mut draft = path.as_os_str().to_owned();
    draft.push(".next");
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    settle(&file)?;
    fs::rename(&draft, path)
}
