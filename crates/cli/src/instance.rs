//! Hubs that run on this machine: where their directories are, and how a command finds the one it means.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

/// Name of the control socket in an instance's directory.
const SOCKET: &str = "kurator.sock";
/// Longest path of a unix socket that every system takes: macOS has 104 bytes for it, Linux 108, one of them the end.
const SOCKET_PATH_MAX: usize = 103;
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

/// The control socket of a directory. A path that is too long for a socket's address goes through a descriptor of the
/// directory, which is why this lives as long as the address is used.
pub(crate) struct Socket {
    path: PathBuf,
    _directory: Option<File>,
}

impl Socket {
    /// The socket in a directory.
    ///
    /// # Errors
    /// The path is too long, and the directory cannot be opened.
    pub(crate) fn of(dir: &Path) -> io::Result<Self> {
        let path = dir.join(SOCKET);
        if path.as_os_str().len() <= SOCKET_PATH_MAX || !cfg!(target_os = "linux") {
            return Ok(Self { path, _directory: None });
        }
        let directory = File::open(dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()));
        Ok(Self { path, _directory: Some(directory) })
    }

    /// The address.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Does a hub answer at a directory's socket?
fn answers(dir: &Path) -> bool {
    Socket::of(dir).and_then(|socket| std::os::unix::net::UnixStream::connect(socket.path())).is_ok()
}

/// Where an instance lives when nothing is said.
pub(crate) fn default_dir(demo: bool) -> anyhow::Result<PathBuf> {
    Ok(state_home()?.join(if demo { "demo" } else { "hub" }))
}

/// What was started in a directory first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// A hub.
    Hub,
    /// A hub with the demo's members.
    Demo,
}

/// What a directory was made for; `None` where nothing was started yet.
pub(crate) fn made_for(dir: &Path) -> Option<Made> {
    let has = |path: &str| dir.join(path).is_dir();
    match (has("demo/members"), has("hub/store")) {
        (true, _) => Some(Made::Demo),
        (false, true) => Some(Made::Hub),
        (false, false) => None,
    }
}

/// Notes that an instance runs, until it is dropped.
pub(crate) struct Registration(PathBuf);

impl Registration {
    /// Notes it, once it answers: what does not answer is taken for dead and forgotten. A machine whose state home cannot
    /// be written still runs hubs; they are then found by `--dir` only.
    pub(crate) fn new(dir: &Path) -> Option<Self> {
        let home = state_home().ok()?.join("running");
        fs::create_dir_all(&home).ok()?;
        let file = home.join(std::process::id().to_string());
        fs::write(&file, dir.as_os_str().as_bytes()).ok()?;
        Some(Self(file))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // What cannot be removed is found dead by the next reader.
        let _ = fs::remove_file(&self.0);
    }
}

/// The directories of the instances that run here, in order.
fn running() -> anyhow::Result<Vec<PathBuf>> {
    let home = state_home()?.join("running");
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&home).into_iter().flatten().flatten() {
        let Ok(bytes) = fs::read(entry.path()) else { continue };
        let dir = PathBuf::from(OsString::from_vec(bytes));
        if answers(&dir) {
            found.push(dir);
        } else {
            let _ = fs::remove_file(entry.path());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The directory of the one instance that runs here.
pub(crate) fn only_one() -> anyhow::Result<PathBuf> {
    match running()?.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!(
            "no hub runs on this machine, and nothing says where another one is: say --kubeconfig FILE or set KUBECONFIG for a \
             hub elsewhere, or start one here with `kurator up`; `kurator up --demo` is one to try things with"
        ),
        many => bail!("several hubs run on this machine: say which with --dir ({})", listed(many)),
    }
}

/// The directory of the one demo that runs here.
pub(crate) fn only_demo() -> anyhow::Result<PathBuf> {
    let demos: Vec<PathBuf> = running()?.into_iter().filter(|dir| made_for(dir) == Some(Made::Demo)).collect();
    match demos.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("no demo runs on this machine: start one with `kurator up --demo`"),
        many => bail!("several demos run on this machine: say which with --dir ({})", listed(many)),
    }
}

fn listed(dirs: &[PathBuf]) -> String {
    dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The directory that a command means: `--dir` (or `KURATOR_DIR`), else the one that runs.
pub(crate) fn dir(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    match given {
        Some(dir) => fs::canonicalize(dir).map_err(|error| unseen(dir, error)),
        None => only_one(),
    }
}

/// What is said of a directory that cannot be looked at. That there is no hub in it is not known without the right to look.
fn unseen(dir: &Path, error: io::Error) -> anyhow::Error {
    let shown = dir.display();
    let words = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!(
                "you may not look into {shown}: run this as the user that the hub runs as, or say --kubeconfig FILE"
            )
        }
        _ => no_hub_in(dir),
    };
    anyhow::Error::new(error).context(words)
}

/// What is said of a directory in which there is no hub.
fn no_hub_in(dir: &Path) -> String {
    let dir = dir.display().to_string();
    let quoted = crate::ask::quoted(&dir);
    format!("there is no hub in {dir}: start one with `kurator up --dir {quoted}`, or choose another directory")
}

/// The kubeconfig in a directory. A hub that did not come up to its end has a directory of its own, and no kubeconfig.
///
/// # Errors
/// There never was a hub in the directory.
pub(crate) fn kubeconfig_in(dir: &Path) -> anyhow::Result<PathBuf> {
    let file = dir.join(KUBECONFIG);
    let is_there = |path: &Path| path.try_exists().map_err(|error| unseen(dir, error));
    if !is_there(&file)? && !is_there(&dir.join("hub"))? {
        bail!(no_hub_in(dir));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_may_not_be_looked_into_is_not_called_empty() {
        for (kind, expect) in [
            (
                io::ErrorKind::PermissionDenied,
                "you may not look into /srv/hub: run this as the user that the hub runs as",
            ),
            (io::ErrorKind::NotFound, "there is no hub in /srv/hub: start one with `kurator up --dir /srv/hub`"),
        ] {
            let said = unseen(Path::new("/srv/hub"), kind.into()).to_string();
            assert!(said.starts_with(expect), "{said}");
        }
    }
}
