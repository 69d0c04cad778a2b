//! Where the clone lies, what it holds, and whether this is CI.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The root of the clone.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Is this CI? There every component is required; elsewhere what is missing is skipped by name.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|v| v == "true" || v == "1")
}

/// A cargo command at the root of the clone.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    once(&mut command);
    command
}

/// In CI everything is built once: what would make the second build faster is only time and disk.
pub(crate) fn once(command: &mut Command) {
    if is_ci() {
        command.env("CARGO_INCREMENTAL", "0");
    }
}

/// The files that git knows, relative to the root; new files that are not ignored included.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let listed = process::output(&mut git)?;
    Ok(listed.lines().map(PathBuf::from).filter(|p| root().join(p).is_file()).collect())
}

/// What cargo says about the workspace's own packages (no dependencies).
pub(crate) fn packages() -> Result<Vec<Value>> {
    let text = process::output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).context("reading cargo metadata")?;
    Ok(metadata["packages"].as_array().cloned().unwrap_or_default())
}
