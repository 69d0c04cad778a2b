//! Real components that tests use: where they lie, and what is said when one is missing. For tests only.
//!
//! A test asks for a component by [`kubectl`], [`program`], [`sshd`] or [`acceptance`] and returns when there is none. Such a test counts as
//! passed for its runner, so the skip is written to the file that [`SKIPPED`] names; `cargo xtask test` names and counts
//! what is in it. With `CI=true` a missing component ends the test instead.
//!
//! [`git`] is required everywhere: sources are git repositories.
//!
//! Absent: installing anything. That is `cargo xtask tools`.

mod git;
mod sshd;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use git::{Repository, git};
pub use sshd::{Sshd, keygen};

/// The variable with the path of the file that skips are written to, one line each, `TEST: REASON`.
pub const SKIPPED: &str = "KURATOR_SKIPPED";
/// The variable with the folder of the acceptance manifests.
pub const ACCEPTANCE: &str = "KURATOR_ACCEPTANCE";

/// A program of Kubernetes or etcd for the named test: the one that its variable names ([`variable_of`]), else the one that
/// was installed last in the cache of `cargo xtask tools`. `cargo xtask test` sets the variable of each to what this clone
/// pins.
///
/// # Panics
///
/// There is none, and `CI=true` requires it.
pub fn program(name: &str, test: &str) -> Option<PathBuf> {
    let named = variable_of(name);
    let cached = || newest(&cache()?, &format!("bin/{name}"));
    let found = variable(&named).or_else(cached).filter(|path| path.is_file());
    if found.is_none() {
        missing(test, &format!("{name} is missing; run `cargo xtask tools` or set {named}"), is_ci());
    }
    found
}

/// The variable with the path of a program: `KURATOR_KUBE_APISERVER` of `kube-apiserver`.
pub fn variable_of(name: &str) -> String {
    format!("KURATOR_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The real kubectl for the named test, as [`program`] finds it.
///
/// # Panics
///
/// There is none, and `CI=true` requires it.
pub fn kubectl(test: &str) -> Option<PathBuf> {
    program("kubectl", test)
}

/// OpenSSH's server for the named test: the one that `KURATOR_SSHD` names, else the machine's. Its package brings `ssh-keygen`
/// along. `.ci/run` installs it.
///
/// # Panics
///
/// There is none, and `CI=true` requires it.
pub fn sshd(test: &str) -> Option<PathBuf> {
    let named = variable_of("sshd");
    let installed = || Some(PathBuf::from("/usr/sbin/sshd"));
    let found = variable(&named).or_else(installed).filter(|path| path.is_file());
    if found.is_none() {
        missing(test, &format!("sshd is missing; install openssh-server or set {named}"), is_ci());
    }
    found
}

/// The cache of `cargo xtask tools`.
fn cache() -> Option<PathBuf> {
    let home = || Some(variable("HOME")?.join(".cache"));
    variable("KURATOR_TOOLS").or_else(|| Some(variable("XDG_CACHE_HOME").or_else(home)?.join("kurator-tools")))
}

/// The manifests that Kurator and Karmada publish, for the named test: in the folder that [`ACCEPTANCE`] names, else in
/// `shared/acceptance` beside a folder above this clone.
///
/// They are no part of the repository and nothing installs them, so CI requires them only where [`ACCEPTANCE`] is set.
///
/// # Panics
///
/// [`ACCEPTANCE`] is set, they are not there, and `CI=true` requires them.
pub fn acceptance(test: &str) -> Option<PathBuf> {
    let named = variable(ACCEPTANCE);
    let required = named.is_some() && is_ci();
    let beside = || {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        above.map(|dir| dir.join("shared/acceptance")).find(|dir| dir.is_dir())
    };
    let found = named.or_else(beside).filter(|dir| dir.join("kurator").is_dir());
    if found.is_none() {
        missing(test, "the acceptance manifests are missing; set KURATOR_ACCEPTANCE to their folder", required);
    }
    found
}

/// Says that a test is skipped.
fn missing(test: &str, reason: &str, required: bool) {
    assert!(!required, "{test}: {reason}; CI requires every component");
    eprintln!("skipped: {test}: {reason}");
    if let Some(file) = variable(SKIPPED) {
        // One write of a short line: processes that append at the same time do not mix.
        let line = format!("{test}: {reason}\n");
        let opened = std::fs::OpenOptions::new().append(true).create(true).open(&file);
        let written = opened.and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|error| panic!("cannot count the skip of {test} in {}: {error}", file.display()));
    }
}

/// The file below the folder of the cache that was installed last, when clones with different pins share it.
fn newest(cache: &Path, program: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir(cache).ok()?.flatten();
    let programs = folders.map(|folder| folder.path().join(program)).filter(|path| path.is_file());
    programs.max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok())
}

/// The path that a variable names, when it is set and not empty.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}
