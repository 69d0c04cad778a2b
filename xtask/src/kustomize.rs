//! `cargo xtask kustomize [PATH…]`: trees built with the real `kubectl kustomize` and with crate `render`, compared object by
//! object, in order.
//!
//! Without a path these are the trees in `crates/render/tests/tree`, and those in `crates/render/tests/remote`, which name
//! repositories of other machines (`git` has to be there). A path is a file with such trees, or a directory, for
//! example a clone of a public repository, of which every kustomization is built. Nothing is fetched over a network.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tools::{self, Tools};
use crate::{process, workspace};

/// Compares the named trees, or those of the repository.
pub(crate) fn run(args: &[String]) -> Result<()> {
    tools::prepare()?;
    let here = std::env::current_dir().context("finding the current directory")?;
    let paths: Vec<PathBuf> = args.iter().map(|path| here.join(path)).collect();
    compare(Tools::locate()?.require("kubectl")?, &paths)
}

/// Compares trees; without a path those of the repository.
///
/// # Errors
///
/// Trees that differ, and are not among those that should.
pub(crate) fn compare(kubectl: &Path, paths: &[PathBuf]) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--locked", "-p", "kurator-render", "--example", "differential", "--"]);
    process::run(command.arg(kubectl).args(paths)).context("crate render and kubectl kustomize differ")
}
