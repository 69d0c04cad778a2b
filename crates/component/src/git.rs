//! The real git, without what a person has set up for it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs git in a folder; what it printed, without space around it.
///
/// # Panics
///
/// Git is not installed, or fails; its words are shown.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
        .args(["-c", "tag.gpgsign=false", "-c", "protocol.file.allow=always"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .unwrap_or_else(|error| panic!("git is missing: {error}"));
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository with a branch `main`.
pub struct Repository(PathBuf);

impl Repository {
    /// Makes an empty one in a folder, which is made too.
    ///
    /// # Panics
    ///
    /// The folder cannot be made, or as [`git`] does.
    pub fn new(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        git(&path, &["init", "--quiet", "--initial-branch=main"]);
        Self(path)
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Runs git in it.
    ///
    /// # Panics
    ///
    /// As [`git`] does.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.0, args)
    }

    /// Writes a file, and the folders above it.
    ///
    /// # Panics
    ///
    /// The disk says no.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let file = self.0.join(path);
        let folder = file.parent().unwrap_or(&self.0);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, bytes));
        written.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Commits everything, also when nothing changed, and says which commit that is.
    ///
    /// # Panics
    ///
    /// As [`git`] does.
    pub fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }
}
