//! Hubs that run on this machine: where their directories are, and how a command finds the one it means.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

/// Name of the control socket in an instance's directory.
pub(crate) const SOCKET: &str = "kurator.sock";
/// Name of the kubeconfig in an instance's directory.
pub(crate) const KUBECONFIG: &str = "kubeconfig";

/// `$XDG_STATE_HOME/kurator`, or `~/.local/state/kurator`.
pub(crate) fn state_home() -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("kurator"))
        .ok_or_else(|| anyhow!("neither XDG_STATE_HOME nor HOME is set: say --dir DIR"))
}

/// Where an instance lives when nothing is said.
pub(crate) fn default_dir(demo: bool) -> anyhow::Result<PathBuf> {
    Ok(state_home()?.join(if demo { "demo" } else { "hub" }))
}

/// Notes that an instance runs, until it is dropped.
pub(crate) struct Registration(PathBuf);

impl Registration {
    /// Notes it. A machine whose state home cannot be written still runs hubs; they are then found by `--dir` only.
    pub(crate) fn new(dir: &Path) -> Option<Self> {
        let home = state_home().ok()?.join("running");
        fs::create_dir_all(&home).ok()?;
        let file = home.join(std::process::id().to_string());
        fs::write(&file, dir.display().to_string()).ok()?;
        Some(Self(file))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // What cannot be removed is found dead by the next reader.
        let _ = fs::remove_file(&self.0);
    }
}

/// The directory of the one instance that runs here.
pub(crate) fn only_one() -> anyhow::Result<PathBuf> {
    let home = state_home()?.join("running");
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&home).into_iter().flatten().flatten() {
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let dir = PathBuf::from(text);
        if std::os::unix::net::UnixStream::connect(dir.join(SOCKET)).is_ok() {
            found.push(dir);
        } else {
            let _ = fs::remove_file(entry.path());
        }
    }
    found.sort();
    found.dedup();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("no hub runs on this machine: start one with `kurator up --demo`, or say --kubeconfig FILE"),
        many => {
            let list: Vec<String> = many.iter().map(|d| d.display().to_string()).collect();
            bail!("several hubs run on this machine: say which with --dir ({})", list.join(", "))
        }
    }
}

/// The directory that a command means: `--dir` (or `KURATOR_DIR`), else the one that runs.
pub(crate) fn dir(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    match given {
        Some(dir) => fs::canonicalize(dir)
            .with_context(|| format!("{}: start a hub there with `kurator up --dir`", dir.display())),
        None => only_one(),
    }
}
